/*
 * Once its pools are warm, recording allocates nothing: not for a span, not for an attribute, not
 * for a pull, not for a step of a run that is tracked.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <weir/weir.h>

#include "otlp/common/macro.h"
#include "tests/support/fault.h"
#include "tests/support/temp.h"

enum {
    WARM_UPS = 4, /* pools and the size of segments adapt to the load */
    ROUNDS = 50,
    PULLS = 20,
    FLUSH_MS = 20000
};

static int post_accept(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline_ns,
                       weir_transport_response *response, weir_error_detail *detail) {
    (void)data;
    (void)body;
    (void)n_bytes;
    (void)deadline_ns;
    (void)detail;
    response->http_status = 200;
    return 0;
}

static weir *open_quiet(weir_streaming_mode mode, const char *tracker_dir) {
    weir *w = NULL;
    weir_transport transport = WEIR_TRANSPORT_INIT;
    transport.post = post_accept;
    int error = weir_open(&WEIR_OPTIONS(.project = "allocations", .streaming_mode = mode,
                                        .otlp = &WEIR_OTLP_OPTIONS(.transport = &transport),
                                        .tracker_dir = tracker_dir),
                          &w, NULL);
    cr_assert(eq(int, error, 0));
    return w;
}

static void stream(weir_step *step) {
    weir_stream *stream = weir_stream_begin(step);
    for (int i = 0; i < PULLS; i++) {
        weir_stream_pull(stream);
        weir_stream_yield(stream);
    }
    weir_stream_pull(stream);
    weir_stream_exhausted(stream);
    weir_stream_end(stream);
}

static void span(weir_step *step) {
    weir_span *outer = weir_span_begin(step, "outer", NULL);
    weir_span *inner = weir_span_begin(outer, "inner", NULL);
    weir_set(inner, "text", "twenty bytes of text");
    weir_set(inner, "number", 42);
    weir_set_bool(inner, "flag", true);
    weir_set(inner, "ratio", 0.25);
    weir_span_end(inner);
    weir_span_end(outer);
}

/* What spans and pulls of one step allocate; all of it is sent afterwards. */
static size_t allocations_of_a_step(weir *w, weir_call *call) {
    weir_step *step = weir_step_begin(call, "answer", &WEIR_STEP_OPTIONS(.streams = true));
    size_t before = fault_n_allocations();
    for (int i = 0; i < ROUNDS; i++) {
        span(step);
    }
    stream(step);
    size_t n = fault_n_allocations() - before;
    weir_step_end(step, NULL);
    cr_assert(eq(int, weir_flush(w, FLUSH_MS), 0));
    return n;
}

static size_t allocations_when_warm(weir_streaming_mode mode) {
    weir *w = open_quiet(mode, NULL);
    weir_app *app = weir_app_new(w, NULL);
    weir_call *call = weir_call_begin(app, WEIR_METHOD_RUN);
    for (int i = 0; i < WARM_UPS; i++) {
        (void)allocations_of_a_step(w, call);
    }
    size_t n = allocations_of_a_step(w, call);
    weir_otlp_stats stats = WEIR_OTLP_STATS();
    weir_get_otlp_stats(w, &stats);
    cr_assert(eq(u64, stats.dropped[WEIR_DROP_QUEUE_FULL], 0));
    (void)weir_close(w, FLUSH_MS);
    return n;
}

Test(allocations, a_span_and_a_pull_take_none_in_any_mode) {
    for (weir_streaming_mode mode = WEIR_STREAMING_SINGLE_SPAN;
         mode <= WEIR_STREAMING_SINGLE_AND_CHUNK_SPANS; mode++) {
        cr_assert(eq(sz, allocations_when_warm(mode), 0), "%s", weir_streaming_mode_name(mode));
    }
}

Test(allocations, a_tracked_span_and_pull_take_none_either) {
    char *directory CLEANUP(temp_dir_remove) = temp_dir_new();
    weir *w = open_quiet(WEIR_STREAMING_SINGLE_SPAN, directory);
    weir_app *app = weir_app_new(w, NULL);
    weir_call *call = weir_call_begin(app, WEIR_METHOD_RUN);
    weir_step *step = weir_step_begin(call, "answer", &WEIR_STEP_OPTIONS(.streams = true));
    size_t before = 0;
    for (int i = 0; i < (WARM_UPS + 1) * ROUNDS; i++) {
        if (i % ROUNDS == 0) {
            cr_assert(eq(int, weir_flush(w, FLUSH_MS), 0));
            before = fault_n_allocations();
        }
        span(step);
        stream(step);
    }
    cr_assert(eq(sz, fault_n_allocations() - before, 0));
    weir_step_end(step, NULL);
    (void)weir_close(w, FLUSH_MS);
}
