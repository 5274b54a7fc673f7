/*
 * The other end of the soak: a collector in a process of its own that does wrong every third time
 * or so, in every way it knows, and counts the spans of the requests that it said yes to.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

/* In memory that both processes share. */
struct soak_counts {
    _Atomic uint64_t n_requests;
    _Atomic uint64_t n_faults;
    _Atomic uint64_t n_taken; /* spans of requests whose answer 200 was sent whole */
};

/* Listens on a free port of 127.0.0.1 and answers until it is killed. *counts stays mapped. */
pid_t soak_peer_start(unsigned percent_faults, int *port, struct soak_counts **counts);
