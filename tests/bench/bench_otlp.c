/* Spans through the OTLP interface: begin to encoded in the segment, the exporter running. */
#include "tests/bench/bench.h"

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
    {0},
};

const struct bench_section bench_otlp = {"Spans through the OTLP interface", rows, NULL};
