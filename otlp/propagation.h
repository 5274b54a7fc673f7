/*
 * Which propagators a provider has (G23, D24): chosen at open.
 */
#pragma once

#include <weir/otlp.h>

#include "otlp/config_read.h"

enum propagator { PROPAGATE_TRACE_CONTEXT, PROPAGATE_BAGGAGE, N_PROPAGATORS };

/* In the order in which they run; each at most once. */
struct propagation {
    enum propagator items[N_PROPAGATORS];
    size_t n;
};

/* Trace context, then baggage. */
extern const struct propagation propagation_default;

/*
 * The option's, else those of OTEL_PROPAGATORS, else the default. Unknown names in the variable are
 * warned of and left out; where nothing is left the variable counts as unset. WEIR_E_INVALID for
 * an unknown name in the option; *out is untouched then.
 */
int propagation_resolve(const weir_otlp_options *options, const struct config_reader *reader,
                        struct propagation *out, weir_error_detail *detail);
