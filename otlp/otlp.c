/*
 * Opening, flushing and closing a pipeline.
 */
#include <weir/otlp.h>

#include <string.h>

#include "otlp/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/common/clock.h"
#include "otlp/common/error.h"
#include "otlp/common/handle.h"
#include "otlp/common/macro.h"
#include "otlp/common/options.h"
#include "otlp/common/uncancelled.h"
#include "otlp/destinations.h"
#include "otlp/provider.h"
#include "otlp/resource.h"
#include "otlp/sampler.h"
#include "otlp/sampling.h"
#include "otlp/span_pool.h"
#include "otlp/spool.h"

static _Atomic uint64_t n_opened; /* ids of providers, from 1 */

static uint64_t deadline_in(uint32_t timeout_ms) {
    return clock_now_ns() + timeout_ms * NS_PER_MS;
}

/* ---- open ---- */

/*
 * Frees all but the exporter, which has been stopped or was never started. A spool's disk is waited
 * for until the deadline.
 */
static void provider_free(weir_otlp *otlp, uint64_t deadline_ns) {
    if (otlp == NULL) {
        return;
    }
    span_pool_free_all(otlp);
    tracer_free_all(otlp);
    segment_pool_deinit(&otlp->pool);
    spool_close_by(otlp->pool.spool, deadline_ns);
    weir_sampler_free(&otlp->sampler);
    processors_deinit(&otlp->processors);
    buf_deinit(&otlp->resource);
    buf_deinit(&otlp->resource_url);
    mem_free(otlp);
}

static void provider_cleanup(weir_otlp **otlp) {
    provider_free(*otlp, deadline_in(0));
}

static int encode_resource(weir_otlp *otlp, const weir_otlp_options *options,
                           const struct config_reader *reader, weir_error_detail *detail) {
    buf_init(&otlp->resource, RESOURCE_MAX_BYTES);
    buf_init(&otlp->resource_url, RESOURCE_MAX_BYTES);
    int error = resource_encode_url(&otlp->resource_url, options, reader, detail);
    return error != 0 ? error : resource_encode(&otlp->resource, options, reader, detail);
}

/*
 * A directory that code names and that must not be trusted is an error; what else is in the way of
 * a spool costs the spool, and a warning.
 */
static int open_spool(weir_otlp *otlp, size_t n_pipelines, bool has_no_thread,
                      weir_error_detail *detail) {
    const struct spool_config *config = &otlp->config.spool;
    weir_error_detail own = WEIR_ERROR_DETAIL_INIT;
    if (config->dir == NULL) {
        return 0;
    }
    int error = spool_open(
        &(const struct spool_options){
            .dir = config->dir,
            .has_no_thread = has_no_thread,
            .max_bytes = config->max_bytes,
            .max_age_ns = config->max_age_ns,
            .n_places = otlp->config.max_export_spans,
            .n_pipelines = n_pipelines,
            .logger = &otlp->logger,
        },
        &otlp->pool.spool, &own);
    if (error == WEIR_E_INVALID && config->is_by_code) {
        return error_set(detail, error, "%s", own.message);
    }
    if (error != 0) {
        logger_say(&otlp->logger, WEIR_LOG_WARN, LOG_CAUSE_SPOOL,
                   "%s: ended spans are in memory alone", own.message);
    }
    return 0;
}

static int start_exporter(weir_otlp *otlp, const weir_otlp_options *options,
                          const struct config_reader *reader, weir_error_detail *detail) {
    struct destinations destinations CLEANUP(destinations_deinit) = {.n = 0};
    int error = destinations_open(options, &otlp->config, reader, &destinations, detail);
    if (error != 0 || destinations.n == 0) {
        return error; /* or there is nowhere to send to: nothing is recorded */
    }
    const struct exporter_options exporter = {
        .destinations = destinations.of,
        .n_destinations = destinations.n,
        .has_no_thread = options->no_thread,
        .pool = &otlp->pool,
        .logger = &otlp->logger,
        .schedule_delay_ns = otlp->config.schedule_delay_ns,
        .collect = producers_collect,
        .collect_data = otlp,
    };
    error = open_spool(otlp, destinations.n, options->no_thread, detail);
    error = error ? error : exporter_start(&exporter, &otlp->exporter, detail);
    if (error != 0) {
        return error;
    }
    otlp->n_pipelines = destinations.n;
    for (size_t i = 0; i < destinations.n; i++) {
        otlp->components[i] = destinations.components[i];
        component_number(&otlp->components[i]);
    }
    destinations.n = 0; /* they are the exporter's now */
    return 0;
}

/* The sampler of the options is taken over when nothing can fail any more. */
static int open_exporter(weir_otlp *otlp, const weir_otlp_options *options,
                         const struct config_reader *reader, weir_error_detail *detail) {
    weir_sampler sampler = {0};
    int error = sampling_resolve(options, reader, &sampler, detail);
    if (error != 0) {
        return error;
    }
    if (!otlp->config.is_disabled) {
        error = start_exporter(otlp, options, reader, detail);
    }
    if (error != 0) {
        if (options->sampler == NULL) {
            weir_sampler_free(&sampler);
        }
        return error;
    }
    otlp->is_bare_ratio = sampler_is_ratio(&sampler);
    if (sampler_is_default(&sampler) || otlp->config.is_disabled) {
        weir_sampler_free(&sampler); /* it need not be asked */
    }
    otlp->sampler = sampler;
    otlp->is_recording =
        !otlp->config.is_disabled && (otlp->exporter != NULL || otlp->processors.n > 0);
    return 0;
}

