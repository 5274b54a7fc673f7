/*
 * The clock for spans against the one it is made of. clock_gettime is this file's own: it counts
 * and, told so, goes wrong.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "otlp/common/clock.h"
#include "otlp/common/clock_line.h"
#include "tests/support/clock.h"
#include "tests/support/expect.h"

enum { BOUND_NS = 250 }; /* where the counter runs at 1 GHz */

static uint64_t n_calls;
static int64_t offset_ns; /* of CLOCK_MONOTONIC */
static uint64_t delay_ns; /* that a call takes */

typedef int gettime_fn(clockid_t id, struct timespec *out);

static uint64_t true_ns(gettime_fn *gettime) {
    struct timespec now;
    (void)gettime(CLOCK_MONOTONIC, &now);
    return clock_ns_of(now);
}

int clock_gettime(clockid_t id, struct timespec *out) {
    static gettime_fn *gettime;
    if (gettime == NULL) {
        *(void **)&gettime = dlsym(RTLD_NEXT, "clock_gettime");
    }
    n_calls++;
    for (uint64_t begun = delay_ns != 0 ? true_ns(gettime) : 0;
         delay_ns != 0 && true_ns(gettime) - begun < delay_ns;) {
    }
    int result = gettime(id, out);
    if (id == CLOCK_MONOTONIC && offset_ns != 0) {
        *out = clock_timespec(clock_ns_of(*out) + (uint64_t)offset_ns);
    }
    return result;
}

TestSuite(clock_tsc, .init = clock_span_prepare);

static bool is_near_the_clock(void) {
    uint64_t before = clock_now_ns(), ns = clock_span_ns(), after = clock_now_ns();
    return before <= ns + BOUND_NS && ns <= after + BOUND_NS;
}

/* True where lines can be drawn: not in an emulator, though it has the counter. */
static bool has_counter(void) {
#ifdef __x86_64__
    char name[8] = "";
    int n_narrow = 0;
    FILE *file = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");
    bool is_read = file != NULL && fgets(name, sizeof name, file) != NULL;
    if (file != NULL) {
        (void)fclose(file);
    }
    for (int i = 0; i < 1000; i++) {
        uint64_t before = __builtin_ia32_rdtsc();
        (void)clock_now_ns();
        n_narrow += __builtin_ia32_rdtsc() - before <= CLOCK_LINE_MAX_BRACKET;
    }
    return is_read && strcmp(name, "tsc\n") == 0 && n_narrow > 500;
#else
    return false;
#endif
}

/* True when a thousand readings called the clock a few times only. */
static bool is_fast(void) {
    n_calls = 0;
    for (int i = 0; i < 1000; i++) {
        (void)clock_span_ns();
    }
    return n_calls < 100;
}

static bool becomes_fast(uint64_t within_ns) {
    uint64_t until = clock_now_ns() + within_ns;
    while (!is_fast()) {
        if (clock_now_ns() > until) {
            return false;
        }
    }
    return true;
}

Test(clock_tsc, stays_near_the_clock_and_never_goes_back) {
    uint64_t until = clock_now_ns() + MS(100), last = 0;
    while (clock_now_ns() < until) {
        cr_assert(is_near_the_clock());
        for (int i = 0; i < 1000; i++) {
            uint64_t ns = clock_span_ns();
            cr_assert(le(u64, last, ns));
            last = ns;
        }
    }
}

Test(clock_tsc, asks_the_clock_seldom_where_there_is_a_counter) {
    if (!has_counter()) {
        cr_skip("no quick clock that is made of a counter");
    }
    cr_assert(becomes_fast(S(20)));
    cr_assert(is_near_the_clock());
}

/* As under an emulator, or where the kernel gives the counter to no process. */
Test(clock_tsc, is_the_clock_itself_where_reading_it_takes_long) {
    delay_ns = 20000;
    for (int i = 0; i < 500; i++) {
        n_calls = 0;
        uint64_t before = clock_now_ns(), ns = clock_span_ns();
        cr_assert(le(u64, before, ns));
        cr_assert(le(u64, ns, clock_now_ns()));
        cr_assert(eq(u64, n_calls, 3));
    }
}

Test(clock_tsc, a_clock_that_leaps_is_followed) {
    const int64_t leaps[] = {3600 * (int64_t)S(1), -1800 * (int64_t)S(1)};
    (void)becomes_fast(MS(50));
    for (size_t i = 0; i < sizeof leaps / sizeof *leaps; i++) {
        offset_ns += leaps[i];
        for (uint64_t until = clock_now_ns() + S(20); !is_near_the_clock();) {
            cr_assert(lt(u64, clock_now_ns(), until), "%zu", i);
        }
        (void)becomes_fast(MS(20));
        cr_assert(is_near_the_clock(), "%zu", i);
    }
}

/* Each leap in the middle of a measurement is a doubt; after many it is the clock alone. */
Test(clock_tsc, gives_up_on_a_clock_that_keeps_changing_its_pace) {
    for (int i = 0; i < 200; i++) {
        for (uint64_t until = clock_now_ns() + MS(3); clock_now_ns() < until;) {
            (void)clock_span_ns();
        }
        offset_ns += (int64_t)MS(1) / 2;
    }
    for (uint64_t until = clock_now_ns() + MS(1); clock_now_ns() < until;) {
        (void)clock_span_ns(); /* a line that was drawn before ends */
    }
    for (int i = 0; i < 100; i++) {
        n_calls = 0;
        (void)clock_span_ns();
        cr_assert(eq(u64, n_calls, 1));
    }
}

Test(clock_tsc, a_forked_child_goes_on) {
    (void)becomes_fast(MS(50));
    uint64_t last = clock_span_ns();
    pid_t child = fork();
    if (child == 0) {
        bool is_good = last <= clock_span_ns();
        for (int i = 0; i < 10000; i++) {
            is_good = is_good && is_near_the_clock();
        }
        _exit(is_good ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    int status = -1;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    cr_assert(zero(int, status));
    cr_assert(is_near_the_clock());
}
