#include "otlp/common/clock.h"

#include <stddef.h>
#include <time.h>

static uint64_t read_clock(clockid_t id) {
    struct timespec now;
    (void)clock_gettime(id, &now); /* cannot fail for these two clocks */
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static uint64_t system_unix_ns(void *data) {
    (void)data;
    return read_clock(CLOCK_REALTIME);
}

static uint64_t system_monotonic_ns(void *data) {
    (void)data;
    return read_clock(CLOCK_MONOTONIC);
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
