/*
 * Span objects: what one is made of, and the pools that keep ended ones for the next.
 *
 * An object keeps its buffers and its handle slot when it is used again, so a span costs no
 * allocation once a thread has warmed up. Each thread has a pool of its own; a surplus goes to the
 * pool of the provider, for the threads that begin more spans than they end.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <weir/otlp.h>

#include "otlp/attributes.h"
#include "otlp/common/buf.h"
#include "otlp/common/handle.h"
#include "otlp/tracer.h"

struct producer;

/*
 * The variable parts of a span, each already encoded, in the order of the wire. Together they are
 * the span's block, bounded by max_span_bytes.
 */
enum span_part {
    SPAN_HEAD, /* trace state, parent, name, kind, start time; the ids are the context's */
    SPAN_ATTRIBUTES,
    SPAN_EVENTS,
    SPAN_LINKS,
    SPAN_STATUS,
    SPAN_N_PARTS,

    SPAN_FIXED_BYTES = 61 /* what the end adds: ids, a time, three counts, flags */
};

/* What an object is that is no span. */
enum span_no_kind {
    SPAN_FREE = 0,        /* whole, and in a list of free ones */
    SPAN_LEFT_BEHIND = 99 /* in a forked child: another thread may have been writing it */
};

struct otlp_span {
    struct otlp_span *next_free;
    struct otlp_span *next, *previous; /* in its provider */
    struct handle_slot *slot;
    struct weir_otlp_tracer *tracer;

    weir_otlp_context context; /* its own; trace_state points into trace_state */
    uint8_t kind;              /* weir_otlp_kind, or enum span_no_kind */
    bool is_recording;
    bool is_exported;    /* sampled, and there is somewhere to send to */
    bool ends_by_handle; /* begun through the public door; needed where there are processors */
    bool has_remote_parent;
    uint8_t parent_flags; /* 0 for a root */
    uint8_t status;       /* weir_otlp_status */
    uint64_t start_unix_ns;
    uint64_t clock_offset; /* from monotonic to wall time, the same from begin to end */

    struct buf parts[SPAN_N_PARTS];
    size_t n_left;  /* bytes that the parts may still grow, all together */
    size_t name_at; /* where the name begins in SPAN_HEAD */
    bool is_too_large;
    struct attributes attributes;
    uint32_t n_events, n_links;
    uint32_t n_dropped_events, n_dropped_links;

    struct buf trace_state; /* with a NUL behind, for span_context */
    size_t n_accounted;     /* memory of the buffers that live_bytes knows of */
};

/* An object with empty parts. NULL (*cause) when memory is short or the bound of live spans is
 * reached. */
struct otlp_span *span_pool_take(struct producer *producer, weir_drop_cause *cause);

/* Takes an ended span back. `producer` may be NULL. */
void span_pool_keep(struct producer *producer, struct otlp_span *span);

/* The span's buffers have grown: tells the provider, and shares out anew what they may still grow.
 */
void span_pool_account(struct otlp_span *span);

/* The producer's thread ends: its free objects go to the provider. */
void span_pool_take_back(weir_otlp *otlp, struct producer *producer);

/*
 * In a forked child, with no lock held: all free objects go to the provider, whoever had them; the
 * others stay as they are for ever, and what still ends them does nothing. The producers of this
 * thread must have no free objects.
 */
void span_pool_begin_anew(weir_otlp *otlp);

/* Frees every span object of a provider, live ones too: their handles are stale from then on. */
void span_pool_free_all(weir_otlp *otlp);
