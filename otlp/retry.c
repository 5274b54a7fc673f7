#include "otlp/retry.h"

#include <stdbool.h>
#include <string.h>

#include <weir/error.h>

#include "otlp/bounds.h"
#include "otlp/common/clock.h"
#include "otlp/common/macro.h"
#include "otlp/grpc_status.h"

static const uint64_t FIRST_DELAY_NS = UINT64_C(500000000);
static const uint64_t LONGEST_DELAY_NS = UINT64_C(8000000000);

/* ---- verdict and delay ---- */

static enum retry_verdict judge_http(int status) {
    if (status >= 200 && status < 300) {
        return RETRY_DELIVERED;
    }
    bool is_retryable = status == 429 || status == 502 || status == 503 || status == 504;
    return is_retryable ? RETRY_AGAIN : RETRY_GIVE_UP;
}

static enum retry_verdict judge_grpc(int status, bool has_retry_info) {
    switch (status) {
    case GRPC_OK: return RETRY_DELIVERED;
    case GRPC_CANCELLED:
    case GRPC_DEADLINE_EXCEEDED:
    case GRPC_ABORTED:
    case GRPC_OUT_OF_RANGE:
    case GRPC_UNAVAILABLE:
    case GRPC_DATA_LOSS: return RETRY_AGAIN;
    case GRPC_RESOURCE_EXHAUSTED: return has_retry_info ? RETRY_AGAIN : RETRY_GIVE_UP;
    default: return RETRY_GIVE_UP;
    }
}

enum retry_verdict retry_judge(int error, const weir_transport_response *response) {
    if (error == WEIR_E_IO || error == WEIR_E_TIMEOUT) {
        return RETRY_AGAIN; /* no connection, or no answer (B28, B29) */
    }
    if (error != 0) {
        return RETRY_GIVE_UP;
    }
    return response->has_grpc_status ? judge_grpc(response->grpc_status, response->has_retry_info)
                                     : judge_http(response->http_status);
}

static uint64_t backoff_ns(unsigned n_failed) {
    uint64_t delay = FIRST_DELAY_NS;
    for (unsigned i = 1; i < n_failed && delay < LONGEST_DELAY_NS; i++) {
        delay *= 2;
    }
    return MIN(delay, LONGEST_DELAY_NS);
}

/* Evenly from half of the back-off to one and a half, so that many senders do not come back at
 * once. */
static uint64_t jittered(uint64_t delay, uint64_t random) {
    return delay / 2 + random % (delay + 1);
}

uint64_t retry_delay_ns(unsigned n_failed, int64_t retry_after_ms, uint64_t random) {
    uint64_t delay = jittered(backoff_ns(n_failed), random);
    if (retry_after_ms <= 0) {
        return delay;
    }
    int64_t longest_ms = (int64_t)RETRY_AFTER_MAX_S * 1000;
    uint64_t asked = (uint64_t)MIN(retry_after_ms, longest_ms) * NS_PER_MS;
    uint64_t spread = random % (asked / 16 + 1); /* not all senders at the same second */
    return MAX(delay, asked + spread);
}

/* ---- Retry-After ---- */

/* What is left of the value. */
struct text {
    const char *at;
    const char *end;
};

static bool take(struct text *text, const char *wanted) {
    size_t n = strlen(wanted);
    if ((size_t)(text->end - text->at) < n || memcmp(text->at, wanted, n) != 0) {
        return false;
    }
    text->at += n;
    return true;
}

/* Exactly n digits. */
static bool take_digits(struct text *text, int n, int *out) {
    *out = 0;
    for (int i = 0; i < n; i++, text->at++) {
        if (text->at == text->end || *text->at < '0' || *text->at > '9') {
            return false;
        }
        *out = *out * 10 + (*text->at - '0');
    }
    return true;
}

/* One of the names; *index gets which. */
static bool take_name(struct text *text, const char *const *names, int n_names, int *index) {
    for (*index = 0; *index < n_names; ++*index) {
        if (take(text, names[*index])) {
            return true;
        }
    }
    return false;
}

struct date {
    int year, month /* from 0 */, day, hour, minute, second;
};

