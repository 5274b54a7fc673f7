/*
 * Tracers: one instrumentation scope each, encoded once (E1, F11).
 */
#pragma once

#include <weir/otlp.h>

#include "otlp/common/buf.h"
#include "otlp/scope.h"

struct weir_otlp_tracer {
    struct scope scope; /* what its segments point to */
    weir_otlp *otlp;
    struct weir_otlp_tracer *next;
    struct buf encoded; /* the pieces of scope that are its own, one behind the other */
};

/* Frees every tracer of a provider. */
void tracer_free_all(weir_otlp *otlp);
