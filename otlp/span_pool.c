#include "otlp/span_pool.h"

#include <stdatomic.h>

#include "otlp/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/common/macro.h"
#include "otlp/producer.h"
#include "otlp/provider.h"
#include "otlp/tags.h"

/* ---- objects ---- */

static size_t memory_of_parts(const struct otlp_span *span) {
    size_t n_bytes = 0;
    for (int i = 0; i < SPAN_N_PARTS; i++) {
        n_bytes += span->parts[i].n_allocated;
    }
    return n_bytes;
}

static void account(weir_otlp *otlp, struct otlp_span *span, size_t now) {
    atomic_fetch_add_explicit(&otlp->live_bytes, now - span->n_accounted, memory_order_relaxed);
    span->n_accounted = now; /* a smaller one wraps around, as unsigned numbers do */
}

/* The capacities of all parts stay within the bound of a span, whichever of them grows next. */
static void share_out(weir_otlp *otlp, struct otlp_span *span) {
    size_t n_parts = memory_of_parts(span);
    size_t left = otlp->config.max_span_bytes - SPAN_FIXED_BYTES - n_parts;
    for (int i = 0; i < SPAN_N_PARTS; i++) {
        buf_set_max(&span->parts[i], span->parts[i].n_allocated + left);
    }
    buf_set_max(&span->trace_state, WEIR_TRACE_STATE_BYTES);
    account(otlp, span, sizeof *span + n_parts + span->trace_state.n_allocated);
}

void span_pool_account(struct otlp_span *span) {
    share_out(span->tracer->otlp, span);
}

static struct otlp_span *make(weir_otlp *otlp) {
    struct otlp_span *span = mem_zalloc(sizeof *span);
    if (span == NULL) {
        return NULL;
    }
    span->attributes = attributes_in(&span->parts[SPAN_ATTRIBUTES], TAG_SPAN_ATTRIBUTES);
    span->slot = handle_slot_new(HANDLE_OTLP_SPAN, span);
    if (span->slot == NULL) {
        mem_free(span);
        return NULL;
    }
    lock_take(&otlp->spans_lock);
    span->next = otlp->all_spans;
    if (span->next != NULL) {
        span->next->previous = span;
    }
    otlp->all_spans = span;
    lock_give(&otlp->spans_lock);
    share_out(otlp, span);
    return span;
}

static void free_buffers(struct otlp_span *span) {
    for (int i = 0; i < SPAN_N_PARTS; i++) {
        buf_deinit(&span->parts[i]);
    }
    buf_deinit(&span->trace_state);
}

/* The object is in no list any more. */
static void free_object(struct otlp_span *span) {
    handle_slot_free(span->slot);
    free_buffers(span);
    mem_free(span);
}

static void take_out(weir_otlp *otlp, struct otlp_span *span) {
    *(span->previous != NULL ? &span->previous->next : &otlp->all_spans) = span->next;
    if (span->next != NULL) {
        span->next->previous = span->previous;
    }
}

static void unlink_and_free(weir_otlp *otlp, struct otlp_span *span) {
    lock_take(&otlp->spans_lock);
    take_out(otlp, span);
    lock_give(&otlp->spans_lock);
    account(otlp, span, 0);
    free_object(span);
}

void span_pool_free_all(weir_otlp *otlp) {
    while (otlp->all_spans != NULL) {
        struct otlp_span *span = otlp->all_spans;
        otlp->all_spans = span->next;
        free_object(span);
    }
    otlp->free_spans = NULL;
}

/* ---- the provider's pool: a few objects at a time ---- */

static void fetch_shared(weir_otlp *otlp, struct producer *producer) {
    lock_take(&otlp->spans_lock);
    while (otlp->free_spans != NULL && producer->n_free_spans < PRODUCER_KEEP_SPANS / 2) {
        struct otlp_span *span = otlp->free_spans;
        otlp->free_spans = span->next_free;
        otlp->n_free_spans--;
        span->next_free = producer->free_spans;
        producer->free_spans = span;
        producer->n_free_spans++;
    }
    lock_give(&otlp->spans_lock);
}

static struct otlp_span *pop_free(struct producer *producer) {
    struct otlp_span *span = producer->free_spans;
    producer->free_spans = span->next_free;
    producer->n_free_spans--;
    return span;
}

