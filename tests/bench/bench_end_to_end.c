/*
 * From a span's begin to the acknowledgement of a receiver over loopback HTTP, and what that costs
 * the thread that records and the one that sends.
 */
#include "tests/bench/bench.h"

#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "tests/bench/exporter_thread.h"
#include "tests/bench/receiver.h"

enum { WARM_UP = 2048, SPANS_AT_ONCE = 500, BODY_SPANS = 512, FLUSH_MS = 60000, N_KEPT = 8 };

/* What a row shows of a run. */
enum aspect { RATE, APPLICATION, EXPORTER, N_ASPECTS };
enum { N_KINDS = RECEIVER_COLLECTOR + 1 };
/* A row's n. */
#define OF(kind, is_packed, aspect) (((size_t)(kind)*2 + (is_packed)) * N_ASPECTS + (aspect))

static void record(weir_otlp *otlp, unsigned n_spans) {
    static const char *const keys[] = {"attr.0", "attr.1", "attr.2", "attr.3", "attr.4"};
    weir_otlp_tracer *tracer = weir_otlp_tracer_get(otlp, "bench", NULL, NULL);
    const weir_value value = weir_value_string("value-1234");
    for (unsigned i = 0; i < n_spans; i++) {
        weir_otlp_span *span = weir_otlp_span_begin(tracer, "operation", NULL);
        for (unsigned k = 0; k < 5; k++) {
            weir_otlp_span_set(span, keys[k], &value);
        }
        weir_otlp_span_end(span);
    }
}

/* No faster than the queue empties: nothing is to be dropped. */
static void record_all(weir_otlp *otlp, unsigned n_spans) {
    const struct timespec moment = {.tv_nsec = 200000};
    while (n_spans > 0) {
        weir_otlp_stats stats = {.size = sizeof stats};
        weir_otlp_get_stats(otlp, &stats);
        if (stats.queue_bytes > stats.queue_capacity_bytes / 2) {
            (void)nanosleep(&moment, NULL);
            continue;
        }
        unsigned n = n_spans < SPANS_AT_ONCE ? n_spans : SPANS_AT_ONCE;
        record(otlp, n);
        n_spans -= n;
    }
}

static weir_otlp *open_to(const struct receiver *receiver, bool is_packed) {
    return bench_otlp_open(&WEIR_OTLP_OPTIONS(.endpoint = receiver->url,
                                              .compression = is_packed
                                                                 ? WEIR_OTLP_COMPRESSION_GZIP
                                                                 : WEIR_OTLP_COMPRESSION_NONE));
}

/* ---- a run ---- */

