/*
 * Where a provider sends its spans: what options and environment name first, then the further
 * pipelines of the options, each opened.
 */
#pragma once

#include <weir/otlp.h>

#include "otlp/bounds.h"
#include "otlp/component.h"
#include "otlp/config.h"
#include "otlp/exporter.h"

struct destinations {
    struct exporter_destination of[OTLP_MAX_PIPELINES];
    struct component components[OTLP_MAX_PIPELINES]; /* in the same order */
    size_t n;                                        /* 0: nothing is to be recorded */
};

/*
 * *out is set last; free it with destinations_deinit unless an exporter took it. Errors are those
 * of transport_choose and transport_open; WEIR_E_INVALID also for a pipeline that sets what is not
 * its own, and for too many of them.
 */
int destinations_open(const weir_otlp_options *options, const struct otlp_config *config,
                      const struct config_reader *reader, struct destinations *out,
                      weir_error_detail *detail);
/* Destroys the transports. {0} is fine. */
void destinations_deinit(struct destinations *destinations);
