/* Opening, closing and counting; options and what is wrong with them. */
#include <stdlib.h>
#include <string.h>

#include "tests/bridge/rig.h"
#include "tests/support/fault.h"
#include "tests/support/temp.h"

TestSuite(weir);

enum { CLOSE_MS = 20000 };

static const weir_options OFF = {.size = sizeof OFF, .otlp_off = true};

/* ---- options ---- */

static void expect_refused(const weir_options *options, int error, const char *part) {
    weir *const untouched = (weir *)(uintptr_t)&OFF;
    weir *w = untouched;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_assert(eq(int, weir_open(options, &w, &detail), error), "%s", detail.message);
    cr_assert(eq(int, detail.code, error));
    cr_assert(ne(ptr, strstr(detail.message, part), NULL), "%s", detail.message);
    cr_assert(eq(ptr, w, untouched));
}

Test(weir, wrong_options_are_named) {
    const weir_adapter *const null_adapter[] = {NULL};
    weir_options options = OFF;
    options.streaming_mode = (weir_streaming_mode)9;
    expect_refused(&options, WEIR_E_INVALID, "streaming_mode 9");
    options = OFF;
    options.n_adapters = 1;
    expect_refused(&options, WEIR_E_INVALID, "adapters is NULL");
    options.adapters = null_adapter;
    expect_refused(&options, WEIR_E_INVALID, "adapters[0] is NULL");
    const weir_adapter unset = {0}, *const unset_adapter[] = {&unset};
    options.adapters = unset_adapter;
    expect_refused(&options, WEIR_E_INVALID, "use WEIR_ADAPTER()");
    options.n_adapters = 63;
    expect_refused(&options, WEIR_E_INVALID, "at most 62");
    options = OFF;
    options.project = "a/../b";
    options.tracker_dir = "/tmp";
    expect_refused(&options, WEIR_E_INVALID, "a/../b");
    expect_refused(&WEIR_OPTIONS(.otlp = &WEIR_OTLP_OPTIONS(.endpoint = "not a url")),
                   WEIR_E_INVALID, "not a url");
    expect_refused(&WEIR_OPTIONS(.otlp = &WEIR_OTLP_OPTIONS(.endpoint = "ftp://x")), WEIR_E_INVALID,
                   "ftp://x");
    expect_refused(&WEIR_OPTIONS(.otlp = &(weir_otlp_options){0}), WEIR_E_INVALID,
                   "use WEIR_OTLP_OPTIONS()");
    expect_refused(&(weir_options){0}, WEIR_E_INVALID, "use WEIR_OPTIONS()");
}

Test(weir, a_project_that_names_no_folder_may_be_called_anything) {
    struct rig *rig CLEANUP(rig_close) = RIG(.project = "a/b c", .tracker_dir = "");
    struct rig_run run = rig_begin(rig, NULL);
    rig_end(rig, &run);
    cr_assert(ne(ptr, strstr(rig_tree(rig, RIG_IDENTITY), "burr.project=\"a/b c\""), NULL));
}

