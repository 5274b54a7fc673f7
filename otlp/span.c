#include "otlp/span.h"

#include <string.h>

#include "otlp/common/macro.h"
#include "otlp/context.h"
#include "otlp/encode.h"
#include "otlp/processor.h"
#include "otlp/producer.h"
#include "otlp/provider.h"
#include "otlp/sampling.h"
#include "otlp/span_part.h"
#include "otlp/span_pool.h"
#include "otlp/tags.h"
#include "otlp/trace_state.h"
#include "otlp/wire.h"

/* ---- begin ---- */

static void keep_trace_state(struct otlp_span *span, const char *text) {
    struct buf *out = &span->trace_state;
    buf_clear(out);
    if (LIKELY(text == NULL) || !trace_state_is_valid(text)) {
        return;
    }
    size_t before = out->n_allocated;
    trace_state_append(out, text);
    buf_append_byte(out, '\0');
    if (buf_error(out) == 0 && out->n_bytes > 1) {
        span->context.trace_state = (const char *)out->data;
    }
    if (out->n_allocated != before) {
        span_pool_account(span);
    }
}

/* A child keeps its parent's trace id and random flag (E16, G8). The first thing that is known of a
 * span (E18). */
static inline void set_trace(struct otlp_span *span, const weir_otlp_context *given,
                             const weir_otlp_context *parent) {
    const weir_otlp_context *source = given != NULL ? given : parent;
    weir_otlp_context *own = &span->context;
    if (source != NULL) {
        memcpy(own->trace_id, source->trace_id, sizeof own->trace_id);
        own->trace_flags = source->trace_flags & (given != NULL ? 0xff : TRACE_FLAG_RANDOM);
        own->owner = source->owner;
    } else {
        own->trace_flags = sampling_new_trace_id(span_provider(span), own->trace_id);
        own->owner = 0;
    }
}

/* The rest of its context, when it is decided whether it is sampled. */
static inline void set_identity(struct otlp_span *span, const weir_otlp_context *given,
                                const weir_otlp_context *parent,
                                const weir_sampling_result *sampling) {
    weir_otlp_context *own = &span->context;
    bool is_sampled = sampling->decision == WEIR_SAMPLING_RECORD_AND_SAMPLE;
    keep_trace_state(span, sampling->trace_state);
    if (given != NULL) {
        memcpy(own->span_id, given->span_id, sizeof own->span_id);
    } else {
        sampling_new_span_id(span_provider(span), own->span_id);
    }
    own->trace_flags =
        (uint8_t)((own->trace_flags & ~TRACE_FLAG_SAMPLED) | (is_sampled ? TRACE_FLAG_SAMPLED : 0));
    span->has_remote_parent = parent != NULL && parent->is_remote;
    span->parent_flags = parent != NULL ? parent->trace_flags : 0;
}

static void write_head(struct otlp_span *span, const weir_otlp_context *parent, const char *name) {
    const char *trace_state = span->context.trace_state;
    struct writing w = span_part_begin(span, SPAN_HEAD);
    if (UNLIKELY(trace_state != NULL)) {
        encode_text(w.out, TAG_SPAN_TRACE_STATE, trace_state, strlen(trace_state));
    }
    uint8_t *at = parent != NULL ? buf_reserve(w.out, SPAN_ID_FIELD) : NULL;
    if (LIKELY(at != NULL)) {
        (void)wire_put_field(at, TAG_SPAN_PARENT_SPAN_ID, parent->span_id, sizeof parent->span_id);
    }
    span->name_at = w.out->n_bytes;
    span_put_name(span, w.out, name);
    span->is_too_large = !span_part_end_whole(span, &w);
}

static uint8_t kind_of(weir_otlp_kind kind) {
    bool is_known = kind >= WEIR_OTLP_KIND_INTERNAL && kind <= WEIR_OTLP_KIND_CONSUMER;
    return (uint8_t)(is_known ? kind : WEIR_OTLP_KIND_INTERNAL);
}

static void set_times(struct otlp_span *span, struct producer *producer,
                      const weir_otlp_span_options *options) {
    span->clock_offset = 0;
    span->start_unix_ns = options->start_unix_ns;
    if (!options->has_start_time) {
        uint64_t now = clock_monotonic(&span_provider(span)->clock);
        span->clock_offset = producer_clock_offset(producer, now);
        span->start_unix_ns = now + span->clock_offset;
    }
}

/* Without an SDK a span is nothing but its parent's context on its way to others (D20). */
static COLD void pass_on(struct otlp_span *span, const weir_otlp_context *parent) {
    const char *trace_state = parent != NULL ? span->context.trace_state : NULL;
    span->context = parent != NULL ? *parent : (weir_otlp_context){0};
    span->context.trace_state = trace_state; /* the span's own copy */
}

