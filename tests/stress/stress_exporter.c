/*
 * Threads that push, nudge, hurry, flush and read the counters of one exporter, whose peer answers
 * at random, comes back late, or not at all before it is stopped: every span has one fate.
 */
#include <stdatomic.h>
#include <string.h>

#include "otlp/common/clock.h"
#include "otlp/common/id.h"
#include "otlp/common/lock.h"
#include "otlp/exporter.h"
#include "tests/stress/stress.h"

enum { N_THREADS = 4, N_SEGMENTS = 300, N_ROUNDS = 6 };

static struct exporter *exporter;
static struct segment_pool pool;
static const struct scope scope;
static struct lock open_lock; /* guards open */
static struct segment *open;
static _Atomic uint64_t n_spans;

static uint64_t in_ms(uint64_t ms) {
    weir_clock clock = clock_system();
    return clock_monotonic(&clock) + ms * 1000000;
}

/* ---- the peer ---- */

struct peer {
    pthread_mutex_t mutex; /* guards is_cancelled */
    pthread_cond_t changed;
    bool is_cancelled;
    bool is_deaf; /* does not hear a cancel */
    atomic_bool is_destroyed;
};

static void wait_for_cancel(struct peer *peer, uint64_t ms) {
    uint64_t by_ns = in_ms(ms);
    struct timespec by = {(time_t)(by_ns / 1000000000), (long)(by_ns % 1000000000)};
    pthread_mutex_lock(&peer->mutex);
    while (!peer->is_cancelled && pthread_cond_timedwait(&peer->changed, &peer->mutex, &by) == 0) {
    }
    pthread_mutex_unlock(&peer->mutex);
}

static int post(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline_ns,
                weir_transport_response *response, weir_error_detail *detail) {
    struct peer *peer = data;
    static const int statuses[] = {200, 200, 200, 200, 400, 301};
    static const uint8_t rejects_1[] = {0x0a, 0x02, 0x08, 0x01};
    (void)deadline_ns, (void)detail;
    CHECK(n_bytes > 0 && body[0] == 0x0a);
    uint64_t random = id_random();
    if (random % 97 == 0) {
        wait_for_cancel(peer, peer->is_deaf ? 300 : 2);
        CHECK(body[0] == 0x0a); /* still ours, however late */
        return WEIR_E_TOO_LARGE;
    }
    *response =
        (weir_transport_response){.http_status = statuses[random % 6], .retry_after_ms = -1};
    if (random % 5 == 0) {
        response->body = rejects_1;
        response->n_bytes = sizeof rejects_1;
    }
    return 0;
}

static void cancel(void *data) {
    struct peer *peer = data;
    pthread_mutex_lock(&peer->mutex);
    peer->is_cancelled = !peer->is_deaf;
    pthread_cond_broadcast(&peer->changed);
    pthread_mutex_unlock(&peer->mutex);
}

static void destroy(void *data) {
    atomic_store(&((struct peer *)data)->is_destroyed, true);
}

static void ignore(weir_log_level level, const char *message, void *data) {
    (void)level, (void)message, (void)data;
}

/* ---- the spans' side ---- */

static struct segment *new_segment(void) {
    static const uint8_t span[] = {0x12, 0x00};
    bool is_no_memory;
    struct segment *segment = segment_take(&pool, &scope, 64, 0, &is_no_memory);
    uint32_t n = 1 + (uint32_t)(id_random() % 9);
    for (uint32_t i = 0; segment != NULL && i < n; i++) {
        memcpy(segment_room(segment, sizeof span), span, sizeof span);
        segment_commit(segment, sizeof span);
        atomic_fetch_add(&n_spans, 1);
    }
    return segment;
}

/* Puts a segment in the place of the open one, and returns that. */
static struct segment *swap_open(struct segment *segment) {
    lock_take(&open_lock);
    struct segment *before = open;
    open = segment;
    lock_give(&open_lock);
    return before;
}

static void collect(void *data) {
    (void)data;
    struct segment *segment = swap_open(NULL);
    if (segment != NULL) {
        exporter_push(exporter, segment);
    }
}

static void *use(void *index) {
    (void)index;
    struct exporter_counts counts;
    for (int i = 0; i < N_SEGMENTS; i++) {
        struct segment *segment = new_segment();
        if (segment == NULL) { /* the pool's bound is reached */
            exporter_hurry(exporter);
            continue;
        }
        if (i % 3 == 0) {
            segment = swap_open(segment);
            exporter_nudge(exporter);
        }
        if (segment != NULL) {
            exporter_push(exporter, segment);
        }
        if (i % 50 == 0) {
            (void)exporter_flush(exporter, in_ms(5));
        }
        exporter_get_counts(exporter, 0, &counts);
        CHECK(counts.taken <= atomic_load(&n_spans));
    }
    return NULL;
}

static void play(struct peer *peer) {
    struct logger logger;
    const struct exporter_destination destination = {
        .transport = {.size = sizeof(weir_transport),
                      .post = post,
                      .cancel = cancel,
                      .destroy = destroy,
                      .data = peer},
        .timeout_ns = UINT64_C(10000000000),
    };
    const struct exporter_options options = {
        .destinations = &destination,
        .n_destinations = 1,
        .pool = &pool,
        .logger = &logger,
        .schedule_delay_ns = 1000000,
        .collect = collect,
    };
    struct exporter_counts last;
    atomic_store(&n_spans, 0);
    logger_init(&logger, ignore, NULL, WEIR_LOG_WARN);
    segment_pool_init(&pool, 256 << 10, 0);
    CHECK(exporter_start(&options, &exporter, NULL) == 0);
    run_threads(N_THREADS, use);
    (void)exporter_stop(exporter, in_ms(peer->is_deaf ? 1 : 5000), &last);
    uint64_t sum = last.acknowledged + last.rejected;
    for (size_t i = 0; i < WEIR_N_DROP_CAUSES; i++) {
        sum += last.dropped[i];
    }
    CHECK_EQUAL(last.taken, atomic_load(&n_spans));
    CHECK_EQUAL(sum, last.taken);
    CHECK_EQUAL(last.in_flight, 0);
    segment_pool_deinit(&pool);
}

int main(void) {
    static struct peer peers[N_ROUNDS]; /* a thread that was left behind still uses its own */
    for (int i = 0; i < N_ROUNDS; i++) {
        pthread_condattr_t monotonic;
        pthread_condattr_init(&monotonic);
        pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
        pthread_mutex_init(&peers[i].mutex, NULL);
        pthread_cond_init(&peers[i].changed, &monotonic);
        peers[i].is_deaf = i % 2 == 1;
        play(&peers[i]);
    }
    for (int i = 0; i < N_ROUNDS; i++) {
        while (!atomic_load(&peers[i].is_destroyed)) {
            wait_for_cancel(&peers[i], 5);
            sched_yield();
        }
    }
    return 0;
}
