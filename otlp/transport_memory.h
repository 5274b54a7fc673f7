/*
 * A transport that keeps the bodies it is given, up to a bound: for tests, and for callers inside
 * that want a pipeline's bytes instead of sending them.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <weir/otlp.h>

struct transport_memory;

/* Keeps at most max_bytes of bodies; what does not fit is refused (WEIR_E_TOO_LARGE). NULL when
 * memory is short. The caller's: free it after the pipeline that posts to it was closed. */
struct transport_memory *transport_memory_new(size_t max_bytes);
void transport_memory_free(struct transport_memory *memory);

/* The transport to hand to a pipeline; it borrows `memory`. */
weir_transport transport_memory_interface(struct transport_memory *memory);

/* How many bodies there are, and the nth from 0: borrowed until the free; NULL beyond the last.
 * Any thread. */
size_t transport_memory_count(struct transport_memory *memory);
const uint8_t *transport_memory_body(struct transport_memory *memory, size_t nth, size_t *n_bytes);
