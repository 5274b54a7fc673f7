/*
 * Threads that push, nudge, hurry, flush and read the counters of one exporter with two pipelines,
 * whose peers answer at random, come back late, or not at all before it is stopped; with threads
 * of its own, and driven by one of ours: in each pipeline every span has one fate.
 */
#include <poll.h>
#include <stdatomic.h>
#include <string.h>

#include "otlp/common/clock.h"
#include "otlp/common/id.h"
#include "otlp/common/lock.h"
#include "otlp/exporter.h"
#include "tests/stress/stress.h"

enum { N_THREADS = 8, N_SEGMENTS = 200, N_ROUNDS = 6, N_PIPELINES = 2 };

static struct exporter *exporter;
static struct segment_pool pool;
static const struct scope scope;
static struct lock open_lock; /* guards open */
static struct segment *open;
static _Atomic uint64_t n_spans;
static atomic_bool is_over; /* for the thread that ticks */

static uint64_t in_ms(uint64_t ms) {
    return clock_now_ns() + ms * NS_PER_MS;
}

/* ---- the peer ---- */

struct peer {
    pthread_mutex_t mutex; /* guards is_cancelled */
    pthread_cond_t changed;
    bool is_cancelled;
    bool is_deaf;     /* does not hear a cancel */
    bool never_waits; /* answers at once */
    atomic_bool is_destroyed;
};

static void wait_for_cancel(struct peer *peer, uint64_t ms) {
    uint64_t by_ns = in_ms(ms);
    struct timespec by = clock_timespec(by_ns);
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
    if (random % 97 == 0 && !peer->never_waits) {
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
        exporter_get_counts(exporter, (size_t)i % N_PIPELINES, &counts);
        CHECK(counts.taken <= atomic_load(&n_spans));
    }
    return NULL;
}

/* The host's loop. */
static void *drive(void *unused) {
    (void)unused;
    while (!atomic_load(&is_over)) {
        struct pollfd fd = {.fd = exporter_poll_fd(exporter), .events = POLLIN};
        (void)poll(&fd, 1, 1);
        (void)exporter_tick(exporter);
    }
    return NULL;
}

static void use_all(bool is_driven) {
    pthread_t driver;
    atomic_store(&is_over, false);
    if (is_driven) {
        CHECK(pthread_create(&driver, NULL, drive, NULL) == 0);
    }
    run_threads(N_THREADS, use);
    atomic_store(&is_over, true);
    if (is_driven) {
        CHECK(pthread_join(driver, NULL) == 0);
    }
}

static void check(const struct exporter_counts *last) {
    uint64_t sum = last->acknowledged + last->rejected;
    for (size_t i = 0; i < WEIR_N_DROP_CAUSES; i++) {
        sum += last->dropped[i];
    }
    CHECK_EQUAL(last->taken, atomic_load(&n_spans));
    CHECK_EQUAL(sum, last->taken);
    CHECK_EQUAL(last->in_flight, 0);
}

static void play(struct peer peers[N_PIPELINES], bool is_driven) {
    struct logger logger;
    struct exporter_destination destinations[N_PIPELINES];
    struct exporter_counts last[N_PIPELINES];
    for (size_t i = 0; i < N_PIPELINES; i++) {
        destinations[i] = (struct exporter_destination){
            .transport = {.size = sizeof(weir_transport),
                          .post = post,
                          .cancel = cancel,
                          .destroy = destroy,
                          .data = &peers[i]},
            .timeout_ns = UINT64_C(10000000000),
        };
    }
    const struct exporter_options options = {
        .destinations = destinations,
        .n_destinations = N_PIPELINES,
        .pool = &pool,
        .logger = &logger,
        .has_no_thread = is_driven,
        .schedule_delay_ns = 1000000,
        .collect = collect,
    };
    atomic_store(&n_spans, 0);
    logger_init(&logger, ignore, NULL, WEIR_LOG_WARN);
    segment_pool_init(&pool, 256 << 10, 0);
    CHECK(exporter_start(&options, &exporter, NULL) == 0);
    use_all(is_driven);
    (void)exporter_stop(exporter, in_ms(peers[0].is_deaf ? 1 : 5000), last);
    for (size_t i = 0; i < N_PIPELINES; i++) {
        check(&last[i]);
    }
    segment_pool_deinit(&pool);
}

static void init_peer(struct peer *peer) {
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&peer->mutex, NULL);
    pthread_cond_init(&peer->changed, &monotonic);
}

int main(void) {
    /* A thread that was left behind still uses its own. */
    static struct peer peers[N_ROUNDS][N_PIPELINES];
    for (int i = 0; i < N_ROUNDS; i++) {
        bool is_driven = i % 3 == 2;
        for (int j = 0; j < N_PIPELINES; j++) {
            init_peer(&peers[i][j]);
            peers[i][j].is_deaf = !is_driven && i % 2 == 1;
            peers[i][j].never_waits = is_driven;
        }
        play(peers[i], is_driven);
    }
    for (int i = 0; i < N_ROUNDS * N_PIPELINES; i++) {
        struct peer *peer = &peers[i / N_PIPELINES][i % N_PIPELINES];
        while (!atomic_load(&peer->is_destroyed)) {
            wait_for_cancel(peer, 5);
            sched_yield();
        }
    }
    return 0;
}
