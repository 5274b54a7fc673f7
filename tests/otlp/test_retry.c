#include <stdlib.h>
#include <string.h>

#include <weir/error.h>

#include "otlp/bounds.h"
#include "otlp/common/id.h"
#include "otlp/common/macro.h"
#include "otlp/retry.h"
#include "tests/support/clock.h"
#include "tests/support/expect.h"

static enum retry_verdict judge_http(int error, int status) {
    return retry_judge(error, &(weir_transport_response){.http_status = status});
}

Test(retry, every_answer_has_the_verdict_of_the_specification) {
    for (int status = 100; status < 600; status++) {
        enum retry_verdict wanted = RETRY_GIVE_UP;
        if (status >= 200 && status <= 299) {
            wanted = RETRY_DELIVERED;
        } else if (status == 429 || status == 502 || status == 503 || status == 504) {
            wanted = RETRY_AGAIN; /* B24; and B25: all else is not retried */
        }
        cr_expect(eq(int, judge_http(0, status), wanted), "status %d", status);
    }
}

Test(retry, only_silence_and_broken_connections_are_tried_again) {
    cr_expect(eq(int, judge_http(WEIR_E_IO, 0), RETRY_AGAIN));
    cr_expect(eq(int, judge_http(WEIR_E_TIMEOUT, 0), RETRY_AGAIN));
    cr_expect(eq(int, judge_http(WEIR_E_TOO_LARGE, 0), RETRY_GIVE_UP)); /* B8, C22 */
    cr_expect(eq(int, judge_http(WEIR_E_INVALID, 0), RETRY_GIVE_UP));
    cr_expect(eq(int, judge_http(WEIR_E_NO_MEMORY, 0), RETRY_GIVE_UP));
    cr_expect(eq(int, judge_http(WEIR_E_IO, 200), RETRY_AGAIN)); /* the status of no answer */
}

/* The table of the specification (C15, C16, C17), by number; both columns of RESOURCE_EXHAUSTED. */
Test(retry, every_grpc_status_has_the_verdict_of_the_specification) {
    static const bool retried[17] = {
        [1] = true, [4] = true, [10] = true, [11] = true, [14] = true, [15] = true};
    for (int status = -1; status < 20; status++) {
        for (int has_info = 0; has_info < 2; has_info++) {
            weir_transport_response response = {.http_status = 200,
                                                .has_grpc_status = true,
                                                .grpc_status = status,
                                                .has_retry_info = has_info != 0};
            enum retry_verdict wanted = status == 0 ? RETRY_DELIVERED : RETRY_GIVE_UP;
            if ((status > 0 && status < 17 && retried[status]) || (status == 8 && has_info)) {
                wanted = RETRY_AGAIN;
            }
            cr_expect(eq(int, retry_judge(0, &response), wanted), "status %d", status);
            response.http_status = 503; /* says nothing where a gRPC status does (C7) */
            cr_expect(eq(int, retry_judge(0, &response), wanted), "status %d", status);
            cr_expect(eq(int, retry_judge(WEIR_E_IO, &response), RETRY_AGAIN));
        }
    }
}

Test(retry, backs_off_exponentially_up_to_a_longest_delay) {
    static const unsigned base_ms[] = {500, 1000, 2000, 4000, 8000, 8000, 8000};
    for (unsigned i = 0; i < ARRAY_LENGTH(base_ms); i++) {
        uint64_t base = MS(base_ms[i]);
        cr_expect(eq(u64, retry_delay_ns(i + 1, -1, 0), base / 2), "attempt %u", i + 1);
        cr_expect(eq(u64, retry_delay_ns(i + 1, -1, base), base / 2 + base), "attempt %u", i + 1);
    }
    cr_expect(eq(u64, retry_delay_ns(UINT32_MAX, -1, 0), MS(4000)));
}

Test(retry, jitter_spreads_over_the_whole_range) {
    unsigned n_low = 0, n_high = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t delay = retry_delay_ns(1, -1, id_random());
        cr_assert(delay >= MS(250) && delay <= MS(750));
        n_low += delay < MS(350);
        n_high += delay > MS(650);
    }
    cr_expect(n_low > 100 && n_high > 100); /* 200 each are to be expected */
}

Test(retry, never_comes_back_earlier_than_asked) {
    for (int i = 0; i < 1000; i++) {
        uint64_t random = id_random();
        uint64_t delay = retry_delay_ns(1, 30000, random);
        cr_assert(delay >= MS(30000) && delay <= MS(32000));
        cr_assert(eq(u64, retry_delay_ns(1, 0, random), retry_delay_ns(1, -1, random)));
        cr_assert(ge(u64, retry_delay_ns(5, 1, random), MS(4000))); /* the back-off still holds */
    }
    cr_expect(ge(u64, retry_delay_ns(1, INT64_MAX, 7), MS(1000) * RETRY_AFTER_MAX_S));
    cr_expect(lt(u64, retry_delay_ns(1, INT64_MAX, UINT64_MAX), MS(2000) * RETRY_AFTER_MAX_S));
}

