/*
 * Who a pipeline is in metrics: the names of its two components, the processor that batches and the
 * exporter, and whom it sends to (conformance H3-H10).
 */
#pragma once

#include <stddef.h>

#include "otlp/bounds.h"
#include "otlp/transport.h"

/* The types; those that OpenTelemetry has no name for are weir's own (H9). */
enum component_type {
    COMPONENT_BATCHING,
    COMPONENT_HTTP,
    COMPONENT_HTTP_JSON,
    COMPONENT_GRPC,
    COMPONENT_FILE,
    COMPONENT_CONSOLE,
    COMPONENT_CUSTOM, /* a transport of the host's */
    N_COMPONENT_TYPES
};

const char *component_type_name(enum component_type type);

struct component {
    enum component_type type;            /* of the exporter */
    unsigned processor, exporter;        /* which of their types they are in this process, from 0 */
    char address[COMPONENT_MAX_ADDRESS]; /* host, or path of a socket; "": nobody is sent to */
    unsigned port;                       /* 0: none */
};

/* Of what was chosen; without numbers. */
void component_describe(const struct transport_choice *choice, struct component *out);
/* Gives it the numbers, which no other one gets in this process (H10). Any thread. */
void component_number(struct component *component);
