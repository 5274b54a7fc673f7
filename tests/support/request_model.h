/*
 * An ExportTraceServiceRequest as plain data, and the ways from it to bytes: through weir's
 * encoder, through protobuf-c, and, for what an SDK can say, through weir's public span functions.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/otlp.h>

#include "otlp/common/buf.h"
#include "otlp/proto/trace_service.pb-c.h"

struct model_text {
    const char *bytes; /* NUL-terminated, and may hold U+0000 */
    size_t n_bytes;
};

struct model_id {
    uint8_t bytes[16];
    size_t n_bytes; /* 0: absent */
};

struct model_attributes {
    weir_key_value *items;
    size_t n;
    uint32_t n_dropped;
};

struct model_event {
    uint64_t unix_ns;
    struct model_text name;
    struct model_attributes attributes;
};

struct model_link {
    struct model_id trace_id, span_id;
    struct model_text trace_state;
    struct model_attributes attributes;
    uint32_t flags;
};

struct model_span {
    struct model_id trace_id, span_id, parent_span_id;
    struct model_text trace_state, name;
    int kind;
    uint64_t start_unix_ns, end_unix_ns;
    struct model_attributes attributes;
    struct model_event *events;
    size_t n_events;
    uint32_t n_dropped_events;
    struct model_link *links;
    size_t n_links;
    uint32_t n_dropped_links;
    bool has_status;
    struct model_text status_message;
    int status_code;
    uint32_t flags;
};

struct model_scope {
    bool has_scope;
    struct model_text name, version;
    struct model_attributes attributes;
    struct model_span *spans;
    size_t n_spans;
    struct model_text schema_url;
};

struct model_resource {
    bool has_resource;
    struct model_attributes attributes;
    struct model_scope *scopes;
    size_t n_scopes;
    struct model_text schema_url;
};

struct model_request {
    struct model_resource *resources;
    size_t n_resources;
    struct model_block *blocks; /* all memory of the model */
};

/* Memory that lives as long as the model; cleared. */
void *model_alloc(struct model_request *model, size_t n_items, size_t n_bytes);
void model_free(struct model_request *model);

/* Reads OTLP/JSON, as the vectors have it; aborts with a message on what it does not know. */
struct model_request model_from_json(const char *json);

/* weir's encoder: values, attributes, texts, in field order. */
void model_encode(const struct model_request *model, struct buf *out);

/* protobuf-c's structs and bytes. The structs live as long as the model. */
Otlp__ExportTraceServiceRequest *model_to_protobuf(struct model_request *model);
Otlp__Span *model_span_to_protobuf(struct model_request *model, const struct model_span *span);
uint8_t *model_pack_span(struct model_request *model, const struct model_span *span,
                         size_t *n_bytes);

/* True when an SDK can say it: whole ids, nothing dropped, text without U+0000 in names … */
bool model_can_be_said(const struct model_span *span);
/* The span as an SDK says it: sampled, whether the parent is remote is known, a kind (A15, A47). */
struct model_span model_as_sdk(struct model_request *model, const struct model_span *span);
/* Says it: begin to end. */
void model_say(weir_otlp_tracer *tracer, const struct model_span *span);
