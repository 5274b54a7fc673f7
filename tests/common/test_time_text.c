#include "otlp/common/time_text.h"

#include "tests/support/expect.h"

Test(time_text, durations_have_three_digits_and_the_unit_that_suits) {
    static const struct {
        uint64_t duration_ns;
        const char *shown;
    } rows[] = {
        {0, "0 ns"},
        {999, "999 ns"},
        {1000, "1.00 µs"},
        {12345, "12.3 µs"},
        {999499, "999 µs"},
        {999500, "1.00 ms"},
        {9994999, "9.99 ms"},
        {9995000, "10.0 ms"},
        {123456789, "123 ms"},
        {999499999, "999 ms"},
        {999500000, "1.00 s"},
        {59949999999, "59.9 s"},
        {60000000000, "1 min 0 s"},
        {754000000000, "12 min 34 s"},
        {3600000000000, "1 h 0 min"},
        {UINT64_MAX, "5124095 h 34 min"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf out;
        buf_init(&out, 64);
        time_text_duration(&out, rows[i].duration_ns, false);
        expect_buf_at(i, &out, rows[i].shown);
        buf_deinit(&out);
    }
}

Test(time_text, durations_can_do_without_utf8) {
    struct buf out;
    buf_init(&out, 64);
    time_text_duration(&out, 12345, true);
    expect_buf(&out, "12.3 us");
    buf_deinit(&out);
}

Test(time_text, moments_are_utc) {
    struct buf out;
    buf_init(&out, 64);
    time_text_moment(&out, UINT64_C(1767323045678000000));
    expect_buf(&out, "2026-01-02 03:04:05.678 UTC");
    buf_clear(&out);
    time_text_moment(&out, UINT64_MAX);
    expect_buf(&out, "2554-07-21 23:34:33.709 UTC");
    buf_deinit(&out);
}
