/* Several destinations (conformance B32): what they share, and what each has for itself. */
#include <string.h>

#include <weir/error.h>

#include "tests/support/exporter_rig.h"

static const struct script_step takes[] = {{.status = 200}};
static const struct script_step refuses[] = {{.status = 400}};
static const struct script_step is_silent[] = {{.wait = SCRIPT_UNTIL_CANCELLED}};

/* ---- bytes, retries and counts ---- */

Test(exporter_pipelines, share_the_bytes_of_a_request) {
    (void)ADD_PIPELINE(takes, S(10));
    (void)ADD_PIPELINE(takes, S(10));
    (void)ADD_PIPELINE(refuses, S(10));
    start_pipelines();
    push(3);
    push(4);
    cr_expect(eq(int, flush_in(S(10)), WEIR_E_IO)); /* one of them lost spans */
    for (size_t i = 0; i < 2; i++) {
        cr_expect(rig.scripts[0].bodies[i] == rig.scripts[1].bodies[i]);
        cr_expect(rig.scripts[0].bodies[i] == rig.scripts[2].bodies[i]);
    }
    cr_expect(eq(u64, counts_of(0).acknowledged, 7));
    cr_expect(eq(u64, counts_of(1).acknowledged, 7));
    cr_expect(eq(u64, counts_of(2).dropped[WEIR_DROP_EXPORT_FAILED], 7));
    expect_text(rig.log.text, "pipeline 3: spans are being lost: the answer was 400\n");
    stop(7);
}

Test(exporter_pipelines, retry_each_for_itself) {
    static const struct script_step fails_twice[] = {
        {.error = WEIR_E_IO}, {.status = 503}, {.status = 200}};
    (void)ADD_PIPELINE(fails_twice, S(20));
    (void)ADD_PIPELINE(takes, S(20));
    start_pipelines();
    push(2);
    push(2);
    cr_expect(eq(int, flush_in(S(20)), 0));
    cr_expect(eq(u64, counts_of(0).requests, 4));
    cr_expect(eq(u64, counts_of(0).retries, 2));
    cr_expect(eq(u64, counts_of(1).requests, 2));
    cr_expect(eq(u64, counts_of(1).retries, 0));
    /* The other one did not wait for the first one's retries. */
    cr_expect(lt(u64, rig.scripts[1].begun_ns[1], rig.scripts[0].begun_ns[1]));
    stop(4);
}

Test(exporter_pipelines, are_held_back_each_for_itself) {
    static const struct script_step wants_a_pause[] = {{.status = 429, .retry_after_ms = 60000}};
    (void)ADD_PIPELINE(wants_a_pause, S(10));
    (void)ADD_PIPELINE(takes, S(10));
    start_pipelines();
    push(1);
    cr_expect(eq(int, flush_in(S(10)), WEIR_E_IO)); /* cannot be retried in its ten seconds */
    push(2);
    cr_expect(
        eq(int, flush_in(S(10)), WEIR_E_TIMEOUT)); /* the first one waits; the other need not */
    cr_expect(eq(u64, counts_of(0).dropped[WEIR_DROP_EXPORT_FAILED], 1));
    cr_expect(eq(u64, counts_of(1).acknowledged, 3));
    stop(3);
}

Test(exporter_pipelines, have_timeouts_of_their_own) {
    (void)ADD_PIPELINE(is_silent, MS(30));
    (void)ADD_PIPELINE(takes, S(77));
    start_pipelines();
    uint64_t before = clock_now_ns();
    push(1);
    cr_expect(eq(int, flush_in(S(20)), WEIR_E_IO));
    cr_expect(lt(u64, rig.scripts[0].by_ns[0], before + S(70)));
    cr_expect(gt(u64, rig.scripts[1].by_ns[0], before + S(70)));
    stop(1);
}

Test(exporter_pipelines, collect_while_one_is_busy) {
    (void)ADD_PIPELINE(is_silent, S(60));
    (void)ADD_PIPELINE(takes, S(60));
    const struct exporter_options options = exporter_options(MS(10));
    cr_assert(eq(int, exporter_start(&options, &rig.exporter, NULL), 0));
    push(1);
    script_wait_posts(&rig.scripts[0], 1); /* and does not come back */
    rig.open = segment_of(2);
    exporter_nudge(rig.exporter);
    script_wait_posts(&rig.scripts[1], 2);
    script_release(&rig.scripts[0]);
    stop(3);
}

