/*
 * What an application feels: the time of single calls while segments are handed over and the
 * exporter is busy sending over HTTP, the same with telemetry off, and what reading the clock twice
 * takes, which is part of each.
 *
 * A hand-over is one span in some five hundred, so the 99.9th percentile is one.
 */
#include "tests/bench/bench.h"

#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "tests/bench/exporter_thread.h"
#include "tests/bench/receiver.h"

enum { N_TIMES = 200000, SPANS_AT_ONCE = 500, FLUSH_MS = 60000, IDLE_S = 2, N_KEPT = 4 };

enum what { CLOCK_ALONE, END_ALONE, WHOLE_SPAN, WHOLE_SPAN_OFF };
enum percentile { P50, P99, P99_9, P100, N_PERCENTILES };
/* A row's n. */
#define OF(what, percentile) ((size_t)(what)*N_PERCENTILES + (percentile))

/* ---- single calls ---- */

static uint64_t time_one(weir_otlp_tracer *tracer, enum what what) {
    if (what == CLOCK_ALONE) {
        uint64_t before = bench_now_ns();
        return bench_now_ns() - before;
    }
    uint64_t before = bench_now_ns();
    weir_otlp_span *span = weir_otlp_span_begin(tracer, "operation", NULL);
    before = what == END_ALONE ? bench_now_ns() : before;
    weir_otlp_span_end(span);
    return bench_now_ns() - before;
}

/* No faster than they are sent: a span that is dropped takes no time. */
static void wait_for_room(weir_otlp *otlp) {
    const struct timespec moment = {.tv_nsec = 200000};
    weir_otlp_stats stats = {.size = sizeof stats};
    for (weir_otlp_get_stats(otlp, &stats); stats.queue_bytes > stats.queue_capacity_bytes / 2;
         weir_otlp_get_stats(otlp, &stats)) {
        (void)nanosleep(&moment, NULL);
    }
}

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void take_times(weir_otlp *otlp, enum what what, uint64_t times[N_TIMES]) {
    weir_otlp_tracer *tracer = weir_otlp_tracer_get(otlp, "bench", NULL, NULL);
    for (unsigned i = 0; i < N_TIMES; i++) {
        if (i % SPANS_AT_ONCE == 0) {
            wait_for_room(otlp);
            (void)time_one(tracer, what); /* what was forgotten while it slept is not the span's */
        }
        times[i] = time_one(tracer, what);
    }
    qsort(times, N_TIMES, sizeof times[0], by_value);
}

static void measure(enum what what, double out[N_PERCENTILES]) {
    static uint64_t times[N_TIMES];
    bool is_off = what == WHOLE_SPAN_OFF || what == CLOCK_ALONE;
    struct receiver receiver = {0};
    if (!is_off) {
        receiver_start(&receiver, RECEIVER_READS, N_TIMES);
    }
    weir_otlp *otlp = bench_otlp_open(&WEIR_OTLP_OPTIONS(.endpoint = is_off ? NULL : receiver.url,
                                                         .has_disabled = true, .disabled = is_off));
    take_times(otlp, what, times);
    (void)weir_otlp_flush(otlp, FLUSH_MS);
    weir_otlp_stats stats = {.size = sizeof stats};
    weir_otlp_get_stats(otlp, &stats);
    (void)weir_otlp_close(otlp, FLUSH_MS);
    if (!is_off) {
        receiver_end(&receiver);
        if (stats.acknowledged != N_TIMES + N_TIMES / SPANS_AT_ONCE) {
            bench_die("not every span was acknowledged");
        }
    }
    out[P50] = (double)times[N_TIMES / 2];
    out[P99] = (double)times[N_TIMES / 100 * 99];
    out[P99_9] = (double)times[N_TIMES / 1000 * 999];
    out[P100] = (double)times[N_TIMES - 1];
}

/* All percentiles of a run at once: the rows of one kind show the same runs. */
static double latency(size_t n) {
    static struct {
        double runs[N_KEPT][N_PERCENTILES];
        unsigned n_runs, n_shown[N_PERCENTILES];
    } kept[WHOLE_SPAN_OFF + 1];
    size_t what = n / N_PERCENTILES, percentile = n % N_PERCENTILES;
    unsigned i = kept[what].n_shown[percentile]++;
    if (i >= N_KEPT) {
        double again[N_PERCENTILES];
        measure((enum what)what, again);
        return again[percentile];
    }
    for (; kept[what].n_runs <= i; kept[what].n_runs++) {
        measure((enum what)what, kept[what].runs[kept[what].n_runs]);
    }
    return kept[what].runs[i][percentile];
}

/* ---- rest ---- */

static double idle_wake_ups(size_t unused) {
    const struct timespec second = {.tv_sec = 1}, time = {.tv_sec = IDLE_S};
    (void)unused;
    weir *w = bench_open(WEIR_STREAMING_SINGLE_SPAN, NULL);
    pid_t exporter = exporter_thread();
    (void)nanosleep(&second, NULL); /* it comes to rest */
    long before = exporter_thread_switches(exporter);
    (void)nanosleep(&time, NULL);
    long n = exporter_thread_switches(exporter) - before;
    bench_close(w);
    return (double)n / IDLE_S;
}

#define LATENCY(name_, what, percentile)                                                           \
    {                                                                                              \
        .name = name_, .unit = "ns", .n_samples = N_KEPT - 1, .sample = latency,                   \
        .n = OF(what, percentile)                                                                  \
    }

static const struct bench_row rows[] = {
    LATENCY("two readings of the clock, median", CLOCK_ALONE, P50),
    LATENCY("two readings of the clock, 99.9 %", CLOCK_ALONE, P99_9),
    LATENCY("two readings of the clock, longest", CLOCK_ALONE, P100),
    LATENCY("begin and end, telemetry off, median", WHOLE_SPAN_OFF, P50),
    LATENCY("begin and end, telemetry off, 99.9 %", WHOLE_SPAN_OFF, P99_9),
    LATENCY("begin and end, telemetry off, longest", WHOLE_SPAN_OFF, P100),
    LATENCY("begin and end, median", WHOLE_SPAN, P50),
    LATENCY("begin and end, 99 %", WHOLE_SPAN, P99),
    LATENCY("begin and end, 99.9 %", WHOLE_SPAN, P99_9),
    LATENCY("begin and end, longest", WHOLE_SPAN, P100),
    LATENCY("end, median", END_ALONE, P50),
    LATENCY("end, 99 %", END_ALONE, P99),
    {.name = "end, 99.9 %",
     .unit = "ns",
     .goal = 5000,
     .n_samples = N_KEPT - 1,
     .sample = latency,
     .n = OF(END_ALONE, P99_9)},
    LATENCY("end, longest", END_ALONE, P100),
    {.name = "wake-ups a second when idle",
     .unit = "/s",
     .has_goal = true,
     .n_samples = 1,
     .sample = idle_wake_ups},
    {0},
};

const struct bench_section bench_latency = {"What the application feels, exporter sending", rows,
                                            NULL};
