/*
 * What the thread tests share. They are plain programs, because criterion aborts under
 * ThreadSanitizer: exit status 0 is success, and a failed check says where and ends the program.
 */
#pragma once

#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * The thread sanitizer dies of threads that a forked child starts, and the address sanitizer of gcc
 * 12 leaves the child the locks of its allocator as other threads held them (settled_fork.h has the
 * proof): children only leave.
 */
#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define HAS_THREAD_SANITIZER true
#else
#define HAS_THREAD_SANITIZER false
#endif
#if HAS_THREAD_SANITIZER || defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define CHILDREN_MAY_START_THREADS false
#else
#define CHILDREN_MAY_START_THREADS true
#endif

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#define CHECK_EQUAL(a, b)                                                                          \
    do {                                                                                           \
        uint64_t a_ = (uint64_t)(a), b_ = (uint64_t)(b);                                           \
        if (a_ != b_) {                                                                            \
            fprintf(stderr, "%s:%d: %s is %" PRIu64 ", %s is %" PRIu64 "\n", __FILE__, __LINE__,   \
                    #a, a_, #b, b_);                                                               \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* Runs fn in n_threads threads, each with its own index as argument, and waits for all. */
static inline void run_threads(size_t n_threads, void *(*fn)(void *index)) {
    pthread_t threads[64];
    CHECK(n_threads <= 64);
    for (size_t i = 0; i < n_threads; i++) {
        CHECK(pthread_create(&threads[i], NULL, fn, (void *)i) == 0);
    }
    for (size_t i = 0; i < n_threads; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
}
