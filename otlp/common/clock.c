#include "otlp/common/clock.h"

#include <stddef.h>

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
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t clock_now_ns(void) {
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t clock_ms_until(uint64_t monotonic_ns) {
    uint64_t now_ns = clock_now_ns();
    return monotonic_ns > now_ns ? (monotonic_ns - now_ns - 1) / NS_PER_MS + 1 : 0;
}

weir_clock clock_system(void) {
    return (weir_clock){.unix_ns = system_unix_ns, .monotonic_ns = system_monotonic_ns};
}

weir_clock clock_or_system(const weir_clock *clock) {
    if (clock == NULL || clock->unix_ns == NULL || clock->monotonic_ns == NULL) {
        return clock_system();
    }
    return *clock;
}
