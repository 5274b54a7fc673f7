#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdlib.h>
#include <time.h>

#include "bridge/replay/zone.h"
#include "otlp/common/macro.h"

/* POSIX rules, so that no zone files are needed: California's. */
static void in_california(void) {
    (void)setenv("TZ", "PST8PDT,M3.2.0,M11.1.0", 1);
    tzset();
}

static uint64_t s(uint64_t seconds) {
    return seconds * UINT64_C(1000000000);
}

enum { HOUR = 3600 };

/* 2026-11-01: at 02:00 PDT clocks go back to 01:00 PST. 08:30Z is 01:30 PDT, 09:30Z is 01:30 PST.
 */
static const uint64_t FIRST_0130Z = 1793521800, SECOND_0130Z = 1793525400;

Test(replay_zone, summer_and_winter, .init = in_california) {
    const uint64_t june = 1780315200;    /* 2026-06-01T12:00:00Z */
    const uint64_t january = 1767268800; /* 2026-01-01T12:00:00Z */
    cr_assert(eq(u64, replay_zone_utc(s(june - 7 * HOUR) + 5, 0), s(june) + 5));
    cr_assert(eq(u64, replay_zone_utc(s(january - 8 * HOUR), 0), s(january)));
}

Test(replay_zone, an_hour_that_comes_twice_goes_forward, .init = in_california) {
    const uint64_t reading = s(FIRST_0130Z - 7 * HOUR);
    cr_assert(eq(u64, replay_zone_utc(reading, 0), s(FIRST_0130Z)));
    cr_assert(eq(u64, replay_zone_utc(reading, s(FIRST_0130Z)), s(FIRST_0130Z)));
    cr_assert(eq(u64, replay_zone_utc(reading, s(FIRST_0130Z) + 1), s(SECOND_0130Z)));
    cr_assert(eq(u64, replay_zone_utc(reading, s(SECOND_0130Z)), s(SECOND_0130Z)));
}

Test(replay_zone, an_hour_that_is_skipped_has_an_answer_near_it, .init = in_california) {
    const uint64_t gap =
        1772965800; /* 2026-03-08T10:30:00Z, when clocks jumped from 02:00 to 03:00 */
    uint64_t utc_ns = replay_zone_utc(s(gap - 8 * HOUR), 0);
    cr_assert(utc_ns >= s(gap - HOUR) && utc_ns <= s(gap + HOUR));
}

Test(replay_zone, reads_offsets) {
    static const struct {
        const char *text;
        int64_t seconds;
    } rows[] = {{"+05:30", 19800}, {"-7", -25200},   {"-07", -25200}, {"-0700", -25200},
                {"0", 0},          {"+00:00", 0},    {"UTC", 0},      {"Z", 0},
                {"14", 50400},     {"+18:00", 64800}};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        int64_t seconds = -1;
        cr_assert(replay_zone_parse_offset(rows[i].text, &seconds), "%s", rows[i].text);
        cr_assert(eq(i64, seconds, rows[i].seconds), "%s", rows[i].text);
    }
    static const char *const bad[] = {"",       "+",       "x",      "7h",    "+5:3",
                                      "+05:60", "19",      "+18:01", "+123",  "--7",
                                      "+-7",    "+05:300", "5:",     "utc+1", "+0530x"};
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        int64_t seconds;
        cr_assert(not(replay_zone_parse_offset(bad[i], &seconds)), "%s", bad[i]);
    }
}
