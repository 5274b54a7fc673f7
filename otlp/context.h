/*
 * Span contexts as W3C Trace Context writes them (conformance G2-G13); tracestate is in
 * trace_state.h.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <weir/otlp.h>

/* The W3C flags that are known; others are neither read nor written (G7). */
enum { TRACE_FLAG_SAMPLED = 0x01, TRACE_FLAG_RANDOM = 0x02, TRACE_FLAGS_KNOWN = 0x03 };

/* Both ids are there (E10). NULL is not valid. */
static inline bool context_is_valid(const weir_otlp_context *context) {
    uint64_t words[3];
    if (context == NULL) {
        return false;
    }
    memcpy(words, context->trace_id, sizeof context->trace_id);
    memcpy(words + 2, context->span_id, sizeof context->span_id);
    return (words[0] | words[1]) != 0 && words[2] != 0;
}
