/* The time stamp counter of x86-64, where the kernel makes its own clock of it. */
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "otlp/common/clock.h"
#include "otlp/common/clock_line.h"
#include "otlp/common/macro.h"

#define CLOCK_SOURCE "/sys/devices/system/clocksource/clocksource0/current_clocksource"
#define CPUID_POWER 0x80000007u /* the page that tells of the counter's rate */

enum {
    CPUID_EDX_INVARIANT = 1 << 8, /* it is one and the same, in sleep too */
    MAX_DOUBTS = 16               /* of all threads; then the counter is not used any more */
};

/* Of the process. A forked child goes on with it, and with its thread's line: both clocks do. */
static enum use { NOT_ASKED, USED, GIVEN_UP, NEVER_USED } _Atomic use;
static _Atomic uint64_t known_rate; /* a new thread begins with it; 0: not known */
static atomic_uint n_doubts;

static THREAD_LOCAL_HOT struct {
    struct clock_line line;
    uint64_t last_ns;
} own;

static bool is_invariant(void) {
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid(CPUID_POWER, &eax, &ebx, &ecx, &edx) && (edx & CPUID_EDX_INVARIANT);
}

static bool is_clock_source(void) {
    char name[8] = "";
    int fd = open(CLOCK_SOURCE, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    ssize_t n_bytes = read(fd, name, sizeof name - 1);
    (void)close(fd);
    return n_bytes > 0 && strcmp(name, "tsc\n") == 0;
}

void clock_span_prepare(void) {
    if (atomic_load_explicit(&use, memory_order_relaxed) == NOT_ASKED) {
        int error = errno;
        enum use answer = is_clock_source() && is_invariant() ? USED : NEVER_USED;
        enum use before = NOT_ASKED; /* another thread's answer stays */
        (void)atomic_compare_exchange_strong(&use, &before, answer);
        errno = error;
    }
}

static void share(enum clock_verdict verdict, uint64_t rate) {
    if (verdict == CLOCK_LINE_HOLDS || verdict == CLOCK_LINE_DOUBTS) {
        atomic_store_explicit(&known_rate, rate, memory_order_relaxed);
    }
    if (verdict == CLOCK_LINE_DOUBTS &&
        atomic_fetch_add_explicit(&n_doubts, 1, memory_order_relaxed) >= MAX_DOUBTS) {
        atomic_store_explicit(&use, GIVEN_UP, memory_order_relaxed);
    }
}

static uint64_t draw(struct clock_line *line) {
    if (line->rate == 0) {
        line->rate = atomic_load_explicit(&known_rate, memory_order_relaxed);
    }
    struct clock_reading reading;
    reading.before = __builtin_ia32_rdtsc();
    reading.ns = clock_now_ns();
    reading.after = __builtin_ia32_rdtsc();
    share(clock_line_draw(line, &reading), line->rate);
    return reading.ns;
}

static COLD uint64_t read_clock(void) {
    enum use is = atomic_load_explicit(&use, memory_order_relaxed);
    if (LIKELY(is == NEVER_USED) || is == NOT_ASKED) {
        return clock_now_ns(); /* no line has gone ahead of it */
    }
    uint64_t ns = is == USED ? draw(&own.line) : clock_now_ns();
    return own.last_ns = clock_line_forward(own.last_ns, ns);
}

/*
 * Half the time of clock_gettime and less: the counter is read among the instructions around it,
 * where the kernel waits for those before. A span without attributes costs 29 % less for it, a pull
 * and its element 46 %; waiting as well would leave 10 % of both.
 */
uint64_t clock_span_ns(void) {
    if (UNLIKELY(own.line.n_ticks == 0)) { /* also where reading the counter were a fault */
        return read_clock();
    }
    uint64_t ticks = __builtin_ia32_rdtsc();
    if (UNLIKELY(!clock_line_holds(&own.line, ticks))) {
        return read_clock();
    }
    return own.last_ns = clock_line_forward(own.last_ns, clock_line_at(&own.line, ticks));
}
