/*
 * The model as protobuf-c's structs: the oracle for weir's bytes.
 */
#include <string.h>

#include "tests/support/request_model.h"

static ProtobufCBinaryData data_of(const void *bytes, size_t n_bytes) {
    ProtobufCBinaryData data = {.len = n_bytes};
    memcpy(&data.data, &bytes, sizeof bytes); /* protobuf-c does not write there */
    return data;
}

static ProtobufCBinaryData text_of(const struct model_text *text) {
    return data_of(text->bytes, text->n_bytes);
}

static ProtobufCBinaryData id_of(const struct model_id *id) {
    return data_of(id->bytes, id->n_bytes);
}

/* ---- values ---- */

static Otlp__AnyValue *value_of(struct model_request *m, const weir_value *value);

static Otlp__KeyValue **attributes_of(struct model_request *m, const weir_key_value *items,
                                      size_t n_items) {
    Otlp__KeyValue **list = model_alloc(m, n_items, sizeof *list);
    for (size_t i = 0; i < n_items; i++) {
        list[i] = model_alloc(m, 1, sizeof **list);
        otlp__key_value__init(list[i]);
        list[i]->key = data_of(items[i].key, strlen(items[i].key));
        list[i]->value = value_of(m, &items[i].value);
    }
    return list;
}

static void set_array(struct model_request *m, Otlp__AnyValue *any, const weir_value *value) {
    any->value_case = OTLP__ANY_VALUE__VALUE_ARRAY_VALUE;
    any->array_value = model_alloc(m, 1, sizeof *any->array_value);
    otlp__array_value__init(any->array_value);
    size_t n = any->array_value->n_values = value->as.array.n_items;
    any->array_value->values = model_alloc(m, n, sizeof(Otlp__AnyValue *));
    for (size_t i = 0; i < n; i++) {
        any->array_value->values[i] = value_of(m, &value->as.array.items[i]);
    }
}

static void set_map(struct model_request *m, Otlp__AnyValue *any, const weir_value *value) {
    any->value_case = OTLP__ANY_VALUE__VALUE_KVLIST_VALUE;
    any->kvlist_value = model_alloc(m, 1, sizeof *any->kvlist_value);
    otlp__key_value_list__init(any->kvlist_value);
    any->kvlist_value->n_values = value->as.map.n_items;
    any->kvlist_value->values = attributes_of(m, value->as.map.items, value->as.map.n_items);
}

static Otlp__AnyValue *value_of(struct model_request *m, const weir_value *value) {
    Otlp__AnyValue *any = model_alloc(m, 1, sizeof *any);
    otlp__any_value__init(any);
    switch (value->kind) {
    case WEIR_VALUE_STRING:
        any->value_case = OTLP__ANY_VALUE__VALUE_STRING_VALUE;
        any->string_value = data_of(value->as.string.bytes, value->as.string.n_bytes);
        break;
    case WEIR_VALUE_BOOL:
        any->value_case = OTLP__ANY_VALUE__VALUE_BOOL_VALUE;
        any->bool_value = value->as.boolean;
        break;
    case WEIR_VALUE_INT:
        any->value_case = OTLP__ANY_VALUE__VALUE_INT_VALUE;
        any->int_value = value->as.integer;
        break;
    case WEIR_VALUE_DOUBLE:
        any->value_case = OTLP__ANY_VALUE__VALUE_DOUBLE_VALUE;
        any->double_value = value->as.number;
        break;
    case WEIR_VALUE_BYTES:
        any->value_case = OTLP__ANY_VALUE__VALUE_BYTES_VALUE;
        any->bytes_value = data_of(value->as.bytes.data, value->as.bytes.n_bytes);
        break;
    case WEIR_VALUE_ARRAY: set_array(m, any, value); break;
    case WEIR_VALUE_MAP: set_map(m, any, value); break;
    default: break;
    }
    return any;
}

/* ---- spans ---- */

static void set_events(struct model_request *m, Otlp__Span *out, const struct model_span *span) {
    out->n_events = span->n_events;
    out->events = model_alloc(m, span->n_events, sizeof *out->events);
    for (size_t i = 0; i < span->n_events; i++) {
        const struct model_event *event = &span->events[i];
        Otlp__Span__Event *to = out->events[i] = model_alloc(m, 1, sizeof *to);
        otlp__span__event__init(to);
        to->time_unix_nano = event->unix_ns;
        to->name = text_of(&event->name);
        to->n_attributes = event->attributes.n;
        to->attributes = attributes_of(m, event->attributes.items, event->attributes.n);
        to->dropped_attributes_count = event->attributes.n_dropped;
    }
}