Test(weir, the_mode_may_come_from_the_environment) {
    static const struct {
        const char *name;
        weir_streaming_mode option;
        const char *tree;
    } rows[] = {
        {"event", WEIR_STREAMING_DEFAULT, "run OK\n"},
        {"both", WEIR_STREAMING_DEFAULT, "run OK\n  act OK\n    act::chunk_0 OK\n"},
        {"", WEIR_STREAMING_DEFAULT, "run OK\n  act OK\n"},
        {"chunk_spans", WEIR_STREAMING_EVENT, "run OK\n"}, /* the option wins */
        {"nonsense", WEIR_STREAMING_EVENT, "run OK\n"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        setenv("WEIR_STREAMING_MODE", rows[i].name, 1);
        struct rig *rig CLEANUP(rig_close) = RIG(.streaming_mode = rows[i].option);
        struct rig_run run = rig_begin(rig, &WEIR_STEP_OPTIONS(.streams = true));
        weir_stream *stream = weir_stream_begin(run.step);
        weir_stream_pull(stream);
        weir_stream_yield(stream);
        weir_step_end(run.step, NULL);
        weir_stream_end(stream);
        rig_end(rig, &run);
        expect_text_at(i, rig_tree(rig, 0), rows[i].tree);
    }
}

Test(weir, a_mode_that_the_environment_misspells_is_warned_of) { /* (D8) */
    struct kept_log said = KEPT_LOG_INIT;
    setenv("WEIR_STREAMING_MODE", "nonsense", 1);
    weir_options options = OFF;
    options.log = kept_log_fn;
    options.log_data = &said;
    weir *w = NULL;
    cr_assert(eq(int, weir_open(&options, &w, NULL), 0));
    cr_assert(eq(u32, said.n, 1));
    cr_assert(kept_log_has(&said, "WEIR_STREAMING_MODE=nonsense is none of single_span, event, "
                                  "chunk_spans, single_and_chunk_spans, both"));
    weir_close(w, 0);
}

Test(weir, the_tracker_directory_may_come_from_the_environment) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    char *log CLEANUP(temp_path_free) = temp_path(dir, "default/a/log.jsonl");
    setenv("WEIR_TRACKER_DIR", dir, 1);
    weir *w = NULL;
    cr_assert(eq(int, weir_open(&OFF, &w, NULL), 0));
    weir_app_free(weir_app_new(w, &WEIR_APP_OPTIONS(.app_id = "a")));
    weir_close(w, 0);
    char *text CLEANUP(temp_path_free) = temp_read(log, NULL);
    cr_assert(ne(ptr, text, NULL));
}

Test(weir, a_project_alone_writes_nothing) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    setenv("HOME", dir, 1);
    unsetenv("WEIR_TRACKER_DIR");
    weir *w = NULL;
    cr_assert(eq(int, weir_open(&WEIR_OPTIONS(.project = "x", .otlp_off = true), &w, NULL), 0));
    weir_app_free(weir_app_new(w, NULL));
    weir_stats stats = {.size = sizeof stats};
    weir_get_stats(w, &stats);
    cr_assert(eq(u64, stats.tracker_written, 0));
    weir_close(w, 0);
    char *burr CLEANUP(temp_path_free) = temp_path(dir, ".burr/x");
    cr_assert(eq(ptr, temp_read(burr, NULL), NULL));
}

Test(weir, no_options_are_defaults) {
    setenv("OTEL_TRACES_EXPORTER", "none", 1);
    weir *w = NULL;
    cr_assert(eq(int, weir_open(NULL, &w, NULL), 0));
    cr_assert(ne(ptr, (void *)w, NULL));
    cr_assert(eq(int, weir_flush(w, 1000), 0));
    cr_assert(eq(int, weir_close(w, 1000), 0));
    cr_assert(eq(int, weir_open(NULL, NULL, NULL), WEIR_E_INVALID));
}

Test(weir, an_adapter_of_a_weir_that_did_not_open_is_the_callers_still) {
    const weir_adapter table = WEIR_ADAPTER(.destroy = (void (*)(void *))abort);
    const weir_adapter *const adapters[] = {&table};
    expect_refused(&WEIR_OPTIONS(.adapters = adapters, .n_adapters = 1,
                                 .otlp = &WEIR_OTLP_OPTIONS(.endpoint = "nonsense")),
                   WEIR_E_INVALID, "nonsense");
}

/* ---- scope ---- */