static uint64_t own_cpu_ns(void) {
    struct timespec time;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* Thousands of spans a second; 0: none is stated. */
static double goal_of(enum receiver_kind kind, bool is_packed) {
    return kind != RECEIVER_READS ? 0 : is_packed ? 300 : 800;
}

static unsigned n_spans_for(enum receiver_kind kind) {
    return kind == RECEIVER_READS ? 300000 : 150000;
}

/*
 * Shares of a processor are those at the rate that is the goal, where there is one: what is twice
 * as fast would else look twice as dear.
 */
static void measure(weir_otlp *otlp, unsigned n_spans, double goal, double out[N_ASPECTS]) {
    pid_t exporter = exporter_thread();
    record(otlp, WARM_UP);
    (void)weir_otlp_flush(otlp, FLUSH_MS);
    uint64_t own_ns = own_cpu_ns(), exporter_ns = exporter_thread_cpu_ns(exporter);
    uint64_t before = bench_now_ns();
    record_all(otlp, n_spans);
    (void)weir_otlp_flush(otlp, FLUSH_MS);
    double ns = (double)(bench_now_ns() - before);
    out[RATE] = n_spans / ns * 1e6;
    double share = 100 / ns * (goal != 0 ? goal / out[RATE] : 1);
    out[APPLICATION] = (double)(own_cpu_ns() - own_ns) * share;
    out[EXPORTER] = (double)(exporter_thread_cpu_ns(exporter) - exporter_ns) * share;
}

static void run(enum receiver_kind kind, bool is_packed, double out[N_ASPECTS]) {
    struct receiver receiver;
    unsigned n_spans = n_spans_for(kind);
    receiver_start(&receiver, kind, n_spans + WARM_UP);
    weir_otlp *otlp = open_to(&receiver, is_packed);
    measure(otlp, n_spans, goal_of(kind, is_packed), out);
    weir_otlp_stats stats = {.size = sizeof stats};
    weir_otlp_get_stats(otlp, &stats);
    (void)weir_otlp_close(otlp, FLUSH_MS);
    receiver_end(&receiver);
    if (stats.acknowledged != n_spans + WARM_UP) {
        bench_die("not every span was acknowledged");
    }
}

/* The rows of one receiver show the same runs. */
static double sample(size_t n) {
    static struct {
        double runs[N_KEPT][N_ASPECTS];
        unsigned n_runs, n_shown[N_ASPECTS];
    } kept[N_KINDS * 2];
    size_t aspect = n % N_ASPECTS, way = n / N_ASPECTS;
    unsigned i = kept[way].n_shown[aspect]++ % N_KEPT;
    for (; kept[way].n_runs <= i; kept[way].n_runs++) {
        run((enum receiver_kind)(way / 2), way % 2, kept[way].runs[kept[way].n_runs]);
    }
    return kept[way].runs[i][aspect];
}

/* ---- requests of any size ---- */

/* To the acknowledgement of one that only reads, in requests of so many spans. */
static double ns_with_requests_of(size_t n_spans_each) {
    struct receiver receiver;
    unsigned n_spans = (unsigned)(n_spans_each < 100 ? 2000 * n_spans_each : 200000);
    receiver_start(&receiver, RECEIVER_READS, n_spans);
    weir_otlp *otlp = bench_otlp_open(
        &WEIR_OTLP_OPTIONS(.endpoint = receiver.url, .max_export_spans = (uint32_t)n_spans_each));
    uint64_t before = bench_now_ns();
    record_all(otlp, n_spans);
    (void)weir_otlp_flush(otlp, FLUSH_MS);
    double ns = (double)(bench_now_ns() - before);
    if (weir_otlp_close(otlp, FLUSH_MS) != 0) {
        bench_die("not every span was acknowledged");
    }
    receiver_end(&receiver);
    return ns / n_spans;
}

/* ---- premade bodies ---- */

/* A whole request of BODY_SPANS spans, as the transport sends it. */
static char *make_request(bool is_packed, size_t *n_bytes) {
    struct receiver receiver;
    receiver_start(&receiver, RECEIVER_READS, BODY_SPANS);
    weir_otlp *otlp = open_to(&receiver, is_packed);
    record(otlp, BODY_SPANS);
    (void)weir_otlp_flush(otlp, FLUSH_MS);
    weir_otlp_stats stats = {.size = sizeof stats};
    weir_otlp_get_stats(otlp, &stats);
    (void)weir_otlp_close(otlp, FLUSH_MS);
    (void)pthread_join(receiver.thread, NULL);
    char *request = receiver_end_with_request(&receiver, n_bytes);
    if (stats.export_requests != 1) {
        bench_die("the spans of a body were not one request");
    }
    return request;
}

/* Thousands of spans a second that the Collector takes, one request after the other. */
static double premade(size_t is_packed) {
    struct receiver receiver;
    size_t n_bytes;
    unsigned n = n_spans_for(RECEIVER_COLLECTOR) / BODY_SPANS;
    char *request = make_request(is_packed, &n_bytes);
    receiver_start(&receiver, RECEIVER_COLLECTOR, n * BODY_SPANS);
    (void)receiver_replay(&receiver, request, n_bytes, WARM_UP / BODY_SPANS);
    double seconds = receiver_replay(&receiver, request, n_bytes, n);
    receiver_end(&receiver);
    free(request);
    return n * BODY_SPANS / seconds / 1e3;
}

static const char *no_program(void) {
    return receiver_absence(RECEIVER_COLLECT);
}

static const char *no_collector(void) {
    return receiver_absence(RECEIVER_COLLECTOR);
}

#define RATE_ROW(name_, kind, is_packed, ...)                                                      \
    {                                                                                              \
        .name = name_, .unit = "k/s", .goal_is_least = true, .n_samples = N_KEPT - 1,              \
        .sample = sample, .n = OF(kind, is_packed, RATE), .absence = __VA_ARGS__                   \
    }
#define SHARE_ROW(name_, kind, is_packed, aspect, ...)                                             \
    {                                                                                              \
        .name = name_, .unit = "% cpu", .n_samples = N_KEPT - 1, .sample = sample,                 \
        .n = OF(kind, is_packed, aspect), .absence = __VA_ARGS__                                   \
    }

static const struct bench_row rows[] = {
    RATE_ROW("to one that only reads", RECEIVER_READS, false, NULL, .goal = 800),
    SHARE_ROW("  thread that records, at 800 k/s", RECEIVER_READS, false, APPLICATION, NULL,
              .goal = 25),
    SHARE_ROW("  thread that sends, at 800 k/s", RECEIVER_READS, false, EXPORTER, NULL),
    RATE_ROW("to one that only reads, gzip", RECEIVER_READS, true, NULL, .goal = 300),
    SHARE_ROW("  thread that records, gzip, at 300 k/s", RECEIVER_READS, true, APPLICATION, NULL,
              .goal = 25),
    SHARE_ROW("  thread that sends, gzip, at 300 k/s", RECEIVER_READS, true, EXPORTER, NULL),
    RATE_ROW("to weir collect", RECEIVER_COLLECT, false, no_program),
    SHARE_ROW("  thread that records, to collect", RECEIVER_COLLECT, false, APPLICATION,
              no_program),
    SHARE_ROW("  thread that sends, to collect", RECEIVER_COLLECT, false, EXPORTER, no_program),
    RATE_ROW("to weir collect, gzip", RECEIVER_COLLECT, true, no_program),
    {.name = "premade bodies to a Collector",
     .unit = "k/s",
     .n_samples = N_KEPT - 1,
     .sample = premade,
     .absence = no_collector},
    RATE_ROW("to a Collector", RECEIVER_COLLECTOR, false, no_collector,
             .floor = "premade bodies to a Collector"),
    SHARE_ROW("  thread that records, to a Collector", RECEIVER_COLLECTOR, false, APPLICATION,
              no_collector),
    SHARE_ROW("  thread that sends, to a Collector", RECEIVER_COLLECTOR, false, EXPORTER,
              no_collector),
    {.name = "premade bodies to a Collector, gzip",
     .unit = "k/s",
     .n_samples = N_KEPT - 1,
     .sample = premade,
     .n = 1,
     .absence = no_collector},
    RATE_ROW("to a Collector, gzip", RECEIVER_COLLECTOR, true, no_collector,
             .floor = "premade bodies to a Collector, gzip"),
    {0},
};

static const size_t REQUEST_SPANS[] = {1, 10, 100, 512, 1000, 10000};

static const struct bench_curve curves[] = {
    {.name = "to one that only reads, by the spans of a request",
     .x_name = "max_export_spans",
     .unit = "ns",
     .xs = REQUEST_SPANS,
     .n_xs = sizeof REQUEST_SPANS / sizeof REQUEST_SPANS[0],
     .n_samples = 5,
     .sample = ns_with_requests_of,
     .note = "a request is some 150 us on its way to its answer: two threads sleep and wake"},
    {0},
};

const struct bench_section bench_end_to_end = {
    "Spans with 5 short texts to the acknowledgement, loopback HTTP", rows, curves};
