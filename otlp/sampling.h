/*
 * The sampler and the ids of a provider: chosen at open, asked at the begin of a span.
 */
#pragma once

#include <weir/otlp.h>

#include "otlp/config_read.h"
#include "otlp/context.h"

struct otlp_span;

/* What the default sampler says: always on at the root, else as the parent. */
static inline weir_sampling_decision sampling_by_parent(const weir_otlp_context *parent) {
    bool is_sampled = parent == NULL || (parent->trace_flags & TRACE_FLAG_SAMPLED) != 0;
    return is_sampled ? WEIR_SAMPLING_RECORD_AND_SAMPLE : WEIR_SAMPLING_DROP;
}

/*
 * Asks the provider's sampler, which there must be, about a span whose trace id is known.
 * *result comes with the trace state that the span would inherit; what the sampler made of it is
 * safe to use: the decision is one of the three, attributes are NULL only when there are none.
 */
void sampling_ask(const struct otlp_span *span, const char *name,
                  const weir_otlp_span_options *options, const weir_otlp_context *parent,
                  weir_sampling_result *result);

/* New ids, by the provider's generator or our own; never all zero (E43). The first returns the
 * random flag, when it holds (E41). */
uint8_t sampling_new_trace_id(const weir_otlp *otlp, uint8_t out[16]);
void sampling_new_span_id(const weir_otlp *otlp, uint8_t out[8]);

/*
 * Chooses the sampler: the option, else OTEL_TRACES_SAMPLER (D25, D26), else the default, which is
 * one without should_sample. What comes from the environment is the caller's to free; the option's
 * stays the host's until the open has succeeded. WEIR_E_INVALID (the option; detail says why),
 * WEIR_E_NO_MEMORY; *out is untouched then.
 */
int sampling_resolve(const weir_otlp_options *options, const struct config_reader *reader,
                     weir_sampler *out, weir_error_detail *detail);

/* The option's generator, or one without functions. WEIR_E_INVALID (its size). */
int sampling_resolve_ids(const weir_otlp_options *options, weir_id_generator *out,
                         weir_error_detail *detail);