/* ---- memory ---- */

/* Of a size of their own, so that some fill a share. */
static void push_large(void) {
    bool is_no_memory;
    struct segment *segment =
        segment_take(&rig.pool, &rig.scope, RIG_POOL_BYTES / 32, 0, &is_no_memory);
    cr_assert(segment != NULL);
    memset(segment_room(segment, 2), 0, 2);
    segment_commit(segment, 2);
    exporter_push(rig.exporter, segment);
}

static void wait_until_acknowledged(size_t index, uint64_t n_spans) {
    script_wait_posts(&rig.scripts[index], 1);
    while (counts_of(index).acknowledged < n_spans) {
        sched_yield();
    }
}

Test(exporter_pipelines, one_that_lags_keeps_its_share_of_the_memory_only) {
    enum { N = 60 };
    (void)ADD_PIPELINE(is_silent, S(60));
    (void)ADD_PIPELINE(takes, S(60));
    start_pipelines();
    for (uint64_t i = 1; i <= N; i++) {
        push_large();
        wait_until_acknowledged(1, i);
        cr_assert(le(sz, segment_pool_held_bytes(&rig.pool), RIG_POOL_BYTES / 2));
    }
    script_wait_posts(&rig.scripts[0], 1);
    struct exporter_counts lagging = counts_of(0);
    uint64_t n_lost = lagging.dropped[WEIR_DROP_QUEUE_FULL];
    cr_expect(gt(u64, n_lost, N / 2));
    cr_expect(lt(u64, n_lost, N));
    cr_expect(eq(u64, counts_of(1).dropped[WEIR_DROP_QUEUE_FULL], 0));
    cr_expect(eq(u64, lagging.taken, n_lost + 1)); /* one is under way */

    script_release(&rig.scripts[0]);
    cr_expect(eq(int, flush_in(S(20)), WEIR_E_IO)); /* what it lost */
    cr_expect(eq(u64, counts_of(0).acknowledged, N - n_lost));
    kept_log_wait(&rig.log, 2);
    char text[256];
    snprintf(text, sizeof text,
             "pipeline 1: its share of the queue is full: it loses new spans until it has caught "
             "up\npipeline 1: its queue has room again: it lost %" PRIu64 " spans\n",
             n_lost);
    expect_text(rig.log.text, text);
    cr_expect(eq(int, flush_in(S(20)), 0));
    stop(N);
}

Test(exporter_pipelines, one_alone_has_all_the_memory) {
    enum { N = 15 };
    (void)ADD_PIPELINE(is_silent, S(60));
    start_pipelines();
    for (uint64_t i = 1; i <= N; i++) {
        push_large();
    }
    cr_expect(gt(sz, segment_pool_held_bytes(&rig.pool), RIG_POOL_BYTES / 10 * 9));
    script_release(&rig.scripts[0]);
    cr_expect(eq(int, flush_in(S(20)), 0));
    cr_expect(eq(u64, counts_of(0).acknowledged, N));
    stop(N);
}

/* ---- the end ---- */

Test(exporter_pipelines, stop_by_one_deadline_for_all) {
    (void)ADD_PIPELINE(is_silent, 0);
    (void)ADD_PIPELINE(takes, 0);
    (void)ADD_PIPELINE(is_silent, 0);
    start_pipelines();
    push(5);
    wait_until_acknowledged(1, 5);
    uint64_t before = clock_now_ns();
    struct exporter_counts last[RIG_MAX_PIPELINES];
    cr_expect(eq(int, stop_in(MS(200), 5, last), WEIR_E_TIMEOUT));
    uint64_t took = clock_now_ns() - before;
    cr_expect(took >= MS(200) && took < S(5));
    cr_expect(eq(u64, last[0].dropped[WEIR_DROP_SHUTDOWN_DEADLINE], 5));
    cr_expect(eq(u64, last[1].acknowledged, 5));
    cr_expect(eq(u64, last[2].dropped[WEIR_DROP_SHUTDOWN_DEADLINE], 5));
    cr_expect(eq(uint, rig.log.n, 2));
    cr_expect(kept_log_has(&rig.log, "pipeline 1: 5 spans were not sent before the close: "));
    cr_expect(kept_log_has(&rig.log, "pipeline 3: 5 spans were not sent before the close: "));
    for (size_t i = 0; i < rig.n_pipelines; i++) { /* a cancelled post may come back too late */
        script_wait_destroyed(&rig.scripts[i]);
    }
}

