#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <string.h>

#include "otlp/common/alloc.h"
#include "otlp/common/macro.h"
#include "tracking/time_read.h"

static bool reads(const char *text, struct time_stamp *out) {
    return time_read(text, strlen(text), out);
}

Test(time_read, reads_every_spelling) {
    static const struct {
        const char *text;
        uint64_t ns;
        bool is_utc;
    } rows[] = {
        {"1970-01-01T00:00:00", 0, false},
        {"2026-01-02T03:04:05.000006", UINT64_C(1767323045000006000), false},
        {"2026-01-02T03:04:05.000006Z", UINT64_C(1767323045000006000), true},
        {"2026-01-02 03:04:05Z", UINT64_C(1767323045000000000), true},
        {"2026-01-02T03:04:05.123456789Z", UINT64_C(1767323045123456789), true},
        {"2026-01-02T03:04:05.5", UINT64_C(1767323045500000000), false},
        {"2026-01-02T08:34:05+05:30", UINT64_C(1767323045000000000), true},
        {"2026-01-01T20:04:05-0700", UINT64_C(1767323045000000000), true},
        {"2024-02-29T23:59:60Z", UINT64_C(1709251200000000000), true}, /* a leap second */
        {"2000-02-29T00:00:00Z", UINT64_C(951782400000000000), true},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct time_stamp stamp;
        cr_assert(reads(rows[i].text, &stamp), "%s", rows[i].text);
        cr_assert(eq(u64, stamp.ns, rows[i].ns), "%s", rows[i].text);
        cr_assert(eq(int, stamp.is_utc, rows[i].is_utc), "%s", rows[i].text);
    }
}

Test(time_read, refuses_everything_else) {
    static const char *const rows[] = {
        "",
        "2026",
        "2026-01-02",
        "2026-01-02T03:04",
        "2026-13-02T03:04:05",
        "2026-02-29T03:04:05", /* no leap year */
        "2100-02-29T03:04:05", /* nor this */
        "2026-01-00T03:04:05",
        "2026-01-02T24:00:00",
        "2026-01-02T03:60:05",
        "2026-01-02T03:04:61",
        "2026-01-02T03:04:05.",
        "2026-01-02T03:04:05.1234567890",
        "2026-01-02T03:04:05ZZ",
        "2026-01-02T03:04:05+25:00",
        "2026-01-02T03:04:05+0",
        "2026-01-02T03:04:05 ",
        "1969-12-31T23:59:59",
        "1970-01-01T00:00:00+01:00",
        "20x6-01-02T03:04:05",
        "1767323045",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct time_stamp stamp;
        cr_assert(not(reads(rows[i], &stamp)), "%s", rows[i]);
    }
    struct time_stamp stamp;
    cr_assert(not(time_read(NULL, 0, &stamp)));
}

Test(time_read, reads_no_byte_too_many) {
    static const char text[] = "2026-01-02T03:04:05.000006Z";
    for (size_t length = 0; length < sizeof text - 1; length++) {
        char *copy = memcpy(mem_alloc(length + 1), text, length); /* a sanitizer watches its end */
        struct time_stamp stamp;
        bool is_whole = length == 19 || length > 20;
        cr_assert(eq(int, time_read(copy, length, &stamp), is_whole), "%zu bytes", length);
        mem_free(copy);
    }
}

Test(time_read, reads_numbers_as_burr_does) {
    static const struct {
        const char *text;
        uint64_t ns;
        bool is_utc;
    } rows[] = {
        {"\"2026-01-02T03:04:05.000006\"", UINT64_C(1767323045000006000), false},
        {"0", 0, true},
        {"1767323045", UINT64_C(1767323045000000000), true},
        {"1767323045.5", UINT64_C(1767323045500000000), true},
        {"1767323045.1234567890123", UINT64_C(1767323045123456789), true},
        {"1767323045000", UINT64_C(1767323045000000000), true},
        {"1767323045000.25", UINT64_C(1767323045000250000), true},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct time_stamp stamp;
        cr_assert(time_read_json(rows[i].text, strlen(rows[i].text), &stamp), "%s", rows[i].text);
        cr_assert(eq(u64, stamp.ns, rows[i].ns), "%s", rows[i].text);
        cr_assert(eq(int, stamp.is_utc, rows[i].is_utc), "%s", rows[i].text);
    }
    static const char *const refused[] = {"",
                                          "\"",
                                          "\"\"",
                                          "-1",
                                          "1.",
                                          "1e9",
                                          "null",
                                          "true",
                                          "99999999999999999999",
                                          "20000000000",
                                          "NaN"};
    for (size_t i = 0; i < ARRAY_LENGTH(refused); i++) {
        struct time_stamp stamp;
        cr_assert(not(time_read_json(refused[i], strlen(refused[i]), &stamp)), "%s", refused[i]);
    }
    struct time_stamp stamp;
    cr_assert(not(time_read_json(NULL, 0, &stamp)));
}
