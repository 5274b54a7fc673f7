#include "tests/support/request_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "otlp/attributes.h"
#include "otlp/context.h"
#include "otlp/encode.h"
#include "otlp/tags.h"
#include "otlp/trace_state.h"
#include "otlp/wire.h"

struct model_block {
    struct model_block *next;
    max_align_t memory[];
};

void *model_alloc(struct model_request *model, size_t n_items, size_t n_bytes) {
    struct model_block *block = calloc(1, sizeof *block + n_items * n_bytes);
    if (block == NULL) {
        abort();
    }
    block->next = model->blocks;
    model->blocks = block;
    return block->memory;
}

void model_free(struct model_request *model) {
    while (model->blocks != NULL) {
        struct model_block *block = model->blocks;
        model->blocks = block->next;
        free(block);
    }
}

/* ---- weir's encoder ---- */

static void put_number(struct buf *out, uint8_t tag, uint64_t number) {
    uint8_t *at = number != 0 ? buf_reserve(out, 1 + wire_varint_size(number)) : NULL;
    if (at != NULL) {
        wire_put_number(at, tag, number);
    }
}

static void put_time(struct buf *out, uint8_t tag, uint64_t number) {
    uint8_t *at = number != 0 ? buf_reserve(out, 9) : NULL;
    if (at != NULL) {
        wire_put_fixed64(at, tag, number);
    }
}

static void put_id(struct buf *out, uint8_t tag, const struct model_id *id) {
    uint8_t *at = id->n_bytes != 0 ? buf_reserve(out, wire_field_size(id->n_bytes)) : NULL;
    if (at != NULL) {
        wire_put_field(at, tag, id->bytes, id->n_bytes);
    }
}

static void put_text(struct buf *out, uint8_t tag, const struct model_text *text) {
    encode_text(out, tag, text->bytes, text->n_bytes);
}

static void put_attributes(struct buf *out, uint8_t tag, uint8_t dropped_tag,
                           const struct model_attributes *attributes) {
    struct attribute_limits none = {UINT32_MAX, ENCODE_ALL_CHARS};
    struct attributes a = attributes_in(out, tag);
    if (attributes->n > 0 && attributes_set_all(&a, &none, attributes->items, attributes->n) != 0) {
        fprintf(stderr, "the encoder refused an attribute\n");
        abort();
    }
    put_number(out, dropped_tag, attributes->n_dropped);
}

static void encode_event(struct buf *out, const struct model_event *event) {
    size_t mark = wire_open(out, TAG_SPAN_EVENTS);
    put_time(out, TAG_EVENT_TIME, event->unix_ns);
    put_text(out, TAG_EVENT_NAME, &event->name);
    put_attributes(out, TAG_EVENT_ATTRIBUTES, TAG_EVENT_DROPPED_ATTRIBUTES, &event->attributes);
    wire_close(out, mark);
}

static void encode_link(struct buf *out, const struct model_link *link) {
    size_t mark = wire_open(out, TAG_SPAN_LINKS);
    put_id(out, TAG_LINK_TRACE_ID, &link->trace_id);
    put_id(out, TAG_LINK_SPAN_ID, &link->span_id);
    put_text(out, TAG_LINK_TRACE_STATE, &link->trace_state);
    put_attributes(out, TAG_LINK_ATTRIBUTES, TAG_LINK_DROPPED_ATTRIBUTES, &link->attributes);
    uint8_t *at = link->flags != 0 ? buf_reserve(out, 5) : NULL;
    if (at != NULL) {
        wire_put_fixed32(at, TAG_LINK_FLAGS, link->flags);
    }
    wire_close(out, mark);
}

static void encode_tail(struct buf *out, const struct model_span *span) {
    if (span->has_status) {
        size_t mark = wire_open(out, TAG_SPAN_STATUS);
        put_text(out, TAG_STATUS_MESSAGE, &span->status_message);
        put_number(out, TAG_STATUS_CODE, (uint64_t)span->status_code);
        wire_close(out, mark);
    }
    uint8_t *at = span->flags != 0 ? buf_reserve(out, 6) : NULL;
    if (at != NULL) {
        *at = TAG_SPAN_FLAGS_1;
        wire_put_fixed32(at + 1, TAG_SPAN_FLAGS_2, span->flags);
    }
}

