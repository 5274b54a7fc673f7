#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "bridge/replay/times.h"

enum { MINUTE = 60, HOUR = 3600 };

/* 2026-06-01T12:00:00Z and seconds since. */
static uint64_t at(int64_t seconds) {
    return (UINT64_C(1780315200) + (uint64_t)seconds) * UINT64_C(1000000000);
}

/* A stamp in a zone that is `offset` seconds east of UTC. */
static uint64_t local(int64_t seconds, int64_t offset) {
    return at(seconds + offset);
}

static void expect(const struct replay_offsets *offsets, uint64_t line, int64_t seconds,
                   int64_t offset) {
    uint64_t utc_ns;
    cr_assert(replay_offsets_resolve(offsets, line, local(seconds, offset), &utc_ns));
    cr_assert(eq(u64, utc_ns, at(seconds)), "line %lu", (unsigned long)line);
}

Test(replay_times, one_utc_stamp_places_the_whole_log) {
    static const int64_t zones[] = {
        0, -7 * HOUR, 5 * HOUR + 30 * MINUTE, 5 * HOUR + 45 * MINUTE, 14 * HOUR, -12 * HOUR};
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++) {
        struct replay_offsets offsets = {0};
        cr_assert(replay_offsets_local(&offsets, 1, local(0, zones[i])));
        cr_assert(replay_offsets_local(&offsets, 2, local(1, zones[i])));
        cr_assert(replay_offsets_utc(&offsets, 3, at(2)));
        cr_assert(replay_offsets_local(&offsets, 4, local(3, zones[i])));
        cr_assert(replay_offsets_end(&offsets));
        expect(&offsets, 1, 0, zones[i]);
        expect(&offsets, 2, 1, zones[i]);
        expect(&offsets, 4, 3, zones[i]);
        expect(&offsets, 99, 1000, zones[i]);
        replay_offsets_deinit(&offsets);
    }
}

Test(replay_times, no_utc_stamp_means_no_answer) {
    struct replay_offsets offsets = {0};
    uint64_t utc_ns, distance_ns;
    int64_t seconds;
    cr_assert(replay_offsets_local(&offsets, 1, local(0, HOUR)));
    cr_assert(replay_offsets_end(&offsets));
    cr_assert(not(replay_offsets_resolve(&offsets, 1, local(0, HOUR), &utc_ns)));
    cr_assert(not(replay_offsets_nearest(&offsets, local(0, HOUR), &seconds, &distance_ns)));
    replay_offsets_deinit(&offsets);
}

Test(replay_times, a_utc_stamp_before_any_local_one_says_nothing) {
    struct replay_offsets offsets = {0};
    uint64_t utc_ns;
    cr_assert(replay_offsets_utc(&offsets, 1, at(0)));
    cr_assert(replay_offsets_local(&offsets, 2, local(1, HOUR)));
    cr_assert(replay_offsets_end(&offsets));
    cr_assert(not(replay_offsets_resolve(&offsets, 2, local(1, HOUR), &utc_ns)));
    replay_offsets_deinit(&offsets);
}

/* The clock falls back from -7 to -8 hours between two steps: 01:59:50 is followed by 01:00:10. */
Test(replay_times, the_clock_falls_back_inside_a_log) {
    struct replay_offsets offsets = {0};
    (void)replay_offsets_local(&offsets, 1, local(0, -7 * HOUR));
    (void)replay_offsets_utc(&offsets, 2, at(1));
    (void)replay_offsets_local(&offsets, 3, local(5, -7 * HOUR));
    (void)replay_offsets_local(&offsets, 4, local(20, -8 * HOUR));
    (void)replay_offsets_local(&offsets, 5, local(21, -8 * HOUR));
    (void)replay_offsets_utc(&offsets, 6, at(22));
    (void)replay_offsets_local(&offsets, 7, local(23, -8 * HOUR));
    (void)replay_offsets_end(&offsets);
    expect(&offsets, 1, 0, -7 * HOUR);
    expect(&offsets, 3, 5, -7 * HOUR);
    expect(&offsets, 4, 20, -8 * HOUR);
    expect(&offsets, 5, 21, -8 * HOUR);
    expect(&offsets, 7, 23, -8 * HOUR);
    replay_offsets_deinit(&offsets);
}

