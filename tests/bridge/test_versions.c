/*
 * Programs that were built with an older or a newer header (<weir/error.h>): each struct that
 * begins with `size`, cut after its first members, or longer than ours. Behind what such a program
 * has lies memory that may not be touched.
 */
#include <weir/weir.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "otlp/common/macro.h"
#include "tests/support/expect.h"
#include "tests/support/temp.h"

enum { UNKNOWN_BYTES = 64 }; /* what a newer header has, and we do not */

static void begin(void) {
    setenv("OTEL_TRACES_EXPORTER", "none", 1);
}
TestSuite(versions, .init = begin, .timeout = 60);

/* A struct as this caller has it, right before a page that kills who touches it. */
static void *as_built(const void *ours, size_t n_ours, size_t n_bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    cr_assert(le(sz, n_bytes, page));
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert(pages != MAP_FAILED);
    cr_assert(eq(int, mprotect(pages + page, page, PROT_NONE), 0));
    char *theirs = pages + page - n_bytes;
    memcpy(theirs, ours, MIN(n_ours, n_bytes));
    memcpy(theirs, &n_bytes, sizeof n_bytes);
    return theirs;
}

/* The sizes to try: up to this member, all, and more. at_<var> counts them. */
#define FOR_EACH_VERSION(var, type, last_member)                                                   \
    for (size_t at_##var = 0, var = offsetof(type, last_member) + sizeof((type *)0)->last_member;  \
         at_##var < 3; at_##var++, var = sizeof(type) + (at_##var == 2 ? UNKNOWN_BYTES : 0))
#define AS_BUILT(n_bytes, type, ...)                                                               \
    ((type *)as_built(&(type){.size = sizeof(type), __VA_ARGS__}, sizeof(type), n_bytes))

/* ---- spans ---- */

static int post(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline_monotonic_ns,
                weir_transport_response *response, weir_error_detail *detail) {
    (void)body, (void)n_bytes, (void)deadline_monotonic_ns, (void)detail;
    cr_expect(eq(sz, response->size, sizeof *response));
    response->http_status = 200;
    ++*(int *)data;
    return 0;
}

static weir_otlp *opened(const weir_otlp_options *options) {
    weir_otlp *otlp = NULL;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_assert(eq(int, weir_otlp_open(options, &otlp, &detail), 0), "%s", detail.message);
    return otlp;
}

static void record(weir_otlp *otlp, const weir_otlp_span_options *options) {
    weir_otlp_span *span =
        weir_otlp_span_begin(weir_otlp_tracer_get(otlp, "t", NULL, NULL), "n", options);
    cr_assert(span != NULL);
    weir_otlp_span_end(span);
}

Test(versions, of_options_of_a_pipeline) {
    FOR_EACH_VERSION(n_bytes, weir_otlp_options, service_name) {
        weir_otlp_close(opened(AS_BUILT(n_bytes, weir_otlp_options, .service_name = "s")), 5000);
    }
}

Test(versions, of_a_transport) {
    FOR_EACH_VERSION(n_bytes, weir_transport, data) {
        int n_posts = 0;
        const weir_transport *transport =
            AS_BUILT(n_bytes, weir_transport, .post = post, .data = &n_posts);
        weir_otlp *otlp = opened(&WEIR_OTLP_OPTIONS(.transport = transport));
        record(otlp, NULL);
        cr_expect(eq(int, weir_otlp_close(otlp, 20000), 0));
        cr_expect(eq(int, n_posts, 1));
    }
}

static void count_start(void *data, weir_otlp_span *span, const weir_otlp_context *parent) {
    (void)span, (void)parent;
    ++*(int *)data;
}

Test(versions, of_a_processor) {
    FOR_EACH_VERSION(n_bytes, weir_processor, on_start) {
        int n_started = 0;
        const weir_processor *processor =
            AS_BUILT(n_bytes, weir_processor, .data = &n_started, .on_start = count_start);
        weir_otlp *otlp = opened(&WEIR_OTLP_OPTIONS(.processors = &processor, .n_processors = 1));
        record(otlp, NULL);
        cr_expect(eq(int, weir_otlp_close(otlp, 5000), 0));
        cr_expect(eq(int, n_started, 1));
    }
}

static void sample(void *data, const weir_sampling_params *params, weir_sampling_result *result) {
    cr_expect(eq(sz, params->size, sizeof *params));
    cr_expect(eq(sz, result->size, sizeof *result));
    result->decision = WEIR_SAMPLING_RECORD_AND_SAMPLE;
    ++*(int *)data;
}

Test(versions, of_a_samplers_delegates) {
    FOR_EACH_VERSION(n_bytes, weir_sampler_delegates, root) {
        int n_asked = 0;
        weir_sampler sampler;
        const weir_sampler_delegates *delegates =
            AS_BUILT(n_bytes, weir_sampler_delegates,
                     .root = WEIR_SAMPLER(.should_sample = sample, .data = &n_asked));
        cr_assert(eq(int, weir_sampler_parent_based(delegates, &sampler), 0));
        weir_otlp *otlp = opened(&WEIR_OTLP_OPTIONS(.sampler = &sampler));
        record(otlp, NULL);
        weir_otlp_close(otlp, 5000);
        cr_expect(eq(int, n_asked, 1));
    }
}

static void new_trace_id(void *data, uint8_t out[16]) {
    memset(out, 7, 16);
    ++*(int *)data;
}

Test(versions, of_an_id_generator) {
    FOR_EACH_VERSION(n_bytes, weir_id_generator, new_trace_id) {
        int n_drawn = 0;
        const weir_id_generator *ids =
            AS_BUILT(n_bytes, weir_id_generator, .data = &n_drawn, .new_trace_id = new_trace_id);
        weir_otlp *otlp = opened(&WEIR_OTLP_OPTIONS(.id_generator = ids));
        record(otlp, NULL);
        weir_otlp_close(otlp, 5000);
        cr_expect(eq(int, n_drawn, 1));
    }
}

Test(versions, of_what_a_span_is_given) {
    static const weir_otlp_context parent = {.trace_id = {1}, .span_id = {2}};
    int n_posts = 0;
    weir_transport transport = WEIR_TRANSPORT_INIT;
    transport.post = post;
    transport.data = &n_posts;
    weir_otlp *otlp = opened(&WEIR_OTLP_OPTIONS(.transport = &transport));
    FOR_EACH_VERSION(n_bytes, weir_otlp_span_options, parent) {
        record(otlp, AS_BUILT(n_bytes, weir_otlp_span_options, .parent = &parent));
    }
    weir_otlp_span *span =
        weir_otlp_span_begin(weir_otlp_tracer_get(otlp, "t", NULL, NULL), "n", NULL);
    FOR_EACH_VERSION(n_bytes, weir_otlp_error, type) {
        weir_otlp_span_record_error(span, AS_BUILT(n_bytes, weir_otlp_error, .type = "E"), NULL, 0);
    }
    weir_otlp_span_end(span);
    FOR_EACH_VERSION(n_bytes, weir_otlp_stats, started) {
        weir_otlp_stats *stats = AS_BUILT(n_bytes, weir_otlp_stats, .started = 77);
        weir_otlp_get_stats(otlp, stats);
        cr_expect(eq(u64, stats->started, 4));
        cr_expect(eq(sz, stats->size, n_bytes));
        stats->started = 77;
        cr_expect(eq(int, weir_otlp_get_pipeline_stats(otlp, 0, stats), 0));
        cr_expect(eq(u64, stats->started, 4));
    }
    weir_otlp_close(otlp, 20000);
}

static const char *get_traceparent(void *carrier, const char *name, size_t nth) {
    (void)carrier;
    return nth == 0 && strcmp(name, "traceparent") == 0
               ? "00-01020304050607080910111213141516-0102030405060708-01"
               : NULL;
}

Test(versions, of_what_is_extracted) {
    FOR_EACH_VERSION(n_bytes, weir_propagated, trace_state) {
        weir_propagated *out = AS_BUILT(n_bytes, weir_propagated, .baggage = NULL);
        cr_expect(eq(int, weir_otlp_extract(NULL, get_traceparent, NULL, out), 0));
        cr_expect(eq(int, out->context.trace_id[0], 1));
        weir_propagated_deinit(out);
        cr_expect(eq(int, out->context.trace_id[0], 0));
        cr_expect(eq(sz, out->size, n_bytes));
    }
}

/* ---- files ---- */

Test(versions, of_the_trackers_structs) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    FOR_EACH_VERSION(n_bytes, weir_tracker_options, project) {
        weir_tracker *tracker = NULL;
        cr_assert(eq(int,
                     weir_tracker_open(
                         AS_BUILT(n_bytes, weir_tracker_options, .directory = dir, .project = "p"),
                         &tracker, NULL),
                     0));
        weir_tracker_app *app = NULL;
        FOR_EACH_VERSION(n, weir_tracker_app_options, app_id) {
            cr_assert(eq(int,
                         weir_tracker_app_open(tracker,
                                               AS_BUILT(n, weir_tracker_app_options, .app_id = "a"),
                                               &app, NULL),
                         0));
            cr_expect(eq(int, weir_tracker_begin_entry(app, 1, "act", NULL, 0), 0));
            cr_expect(eq(int, weir_tracker_end_entry(app, 2, "act", NULL, NULL, NULL, 0), 0));
            weir_tracker_app_close(app);
        }
        FOR_EACH_VERSION(n, weir_tracker_stats, records_written) {
            weir_tracker_stats *stats = AS_BUILT(n, weir_tracker_stats, .records_lost = 0);
            weir_tracker_get_stats(tracker, stats);
            cr_expect(gt(u64, stats->records_written, 0));
            cr_expect(eq(sz, stats->size, n));
        }
        weir_tracker_close(tracker);
    }
    FOR_EACH_VERSION(n_bytes, weir_load_options, app_id) {
        weir_loaded *loaded = NULL;
        const weir_load_options *options =
            AS_BUILT(n_bytes, weir_load_options, .directory = dir, .project = "p", .app_id = "a");
        cr_assert(eq(int, weir_load(options, &loaded, NULL), 0));
        cr_expect(eq(sz, loaded->size, sizeof *loaded));
        weir_loaded_free(loaded);
    }
    char *path CLEANUP(temp_path_free) = temp_path(dir, "p/a/log.jsonl");
    FOR_EACH_VERSION(n_bytes, weir_record, line) {
        weir_reader *reader = NULL;
        cr_assert(eq(int, weir_reader_open(path, &reader, NULL), 0));
        weir_record *out = AS_BUILT(n_bytes, weir_record, .line = 77);
        cr_expect(eq(int, weir_reader_next(reader, out, NULL), 1));
        cr_expect(eq(u64, out->line, 1));
        cr_expect(eq(int, out->type, WEIR_RECORD_BEGIN_ENTRY));
        cr_expect(eq(sz, out->size, n_bytes));
        weir_reader_close(reader);
    }
}

