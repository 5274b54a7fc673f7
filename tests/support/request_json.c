#include "tests/support/request_json.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* protobuf-c has no data where there are no bytes. */
static json_t *text_json(ProtobufCBinaryData text) {
    return json_stringn(text.len > 0 ? (const char *)text.data : "", text.len);
}

static void set_text(json_t *object, const char *name, ProtobufCBinaryData text) {
    if (text.len > 0) {
        json_object_set_new(object, name, text_json(text));
    }
}

static void set_id(json_t *object, const char *name, ProtobufCBinaryData id) {
    char hex[64] = "";
    for (size_t i = 0; i < id.len && i < 16; i++) {
        snprintf(hex + 2 * i, 3, "%02x", id.data[i]);
    }
    if (id.len > 0) {
        json_object_set_new(object, name, json_string(hex));
    }
}

static void set_time(json_t *object, const char *name, uint64_t unix_ns) {
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRIu64, unix_ns);
    if (unix_ns != 0) {
        json_object_set_new(object, name, json_string(digits));
    }
}

static void set_count(json_t *object, const char *name, uint64_t count) {
    if (count != 0) {
        json_object_set_new(object, name, json_integer((json_int_t)count));
    }
}

/* ---- values ---- */

static json_t *value_json(const Otlp__AnyValue *value);
static void set_attributes(json_t *object, const char *name, Otlp__KeyValue *const *items,
                           size_t n_items);

static json_t *double_json(double number) {
    return isnan(number)   ? json_string("NaN")
           : isinf(number) ? json_string(number > 0 ? "Infinity" : "-Infinity")
                           : json_real(number);
}

static json_t *base64_json(ProtobufCBinaryData bytes) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char text[4096];
    size_t n = 0;
    for (size_t i = 0; i < bytes.len && n < sizeof text - 5; i += 3) {
        size_t left = bytes.len - i;
        unsigned group = (unsigned)bytes.data[i] << 16 |
                         (left > 1 ? (unsigned)bytes.data[i + 1] << 8 : 0) |
                         (left > 2 ? bytes.data[i + 2] : 0);
        text[n++] = digits[group >> 18];
        text[n++] = digits[group >> 12 & 63];
        text[n++] = left > 1 ? digits[group >> 6 & 63] : '=';
        text[n++] = left > 2 ? digits[group & 63] : '=';
    }
    return json_stringn(text, n);
}

static json_t *array_json(const Otlp__ArrayValue *array) {
    json_t *object = json_object(), *items = json_array();
    for (size_t i = 0; i < array->n_values; i++) {
        json_array_append_new(items, value_json(array->values[i]));
    }
    if (array->n_values > 0) {
        json_object_set(object, "values", items);
    }
    json_decref(items);
    return object;
}

static json_t *map_json(const Otlp__KeyValueList *map) {
    json_t *object = json_object();
    set_attributes(object, "values", map->values, map->n_values);
    return object;
}

static json_t *value_json(const Otlp__AnyValue *value) {
    json_t *out = json_object();
    char digits[24];
    switch (value->value_case) {
    case OTLP__ANY_VALUE__VALUE_STRING_VALUE:
        json_object_set_new(out, "stringValue", text_json(value->string_value));
        break;
    case OTLP__ANY_VALUE__VALUE_BOOL_VALUE:
        json_object_set_new(out, "boolValue", json_boolean(value->bool_value));
        break;
    case OTLP__ANY_VALUE__VALUE_INT_VALUE:
        snprintf(digits, sizeof digits, "%" PRId64, value->int_value);
        json_object_set_new(out, "intValue", json_string(digits));
        break;
    case OTLP__ANY_VALUE__VALUE_DOUBLE_VALUE:
        json_object_set_new(out, "doubleValue", double_json(value->double_value));
        break;
    case OTLP__ANY_VALUE__VALUE_ARRAY_VALUE:
        json_object_set_new(out, "arrayValue", array_json(value->array_value));
        break;
    case OTLP__ANY_VALUE__VALUE_KVLIST_VALUE:
        json_object_set_new(out, "kvlistValue", map_json(value->kvlist_value));
        break;
    case OTLP__ANY_VALUE__VALUE_BYTES_VALUE:
        json_object_set_new(out, "bytesValue", base64_json(value->bytes_value));
        break;
    default: break;
    }
    return out;
}

static void set_attributes(json_t *object, const char *name, Otlp__KeyValue *const *items,
                           size_t n_items) {
    json_t *list = json_array();
    for (size_t i = 0; i < n_items; i++) {
        json_t *item = json_object();
        set_text(item, "key", items[i]->key);
        if (items[i]->value != NULL) {
            json_object_set_new(item, "value", value_json(items[i]->value));
        }
        json_array_append_new(list, item);
    }
    if (n_items > 0) {
        json_object_set(object, name, list);
    }
    json_decref(list);
}