Test(weir, the_scope_says_who_made_the_spans) {
    static const struct {
        bool exact;
        const char *name, *expected, *absent;
    } rows[] = {
        {false, NULL, "weir.bridge", "burr.integrations"},
        {true, NULL, "burr.integrations.opentelemetry", "weir.bridge"},
        {false, "mine", "mine", "weir.bridge"},
        {true, "mine", "mine", "burr.integrations"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct rig *rig CLEANUP(rig_close) =
            RIG(.burr_exact = rows[i].exact, .tracer_name = rows[i].name);
        struct rig_run run = rig_begin(rig, NULL);
        rig_end(rig, &run);
        (void)rig_spans(rig);
        const struct buf *bytes = &rig->collector.bodies;
        cr_assert(
            ne(ptr, memmem(bytes->data, bytes->n_bytes, rows[i].expected, strlen(rows[i].expected)),
               NULL));
        cr_assert(eq(ptr,
                     memmem(bytes->data, bytes->n_bytes, rows[i].absent, strlen(rows[i].absent)),
                     NULL));
    }
}

Test(weir, the_outer_service_name_wins) {
    struct collector collector;
    collector_init(&collector);
    weir_transport transport = collector_transport(&collector);
    weir *w = NULL;
    cr_assert(eq(int,
                 weir_open(&WEIR_OPTIONS(.service_name = "outer",
                                         .otlp = &WEIR_OTLP_OPTIONS(.service_name = "inner",
                                                                    .transport = &transport)),
                           &w, NULL),
                 0));
    weir_app *app = weir_app_new(w, NULL);
    weir_call_end(weir_call_begin(app, WEIR_METHOD_RUN), NULL);
    cr_assert(eq(int, weir_close(w, CLOSE_MS), 0));
    cr_assert(ne(ptr, memmem(collector.bodies.data, collector.bodies.n_bytes, "outer", 5), NULL));
    cr_assert(eq(ptr, memmem(collector.bodies.data, collector.bodies.n_bytes, "inner", 5), NULL));
    collector_deinit(&collector);
}

Test(weir, spans_of_the_hosts_own_go_the_same_way) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    weir_otlp_tracer *tracer = weir_tracer(rig->w, "host", "1");
    weir_otlp_context context = weir_context(run.step);
    weir_otlp_span *span = weir_otlp_span_begin(
        tracer, "query",
        &(weir_otlp_span_options){.size = sizeof(weir_otlp_span_options), .parent = &context});
    weir_otlp_span_end(span);
    rig_end(rig, &run);
    expect_tree(rig, 0, "run OK\n  act OK\n    query UNSET\n");
    cr_assert(eq(ptr, (void *)weir_tracer(NULL, "x", NULL), NULL));
}

/* ---- counting ---- */

Test(weir, the_sum_is_exact) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    (void)weir_span_begin(run.step, "open", NULL);
    weir_otlp_stats spans = rig_otlp_stats(rig);
    cr_assert(eq(u64, spans.started, 3));
    cr_assert(eq(u64, spans.live, 3));
    rig_end(rig, &run);
    (void)rig_spans(rig);
    spans = rig_otlp_stats(rig);
    cr_assert(eq(u64, spans.started, 3));
    cr_assert(eq(u64, spans.acknowledged, 3));
    weir_stats stats = rig_stats(rig);
    cr_assert(eq(u64, stats.tracker_written, 6)); /* 4 records, graph.json, metadata.json */
    cr_assert(eq(u64, stats.tracker_lost, 0));
}

Test(weir, a_smaller_struct_is_filled_as_far_as_it_goes) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    weir_stats stats;
    memset(&stats, 0xaa, sizeof stats);
    stats.size = offsetof(weir_stats, left_open);
    weir_get_stats(rig->w, &stats);
    cr_assert(eq(u64, stats.refused_values, 0));
    cr_assert(eq(u64, stats.left_open, UINT64_C(0xaaaaaaaaaaaaaaaa)));
    cr_assert(eq(sz, stats.size, offsetof(weir_stats, left_open)));
    weir_get_stats(rig->w, NULL);
    memset(&stats, 0xaa, sizeof stats);
    stats.size = sizeof stats;
    weir_get_stats(NULL, &stats);
    cr_assert(eq(u64, stats.left_open, 0));
    weir_otlp_stats spans = {.size = sizeof spans, .started = 77};
    weir_get_otlp_stats(NULL, &spans);
    cr_assert(eq(u64, spans.started, 0));
}

Test(weir, each_pipeline_has_its_own_counts) { /* (B32) */
    struct rig *rig CLEANUP(rig_close) = RIG();
    weir_otlp_stats first = {.size = sizeof first}, all = {.size = sizeof all};
    weir_app *app = weir_app_new(rig->w, NULL);
    weir_call_end(weir_call_begin(app, WEIR_METHOD_RUN), NULL);
    weir_get_otlp_stats(rig->w, &all);
    cr_assert(eq(int, weir_get_pipeline_stats(rig->w, 0, &first), 0));
    cr_expect(gt(u64, first.started, 0));
    cr_expect(eq(u64, first.started, all.started));
    cr_expect(eq(int, weir_get_pipeline_stats(rig->w, 1, &first), WEIR_E_NOT_FOUND));
    cr_expect(eq(int, weir_get_pipeline_stats(NULL, 0, &first), WEIR_E_NOT_FOUND));
    cr_expect(eq(int, weir_get_pipeline_stats(rig->w, 0, NULL), WEIR_E_INVALID));
    weir_app_free(app);
}

