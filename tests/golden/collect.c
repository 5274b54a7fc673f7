#include "tests/golden/collect.h"

#include <stdlib.h>
#include <string.h>

#include "otlp/proto/trace_service.pb-c.h"

enum { COLLECT_MAX_BYTES = 256 << 20 };

void collector_init(struct collector *collector) {
    *collector = (struct collector){0};
    buf_init(&collector->bodies, COLLECT_MAX_BYTES);
}

void collector_deinit(struct collector *collector) {
    buf_deinit(&collector->bodies);
}

static int collect_post(void *data, const uint8_t *body, size_t n_bytes,
                        uint64_t deadline_monotonic_ns, weir_transport_response *response,
                        weir_error_detail *detail) {
    struct collector *collector = data;
    (void)deadline_monotonic_ns;
    (void)detail;
    lock_take(&collector->lock);
    buf_append(&collector->bodies, body, n_bytes);
    collector->n_bodies++;
    lock_give(&collector->lock);
    response->http_status = 200;
    return 0;
}

weir_transport collector_transport(struct collector *collector) {
    weir_transport transport = WEIR_TRANSPORT_INIT;
    transport.post = collect_post;
    transport.data = collector;
    return transport;
}

/* ---- decoding ---- */

static const char *copy_text(struct arena *arena, ProtobufCBinaryData text) {
    return arena_copy(arena, text.data, text.len);
}

static struct attribute_list decode_attributes(struct arena *arena, Otlp__KeyValue *const *items,
                                               size_t n);

/* NOLINTNEXTLINE(misc-no-recursion): what weir sends is bounded in depth */
static weir_value decode_value(struct arena *arena, const Otlp__AnyValue *any) {
    if (any == NULL) {
        return (weir_value){.kind = WEIR_VALUE_EMPTY};
    }
    switch (any->value_case) {
    case OTLP__ANY_VALUE__VALUE_STRING_VALUE:
        return weir_value_string_n(copy_text(arena, any->string_value), any->string_value.len);
    case OTLP__ANY_VALUE__VALUE_BOOL_VALUE: return weir_value_bool(any->bool_value);
    case OTLP__ANY_VALUE__VALUE_INT_VALUE: return weir_value_int(any->int_value);
    case OTLP__ANY_VALUE__VALUE_DOUBLE_VALUE: return weir_value_double(any->double_value);
    case OTLP__ANY_VALUE__VALUE_BYTES_VALUE:
        return weir_value_bytes(copy_text(arena, any->bytes_value), any->bytes_value.len);
    case OTLP__ANY_VALUE__VALUE_KVLIST_VALUE: {
        struct attribute_list list =
            decode_attributes(arena, any->kvlist_value->values, any->kvlist_value->n_values);
        return weir_value_map(list.items, list.n);
    }
    case OTLP__ANY_VALUE__VALUE_ARRAY_VALUE: {
        size_t n = any->array_value->n_values;
        weir_value *items = arena_alloc(arena, (n + 1) * sizeof *items);
        for (size_t i = 0; i < n; i++) {
            items[i] = decode_value(arena, any->array_value->values[i]);
        }
        return weir_value_array(items, n);
    }
    default: return (weir_value){.kind = WEIR_VALUE_EMPTY};
    }
}

/* NOLINTNEXTLINE(misc-no-recursion) */
static struct attribute_list decode_attributes(struct arena *arena, Otlp__KeyValue *const *items,
                                               size_t n) {
    struct attribute_list list = {arena_alloc(arena, (n + 1) * sizeof *list.items), n};
    for (size_t i = 0; i < n; i++) {
        list.items[i].key = copy_text(arena, items[i]->key);
        list.items[i].value = decode_value(arena, items[i]->value);
    }
    return list;
}

static void decode_events(struct arena *arena, const Otlp__Span *from, struct golden_span *span) {
    span->n_events = from->n_events;
    span->events = arena_alloc(arena, (from->n_events + 1) * sizeof *span->events);
    for (size_t i = 0; i < from->n_events; i++) {
        const Otlp__Span__Event *event = from->events[i];
        span->events[i] = (struct golden_event){
            .name = copy_text(arena, event->name),
            .unix_ns = event->time_unix_nano,
            .attributes = decode_attributes(arena, event->attributes, event->n_attributes),
        };
    }
}

