#include "tracking/time_read.h"

#include "otlp/common/clock.h"

static const int64_t SECONDS_PER_DAY = 86400;
static const uint64_t LAST_EPOCH_SECOND = 20000000000; /* a larger number is milliseconds */
static const uint64_t LAST_YEAR_MS = 16756761600000;   /* the end of 2500, as in dates */

struct digits {
    const char *at, *end;
};

/* Exactly n digits; -1 when they are not there. */
static int take_number(struct digits *text, int n) {
    int number = 0;
    if (text->end - text->at < n) {
        return -1;
    }
    for (int i = 0; i < n; i++) {
        char digit = *text->at++;
        if (digit < '0' || digit > '9') {
            return -1;
        }
        number = number * 10 + (digit - '0');
    }
    return number;
}

static bool take_byte(struct digits *text, char byte) {
    bool is_there = text->at < text->end && *text->at == byte;
    text->at += is_there;
    return is_there;
}

/* Days since 1970-01-01 in the Gregorian calendar; a year begins in March here, so that the leap
 * day is its last. */
static int64_t days_since_epoch(int year, int month, int day) {
    year -= month <= 2;
    int era = year / 400;
    int year_of_era = year - era * 400;
    int day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return (int64_t)era * 146097 + day_of_era - 719468;
}

static int days_in_month(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && is_leap ? 29 : days[month - 1];
}

static bool take_date(struct digits *text, int64_t *days) {
    int year = take_number(text, 4);
    bool ok = take_byte(text, '-');
    int month = take_number(text, 2);
    ok = take_byte(text, '-') && ok;
    int day = take_number(text, 2);
    if (!ok || year < 1970 || year > 2500 || month < 1 || month > 12 || day < 1 ||
        day > days_in_month(year, month)) {
        return false;
    }
    *days = days_since_epoch(year, month, day);
    return true;
}

static bool take_clock(struct digits *text, int64_t *seconds) {
    int hour = take_number(text, 2);
    bool ok = take_byte(text, ':');
    int minute = take_number(text, 2);
    ok = take_byte(text, ':') && ok;
    int second = take_number(text, 2);
    if (!ok || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) {
        return false;
    }
    *seconds = (int64_t)hour * 3600 + minute * 60 + second;
    return true;
}

/* ".5" to ".123456789", or nothing. */
static bool take_fraction(struct digits *text, int64_t *ns) {
    *ns = 0;
    if (!take_byte(text, '.')) {
        return true;
    }
    int64_t unit = 100000000;
    const char *first = text->at;
    while (text->at < text->end && *text->at >= '0' && *text->at <= '9' && unit > 0) {
        *ns += (*text->at++ - '0') * unit;
        unit /= 10;
    }
    return text->at > first;
}

/* "Z", "+05:30", "-0700", or nothing. */
static bool take_zone(struct digits *text, bool *is_utc, int64_t *offset_seconds) {
    *offset_seconds = 0;
    *is_utc = true;
    if (take_byte(text, 'Z') || take_byte(text, 'z')) {
        return true;
    }
    bool is_east = take_byte(text, '+');
    if (!is_east && !take_byte(text, '-')) {
        *is_utc = false;
        return true;
    }
    int hour = take_number(text, 2);
    (void)take_byte(text, ':');
    int minute = take_number(text, 2);
    *offset_seconds = (is_east ? 1 : -1) * ((int64_t)hour * 3600 + minute * 60);
    return hour >= 0 && hour <= 23 && minute >= 0 && minute <= 59;
}

bool time_read(const char *text, size_t n_bytes, struct time_stamp *out) {
    struct digits rest = {text, text + n_bytes};
    int64_t days, seconds, ns, offset_seconds;
    bool is_utc;
    if (text == NULL || !take_date(&rest, &days) ||
        !(take_byte(&rest, 'T') || take_byte(&rest, ' ')) || !take_clock(&rest, &seconds) ||
        !take_fraction(&rest, &ns) || !take_zone(&rest, &is_utc, &offset_seconds) ||
        rest.at != rest.end) {
        return false;
    }
    int64_t second = days * SECONDS_PER_DAY + seconds - offset_seconds;
    if (second < 0) {
        return false;
    }
    *out = (struct time_stamp){(uint64_t)second * NS_PER_S + (uint64_t)ns, is_utc};
    return true;
}

/* ---- epoch numbers ---- */

/* Digits before the point as whole units, those behind it as billionths of one. */
static bool take_decimal(struct digits *text, uint64_t *units, int64_t *billionths) {
    const char *first = text->at;
    *units = 0;
    while (text->at < text->end && *text->at >= '0' && *text->at <= '9') {
        if (text->at - first == 15) {
            return false; /* beyond any year, in milliseconds too */
        }
        *units = *units * 10 + (uint64_t)(*text->at++ - '0');
    }
    if (text->at == first || !take_fraction(text, billionths)) {
        return false;
    }
    while (text->at < text->end && *text->at >= '0' && *text->at <= '9') {
        text->at++; /* a double has more digits than a nanosecond needs */
    }
    return text->at == text->end;
}

static bool read_epoch(const char *text, size_t n_bytes, struct time_stamp *out) {
    struct digits rest = {text, text + n_bytes};
    uint64_t units;
    int64_t billionths;
    if (!take_decimal(&rest, &units, &billionths)) {
        return false;
    }
    uint64_t ns = (uint64_t)billionths, unit_ns = NS_PER_S;
    if (units > LAST_EPOCH_SECOND) {
        unit_ns = NS_PER_MS;
        ns /= 1000;
    }
    if (units * (unit_ns / NS_PER_MS) > LAST_YEAR_MS) {
        return false;
    }
    *out = (struct time_stamp){units * unit_ns + ns, true};
    return true;
}

bool time_read_json(const char *text, size_t n_bytes, struct time_stamp *out) {
    if (text == NULL || n_bytes == 0) {
        return false;
    }
    if (text[0] == '"') {
        return n_bytes >= 2 && time_read(text + 1, n_bytes - 2, out);
    }
    return read_epoch(text, n_bytes, out);
}