static const char *const DAYS[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
static const char *const LONG_DAYS[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                        "Friday", "Saturday", "Sunday"};

static bool take_month(struct text *text, struct date *date) {
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    return take_name(text, months, ARRAY_LENGTH(months), &date->month);
}

static bool take_time(struct text *text, struct date *date) {
    return take_digits(text, 2, &date->hour) && take(text, ":") &&
           take_digits(text, 2, &date->minute) && take(text, ":") &&
           take_digits(text, 2, &date->second);
}

/* Sun, 06 Nov 1994 08:49:37 GMT */
static bool read_imf_date(struct text text, struct date *date) {
    int weekday;
    return take_name(&text, DAYS, ARRAY_LENGTH(DAYS), &weekday) && take(&text, ", ") &&
           take_digits(&text, 2, &date->day) && take(&text, " ") && take_month(&text, date) &&
           take(&text, " ") && take_digits(&text, 4, &date->year) && take(&text, " ") &&
           take_time(&text, date) && take(&text, " GMT") && text.at == text.end;
}

/* Sunday, 06-Nov-94 08:49:37 GMT */
static bool read_rfc850_date(struct text text, struct date *date) {
    int weekday;
    return take_name(&text, LONG_DAYS, ARRAY_LENGTH(LONG_DAYS), &weekday) && take(&text, ", ") &&
           take_digits(&text, 2, &date->day) && take(&text, "-") && take_month(&text, date) &&
           take(&text, "-") && take_digits(&text, 2, &date->year) && take(&text, " ") &&
           take_time(&text, date) && take(&text, " GMT") && text.at == text.end;
}

/* Sun Nov  6 08:49:37 1994 */
static bool read_asctime_date(struct text text, struct date *date) {
    int weekday;
    return take_name(&text, DAYS, ARRAY_LENGTH(DAYS), &weekday) && take(&text, " ") &&
           take_month(&text, date) && take(&text, " ") &&
           (take(&text, " ") ? take_digits(&text, 1, &date->day)
                             : take_digits(&text, 2, &date->day)) &&
           take(&text, " ") && take_time(&text, date) && take(&text, " ") &&
           take_digits(&text, 4, &date->year) && text.at == text.end;
}

static bool is_leap(int year) {
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in_month(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month] + (month == 1 && is_leap(year));
}

static bool is_possible(const struct date *date) {
    return date->day >= 1 && date->day <= days_in_month(date->year, date->month) &&
           date->hour <= 23 && date->minute <= 59 && date->second <= 60; /* a leap second */
}

/* Leap days in the years before this one, counted from year 0. */
static int64_t leap_days_before(int64_t year) {
    return year == 0 ? 0 : (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400 + 1;
}

static int64_t unix_seconds(const struct date *date) {
    int64_t days = (int64_t)(date->year - 1970) * 365 + leap_days_before(date->year) -
                   leap_days_before(1970) + date->day - 1;
    for (int month = 0; month < date->month; month++) {
        days += days_in_month(date->year, month);
    }
    return days * 86400 + date->hour * 3600 + date->minute * 60 + date->second;
}

/* Of two digits: the year of this name that is no more than 50 years ahead (RFC 9110 5.6.7). */
static int full_year(int two_digits, int64_t now_unix_s) {
    int year_now = 1970 + (int)(now_unix_s / 31556952); /* near enough for a window of a century */
    int year = year_now - year_now % 100 + two_digits;
    if (year > year_now + 50) {
        year -= 100;
    } else if (year <= year_now - 50) {
        year += 100;
    }
    return year;
}

/* The header was trimmed. Milliseconds from now, or -1. */
static int64_t read_date(struct text text, int64_t now_unix_s) {
    struct date date = {0};
    if (read_rfc850_date(text, &date)) {
        date.year = full_year(date.year, now_unix_s);
    } else if (!read_imf_date(text, &date) && !read_asctime_date(text, &date)) {
        return -1;
    }
    if (!is_possible(&date)) {
        return -1;
    }
    int64_t left_s = unix_seconds(&date) - now_unix_s;
    return MIN(MAX(left_s, 0), RETRY_AFTER_MAX_S) * 1000;
}

static int64_t read_seconds(struct text text) {
    int64_t seconds = 0;
    for (; text.at < text.end; text.at++) {
        if (*text.at < '0' || *text.at > '9') {
            return -1;
        }
        seconds = MIN(seconds * 10 + (*text.at - '0'), RETRY_AFTER_MAX_S);
    }
    return seconds * 1000;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

int64_t retry_after_parse(const char *bytes, size_t n_bytes, int64_t now_unix_s) {
    struct text text = {bytes, bytes + n_bytes};
    while (text.at < text.end && is_blank(*text.at)) {
        text.at++;
    }
    while (text.at < text.end && is_blank(text.end[-1])) {
        text.end--;
    }
    if (text.at == text.end) {
        return -1;
    }
    bool is_number = *text.at >= '0' && *text.at <= '9';
    return is_number ? read_seconds(text) : read_date(text, now_unix_s);
}
