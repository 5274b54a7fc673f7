/*
 * Rows and curves of the table of speeds: how one is measured, and who has which.
 *
 * Times are reported, never asserted: a verdict here fails nothing.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <weir/weir.h>

/* Measures once, in the row's unit. `n` is the row's, or the place on the curve. */
typedef double bench_sample_fn(size_t n);

/* What a name holds is printed as JSON as it is: no quotes, no backslashes. */
struct bench_row {
    const char *name;
    const char *unit;
    double goal;        /* 0: none is stated, unless has_goal */
    bool has_goal;      /* the goal is 0 */
    bool goal_is_least; /* the value is to be at least the goal, else at most */
    unsigned n_samples; /* at most BENCH_MAX_SAMPLES; 1: cannot be repeated, and is not warmed up */
    bench_sample_fn *sample;
    size_t n;
    const char *operation;        /* the one of counts.c that is this row's; NULL: not counted */
    const char *floor;            /* the row that this one can at best be as fast as; NULL: none */
    const char *(*absence)(void); /* why it cannot be measured here; NULL, or says NULL: it can */
};

/* The same at growing sizes. Its points are to show whether cost grows as the size does. */
struct bench_curve {
    const char *name;
    const char *x_name; /* what there is more of: "attributes" */
    const char *unit;
    /* What one more costs: "ns an attribute". NULL: a sample already is a cost of one. */
    const char *unit_of_more;
    bool more_is_better; /* a rate; else a cost */
    const size_t *xs;
    size_t n_xs; /* at most BENCH_MAX_PLACES */
    unsigned n_samples;
    bench_sample_fn *sample;
    const char *note; /* why it bends where it does; NULL: it is not to bend */
};

/* Each file has one. Rows and curves are ended by one without a name; either may be NULL. */
struct bench_section {
    const char *title;
    const struct bench_row *rows;
    const struct bench_curve *curves;
};

enum { BENCH_MAX_SAMPLES = 64, BENCH_MAX_PLACES = 16 };

extern const struct bench_section bench_floor;
extern const struct bench_section bench_otlp;
extern const struct bench_section bench_lifecycle;
extern const struct bench_section bench_threads;
extern const struct bench_section bench_end_to_end;
extern const struct bench_section bench_latency;
extern const struct bench_section bench_pipeline;
extern const struct bench_section bench_tracking;
extern const struct bench_section bench_scaling;

uint64_t bench_now_ns(void); /* CLOCK_MONOTONIC */

/* Makes the compiler believe that all memory is read and written here. */
static inline void bench_keep(const void *pointer) {
    __asm__ volatile("" : : "r"(pointer) : "memory");
}

/* A transport that takes everything at once. */
weir_transport bench_null_transport(void);

/* A weir on that transport; ends the program when it cannot be opened. */
weir *bench_open(weir_streaming_mode mode, const char *tracker_dir);
void bench_close(weir *w);

/* An OTLP pipeline on a transport; ends the program when it cannot be opened. */
weir_otlp *bench_otlp_open(const weir_otlp_options *options);

/* Ends the program, saying why. */
_Noreturn void bench_die(const char *what);
