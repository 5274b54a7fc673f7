/*
 * Producers: what each thread that ends spans has of a provider, so that threads share nothing
 * while they record.
 *
 * A producer holds the thread's open segments (one per tracer in use), its counters, its pool of
 * span objects and its reading of the clock. Its lock is taken by its thread for every span and by
 * the exporter only to collect, so it is nearly always free. Producers are found through
 * thread-local storage, known to their provider, and handed over when their thread ends.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <weir/otlp.h>

#include "otlp/common/clock.h"
#include "otlp/common/brief_lock.h"
#include "otlp/scope.h"
#include "otlp/segment.h"

struct otlp_span;

/* Where the parent of a span is. */
enum span_origin { ORIGIN_NONE, ORIGIN_LOCAL, ORIGIN_REMOTE, N_ORIGINS };
enum { N_DECISIONS = WEIR_SAMPLING_RECORD_AND_SAMPLE + 1 };

/* What became of the spans of one thread. Written by that thread alone, read by any. */
struct producer_counts {
    _Atomic uint64_t started[N_ORIGINS][N_DECISIONS];
    _Atomic uint64_t not_sampled;
    _Atomic uint64_t unsent[N_DECISIONS]; /* of these: recorded, for processors, and ended */
    _Atomic uint64_t queued;              /* ended into a segment */
    _Atomic uint64_t dropped[WEIR_N_DROP_CAUSES];
};

/* The only writer of a counter needs no atomic addition. */
static inline void producer_count(_Atomic uint64_t *counter) {
    uint64_t n = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, n + 1, memory_order_relaxed);
}

struct producer {
    weir_otlp *otlp;
    uint64_t otlp_id;
    struct producer *next;           /* in its provider */
    struct producer *next_of_thread; /* in its thread */
    atomic_bool is_detached;         /* the provider is gone: only the thread knows it still */

    struct brief_lock lock; /* guards open and expected_bytes */
    struct segment *open;   /* last used first; each holds a span at least */
    size_t expected_bytes;  /* how full this thread's segments get */

    struct otlp_span *free_spans; /* its thread's own */
    uint32_t n_free_spans;
    struct clock_anchor anchor; /* its thread's own */
    struct producer_counts counts;
};

/* A provider's producers. */
struct producers {
    struct producer *first;      /* guarded by the one lock of producer.c */
    struct producer_counts gone; /* counts of threads that ended, and of calls without a producer */
};

/* This thread's producer of `otlp`; NULL when memory is short. */
struct producer *producer_current(weir_otlp *otlp);

/*
 * Room for a span of n_bytes (with tag and length) in this thread's segment of `scope`. The
 * producer stays locked until producer_commit; NULL, and not locked, when the span is to be dropped
 * (*cause).
 */
uint8_t *producer_reserve(struct producer *producer, const struct scope *scope, size_t n_bytes,
                          weir_drop_cause *cause);
/* Counts what was written there as a span. */
void producer_commit(struct producer *producer, size_t n_bytes);

/* Counts a span as dropped; the first of a queue_full series is said. `producer` may be NULL. */
void producer_drop(weir_otlp *otlp, struct producer *producer, weir_drop_cause cause);
/* Counts the end of one that was recorded but is not exported. `producer` may be NULL. */
void producer_end_unsent(weir_otlp *otlp, struct producer *producer,
                         weir_sampling_decision decision);
/* Counts one as started; `producer` and `parent` may be NULL. */
void producer_start(weir_otlp *otlp, struct producer *producer, const weir_otlp_context *parent,
                    weir_sampling_decision decision);

/* Wall time by one reading of the monotonic clock: the offset to add. Re-taken once a second. */
uint64_t producer_clock_offset(struct producer *producer, uint64_t monotonic_ns);

/* Pushes every open segment to the exporter; for exporter_options.collect, data is the provider. */
void producers_collect(void *otlp);

/* Adds up the counts of all threads. */
struct producer_totals {
    uint64_t started, not_sampled, queued;
    uint64_t started_by[N_ORIGINS][N_DECISIONS]; /* the same as started, taken apart */
    uint64_t unsent[N_DECISIONS];
    uint64_t dropped[WEIR_N_DROP_CAUSES];
};
void producers_total(weir_otlp *otlp, struct producer_totals *out);

/*
 * Around a fork, for provider_fork.c: the registry, then each provider's producers, so that no
 * thread is in the middle of anything with them. In a child nobody holds a lock.
 */
void producers_hold_registry(void);
void producers_let_go_registry(bool is_child);
void producers_hold(weir_otlp *otlp);
void producers_let_go(weir_otlp *otlp);
/*
 * In the child, with no lock held: forgets the producers of threads that are not there, empties
 * those of this thread, and counts from zero. Returns what they had open, as a list.
 */
struct segment *producers_begin_anew(weir_otlp *otlp);

/* The provider goes: pushes what its producers hold, and leaves them to their threads. */
void producers_detach_all(weir_otlp *otlp);
