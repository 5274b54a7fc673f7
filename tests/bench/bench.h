/*
 * Timing of small operations: repeated rounds, minimum and median of them.
 */
#pragma once

#include <stdint.h>

struct bench_row {
    const char *name;
    uint64_t goal_ns;     /* 0: none is stated */
    double best_ns;       /* per operation */
    double median_ns;
    double worst_ns;
    double allocations;   /* per operation, in the best round */
};

/* Runs `n_rounds` rounds of `n_operations`; `run` does them all. */
struct bench_row bench_measure(const char *name, uint64_t goal_ns, unsigned n_rounds,
                               unsigned n_operations, void (*run)(unsigned n_operations));

void bench_print_head(void);
void bench_print(const struct bench_row *row);
void bench_print_json(const struct bench_row *row);
