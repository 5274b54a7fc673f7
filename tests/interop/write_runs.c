/*
 * Writes runs of every kind through the public API, for real Burr to read.
 *
 * usage: write_runs DIRECTORY              all runs, project "interop"
 *        write_runs DIRECTORY FROM TO      for each number of bytes in that range the run "limited"
 * in DIRECTORY/<bytes>, under a file size limit of so many: what a full disk leaves. Prints "bytes
 * written lost" for each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir/weir.h>

static const weir_action actions[] = {
    {.name = "prompt",
     .writes = (const char *const[]){"prompt", NULL},
     .inputs = (const char *const[]){"text", NULL},
     .code = "def prompt(state, text):\n    \"\"\"Takes \u00e9 and \U0001F600.\"\"\"\n    ..."},
    {.name = "answer",
     .reads = (const char *const[]){"prompt", NULL},
     .writes = (const char *const[]){"answer", NULL},
     .streams = true},
};
static const weir_transition transitions[] = {
    {.from = "prompt", .to = "answer"},
    {.from = "answer", .to = "prompt", .condition = "not done"},
};
static const weir_graph graph = {
    .actions = actions, .n_actions = 2, .transitions = transitions, .n_transitions = 2};

static void set_attributes(weir_step *step) {
    const weir_value items[] = {weir_value_int(1), weir_value_string("two"), weir_value_double(3)};
    const weir_key_value members[] = {{"inner", weir_value_array(items, 3)}, {"\u00e9", {0}}};
    weir_set(step, "text", "\u00e9 \U0001F600 \"quoted\" \\ \n");
    weir_set(step, "int", INT64_MIN);
    weir_set(step, "double", 1e-6);
    weir_set_bool(step, "bool", true);
    weir_set_json(step, "json", "{\"big\": 123456789012345678901234567890, \"small\": 1e-400}");
    weir_set_value(step, "map", weir_value_map(members, 2));
    weir_set_value(step, "nul", weir_value_string_n("a\0b", 3));
    weir_set_value(step, "bytes", weir_value_bytes("\x00\xff", 2));
    weir_set(step, "broken",
             "a\xff"
             "b");
}

static void run_prompt(weir_call *call, const char *text) {
    char inputs[128];
    snprintf(inputs, sizeof inputs, "{\"text\": \"%s\"}", text);
    weir_step *step = weir_step_begin(call, "prompt", &WEIR_STEP_OPTIONS(.inputs = inputs));
    weir_span *outer = weir_span_begin(step, "outer", NULL);
    weir_span *inner = weir_span_begin(outer, "inner", ((const char *const[]){"0:0", NULL}));
    weir_set(inner, "depth", 2);
    weir_span_end(inner);
    weir_span_end(outer);
    set_attributes(step);
    char state[160];
    snprintf(state, sizeof state, "{\"prompt\": \"%s\", \"rate\": 0.00001, \"none\": null}", text);
    weir_step_end(step, &WEIR_STEP_RESULT(.result = "{}", .state = state));
}

/* n_items items; then `error`, or the end, or (abandoned) neither. */
static void run_answer(weir_call *call, int n_items, const weir_error *error, bool abandoned) {
    weir_step *step = weir_step_begin(call, "answer", &WEIR_STEP_OPTIONS(.streams = true));
    weir_stream *stream = weir_stream_begin(step);
    for (int i = 0; i < n_items; i++) {
        weir_stream_pull(stream);
        weir_stream_yield(stream);
    }
    if (abandoned) {
        weir_stream_abandon(stream);
    } else if (error != NULL) {
        weir_stream_pull(stream);
        weir_stream_failed(stream, error);
    } else {
        weir_stream_pull(stream);
        weir_stream_exhausted(stream);
    }
    weir_step_end(step, &WEIR_STEP_RESULT(.error = error, .result = "{\"answer\": \"four\"}",
                                          .state = "{\"prompt\": \"p\", \"answer\": \"four\"}"));
    weir_stream_end(stream);
}

static weir_app *new_app(weir *w, const char *id, const weir_app_options *options) {
    weir_app_options mine = options != NULL ? *options : WEIR_APP_OPTIONS(.graph = &graph);
    mine.app_id = id;
    weir_app *app = weir_app_new(w, &mine);
    if (app == NULL) {
        fprintf(stderr, "no app %s\n", id);
        exit(1);
    }
    return app;
}

