#include "tracking/time_text.h"

#include <stdio.h>

#include "otlp/common/clock.h"

/* Formats broken-down time; years beyond four digits cannot come out of 64-bit nanoseconds. */
static void fill(struct time_text_cache *cache, time_t second, const struct tm *tm) {
    cache->second = second;
    snprintf(cache->text, sizeof cache->text, "%04u-%02u-%02uT%02u:%02u:%02u",
             (unsigned)(tm->tm_year + 1900) % 10000, (unsigned)(tm->tm_mon + 1) % 100,
             (unsigned)tm->tm_mday % 100, (unsigned)tm->tm_hour % 100, (unsigned)tm->tm_min % 100,
             (unsigned)tm->tm_sec % 100);
}

static void append_fraction(struct buf *out, uint64_t unix_ns) {
    unsigned microseconds = (unsigned)(unix_ns % NS_PER_S / 1000);
    if (microseconds == 0) {
        return;
    }
    char text[7] = {'.'};
    for (int i = 6; i > 0; i--) {
        text[i] = (char)('0' + microseconds % 10);
        microseconds /= 10;
    }
    buf_append(out, text, sizeof text);
}

void time_text_local(struct buf *out, uint64_t unix_ns, struct time_text_cache *cache) {
    time_t second = (time_t)(unix_ns / NS_PER_S);
    if (cache->text[0] == '\0' || cache->second != second) {
        struct tm tm = {0};
        (void)localtime_r(&second, &tm);
        fill(cache, second, &tm);
    }
    buf_append_text(out, cache->text);
    append_fraction(out, unix_ns);
}

void time_text_utc(struct buf *out, uint64_t unix_ns, struct time_text_cache *cache) {
    time_t second = (time_t)(unix_ns / NS_PER_S);
    if (cache->text[0] == '\0' || cache->second != second) {
        struct tm tm = {0};
        (void)gmtime_r(&second, &tm);
        fill(cache, second, &tm);
    }
    buf_append_text(out, cache->text);
    append_fraction(out, unix_ns);
    buf_append_byte(out, 'Z');
}
