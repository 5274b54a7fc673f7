#include "otlp/component.h"

#include <stdatomic.h>

static _Atomic unsigned n_of[N_COMPONENT_TYPES];

const char *component_type_name(enum component_type type) {
    static const char *const names[] = {
        [COMPONENT_BATCHING] = "batching_span_processor",
        [COMPONENT_HTTP] = "otlp_http_span_exporter",
        [COMPONENT_HTTP_JSON] = "otlp_http_json_span_exporter",
        [COMPONENT_GRPC] = "otlp_grpc_span_exporter",
        [COMPONENT_FILE] = "weir_file_span_exporter",
        [COMPONENT_CONSOLE] = "weir_console_span_exporter",
        [COMPONENT_CUSTOM] = "weir_custom_span_exporter",
    };
    return names[type];
}

static enum component_type type_of(const struct transport_choice *choice) {
    switch (choice->kind) {
    case TRANSPORT_OWN: return COMPONENT_CUSTOM;
    case TRANSPORT_FILE: return COMPONENT_FILE;
    case TRANSPORT_CONSOLE: return COMPONENT_CONSOLE;
    case TRANSPORT_HTTP:
    default: break;
    }
    switch (choice->endpoint.delivery.protocol) {
    case WEIR_OTLP_PROTOCOL_GRPC: return COMPONENT_GRPC;
    case WEIR_OTLP_PROTOCOL_HTTP_JSON: return COMPONENT_HTTP_JSON;
    case WEIR_OTLP_PROTOCOL_HTTP_PROTOBUF:
    case WEIR_OTLP_PROTOCOL_DEFAULT:
    default: return COMPONENT_HTTP;
    }
}

void component_describe(const struct transport_choice *choice, struct component *out) {
    *out = (struct component){.type = type_of(choice)};
    if (choice->kind == TRANSPORT_HTTP) {
        out->port = endpoint_server(&choice->endpoint, out->address, sizeof out->address);
    }
}

void component_number(struct component *component) {
    component->processor = atomic_fetch_add(&n_of[COMPONENT_BATCHING], 1);
    component->exporter = atomic_fetch_add(&n_of[component->type], 1);
}