static void count_metric(const weir_metric *metric, void *data) {
    cr_assert(ne(ptr, (void *)(uintptr_t)metric->name, NULL));
    ++*(unsigned *)data;
}

Test(weir, its_metrics_are_those_of_its_pipeline) { /* (H1-H8) */
    struct rig *rig CLEANUP(rig_close) = RIG(.project = "p");
    unsigned n = 0;
    cr_assert(eq(int, weir_each_metric(rig->w, count_metric, &n), 0));
    cr_expect(gt(u32, n, 5));
    n = 0;
    cr_expect(eq(int, weir_each_metric(NULL, count_metric, &n), 0));
    cr_expect(eq(u32, n, 0));
    cr_expect(eq(int, weir_each_metric(rig->w, NULL, NULL), WEIR_E_INVALID));
}

/* ---- NULL everywhere ---- */

Test(weir, a_weir_that_did_not_open_costs_the_telemetry_alone) {
    weir *w = NULL;
    char text[56];
    weir_app *app = weir_app_new(w, NULL);
    weir_call *call = weir_call_begin(app, WEIR_METHOD_RUN);
    weir_step *step = weir_step_begin(call, "a", NULL);
    weir_span *span = weir_span_begin(step, "s", NULL);
    weir_stream *stream = weir_stream_begin(step);
    weir_set(step, "k", 1);
    weir_set(span, "k", "v");
    weir_set_all(span, {"k", weir_value_int(1)});
    weir_set_json(span, "k", "{}");
    weir_event(span, "e", NULL, 0);
    weir_set_error(span, NULL);
    cr_assert(not(weir_traceparent(step, text)));
    weir_stream_pull(stream);
    weir_stream_yield(stream);
    weir_stream_end(stream);
    weir_span_end(span);
    weir_step_end(step, NULL);
    weir_call_end(call, NULL);
    weir_app_free(app);
    weir_emit(w, NULL);
    cr_assert(eq(int, weir_flush(w, 1000), 0));
    cr_assert(eq(int, weir_close(w, 1000), 0));
}

/* ---- short memory ---- */

static void run_once(weir *w) {
    weir_app *app = weir_app_new(w, &WEIR_APP_OPTIONS(.partition_key = "k", .state = "{\"a\":1}"));
    weir_call *call = weir_call_begin(app, WEIR_METHOD_STREAM_RESULT);
    weir_step *step =
        weir_step_begin(call, "s", &WEIR_STEP_OPTIONS(.streams = true, .inputs = "{\"b\":[1,2]}"));
    weir_span *span = weir_span_begin(step, "inside", NULL);
    weir_set_json(span, "k", "{\"c\":null}");
    weir_span_end(span);
    weir_stream *stream = weir_stream_begin(step);
    weir_stream_pull(stream);
    weir_stream_yield(stream);
    weir_step_end(step, &WEIR_STEP_RESULT(.result = "{}", .state = "{\"a\":2}"));
    weir_stream_end(stream);
    weir_call_end(call, NULL);
    weir_app_free(app);
}

Test(weir, any_allocation_may_fail) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    struct kept_log log = KEPT_LOG_INIT;
    FAULT_FOR_EACH_ALLOCATION(n) {
        weir *w = NULL;
        weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
        int error = weir_open(&WEIR_OPTIONS(.otlp_off = true, .tracker_dir = dir,
                                            .log = kept_log_fn, .log_data = &log),
                              &w, &detail);
        cr_assert(error == 0 || (error == WEIR_E_NO_MEMORY && w == NULL), "%zu: %d", n, error);
        run_once(w);
        cr_assert(eq(int, weir_close(w, 0), 0));
    }
}