Test(replay_times, the_clock_springs_forward_inside_a_log) {
    struct replay_offsets offsets = {0};
    (void)replay_offsets_local(&offsets, 1, local(0, -8 * HOUR));
    (void)replay_offsets_utc(&offsets, 2, at(1));
    (void)replay_offsets_local(&offsets, 3, local(2, -7 * HOUR));
    (void)replay_offsets_local(&offsets, 4, local(3, -7 * HOUR));
    (void)replay_offsets_utc(&offsets, 5, at(4));
    (void)replay_offsets_end(&offsets);
    expect(&offsets, 1, 0, -8 * HOUR);
    expect(&offsets, 3, 2, -7 * HOUR);
    expect(&offsets, 4, 3, -7 * HOUR);
    replay_offsets_deinit(&offsets);
}

/* An attribute that is logged ten minutes into a step would be rounded the wrong way. */
Test(replay_times, a_slow_step_does_not_shift_its_log) {
    struct replay_offsets offsets = {0};
    (void)replay_offsets_local(&offsets, 1, local(0, -7 * HOUR));
    (void)replay_offsets_utc(&offsets, 2, at(10 * MINUTE));
    (void)replay_offsets_local(&offsets, 3, local(10 * MINUTE + 1, -7 * HOUR));
    (void)replay_offsets_end(&offsets);
    expect(&offsets, 1, 0, -7 * HOUR);
    replay_offsets_deinit(&offsets);
}

/* Forty minutes leave a choice; what stands close together in the same log decides it. */
Test(replay_times, a_very_slow_step_goes_by_its_neighbours) {
    for (int slow_first = 0; slow_first < 2; slow_first++) {
        struct replay_offsets offsets = {0};
        uint64_t line = 0;
        int64_t now = 0;
        for (int i = 0; i < 2; i++) {
            int64_t wait = (i == 0) == slow_first ? 40 * MINUTE : 1;
            (void)replay_offsets_local(&offsets, ++line, local(now, -7 * HOUR));
            now += wait;
            (void)replay_offsets_utc(&offsets, ++line, at(now));
            (void)replay_offsets_local(&offsets, ++line, local(now + 1, -7 * HOUR));
            now += 5;
        }
        (void)replay_offsets_end(&offsets);
        cr_assert(eq(sz, offsets.n, 1));
        expect(&offsets, 1, 0, -7 * HOUR);
        expect(&offsets, 6, now - 4, -7 * HOUR);
        replay_offsets_deinit(&offsets);
    }
}

Test(replay_times, another_log_gives_the_offset_that_was_nearest_in_time) {
    struct replay_offsets offsets = {0};
    uint64_t distance_ns;
    int64_t seconds;
    (void)replay_offsets_local(&offsets, 1, local(0, -7 * HOUR));
    (void)replay_offsets_utc(&offsets, 2, at(1));
    (void)replay_offsets_local(&offsets, 3, local(200 * HOUR, -8 * HOUR));
    (void)replay_offsets_utc(&offsets, 4, at(200 * HOUR + 1));
    (void)replay_offsets_end(&offsets);
    cr_assert(
        replay_offsets_nearest(&offsets, local(10 * HOUR, -7 * HOUR), &seconds, &distance_ns));
    cr_assert(eq(i64, seconds, -7 * HOUR));
    cr_assert(
        replay_offsets_nearest(&offsets, local(199 * HOUR, -8 * HOUR), &seconds, &distance_ns));
    cr_assert(eq(i64, seconds, -8 * HOUR));
    cr_assert(
        replay_offsets_nearest(&offsets, local(200 * HOUR + 1, -8 * HOUR), &seconds, &distance_ns));
    cr_assert(eq(u64, distance_ns, 0));
    replay_offsets_deinit(&offsets);
}

Test(replay_times, offsets_that_never_rest_stay_bounded) {
    struct replay_offsets offsets = {0};
    for (uint64_t i = 0; i < 20000; i++) {
        (void)replay_offsets_local(&offsets, 2 * i + 1, local((int64_t)i, i % 2 ? HOUR : -HOUR));
        (void)replay_offsets_utc(&offsets, 2 * i + 2, at((int64_t)i));
    }
    (void)replay_offsets_end(&offsets);
    cr_assert(le(sz, offsets.n, 4096));
    replay_offsets_deinit(&offsets);
}
