/*
 * What is recorded while a span is open: attributes, events, links, status, name.
 */
#include "otlp/span.h"

#include <string.h>

#include "otlp/attributes.h"
#include "otlp/common/macro.h"
#include "otlp/common/utf8.h"
#include "otlp/context.h"
#include "otlp/encode.h"
#include "otlp/provider.h"
#include "otlp/span_part.h"
#include "otlp/tags.h"
#include "otlp/trace_state.h"
#include "otlp/wire.h"

static COLD void set_slowly(struct otlp_span *span, const struct attribute_limits *limits,
                            const char *key, const weir_value *value) {
    struct writing w = span_part_begin(span, SPAN_ATTRIBUTES);
    int error = attributes_set(&span->attributes, limits, key, value);
    span_part_end(span, &w);
    span_count_refused(span, error == WEIR_E_INVALID || error == WEIR_E_SYNTAX);
}

void span_set(struct otlp_span *span, const char *key, const weir_value *value) {
    if (UNLIKELY(!span->is_recording)) {
        return;
    }
    const struct attribute_limits *limits = &span_provider(span)->config.limits.attributes;
    if (UNLIKELY(!attributes_set_quickly(&span->attributes, limits, key, value))) {
        set_slowly(span, limits, key, value);
    }
}

struct attribute_list {
    const weir_key_value *items;
    size_t n;
};

/* The attributes of an event or link, and how many were left out. Those of `more` (optional) come
 * later, and win. */
static void put_attributes(struct otlp_span *span, struct buf *out, uint8_t tag,
                           uint8_t dropped_tag, const struct attribute_limits *limits,
                           struct attribute_list first, struct attribute_list more) {
    struct attributes attributes = attributes_in(out, tag);
    if (first.n > 0) {
        span_count_refused(span, attributes_set_all(&attributes, limits, first.items, first.n));
    }
    if (more.n > 0) {
        span_count_refused(span, attributes_set_all(&attributes, limits, more.items, more.n));
    }
    uint8_t *at = buf_reserve(out, wire_count_size(attributes.n_dropped));
    if (at != NULL) {
        (void)wire_put_count(at, dropped_tag, attributes.n_dropped);
    }
}

static void add_event(struct otlp_span *span, uint64_t unix_ns, const char *name,
                      struct attribute_list first, struct attribute_list more) {
    const struct span_limits *limits = &span_provider(span)->config.limits;
    if (span->n_events >= limits->max_events) {
        span->n_dropped_events++;
        return;
    }
    struct writing w = span_part_begin(span, SPAN_EVENTS);
    size_t mark = wire_open(w.out, TAG_SPAN_EVENTS);
    uint8_t *at = buf_reserve(w.out, TIME_FIELD);
    if (LIKELY(at != NULL)) {
        (void)wire_put_fixed64(at, TAG_EVENT_TIME, unix_ns);
    }
    encode_text(w.out, TAG_EVENT_NAME, name, strlen(name));
    put_attributes(span, w.out, TAG_EVENT_ATTRIBUTES, TAG_EVENT_DROPPED_ATTRIBUTES,
                   &limits->event_attributes, first, more);
    wire_close(w.out, mark);
    bool is_whole = span_part_end_whole(span, &w);
    span->n_events += is_whole;
    span->n_dropped_events += !is_whole;
}

void span_add_event(struct otlp_span *span, uint64_t unix_ns, const char *name,
                    const weir_key_value *attributes, size_t n_attributes) {
    if (UNLIKELY(!span->is_recording)) {
        return;
    }
    if (name == NULL) {
        span_count_refused(span, 1);
        return;
    }
    add_event(span, unix_ns, name, (struct attribute_list){attributes, n_attributes},
              (struct attribute_list){NULL, 0});
}

/* bit 8: whether the linked context is remote is known; bit 9: it is (A46). */
static uint32_t link_flags(const weir_otlp_context *context) {
    return FLAGS_IS_REMOTE_KNOWN | (context->is_remote ? FLAGS_IS_REMOTE : 0) |
           context->trace_flags;
}

static void put_link(struct otlp_span *span, struct buf *out, const weir_otlp_link *link) {
    const weir_otlp_context *context = &link->context;
    uint8_t *at = buf_reserve(out, TRACE_ID_FIELD + SPAN_ID_FIELD);
    if (LIKELY(at != NULL)) {
        at = wire_put_field(at, TAG_LINK_TRACE_ID, context->trace_id, sizeof context->trace_id);
        (void)wire_put_field(at, TAG_LINK_SPAN_ID, context->span_id, sizeof context->span_id);
    }
    if (context->trace_state != NULL && trace_state_is_valid(context->trace_state)) {
        size_t mark = wire_open(out, TAG_LINK_TRACE_STATE);
        trace_state_append(out, context->trace_state);
        wire_close_string(out, mark);
    }
    put_attributes(span, out, TAG_LINK_ATTRIBUTES, TAG_LINK_DROPPED_ATTRIBUTES,
                   &span_provider(span)->config.limits.link_attributes,
                   (struct attribute_list){link->attributes, link->n_attributes},
                   (struct attribute_list){NULL, 0});
    at = buf_reserve(out, LINK_FLAGS_FIELD);
    if (LIKELY(at != NULL)) {
        (void)wire_put_fixed32(at, TAG_LINK_FLAGS, link_flags(context));
    }
}

