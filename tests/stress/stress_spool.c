/*
 * Threads that record into a spool while others flush, read the counters and fork, and the endpoint
 * comes and goes: everything arrives, once, and what a close leaves the next one adopts.
 */
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir/error.h>
#include <weir/otlp.h>

#include "tests/stress/stress.h"
#include "tests/support/temp.h"

enum { N_RECORDING = 4, N_THREADS = N_RECORDING + 2, N_ROUNDS = 4, N_SPANS = 3000, N_LEFT = 200 };

static weir_otlp *otlp;
static weir_otlp_tracer *tracer;
static char *dir;
static atomic_bool is_refusing, is_flaky;
static atomic_uint n_posts, n_recording;

/* ---- an endpoint ---- */

static int post(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline_ns,
                weir_transport_response *response, weir_error_detail *detail) {
    (void)data, (void)body, (void)n_bytes, (void)deadline_ns, (void)detail;
    bool is_bad = is_refusing || (is_flaky && atomic_fetch_add(&n_posts, 1) % 3 == 0);
    response->http_status = is_bad ? 503 : 200;
    return 0;
}

static void open_round(void) {
    static const weir_transport transport = {.size = sizeof transport, .post = post};
    CHECK_EQUAL(
        weir_otlp_open(&WEIR_OTLP_OPTIONS(.transport = &transport, .spool_dir = dir,
                                          .max_export_spans = 64, .has_timeout_ms = true,
                                          .timeout_ms = 1, .has_schedule_delay_ms = true,
                                          .schedule_delay_ms = 1, .log_level = WEIR_LOG_ERROR),
                       &otlp, NULL),
        0);
    tracer = weir_otlp_tracer_get(otlp, "stress", NULL, NULL);
}

static void end_span(size_t n_pad) {
    static const char pad[8192];
    weir_otlp_span *span = weir_otlp_span_begin(tracer, "span", NULL);
    weir_value value = weir_value_bytes(pad, n_pad);
    weir_otlp_span_set(span, "pad", &value);
    weir_otlp_span_end(span);
}

static weir_otlp_stats stats_of(void) {
    weir_otlp_stats stats = {.size = sizeof stats};
    weir_otlp_get_stats(otlp, &stats);
    return stats;
}

/* ---- threads ---- */

static void record(size_t index) {
    for (size_t i = 0; i < N_SPANS; i++) {
        end_span(i % 50 == index ? 8000 : i % 100);
    }
    atomic_fetch_sub(&n_recording, 1);
}

static void flush_and_count(void) {
    while (atomic_load(&n_recording) > 0) {
        (void)weir_otlp_flush(otlp, 20);
        (void)stats_of();
    }
}

static void fork_often(void) {
    while (atomic_load(&n_recording) > 0) {
        pid_t child = fork();
        if (child == 0) {
            _exit(stats_of().spooled == 0 ? 0 : 1);
        }
        int status;
        CHECK(waitpid(child, &status, 0) == child);
        CHECK_EQUAL(status, 0);
    }
}

static void *run(void *index) {
    size_t i = (size_t)index;
    if (i < N_RECORDING) {
        record(i);
    } else if (i == N_RECORDING) {
        flush_and_count();
    } else {
        fork_often();
    }
    return NULL;
}

/* ---- rounds ---- */

static uint64_t n_dropped(const weir_otlp_stats *stats) {
    uint64_t n = 0;
    for (size_t i = 0; i < WEIR_N_DROP_CAUSES; i++) {
        n += stats->dropped[i];
    }
    return n;
}

/* With the endpoint there: the next span that arrives takes all that waits with it. */
static void expect_all_to_arrive(uint64_t n_adopted) {
    weir_otlp_stats stats;
    do {
        end_span(10);
        (void)weir_otlp_flush(otlp, 10000);
        stats = stats_of();
    } while (stats.spooled + stats.in_flight + stats.queued > 0);
    CHECK_EQUAL(stats.adopted, n_adopted);
    CHECK_EQUAL(n_dropped(&stats), stats.dropped[WEIR_DROP_QUEUE_FULL]);
    CHECK_EQUAL(stats.acknowledged + n_dropped(&stats), stats.started + stats.adopted);
}

static void leave_some(void) {
    atomic_store(&is_refusing, true);
    for (size_t i = 0; i < N_LEFT; i++) {
        end_span(i);
    }
    CHECK_EQUAL(weir_otlp_close(otlp, 10000), 0); /* nothing is lost */
    atomic_store(&is_refusing, false);
}

int main(void) {
    dir = temp_dir_new();
    for (size_t round = 0; round < N_ROUNDS; round++) {
        open_round();
        atomic_store(&is_flaky, true);
        atomic_store(&n_recording, N_RECORDING);
        run_threads(N_THREADS, run);
        atomic_store(&is_flaky, false);
        expect_all_to_arrive(round > 0 ? N_LEFT : 0);
        leave_some();
    }
    open_round();
    CHECK_EQUAL(stats_of().adopted, N_LEFT);
    CHECK_EQUAL(weir_otlp_close(otlp, 30000), 0); /* sends them */
    CHECK(rmdir(dir) == 0);
    CHECK(mkdir(dir, 0700) == 0);
    temp_dir_remove(&dir);
    return 0;
}
