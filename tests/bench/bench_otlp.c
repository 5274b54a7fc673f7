/* Spans through the OTLP interface: begin to encoded in the segment, the exporter running. */
#include "tests/bench/bench.h"

#include <pthread.h>

enum { SPANS = 200000, WARM_UP = 2000, FLUSH_MS = 20000 };

static const char *const KEYS[] = {"attribute.0", "attribute.1", "attribute.2", "attribute.3",
                                   "attribute.4", "attribute.5", "attribute.6", "attribute.7",
                                   "attribute.8", "attribute.9"};

static void record(weir_otlp_tracer *tracer, const weir_otlp_context *parent, unsigned n_spans,
                   size_t n_strings) {
    const weir_value value = weir_value_string("twenty bytes of text");
    for (unsigned i = 0; i < n_spans; i++) {
        weir_otlp_span *span =
            weir_otlp_span_begin(tracer, "operation", &WEIR_OTLP_SPAN_OPTIONS(.parent = parent));
        for (size_t k = 0; k < n_strings; k++) {
            weir_otlp_span_set(span, KEYS[k], &value);
        }
        weir_otlp_span_end(span);
    }
}

struct job {
    weir_otlp *otlp;
    size_t n_strings;
};

static void *work(void *data) {
    const struct job *job = data;
    weir_otlp_tracer *tracer = weir_otlp_tracer_get(job->otlp, "bench", NULL, NULL);
    weir_otlp_span *root = weir_otlp_span_begin(tracer, "root", NULL);
    weir_otlp_context parent = weir_otlp_span_context(root);
    record(tracer, &parent, SPANS, job->n_strings);
    weir_otlp_span_end(root);
    return NULL;
}

static weir_otlp *open_null(void) {
    weir_transport transport = bench_null_transport();
    return bench_otlp_open(&WEIR_OTLP_OPTIONS(.transport = &transport, .log_level = WEIR_LOG_NONE));
}

static double ns_per_span(size_t n_strings) {
    weir_otlp *otlp = open_null();
    weir_otlp_tracer *tracer = weir_otlp_tracer_get(otlp, "bench", NULL, NULL);
    weir_otlp_span *root = weir_otlp_span_begin(tracer, "root", NULL);
    weir_otlp_context parent = weir_otlp_span_context(root);
    record(tracer, &parent, WARM_UP, n_strings);
    uint64_t before = bench_now_ns();
    record(tracer, &parent, SPANS, n_strings);
    double ns = (double)(bench_now_ns() - before) / SPANS;
    weir_otlp_span_end(root);
    if (weir_otlp_close(otlp, FLUSH_MS) != 0) {
        bench_die("spans were lost");
    }
    return ns;
}

static double new_trace(size_t n_strings) {
    weir_otlp *otlp = open_null();
    weir_otlp_tracer *tracer = weir_otlp_tracer_get(otlp, "bench", NULL, NULL);
    record(tracer, NULL, WARM_UP, n_strings);
    uint64_t before = bench_now_ns();
    record(tracer, NULL, SPANS, n_strings);
    double ns = (double)(bench_now_ns() - before) / SPANS;
    (void)weir_otlp_close(otlp, FLUSH_MS);
    return ns;
}

/* Spans a second to the acknowledgement of the null transport; those that were dropped do not
 * count. */
static double spans_per_s(unsigned n_threads, size_t n_strings) {
    struct job job = {open_null(), n_strings};
    pthread_t threads[8];
    uint64_t before = bench_now_ns();
    for (unsigned i = 1; i < n_threads; i++) {
        if (pthread_create(&threads[i], NULL, work, &job) != 0) {
            bench_die("no thread could be started");
        }
    }
    (void)work(&job);
    for (unsigned i = 1; i < n_threads; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    (void)weir_otlp_flush(job.otlp, FLUSH_MS);
    double seconds = (double)(bench_now_ns() - before) / 1e9;
    weir_otlp_stats stats = {.size = sizeof stats};
    weir_otlp_get_stats(job.otlp, &stats);
    (void)weir_otlp_close(job.otlp, FLUSH_MS);
    return (double)stats.acknowledged / seconds;
}

static double rate(size_t n_strings) {
    return spans_per_s(1, n_strings) / 1e6;
}

static double two_threads(size_t n_strings) {
    double one = spans_per_s(1, n_strings);
    return spans_per_s(2, n_strings) / one;
}

static const struct bench_row rows[] = {
    {.name = "span without attributes, in a trace",
     .unit = "ns",
     .goal = 80,
     .n_samples = 11,
     .sample = ns_per_span,
     .operation = "span",
     .floor = "prototype of a span"},
    {.name = "span with 10 strings of 20 bytes",
     .unit = "ns",
     .goal = 200,
     .n_samples = 11,
     .sample = ns_per_span,
     .n = 10,
     .operation = "span, 10 strings",
     .floor = "prototype of a span with 10 strings"},
    {.name = "span that begins a trace",
     .unit = "ns",
     .n_samples = 11,
     .sample = new_trace,
     .operation = "span, new trace"},
    {.name = "spans to a null transport, no attributes",
     .unit = "M/s",
     .goal = 8,
     .goal_is_least = true,
     .n_samples = 11,
     .sample = rate},
    {.name = "spans to a null transport, 10 strings",
     .unit = "M/s",
     .goal = 3,
     .goal_is_least = true,
     .n_samples = 11,
     .sample = rate,
     .n = 10},
    {.name = "two threads against one, 10 strings",
     .unit = "x",
     .goal = 1.7,
     .goal_is_least = true,
     .n_samples = 11,
     .sample = two_threads,
     .n = 10},
    {0},
};

const struct bench_section bench_otlp = {"Spans through the OTLP interface", rows, NULL};
