/* The lifecycle calls, as an application makes them. */
#include "tests/bench/bench.h"

enum { PULLS = 200000, SPANS = 50000, MORE_ADAPTERS = 8 };

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

static double pull_single_span(size_t unused) {
    (void)unused;
    return ns_per_pull(bench_open(WEIR_STREAMING_SINGLE_SPAN, NULL));
}

static double pull_event(size_t unused) {
    (void)unused;
    return ns_per_pull(bench_open(WEIR_STREAMING_EVENT, NULL));
}

/* What the chunk span adds to the pull. */
static double chunk_span(size_t unused) {
    (void)unused;
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

static double hook_without_adapter(size_t unused) {
    (void)unused;
    return ns_per_pull(open_without_outputs(0, NULL)) / 2;
}

/* Nothing is recorded of an app whose call was not sampled. */
static double hook_unsampled(size_t unused) {
    (void)unused;
    weir_transport transport = bench_null_transport();
    weir_sampler sampler = weir_sampler_always_off();
    weir *w = NULL;
    if (weir_open(
            &WEIR_OPTIONS(.otlp = &WEIR_OTLP_OPTIONS(.transport = &transport, .sampler = &sampler)),
            &w, NULL) != 0) {
        bench_die("weir_open failed");
    }
    return ns_per_pull(w) / 2;
}

static int do_nothing(void *data, const weir_lifecycle_event *event) {
    (void)data, (void)event;
    return 0;
}

static double ns_per_hook(size_t n_adapters) {
    const weir_adapter idle =
        WEIR_ADAPTER(.pre_stream_generate = do_nothing, .post_stream_generate = do_nothing);
    const weir_adapter *const adapters[1 + MORE_ADAPTERS] = {&idle, &idle, &idle, &idle, &idle,
                                                             &idle, &idle, &idle, &idle};
    return ns_per_pull(open_without_outputs(n_adapters, adapters)) / 2;
}

/* The mean of eight more: one alone is lost in the noise of a whole pull. */
static double one_more_adapter(size_t unused) {
    (void)unused;
    double one = ns_per_hook(1);
    return (ns_per_hook(1 + MORE_ADAPTERS) - one) / MORE_ADAPTERS;
}

static double ns_per_span(size_t n_attributes) {
    struct run run = begin(bench_open(WEIR_STREAMING_SINGLE_SPAN, NULL));
    uint64_t before = bench_now_ns();
    for (unsigned i = 0; i < SPANS; i++) {
        weir_span *span = weir_span_begin(run.step, "operation", NULL);
        if (n_attributes > 0) {
            weir_set(span, "attribute.0", "twenty bytes of text");
            weir_set(span, "attribute.1", 42);
        }
        weir_span_end(span);
    }
    double ns = (double)(bench_now_ns() - before) / SPANS;
    end(&run);
    return ns;
}

static const struct bench_row rows[] = {
    {.name = "pull and produced, single_span",
     .unit = "ns",
     .goal = 60,
     .n_samples = 11,
     .sample = pull_single_span,
     .operation = "pull, single_span",
     .floor = "two readings of the time stamp counter"},
    {.name = "pull and produced, event",
     .unit = "ns",
     .goal = 60,
     .n_samples = 11,
     .sample = pull_event,
     .operation = "pull, event",
     .floor = "two readings of the time stamp counter"},
    {.name = "chunk span, beyond its pull",
     .unit = "ns",
     .goal = 100,
     .n_samples = 11,
     .sample = chunk_span,
     .operation = "chunk span"},
    {.name = "hook with no adapter",
     .unit = "ns",
     .goal = 5,
     .n_samples = 11,
     .sample = hook_without_adapter,
     .operation = "hook, no adapter"},
    {.name = "hook of an app that is not sampled",
     .unit = "ns",
     .goal = 5,
     .n_samples = 11,
     .sample = hook_unsampled,
     .operation = "hook, not sampled"},
    {.name = "one more idle adapter, a hook",
     .unit = "ns",
     .goal = 3,
     .n_samples = 11,
     .sample = one_more_adapter,
     .operation = "one more adapter"},
    {.name = "span of a step",
     .unit = "ns",
     .n_samples = 11,
     .sample = ns_per_span,
     .operation = "span of a step"},
    {.name = "span of a step with a text and a number",
     .unit = "ns",
     .n_samples = 11,
     .sample = ns_per_span,
     .n = 2},
    {0},
};

const struct bench_section bench_lifecycle = {"Lifecycle of an application", rows, NULL};
