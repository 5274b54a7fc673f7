/*
 * Failing and counting allocations.
 *
 * The unit tests are linked with --wrap=malloc and friends, so every allocation of weir's code (not
 * libc's own) comes past here. Under a sanitizer, which must own malloc, nothing is wrapped: the
 * loops below then run once without a failure, and counts stay 0.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Runs the body once for every allocation it makes, the nth one failing (and only that one), and a
 * last time with none failing. The body must end up as it began: it is run again.
 */
#define FAULT_FOR_EACH_ALLOCATION(n) for (size_t n = 1; fault_arm(n, false); n++)

/* The same with every allocation failing from the nth on: memory stays short. */
#define FAULT_FOR_EACH_SHORTAGE(n) for (size_t n = 1; fault_arm(n, true); n++)

/*
 * The loops' step: makes the nth allocation from now on fail. False, and nothing armed, when the
 * round before made fewer than its n allocations: then every one has had its turn.
 */
bool fault_arm(size_t nth, bool stays_short);

/* Ends a failure that has not come yet, for leaving a loop early or for cleaning up in its body. */
void fault_disarm(void);

/* True when the allocation of this round has failed. */
bool fault_has_struck(void);

/* True in a build where allocations can be counted and failed. */
bool fault_is_available(void);

/* Allocations (malloc, calloc, realloc, posix_memalign), of all threads, since the start. */
size_t fault_n_allocations(void);

/* Blocks allocated and not freed. Those that libc allocates for weir and weir frees count as -1. */
long fault_n_live(void);
