/*
 * Time: the system's clock behind the public interface, and wall time derived from monotonic time.
 *
 * One event reads one clock, the monotonic one; its wall time is an anchor plus the time since, so
 * that durations never suffer from a clock that is set while a span is open.
 */
#pragma once

#include <stdint.h>

#include <weir/host.h>

/* The system's clock: CLOCK_REALTIME and CLOCK_MONOTONIC. */
weir_clock clock_system(void);

/* *clock, or the system's when NULL or half filled. */
weir_clock clock_or_system(const weir_clock *clock);

static inline uint64_t clock_unix(const weir_clock *clock) {
    return clock->unix_ns(clock->data);
}

static inline uint64_t clock_monotonic(const weir_clock *clock) {
    return clock->monotonic_ns(clock->data);
}

/* One moment on both clocks. */
struct clock_anchor {
    uint64_t unix_ns;
    uint64_t monotonic_ns;
};

static inline struct clock_anchor clock_anchor_take(const weir_clock *clock) {
    return (struct clock_anchor){clock_unix(clock), clock_monotonic(clock)};
}

/* Wall time of a monotonic moment (before or after the anchor). */
static inline uint64_t clock_anchor_unix(const struct clock_anchor *anchor, uint64_t monotonic_ns) {
    return anchor->unix_ns +
           (monotonic_ns - anchor->monotonic_ns); /* unsigned arithmetic wraps both ways */
}
