#include "otlp/common/clock_line.h"

#include "otlp/common/macro.h"

/* Counters of 250 MHz to 16 GHz: any that a processor has. */
static const uint64_t min_rate = (UINT64_C(1) << 32) / 16, max_rate = UINT64_C(4) << 32;

/* False: it is not believed, and not known any more. n_ns is below CLOCK_LINE_MAX_NS: 30 bits. */
static bool measure_rate(struct clock_line *line, uint64_t n_ticks, uint64_t n_ns) {
    uint64_t before = line->rate;
    uint64_t rate = n_ticks != 0 ? (n_ns << 32) / n_ticks : 0;
    uint64_t change = MAX(rate, before) - MIN(rate, before);
    bool is_believed = rate >= min_rate && rate <= max_rate &&
                       (before == 0 || change <= before / CLOCK_LINE_MAX_RATE_CHANGE);
    line->rate = is_believed ? rate : 0;
    return is_believed;
}

/* False: what was measured is not believed. */
static bool follow_rate(struct clock_line *line, uint64_t ticks, uint64_t ns) {
    uint64_t n_ns = ns - line->base_ns; /* of a clock that went back: huge */
    bool is_lost = line->base_ns == 0 || n_ns > CLOCK_LINE_MAX_NS;
    if (!is_lost && n_ns < CLOCK_LINE_MIN_NS) {
        return true;
    }
    bool is_believed = is_lost || measure_rate(line, ticks - line->base_ticks, n_ns);
    line->base_ticks = ticks;
    line->base_ns = ns;
    return is_believed;
}

enum clock_verdict clock_line_draw(struct clock_line *line, const struct clock_reading *reading) {
    uint64_t width = reading->after - reading->before; /* of a counter that went back: huge */
    line->n_ticks = 0;
    if (width > CLOCK_LINE_MAX_BRACKET) {
        return CLOCK_LINE_REFUSES;
    }
    line->ticks = reading->before + width / 2;
    line->ns = reading->ns;
    if (!follow_rate(line, line->ticks, line->ns)) {
        return CLOCK_LINE_DOUBTS;
    }
    if (line->rate == 0) {
        return CLOCK_LINE_MEASURES;
    }
    line->n_ticks = CLOCK_LINE_TICKS;
    return CLOCK_LINE_HOLDS;
}
