/*
 * Options and environment, resolved once at open: what a pipeline works with.
 *
 * Code beats the environment, the environment beats the default; a bad variable is warned of and
 * taken as unset (D2-D8). Where to send is the business of transport.h, what the resource is of
 * resource.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/otlp.h>

#include "otlp/attributes.h"
#include "otlp/config_read.h"
#include "otlp/spool_config.h"

struct span_limits {
    struct attribute_limits attributes;
    struct attribute_limits event_attributes;
    struct attribute_limits link_attributes;
    uint32_t max_events;
    uint32_t max_links;
};

struct otlp_config {
    bool is_disabled;
    uint64_t export_timeout_ns; /* the processor's, of every pipeline; 0: no limit */
    uint64_t timeout_ns;        /* the sooner of that and the exporter's; 0: no limit */
    uint64_t schedule_delay_ns;
    uint32_t max_export_spans;
    size_t max_queue_bytes;
    size_t max_span_bytes;
    uint64_t max_queue_spans; /* 0: no limit of count */
    struct span_limits limits;
    struct spool_config spool;
};

/* 0, or WEIR_E_INVALID with the option named in detail; *out is untouched then. */
int config_resolve(const weir_otlp_options *options, const struct config_reader *reader,
                   struct otlp_config *out, weir_error_detail *detail);

/* timeout_ns of a further pipeline, by its own options (D17, D28). */
uint64_t config_timeout_ns(const weir_otlp_options *pipeline, const struct config_reader *reader,
                           uint64_t export_timeout_ns);