Test(exporter_pipelines, stop_leaves_only_the_deaf_ones_behind) {
    static const struct script_step deaf[] = {{.wait = SCRIPT_DEAF}};
    (void)ADD_PIPELINE(deaf, S(1));
    (void)ADD_PIPELINE(takes, S(1));
    (void)ADD_PIPELINE(deaf, S(1));
    start_pipelines();
    push(3);
    push(4);
    script_wait_posts(&rig.scripts[0], 1);
    script_wait_posts(&rig.scripts[2], 1);
    struct exporter_counts last[RIG_MAX_PIPELINES];
    cr_expect(eq(int, stop_in(MS(50), 7, last), WEIR_E_TIMEOUT));
    cr_expect(eq(u64, last[1].acknowledged, 7));
    cr_expect(script_is_destroyed(&rig.scripts[1]));
    segment_pool_deinit(&rig.pool); /* the owner goes on */
    memset(&rig.pool, 0xa5, sizeof rig.pool);
    script_release(&rig.scripts[2]); /* the bytes that both read are freed with the last one */
    script_wait_destroyed(&rig.scripts[2]);
    cr_expect(not(script_is_destroyed(&rig.scripts[0])));
    script_release(&rig.scripts[0]);
    script_wait_destroyed(&rig.scripts[0]);
}

/* ---- what a transport makes of a request ---- */

static struct {
    unsigned n_calls;
    int error;
    uint8_t made[8];
} prepared;

static int prepare(void *data, const uint8_t *body, size_t n_bytes, const uint8_t **out,
                   size_t *n_out, weir_error_detail *detail) {
    (void)data;
    cr_assert(n_bytes > 0 && body[0] == 0x0a);
    prepared.n_calls++;
    if (prepared.error != 0) {
        snprintf(detail->message, sizeof detail->message, "cannot be packed");
        return prepared.error;
    }
    *out = prepared.made;
    *n_out = sizeof prepared.made;
    return 0;
}

Test(exporter_pipelines, prepare_a_request_once_for_all_attempts) {
    static const struct script_step steps[] = {{.status = 503}, {.status = 200}};
    ADD_PIPELINE(steps, S(20))->transport.prepare = prepare;
    (void)ADD_PIPELINE(takes, S(20));
    start_pipelines();
    push(3);
    cr_expect(eq(int, flush_in(S(20)), 0));
    cr_expect(eq(uint, prepared.n_calls, 1));
    cr_expect(eq(sz, script_n_posts(&rig.scripts[0]), 2));
    for (size_t i = 0; i < 2; i++) {
        cr_expect(rig.scripts[0].bodies[i] == prepared.made);
        cr_expect(eq(sz, rig.scripts[0].sizes[i], sizeof prepared.made));
    }
    cr_expect(rig.scripts[1].bodies[0] != prepared.made); /* the other one posts the segment */
    stop(3);
}

Test(exporter_pipelines, give_up_what_cannot_be_prepared) {
    ADD_PIPELINE(takes, S(20))->transport.prepare = prepare;
    start_pipelines();
    static const int errors[] = {WEIR_E_TOO_LARGE, WEIR_E_NO_MEMORY, WEIR_E_SYNTAX};
    for (size_t i = 0; i < ARRAY_LENGTH(errors); i++) {
        prepared.error = errors[i];
        push(2);
        cr_expect(eq(int, flush_in(S(10)), WEIR_E_IO));
    }
    cr_expect(eq(sz, script_n_posts(&rig.script), 0));
    cr_expect(eq(u64, counts().dropped[WEIR_DROP_EXPORT_FAILED], 4));
    cr_expect(eq(u64, counts().dropped[WEIR_DROP_NO_MEMORY], 2));
    expect_text(rig.log.text, "spans are being lost: cannot be packed\n");
    stop(6);
}