/* One call of two steps. */
static void run_both(weir_app *app, int n_items) {
    weir_call *call = weir_call_begin(app, WEIR_METHOD_STREAM_ITERATE);
    run_prompt(call, "hello");
    run_answer(call, n_items, NULL, false);
    weir_call_end(call, NULL);
}

static void write_failures(weir *w) {
    weir_app *app = new_app(w, "failures", NULL);
    const weir_error error = {"ValueError", "no: \"\u00e9\"\nsecond line"};
    weir_call *call = weir_call_begin(app, WEIR_METHOD_STREAM_RESULT);
    run_prompt(call, "x");
    run_answer(call, 2, &error, false);
    weir_call_end(call, &error);
    call = weir_call_begin(app, WEIR_METHOD_STREAM_RESULT);
    run_answer(call, 3, NULL, true);
    weir_call_end(call, NULL);
    weir_app_free(app);
}

static void write_relatives(weir *w) {
    const weir_pointer fork = {.app_id = "streams", .has_sequence_id = true, .sequence_id = 1};
    weir_app *app =
        new_app(w, "forked",
                &WEIR_APP_OPTIONS(.graph = &graph, .parent = &fork,
                                  .state = "{\"prompt\": \"p\", \"__SEQUENCE_ID\": 1}"));
    run_both(app, 1);
    weir_call *call = weir_call_begin(app, WEIR_METHOD_RUN);
    weir_step *step = weir_step_begin(call, "prompt", NULL);
    weir_app *child = new_app(
        w, "spawned", &WEIR_APP_OPTIONS(.spawning_step = step, .partition_key = "user-\u00e9"));
    run_both(child, 1);
    weir_app_free(child);
    weir_step_end(step, NULL);
    weir_call_end(call, NULL);
    weir_app_free(app);
}

static void write_all(weir *w) {
    weir_app *app =
        new_app(w, "streams", &WEIR_APP_OPTIONS(.graph = &graph, .partition_key = "user-\u00e9"));
    run_both(app, 5);
    run_both(app, 0);
    weir_app_free(app);
    app = new_app(w, "no-graph", &WEIR_APP_OPTIONS(.state = "{\"seed\": 7}"));
    run_both(app, 1);
    weir_app_free(app);
    write_failures(w);
    write_relatives(w);
    app = new_app(w, "resumed", NULL);
    run_both(app, 1);
    weir_app_free(app);
    app = new_app(
        w, "resumed",
        &WEIR_APP_OPTIONS(.graph = &graph, .state = "{\"prompt\": \"p\", \"__SEQUENCE_ID\": 1}"));
    run_both(app, 2);
    weir_app_free(app);
    weir_app_free(new_app(w, "never-run", NULL));
}

static weir *open_weir(const char *dir, weir_log_fn *log) {
    weir *w = NULL;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    if (weir_open(
            &WEIR_OPTIONS(.project = "interop", .tracker_dir = dir, .otlp_off = true, .log = log),
            &w, &detail) != 0) {
        fprintf(stderr, "%s\n", detail.message);
        exit(1);
    }
    return w;
}

/* ---- runs that are written otherwise: by a thread, with the host's own spans, with less in them
 * ---- */

static weir *open_otherwise(const char *dir, weir_capture capture) {
    weir *w = NULL;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    const weir_otlp_options otlp = WEIR_OTLP_OPTIONS(.output_path = "/dev/null");
    if (weir_open(&WEIR_OPTIONS(.project = "interop", .tracker_dir = dir, .otlp = &otlp,
                                .mirror = true, .tracker_async = true, .capture_tracker = capture,
                                .capture_max_chars = 3,
                                .conventions = WEIR_CONVENTIONS_LEGACY_USAGE),
                  &w, &detail) != 0) {
        fprintf(stderr, "%s\n", detail.message);
        exit(1);
    }
    return w;
}

