/*
 * A provider (the public weir_otlp): one pipeline from tracers to the exporter, and what its
 * threads share.
 *
 * Read by every call: what is set at open and never changes. Written together: only where a thread
 * joins or leaves, a tracer is made, or memory is given from one thread to another.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <weir/otlp.h>

#include "otlp/common/buf.h"
#include "otlp/common/lock.h"
#include "otlp/common/log.h"
#include "otlp/component.h"
#include "otlp/config.h"
#include "otlp/exporter.h"
#include "otlp/processor.h"
#include "otlp/producer.h"
#include "otlp/propagation.h"
#include "otlp/segment.h"
#include "otlp/tracer.h"

struct otlp_span;

struct weir_otlp {
    uint64_t id; /* never used twice in a process, unlike an address */
    weir_clock clock;
    struct otlp_config config;
    size_t span_keep_bytes;    /* a pooled span object keeps no more memory than this */
    bool is_recording;         /* false: no exporter and no processor */
    struct exporter *exporter; /* NULL: nowhere to send to (OTEL_TRACES_EXPORTER=none) */
    size_t n_pipelines;        /* of the exporter */
    weir_sampler sampler;      /* without should_sample: by the parent, always on at the root */
    bool is_bare_ratio;        /* the sampler ignores parents: a warning is due (E37) */
    _Atomic bool has_warned_of_ratio;
    _Atomic bool has_said_discarded; /* attributes, events or links of a span (E50) */
    weir_id_generator ids;           /* NULL members: otlp/common/id.h */
    struct processors processors;
    struct propagation propagation;
    struct logger logger;
    uint64_t n_stale_before; /* stale handles of the process at open */

    struct buf resource; /* fields for struct scope */
    struct buf resource_url;

    struct lock tracers_lock; /* guards tracers and n_tracers */
    struct weir_otlp_tracer *tracers;
    uint32_t n_tracers;

    struct producers producers;
    struct segment_pool pool;

    struct lock spans_lock;       /* guards all_spans, free_spans and n_free_spans */
    struct otlp_span *all_spans;  /* every span object of the provider, live or not */
    struct otlp_span *free_spans; /* ended ones that any thread may take */
    uint32_t n_free_spans;
    _Atomic uint64_t live_bytes; /* memory of all span objects */

    bool is_closing; /* it, and the links to other providers: guarded in provider_fork.c */
    weir_otlp *next_open, *previous_open;

    _Atomic bool is_losing;     /* the queue is full, and it was said */
    _Atomic uint64_t n_lost;    /* spans dropped since then */
    _Atomic uint64_t n_refused; /* bad attributes, events and links */

    struct component components[OTLP_MAX_PIPELINES]; /* the pipelines, in metrics */
};

/* A fork must look after the provider from the first to the last of these (provider_fork.c); from
 * the second on its exporter may be gone. */
void provider_watch_forks(weir_otlp *otlp);
void provider_note_closing(weir_otlp *otlp);
void provider_unwatch_forks(weir_otlp *otlp);

/* Spans are being dropped because the queue is full: said at the first. No lock may be held. */
void provider_note_full(weir_otlp *otlp);

/* A span found room: said when spans were being dropped and the queue has drained. Cheap. */
void provider_note_room(weir_otlp *otlp);
