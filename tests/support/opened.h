/*
 * A provider opened with all its options, and spans that end on it.
 */
#pragma once

#include <weir/error.h>
#include <weir/otlp.h>

#include "tests/support/expect.h"

static inline weir_otlp *open_with(const weir_otlp_options *options) {
    weir_otlp *otlp = NULL;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_assert(eq(int, weir_otlp_open(options, &otlp, &detail), 0), "%s", detail.message);
    return otlp;
}

static inline void end_spans(weir_otlp *otlp, unsigned n) {
    weir_otlp_tracer *tracer = weir_otlp_tracer_get(otlp, "t", NULL, NULL);
    for (unsigned i = 0; i < n; i++) {
        weir_otlp_span_end(weir_otlp_span_begin(tracer, "a", NULL));
    }
}