/* A link without ids is kept for what else it says (E22). */
static bool says_something(const weir_otlp_link *link) {
    return context_is_valid(&link->context) || link->n_attributes > 0 ||
           (link->context.trace_state != NULL && *link->context.trace_state != '\0');
}

void span_add_link(struct otlp_span *span, const weir_otlp_link *link) {
    if (UNLIKELY(!span->is_recording)) {
        return;
    }
    if (link == NULL || !says_something(link)) {
        span_count_refused(span, 1);
        return;
    }
    if (span->n_links >= span_provider(span)->config.limits.max_links) {
        span->n_dropped_links++;
        return;
    }
    struct writing w = span_part_begin(span, SPAN_LINKS);
    size_t mark = wire_open(w.out, TAG_SPAN_LINKS);
    put_link(span, w.out, link);
    wire_close(w.out, mark);
    bool is_whole = span_part_end_whole(span, &w);
    span->n_links += is_whole;
    span->n_dropped_links += !is_whole;
}

static bool write_status(struct otlp_span *span, weir_otlp_status status, const char *text) {
    struct writing w = span_part_begin(span, SPAN_STATUS);
    size_t mark = wire_open(w.out, TAG_SPAN_STATUS);
    encode_text(w.out, TAG_STATUS_MESSAGE, text, strlen(text));
    uint8_t *at = buf_reserve(w.out, 2);
    if (LIKELY(at != NULL)) {
        (void)wire_put_number(at, TAG_STATUS_CODE, status);
    }
    wire_close(w.out, mark);
    return span_part_end_whole(span, &w);
}

void span_set_status(struct otlp_span *span, weir_otlp_status status, const char *description) {
    if (UNLIKELY(!span->is_recording) || span->status == WEIR_OTLP_STATUS_OK ||
        status == WEIR_OTLP_STATUS_UNSET) {
        return;
    }
    if (status != WEIR_OTLP_STATUS_OK && status != WEIR_OTLP_STATUS_ERROR) {
        span_count_refused(span, 1);
        return;
    }
    bool has_text = status == WEIR_OTLP_STATUS_ERROR && description != NULL;
    span->status = (uint8_t)status;
    buf_clear(&span->parts[SPAN_STATUS]);
    if (!write_status(span, status, has_text ? description : "") && has_text) {
        (void)write_status(span, status, ""); /* a text that does not fit must not hide the error */
    }
}

static bool has_text(const char *text) {
    return text != NULL && *text != '\0';
}

/* What the conventions say of an exception; returns how many attributes that is. */
static size_t describe_error(const weir_otlp_error *error, weir_key_value out[4]) {
    size_t n = 0;
    if (has_text(error->type)) {
        out[n++] = (weir_key_value){"exception.type", weir_value_string(error->type)};
    }
    if (error->message != NULL) {
        out[n++] = (weir_key_value){"exception.message", weir_value_string(error->message)};
    }
    if (has_text(error->stacktrace)) {
        out[n++] = (weir_key_value){"exception.stacktrace", weir_value_string(error->stacktrace)};
    }
    if (error->escaped) {
        out[n++] = (weir_key_value){"exception.escaped", weir_value_bool(true)};
    }
    return n;
}

void span_record_error(struct otlp_span *span, uint64_t unix_ns, const weir_otlp_error *error,
                       const weir_key_value *attributes, size_t n_attributes) {
    weir_key_value own[4];
    if (UNLIKELY(!span->is_recording)) {
        return;
    }
    if (error == NULL) {
        span_count_refused(span, 1);
        return;
    }
    add_event(span, unix_ns, "exception", (struct attribute_list){own, describe_error(error, own)},
              (struct attribute_list){attributes, n_attributes});
    if (span->status != WEIR_OTLP_STATUS_OK) { /* a success has no error.type (J16) */
        weir_value type = weir_value_string(has_text(error->type) ? error->type : "_OTHER");
        span_set(span, "error.type", &type);
        span_set_status(span, WEIR_OTLP_STATUS_ERROR, error->message);
    }
}

void span_set_name(struct otlp_span *span, const char *name) {
    if (UNLIKELY(!span->is_recording) || span->is_too_large) {
        return;
    }
    if (name == NULL) {
        span_count_refused(span, 1);
        return;
    }
    /* The new one is written behind the old one, so that a name that does not fit changes nothing.
     */
    struct writing w = span_part_begin(span, SPAN_HEAD);
    span_put_name(span, w.out, name);
    size_t old_end = w.n_bytes;
    if (span_part_end_whole(span, &w)) {
        struct buf *head = w.out;
        size_t n_new = head->n_bytes - old_end;
        memmove(head->data + span->name_at, head->data + old_end, n_new);
        buf_truncate(head, span->name_at + n_new);
    }
}
