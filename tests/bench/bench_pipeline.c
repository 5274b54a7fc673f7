/* The way out: that it is whole, and the memory that it takes. */
#include "tests/bench/bench.h"

#include <malloc.h>

#include "otlp/proto/trace_service.pb-c.h"

enum { FLUSH_MS = 60000 };

static void record(weir_otlp *otlp, unsigned n_spans) {
    weir_otlp_tracer *tracer = weir_otlp_tracer_get(otlp, "bench", NULL, NULL);
    static const char *const keys[] = {"attr.0", "attr.1", "attr.2", "attr.3", "attr.4"};
    const weir_value value = weir_value_string("value-1234");
    for (unsigned i = 0; i < n_spans; i++) {
        weir_otlp_span *span = weir_otlp_span_begin(tracer, "operation", NULL);
        for (unsigned k = 0; k < 5; k++) {
            weir_otlp_span_set(span, keys[k], &value);
        }
        weir_otlp_span_end(span);
    }
}

/* ---- rest ---- */

static double heap_bytes(void) {
    return (double)mallinfo2().uordblks;
}

static double memory_at_rest(size_t unused) {
    (void)unused;
    double before = heap_bytes();
    weir *w = bench_open(WEIR_STREAMING_SINGLE_SPAN, NULL);
    double bytes = heap_bytes() - before;
    bench_close(w);
    return bytes / 1e3;
}

/* Until the queue drops: a transport that never answers in time. */
static int post_never(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline_ns,
                      weir_transport_response *response, weir_error_detail *detail) {
    (void)data, (void)body, (void)n_bytes, (void)deadline_ns, (void)response, (void)detail;
    return WEIR_E_IO;
}

static double memory_when_full(size_t unused) {
    (void)unused;
    weir_transport transport = WEIR_TRANSPORT_INIT;
    transport.post = post_never;
    double before = heap_bytes();
    weir_otlp *otlp =
        bench_otlp_open(&WEIR_OTLP_OPTIONS(.transport = &transport, .log_level = WEIR_LOG_NONE));
    record(otlp, 100000);
    double bytes = heap_bytes() - before;
    (void)weir_otlp_close(otlp, 0);
    return bytes / 1e6;
}

/* ---- that the encoder is not skipped ---- */

struct check {
    uint64_t n_spans;
};

static int post_check(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline_ns,
                      weir_transport_response *response, weir_error_detail *detail) {
    (void)deadline_ns, (void)detail;
    Otlp__ExportTraceServiceRequest *request =
        otlp__export_trace_service_request__unpack(NULL, n_bytes, body);
    if (request == NULL) {
        bench_die("what was sent does not decode");
    }
    for (size_t i = 0; i < request->n_resource_spans; i++) {
        for (size_t k = 0; k < request->resource_spans[i]->n_scope_spans; k++) {
            ((struct check *)data)->n_spans += request->resource_spans[i]->scope_spans[k]->n_spans;
        }
    }
    otlp__export_trace_service_request__free_unpacked(request, NULL);
    response->http_status = 200;
    return 0;
}

/* Spans of this run that the decoder read back; once a run. */
static double decoded_spans(size_t unused) {
    (void)unused;
    struct check check = {0};
    weir_transport transport = WEIR_TRANSPORT_INIT;
    transport.post = post_check;
    transport.data = &check;
    weir_otlp *otlp = bench_otlp_open(&WEIR_OTLP_OPTIONS(.transport = &transport));
    record(otlp, 2000);
    (void)weir_otlp_close(otlp, FLUSH_MS);
    return (double)check.n_spans;
}

static const struct bench_row rows[] = {
    {.name = "of 2,000 spans, read back by protobuf-c",
     .unit = "spans",
     .goal = 2000,
     .goal_is_least = true,
     .n_samples = 1,
     .sample = decoded_spans},
    {.name = "memory at rest", .unit = "kB", .goal = 256, .n_samples = 3, .sample = memory_at_rest},
    {.name = "memory when the default bound is full",
     .unit = "MB",
     .goal = 5,
     .n_samples = 3,
     .sample = memory_when_full},
    {0},
};

const struct bench_section bench_pipeline = {"The way out: spans and memory", rows, NULL};
