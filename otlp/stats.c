/*
 * The counters of a pipeline, added up from its threads and its exporter.
 */
#include <weir/otlp.h>

#include <string.h>

#include "otlp/common/handle.h"
#include "otlp/common/macro.h"
#include "otlp/common/options.h"
#include "otlp/provider.h"
#include "otlp/spool.h"

_Static_assert(WEIR_N_DROP_CAUSES <= sizeof((weir_otlp_stats *)0)->dropped / sizeof(uint64_t),
               "every cause has its counter");

/* While calls are in progress the sums may be apart by those. */
static uint64_t difference(uint64_t a, uint64_t b) {
    return a > b ? a - b : 0;
}

static void fill(weir_otlp *otlp, size_t pipeline, weir_otlp_stats *out) {
    struct exporter_counts exporter = {0};
    struct producer_totals producers;
    if (otlp->exporter != NULL) {
        exporter_get_counts(otlp->exporter, pipeline,
                            &exporter); /* before what it took them from */
    }
    producers_total(otlp, &producers);

    out->started = producers.started;
    out->not_sampled = producers.not_sampled;
    uint64_t n_gone = producers.not_sampled + producers.queued;
    for (int i = 0; i < WEIR_N_DROP_CAUSES; i++) {
        out->dropped[i] = producers.dropped[i] + exporter.dropped[i];
        n_gone += producers.dropped[i];
    }
    out->live = difference(producers.started, n_gone);
    out->queued = difference(producers.queued, exporter.taken);
    out->in_flight = exporter.in_flight;
    out->acknowledged = exporter.acknowledged;
    out->rejected = exporter.rejected;
    out->export_requests = exporter.requests;
    out->export_retries = exporter.retries;
    out->stale_handles = handle_n_stale() - otlp->n_stale_before;
    out->refused_values = atomic_load_explicit(&otlp->n_refused, memory_order_relaxed);
    out->queue_bytes = segment_pool_held_bytes(&otlp->pool);
    out->queue_capacity_bytes = otlp->pool.max_bytes;
    out->spooled = exporter.spooled;
    out->adopted = exporter.adopted;
    out->processed = exporter.processed;
    for (size_t i = 0; i < exporter.tallies.n; i++) {
        out->exports += exporter.tallies.of[i].n_exports;
        out->export_ns += exporter.tallies.of[i].duration_ns;
    }
    if (otlp->pool.spool != NULL) {
        out->spool_bytes = spool_bytes(otlp->pool.spool);
        out->spool_refusals = spool_n_refused(otlp->pool.spool);
    }
}

void weir_otlp_get_stats(weir_otlp *otlp, weir_otlp_stats *out) {
    weir_otlp_stats stats = {0};
    if (out == NULL) {
        return;
    }
    if (otlp != NULL) {
        fill(otlp, 0, &stats);
    }
    options_write(out, &stats, sizeof stats);
}

size_t weir_otlp_n_pipelines(weir_otlp *otlp) {
    return otlp != NULL ? otlp->n_pipelines : 0;
}

int weir_otlp_get_pipeline_stats(weir_otlp *otlp, size_t index, weir_otlp_stats *out) {
    weir_otlp_stats stats = {0};
    if (out == NULL) {
        return WEIR_E_INVALID;
    }
    if (index >= weir_otlp_n_pipelines(otlp)) {
        return WEIR_E_NOT_FOUND;
    }
    fill(otlp, index, &stats);
    if (otlp->n_pipelines > 1) {
        stats.queue_bytes = exporter_pinned_bytes(otlp->exporter, index);
        stats.queue_capacity_bytes = otlp->pool.max_bytes / otlp->n_pipelines;
    }
    options_write(out, &stats, sizeof stats);
    return 0;
}