/* ---- the lifecycle ---- */

static int count_step(void *data, const weir_lifecycle_event *event) {
    cr_expect(eq(sz, event->size, sizeof *event));
    ++*(int *)data;
    return 0;
}

static void run_a_step(weir *w, size_t n_app, size_t n_call, size_t n_step, size_t n_result) {
    weir_app *app = weir_app_new(w, AS_BUILT(n_app, weir_app_options, .app_id = "a"));
    weir_call *call = weir_call_begin_with(app, WEIR_METHOD_STEP,
                                           AS_BUILT(n_call, weir_call_options, .parallel = false));
    weir_step *step =
        weir_step_begin(call, "act", AS_BUILT(n_step, weir_step_options, .inputs = "{}"));
    cr_assert(step != NULL);
    weir_step_end(step, AS_BUILT(n_result, weir_step_result, .result = "{}"));
    weir_call_end(call, NULL);
    weir_app_free(app);
}

Test(versions, of_the_lifecycles_structs) {
    int n_steps = 0;
    FOR_EACH_VERSION(n_bytes, weir_adapter, pre_run_step) {
        const weir_adapter *adapter =
            AS_BUILT(n_bytes, weir_adapter, .data = &n_steps, .pre_run_step = count_step);
        size_t n_options = at_n_bytes == 0
                               ? offsetof(weir_options, clock)
                               : sizeof(weir_options) + (at_n_bytes == 2 ? UNKNOWN_BYTES : 0);
        const weir_options *options =
            AS_BUILT(n_options, weir_options, .adapters = &adapter, .n_adapters = 1);
        weir *w = NULL;
        cr_assert(eq(int, weir_open(options, &w, NULL), 0));
        run_a_step(w, offsetof(weir_app_options, partition_key), sizeof(size_t),
                   offsetof(weir_step_options, inputs_value),
                   offsetof(weir_step_result, result_value));
        run_a_step(
            w, sizeof(weir_app_options) + UNKNOWN_BYTES, sizeof(weir_call_options) + UNKNOWN_BYTES,
            sizeof(weir_step_options) + UNKNOWN_BYTES, sizeof(weir_step_result) + UNKNOWN_BYTES);
        cr_expect(eq(int, weir_close(w, 5000), 0));
    }
    cr_expect(eq(int, n_steps, 6));
}

