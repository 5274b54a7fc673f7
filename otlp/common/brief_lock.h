/*
 * A lock that one thread takes for nearly every event and others now and then, each for less than a
 * microsecond: giving it back is a plain store.
 *
 * Who finds it taken looks again after ever longer pauses instead of being woken, so use it only
 * where that hardly happens; struct lock is for all else. It was measured: the second atomic
 * operation of a struct lock is a tenth of the whole cost of a span.
 */
#pragma once

#include <stdatomic.h>

#include "otlp/common/macro.h"

struct brief_lock {
    atomic_uint is_taken; /* zero is the initialiser */
};

void brief_lock_wait(struct brief_lock *lock);

static inline void brief_lock_take(struct brief_lock *lock) {
    if (UNLIKELY(atomic_exchange_explicit(&lock->is_taken, 1, memory_order_acquire) != 0)) {
        brief_lock_wait(lock);
    }
}

static inline void brief_lock_give(struct brief_lock *lock) {
    atomic_store_explicit(&lock->is_taken, 0, memory_order_release);
}