static void add_own_spans(weir *w, weir_step *step) {
    weir_otlp_tracer *tracer = weir_tracer(w, "instrumentation", "1");
    weir_otlp_context of_step = weir_context(step);
    weir_otlp_span *chat =
        weir_otlp_span_begin(tracer, "openai.chat", &WEIR_OTLP_SPAN_OPTIONS(.parent = &of_step));
    weir_otlp_context of_chat = weir_otlp_span_context(chat);
    weir_otlp_span *post =
        weir_otlp_span_begin(tracer, "POST", &WEIR_OTLP_SPAN_OPTIONS(.parent = &of_chat));
    const weir_value model = weir_value_string("small"), tokens = weir_value_int(12);
    weir_otlp_span_end(post);
    weir_otlp_span_set(chat, "gen_ai.response.model", &model);
    weir_otlp_span_set(chat, "gen_ai.usage.input_tokens", &tokens);
    weir_otlp_span_end(chat);
}

static void write_otherwise(const char *dir, const char *id, weir_capture capture) {
    weir *w = open_otherwise(dir, capture);
    weir_app *app = new_app(w, id, NULL);
    weir_call *call = weir_call_begin(app, WEIR_METHOD_RUN);
    run_prompt(call, "hello");
    weir_step *step = weir_step_begin(call, "answer", &WEIR_STEP_OPTIONS(.inputs = "{\"a\": 1}"));
    add_own_spans(w, step);
    weir_step_end(step, &WEIR_STEP_RESULT(.state = "{\"prompt\": \"hello\", \"answer\": [1]}"));
    weir_call_end(call, NULL);
    weir_app_free(app);
    weir_stats stats = {.size = sizeof stats};
    if (weir_flush(w, 20000) == 0) {
        weir_get_stats(w, &stats);
    }
    if (weir_close(w, 20000) != 0 || stats.mirrored != 2 || stats.tracker_lost != 0) {
        fprintf(stderr, "%s: %llu spans mirrored\n", id, (unsigned long long)stats.mirrored);
        exit(1);
    }
}

static void ignore(weir_log_level level, const char *message, void *data) {
    (void)level;
    (void)message;
    (void)data;
}

/* In a process of its own, since a limit cannot be lifted. */
static int write_limited(const char *dir, unsigned long limit) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%lu", dir, limit);
    if (mkdir(path, 0700) != 0 || setrlimit(RLIMIT_FSIZE, &(struct rlimit){limit, limit}) != 0) {
        perror(path);
        return 1;
    }
    weir *w = open_weir(path, ignore);
    weir_app *app = weir_app_new(w, &WEIR_APP_OPTIONS(.app_id = "limited"));
    run_both(app, 2);
    weir_app_free(app);
    weir_stats stats = {.size = sizeof stats};
    weir_get_stats(w, &stats);
    char line[80];
    int n_bytes =
        snprintf(line, sizeof line, "%lu %llu %llu\n", limit,
                 (unsigned long long)stats.tracker_written, (unsigned long long)stats.tracker_lost);
    return weir_close(w, 1000) == 0 && write(STDOUT_FILENO, line, (size_t)n_bytes) == n_bytes ? 0
                                                                                              : 1;
}

static int write_range(const char *dir, unsigned long from, unsigned long to) {
    for (unsigned long limit = from; limit <= to; limit++) {
        pid_t pid = fork();
        if (pid == 0) {
            _exit(write_limited(dir, limit));
        }
        int status = -1;
        if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
            fprintf(stderr, "at %lu bytes: status %#x\n", limit, (unsigned)status);
            return 1;
        }
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 4) {
        return write_range(argv[1], strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10));
    }
    if (argc != 2) {
        fprintf(stderr, "usage: write_runs DIRECTORY [FROM TO]\n");
        return 2;
    }
    weir *w = open_weir(argv[1], NULL);
    write_all(w);
    write_otherwise(argv[1], "mirrored", WEIR_CAPTURE_FULL);
    write_otherwise(argv[1], "cut", WEIR_CAPTURE_TRUNCATE);
    write_otherwise(argv[1], "unkept", WEIR_CAPTURE_NONE);
    weir_stats stats = {.size = sizeof stats};
    weir_get_stats(w, &stats);
    return weir_close(w, 1000) == 0 && stats.tracker_lost == 0 ? 0 : 1;
}
