#include "otlp/common/brief_lock.h"

#include <stddef.h>
#include <time.h>

#include "otlp/common/uncancelled.h"

enum {
    N_QUICK_LOOKS = 100,   /* the holder is running on another processor: it will be done soon */
    FIRST_PAUSE_NS = 1000, /* it is not: let it run, whatever its priority */
    LONGEST_PAUSE_NS = 100000
};

static int is_free_now(struct brief_lock *lock) {
    return atomic_load_explicit(&lock->is_taken, memory_order_relaxed) == 0 &&
           atomic_exchange_explicit(&lock->is_taken, 1, memory_order_acquire) == 0;
}

void brief_lock_wait(struct brief_lock *lock) {
    for (int i = 0; i < N_QUICK_LOOKS; i++) {
        if (is_free_now(lock)) {
            return;
        }
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#endif
    }
    UNCANCELLED(); /* the caller may hold another lock */
    struct timespec pause = {.tv_nsec = FIRST_PAUSE_NS};
    while (!is_free_now(lock)) {
        (void)nanosleep(&pause, NULL);
        pause.tv_nsec = pause.tv_nsec < LONGEST_PAUSE_NS ? pause.tv_nsec * 2 : LONGEST_PAUSE_NS;
    }
}
