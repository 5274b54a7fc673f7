/*
 * What a fork leaves the child of a pipeline: the provider with its tracers, and nothing in it.
 * Spans that were live or had ended are the parent's to send; here they are counted as dropped
 * (forked child), and all other counters begin anew.
 */
#include <string.h>

#include "otlp/common/fork.h"
#include "otlp/common/handle.h"
#include "otlp/common/macro.h"
#include "otlp/provider.h"
#include "otlp/span_pool.h"
#include "otlp/spool.h"

/* Taken before every other lock of a provider. */
static struct lock list_lock; /* guards the links */
static weir_otlp *first;

/* ---- before, and in the parent ---- */

static void before_fork(void) {
    lock_take(&list_lock);
    producers_hold_registry();
    for (weir_otlp *otlp = first; otlp != NULL; otlp = otlp->next_open) {
        producers_hold(otlp);
        lock_take(&otlp->tracers_lock);
        lock_take(&otlp->spans_lock);
    }
}

static void let_go(bool is_child) {
    for (weir_otlp *otlp = first; otlp != NULL; otlp = otlp->next_open) {
        lock_drop(&otlp->spans_lock, is_child);
        lock_drop(&otlp->tracers_lock, is_child);
        producers_let_go(otlp);
    }
    producers_let_go_registry(is_child);
    lock_drop(&list_lock, is_child);
}

static void after_fork_in_parent(void) {
    let_go(false);
}

/* The pools' locks are taken later, below those of the exporters. None that is held while a disk is
 * waited for: descriptors that are being locked meanwhile are the business of spool_dir.c. */
static void hold_pools(void) {
    for (weir_otlp *otlp = first; otlp != NULL; otlp = otlp->next_open) {
        lock_take(&otlp->pool.lock);
        if (otlp->pool.spool != NULL) {
            lock_take(&otlp->pool.spool->lock);
        }
    }
}

static void let_go_pools_in_parent(void) {
    for (weir_otlp *otlp = first; otlp != NULL; otlp = otlp->next_open) {
        if (otlp->pool.spool != NULL) {
            lock_give(&otlp->pool.spool->lock);
        }
        lock_give(&otlp->pool.lock);
    }
}

static void let_go_pools_in_child(void) {
    for (weir_otlp *otlp = first; otlp != NULL; otlp = otlp->next_open) {
        if (otlp->pool.spool != NULL) {
            spool_begin_anew(otlp->pool.spool);
        }
        segment_pool_begin_anew(&otlp->pool);
    }
}

/* ---- in the child ---- */

/* Spans of the parent that are on their way there. */
static uint64_t count_left(weir_otlp *otlp) {
    weir_otlp_stats stats = {.size = sizeof stats};
    weir_otlp_get_stats(otlp, &stats);
    return stats.live + stats.queued + stats.in_flight;
}

static void begin_anew(weir_otlp *otlp) {
    bool has_exporter = otlp->exporter != NULL && !otlp->is_closing;
    uint64_t n_left = otlp->is_closing ? 0 : count_left(otlp);
    struct segment *open = producers_begin_anew(otlp), *next;
    for (; open != NULL; open = next) {
        next = open->next;
        segment_leave(&otlp->pool, open);
    }
    uint64_t n_in_hand = 0;
    if (has_exporter) {
        exporter_begin_anew(otlp->exporter);
        n_in_hand = MIN(exporter_n_in_hand(otlp->exporter), n_left);
    }
    span_pool_begin_anew(otlp);
    struct producer_counts *counts = &otlp->producers.gone;
    atomic_store_explicit(&counts->started[ORIGIN_NONE][WEIR_SAMPLING_RECORD_AND_SAMPLE], n_left,
                          memory_order_relaxed);
    atomic_store_explicit(&counts->queued, n_in_hand, memory_order_relaxed);
    atomic_store_explicit(&counts->dropped[WEIR_DROP_FORKED_CHILD], n_left - n_in_hand,
                          memory_order_relaxed);
    atomic_store_explicit(&otlp->is_losing, false, memory_order_relaxed);
    atomic_store_explicit(&otlp->n_lost, 0, memory_order_relaxed);
    atomic_store_explicit(&otlp->n_refused, 0, memory_order_relaxed);
    otlp->n_stale_before = handle_n_stale();
}

static void after_fork_in_child(void) {
    let_go(true);
    for (weir_otlp *otlp = first; otlp != NULL; otlp = otlp->next_open) {
        begin_anew(otlp);
    }
}

static struct fork_guard fork_guard = {.order = FORK_PROVIDERS,
                                       .before = before_fork,
                                       .in_parent = after_fork_in_parent,
                                       .in_child = after_fork_in_child};
static struct fork_guard pools_guard = {.order = FORK_SEGMENTS,
                                        .before = hold_pools,
                                        .in_parent = let_go_pools_in_parent,
                                        .in_child = let_go_pools_in_child};

/* ---- which providers there are ---- */

void provider_watch_forks(weir_otlp *otlp) {
    fork_watch(&fork_guard);
    fork_watch(&pools_guard);
    lock_take(&list_lock);
    otlp->next_open = first;
    if (first != NULL) {
        first->previous_open = otlp;
    }
    first = otlp;
    lock_give(&list_lock);
}

void provider_note_closing(weir_otlp *otlp) {
    lock_take(&list_lock);
    otlp->is_closing = true;
    lock_give(&list_lock);
}

void provider_unwatch_forks(weir_otlp *otlp) {
    lock_take(&list_lock);
    *(otlp->previous_open != NULL ? &otlp->previous_open->next_open : &first) = otlp->next_open;
    if (otlp->next_open != NULL) {
        otlp->next_open->previous_open = otlp->previous_open;
    }
    lock_give(&list_lock);
}
