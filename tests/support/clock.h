/*
 * A clock that the test sets. Wall time and monotonic time move together unless set apart. And
 * durations, in nanoseconds.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include <weir/host.h>

#include "otlp/common/clock.h"

#define MS(n) ((uint64_t)(n)*NS_PER_MS)
#define S(n) ((uint64_t)(n)*NS_PER_S)

struct fake_clock {
    _Atomic uint64_t unix_ns;
    _Atomic uint64_t monotonic_ns;
};

/* 2024-01-01 00:00:00 UTC, and a monotonic time that is plainly not it. */
#define FAKE_CLOCK_INIT                                                                            \
    { UINT64_C(1704067200000000000), UINT64_C(5000000000) }

static inline uint64_t fake_clock_unix_ns(void *data) {
    return atomic_load(&((struct fake_clock *)data)->unix_ns);
}

static inline uint64_t fake_clock_monotonic_ns(void *data) {
    return atomic_load(&((struct fake_clock *)data)->monotonic_ns);
}

/* The clock to hand to an options struct; *fake must outlive its user. */
static inline weir_clock fake_clock_public(struct fake_clock *fake) {
    return (weir_clock){fake_clock_unix_ns, fake_clock_monotonic_ns, fake};
}

/* Lets ns nanoseconds pass on both. */
static inline void fake_clock_advance(struct fake_clock *fake, uint64_t ns) {
    atomic_fetch_add(&fake->unix_ns, ns);
    atomic_fetch_add(&fake->monotonic_ns, ns);
}
