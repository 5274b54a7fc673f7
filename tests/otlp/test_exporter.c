#include <string.h>
#include <unistd.h>

#include <weir/error.h>

#include "tests/support/exporter_rig.h"
#include "tests/support/fault.h"

static const struct script_step takes[] = {{.status = 200}};

/* ---- the way out ---- */

Test(exporter, sends_what_is_pushed_in_order) {
    START(takes, .timeout_ns = S(10));
    for (uint32_t i = 1; i <= 5; i++) {
        push(i);
    }
    cr_assert(eq(int, flush_in(S(10)), 0));
    cr_expect(eq(sz, script_n_posts(&rig.script), 5));
    for (size_t i = 1; i < 5; i++) {
        cr_expect(gt(sz, rig.script.sizes[i], rig.script.sizes[i - 1]));
    }
    cr_expect(eq(u64, counts().acknowledged, 15));
    cr_expect(eq(u64, counts().requests, 5));
    cr_expect(eq(u64, counts().retries, 0));
    cr_expect(rig.script.has_signals_blocked);
    cr_expect(eq(uint, rig.log.n, 0), "%s", rig.log.text);
    stop(15);
}

Test(exporter, a_nudge_collects_after_the_schedule_delay) {
    START(takes, .schedule_delay_ns = MS(20));
    rig.open = segment_of(3);
    uint64_t before = clock_now_ns();
    exporter_nudge(rig.exporter);
    exporter_nudge(rig.exporter);
    script_wait_posts(&rig.script, 1);
    cr_expect(ge(u64, rig.script.begun_ns[0] - before, MS(20)));
    cr_expect(eq(uint, rig.n_collected, 1));
    rig.open = segment_of(4); /* and again */
    exporter_nudge(rig.exporter);
    script_wait_posts(&rig.script, 2);
    stop(7);
}

Test(exporter, hurry_collects_at_once_but_not_for_every_call) {
    START(takes, .timeout_ns = S(10));
    rig.open = segment_of(1);
    exporter_hurry(rig.exporter);
    script_wait_posts(&rig.script, 1);
    uint64_t before = clock_now_ns();
    unsigned n_before = rig.n_collected;
    while (clock_now_ns() - before < MS(50)) {
        exporter_hurry(rig.exporter);
    }
    uint64_t ms = (clock_now_ns() - before) / MS(1);
    cr_expect(le(uint, rig.n_collected - n_before, ms / 10 + 2)); /* one in ten milliseconds */
    stop(1);
}

Test(exporter, flush_and_stop_collect_what_is_open) {
    START(takes, .timeout_ns = S(10));
    rig.open = segment_of(2);
    cr_assert(eq(int, flush_in(S(10)), 0));
    cr_expect(eq(u64, counts().acknowledged, 2));
    rig.open = segment_of(3);
    stop(5);
    cr_expect(eq(sz, script_n_posts(&rig.script), 2));
}

Test(exporter, flush_of_nothing_returns_at_once) {
    START(takes, .timeout_ns = S(10));
    cr_expect(eq(int, exporter_flush(rig.exporter, 0), 0)); /* a deadline that is over */
    cr_expect(eq(int, exporter_flush(rig.exporter, UINT64_MAX), 0));
    stop(0);
}

Test(exporter, sends_one_request_at_a_time) { /* (C23, E58, E59) */
    static const struct script_step steps[] = {{.wait = SCRIPT_UNTIL_CANCELLED}};
    START(steps, .timeout_ns = S(60));
    push(1);
    script_wait_posts(&rig.script, 1);
    push(2);
    rig.open = segment_of(3);
    exporter_hurry(rig.exporter);
    cr_expect(eq(int, flush_in(MS(50)), WEIR_E_TIMEOUT));
    cr_expect(eq(sz, script_n_posts(&rig.script), 1));
    script_release(&rig.script);
    cr_expect(eq(int, flush_in(S(10)), 0));
    cr_expect(eq(sz, script_n_posts(&rig.script), 3));
    stop(6);
}

/* ---- retries ---- */

