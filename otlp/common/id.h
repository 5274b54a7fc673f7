/*
 * Random identifiers: trace ids, span ids, UUIDs.
 *
 * Each thread has a generator of its own, seeded by the kernel and seeded again after fork(), so
 * that no two processes or threads repeat each other and no lock is taken. All bits are uniformly
 * random (W3C Trace Context Level 2, conformance E41, G9). Not for secrets.
 */
#pragma once

#include <stdint.h>

/* 16 random bytes, never all zero (E43). */
void id_new_trace(uint8_t out[16]);

/* 8 random bytes, never all zero. */
void id_new_span(uint8_t out[8]);

/* 64 random bits, for jitter. */
uint64_t id_random(void);

/* A random UUID (version 4): 36 characters and NUL. */
void id_new_uuid(char out[37]);
