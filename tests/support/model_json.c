/*
 * OTLP/JSON to the model, by jansson.
 */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/request_model.h"

static void die(const char *what) {
    fprintf(stderr, "a vector says what the model cannot hold: %s\n", what);
    abort();
}

/* ---- scalars ---- */

static struct model_text text_in(struct model_request *m, const json_t *object, const char *name) {
    const json_t *string = json_object_get(object, name);
    size_t n_bytes = string != NULL ? json_string_length(string) : 0;
    char *copy = model_alloc(m, n_bytes + 1, 1);
    if (n_bytes > 0) {
        memcpy(copy, json_string_value(string), n_bytes);
    }
    return (struct model_text){copy, n_bytes};
}

static struct model_id id_in(const json_t *object, const char *name) {
    struct model_id id = {.n_bytes = 0};
    const char *hex = json_string_value(json_object_get(object, name));
    for (; hex != NULL && hex[0] != '\0'; hex += 2) {
        unsigned byte = 0;
        if (id.n_bytes == sizeof id.bytes || sscanf(hex, "%2x", &byte) != 1) {
            die(name);
        }
        id.bytes[id.n_bytes++] = (uint8_t)byte;
    }
    return id;
}

/* 64-bit integers are strings, or numbers (B12). */
static uint64_t unsigned_in(const json_t *object, const char *name) {
    const json_t *number = json_object_get(object, name);
    return json_is_string(number) ? strtoull(json_string_value(number), NULL, 10)
                                  : (uint64_t)json_integer_value(number);
}

static uint32_t count_in(const json_t *object, const char *name) {
    return (uint32_t)unsigned_in(object, name);
}

/* ---- values ---- */

static weir_value value_in(struct model_request *m, const json_t *json);

static double double_of(const json_t *number) {
    const char *name = json_string_value(number);
    if (name == NULL) {
        return json_number_value(number);
    }
    return strcmp(name, "NaN") == 0 ? NAN : strcmp(name, "-Infinity") == 0 ? -INFINITY : INFINITY;
}

static int base64_digit(char c) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c != '\0' ? strchr(digits, c) : NULL;
    return at != NULL ? (int)(at - digits) : -1;
}

static weir_value bytes_of(struct model_request *m, const json_t *string) {
    const char *text = json_string_value(string);
    uint8_t *bytes = model_alloc(m, strlen(text) + 1, 1);
    size_t n_bytes = 0;
    unsigned bits = 0, n_bits = 0;
    for (; base64_digit(*text) >= 0; text++) {
        bits = bits << 6 | (unsigned)base64_digit(*text);
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            bytes[n_bytes++] = (uint8_t)(bits >> n_bits);
        }
    }
    return weir_value_bytes(bytes, n_bytes);
}

static weir_value array_of(struct model_request *m, const json_t *array) {
    const json_t *values = json_object_get(array, "values");
    size_t n = json_array_size(values);
    weir_value *items = model_alloc(m, n + 1, sizeof *items);
    for (size_t i = 0; i < n; i++) {
        items[i] = value_in(m, json_array_get(values, i));
    }
    return weir_value_array(items, n);
}

static struct model_attributes attributes_of(struct model_request *m, const json_t *list) {
    struct model_attributes out = {.n = json_array_size(list)};
    out.items = model_alloc(m, out.n + 1, sizeof *out.items);
    for (size_t i = 0; i < out.n; i++) {
        const json_t *item = json_array_get(list, i);
        struct model_text key = text_in(m, item, "key");
        if (strlen(key.bytes) != key.n_bytes) {
            die("a key with U+0000");
        }
        out.items[i].key = key.bytes;
        out.items[i].value = value_in(m, json_object_get(item, "value"));
    }
    return out;
}

static weir_value value_in(struct model_request *m, const json_t *json) {
    const json_t *member;
    if (json_object_get(json, "stringValue") != NULL) {
        struct model_text text = text_in(m, json, "stringValue");
        return weir_value_string_n(text.bytes, text.n_bytes);
    }
    if ((member = json_object_get(json, "boolValue")) != NULL) {
        return weir_value_bool(json_is_true(member));
    }
    if ((member = json_object_get(json, "intValue")) != NULL) {
        return weir_value_int(json_is_string(member) ? strtoll(json_string_value(member), NULL, 10)
                                                     : json_integer_value(member));
    }
    if ((member = json_object_get(json, "doubleValue")) != NULL) {
        return weir_value_double(double_of(member));
    }
    if ((member = json_object_get(json, "bytesValue")) != NULL) {
        return bytes_of(m, member);
    }
    if ((member = json_object_get(json, "arrayValue")) != NULL) {
        return array_of(m, member);
    }
    if ((member = json_object_get(json, "kvlistValue")) != NULL) {
        struct model_attributes map = attributes_of(m, json_object_get(member, "values"));
        return weir_value_map(map.items, map.n);
    }
    if (json_object_size(json) > 0) {
        die("an unknown kind of value");
    }
    return (weir_value){.kind = WEIR_VALUE_EMPTY};
}