/* ---- Retry-After ---- */

enum { NOW = 784111777 }; /* Sun, 06 Nov 1994 08:49:37 GMT */

static int64_t parse(const char *text, int64_t now) {
    return retry_after_parse(text, strlen(text), now);
}

Test(retry, reads_delta_seconds) {
    cr_expect(eq(i64, parse("0", NOW), 0));
    cr_expect(eq(i64, parse("120", NOW), 120000));
    cr_expect(eq(i64, parse(" \t7 ", NOW), 7000));
    cr_expect(eq(i64, parse("007", NOW), 7000));
    cr_expect(eq(i64, parse("86400", NOW), 86400000));
    cr_expect(eq(i64, parse("86401", NOW), 86400000)); /* at most a day */
    cr_expect(eq(i64, parse("99999999999999999999999999999999999999", NOW), 86400000));
}

Test(retry, reads_all_three_forms_of_a_date) {
    cr_expect(eq(i64, parse("Sun, 06 Nov 1994 08:49:37 GMT", NOW - 10), 10000));
    cr_expect(eq(i64, parse("Sunday, 06-Nov-94 08:49:37 GMT", NOW - 10), 10000));
    cr_expect(eq(i64, parse("Sun Nov  6 08:49:37 1994", NOW - 10), 10000));
    cr_expect(eq(i64, parse("Wed Nov 16 08:49:37 1994", NOW + 10 * 86400 - 5), 5000));
}

Test(retry, counts_days_right) {
    static const struct {
        const char *date;
        int64_t unix_s;
    } rows[] = {
        {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
        {"Tue, 29 Feb 2000 12:00:00 GMT", 951825600},
        {"Wed, 01 Mar 2000 00:00:00 GMT", 951868800},
        {"Fri, 31 Dec 1999 23:59:59 GMT", 946684799},
        {"Thu, 29 Feb 2024 23:59:59 GMT", 1709251199},
        {"Mon, 01 Mar 2100 00:00:00 GMT", 4107542400},
        {"Fri, 31 Dec 9999 23:59:59 GMT", 253402300799},
        {"Sat, 31 Dec 2016 23:59:60 GMT", 1483228800}, /* a leap second */
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        cr_expect(eq(i64, parse(rows[i].date, rows[i].unix_s - 3), 3000), "%s", rows[i].date);
        cr_expect(eq(i64, parse(rows[i].date, rows[i].unix_s), 0), "%s", rows[i].date);
    }
}

Test(retry, a_date_in_the_past_is_now_and_one_far_ahead_a_day) {
    cr_expect(eq(i64, parse("Sun, 06 Nov 1994 08:49:37 GMT", NOW + 1), 0));
    cr_expect(eq(i64, parse("Sat, 01 Jan 0000 00:00:00 GMT", NOW), 0));
    cr_expect(eq(i64, parse("Fri, 31 Dec 9999 23:59:59 GMT", NOW), 86400000));
}

Test(retry, two_digit_years_are_at_most_fifty_years_ahead) {
    int64_t in_2026 = 1795000000, in_1994 = NOW;
    cr_expect(eq(i64, parse("Friday, 20-Nov-26 23:59:59 GMT", in_2026), 86400000)); /* 1795219199 */
    cr_expect(eq(i64, parse("Monday, 01-Jan-76 00:00:00 GMT", in_2026), 86400000)); /* 2076 */
    cr_expect(eq(i64, parse("Sunday, 01-Jan-78 00:00:00 GMT", in_2026), 0));        /* 1978 */
    cr_expect(eq(i64, parse("Monday, 01-Jan-24 00:00:00 GMT", in_1994), 86400000)); /* 2024 */
    cr_expect(eq(i64, parse("Friday, 01-Jan-93 00:00:00 GMT", in_1994), 0));        /* 1993 */
}

Test(retry, refuses_what_is_neither) {
    static const char *const rows[] = {
        "",
        " ",
        "-1",
        "+1",
        "1.5",
        "1s",
        "1 2",
        "0x10",
        "soon",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 GMT x",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 29 Feb 1995 08:49:37 GMT",
        "Sun, 29 Feb 1900 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Xyz, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 94",
        "Sun Nov  6 08:49:37 1994 GMT",
        "Sun, ",
        "Sunday, 06-Nov-9",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        cr_expect(eq(i64, parse(rows[i], NOW), -1), "\"%s\"", rows[i]);
    }
}

Test(retry, reads_no_byte_beyond_the_value) {
    const char *date = "Sun, 06 Nov 1994 08:49:37 GMT";
    for (size_t n = 0; n < strlen(date); n++) {
        char *exact = n > 0 ? memcpy(malloc(n), date, n) : NULL; /* a sanitizer sees the end */
        cr_expect(eq(i64, retry_after_parse(exact, n, NOW), -1), "%zu bytes", n);
        free(exact);
    }
}