/* ---- files written by a thread ---- */

Test(weir, a_flush_and_a_close_write_what_waits_for_the_thread) {
    struct rig *rig CLEANUP(rig_close) = RIG(.tracker_async = true);
    struct rig_run run = rig_begin(rig, NULL);
    cr_assert(eq(int, weir_flush(rig->w, 20000), 0));
    expect_text(rig_records(rig, "a"), "begin_entry 0");
    cr_assert(eq(u64, rig_stats(rig).tracker_bytes_queued, 0));
    rig_end(rig, &run);
    cr_assert(eq(int, weir_close(rig->w, 20000), 0));
    rig->w = NULL;
    expect_text(rig_records(rig, "a"), "begin_entry 0, end_entry 0");
}

Test(weir, records_over_the_queues_bound_are_dropped_and_counted) {
    struct rig *rig CLEANUP(rig_close) = RIG(.tracker_async = true, .tracker_queue_bytes = 1);
    struct rig_run run = rig_begin(rig, NULL);
    uint64_t n = 0;
    while (rig_stats(rig).tracker_dropped == 0) { /* only one at a time passes */
        weir_set(run.step, "k", (int64_t)n++);
    }
    rig_end(rig, &run);
    weir_stats stats = rig_stats(rig);
    cr_assert(eq(u64, stats.tracker_lost, stats.tracker_dropped));
}

static uint64_t faults_of(const weir_stats *stats) {
    return stats->stale_handles + stats->out_of_order + stats->refused_json +
           stats->refused_values + stats->left_open + stats->no_memory;
}

/* A NULL is what a begin gave that failed, and counted that itself. */
Test(weir, a_null_handle_does_nothing_and_counts_nowhere) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    weir_stats before = rig_stats(rig);
    cr_expect(eq(ptr, weir_call_begin(NULL, WEIR_METHOD_RUN), NULL));
    cr_expect(eq(ptr, weir_step_begin(NULL, "act", NULL), NULL));
    cr_expect(eq(ptr, weir_step_span_begin(NULL, "s", NULL), NULL));
    cr_expect(eq(ptr, weir_span_span_begin(NULL, "s", NULL), NULL));
    cr_expect(eq(ptr, weir_stream_begin(NULL), NULL));
    weir_set_int_(NULL, "k", 1);
    weir_event_(NULL, "e", NULL, 0);
    weir_set_error_(NULL, &WEIR_ERROR("E", "e"));
    weir_stream_pull(NULL);
    weir_stream_yield(NULL);
    weir_stream_failed(NULL, NULL);
    weir_stream_end(NULL);
    weir_span_end(NULL);
    weir_step_end(NULL, NULL);
    weir_call_end(NULL, NULL);
    weir_app_free(NULL);
    weir_stats after = rig_stats(rig);
    cr_expect(eq(u64, faults_of(&after), faults_of(&before)));
}

struct late {
    weir_call *call;
    size_t n_begun;
};

static int begin_late(void *data, const weir_lifecycle_event *event) {
    struct late *late = data;
    (void)event;
    late->n_begun += weir_step_begin(late->call, "late", NULL) != NULL;
    return 0;
}

/* Whose app is being freed: what is begun meanwhile, by a hook or another thread. */
Test(weir, what_is_begun_while_its_app_closes_is_counted) {
    struct late late = {.call = NULL};
    const weir_adapter *adapter = &WEIR_ADAPTER(.data = &late, .post_run_step = begin_late);
    weir *w = NULL;
    cr_assert(eq(
        int,
        weir_open(&WEIR_OPTIONS(.otlp_off = true, .adapters = &adapter, .n_adapters = 1), &w, NULL),
        0));
    weir_app *app = weir_app_new(w, NULL);
    late.call = weir_call_begin(app, WEIR_METHOD_RUN);
    (void)weir_step_begin(late.call, "act", NULL);
    weir_app_free(app);
    weir_stats stats = WEIR_STATS();
    weir_get_stats(w, &stats);
    cr_expect(eq(sz, late.n_begun, 0));
    cr_expect(eq(u64, stats.out_of_order, 1));
    weir_close(w, 1000);
}
