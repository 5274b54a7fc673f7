/*
 * Threads that record at the same time, into a null transport, without a loss.
 *
 * A run begins when all its threads are warm, lasts a fixed time, and counts what they ended
 * meanwhile. A thread that finds the queue rather full waits, as time that counts; that every span
 * was acknowledged is checked.
 */
#include "tests/bench/bench.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/bench/exporter_thread.h"

enum {
    MAX_THREADS = 8,
    RUN_MS = 100,
    WARM_UP = 2048,
    SPANS_AT_ONCE = 256,
    SEGMENT_BYTES = 128 << 10,
    FLUSH_MS = 20000
};

struct run {
    unsigned n_threads;
    size_t n_strings;
    uint32_t max_export_spans;
    bool is_bare; /* nothing of weir's: each thread copies as many bytes for itself */
    weir_otlp *otlp;
    pthread_barrier_t begin;
    atomic_bool is_over;
    atomic_ullong n_spans;
    double exporter_share; /* of one processor */
};

/* ---- one thread ---- */

static void record(weir_otlp_tracer *tracer, const weir_otlp_context *parent, unsigned n_spans,
                   size_t n_strings) {
    static const char *const keys[] = {"attribute.0", "attribute.1", "attribute.2", "attribute.3",
                                       "attribute.4", "attribute.5", "attribute.6", "attribute.7",
                                       "attribute.8", "attribute.9"};
    const weir_value value = weir_value_string("twenty bytes of text");
    for (unsigned i = 0; i < n_spans; i++) {
        weir_otlp_span *span =
            weir_otlp_span_begin(tracer, "operation", &WEIR_OTLP_SPAN_OPTIONS(.parent = parent));
        for (size_t k = 0; k < n_strings; k++) {
            weir_otlp_span_set(span, keys[k], &value);
        }
        weir_otlp_span_end(span);
    }
}

/* What all threads then record at once has room in the rest. */
static void wait_for_room(weir_otlp *otlp) {
    weir_otlp_stats stats = {.size = sizeof stats};
    for (;;) {
        weir_otlp_get_stats(otlp, &stats);
        if (stats.queue_bytes <= stats.queue_capacity_bytes * 5 / 8) {
            return;
        }
        (void)sched_yield();
    }
}

static uint64_t record_until_over(struct run *run) {
    weir_otlp_tracer *tracer = weir_otlp_tracer_get(run->otlp, "bench", NULL, NULL);
    weir_otlp_span *root = weir_otlp_span_begin(tracer, "root", NULL);
    weir_otlp_context parent = weir_otlp_span_context(root);
    for (unsigned n = 0; n < WARM_UP; n += SPANS_AT_ONCE) {
        wait_for_room(run->otlp);
        record(tracer, &parent, SPANS_AT_ONCE, run->n_strings);
    }
    uint64_t n_spans = 0;
    (void)pthread_barrier_wait(&run->begin);
    while (!atomic_load_explicit(&run->is_over, memory_order_relaxed)) {
        wait_for_room(run->otlp);
        record(tracer, &parent, SPANS_AT_ONCE, run->n_strings);
        n_spans += SPANS_AT_ONCE;
    }
    weir_otlp_span_end(root);
    return n_spans;
}

/* Two readings of the clock and a copy of as many bytes as a span with ten strings has. */
static uint64_t copy_until_over(struct run *run) {
    enum { SPAN_BYTES = 450, RING_BYTES = 128 << 10 };
    char span[SPAN_BYTES] = {0}, *ring = calloc(1, RING_BYTES);
    uint64_t n_spans = 0;
    size_t at = 0;
    if (ring == NULL) {
        bench_die("out of memory");
    }
    (void)pthread_barrier_wait(&run->begin);
    while (!atomic_load_explicit(&run->is_over, memory_order_relaxed)) {
        uint64_t times[2] = {bench_now_ns(), bench_now_ns()};
        memcpy(span, times, sizeof times);
        memcpy(ring + at, span, sizeof span);
        at = at + 2 * SPAN_BYTES < RING_BYTES ? at + SPAN_BYTES : 0;
        n_spans++;
    }
    bench_keep(ring);
    free(ring);
    return n_spans;
}

static void *work(void *data) {
    struct run *run = data;
    uint64_t n = run->is_bare ? copy_until_over(run) : record_until_over(run);
    atomic_fetch_add(&run->n_spans, n);
    return NULL;
}

/* ---- a run ---- */

static void open_null(struct run *run) {
    weir_transport transport = bench_null_transport();
    run->otlp = bench_otlp_open(
        &WEIR_OTLP_OPTIONS(.transport = &transport, .max_export_spans = run->max_export_spans));
}

static void close_and_check(const struct run *run) {
    weir_otlp_stats stats = {.size = sizeof stats};
    (void)weir_otlp_flush(run->otlp, FLUSH_MS);
    weir_otlp_get_stats(run->otlp, &stats);
    if (stats.acknowledged != run->n_spans + run->n_threads * (WARM_UP + 1)) {
        bench_die("spans were lost");
    }
    (void)weir_otlp_close(run->otlp, FLUSH_MS);
}

