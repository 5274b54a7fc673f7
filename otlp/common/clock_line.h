/*
 * A straight line from a processor's time stamp counter to CLOCK_MONOTONIC: what a thread reads
 * between two calls of clock_gettime. Here is the arithmetic and what is believed, for readings
 * from anywhere; clock_tsc.c has the counter.
 *
 * A line goes through one reading of the clock that lay between two of the counter, at a rate that
 * was measured over some milliseconds before, and holds for CLOCK_LINE_TICKS. It is off by at most
 *     128 ticks  half of the widest bracket: where in it the clock was read is not known
 *      66 ticks  500 ppm of a line's length: what the kernel may slew its clock by meanwhile
 *      17 ticks  128 ppm of it: either end of the measured stretch is off by 128 ticks as well, of
 *                2,000,000 or more
 * together 211: 100 ns where the counter runs at 2.1 GHz. Seen are 11 ns in 98 of 100 readings. A
 * clock that is slewed by more (some time servers do, to catch up) is followed at the next line.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
    CLOCK_LINE_TICKS = 1 << 17,       /* 26 to 131 µs; a new one costs 0.1 % of that */
    CLOCK_LINE_MAX_BRACKET = 256,     /* ticks; wider is a preemption, or a clock that is slow */
    CLOCK_LINE_MIN_NS = 2000000,      /* that a rate is measured over */
    CLOCK_LINE_MAX_NS = 1000000000,   /* the thread slept, or the machine: measure anew */
    CLOCK_LINE_MAX_RATE_CHANGE = 512, /* as a part of the rate: 0.2 %, from one full slew to the
                                         other and the error of both measurements */
    CLOCK_LINE_MAX_BACK_NS = 1000000  /* far more than any line errs */
};

/* Of one thread. All zeros: nothing is known. */
struct clock_line {
    uint64_t ticks, ns; /* one moment on both */
    uint64_t rate;      /* ns a tick, 32 bits before and 32 behind the point; 0: not known */
    uint64_t n_ticks;   /* how long after that moment it holds; 0: not at all */
    uint64_t base_ticks, base_ns; /* since when the rate is measured; 0 ns: it is not */
};

/* The clock, and the counter before and after. */
struct clock_reading {
    uint64_t before, ns, after;
};

enum clock_verdict {
    CLOCK_LINE_HOLDS,
    CLOCK_LINE_MEASURES, /* the rate is not known yet */
    CLOCK_LINE_REFUSES,  /* too wide a bracket; the rate stays */
    CLOCK_LINE_DOUBTS    /* not the rate of before, or none that a counter has: measures anew */
};

/* Draws the line anew through the reading. It holds nowhere unless the verdict says so. */
enum clock_verdict clock_line_draw(struct clock_line *line, const struct clock_reading *reading);

/* Not before its moment either: a counter that was set back is then far ahead. */
static inline bool clock_line_holds(const struct clock_line *line, uint64_t ticks) {
    return ticks - line->ticks < line->n_ticks;
}

/* The time at that tick, where the line holds. */
static inline uint64_t clock_line_at(const struct clock_line *line, uint64_t ticks) {
    return line->ns + ((ticks - line->ticks) * line->rate >> 32); /* below 2^17 times 2^34 */
}

/*
 * What a thread may say after last_ns: not less, though a line may begin below the end of the one
 * before. Much less is no error of a line: the thread has gone to another time namespace.
 */
static inline uint64_t clock_line_forward(uint64_t last_ns, uint64_t ns) {
    return last_ns - ns < CLOCK_LINE_MAX_BACK_NS ? last_ns : ns;
}