/* What is there at the begin: the sampler's attributes, then the caller's, which win. */
static void record_initial(struct otlp_span *span, const weir_otlp_span_options *options,
                           const weir_sampling_result *sampling) {
    size_t n_attributes = options->attributes != NULL ? options->n_attributes : 0;
    size_t n_links = options->links != NULL ? options->n_links : 0;
    for (size_t i = 0; i < sampling->n_attributes; i++) {
        span_set(span, sampling->attributes[i].key, &sampling->attributes[i].value);
    }
    for (size_t i = 0; i < n_attributes; i++) {
        span_set(span, options->attributes[i].key, &options->attributes[i].value);
    }
    for (size_t i = 0; i < n_links; i++) {
        span_add_link(span, &options->links[i]);
    }
    span_count_refused(span, options->n_attributes - n_attributes + options->n_links - n_links);
}

static const char *inherited_trace_state(const weir_otlp_context *given,
                                         const weir_otlp_context *parent) {
    const weir_otlp_context *source = given != NULL ? given : parent;
    return source != NULL ? source->trace_state : NULL;
}

static void record_begin(struct otlp_span *span, const char *name,
                         const weir_otlp_span_options *options, const weir_otlp_context *parent,
                         const weir_sampling_result *sampling) {
    write_head(span, parent, name != NULL ? name : "");
    if (UNLIKELY((options->n_attributes | options->n_links | sampling->n_attributes) > 0)) {
        record_initial(span, options, sampling);
    }
    if (UNLIKELY(span_provider(span)->processors.n > 0)) {
        processors_start(span, parent);
    }
}

struct otlp_span *span_begin(weir_otlp_tracer *tracer, const char *name,
                             const weir_otlp_span_options *options) {
    weir_otlp *otlp = tracer->otlp;
    struct producer *producer = producer_current(otlp);
    const weir_otlp_context *parent = context_is_valid(options->parent) ? options->parent : NULL;
    weir_sampling_result sampling = {.size = sizeof sampling,
                                     .decision = sampling_by_parent(parent)};
    weir_drop_cause cause = WEIR_DROP_NO_MEMORY;
    struct otlp_span *span = LIKELY(producer != NULL) ? span_pool_take(producer, &cause) : NULL;
    if (UNLIKELY(span == NULL)) {
        /* Nobody was asked: what is counted as lost might have been exported. */
        producer_start(otlp, producer, parent, WEIR_SAMPLING_RECORD_AND_SAMPLE);
        producer_drop(otlp, producer, cause);
        return NULL;
    }
    span->tracer = tracer;
    span->kind = kind_of(options->kind); /* no longer free: before any of its buffers grows */
    /* The ids of a replayed span; else NULL, and they are new. */
    const weir_otlp_context *given = context_is_valid(options->context) ? options->context : NULL;
    set_trace(span, given, parent);
    sampling.trace_state = inherited_trace_state(given, parent);
    if (UNLIKELY(otlp->sampler.should_sample != NULL)) {
        sampling_ask(span, name, options, parent, &sampling);
    }
    producer_start(otlp, producer, parent, sampling.decision);
    bool is_sampled = sampling.decision == WEIR_SAMPLING_RECORD_AND_SAMPLE;
    span->is_recording = otlp->is_recording && sampling.decision != WEIR_SAMPLING_DROP;
    span->is_exported = is_sampled && otlp->exporter != NULL;
    set_identity(span, given, parent, &sampling);
    if (UNLIKELY(!span->is_exported)) {
        producer_count(&producer->counts.not_sampled);
        if (UNLIKELY(otlp->config.is_disabled)) {
            pass_on(span, parent);
        }
    }
    if (LIKELY(span->is_recording)) {
        set_times(span, producer, options);
        record_begin(span, name, options, parent, &sampling);
    }
    return span;
}

bool span_is_recording(const struct otlp_span *span) {
    return span->is_recording;
}

uint64_t span_now(struct otlp_span *span) {
    weir_otlp *otlp = span_provider(span);
    if (UNLIKELY(!span->is_recording)) {
        return 0; /* nobody will see it, and reading the clock is half of what such a span costs */
    }
    uint64_t now = clock_monotonic(&otlp->clock);
    if (UNLIKELY(span->clock_offset == 0)) { /* it began at a time that was given */
        span->clock_offset = clock_unix(&otlp->clock) - now;
    }
    return now + span->clock_offset;
}

weir_otlp_context span_context(const struct otlp_span *span) {
    return span->context;
}

/* ---- end ---- */

static uint32_t flags_of(const struct otlp_span *span) {
    return FLAGS_IS_REMOTE_KNOWN | (span->has_remote_parent ? FLAGS_IS_REMOTE : 0) |
           span->context.trace_flags;
}

static size_t body_size(const struct otlp_span *span) {
    size_t n_bytes = TRACE_ID_FIELD + SPAN_ID_FIELD + TIME_FIELD + FLAGS_FIELD +
                     wire_count_size(span->attributes.n_dropped) +
                     wire_count_size(span->n_dropped_events) +
                     wire_count_size(span->n_dropped_links);
    for (int i = 0; i < SPAN_N_PARTS; i++) {
        n_bytes += span->parts[i].n_bytes;
    }
    return n_bytes;
}