static void encode_span(struct buf *out, const struct model_span *span) {
    size_t mark = wire_open(out, TAG_SCOPE_SPANS_SPANS);
    put_id(out, TAG_SPAN_TRACE_ID, &span->trace_id);
    put_id(out, TAG_SPAN_SPAN_ID, &span->span_id);
    put_text(out, TAG_SPAN_TRACE_STATE, &span->trace_state);
    put_id(out, TAG_SPAN_PARENT_SPAN_ID, &span->parent_span_id);
    put_text(out, TAG_SPAN_NAME, &span->name);
    put_number(out, TAG_SPAN_KIND, (uint64_t)span->kind);
    put_time(out, TAG_SPAN_START_TIME, span->start_unix_ns);
    put_time(out, TAG_SPAN_END_TIME, span->end_unix_ns);
    put_attributes(out, TAG_SPAN_ATTRIBUTES, TAG_SPAN_DROPPED_ATTRIBUTES, &span->attributes);
    for (size_t i = 0; i < span->n_events; i++) {
        encode_event(out, &span->events[i]);
    }
    put_number(out, TAG_SPAN_DROPPED_EVENTS, span->n_dropped_events);
    for (size_t i = 0; i < span->n_links; i++) {
        encode_link(out, &span->links[i]);
    }
    put_number(out, TAG_SPAN_DROPPED_LINKS, span->n_dropped_links);
    encode_tail(out, span);
    wire_close(out, mark);
}

static void encode_scope(struct buf *out, const struct model_scope *scope) {
    size_t mark = wire_open(out, TAG_RESOURCE_SPANS_SCOPE_SPANS);
    if (scope->has_scope) {
        size_t inner = wire_open(out, TAG_SCOPE_SPANS_SCOPE);
        put_text(out, TAG_SCOPE_NAME, &scope->name);
        put_text(out, TAG_SCOPE_VERSION, &scope->version);
        put_attributes(out, TAG_SCOPE_ATTRIBUTES, 0x20, &scope->attributes);
        wire_close(out, inner);
    }
    for (size_t i = 0; i < scope->n_spans; i++) {
        encode_span(out, &scope->spans[i]);
    }
    put_text(out, TAG_SCOPE_SPANS_SCHEMA_URL, &scope->schema_url);
    wire_close(out, mark);
}

void model_encode(const struct model_request *model, struct buf *out) {
    for (size_t i = 0; i < model->n_resources; i++) {
        const struct model_resource *resource = &model->resources[i];
        size_t mark = wire_open(out, TAG_REQUEST_RESOURCE_SPANS);
        if (resource->has_resource) {
            size_t inner = wire_open(out, TAG_RESOURCE_SPANS_RESOURCE);
            put_attributes(out, TAG_RESOURCE_ATTRIBUTES, 0x10, &resource->attributes);
            wire_close(out, inner);
        }
        for (size_t j = 0; j < resource->n_scopes; j++) {
            encode_scope(out, &resource->scopes[j]);
        }
        put_text(out, TAG_RESOURCE_SPANS_SCHEMA_URL, &resource->schema_url);
        wire_close(out, mark);
    }
}

/* ---- the public span functions ---- */

static bool is_id(const struct model_id *id, size_t n_bytes) {
    static const uint8_t none[16];
    return id->n_bytes == n_bytes && memcmp(id->bytes, none, n_bytes) != 0;
}

static bool is_c_text(const struct model_text *text) {
    return strlen(text->bytes) == text->n_bytes;
}

/* What trace_state_append would change cannot be said either. */
static bool is_trace_state(const struct model_text *text) {
    return is_c_text(text) && trace_state_is_valid(text->bytes) && strchr(text->bytes, ' ') == NULL;
}

static bool can_say_attributes(const struct model_attributes *attributes) {
    for (size_t i = 0; i < attributes->n; i++) {
        if (attributes->items[i].key[0] == '\0') {
            return false;
        }
    }
    return attributes->n_dropped == 0;
}

static bool can_say_links(const struct model_span *span) {
    for (size_t i = 0; i < span->n_links; i++) {
        const struct model_link *link = &span->links[i];
        if (!is_id(&link->trace_id, 16) || !is_id(&link->span_id, 8) ||
            !is_trace_state(&link->trace_state) || !can_say_attributes(&link->attributes) ||
            link->flags > 0x3ff) {
            return false;
        }
    }
    return span->n_dropped_links == 0;
}

