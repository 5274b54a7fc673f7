/*
 * A small mutual-exclusion lock: four bytes, no initialiser beyond zero, one atomic operation to
 * take and one to give back when nobody waits. Waiters sleep in the kernel. Held for short, bounded
 * work.
 *
 * pthread_mutex_t costs about twice as much where it is taken for every event, and ten times the
 * room.
 */
#pragma once

#include <stdatomic.h>

struct lock {
    atomic_uint state; /* 0 free, 1 held, 2 held and somebody may sleep */
};

void lock_wait(struct lock *lock);
void lock_wake(struct lock *lock);

/* Takes it only if nobody holds it. */
static inline _Bool lock_try(struct lock *lock) {
    unsigned expected = 0;
    return atomic_compare_exchange_strong_explicit(&lock->state, &expected, 1, memory_order_acquire,
                                                   memory_order_relaxed);
}

static inline void lock_take(struct lock *lock) {
    if (!lock_try(lock)) {
        lock_wait(lock);
    }
}

static inline void lock_give(struct lock *lock) {
    if (atomic_exchange_explicit(&lock->state, 0, memory_order_release) == 2) {
        lock_wake(lock);
    }
}

/* After a fork, on the thread that forked and had taken the lock before: in the child nobody waits
 * for it. */
static inline void lock_drop(struct lock *lock, _Bool is_child) {
    if (is_child) {
        *lock = (struct lock){0};
    } else {
        lock_give(lock);
    }
}