static int open_whole(const weir_otlp_options *options, weir_otlp **out,
                      weir_error_detail *detail) {
    CLEANUP(provider_cleanup) weir_otlp *otlp = mem_zalloc(sizeof *otlp);
    if (otlp == NULL) {
        return error_set(detail, WEIR_E_NO_MEMORY, "no memory for a pipeline");
    }
    otlp->id = atomic_fetch_add(&n_opened, 1) + 1;
    otlp->clock = clock_or_system(options->clock);
    otlp->n_stale_before = handle_n_stale();
    logger_init(&otlp->logger, options->log, options->log_data, options->log_level);
    const struct config_reader reader = {.logger = &otlp->logger};
    int error = config_resolve(options, &reader, &otlp->config, detail);
    if (error != 0) {
        return error;
    }
    otlp->span_keep_bytes = MIN((size_t)SPAN_KEEP_BYTES, otlp->config.max_span_bytes / 2);
    segment_pool_init(&otlp->pool, otlp->config.max_queue_bytes, otlp->config.max_queue_spans);
    error = encode_resource(otlp, options, &reader, detail);
    error = error ? error : propagation_resolve(options, &reader, &otlp->propagation, detail);
    error = error ? error : sampling_resolve_ids(options, &otlp->ids, detail);
    error = error ? error : processors_init(options, &otlp->processors, detail);
    error = error ? error : open_exporter(otlp, options, &reader, detail);
    if (error != 0) {
        return error;
    }
    provider_watch_forks(otlp);
    *out = otlp;
    otlp = NULL;
    return 0;
}

int weir_otlp_open(const weir_otlp_options *options, weir_otlp **out, weir_error_detail *detail) {
    UNCANCELLED();
    weir_otlp_options all;
    if (out == NULL) {
        return error_set(detail, WEIR_E_INVALID, "weir_otlp_open: out is NULL");
    }
    if (!options_read(&all, sizeof all, options)) {
        return error_set(detail, WEIR_E_INVALID,
                         "weir_otlp_options.size is %zu: use WEIR_OTLP_OPTIONS(), or a library as "
                         "new as the header",
                         options->size);
    }
    return open_whole(&all, out, detail);
}

/* ---- flush and close ---- */

int weir_otlp_flush(weir_otlp *otlp, uint32_t timeout_ms) {
    UNCANCELLED();
    if (otlp == NULL) {
        return 0;
    }
    uint64_t deadline = deadline_in(timeout_ms);
    int of_processors = processors_flush(&otlp->processors, deadline);
    int error = otlp->exporter != NULL ? exporter_flush(otlp->exporter, deadline) : 0;
    return error != 0 ? error : of_processors;
}

int weir_otlp_poll_fd(weir_otlp *otlp) {
    return otlp != NULL && otlp->exporter != NULL ? exporter_poll_fd(otlp->exporter) : -1;
}

int64_t weir_otlp_tick(weir_otlp *otlp) {
    UNCANCELLED();
    return otlp != NULL && otlp->exporter != NULL ? exporter_tick(otlp->exporter) : -1;
}

/* Spans that have not ended yet when everything else has been sent. */
static uint64_t count_live(weir_otlp *otlp) {
    weir_otlp_stats stats = {.size = sizeof stats};
    weir_otlp_get_stats(otlp, &stats);
    return stats.live;
}

int weir_otlp_close(weir_otlp *otlp, uint32_t timeout_ms) {
    UNCANCELLED();
    if (otlp == NULL) {
        return 0;
    }
    uint64_t deadline = deadline_in(timeout_ms);
    int of_processors = processors_shutdown(&otlp->processors, deadline);
    uint64_t n_live = count_live(otlp);
    provider_note_closing(otlp);
    producers_detach_all(otlp);
    int error = 0;
    if (otlp->exporter != NULL) {
        error = exporter_stop(otlp->exporter, deadline, NULL);
    }
    if (n_live > 0) {
        logger_say(&otlp->logger, WEIR_LOG_WARN, LOG_CAUSE_QUEUE,
                   "closed while %llu spans were open: they are lost", (unsigned long long)n_live);
    }
    provider_unwatch_forks(otlp);
    provider_free(otlp, deadline);
    return error != 0 ? error : of_processors;
}

/* ---- the queue is full, or no longer ---- */

void provider_note_full(weir_otlp *otlp) {
    atomic_fetch_add_explicit(&otlp->n_lost, 1, memory_order_relaxed);
    if (!atomic_load_explicit(&otlp->is_losing, memory_order_relaxed) &&
        !atomic_exchange(&otlp->is_losing, true)) {
        logger_say(&otlp->logger, WEIR_LOG_WARN, LOG_CAUSE_QUEUE,
                   "the queue is full: new spans are dropped until the endpoint has caught up");
    }
}

void provider_note_room(weir_otlp *otlp) {
    if (LIKELY(!atomic_load_explicit(&otlp->is_losing, memory_order_relaxed))) {
        return;
    }
    /* Not before half of it is free: at the brim every other span would make a message. */
    struct segment_pool *pool = &otlp->pool;
    uint64_t n_spans = atomic_load_explicit(&pool->n_spans, memory_order_relaxed);
    if (segment_pool_held_bytes(pool) > pool->max_bytes / 2 || n_spans > pool->max_spans / 2) {
        return;
    }
    if (atomic_exchange(&otlp->is_losing, false)) {
        uint64_t n_lost = atomic_exchange(&otlp->n_lost, 0);
        logger_say(&otlp->logger, WEIR_LOG_WARN, LOG_CAUSE_QUEUE,
                   "the queue has room again: %llu spans were dropped", (unsigned long long)n_lost);
    }
}
