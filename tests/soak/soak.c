/*
 * A pipeline under load for as long as you like, against a collector that fails 30 % of the time in
 * every way it knows: memory must not grow, and at the end every span must have its one fate, the
 * same by our counters and by the collector's.
 *
 * usage: soak [SECONDS [SPANS_PER_S [PERCENT_OF_FAULTS]]]     60, 50000, 30
 */
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <weir/otlp.h>

#include "tests/soak/soak_peer.h"
#include "tests/stress/stress.h"

enum {
    N_THREADS = 4,
    TICK_MS = 2,
    REPORT_S = 10,
    MAX_GROWTH_KB = 16 << 10 /* a queue and an answer of the greatest size */
};

static weir_otlp *otlp;
static weir_otlp_tracer *tracer;
static unsigned long seconds = 60, rate = 50000, percent = 30;
static _Atomic bool is_over;
static _Atomic uint64_t n_messages;

static void count_message(weir_log_level level, const char *message, void *data) {
    (void)level, (void)message, (void)data;
    atomic_fetch_add(&n_messages, 1);
}

/* ---- load ---- */

static void one_span(uint64_t n) {
    weir_otlp_span *span = weir_otlp_span_begin(tracer, "soak", NULL);
    weir_value number = weir_value_int((int64_t)n),
               text = weir_value_string("twenty bytes of text");
    weir_otlp_span_set(span, "n", &number);
    weir_otlp_span_set(span, "text.a", &text);
    weir_otlp_span_set(span, "text.b", &text);
    weir_otlp_span_add_event(span, "something", NULL, 0);
    weir_otlp_span_end(span);
}

static void sleep_until(struct timespec *when) {
    when->tv_nsec += TICK_MS * 1000000L;
    when->tv_sec += when->tv_nsec / 1000000000;
    when->tv_nsec %= 1000000000;
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, when, NULL);
}

static void *record(void *index) {
    uint64_t n = 0, per_tick = rate * TICK_MS / 1000 / N_THREADS;
    struct timespec when;
    (void)index;
    clock_gettime(CLOCK_MONOTONIC, &when);
    while (!is_over) {
        for (uint64_t i = 0; i < per_tick; i++) {
            one_span(n++);
        }
        sleep_until(&when);
    }
    return NULL;
}

/* ---- what is looked at ---- */

static unsigned long resident_kb(void) {
    unsigned long total, resident = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    CHECK(statm != NULL && fscanf(statm, "%lu %lu", &total, &resident) == 2);
    fclose(statm);
    return resident * (unsigned long)sysconf(_SC_PAGESIZE) / 1024;
}

static uint64_t n_dropped(const weir_otlp_stats *stats) {
    uint64_t n = 0;
    for (int i = 0; i < WEIR_N_DROP_CAUSES; i++) {
        n += stats->dropped[i];
    }
    return n;
}

static weir_otlp_stats get_stats(void) {
    weir_otlp_stats stats = {.size = sizeof stats};
    weir_otlp_get_stats(otlp, &stats);
    return stats;
}

static void report(unsigned long elapsed) {
    weir_otlp_stats s = get_stats();
    printf("%5lu s  started %" PRIu64 "  acknowledged %" PRIu64 "  queue full %" PRIu64
           "  given up %" PRIu64 "  requests %" PRIu64 " (%" PRIu64 " retries)  %lu kB\n",
           elapsed, s.started, s.acknowledged, s.dropped[WEIR_DROP_QUEUE_FULL],
           s.dropped[WEIR_DROP_EXPORT_FAILED], s.export_requests, s.export_retries, resident_kb());
    fflush(stdout);
}

/* When everything has its size: after a tenth of the time, or ten seconds, or half of it. */
static bool is_early(unsigned long elapsed) {
    unsigned long ten = seconds / 2 < 10 ? seconds / 2 : 10;
    return elapsed <= (seconds / 10 > ten ? seconds / 10 : ten);
}

static void watch(void) {
    unsigned long early_kb = 0, late_kb = 0;
    for (unsigned long elapsed = 1; elapsed <= seconds; elapsed++) {
        sleep(1);
        if (elapsed % REPORT_S == 0 || elapsed == seconds) {
            report(elapsed);
        }
        unsigned long now_kb = resident_kb();
        if (is_early(elapsed)) {
            early_kb = now_kb > early_kb ? now_kb : early_kb;
        }
        late_kb = now_kb > late_kb ? now_kb : late_kb;
    }
    printf("memory: %lu kB at most at first, %lu kB at most later\n", early_kb, late_kb);
    fflush(stdout);
    CHECK(late_kb <= early_kb + MAX_GROWTH_KB);
}

static void check_counts(const struct soak_counts *peer) {
    int result = weir_otlp_flush(otlp, 60000);
    weir_otlp_stats s = get_stats();
    printf("flush: %d; started %" PRIu64 " = acknowledged %" PRIu64 " + rejected %" PRIu64
           " + dropped %" PRIu64 " + live %" PRIu64 " + queued %" PRIu64 " + in flight %" PRIu64
           "\n",
           result, s.started, s.acknowledged, s.rejected, n_dropped(&s), s.live, s.queued,
           s.in_flight);
    printf("the collector: %" PRIu64 " requests, %" PRIu64 " faults, %" PRIu64
           " spans taken; %" PRIu64 " log messages\n",
           peer->n_requests, peer->n_faults, peer->n_taken, n_messages);
    CHECK_EQUAL(s.started, s.acknowledged + s.rejected + n_dropped(&s) + s.live + s.queued +
                               s.in_flight + s.not_sampled);
    CHECK_EQUAL(s.acknowledged, peer->n_taken);
    CHECK(s.acknowledged > 0 && peer->n_faults > 0);
}

static void open_pipeline(int port) {
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", port);
    CHECK(weir_otlp_open(&WEIR_OTLP_OPTIONS(.service_name = "soak", .endpoint = url,
                                            .has_timeout_ms = true, .timeout_ms = 2000,
                                            .has_schedule_delay_ms = true, .schedule_delay_ms = 200,
                                            .max_export_spans = 8192, .max_queue_bytes = 8 << 20,
                                            .log = count_message),
                         &otlp, NULL) == 0);
    tracer = weir_otlp_tracer_get(otlp, "soak", NULL, NULL);
}

int main(int n_arguments, char **arguments) {
    unsigned long *const given[] = {&seconds, &rate, &percent};
    for (int i = 1; i < n_arguments && i <= 3; i++) {
        *given[i - 1] = strtoul(arguments[i], NULL, 10);
    }
    int port;
    struct soak_counts *counts;
    pid_t peer = soak_peer_start((unsigned)percent, &port, &counts);
    open_pipeline(port);
    pthread_t threads[N_THREADS];
    for (size_t i = 0; i < N_THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, record, NULL) == 0);
    }
    watch();
    is_over = true;
    for (size_t i = 0; i < N_THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    check_counts(counts);
    CHECK(weir_otlp_close(otlp, 5000) == 0);  /* nothing was lost since the flush */
    CHECK(waitpid(peer, NULL, WNOHANG) == 0); /* it has found nothing wrong */
    CHECK(kill(peer, SIGKILL) == 0 && waitpid(peer, NULL, 0) == peer);
    return 0;
}
