/* The lifecycle calls, as an application makes them. */
#include "tests/bench/bench.h"

enum { PULLS = 200000, SPANS = 50000 };

struct run {
    weir *w;
    weir_app *app;
    weir_call *call;
    weir_step *step;
};

static struct run begin(weir *w) {
    struct run run = {.w = w};
    run.app = weir_app_new(w, NULL);
    run.call = weir_call_begin(run.app, WEIR_METHOD_STREAM_RESULT);
    run.step = weir_step_begin(run.call, "answer", &WEIR_STEP_OPTIONS(.streams = true));
    return run;
}

static void end(struct run *run) {
    weir_step_end(run->step, NULL);
    weir_call_end(run->call, NULL);
    weir_app_free(run->app);
    bench_close(run->w);
}

static double ns_per_pull(weir *w) {
    struct run run = begin(w);
    weir_stream *stream = weir_stream_begin(run.step);
    uint64_t before = bench_now_ns();
    for (unsigned i = 0; i < PULLS; i++) {
        weir_stream_pull(stream);
        weir_stream_produced(stream);
    }
    double ns = (double)(bench_now_ns() - before) / PULLS;
    weir_stream_end(stream);
    end(&run);
    return ns;
}

static double pull_single_span(void) {
    return ns_per_pull(bench_open(WEIR_STREAMING_SINGLE_SPAN, NULL));
}

static double pull_event(void) {
    return ns_per_pull(bench_open(WEIR_STREAMING_EVENT, NULL));
}

/* What the chunk span adds to the pull. */
static double chunk_span(void) {
    return ns_per_pull(bench_open(WEIR_STREAMING_CHUNK_SPANS, NULL)) -
           ns_per_pull(bench_open(WEIR_STREAMING_SINGLE_SPAN, NULL));
}

static weir *open_without_outputs(size_t n_adapters, const weir_adapter *const *adapters) {
    weir *w = NULL;
    if (weir_open(&WEIR_OPTIONS(.otlp_off = true, .adapters = adapters, .n_adapters = n_adapters),
                  &w, NULL) != 0) {
        bench_die("weir_open failed");
    }
    return w;
}

static double hook_without_adapter(void) {
    return ns_per_pull(open_without_outputs(0, NULL)) / 2;
}

static int do_nothing(void *data, const weir_lifecycle_event *event) {
    (void)data, (void)event;
    return 0;
}

/* What a second idle adapter adds to a hook. */
static double one_more_adapter(void) {
    const weir_adapter idle =
        WEIR_ADAPTER(.pre_stream_generate = do_nothing, .post_stream_generate = do_nothing);
    const weir_adapter *const adapters[] = {&idle, &idle};
    double two = ns_per_pull(open_without_outputs(2, adapters));
    return (two - ns_per_pull(open_without_outputs(1, adapters))) / 2;
}

static double ns_per_span(bool with_attributes) {
    struct run run = begin(bench_open(WEIR_STREAMING_SINGLE_SPAN, NULL));
    uint64_t before = bench_now_ns();
    for (unsigned i = 0; i < SPANS; i++) {
        weir_span *span = weir_span_begin(run.step, "operation", NULL);
        if (with_attributes) {
            weir_set(span, "attribute.0", "twenty bytes of text");
            weir_set(span, "attribute.1", 42);
        }
        weir_span_end(span);
    }
    double ns = (double)(bench_now_ns() - before) / SPANS;
    end(&run);
    return ns;
}

static double span_plain(void) {
    return ns_per_span(false);
}

static double span_two_attributes(void) {
    return ns_per_span(true);
}

const struct bench_row bench_lifecycle_rows[] = {
    {"pull and produced, single_span", "ns", 60, false, 9, pull_single_span},
    {"pull and produced, event", "ns", 60, false, 9, pull_event},
    {"chunk span, beyond its pull", "ns", 100, false, 9, chunk_span},
    {"hook with no adapter", "ns", 5, false, 9, hook_without_adapter},
    {"one more idle adapter, a hook", "ns", 3, false, 9, one_more_adapter},
    {"span of a step, begin and end", "ns", 0, false, 9, span_plain},
    {"span of a step with two attributes", "ns", 0, false, 9, span_two_attributes},
    {0},
};