static uint8_t *put_part(uint8_t *at, const struct otlp_span *span, enum span_part part) {
    return wire_put_bytes(at, span->parts[part].data, span->parts[part].n_bytes);
}

static void put_body(uint8_t *at, const struct otlp_span *span, uint64_t end_unix_ns) {
    const weir_otlp_context *own = &span->context;
    at = wire_put_field(at, TAG_SPAN_TRACE_ID, own->trace_id, sizeof own->trace_id);
    at = wire_put_field(at, TAG_SPAN_SPAN_ID, own->span_id, sizeof own->span_id);
    at = put_part(at, span, SPAN_HEAD);
    at = wire_put_fixed64(at, TAG_SPAN_END_TIME, end_unix_ns);
    at = put_part(at, span, SPAN_ATTRIBUTES);
    at = wire_put_count(at, TAG_SPAN_DROPPED_ATTRIBUTES, span->attributes.n_dropped);
    at = put_part(at, span, SPAN_EVENTS);
    at = wire_put_count(at, TAG_SPAN_DROPPED_EVENTS, span->n_dropped_events);
    at = put_part(at, span, SPAN_LINKS);
    at = wire_put_count(at, TAG_SPAN_DROPPED_LINKS, span->n_dropped_links);
    at = put_part(at, span, SPAN_STATUS);
    *at++ = TAG_SPAN_FLAGS_1;
    (void)wire_put_fixed32(at, TAG_SPAN_FLAGS_2, flags_of(span));
}

/* Hands the bytes to the pipeline, or says why not. */
static bool enqueue(struct producer *producer, const struct otlp_span *span, uint64_t unix_ns,
                    weir_drop_cause *cause) {
    if (UNLIKELY(producer == NULL)) {
        *cause = WEIR_DROP_NO_MEMORY;
        return false;
    }
    if (UNLIKELY(span->is_too_large)) {
        *cause = WEIR_DROP_SPAN_TOO_LARGE;
        return false;
    }
    size_t n_body = body_size(span), n_field = wire_field_size(n_body);
    uint8_t *at = producer_reserve(producer, &span->tracer->scope, n_field, cause);
    if (UNLIKELY(at == NULL)) {
        return false;
    }
    put_body(wire_put_head(at, TAG_SCOPE_SPANS_SPANS, n_body), span, unix_ns);
    producer_commit(producer, n_field);
    return true;
}

/* Said aloud for the first span of a pipeline, of the others to those who debug (E50). */
static COLD void say_discarded(const struct otlp_span *span) {
    weir_otlp *otlp = span_provider(span);
    bool is_first = !atomic_exchange(&otlp->has_said_discarded, true);
    logger_say(&otlp->logger, is_first ? WEIR_LOG_WARN : WEIR_LOG_DEBUG, LOG_CAUSE_VALUE,
               "a span is over its limits: %u attributes, %u events and %u links of it are "
               "discarded%s",
               span->attributes.n_dropped, span->n_dropped_events, span->n_dropped_links,
               is_first ? " (of further spans only their counts say so)" : "");
}

static bool has_discarded(const struct otlp_span *span) {
    return (span->attributes.n_dropped | span->n_dropped_events | span->n_dropped_links) != 0;
}

static COLD void count_unsent(struct producer *producer, const struct otlp_span *span) {
    bool is_sampled = (span->context.trace_flags & TRACE_FLAG_SAMPLED) != 0;
    if (span->is_recording) {
        producer_end_unsent(span_provider(span), producer,
                            is_sampled ? WEIR_SAMPLING_RECORD_AND_SAMPLE
                                       : WEIR_SAMPLING_RECORD_ONLY);
    }
}

uint64_t span_end_ns(const struct otlp_span *span, uint64_t unix_ns) {
    bool is_disorder = span->start_unix_ns - unix_ns < CLOCK_MAX_DISORDER_NS;
    return UNLIKELY(is_disorder) ? span->start_unix_ns : unix_ns;
}

void span_end(struct otlp_span *span, uint64_t unix_ns) {
    weir_otlp *otlp = span_provider(span);
    struct producer *producer = producer_current(otlp);
    weir_drop_cause cause;
    if (UNLIKELY(!span->is_exported)) {
        count_unsent(producer, span);
    } else if (UNLIKELY(!enqueue(producer, span, unix_ns, &cause))) {
        producer_drop(otlp, producer, cause);
    }
    if (UNLIKELY(has_discarded(span))) {
        say_discarded(span);
    }
    if (UNLIKELY(otlp->processors.n > 0) && span->is_recording) {
        processors_end(span, unix_ns);
    }
    span_pool_keep(producer, span);
}

const weir_clock *otlp_clock(const weir_otlp *otlp) {
    return &otlp->clock;
}