/* Gives the producer's free objects to all threads until `left` remain; frees the surplus. */
static void give_shared(weir_otlp *otlp, struct producer *producer, uint32_t left) {
    struct otlp_span *surplus = NULL;
    lock_take(&otlp->spans_lock);
    while (producer->n_free_spans > left) {
        struct otlp_span *span = pop_free(producer);
        bool is_full = otlp->n_free_spans >= PROVIDER_KEEP_SPANS;
        struct otlp_span **list = is_full ? &surplus : &otlp->free_spans;
        span->next_free = *list;
        *list = span;
        otlp->n_free_spans += !is_full;
    }
    lock_give(&otlp->spans_lock);
    while (surplus != NULL) {
        struct otlp_span *span = surplus;
        surplus = span->next_free;
        unlink_and_free(otlp, span);
    }
}

void span_pool_take_back(weir_otlp *otlp, struct producer *producer) {
    give_shared(otlp, producer, 0);
}

/* ---- a forked child ---- */

/* Its buffers may be half changed, so not even they can be freed. A list, so that nobody takes it
 * for a leak. */
static void leave_behind(weir_otlp *otlp, struct otlp_span *span) {
    static struct otlp_span *all;
    handle_end(span->slot);
    span->kind = SPAN_LEFT_BEHIND;
    span->is_recording = span->is_exported = false;
    span->n_accounted = SIZE_MAX; /* see span_pool_keep */
    take_out(otlp, span);
    span->next = all;
    all = span;
}

void span_pool_begin_anew(weir_otlp *otlp) {
    otlp->free_spans = NULL;
    otlp->n_free_spans = 0;
    atomic_store_explicit(&otlp->live_bytes, 0, memory_order_relaxed);
    struct otlp_span *next;
    for (struct otlp_span *span = otlp->all_spans; span != NULL; span = next) {
        next = span->next;
        if (span->kind != SPAN_FREE) {
            leave_behind(otlp, span);
        } else if (otlp->n_free_spans < PROVIDER_KEEP_SPANS) {
            span->n_accounted = 0;
            share_out(otlp, span);
            span->next_free = otlp->free_spans;
            otlp->free_spans = span;
            otlp->n_free_spans++;
        } else {
            take_out(otlp, span);
            free_object(span);
        }
    }
}

/* ---- taking and keeping ---- */

/* What a used object still says and not every begin sets. */
static inline void clear(struct otlp_span *span) {
    for (int i = 0; i < SPAN_N_PARTS; i++) {
        span->parts[i].n_bytes = 0; /* they have no error: it was dealt with when it arose */
    }
    attributes_clear(&span->attributes);
    span->context.trace_state = NULL;
    span->status = WEIR_OTLP_STATUS_UNSET;
    span->ends_by_handle = false;
    span->n_events = span->n_links = 0;
    span->n_dropped_events = span->n_dropped_links = 0;
}

/* The thread has no free one: of the provider's pool, or a new one. */
static COLD struct otlp_span *take_slowly(struct producer *producer, weir_drop_cause *cause) {
    weir_otlp *otlp = producer->otlp;
    fetch_shared(otlp, producer);
    if (producer->free_spans != NULL) {
        return pop_free(producer);
    }
    if (atomic_load_explicit(&otlp->live_bytes, memory_order_relaxed) > LIVE_MAX_BYTES) {
        *cause = WEIR_DROP_QUEUE_FULL;
        return NULL;
    }
    *cause = WEIR_DROP_NO_MEMORY;
    return make(otlp);
}

struct otlp_span *span_pool_take(struct producer *producer, weir_drop_cause *cause) {
    if (LIKELY(producer->free_spans != NULL)) {
        struct otlp_span *span = pop_free(producer);
        clear(span);
        return span;
    }
    struct otlp_span *span = take_slowly(producer, cause);
    if (span != NULL) {
        clear(span);
    }
    return span;
}

void span_pool_keep(struct producer *producer, struct otlp_span *span) {
    if (UNLIKELY(producer == NULL)) {
        if (span->kind != SPAN_LEFT_BEHIND) {
            unlink_and_free(span->tracer->otlp, span);
        }
        return;
    }
    if (UNLIKELY(span->n_accounted > producer->otlp->span_keep_bytes)) {
        if (span->kind == SPAN_LEFT_BEHIND) {
            return;
        }
        free_buffers(span);
        share_out(producer->otlp, span);
    }
    atomic_signal_fence(memory_order_release); /* last, for a child that is forked right now */
    span->kind = SPAN_FREE;
    span->next_free = producer->free_spans;
    producer->free_spans = span;
    if (UNLIKELY(++producer->n_free_spans > PRODUCER_KEEP_SPANS)) {
        give_shared(producer->otlp, producer, PRODUCER_KEEP_SPANS / 2);
    }
}
