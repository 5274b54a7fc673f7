#include "otlp/common/clock_line.h"
#include "otlp/common/macro.h"
#include "tests/support/clock.h"
#include "tests/support/expect.h"

enum { BOUND_NS = 100 };

/* A processor that was invented: its counter, and the clock that is made of it. */
struct machine {
    uint64_t ticks, ns;
    uint64_t ticks_per_us;
};
#define MACHINE_INIT                                                                               \
    { .ticks = UINT64_C(77) << 40, .ns = S(1000), .ticks_per_us = 2500 }

static void pass(struct machine *machine, uint64_t ns) {
    machine->ns += ns;
    machine->ticks += ns * machine->ticks_per_us / 1000;
}

/* Read in the middle of the bracket. */
static struct clock_reading reading(const struct machine *machine, uint64_t width) {
    return (struct clock_reading){machine->ticks - width / 2, machine->ns,
                                  machine->ticks + (width - width / 2)};
}

static enum clock_verdict draw(struct clock_line *line, const struct machine *machine) {
    struct clock_reading now = reading(machine, 100);
    return clock_line_draw(line, &now);
}

/* A line that holds now. */
static struct clock_line drawn(struct machine *machine) {
    struct clock_line line = {0};
    cr_assert(eq(int, draw(&line, machine), CLOCK_LINE_MEASURES));
    pass(machine, MS(3));
    cr_assert(eq(int, draw(&line, machine), CLOCK_LINE_HOLDS));
    return line;
}

static bool is_right(const struct clock_line *line, const struct machine *machine, uint64_t bound) {
    uint64_t ns = clock_line_at(line, machine->ticks);
    return clock_line_holds(line, machine->ticks) && machine->ns <= ns + bound &&
           ns <= machine->ns + bound;
}

Test(clock_line, holds_nowhere_before_a_rate_is_measured) {
    struct machine machine = MACHINE_INIT;
    struct clock_line line = {0};
    cr_expect(not(clock_line_holds(&line, 0)));
    cr_expect(not(clock_line_holds(&line, machine.ticks)));
    cr_expect(eq(int, draw(&line, &machine), CLOCK_LINE_MEASURES));
    cr_expect(not(clock_line_holds(&line, machine.ticks)));
    pass(&machine, CLOCK_LINE_MIN_NS - 1);
    cr_expect(eq(int, draw(&line, &machine), CLOCK_LINE_MEASURES));
    pass(&machine, 1);
    cr_expect(eq(int, draw(&line, &machine), CLOCK_LINE_HOLDS));
    cr_expect(is_right(&line, &machine, 1));
}

Test(clock_line, is_right_as_long_as_it_holds_at_any_rate) {
    const uint64_t rates[] = {300, 1000, 2100, 2450, 5000, 15000};
    for (size_t i = 0; i < ARRAY_LENGTH(rates); i++) {
        struct machine machine = MACHINE_INIT;
        machine.ticks_per_us = rates[i];
        struct clock_line line = drawn(&machine);
        uint64_t end = machine.ticks + CLOCK_LINE_TICKS;
        for (; machine.ticks < end; pass(&machine, 1000)) {
            cr_assert(is_right(&line, &machine, 2), "%zu", i);
        }
        cr_expect(not(clock_line_holds(&line, end)), "%zu", i);
    }
}

/* Both ends of the measured stretch and the line's own reading are as wrong as they may be. */
Test(clock_line, is_within_its_bound_after_the_worst_readings) {
    for (int way = 0; way < 2; way++) {
        struct machine machine = MACHINE_INIT;
        struct clock_line line = {0};
        struct clock_reading first = {machine.ticks, machine.ns, machine.ticks};
        *(way ? &first.after : &first.before) += (way ? 1 : -1) * CLOCK_LINE_MAX_BRACKET;
        cr_assert(eq(int, clock_line_draw(&line, &first), CLOCK_LINE_MEASURES));
        pass(&machine, CLOCK_LINE_MIN_NS);
        struct clock_reading last = {machine.ticks, machine.ns, machine.ticks};
        *(way ? &last.before : &last.after) += (way ? -1 : 1) * CLOCK_LINE_MAX_BRACKET;
        cr_assert(eq(int, clock_line_draw(&line, &last), CLOCK_LINE_HOLDS));
        machine.ticks_per_us += way ? 1 : -1; /* 400 ppm from now on */
        pass(&machine, 52000);
        cr_expect(is_right(&line, &machine, BOUND_NS), "%d", way);
    }
}

Test(clock_line, refuses_a_bracket_in_which_it_was_preempted_and_keeps_the_rate) {
    struct machine machine = MACHINE_INIT;
    struct clock_line line = drawn(&machine);
    const uint64_t widths[] = {CLOCK_LINE_MAX_BRACKET + 1, 10000, UINT64_C(1) << 40};
    for (size_t i = 0; i < ARRAY_LENGTH(widths); i++) {
        struct clock_reading preempted = reading(&machine, widths[i]);
        cr_expect(eq(int, clock_line_draw(&line, &preempted), CLOCK_LINE_REFUSES), "%zu", i);
        cr_expect(not(clock_line_holds(&line, machine.ticks)), "%zu", i);
    }
    struct clock_reading backwards = {machine.ticks, machine.ns, machine.ticks - 1};
    cr_expect(eq(int, clock_line_draw(&line, &backwards), CLOCK_LINE_REFUSES));
    struct clock_reading widest = reading(&machine, CLOCK_LINE_MAX_BRACKET);
    cr_expect(eq(int, clock_line_draw(&line, &widest), CLOCK_LINE_HOLDS));
    cr_expect(is_right(&line, &machine, 1));
}

