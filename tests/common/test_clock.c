#include <time.h>

#include "otlp/common/clock.h"
#include "otlp/common/macro.h"
#include "tests/support/clock.h"
#include "tests/support/expect.h"

static uint64_t now_ns(clockid_t id) {
    struct timespec now;
    clock_gettime(id, &now);
    return clock_ns_of(now);
}

Test(clock, system_reads_wall_and_monotonic_time) {
    weir_clock clock = clock_system();
    uint64_t before = now_ns(CLOCK_REALTIME);
    uint64_t unix_ns = clock_unix(&clock);
    cr_assert(le(u64, before, unix_ns));
    cr_assert(le(u64, unix_ns, now_ns(CLOCK_REALTIME)));
    before = now_ns(CLOCK_MONOTONIC);
    uint64_t monotonic_ns = clock_monotonic(&clock);
    cr_assert(le(u64, before, monotonic_ns));
    cr_assert(le(u64, monotonic_ns, now_ns(CLOCK_MONOTONIC)));
}

Test(clock, a_host_clock_is_taken_and_a_half_filled_one_is_not) {
    struct fake_clock fake = FAKE_CLOCK_INIT;
    weir_clock host = fake_clock_public(&fake);
    weir_clock taken = clock_or_system(&host);
    cr_assert(eq(u64, clock_unix(&taken), UINT64_C(1704067200000000000)));
    cr_assert(eq(u64, clock_monotonic(&taken), UINT64_C(5000000000)));

    weir_clock system = clock_system();
    weir_clock without_monotonic = {.unix_ns = host.unix_ns, .data = &fake};
    weir_clock without_unix = {.monotonic_ns = host.monotonic_ns, .data = &fake};
    const weir_clock *const halves[] = {NULL, &without_monotonic, &without_unix};
    for (size_t i = 0; i < sizeof halves / sizeof *halves; i++) {
        weir_clock clock = clock_or_system(halves[i]);
        cr_assert(clock.unix_ns == system.unix_ns, "%zu", i);
        cr_assert(clock.monotonic_ns == system.monotonic_ns, "%zu", i);
    }
}

Test(clock, an_anchor_gives_wall_time_after_and_before_it) {
    struct fake_clock fake = FAKE_CLOCK_INIT;
    weir_clock clock = fake_clock_public(&fake);
    struct clock_anchor anchor = clock_anchor_take(&clock);
    uint64_t monotonic = clock_monotonic(&clock), unix_ns = clock_unix(&clock);
    cr_assert(eq(u64, clock_anchor_unix(&anchor, monotonic), unix_ns));
    cr_assert(eq(u64, clock_anchor_unix(&anchor, monotonic + 7), unix_ns + 7));
    cr_assert(eq(u64, clock_anchor_unix(&anchor, monotonic - 7), unix_ns - 7));
}

/* A clock on which time passes between readings: so much before the nth. */
struct halting_clock {
    uint64_t now_ns, n_readings, n_slow;
};

static uint64_t halting_ns(void *data) {
    struct halting_clock *halting = data;
    halting->now_ns += halting->n_readings++ < halting->n_slow ? MS(5) : 20;
    return halting->now_ns;
}

Test(clock, an_anchor_is_taken_again_when_something_came_between_its_readings) {
    for (uint64_t n_slow = 0; n_slow < 20; n_slow++) {
        struct halting_clock halting = {.now_ns = S(1), .n_slow = n_slow};
        weir_clock clock = {halting_ns, halting_ns, &halting}; /* the same time on both */
        struct clock_anchor anchor = clock_anchor_take(&clock);
        uint64_t n_tries = halting.n_readings / 3;
        cr_expect(eq(u64, n_tries, n_slow <= 1 ? 1 : MIN((n_slow + 4) / 3, 4)), "%d", (int)n_slow);
        if (n_slow <= 10) { /* of the four, one was not halted */
            cr_expect(eq(u64, anchor.unix_ns, anchor.monotonic_ns), "%d", (int)n_slow);
        } else {
            cr_expect(le(u64, anchor.unix_ns - anchor.monotonic_ns, MS(5)), "%d", (int)n_slow);
        }
    }
}

Test(clock, an_anchor_does_not_see_the_wall_clock_being_set) {
    struct fake_clock fake = FAKE_CLOCK_INIT;
    weir_clock clock = fake_clock_public(&fake);
    struct clock_anchor anchor = clock_anchor_take(&clock);
    fake.unix_ns -= UINT64_C(3600000000000);
    fake_clock_advance(&fake, 1000);
    cr_assert(eq(u64, clock_anchor_unix(&anchor, clock_monotonic(&clock)), anchor.unix_ns + 1000));
}

Test(clock, tells_what_is_left_rounded_up) {
    uint64_t before = clock_now_ns();
    cr_assert(le(u64, before, clock_now_ns()));
    cr_expect(zero(u64, clock_ms_until(0)));
    cr_expect(zero(u64, clock_ms_until(before)));
    uint64_t ms = clock_ms_until(clock_now_ns() + 3600 * NS_PER_S);
    cr_expect(le(u64, ms, 3600 * 1000));
    cr_expect(gt(u64, ms, 3000 * 1000));
    cr_expect(gt(u64, clock_ms_until(UINT64_MAX), INT64_MAX / NS_PER_MS)); /* no overflow */
}

Test(clock, converts_to_and_from_what_the_system_takes) {
    struct timespec time = clock_timespec(2 * NS_PER_S + 3 * NS_PER_MS);
    cr_expect(eq(i64, time.tv_sec, 2));
    cr_expect(eq(long, time.tv_nsec, 3000000));
    cr_expect(eq(u64, clock_ns_of(time), 2 * NS_PER_S + 3 * NS_PER_MS));
    cr_expect(zero(u64, clock_ns_of((struct timespec){.tv_sec = -1, .tv_nsec = 5})));
    cr_expect(eq(u64, clock_ns_of(clock_timespec(UINT64_MAX)), UINT64_MAX));
}
