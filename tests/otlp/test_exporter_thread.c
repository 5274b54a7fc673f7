/* When an exporter's thread sleeps, and who wakes it. */
#include <time.h>

#include <weir/error.h>

#include "otlp/common/alloc.h"
#include "tests/support/exporter_rig.h"

static const struct script_step takes[] = {{.status = 200}};

static struct pipeline *first(void) {
    return &rig.exporter->pipelines[0];
}

/* 0: its thread is up. */
static uint64_t looks_at_ns(void) {
    pthread_mutex_lock(&rig.exporter->mutex);
    uint64_t at_ns = first()->looks_at_ns;
    pthread_mutex_unlock(&rig.exporter->mutex);
    return at_ns;
}

static void wait_for_sleep_until(uint64_t at_ns) {
    const struct timespec moment = {.tv_nsec = 200000};
    while (looks_at_ns() != at_ns) {
        (void)nanosleep(&moment, NULL);
    }
}

/* ---- asleep ---- */

Test(exporter_thread, sleeps_for_good_when_it_has_looked_in_vain) {
    START(takes, .timeout_ns = S(10));
    wait_for_sleep_until(UINT64_MAX);
    push(1);
    script_wait_posts(&rig.script, 1); /* nobody but the push has woken it */
    wait_for_sleep_until(UINT64_MAX);
    stop(1);
}

Test(exporter_thread, gives_memory_back_before_it_sleeps) {
    enum { MANY = 4 };
    struct segment *segments[MANY];
    bool is_no_memory;
    START(takes, .timeout_ns = S(10));
    for (int i = 0; i < MANY; i++) {
        segments[i] = segment_take(&rig.pool, &rig.scope, SEGMENT_MAX_BYTES / 2, 0, &is_no_memory);
        cr_assert(segments[i] != NULL);
        segment_commit(segments[i], 0);
        exporter_push(rig.exporter, segments[i]);
    }
    cr_assert(eq(int, flush_in(S(10)), 0));
    wait_for_sleep_until(UINT64_MAX);
    cr_expect(le(sz, atomic_load(&rig.pool.used_bytes), SEGMENT_KEEP_BYTES));
    stop(MANY);
}

/* ---- who is woken ---- */

/* An exporter without a thread behind it, in whose pipeline one seems to sleep until then. */
static struct pipeline *sleeper(uint64_t until_ns) {
    struct exporter *exporter = mem_zalloc(sizeof *exporter + sizeof exporter->pipelines[0]);
    cr_assert(exporter != NULL);
    segment_pool_init(&rig.pool, RIG_POOL_BYTES, 0);
    exporter->pool = &rig.pool;
    exporter->n_references = 1;
    exporter->n_pipelines = 1;
    exporter->pipelines[0].exporter = exporter;
    exporter->pipelines[0].looks_at_ns = until_ns;
    exporter_init_conditions(exporter);
    return &exporter->pipelines[0];
}

static void put_away(struct pipeline *pipeline) {
    exporter_unref(pipeline->exporter);
    segment_pool_deinit(&rig.pool);
}

/* What enqueue does. True when the thread was woken. */
static bool queue_wakes(struct pipeline *pipeline, struct segment *segment, size_t n_bytes) {
    segment->capacity = n_bytes;
    pipeline->first = pipeline->first != NULL ? pipeline->first : segment;
    pipeline->pinned_bytes += n_bytes;
    uint64_t before = pipeline->looks_at_ns;
    pipeline_wake_for(pipeline, segment);
    cr_assert(pipeline->looks_at_ns == 0 || pipeline->looks_at_ns == before);
    return before != 0 && pipeline->looks_at_ns == 0;
}

Test(exporter_thread, a_segment_wakes_who_sleeps_for_good) {
    struct segment segments[2] = {{0}};
    struct pipeline *pipeline = sleeper(UINT64_MAX);
    cr_expect(queue_wakes(pipeline, &segments[0], 1000));
    cr_expect(not(queue_wakes(pipeline, &segments[1], 1000))); /* he is up */
    put_away(pipeline);
}

Test(exporter_thread, a_segment_lets_a_doze_pass_unless_the_queue_gets_long) {
    struct segment segments[5] = {{0}};
    size_t quarter = RIG_POOL_BYTES / 4;
    struct pipeline *pipeline = sleeper(clock_now_ns());
    cr_expect(not(queue_wakes(pipeline, &segments[0], 1000)));
    cr_expect(not(queue_wakes(pipeline, &segments[1], quarter - 1000)));
    cr_expect(queue_wakes(pipeline, &segments[2], 1));
    pipeline->looks_at_ns = UINT64_MAX; /* until the peer wants to hear of us again, say */
    cr_expect(not(queue_wakes(pipeline, &segments[3], 1000)));
    cr_expect(not(queue_wakes(pipeline, &segments[4], 1000)));
    put_away(pipeline);
}

Test(exporter_thread, a_queue_with_room_for_few_spans_is_not_dozed_upon) {
    struct segment segment = {0};
    struct pipeline *pipeline = sleeper(clock_now_ns());
    rig.pool.max_spans = 2048;
    cr_expect(queue_wakes(pipeline, &segment, 1000));
    put_away(pipeline);
}

Test(exporter_thread, what_can_wait_wakes_nobody_who_looks_before) {
    struct pipeline *pipeline = sleeper(S(5));
    pipeline_wake_by(pipeline, S(5));
    cr_expect(eq(u64, pipeline->looks_at_ns, S(5)));
    pipeline_wake_by(pipeline, S(5) - 1);
    cr_expect(eq(u64, pipeline->looks_at_ns, 0));
    put_away(pipeline);
}

Test(exporter_thread, a_flush_lets_nobody_doze_over_a_queue) {
    struct segment segment = {0};
    struct pipeline *pipeline = sleeper(clock_now_ns());
    cr_expect(exporter_wait_concluded(pipeline->exporter, 0));
    cr_expect(ne(u64, pipeline->looks_at_ns, 0)); /* over none he may */
    cr_expect(not(queue_wakes(pipeline, &segment, 1000)));
    pipeline->n_pushed = 1;
    pthread_mutex_lock(&pipeline->exporter->mutex);
    cr_expect(not(exporter_wait_concluded(pipeline->exporter, 0)));
    pthread_mutex_unlock(&pipeline->exporter->mutex);
    cr_expect(eq(u64, pipeline->looks_at_ns, 0));
    put_away(pipeline);
}
