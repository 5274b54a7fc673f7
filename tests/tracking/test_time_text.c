#include <stdlib.h>
#include <time.h>

#include "otlp/common/macro.h"
#include "tests/support/expect.h"
#include "tracking/time_text.h"

enum { SECOND = 1000000000 };

static struct buf out;

static void set_up(void) {
    buf_init(&out, 1000);
}

static void tear_down(void) {
    buf_deinit(&out);
}

TestSuite(time_text, .init = set_up, .fini = tear_down);

static void set_zone(const char *zone) {
    setenv("TZ", zone, 1);
    tzset();
}

static const char *local(uint64_t unix_ns, struct time_text_cache *cache) {
    buf_clear(&out);
    time_text_local(&out, unix_ns, cache);
    return expect_terminated(out.data, out.n_bytes);
}

Test(time_text, utc) {
    static const struct {
        uint64_t ns;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00Z"},
        {UINT64_C(1704067200) * SECOND, "2024-01-01T00:00:00Z"},
        {UINT64_C(1704067200) * SECOND + 999, "2024-01-01T00:00:00Z"}, /* cut, not rounded */
        {UINT64_C(1704067200) * SECOND + 1000, "2024-01-01T00:00:00.000001Z"},
        {UINT64_C(1704067200) * SECOND + 999999999, "2024-01-01T00:00:00.999999Z"},
        {UINT64_C(1709164800) * SECOND + 100000000, "2024-02-29T00:00:00.100000Z"},
        {UINT64_MAX, "2554-07-21T23:34:33.709551Z"},
    };
    struct time_text_cache cache = {0};
    set_zone("EST5EDT"); /* has no say */
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        buf_clear(&out);
        time_text_utc(&out, rows[i].ns, &cache);
        expect_buf_at(i, &out, rows[i].text);
    }
}

/* Central Europe by its rule, so that no time zone files are needed. */
static const char BERLIN[] = "CET-1CEST,M3.5.0,M10.5.0/3";

Test(time_text, local_time_follows_daylight_saving) {
    static const struct {
        uint64_t second;
        const char *text;
    } rows[] = {
        {1711846799, "2024-03-31T01:59:59"}, {1711846800, "2024-03-31T03:00:00"},
        {1729987199, "2024-10-27T01:59:59"}, {1729990799, "2024-10-27T02:59:59"},
        {1729990800, "2024-10-27T02:00:00"}, /* the hour that comes twice */
        {1729994400, "2024-10-27T03:00:00"}, {1704067200, "2024-01-01T01:00:00"},
    };
    set_zone(BERLIN);
    struct time_text_cache cache = {0};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        expect_text_at(i, local(rows[i].second * SECOND, &cache), rows[i].text);
    }
}

Test(time_text, the_cache_tells_seconds_apart) {
    set_zone("<+0530>-5:30");
    struct time_text_cache cache = {0};
    expect_text(local(0, &cache), "1970-01-01T05:30:00");
    expect_text(local(1000, &cache), "1970-01-01T05:30:00.000001");
    expect_text(local(SECOND, &cache), "1970-01-01T05:30:01");
    expect_text(local(2000, &cache), "1970-01-01T05:30:00.000002");
}