static struct model_attributes attributes_in_json(struct model_request *m, const json_t *object) {
    struct model_attributes out = attributes_of(m, json_object_get(object, "attributes"));
    out.n_dropped = count_in(object, "droppedAttributesCount");
    return out;
}

/* ---- messages ---- */

static void read_events(struct model_request *m, const json_t *json, struct model_span *span) {
    const json_t *list = json_object_get(json, "events");
    span->n_events = json_array_size(list);
    span->events = model_alloc(m, span->n_events, sizeof *span->events);
    for (size_t i = 0; i < span->n_events; i++) {
        const json_t *event = json_array_get(list, i);
        span->events[i].unix_ns = unsigned_in(event, "timeUnixNano");
        span->events[i].name = text_in(m, event, "name");
        span->events[i].attributes = attributes_in_json(m, event);
    }
    span->n_dropped_events = count_in(json, "droppedEventsCount");
}

static void read_links(struct model_request *m, const json_t *json, struct model_span *span) {
    const json_t *list = json_object_get(json, "links");
    span->n_links = json_array_size(list);
    span->links = model_alloc(m, span->n_links, sizeof *span->links);
    for (size_t i = 0; i < span->n_links; i++) {
        const json_t *link = json_array_get(list, i);
        span->links[i].trace_id = id_in(link, "traceId");
        span->links[i].span_id = id_in(link, "spanId");
        span->links[i].trace_state = text_in(m, link, "traceState");
        span->links[i].attributes = attributes_in_json(m, link);
        span->links[i].flags = count_in(link, "flags");
    }
    span->n_dropped_links = count_in(json, "droppedLinksCount");
}

static void read_span(struct model_request *m, const json_t *json, struct model_span *span) {
    span->trace_id = id_in(json, "traceId");
    span->span_id = id_in(json, "spanId");
    span->parent_span_id = id_in(json, "parentSpanId");
    span->trace_state = text_in(m, json, "traceState");
    span->name = text_in(m, json, "name");
    span->kind = (int)unsigned_in(json, "kind");
    span->start_unix_ns = unsigned_in(json, "startTimeUnixNano");
    span->end_unix_ns = unsigned_in(json, "endTimeUnixNano");
    span->attributes = attributes_in_json(m, json);
    read_events(m, json, span);
    read_links(m, json, span);
    const json_t *status = json_object_get(json, "status");
    span->has_status = status != NULL;
    span->status_message = text_in(m, status, "message");
    span->status_code = (int)unsigned_in(status, "code");
    span->flags = count_in(json, "flags");
}

static void read_scope(struct model_request *m, const json_t *json, struct model_scope *scope) {
    const json_t *inner = json_object_get(json, "scope");
    scope->has_scope = inner != NULL;
    scope->name = text_in(m, inner, "name");
    scope->version = text_in(m, inner, "version");
    scope->attributes = attributes_in_json(m, inner);
    const json_t *spans = json_object_get(json, "spans");
    scope->n_spans = json_array_size(spans);
    scope->spans = model_alloc(m, scope->n_spans, sizeof *scope->spans);
    for (size_t i = 0; i < scope->n_spans; i++) {
        read_span(m, json_array_get(spans, i), &scope->spans[i]);
    }
    scope->schema_url = text_in(m, json, "schemaUrl");
}

static void read_resource(struct model_request *m, const json_t *json,
                          struct model_resource *resource) {
    const json_t *inner = json_object_get(json, "resource");
    resource->has_resource = inner != NULL;
    resource->attributes = attributes_in_json(m, inner);
    const json_t *scopes = json_object_get(json, "scopeSpans");
    resource->n_scopes = json_array_size(scopes);
    resource->scopes = model_alloc(m, resource->n_scopes, sizeof *resource->scopes);
    for (size_t i = 0; i < resource->n_scopes; i++) {
        read_scope(m, json_array_get(scopes, i), &resource->scopes[i]);
    }
    resource->schema_url = text_in(m, json, "schemaUrl");
}

struct model_request model_from_json(const char *text) {
    struct model_request model = {0};
    json_error_t error;
    json_t *json = json_loads(text, JSON_ALLOW_NUL, &error);
    if (json == NULL) {
        die(error.text);
    }
    const json_t *list = json_object_get(json, "resourceSpans");
    model.n_resources = json_array_size(list);
    model.resources = model_alloc(&model, model.n_resources, sizeof *model.resources);
    for (size_t i = 0; i < model.n_resources; i++) {
        read_resource(&model, json_array_get(list, i), &model.resources[i]);
    }
    json_decref(json);
    return model;
}
