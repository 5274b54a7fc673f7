#include "bridge/replay/zone.h"

#include <string.h>
#include <time.h>

#include "otlp/common/clock.h"

/* Broken down without any zone: the reading of the clock. */
static struct tm reading(uint64_t local_ns) {
    time_t second = (time_t)(local_ns / NS_PER_S);
    struct tm tm = {0};
    (void)gmtime_r(&second, &tm);
    return tm;
}

/* The moment at which the zone's clocks, with daylight saving or without, show the reading. */
static bool moment_of(struct tm tm, int is_dst, time_t *out) {
    struct tm asked = tm;
    asked.tm_isdst = is_dst;
    time_t moment = mktime(&asked);
    struct tm shown;
    if (moment == (time_t)-1 || localtime_r(&moment, &shown) == NULL) {
        return false;
    }
    *out = moment;
    return shown.tm_hour == tm.tm_hour && shown.tm_min == tm.tm_min && shown.tm_mday == tm.tm_mday;
}

static uint64_t to_ns(time_t second, uint64_t local_ns) {
    return second < 0 ? 0 : (uint64_t)second * NS_PER_S + local_ns % NS_PER_S;
}

uint64_t replay_zone_utc(uint64_t local_ns, uint64_t not_before_ns) {
    struct tm tm = reading(local_ns);
    time_t summer, winter;
    bool is_summer = moment_of(tm, 1, &summer);
    bool is_winter = moment_of(tm, 0, &winter);
    if (is_summer && is_winter) {
        time_t first = summer < winter ? summer : winter;
        time_t second = summer < winter ? winter : summer;
        return to_ns(first, local_ns) >= not_before_ns ? to_ns(first, local_ns)
                                                       : to_ns(second, local_ns);
    }
    if (is_summer || is_winter) {
        return to_ns(is_summer ? summer : winter, local_ns);
    }
    tm.tm_isdst = -1;
    return to_ns(mktime(&tm), local_ns);
}

static bool take_two_digits(const char **text, int64_t *number) {
    const char *at = *text;
    *number = 0;
    while (at < *text + 2 && *at >= '0' && *at <= '9') {
        *number = *number * 10 + (*at++ - '0');
    }
    bool any = at > *text;
    *text = at;
    return any;
}

bool replay_zone_parse_offset(const char *text, int64_t *seconds) {
    if (strcmp(text, "UTC") == 0 || strcmp(text, "Z") == 0) {
        *seconds = 0;
        return true;
    }
    int64_t sign = *text == '-' ? -1 : 1;
    text += *text == '-' || *text == '+';
    int64_t hours, minutes = 0;
    if (!take_two_digits(&text, &hours)) {
        return false;
    }
    const char *digits = text + (*text == ':');
    if (*text != '\0') {
        text = digits;
        if (!take_two_digits(&text, &minutes) || text != digits + 2) {
            return false;
        }
    }
    *seconds = sign * (hours * 3600 + minutes * 60);
    return *text == '\0' && minutes < 60 && hours * 60 + minutes <= 18 * 60;
}