Test(exporter, tries_again_what_may_pass) {
    static const struct script_step steps[] = {
        {.error = WEIR_E_IO}, {.status = 503}, {.status = 200}};
    START(steps, .timeout_ns = S(20));
    push(4);
    cr_assert(eq(int, flush_in(S(20)), 0));
    cr_expect(eq(u64, counts().acknowledged, 4));
    cr_expect(eq(u64, counts().requests, 3));
    cr_expect(eq(u64, counts().retries, 2));
    const uint64_t *begun = rig.script.begun_ns;
    cr_expect(begun[1] - begun[0] >= MS(250) && begun[2] - begun[1] >= MS(500)); /* with back-off */
    cr_expect(rig.script.bodies[0] == rig.script.bodies[2]);      /* the same memory */
    cr_expect(eq(u64, rig.script.by_ns[0], rig.script.by_ns[2])); /* one deadline for all */
    cr_expect(eq(uint, rig.log.n, 0), "%s", rig.log.text);
    stop(4);
}

Test(exporter, honours_retry_after) {
    static const struct script_step steps[] = {{.status = 429, .retry_after_ms = 900},
                                               {.status = 200}};
    START(steps, .timeout_ns = S(20));
    push(1);
    cr_assert(eq(int, flush_in(S(20)), 0));
    cr_expect(ge(u64, rig.script.begun_ns[1] - rig.script.begun_ns[0], MS(900)));
    stop(1);
}

Test(exporter, gives_up_at_once_what_will_not_pass) {
    static const struct script_step steps[] = {{.status = 400},
                                               {.status = 301},
                                               {.error = WEIR_E_INVALID},
                                               {.error = WEIR_E_TOO_LARGE},
                                               {.error = WEIR_E_NO_MEMORY}};
    START(steps, .timeout_ns = S(10));
    for (uint32_t i = 0; i < 5; i++) {
        push(2);
        cr_expect(eq(int, flush_in(S(10)), WEIR_E_IO));
    }
    cr_expect(eq(u64, counts().dropped[WEIR_DROP_EXPORT_FAILED], 8));
    cr_expect(eq(u64, counts().dropped[WEIR_DROP_NO_MEMORY], 2));
    cr_expect(eq(u64, counts().requests, 5));
    stop(10);
}

Test(exporter, gives_up_when_the_next_attempt_would_be_too_late) {
    static const struct script_step steps[] = {{.status = 503}};
    START(steps, .timeout_ns = MS(100)); /* the first back-off is 250 ms at least */
    push(3);
    cr_expect(eq(int, flush_in(S(10)), WEIR_E_IO));
    cr_expect(eq(u64, counts().dropped[WEIR_DROP_EXPORT_FAILED], 3));
    cr_expect(eq(u64, counts().requests, 1));
    stop(3);
}

Test(exporter, a_silent_peer_costs_one_timeout) {
    static const struct script_step steps[] = {{.wait = SCRIPT_UNTIL_CANCELLED}};
    START(steps, .timeout_ns = MS(50));
    push(3);
    cr_expect(eq(int, flush_in(S(10)), WEIR_E_IO));
    cr_expect(eq(u64, counts().dropped[WEIR_DROP_EXPORT_FAILED], 3));
    stop(3);
}

Test(exporter, no_timeout_means_no_deadline) {
    static const struct script_step steps[] = {{.status = 503}, {.status = 200}};
    START(steps, .timeout_ns = 0);
    push(1);
    cr_expect(eq(int, exporter_flush(rig.exporter, UINT64_MAX), 0));
    cr_expect(eq(u64, rig.script.by_ns[0], UINT64_MAX));
    stop(1);
}

Test(exporter, a_peer_that_wants_a_pause_is_left_alone) {
    static const struct script_step steps[] = {{.status = 429, .retry_after_ms = 60000},
                                               {.status = 200}};
    START(steps, .timeout_ns = S(10));
    push(1);
    cr_expect(eq(int, flush_in(S(120)), WEIR_E_IO)); /* cannot be retried in its ten seconds */
    uint64_t before = clock_now_ns();
    push(2);
    cr_expect(eq(int, flush_in(S(20)), WEIR_E_TIMEOUT)); /* plainly cannot be met: no waiting */
    struct exporter_counts last;
    cr_expect(eq(int, stop_in(S(20), 3, &last), WEIR_E_TIMEOUT));
    cr_expect(lt(u64, clock_now_ns() - before, S(15)));
    cr_expect(eq(u64, last.dropped[WEIR_DROP_EXPORT_FAILED], 1));
    cr_expect(eq(u64, last.dropped[WEIR_DROP_SHUTDOWN_DEADLINE], 2));
    cr_expect(eq(sz, script_n_posts(&rig.script), 1));
}

