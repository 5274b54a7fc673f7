/*
 * The clock for spans on many threads: near CLOCK_MONOTONIC on each, never back on one, and in the
 * order in which a lock passes from thread to thread.
 */
#include "otlp/common/clock.h"
#include "otlp/common/lock.h"
#include "otlp/common/macro.h"
#include "tests/stress/stress.h"

enum { N_THREADS = 8, N_ROUNDS = 40000, BOUND_NS = 250, ORDER_NS = 2000 };

static struct lock lock;
static uint64_t latest_ns; /* that any thread has read; guarded by lock */

static void *read_often(void *index) {
    uint64_t last = 0;
    (void)index;
    for (int i = 0; i < N_ROUNDS; i++) {
        uint64_t before = clock_now_ns(), ns = clock_span_ns(), after = clock_now_ns();
        CHECK(before <= ns + BOUND_NS);
        CHECK(ns <= after + BOUND_NS);
        CHECK(last <= ns);
        lock_take(&lock);
        last = clock_span_ns();
        CHECK(ns <= last);
        CHECK(latest_ns <= last + ORDER_NS);
        latest_ns = MAX(latest_ns, last);
        lock_give(&lock);
    }
    return NULL;
}

int main(void) {
    for (int i = 0; i < 5; i++) { /* threads that find what earlier ones have measured */
        run_threads(N_THREADS, read_often);
    }
    return 0;
}