/* While the threads work; the seconds. */
static double measure(struct run *run) {
    const struct timespec time = {.tv_nsec = RUN_MS * 1000000};
    pid_t exporter = run->is_bare ? 0 : exporter_thread();
    (void)pthread_barrier_wait(&run->begin);
    uint64_t cpu_ns = run->is_bare ? 0 : exporter_thread_cpu_ns(exporter), before = bench_now_ns();
    (void)nanosleep(&time, NULL);
    atomic_store_explicit(&run->is_over, true, memory_order_relaxed);
    double ns = (double)(bench_now_ns() - before);
    if (!run->is_bare) {
        run->exporter_share = (double)(exporter_thread_cpu_ns(exporter) - cpu_ns) / ns;
    }
    return ns / 1e9;
}

/* Millions of spans a second. */
static double rate_of(struct run *run) {
    pthread_t threads[MAX_THREADS];
    (void)pthread_barrier_init(&run->begin, NULL, run->n_threads + 1);
    if (!run->is_bare) {
        open_null(run);
    }
    for (unsigned i = 0; i < run->n_threads; i++) {
        if (pthread_create(&threads[i], NULL, work, run) != 0) {
            bench_die("no thread could be started");
        }
    }
    double seconds = measure(run);
    for (unsigned i = 0; i < run->n_threads; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    if (!run->is_bare) {
        close_and_check(run);
    }
    (void)pthread_barrier_destroy(&run->begin);
    return (double)run->n_spans / seconds / 1e6;
}

/* ---- samples ---- */

static double rate(size_t n_strings) {
    return rate_of(&(struct run){.n_threads = 1, .n_strings = n_strings});
}

static double exporter_share(size_t n_strings) {
    struct run run = {.n_threads = 1, .n_strings = n_strings};
    (void)rate_of(&run);
    return run.exporter_share * 100;
}

/* One thread is measured before and after two are: the machine is not as fast at all times. */
static double two_against_one(const struct run *like) {
    struct run one = *like, two = *like, again = *like;
    one.n_threads = again.n_threads = 1;
    two.n_threads = 2;
    double before = rate_of(&one), both = rate_of(&two), after = rate_of(&again);
    return both / ((before + after) / 2);
}

static double two_threads(size_t n_strings) {
    return two_against_one(&(struct run){.n_strings = n_strings});
}

static double two_bare_threads(size_t unused) {
    (void)unused;
    return two_against_one(&(struct run){.is_bare = true});
}

static double rate_of_threads(size_t n_threads) {
    return rate_of(&(struct run){.n_threads = (unsigned)n_threads, .n_strings = 10});
}

static double ns_with_requests_of(size_t n_spans) {
    return 1e3 / rate_of(&(struct run){.n_threads = 1, .max_export_spans = (uint32_t)n_spans});
}

static const struct bench_row rows[] = {
    {.name = "one thread, no attributes",
     .unit = "M/s",
     .goal = 8,
     .goal_is_least = true,
     .n_samples = 11,
     .sample = rate},
    {.name = "one thread, 10 strings",
     .unit = "M/s",
     .goal = 3,
     .goal_is_least = true,
     .n_samples = 11,
     .sample = rate,
     .n = 10},
    {.name = "exporter's thread beside it, 10 strings",
     .unit = "% cpu",
     .n_samples = 5,
     .sample = exporter_share,
     .n = 10},
    {.name = "two threads that share nothing, copying",
     .unit = "x",
     .n_samples = 5,
     .sample = two_bare_threads},
    {.name = "two threads against one, no attributes",
     .unit = "x",
     .goal = 1.7,
     .goal_is_least = true,
     .n_samples = 9,
     .sample = two_threads,
     .floor = "two threads that share nothing, copying"},
    {.name = "two threads against one, 10 strings",
     .unit = "x",
     .goal = 1.7,
     .goal_is_least = true,
     .n_samples = 9,
     .sample = two_threads,
     .n = 10,
     .floor = "two threads that share nothing, copying"},
    {0},
};

static const size_t N_THREADS[] = {1, 2, 4, MAX_THREADS};
static const size_t REQUEST_SPANS[] = {1, 2, 5, 10, 50, 100, 512, 1000, 10000};

static const struct bench_curve curves[] = {
    {.name = "spans a second of all threads, 10 strings",
     .x_name = "threads",
     .unit = "M/s",
     .more_is_better = true,
     .xs = N_THREADS,
     .n_xs = sizeof N_THREADS / sizeof N_THREADS[0],
     .n_samples = 5,
     .sample = rate_of_threads,
     .note = "threads beyond the processors share these, also with the exporter: no more is made"},
    {.name = "a span, by the spans of a request",
     .x_name = "max_export_spans",
     .unit = "ns",
     .xs = REQUEST_SPANS,
     .n_xs = sizeof REQUEST_SPANS / sizeof REQUEST_SPANS[0],
     .n_samples = 3,
     .sample = ns_with_requests_of,
     .note = "a request costs some 2 us, be it of one span; 128 kB end it, whatever the option"},
    {0},
};

const struct bench_section bench_threads = {"Threads, to a null transport", rows, curves};