Test(versions, of_events_and_counters) {
    weir *w = NULL;
    cr_assert(eq(int, weir_open(NULL, &w, NULL), 0));
    FOR_EACH_VERSION(n_bytes, weir_lifecycle_event, app_id) {
        weir_emit(w, AS_BUILT(n_bytes, weir_lifecycle_event,
                              .hook = WEIR_HOOK_POST_APPLICATION_CREATE, .app_id = "a"));
    }
    FOR_EACH_VERSION(n_bytes, weir_stats, stale_handles) {
        weir_stats *stats = AS_BUILT(n_bytes, weir_stats, .left_open = 0);
        weir_step_end((weir_step *)&n_bytes, NULL);
        weir_get_stats(w, stats);
        cr_expect(gt(u64, stats->stale_handles, 0));
        cr_expect(eq(sz, stats->size, n_bytes));
    }
    weir_close(w, 5000);
}

Test(versions, of_an_error) {
    FOR_EACH_VERSION(n_bytes, weir_error_detail, os_error) {
        weir_error_detail *detail = AS_BUILT(n_bytes, weir_error_detail, .code = 0);
        cr_expect(eq(int, weir_json_check("{", 1, detail), WEIR_E_SYNTAX));
        cr_expect(eq(int, detail->code, WEIR_E_SYNTAX));
        cr_expect(eq(sz, detail->size, n_bytes));
    }
}

