#include "otlp/common/clock.h"

#include <stddef.h>

/* Of an anchor: the first try is nearly always close, unless reading a clock is a system call. */
enum { ANCHOR_TRIES = 4, ANCHOR_CLOSE_NS = 500 };

static uint64_t read_clock(clockid_t id) {
    struct timespec now;
    (void)clock_gettime(id, &now); /* cannot fail for these two clocks */
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec; /* neither is negative */
}

static uint64_t system_unix_ns(void *data) {
    (void)data;
    return read_clock(CLOCK_REALTIME);
}

static uint64_t system_monotonic_ns(void *data) {
    (void)data;
    return clock_span_ns();
}

uint64_t clock_now_ns(void) {
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t clock_ms_until(uint64_t monotonic_ns) {
    uint64_t now_ns = clock_now_ns();
    return monotonic_ns > now_ns ? (monotonic_ns - now_ns - 1) / NS_PER_MS + 1 : 0;
}

weir_clock clock_system(void) {
    clock_span_prepare();
    return (weir_clock){.unix_ns = system_unix_ns, .monotonic_ns = system_monotonic_ns};
}

weir_clock clock_or_system(const weir_clock *clock) {
    if (clock == NULL || clock->unix_ns == NULL || clock->monotonic_ns == NULL) {
        return clock_system();
    }
    return *clock;
}

struct clock_anchor clock_anchor_take(const weir_clock *clock) {
    struct clock_anchor anchor = {0};
    uint64_t closest_ns = UINT64_MAX;
    for (int i = 0; i < ANCHOR_TRIES && closest_ns > ANCHOR_CLOSE_NS; i++) {
        uint64_t before_ns = clock_monotonic(clock), unix_ns = clock_unix(clock);
        uint64_t apart_ns = clock_monotonic(clock) - before_ns;
        if (i == 0 || apart_ns < closest_ns) {
            anchor = (struct clock_anchor){unix_ns, before_ns + apart_ns / 2};
            closest_ns = apart_ns;
        }
    }
    return anchor;
}
