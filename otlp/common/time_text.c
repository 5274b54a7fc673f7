#include "otlp/common/time_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "otlp/common/clock.h"

/* Three digits: 1.23, 12.3, 123. The borders lie where rounding reaches the next digit. */
static void append_scaled(struct buf *out, uint64_t amount, uint64_t unit, const char *name) {
    char text[32];
    uint64_t hundredths = (amount * 100 + unit / 2) / unit,
             tenths = (amount * 10 + unit / 2) / unit;
    if (hundredths < 1000) {
        snprintf(text, sizeof(text), "%" PRIu64 ".%02" PRIu64 " %s", hundredths / 100,
                 hundredths % 100, name);
    } else if (tenths < 1000) {
        snprintf(text, sizeof(text), "%" PRIu64 ".%" PRIu64 " %s", tenths / 10, tenths % 10, name);
    } else {
        snprintf(text, sizeof(text), "%" PRIu64 " %s", (amount + unit / 2) / unit, name);
    }
    buf_append_text(out, text);
}

static void append_pair(struct buf *out, uint64_t amount, uint64_t parts, const char *name,
                        const char *part) {
    char text[64];
    snprintf(text, sizeof(text), "%" PRIu64 " %s %" PRIu64 " %s", amount / parts, name,
             amount % parts, part);
    buf_append_text(out, text);
}

void time_text_duration(struct buf *out, uint64_t duration_ns, bool is_ascii) {
    if (duration_ns < 1000) {
        char text[16];
        snprintf(text, sizeof(text), "%u ns", (unsigned)duration_ns);
        buf_append_text(out, text);
    } else if (duration_ns < 999500) {
        append_scaled(out, duration_ns, 1000, is_ascii ? "us" : "µs");
    } else if (duration_ns < 999500000) {
        append_scaled(out, duration_ns, NS_PER_MS, "ms");
    } else if (duration_ns < 60 * NS_PER_S) {
        append_scaled(out, duration_ns, NS_PER_S, "s");
    } else if (duration_ns < 3600 * NS_PER_S) {
        append_pair(out, duration_ns / NS_PER_S, 60, "min", "s");
    } else {
        append_pair(out, duration_ns / (60 * NS_PER_S), 60, "h", "min");
    }
}

void time_text_moment(struct buf *out, uint64_t unix_ns) {
    time_t seconds = (time_t)(unix_ns / NS_PER_S);
    struct tm parts;
    char day[32], text[64];
    if (gmtime_r(&seconds, &parts) == NULL ||
        strftime(day, sizeof(day), "%Y-%m-%d %H:%M:%S", &parts) == 0) {
        return;
    }
    snprintf(text, sizeof(text), "%s.%03u UTC", day, (unsigned)(unix_ns / NS_PER_MS % 1000));
    buf_append_text(out, text);
}
