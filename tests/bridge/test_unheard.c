/*
 * What nobody listens to is passed over without the lock, and yet counted to the last call: the
 * same calls are made to a weir that somebody listens to, and every counter is compared.
 */
#include <string.h>

#include "tests/support/expect.h"
#include <weir/weir.h>

TestSuite(unheard);

static int listen(void *data, const weir_lifecycle_event *event) {
    (void)data, (void)event;
    return 0;
}

/* ---- one run of a stream ---- */

struct run {
    weir *w;
    weir_app *app;
    weir_call *call;
    weir_step *step;
    weir_stream *stream;
};

static int post_nothing(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline_ns,
                        weir_transport_response *response, weir_error_detail *detail) {
    (void)data, (void)body, (void)n_bytes, (void)deadline_ns, (void)response, (void)detail;
    return WEIR_E_IO; /* nothing is sampled */
}

static weir *open_unsampled(void) {
    const weir_sampler off = weir_sampler_always_off();
    weir_transport transport = WEIR_TRANSPORT_INIT;
    transport.post = post_nothing;
    const weir_otlp_options otlp = WEIR_OTLP_OPTIONS(.transport = &transport, .sampler = &off);
    weir *w = NULL;
    int error = weir_open(&WEIR_OPTIONS(.otlp = &otlp), &w, NULL);
    cr_assert(zero(int, error));
    return w;
}

static weir *open_weir(bool is_heard) {
    const weir_adapter listener = WEIR_ADAPTER(.post_end_stream = listen);
    const weir_adapter *const adapters[] = {&listener};
    weir *w = NULL;
    int error = weir_open(
        &WEIR_OPTIONS(.otlp_off = true, .adapters = adapters, .n_adapters = is_heard ? 1 : 0), &w,
        NULL);
    cr_assert(zero(int, error));
    return w;
}

static struct run begin(weir *w) {
    struct run run = {.w = w};
    run.app = weir_app_new(w, NULL);
    run.call = weir_call_begin(run.app, WEIR_METHOD_STREAM_RESULT);
    run.step = weir_step_begin(run.call, "act", &WEIR_STEP_OPTIONS(.streams = true));
    run.stream = weir_stream_begin(run.step);
    return run;
}

static void end(struct run *run) {
    weir_app_free(run->app);
}

/* ---- what can be said of it ---- */

typedef void say_fn(struct run *run);

static void pull(struct run *run) {
    weir_stream_pull(run->stream);
}
static void produced(struct run *run) {
    weir_stream_produced(run->stream);
}
static void exhausted(struct run *run) {
    weir_stream_exhausted(run->stream);
}
static void failed(struct run *run) {
    weir_stream_failed(run->stream, NULL);
}
static void item(struct run *run) {
    weir_stream_item(run->stream);
}
static void yield(struct run *run) {
    weir_stream_yield_value(run->stream, weir_value_string("token"));
}
static void yield_nonsense(struct run *run) {
    weir_stream_yield_value(run->stream, weir_value_json("{"));
}
static void abandon(struct run *run) {
    weir_stream_abandon(run->stream);
}
static void begin_again(struct run *run) {
    weir_stream_end(run->stream);
    run->stream = weir_stream_begin(run->step);
}
static void end_step(struct run *run) {
    weir_step_end(run->step, NULL);
}

static say_fn *const SAYINGS[] = {pull,  produced,       exhausted, failed,      item,
                                  yield, yield_nonsense, abandon,   begin_again, end_step};
enum { N_SAYINGS = 10, LENGTH = 4, N_SEQUENCES = 10000, TAIL = 3 };

static void say_sequence(weir *w, unsigned sequence) {
    static say_fn *const tail[TAIL] = {produced, pull, item}; /* shows where it has come to */
    struct run run = begin(w);
    for (int i = 0; i < LENGTH; i++, sequence /= N_SAYINGS) {
        SAYINGS[sequence % N_SAYINGS](&run);
    }
    for (int i = 0; i < TAIL; i++) {
        tail[i](&run);
    }
    end(&run);
}

static weir_stats stats_of(weir *w) {
    weir_stats stats = {.size = sizeof stats};
    weir_get_stats(w, &stats);
    return stats;
}

static void expect_same_counts(const weir_stats *a, const weir_stats *b, unsigned nth) {
    cr_assert(eq(u64, a->out_of_order, b->out_of_order), "sequence %u", nth);
    cr_assert(eq(u64, a->refused_json, b->refused_json), "sequence %u", nth);
    cr_assert(eq(u64, a->refused_values, b->refused_values), "sequence %u", nth);
    cr_assert(eq(u64, a->left_open, b->left_open), "sequence %u", nth);
}

static void expect_as_if_heard(weir *unheard) {
    weir *heard = open_weir(true);
    for (unsigned i = 0; i < N_SEQUENCES; i++) {
        say_sequence(unheard, i);
        say_sequence(heard, i);
        weir_stats a = stats_of(unheard), b = stats_of(heard);
        expect_same_counts(&a, &b, i);
    }
    cr_assert(gt(u64, stats_of(heard).out_of_order, N_SEQUENCES));
    cr_assert(gt(u64, stats_of(heard).refused_json, 0));
    weir_close(unheard, 0);
    weir_close(heard, 0);
}

Test(unheard, every_order_of_calls_is_counted_as_if_somebody_listened) {
    expect_as_if_heard(open_weir(false));
    expect_as_if_heard(open_unsampled());
}

/* ---- attributes ---- */

static void set_everything(struct run *run) {
    weir_span *span = weir_span_begin(run->step, "span", NULL);
    weir_set(run->step, "key", "text");
    weir_set(span, "key", 1);
    weir_set_json(span, "key", "[1, 2");
    weir_set(run->step, "", "text");
    weir_set(run->step, NULL, "text");
    weir_set_all(span, {"a", weir_value_int(1)}, {NULL, weir_value_int(2)},
                 {"c", weir_value_json("nonsense")});
    weir_span_end(span);
    weir_set(span, "key", 1);
}

Test(unheard, attributes_that_make_no_sense_are_counted) {
    weir *unheard = open_weir(false), *heard = open_weir(true);
    struct run a = begin(unheard), b = begin(heard);
    uint64_t n_stale = stats_of(unheard).stale_handles;
    set_everything(&a);
    cr_assert(eq(u64, stats_of(unheard).stale_handles, n_stale + 1));
    set_everything(&b);
    weir_stats stats = stats_of(unheard), of_heard = stats_of(heard);
    expect_same_counts(&stats, &of_heard, 0);
    cr_assert(eq(u64, stats.refused_values, 3));
    cr_assert(eq(u64, stats.refused_json, 2));
    end(&a);
    end(&b);
    weir_close(unheard, 0);
    weir_close(heard, 0);
}