Test(exporter, a_disk_is_not_tried_again) {
    static const struct script_step steps[] = {
        {.error = WEIR_E_IO, .detail = "/x is full"}, {.error = WEIR_E_INVALID}, {.status = 200}};
    ADD_PIPELINE(steps, S(10))->transport.is_disk = true;
    start_pipelines();
    push(5);
    cr_expect(eq(int, flush_in(S(10)), WEIR_E_IO));
    cr_expect(eq(u64, counts().dropped[WEIR_DROP_DISK], 5));
    push(1);
    cr_expect(eq(int, flush_in(S(10)), WEIR_E_IO));
    cr_expect(eq(u64, counts().dropped[WEIR_DROP_EXPORT_FAILED], 1));
    push(1);
    cr_expect(eq(int, flush_in(S(10)), 0));
    cr_expect(eq(u64, counts().requests, 3));
    stop(7);
}

/* ---- partial success ---- */

static const uint8_t rejects_7[] = {0x0a, 0x09, 0x08, 0x07, 0x12, 0x05, 'q', 'u', 'o', 't', 'a'};
static const uint8_t rejects_1000[] = {0x0a, 0x03, 0x08, 0xe8, 0x07};
static const uint8_t rejects_minus_1[] = {0x0a, 0x0b, 0x08, 0xff, 0xff, 0xff, 0xff,
                                          0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
static const uint8_t warns[] = {0x0a, 0x05, 0x12, 0x03, 'o', 'l', 'd'};

Test(exporter, counts_and_tells_what_was_rejected) {
    static const struct script_step steps[] = {{.body = rejects_7, .n_bytes = sizeof rejects_7}};
    START(steps, .timeout_ns = S(10));
    push(10);
    cr_expect(eq(int, flush_in(S(10)), WEIR_E_IO));
    cr_expect(eq(u64, counts().rejected, 7));
    cr_expect(eq(u64, counts().acknowledged, 3));
    cr_expect(eq(u64, counts().requests, 1)); /* not retried (B21) */
    expect_text(rig.log.text, "the endpoint rejected 7 of the spans: quota\n");
    push(10); /* within the minute: counted, not told */
    (void)flush_in(S(10));
    cr_expect(eq(u64, counts().rejected, 14));
    cr_expect(eq(uint, rig.log.n, 1));
    stop(20);
}

Test(exporter, believes_no_impossible_number) {
    static const struct script_step steps[] = {
        {.body = rejects_1000, .n_bytes = sizeof rejects_1000},
        {.body = rejects_minus_1, .n_bytes = sizeof rejects_minus_1}};
    START(steps, .timeout_ns = S(10));
    push(10);
    push(20);
    (void)flush_in(S(10));
    cr_expect(eq(u64, counts().rejected, 10));
    cr_expect(eq(u64, counts().acknowledged, 20));
    stop(30);
}

Test(exporter, passes_a_warning_on) {
    static const struct script_step steps[] = {{.body = warns, .n_bytes = sizeof warns}};
    START(steps, .timeout_ns = S(10));
    push(1);
    cr_expect(eq(int, flush_in(S(10)), 0));
    expect_text(rig.log.text, "the endpoint took all spans and warns: old\n");
    stop(1);
}

Test(exporter, wonders_once_about_an_answer_that_is_no_otlp) {
    static const struct script_step steps[] = {{.body = "<html>", .n_bytes = 6}};
    START(steps, .timeout_ns = S(10));
    push(1);
    push(1);
    cr_expect(eq(int, flush_in(S(10)), 0));
    cr_expect(eq(u64, counts().acknowledged, 2));
    cr_expect(eq(uint, rig.log.n, 1));
    cr_expect(strstr(rig.log.text, "said yes, but not in OTLP") != NULL);
    stop(2);
}

/* ---- what is said ---- */

Test(exporter, says_once_that_a_loss_begins_and_once_that_it_ends) {
    static const uint8_t status[] = {0x08, 0x03, 0x12, 0x07, 'b', 'a', 'd', '\n', 0xff, 'i', 'd'};
    static const struct script_step steps[] = {{.status = 400,
                                                .detail = "http://h/ answered 400",
                                                .body = status,
                                                .n_bytes = sizeof status},
                                               {.status = 400},
                                               {.status = 200},
                                               {.status = 418}};
    START(steps, .timeout_ns = S(10));
    push(1);
    (void)flush_in(S(10));
    expect_text(rig.log.text, "spans are being lost: http://h/ answered 400; it says: \"bad "
                              "\xef\xbf\xbdid\"\n");
    push(2);
    (void)flush_in(S(10));
    cr_expect(eq(uint, rig.log.n, 1));
    push(4);
    (void)flush_in(S(10));
    cr_expect(kept_log_has(&rig.log, "spans arrive again; lost meanwhile: 3\n"));
    push(8);
    (void)flush_in(S(10));
    cr_expect(kept_log_has(&rig.log, "spans are being lost: the answer was 418\n"));
    cr_expect(eq(uint, rig.log.n, 3));
    stop(15);
}

/* ---- the end ---- */

Test(exporter, stop_sends_the_rest_first) {
    START(takes, .timeout_ns = S(10));
    for (int i = 0; i < 20; i++) {
        push(10);
    }
    struct exporter_counts last;
    cr_expect(eq(int, stop_in(S(10), 200, &last), 0));
    cr_expect(eq(u64, last.acknowledged, 200));
}

Test(exporter, stop_returns_by_its_deadline_and_says_what_was_lost) {
    static const struct script_step steps[] = {{.wait = SCRIPT_UNTIL_CANCELLED}};
    START(steps, .timeout_ns = 0);
    push(3);
    push(4);
    rig.open = segment_of(5);
    uint64_t before = clock_now_ns();
    struct exporter_counts last;
    cr_expect(eq(int, stop_in(MS(50), 12, &last), WEIR_E_TIMEOUT));
    uint64_t took = clock_now_ns() - before;
    cr_expect(took >= MS(50) && took < S(5)); /* a loaded machine may be late, but not for ever */
    cr_expect(eq(u64, last.dropped[WEIR_DROP_SHUTDOWN_DEADLINE], 12));
    if (!script_is_destroyed(&rig.script)) { /* a loaded machine: the post came back too late */
        cr_expect(kept_log_has(&rig.log, "12 spans were not sent before the close: "));
        script_wait_destroyed(&rig.script);
        return;
    }
    expect_text(rig.log.text,
                "12 spans were not sent before the close: sending failed: timed out\n");
    cr_expect(eq(sz, segment_pool_held_bytes(&rig.pool), 0));
}

Test(exporter, stop_leaves_a_deaf_transport_behind) {
    static const struct script_step steps[] = {{.wait = SCRIPT_DEAF}};
    START(steps, .timeout_ns = S(1));
    push(3);
    push(4);
    script_wait_posts(&rig.script, 1);
    struct exporter_counts last;
    cr_expect(eq(int, stop_in(MS(50), 7, &last), WEIR_E_TIMEOUT));
    cr_expect(eq(u64, last.dropped[WEIR_DROP_SHUTDOWN_DEADLINE], 7));
    cr_expect(not(script_is_destroyed(&rig.script)));
    segment_pool_deinit(
        &rig.pool); /* the owner goes on: the pool is gone when the post comes back */
    memset(&rig.pool, 0xa5, sizeof rig.pool);
    script_release(&rig.script);
    script_wait_destroyed(&rig.script);
}

Test(exporter, stop_with_no_time_at_all_still_counts) {
    static const struct script_step steps[] = {{.wait = SCRIPT_UNTIL_CANCELLED}};
    START(steps, .timeout_ns = S(10));
    push(3);
    push(4);
    struct exporter_counts last;
    cr_expect(eq(int, exporter_stop(rig.exporter, 0, &last), WEIR_E_TIMEOUT));
    expect_sum(&last, 7);
    script_wait_destroyed(&rig.script); /* at once, or when its thread comes back */
}

Test(exporter, stop_waits_for_no_retry_beyond_its_deadline) {
    static const struct script_step steps[] = {{.status = 503, .retry_after_ms = 3600000}};
    START(steps, .timeout_ns = 0);
    push(1);
    script_wait_posts(&rig.script, 1);
    uint64_t before = clock_now_ns();
    struct exporter_counts last;
    cr_expect(eq(int, stop_in(S(50), 1, &last), WEIR_E_TIMEOUT));
    cr_expect(lt(u64, clock_now_ns() - before, S(25)));
    cr_expect(eq(u64, last.dropped[WEIR_DROP_SHUTDOWN_DEADLINE], 1));
}

Test(exporter, flush_returns_by_its_deadline_and_leaves_the_post_alone) {
    static const struct script_step steps[] = {{.wait = SCRIPT_UNTIL_CANCELLED}};
    START(steps, .timeout_ns = S(60));
    push(3);
    cr_expect(eq(int, flush_in(MS(20)), WEIR_E_TIMEOUT));
    cr_expect(eq(u64, counts().in_flight, 3));
    script_release(&rig.script);
    cr_expect(eq(int, flush_in(S(10)), 0));
    cr_expect(eq(u64, counts().acknowledged, 3));
    stop(3);
}

/* A host whose log callback does not come back. */
static void hang(weir_log_level level, const char *message, void *data) {
    (void)level;
    kept_log_fn(level, message, data);
    for (;;) {
        pause();
    }
}

Test(exporter, stop_leaves_a_hanging_log_callback_behind) {
    static const struct script_step steps[] = {{.status = 400}, {.status = 200}};
    (void)ADD_PIPELINE(steps, S(10));
    struct exporter_options options = exporter_options(S(10));
    logger_init(&rig.logger, hang, &rig.log, WEIR_LOG_WARN);
    cr_assert(eq(int, exporter_start(&options, &rig.exporter, NULL), 0));
    push(5);
    kept_log_wait(&rig.log, 1);
    struct exporter_counts last;
    cr_expect(eq(int, stop_in(MS(20), 5, &last), WEIR_E_IO)); /* not to the deadline */
    cr_expect(eq(u64, last.dropped[WEIR_DROP_EXPORT_FAILED], 5));
}

Test(exporter, a_halted_exporter_still_counts) {
    START(takes, .timeout_ns = S(10));
    rig.open = segment_of(2);
    exporter_halt(rig.exporter, clock_now_ns() + S(10)); /* as at exit, before a late close */
    cr_expect(eq(u64, counts().acknowledged, 2));
    push(3);
    rig.open = segment_of(4);
    cr_expect(eq(int, flush_in(S(10)), WEIR_E_IO)); /* nothing is sent any more */
    struct exporter_counts last;
    cr_expect(eq(int, stop_in(S(10), 9, &last), WEIR_E_TIMEOUT));
    cr_expect(eq(u64, last.dropped[WEIR_DROP_SHUTDOWN_DEADLINE], 7));
    cr_expect(script_is_destroyed(&rig.script));
}

Test(exporter, start_fails_cleanly_when_memory_is_short) {
    FAULT_FOR_EACH_ALLOCATION(n) {
        rig.n_pipelines = 0;
        (void)ADD_PIPELINE(takes, 0);
        (void)ADD_PIPELINE(takes, 0);
        const struct exporter_options options = exporter_options(S(10));
        weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
        struct exporter *exporter = NULL;
        int error = exporter_start(&options, &exporter, &detail);
        cr_assert(eq(int, error, fault_has_struck() ? WEIR_E_NO_MEMORY : 0));
        cr_assert(eq(int, exporter != NULL, error == 0));
        if (error == 0) {
            (void)exporter_stop(exporter, clock_now_ns() + S(10), NULL);
        } else {
            cr_expect(not(script_is_destroyed(&rig.script))); /* still the caller's */
        }
    }
}

/* Texts of a peer are copied for the log; when that fails, only the text is missing. */
Test(exporter, counts_right_when_memory_is_short) {
    static const struct script_step steps[] = {
        {.body = rejects_7, .n_bytes = sizeof rejects_7},
        {.status = 400, .body = "\x08\x03\x12\x03why", .n_bytes = 7}};
    for (size_t n = 1, goes_on = 1; goes_on; n++) {
        START(steps, .timeout_ns = S(10));
        struct segment *first = segment_of(10), *second = segment_of(5);
        goes_on = fault_arm(n, false); /* from here on: what the exporter's thread allocates */
        exporter_push(rig.exporter, first);
        exporter_push(rig.exporter, second);
        stop(15);
        fault_disarm();
    }
}