static void set_links(struct model_request *m, Otlp__Span *out, const struct model_span *span) {
    out->n_links = span->n_links;
    out->links = model_alloc(m, span->n_links, sizeof *out->links);
    for (size_t i = 0; i < span->n_links; i++) {
        const struct model_link *link = &span->links[i];
        Otlp__Span__Link *to = out->links[i] = model_alloc(m, 1, sizeof *to);
        otlp__span__link__init(to);
        to->trace_id = id_of(&link->trace_id);
        to->span_id = id_of(&link->span_id);
        to->trace_state = text_of(&link->trace_state);
        to->n_attributes = link->attributes.n;
        to->attributes = attributes_of(m, link->attributes.items, link->attributes.n);
        to->dropped_attributes_count = link->attributes.n_dropped;
        to->flags = link->flags;
    }
}

static Otlp__Status *status_of(struct model_request *m, const struct model_span *span) {
    Otlp__Status *status = model_alloc(m, 1, sizeof *status);
    otlp__status__init(status);
    status->message = text_of(&span->status_message);
    status->code = (Otlp__Status__StatusCode)span->status_code;
    return status;
}

Otlp__Span *model_span_to_protobuf(struct model_request *m, const struct model_span *span) {
    Otlp__Span *out = model_alloc(m, 1, sizeof *out);
    otlp__span__init(out);
    out->trace_id = id_of(&span->trace_id);
    out->span_id = id_of(&span->span_id);
    out->trace_state = text_of(&span->trace_state);
    out->parent_span_id = id_of(&span->parent_span_id);
    out->name = text_of(&span->name);
    out->kind = (Otlp__Span__SpanKind)span->kind;
    out->start_time_unix_nano = span->start_unix_ns;
    out->end_time_unix_nano = span->end_unix_ns;
    out->n_attributes = span->attributes.n;
    out->attributes = attributes_of(m, span->attributes.items, span->attributes.n);
    out->dropped_attributes_count = span->attributes.n_dropped;
    set_events(m, out, span);
    out->dropped_events_count = span->n_dropped_events;
    set_links(m, out, span);
    out->dropped_links_count = span->n_dropped_links;
    out->status = span->has_status ? status_of(m, span) : NULL;
    out->flags = span->flags;
    return out;
}

uint8_t *model_pack_span(struct model_request *m, const struct model_span *span, size_t *n_bytes) {
    const Otlp__Span *message = model_span_to_protobuf(m, span);
    *n_bytes = otlp__span__get_packed_size(message);
    uint8_t *bytes = model_alloc(m, *n_bytes, 1);
    otlp__span__pack(message, bytes);
    return bytes;
}

/* ---- requests ---- */

static Otlp__ScopeSpans *scope_of(struct model_request *m, const struct model_scope *scope) {
    Otlp__ScopeSpans *out = model_alloc(m, 1, sizeof *out);
    otlp__scope_spans__init(out);
    if (scope->has_scope) {
        out->scope = model_alloc(m, 1, sizeof *out->scope);
        otlp__instrumentation_scope__init(out->scope);
        out->scope->name = text_of(&scope->name);
        out->scope->version = text_of(&scope->version);
        out->scope->n_attributes = scope->attributes.n;
        out->scope->attributes = attributes_of(m, scope->attributes.items, scope->attributes.n);
        out->scope->dropped_attributes_count = scope->attributes.n_dropped;
    }
    out->n_spans = scope->n_spans;
    out->spans = model_alloc(m, scope->n_spans, sizeof *out->spans);
    for (size_t i = 0; i < scope->n_spans; i++) {
        out->spans[i] = model_span_to_protobuf(m, &scope->spans[i]);
    }
    out->schema_url = text_of(&scope->schema_url);
    return out;
}

static Otlp__ResourceSpans *resource_of(struct model_request *m,
                                        const struct model_resource *resource) {
    Otlp__ResourceSpans *out = model_alloc(m, 1, sizeof *out);
    otlp__resource_spans__init(out);
    if (resource->has_resource) {
        out->resource = model_alloc(m, 1, sizeof *out->resource);
        otlp__resource__init(out->resource);
        out->resource->n_attributes = resource->attributes.n;
        out->resource->attributes =
            attributes_of(m, resource->attributes.items, resource->attributes.n);
        out->resource->dropped_attributes_count = resource->attributes.n_dropped;
    }
    out->n_scope_spans = resource->n_scopes;
    out->scope_spans = model_alloc(m, resource->n_scopes, sizeof *out->scope_spans);
    for (size_t i = 0; i < resource->n_scopes; i++) {
        out->scope_spans[i] = scope_of(m, &resource->scopes[i]);
    }
    out->schema_url = text_of(&resource->schema_url);
    return out;
}

Otlp__ExportTraceServiceRequest *model_to_protobuf(struct model_request *m) {
    Otlp__ExportTraceServiceRequest *request = model_alloc(m, 1, sizeof *request);
    otlp__export_trace_service_request__init(request);
    request->n_resource_spans = m->n_resources;
    request->resource_spans = model_alloc(m, m->n_resources, sizeof *request->resource_spans);
    for (size_t i = 0; i < m->n_resources; i++) {
        request->resource_spans[i] = resource_of(m, &m->resources[i]);
    }
    return request;
}
