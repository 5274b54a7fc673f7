/*
 * Rows of the table of speeds: how one is measured, and who has which.
 *
 * Times are reported, never asserted: a verdict here fails nothing.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <weir/weir.h>

/* Measures once; the value is in the row's unit. */
typedef double bench_sample_fn(void);

struct bench_row {
    const char *name;
    const char *unit;
    double goal;        /* 0: none is stated */
    bool goal_is_least; /* the value is to be at least the goal, else at most */
    unsigned n_samples;
    bench_sample_fn *sample;
};

/* Each file's rows, ended by one without a name. */
extern const struct bench_row bench_otlp_rows[];
extern const struct bench_row bench_lifecycle_rows[];
extern const struct bench_row bench_pipeline_rows[];
extern const struct bench_row bench_tracking_rows[];

uint64_t bench_now_ns(void); /* CLOCK_MONOTONIC */

/* A transport that takes everything at once. */
weir_transport bench_null_transport(void);

/* A weir on that transport; ends the program when it cannot be opened. */
weir *bench_open(weir_streaming_mode mode, const char *tracker_dir);
void bench_close(weir *w);

/* An OTLP pipeline on a transport; ends the program when it cannot be opened. */
weir_otlp *bench_otlp_open(const weir_otlp_options *options);

/* Ends the program, saying why. */
_Noreturn void bench_die(const char *what);
