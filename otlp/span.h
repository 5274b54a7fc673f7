/*
 * Spans for the layers above, by plain pointer: the caller (the lifecycle bridge) knows that its
 * span is live, so that is not checked; bad arguments are. weir_otlp_span_… in <weir/otlp.h> is the
 * checked door to the same functions.
 *
 * A span is encoded while it is built: attributes, events and links each go into their part of its
 * pooled block on set; the end adds the fixed fields and copies the whole into the thread's open
 * segment. One thread at a time for a span. No function here fails: what does not fit is counted.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/otlp.h>

struct otlp_span;

/*
 * `options` are whole, of this version; a NULL name is "", invalid UTF-8 in it is repaired, and
 * NULL attributes or links with a number are counted as refused. NULL when memory is short
 * (counted). A span that the sampler drops (by default, one below a parent that is not sampled)
 * records nothing but has a context like any other, with the sampled flag clear, and is ended like
 * any other (E18, E32). Where there is nothing to send to and no processor it records nothing
 * either, and passes the sampler's decision on. Processors have seen it when this returns.
 */
struct otlp_span *span_begin(weir_otlp_tracer *tracer, const char *name,
                             const weir_otlp_span_options *options);

/* A key set before is replaced and comes last. `value` may hold WEIR_VALUE_JSON leaves. */
void span_set(struct otlp_span *span, const char *key, const weir_value *value);
void span_add_event(struct otlp_span *span, uint64_t unix_ns, const char *name,
                    const weir_key_value *attributes, size_t n_attributes);
/* An exception event, the status Error and error.type: weir_otlp_span_record_error. */
void span_record_error(struct otlp_span *span, uint64_t unix_ns, const weir_otlp_error *error,
                       const weir_key_value *attributes, size_t n_attributes);
void span_add_link(struct otlp_span *span, const weir_otlp_link *link);
void span_set_status(struct otlp_span *span, weir_otlp_status status, const char *description);
void span_set_name(struct otlp_span *span, const char *name);

bool span_is_recording(const struct otlp_span *span);

/* Wall time by the clock that the span began with: one reading of the monotonic clock. 0 for a span
 * that does not record. */
uint64_t span_now(struct otlp_span *span);
/* The time of an end that was measured (or that weir_emit was given): by the times of two threads
 * it may seem to come a trifle before the begin. */
uint64_t span_end_ns(const struct otlp_span *span, uint64_t unix_ns);

/* Its own context, as a parent for others. trace_state is borrowed until the span's end. */
weir_otlp_context span_context(const struct otlp_span *span);

/* Hands the span to the pipeline; the pointer is dead afterwards. */
void span_end(struct otlp_span *span, uint64_t unix_ns);

/* The clock that spans without a time of their own use. */
const weir_clock *otlp_clock(const weir_otlp *otlp);