Test(clock_line, does_not_hold_for_a_counter_that_was_set) {
    struct machine machine = MACHINE_INIT;
    struct clock_line line = drawn(&machine);
    const uint64_t moments[] = {0, 1, line.ticks - 1, line.ticks + CLOCK_LINE_TICKS, UINT64_MAX};
    for (size_t i = 0; i < ARRAY_LENGTH(moments); i++) {
        cr_expect(not(clock_line_holds(&line, moments[i])), "%zu", i);
    }
}

/* The counter begins again at 0, or leaps, while the rate is being measured: a suspended machine,
 * one that moved. */
Test(clock_line, doubts_a_counter_that_was_set_and_measures_anew) {
    const uint64_t leaps[] = {0 - (UINT64_C(77) << 40), UINT64_C(1) << 30, 0 - MS(9) / 2};
    for (size_t i = 0; i < ARRAY_LENGTH(leaps); i++) {
        struct machine machine = MACHINE_INIT;
        struct clock_line line = drawn(&machine);
        machine.ticks += leaps[i];
        pass(&machine, MS(3));
        cr_expect(eq(int, draw(&line, &machine), CLOCK_LINE_DOUBTS), "%zu", i);
        cr_expect(not(clock_line_holds(&line, machine.ticks)), "%zu", i);
        cr_expect(zero(u64, line.rate), "%zu", i);
        cr_expect(eq(int, draw(&line, &machine), CLOCK_LINE_MEASURES), "%zu", i);
        pass(&machine, MS(3));
        cr_expect(eq(int, draw(&line, &machine), CLOCK_LINE_HOLDS), "%zu", i);
        cr_expect(is_right(&line, &machine, 1), "%zu", i);
    }
}

Test(clock_line, follows_a_clock_that_is_slewed_and_doubts_one_that_changes_its_pace) {
    struct machine machine = MACHINE_INIT;
    struct clock_line line = drawn(&machine);
    machine.ticks_per_us = 2502; /* 800 ppm: from one end of what the kernel does to the other */
    pass(&machine, MS(3));
    cr_expect(eq(int, draw(&line, &machine), CLOCK_LINE_HOLDS));
    pass(&machine, 50000);
    cr_expect(is_right(&line, &machine, 2)); /* by the new rate */
    machine.ticks_per_us = 2508;
    pass(&machine, MS(3));
    cr_expect(eq(int, draw(&line, &machine), CLOCK_LINE_DOUBTS));
}

Test(clock_line, doubts_a_rate_that_no_counter_has) {
    const uint64_t rates[] = {0, 1, 249, 16001, 1000000};
    for (size_t i = 0; i < ARRAY_LENGTH(rates); i++) {
        struct machine machine = MACHINE_INIT;
        struct clock_line line = {0};
        machine.ticks_per_us = rates[i];
        (void)draw(&line, &machine);
        pass(&machine, MS(3));
        cr_expect(eq(int, draw(&line, &machine), CLOCK_LINE_DOUBTS), "%zu", i);
        cr_expect(not(clock_line_holds(&line, machine.ticks)), "%zu", i);
    }
}

/* What the counter did in a long sleep says nothing; the rate from before it is good enough. */
Test(clock_line, measures_over_no_long_sleep) {
    struct machine machine = MACHINE_INIT;
    struct clock_line line = drawn(&machine);
    machine.ticks += UINT64_C(1) << 50;
    pass(&machine, CLOCK_LINE_MAX_NS + 1);
    cr_expect(eq(int, draw(&line, &machine), CLOCK_LINE_HOLDS));
    cr_expect(is_right(&line, &machine, 1));
    machine.ns = S(5); /* back: another time namespace */
    cr_expect(eq(int, draw(&line, &machine), CLOCK_LINE_HOLDS));
    cr_expect(is_right(&line, &machine, 1));
}

Test(clock_line, begins_with_the_rate_of_another_thread) {
    struct machine machine = MACHINE_INIT;
    struct clock_line other = drawn(&machine), line = {.rate = other.rate};
    cr_expect(eq(int, draw(&line, &machine), CLOCK_LINE_HOLDS));
    pass(&machine, 50000);
    cr_expect(is_right(&line, &machine, 2));
}

Test(clock_line, works_where_the_counter_wraps) {
    struct machine machine = MACHINE_INIT;
    machine.ticks = 0 - UINT64_C(2500) * 3000 - 100;
    struct clock_line line = drawn(&machine);
    cr_expect(gt(u64, line.ticks, UINT64_MAX / 2));
    pass(&machine, 50000);
    cr_expect(lt(u64, machine.ticks, CLOCK_LINE_TICKS));
    cr_expect(is_right(&line, &machine, 2));
}

Test(clock_line, a_thread_does_not_go_back_unless_its_clock_did) {
    cr_expect(eq(u64, clock_line_forward(0, 1000), 1000));
    cr_expect(eq(u64, clock_line_forward(1000, 1000), 1000));
    cr_expect(eq(u64, clock_line_forward(1000, 1001), 1001));
    cr_expect(eq(u64, clock_line_forward(S(9), S(9) - 1), S(9)));
    cr_expect(eq(u64, clock_line_forward(S(9), S(9) - CLOCK_LINE_MAX_BACK_NS + 1), S(9)));
    cr_expect(eq(u64, clock_line_forward(S(9), S(8)), S(8)));
    cr_expect(eq(u64, clock_line_forward(0, UINT64_MAX / 2), UINT64_MAX / 2));
    cr_expect(eq(u64, clock_line_forward(UINT64_MAX / 2, 0), 0));
}
