/* Spans through the OTLP interface: begin to encoded in the segment, the exporter running. */
#include "tests/bench/bench.h"

#include <pthread.h>

enum { SPANS = 200000, WARM_UP = 2000, FLUSH_MS = 20000 };

static const char *const KEYS[] = {"attribute.0", "attribute.1", "attribute.2", "attribute.3",
                                   "attribute.4", "attribute.5", "attribute.6", "attribute.7",
                                   "attribute.8", "attribute.9"};

static void record(weir_otlp_tracer *tracer, const weir_otlp_context *parent, unsigned n_spans,
                   unsigned n_strings) {
    const weir_value value = weir_value_string("twenty bytes of text");
    for (unsigned i = 0; i < n_spans; i++) {
        weir_otlp_span *span =
            weir_otlp_span_begin(tracer, "operation", &WEIR_OTLP_SPAN_OPTIONS(.parent = parent));
        for (unsigned k = 0; k < n_strings; k++) {
            weir_otlp_span_set(span, KEYS[k], &value);
        }
        weir_otlp_span_end(span);
    }
}

struct job {
    weir_otlp *otlp;
    unsigned n_strings;
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

static double ns_per_span(unsigned n_strings) {
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

static double span_plain(void) {
    return ns_per_span(0);
}

static double span_10_strings(void) {
    return ns_per_span(10);
}

static double new_trace(void) {
    weir_otlp *otlp = open_null();
    weir_otlp_tracer *tracer = weir_otlp_tracer_get(otlp, "bench", NULL, NULL);
    record(tracer, NULL, WARM_UP, 0);
    uint64_t before = bench_now_ns();
    record(tracer, NULL, SPANS, 0);
    double ns = (double)(bench_now_ns() - before) / SPANS;
    (void)weir_otlp_close(otlp, FLUSH_MS);
    return ns;
}

/* Spans a second to the acknowledgement of the null transport; those that were dropped do not
 * count. */
static double spans_per_s(unsigned n_threads, unsigned n_strings) {
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

static double rate_plain(void) {
    return spans_per_s(1, 0) / 1e6;
}

static double rate_10_strings(void) {
    return spans_per_s(1, 10) / 1e6;
}

static double two_threads(void) {
    double one = spans_per_s(1, 10);
    return spans_per_s(2, 10) / one;
}

const struct bench_row bench_otlp_rows[] = {
    {"span without attributes, in a trace", "ns", 80, false, 9, span_plain},
    {"span with 10 strings of 20 bytes", "ns", 200, false, 9, span_10_strings},
    {"span that begins a trace", "ns", 0, false, 9, new_trace},
    {"spans to the null transport, one thread, no attributes", "M/s", 8, true, 9, rate_plain},
    {"spans to the null transport, one thread, 10 strings", "M/s", 3, true, 9, rate_10_strings},
    {"two threads as a multiple of one, 10 strings", "times", 1.7, true, 9, two_threads},
    {0},
};
