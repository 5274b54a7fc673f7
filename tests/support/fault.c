#include "tests/support/fault.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

static atomic_size_t n_allocations;
static atomic_long n_live;
static atomic_size_t countdown; /* 0: not armed; 1: the next allocation fails */
static atomic_bool has_struck;
static atomic_bool stays_short;

bool fault_has_struck(void) {
    return atomic_load(&has_struck);
}

void fault_disarm(void) {
    atomic_store(&countdown, 0);
    atomic_store(&stays_short, false);
}

bool fault_arm(size_t nth, bool all_later_too) {
    bool again = nth == 1 || fault_has_struck();
    fault_disarm();
    atomic_store(&has_struck, false);
    if (again && fault_is_available()) {
        atomic_store(&stays_short, all_later_too);
        atomic_store(&countdown, nth);
    }
    return again;
}

size_t fault_n_allocations(void) {
    return atomic_load(&n_allocations);
}

long fault_n_live(void) {
    return atomic_load(&n_live);
}

#ifdef FAULT_WRAPS_MALLOC

void *__real_malloc(size_t n_bytes);
void *__real_calloc(size_t n, size_t n_bytes);
void *__real_realloc(void *block, size_t n_bytes);
int __real_posix_memalign(void **out, size_t alignment, size_t n_bytes);
void __real_free(void *block);

void *__wrap_malloc(size_t n_bytes);
void *__wrap_calloc(size_t n, size_t n_bytes);
void *__wrap_realloc(void *block, size_t n_bytes);
int __wrap_posix_memalign(void **out, size_t alignment, size_t n_bytes);
void __wrap_free(void *block);

bool fault_is_available(void) {
    return true;
}

/* Counts an allocation and decides whether it is the one that fails. */
static bool strikes(void) {
    atomic_fetch_add(&n_allocations, 1);
    size_t left = atomic_load(&countdown);
    while (left > 1) {
        if (atomic_compare_exchange_weak(&countdown, &left, left - 1)) {
            return false;
        }
    }
    if (left == 0 ||
        (!atomic_load(&stays_short) && !atomic_compare_exchange_strong(&countdown, &left, 0))) {
        return false;
    }
    atomic_store(&has_struck, true);
    errno = ENOMEM;
    return true;
}

static void *count_live(void *block) {
    atomic_fetch_add(&n_live, block != NULL ? 1 : 0);
    return block;
}

void *__wrap_malloc(size_t n_bytes) {
    return strikes() ? NULL : count_live(__real_malloc(n_bytes));
}

void *__wrap_calloc(size_t n, size_t n_bytes) {
    return strikes() ? NULL : count_live(__real_calloc(n, n_bytes));
}

void *__wrap_realloc(void *block, size_t n_bytes) {
    if (strikes()) {
        return NULL;
    }
    void *moved = __real_realloc(block, n_bytes);
    return block != NULL ? moved : count_live(moved);
}

int __wrap_posix_memalign(void **out, size_t alignment, size_t n_bytes) {
    if (strikes()) {
        return ENOMEM;
    }
    int error = __real_posix_memalign(out, alignment, n_bytes);
    if (error == 0) {
        (void)count_live(*out);
    }
    return error;
}

void __wrap_free(void *block) {
    atomic_fetch_sub(&n_live, block != NULL ? 1 : 0);
    __real_free(block);
}

#else

bool fault_is_available(void) {
    return false;
}

#endif
