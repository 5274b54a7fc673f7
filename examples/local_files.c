/*
 * Burr's files and nothing else: no network, no thread. What was written is then read back.
 *
 *   cc local_files.c $(pkg-config --cflags --libs weir) -o local_files && ./local_files [DIR]
 *
 * `weir load --tracker-dir DIR local_files/run-1` and real Burr read the same files.
 */
#include <inttypes.h>
#include <stdio.h>

#include <weir/weir.h>

/* Written to graph.json; says also which actions stream. */
static const char *const question[] = {"question", NULL};
static const char *const words[] = {"words", NULL};
static const weir_action actions[] = {
    {.name = "ask", .writes = question},
    {.name = "answer", .reads = question, .writes = words, .streams = true},
};
static const weir_transition transitions[] = {{"ask", "answer", NULL}};
static const weir_graph graph = {
    .actions = actions, .n_actions = 2, .transitions = transitions, .n_transitions = 1};

static void ask(weir_call *call) {
    weir_step *step = weir_step_begin(call, "ask", NULL);
    weir_span *span = weir_span_begin(step, "look up", NULL);
    weir_set_all(span, {"cache", weir_value_string("miss")}, {"tries", weir_value_int(2)});
    weir_set_bool(span, "found", true);
    weir_span_end(span);
    weir_step_end(step, &WEIR_STEP_RESULT(.state = "{\"question\":\"What is a weir?\"}"));
}

static void answer(weir_call *call) {
    weir_step *step = weir_step_begin(call, "answer", NULL);
    weir_stream *stream = weir_stream_begin(step);
    for (int i = 0; i < 4; i++) {
        weir_stream_pull(stream);
        weir_stream_yield(stream);
    }
    weir_step_end(step,
                  &WEIR_STEP_RESULT(.result = "{\"words\":4}",
                                    .state = "{\"question\":\"What is a weir?\",\"words\":4}"));
    weir_stream_end(stream);
}

static int read_back(const char *directory) {
    static const char *const types[] = {"other",        "begin_entry", "end_entry",
                                        "begin_span",   "end_span",    "attribute",
                                        "begin_stream", "first_item",  "end_stream"};
    char path[4096];
    snprintf(path, sizeof path, "%s/local_files/run-1/log.jsonl", directory);
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    weir_reader *reader = NULL;
    if (weir_reader_open(path, &reader, &detail) != 0) {
        fprintf(stderr, "%s\n", detail.message);
        return 1;
    }
    weir_record record = WEIR_RECORD_INIT;
    int status;
    while ((status = weir_reader_next(reader, &record, &detail)) == 1) {
        printf("%2" PRIu64 "  step %" PRId64 "  %-12s %.*s\n", record.line, record.sequence_id,
               types[record.type], (int)record.state.n_bytes,
               record.state.text != NULL ? record.state.text : "");
    }
    if (status < 0) {
        fprintf(stderr, "%s\n", detail.message);
    }
    weir_reader_close(reader);
    return status == 0 ? 0 : 1;
}

int main(int argc, char **argv) {
    const char *directory = argc > 1 ? argv[1] : "./runs";
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    weir *w = NULL;
    if (weir_open(
            &WEIR_OPTIONS(.project = "local_files", .tracker_dir = directory, .otlp_off = true), &w,
            &detail) != 0) {
        fprintf(stderr, "%s\n", detail.message);
        return 1;
    }
    weir_app *app = weir_app_new(
        w, &WEIR_APP_OPTIONS(.app_id = "run-1", .partition_key = "user-7", .graph = &graph));
    weir_call *call = weir_call_begin(app, WEIR_METHOD_STREAM_RESULT);
    ask(call);
    answer(call);
    weir_call_end(call, NULL);
    weir_app_free(app);

    weir_stats stats = {.size = sizeof stats};
    weir_get_stats(w, &stats);
    weir_close(w, 0);
    if (stats.tracker_lost > 0) {
        fprintf(stderr, "%" PRIu64 " records could not be written\n", stats.tracker_lost);
        return 1;
    }
    return read_back(directory);
}
