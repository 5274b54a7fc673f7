/*
 * For calls that wait: a host's thread that is cancelled in one of them (pthread_cancel) is so when
 * the call returns. Else it would leave a lock taken for ever. Such calls have a deadline, or do
 * work on files that has an end.
 *
 *     UNCANCELLED();   first in the function, until it returns
 */
#pragma once

#include <pthread.h>

#include "otlp/common/macro.h"

#define UNCANCELLED()                                                                              \
    __attribute__((unused)) CLEANUP(uncancelled_end) int uncancelled_before = uncancelled_begin()

static inline int uncancelled_begin(void) {
    int before = PTHREAD_CANCEL_ENABLE;
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    return before;
}

static inline void uncancelled_end(const int *before) {
    (void)pthread_setcancelstate(*before, NULL);
}
