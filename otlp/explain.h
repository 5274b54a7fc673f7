/*
 * What options and environment come to, without opening anything: for people who look for a fault.
 *
 * The same resolvers in the same order as weir_otlp_open.
 */
#pragma once

#include <weir/otlp.h>

#include "otlp/config.h"
#include "otlp/transport.h"

struct explanation {
    struct otlp_config config;
    struct transport_choices choices; /* none when disabled */
};

/*
 * *out is always fit for explanation_deinit. 0, or the first error that weir_otlp_open would end
 * in; what was resolved before it is in *out and in the reader's report.
 */
int explain_options(const weir_otlp_options *options, const struct config_reader *reader,
                    struct explanation *out, weir_error_detail *detail);
void explanation_deinit(struct explanation *explanation);
