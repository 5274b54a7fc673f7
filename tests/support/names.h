/*
 * A getaddrinfo of our own in the way of the C library's, so that names behave as a test needs:
 * "hangs.test" takes for ever (as a resolver does whose server drops requests), "unknown.test" is
 * not found; every other name is looked up as usual.
 */
#pragma once

#include <stddef.h>

/* How many look-ups hang at the moment. */
size_t names_n_hanging(void);
/* Until one hangs. */
void names_wait_hanging(void);
