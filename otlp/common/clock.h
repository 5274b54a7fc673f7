/*
 * Time: the system's clock behind the public interface, and wall time derived from monotonic time.
 *
 * One event reads one clock, the monotonic one; its wall time is an anchor plus the time since, so
 * that durations never suffer from a clock that is set while a span is open.
 */
#pragma once

#include <stdint.h>
#include <time.h>

#include <weir/host.h>

#define NS_PER_US UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)

/* The system's clock: CLOCK_REALTIME, and CLOCK_MONOTONIC as clock_span_ns has it, which this
 * prepares. */
weir_clock clock_system(void);

/*
 * CLOCK_MONOTONIC at half the price, where there is a way (x86-64, the kernel's clock source is the
 * invariant time stamp counter, a thread of the process has read it for 2 ms), else as it is. For
 * spans, not for deadlines.
 *
 * Within 100 ns of it (clock_line.h), and it never goes back on a thread. The processor may read
 * the counter while a load in front of it is still under way: what a thread learns from another by
 * a bare load may seem that much older than its cause. Of 50 million such loads, by two cores that
 * fight for the line, one in 100,000 was more than 400 ns, the worst 1,400; behind a lock of
 * lock.h the worst was 60.
 */
uint64_t clock_span_ns(void);

/*
 * Asks the kernel and the processor whether there is a counter: once a process, some 30 µs, since
 * cpuid leaves a virtual machine. When something is opened, so that no file is in the middle of
 * recording. Without it clock_span_ns is the clock as it is.
 */
void clock_span_prepare(void);

/* What two threads' times may be off the order in which things happened: the above, and room. */
#define CLOCK_MAX_DISORDER_NS (10 * NS_PER_US)

/* *clock, or the system's when NULL or half filled. */
weir_clock clock_or_system(const weir_clock *clock);

static inline uint64_t clock_unix(const weir_clock *clock) {
    return clock->unix_ns(clock->data);
}

static inline uint64_t clock_monotonic(const weir_clock *clock) {
    return clock->monotonic_ns(clock->data);
}

/* CLOCK_MONOTONIC: deadlines are times of it, whatever clock the host has chosen for its spans. */
uint64_t clock_now_ns(void);

/* What is left until then, rounded up: waiting so long is long enough. 0 when it has passed. */
uint64_t clock_ms_until(uint64_t monotonic_ns);

/* Times and durations as the system's calls take and give them; before the epoch is 0. */
static inline uint64_t clock_ns_of(struct timespec time) {
    return time.tv_sec < 0 ? 0 : (uint64_t)time.tv_sec * NS_PER_S + (uint64_t)time.tv_nsec;
}

static inline struct timespec clock_timespec(uint64_t ns) {
    return (struct timespec){.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
}

/* One moment on both clocks. */
struct clock_anchor {
    uint64_t unix_ns;
    uint64_t monotonic_ns;
};

/* Of a few tries a close one: what comes between the two readings would stay in all times. */
struct clock_anchor clock_anchor_take(const weir_clock *clock);

/* Wall time of a monotonic moment (before or after the anchor). */
static inline uint64_t clock_anchor_unix(const struct clock_anchor *anchor, uint64_t monotonic_ns) {
    return anchor->unix_ns +
           (monotonic_ns - anchor->monotonic_ns); /* unsigned arithmetic wraps both ways */
}
