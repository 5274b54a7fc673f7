/*
 * What spool_kill_helper.c tells test_spool_kill.c.
 */
#pragma once

#include <stdint.h>

enum { KILL_N_THREADS = 3 };

/* The end of this span has returned. Written whole, as a pipe takes it. */
struct kill_report {
    uint32_t thread;
    uint32_t n; /* from 0, without gaps */
};