static bool can_say_events(const struct model_span *span) {
    for (size_t i = 0; i < span->n_events; i++) {
        const struct model_event *event = &span->events[i];
        if (!is_c_text(&event->name) || !can_say_attributes(&event->attributes) ||
            event->unix_ns == 0) {
            return false;
        }
    }
    return span->n_dropped_events == 0;
}

static bool can_say_status(const struct model_span *span) {
    if (!span->has_status) {
        return true;
    }
    return span->status_code == WEIR_OTLP_STATUS_ERROR
               ? is_c_text(&span->status_message)
               : span->status_code == WEIR_OTLP_STATUS_OK && span->status_message.n_bytes == 0;
}

bool model_can_be_said(const struct model_span *span) {
    bool parent_is_sayable = span->parent_span_id.n_bytes == 0 || is_id(&span->parent_span_id, 8);
    return is_id(&span->trace_id, 16) && is_id(&span->span_id, 8) && parent_is_sayable &&
           is_trace_state(&span->trace_state) && is_c_text(&span->name) && span->kind >= 0 &&
           span->kind <= 5 && span->start_unix_ns != 0 && span->end_unix_ns != 0 &&
           can_say_attributes(&span->attributes) && can_say_events(span) && can_say_links(span) &&
           can_say_status(span) && span->flags <= 0x3ff;
}

struct model_span model_as_sdk(struct model_request *model, const struct model_span *span) {
    struct model_span sdk = *span;
    bool has_parent = span->parent_span_id.n_bytes > 0;
    sdk.kind = span->kind != 0 ? span->kind : WEIR_OTLP_KIND_INTERNAL;
    sdk.flags = 0x101 | (span->flags & (has_parent ? 0x2ff : 0xff));
    sdk.links = model_alloc(model, span->n_links, sizeof *sdk.links);
    for (size_t i = 0; i < span->n_links; i++) {
        sdk.links[i] = span->links[i];
        sdk.links[i].flags |= 0x100;
    }
    return sdk;
}

static weir_otlp_context context_of(const struct model_id *trace_id, const struct model_id *span_id,
                                    const struct model_text *trace_state, uint32_t flags) {
    weir_otlp_context context = {.trace_flags = (uint8_t)flags, .is_remote = (flags & 0x200) != 0};
    memcpy(context.trace_id, trace_id->bytes, sizeof context.trace_id);
    memcpy(context.span_id, span_id->bytes, sizeof context.span_id);
    context.trace_state = trace_state != NULL ? trace_state->bytes : NULL;
    return context;
}

static void say_events(weir_otlp_span *handle, const struct model_span *span) {
    for (size_t i = 0; i < span->n_events; i++) {
        const struct model_event *event = &span->events[i];
        weir_otlp_span_add_event_at(handle, event->unix_ns, event->name.bytes,
                                    event->attributes.items, event->attributes.n);
    }
}

static void say_links(weir_otlp_span *handle, const struct model_span *span) {
    for (size_t i = 0; i < span->n_links; i++) {
        const struct model_link *link = &span->links[i];
        weir_otlp_link said = {
            .context = context_of(&link->trace_id, &link->span_id, &link->trace_state, link->flags),
            .attributes = link->attributes.items,
            .n_attributes = link->attributes.n,
        };
        weir_otlp_span_add_link(handle, &said);
    }
}

void model_say(weir_otlp_tracer *tracer, const struct model_span *span) {
    weir_otlp_context own =
        context_of(&span->trace_id, &span->span_id, &span->trace_state, span->flags);
    weir_otlp_context parent =
        context_of(&span->trace_id, &span->parent_span_id, NULL, span->flags | 0x01);
    bool has_parent = span->parent_span_id.n_bytes > 0;
    weir_otlp_span *handle = weir_otlp_span_begin(
        tracer, span->name.bytes,
        &WEIR_OTLP_SPAN_OPTIONS(.kind = (weir_otlp_kind)span->kind,
                                .parent = has_parent ? &parent : NULL, .context = &own,
                                .has_start_time = true, .start_unix_ns = span->start_unix_ns));
    for (size_t i = 0; i < span->attributes.n; i++) {
        weir_otlp_span_set(handle, span->attributes.items[i].key, &span->attributes.items[i].value);
    }
    say_links(handle, span);
    say_events(handle, span);
    if (span->has_status) {
        weir_otlp_span_set_status(handle, (weir_otlp_status)span->status_code,
                                  span->status_message.bytes);
    }
    weir_otlp_span_end_at(handle, span->end_unix_ns);
}
