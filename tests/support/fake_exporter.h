/*
 * An exporter without a thread, for tests of what comes before it: it keeps a copy of every body
 * that is pushed, and lets the test decide when segments are given back.
 *
 * Link 'support/fake_exporter.c' into the test: its functions stand in for those of
 * otlp/exporter.h and for transport_choose and transport_open.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fake_exporter {
    size_t n_bodies; /* pushed since the start or the last reset */
    uint64_t n_spans;
    _Atomic unsigned n_nudges; /* by threads of the tests */
    unsigned n_hurries;
    bool holds; /* keeps the segments that are pushed, as if the endpoint did not answer */
    bool keeps_no_bodies; /* counts only */
    bool is_nowhere;      /* the next pipeline gets no transport */
    int start_error;      /* what exporter_start shall return */
};

/* Of the process: a test has one pipeline at a time. */
extern struct fake_exporter fake_exporter;

/* The nth body pushed; borrowed until the reset. */
const uint8_t *fake_exporter_body(size_t nth, size_t *n_bytes);

/* Gives back what is held. */
void fake_exporter_let_go(void);

/* Forgets bodies and counts. */
void fake_exporter_reset(void);