static const char *kind_name(int kind) {
    static const char *const names[] = {"UNSPECIFIED", "INTERNAL", "SERVER",
                                        "CLIENT",      "PRODUCER", "CONSUMER"};
    return kind >= 0 && kind <= 5 ? names[kind] : "unknown";
}

static const char *status_name(const Otlp__Status *status) {
    static const char *const names[] = {"UNSET", "OK", "ERROR"};
    int code = status ? (int)status->code : 0;
    return code >= 0 && code <= 2 ? names[code] : "unknown";
}

static struct golden_span *decode_span(struct arena *arena, const Otlp__Span *from) {
    struct golden_span *span = arena_alloc(arena, sizeof *span);
    *span = (struct golden_span){
        .name = copy_text(arena, from->name),
        .kind = kind_name((int)from->kind),
        .status = status_name(from->status),
        .description = from->status ? copy_text(arena, from->status->message) : "",
        .start_ns = from->start_time_unix_nano,
        .end_ns = from->end_time_unix_nano,
        .attributes = decode_attributes(arena, from->attributes, from->n_attributes),
    };
    decode_events(arena, from, span);
    return span;
}

static bool same_bytes(ProtobufCBinaryData a, ProtobufCBinaryData b) {
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

static bool is_id(ProtobufCBinaryData id, size_t n_bytes) {
    static const uint8_t zeros[16];
    return id.len == n_bytes && memcmp(id.data, zeros, n_bytes) != 0;
}

/* Sets traces and parents by ids. */
static const char *link_span(struct arena *arena, Otlp__Span *const *from, size_t at,
                             const struct span_list *list) {
    struct golden_span *span = list->items[at];
    if (!is_id(from[at]->span_id, 8) || !is_id(from[at]->trace_id, 16)) {
        return arena_format(arena, "span %zu \"%s\" has no valid ids", at, span->name);
    }
    size_t first = 0;
    while (!same_bytes(from[first]->trace_id, from[at]->trace_id)) {
        first++;
    }
    span->trace = first == at ? (int64_t)at : list->items[first]->trace;
    span->has_unlisted_parent = from[at]->parent_span_id.len > 0;
    for (size_t i = 0; i < list->n; i++) {
        if (i != at && same_bytes(from[i]->span_id, from[at]->span_id)) {
            return arena_format(arena, "spans %zu and %zu have one id", i, at);
        }
        if (same_bytes(from[i]->span_id, from[at]->parent_span_id)) {
            span->parent = list->items[i];
            span->has_unlisted_parent = false;
            if (!same_bytes(from[i]->trace_id, from[at]->trace_id)) {
                return arena_format(arena, "span %zu is in another trace than its parent", at);
            }
        }
    }
    return NULL;
}

static const char *decode_request(struct arena *arena,
                                  const Otlp__ExportTraceServiceRequest *request,
                                  struct span_list *out) {
    Otlp__Span **all = NULL;
    size_t n = 0, capacity = 0;
    for (size_t r = 0; r < request->n_resource_spans; r++) {
        const Otlp__ResourceSpans *resource = request->resource_spans[r];
        for (size_t s = 0; s < resource->n_scope_spans; s++) {
            for (size_t i = 0; i < resource->scope_spans[s]->n_spans; i++) {
                all = arena_grow(arena, all, n, &capacity, sizeof(Otlp__Span *));
                all[n++] = resource->scope_spans[s]->spans[i];
            }
        }
    }
    for (size_t i = 0; i < n; i++) {
        span_list_insert(arena, out, out->n, decode_span(arena, all[i]));
    }
    for (size_t i = 0; i < n; i++) {
        const char *fault = link_span(arena, all, i, out);
        if (fault != NULL) {
            return fault;
        }
    }
    return NULL;
}

const char *collector_spans(struct collector *collector, struct arena *arena,
                            struct span_list *out) {
    *out = (struct span_list){0};
    lock_take(&collector->lock);
    Otlp__ExportTraceServiceRequest *request =
        buf_error(&collector->bodies) == 0
            ? otlp__export_trace_service_request__unpack(NULL, collector->bodies.n_bytes,
                                                         collector->bodies.data)
            : NULL;
    lock_give(&collector->lock);
    if (request == NULL) {
        return "what was sent is no ExportTraceServiceRequest";
    }
    const char *fault = decode_request(arena, request, out);
    otlp__export_trace_service_request__free_unpacked(request, NULL);
    return fault;
}