/* ---- structs without a size ---- */

/* Programs have their lengths built in, for as long as the soname stays. Where pointers have eight
 * bytes. */
Test(versions, of_structs_that_never_change) {
    static const struct {
        const char *name;
        size_t is, stays;
    } rows[] = {
        {"weir_value", sizeof(weir_value), 24},
        {"weir_key_value", sizeof(weir_key_value), 32},
        {"weir_clock", sizeof(weir_clock), 24},
        {"weir_otlp_context", sizeof(weir_otlp_context), 48},
        {"weir_otlp_link", sizeof(weir_otlp_link), 64},
        {"weir_otlp_limits", sizeof(weir_otlp_limits), 48},
        {"weir_sampler", sizeof(weir_sampler), 32},
        {"weir_baggage_member", sizeof(weir_baggage_member), 32},
        {"weir_view_text", sizeof(weir_view_text), 16},
        {"weir_view_list", sizeof(weir_view_list), 24},
        {"weir_view_value", sizeof(weir_view_value), 48},
        {"weir_view_attribute", sizeof(weir_view_attribute), 64},
        {"weir_view_event", sizeof(weir_view_event), 56},
        {"weir_view_link", sizeof(weir_view_link), 96},
        {"weir_view_dropped", sizeof(weir_view_dropped), 12},
        {"weir_error", sizeof(weir_error), 16},
        {"weir_pointer", sizeof(weir_pointer), 32},
        {"weir_action", sizeof(weir_action), 56},
        {"weir_transition", sizeof(weir_transition), 24},
        {"weir_graph", sizeof(weir_graph), 40},
        {"weir_stream_times", sizeof(weir_stream_times), 40},
        {"weir_slice", sizeof(weir_slice), 16},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows) && sizeof(void *) == 8; i++) {
        cr_expect(eq(sz, rows[i].is, rows[i].stays), "%s", rows[i].name);
    }
}