/* ---- spans ---- */

static json_t *event_json(const Otlp__Span__Event *event) {
    json_t *out = json_object();
    set_time(out, "timeUnixNano", event->time_unix_nano);
    set_text(out, "name", event->name);
    set_attributes(out, "attributes", event->attributes, event->n_attributes);
    set_count(out, "droppedAttributesCount", event->dropped_attributes_count);
    return out;
}

static json_t *link_json(const Otlp__Span__Link *link) {
    json_t *out = json_object();
    set_id(out, "traceId", link->trace_id);
    set_id(out, "spanId", link->span_id);
    set_text(out, "traceState", link->trace_state);
    set_attributes(out, "attributes", link->attributes, link->n_attributes);
    set_count(out, "droppedAttributesCount", link->dropped_attributes_count);
    set_count(out, "flags", link->flags);
    return out;
}

static void set_events_and_links(json_t *out, const Otlp__Span *span) {
    if (span->n_events > 0) {
        json_t *events = json_array();
        for (size_t i = 0; i < span->n_events; i++) {
            json_array_append_new(events, event_json(span->events[i]));
        }
        json_object_set_new(out, "events", events);
    }
    if (span->n_links > 0) {
        json_t *links = json_array();
        for (size_t i = 0; i < span->n_links; i++) {
            json_array_append_new(links, link_json(span->links[i]));
        }
        json_object_set_new(out, "links", links);
    }
}

static json_t *span_json(const Otlp__Span *span) {
    json_t *out = json_object();
    set_id(out, "traceId", span->trace_id);
    set_id(out, "spanId", span->span_id);
    set_text(out, "traceState", span->trace_state);
    set_id(out, "parentSpanId", span->parent_span_id);
    set_text(out, "name", span->name);
    set_count(out, "kind", span->kind);
    set_time(out, "startTimeUnixNano", span->start_time_unix_nano);
    set_time(out, "endTimeUnixNano", span->end_time_unix_nano);
    set_attributes(out, "attributes", span->attributes, span->n_attributes);
    set_count(out, "droppedAttributesCount", span->dropped_attributes_count);
    set_events_and_links(out, span);
    set_count(out, "droppedEventsCount", span->dropped_events_count);
    set_count(out, "droppedLinksCount", span->dropped_links_count);
    if (span->status != NULL) {
        json_t *status = json_object();
        set_text(status, "message", span->status->message);
        set_count(status, "code", span->status->code);
        json_object_set_new(out, "status", status);
    }
    set_count(out, "flags", span->flags);
    return out;
}

static json_t *scope_json(const Otlp__InstrumentationScope *scope) {
    json_t *out = json_object();
    set_text(out, "name", scope->name);
    set_text(out, "version", scope->version);
    set_attributes(out, "attributes", scope->attributes, scope->n_attributes);
    set_count(out, "droppedAttributesCount", scope->dropped_attributes_count);
    return out;
}

static json_t *scope_spans_json(const Otlp__ScopeSpans *scope_spans) {
    json_t *out = json_object();
    if (scope_spans->scope != NULL) {
        json_object_set_new(out, "scope", scope_json(scope_spans->scope));
    }
    if (scope_spans->n_spans > 0) {
        json_t *spans = json_array();
        for (size_t i = 0; i < scope_spans->n_spans; i++) {
            json_array_append_new(spans, span_json(scope_spans->spans[i]));
        }
        json_object_set_new(out, "spans", spans);
    }
    set_text(out, "schemaUrl", scope_spans->schema_url);
    return out;
}

static json_t *resource_spans_json(const Otlp__ResourceSpans *resource_spans) {
    json_t *out = json_object();
    const Otlp__Resource *resource = resource_spans->resource;
    if (resource != NULL) {
        json_t *object = json_object();
        set_attributes(object, "attributes", resource->attributes, resource->n_attributes);
        set_count(object, "droppedAttributesCount", resource->dropped_attributes_count);
        json_object_set_new(out, "resource", object);
    }
    if (resource_spans->n_scope_spans > 0) {
        json_t *list = json_array();
        for (size_t i = 0; i < resource_spans->n_scope_spans; i++) {
            json_array_append_new(list, scope_spans_json(resource_spans->scope_spans[i]));
        }
        json_object_set_new(out, "scopeSpans", list);
    }
    set_text(out, "schemaUrl", resource_spans->schema_url);
    return out;
}

json_t *request_json(const Otlp__ExportTraceServiceRequest *request) {
    json_t *out = json_object();
    if (request->n_resource_spans > 0) {
        json_t *list = json_array();
        for (size_t i = 0; i < request->n_resource_spans; i++) {
            json_array_append_new(list, resource_spans_json(request->resource_spans[i]));
        }
        json_object_set_new(out, "resourceSpans", list);
    }
    return out;
}
