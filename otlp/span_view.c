/*
 * Reading an ended span: what a processor asks for is decoded from the bytes that the span was
 * built as. Nothing is copied and nothing allocated.
 */
#include <string.h>

#include <weir/processor.h>

#include "otlp/processor.h"
#include "otlp/span_pool.h"
#include "otlp/tags.h"
#include "otlp/wire_read.h"

/* ---- bytes ---- */

static weir_view_text text_of(const struct wire_field *field) {
    return (weir_view_text){(const char *)field->bytes, field->n_bytes};
}

static weir_view_list list_over(const uint8_t *bytes, size_t n_bytes, uint32_t tag) {
    struct wire_reader reader = wire_reader_over(bytes, n_bytes);
    return (weir_view_list){reader.at, reader.end, FIELD_OF(tag)};
}

static weir_view_list list_of(const struct wire_field *message, uint32_t tag) {
    return list_over(message->bytes, message->n_bytes, tag);
}

/* The next field of a list's number, moving on behind it. */
static bool next_field(weir_view_list *list, struct wire_field *out) {
    if (list == NULL || list->at == NULL) {
        return false;
    }
    struct wire_reader reader = {list->at, list->end};
    while (wire_read(&reader, out) > 0) {
        if (out->number == list->field && out->type == WIRE_LEN) {
            list->at = reader.at;
            return true;
        }
    }
    list->at = list->end;
    return false;
}

/* The first field of that tag; one of no bytes when there is none. */
static struct wire_field find(const uint8_t *bytes, size_t n_bytes, uint32_t tag) {
    static const uint8_t nothing[1];
    weir_view_list list = list_over(bytes, n_bytes, tag);
    struct wire_field field;
    if (!next_field(&list, &field)) {
        field = (struct wire_field){.number = FIELD_OF(tag), .type = WIRE_LEN, .bytes = nothing};
    }
    return field;
}

static struct wire_field find_in(const struct wire_field *message, uint32_t tag) {
    return find(message->bytes, message->n_bytes, tag);
}

/* ---- values ---- */

static bool number_of(const struct wire_field *field, weir_value *out) {
    double number;
    switch (field->number) {
    case FIELD_OF(TAG_ANY_BOOL): *out = weir_value_bool(field->value != 0); return true;
    case FIELD_OF(TAG_ANY_INT): *out = weir_value_int((int64_t)field->value); return true;
    case FIELD_OF(TAG_ANY_DOUBLE):
        memcpy(&number, &field->value, sizeof number);
        *out = weir_value_double(number);
        return true;
    default: return false;
    }
}

static void bytes_of(const struct wire_field *field, weir_view_value *out) {
    switch (field->number) {
    case FIELD_OF(TAG_ANY_STRING):
        out->value = weir_value_string_n((const char *)field->bytes, field->n_bytes);
        break;
    case FIELD_OF(TAG_ANY_BYTES):
        out->value = weir_value_bytes(field->bytes, field->n_bytes);
        break;
    case FIELD_OF(TAG_ANY_ARRAY):
        out->value = weir_value_array(NULL, 0);
        out->items = list_of(field, TAG_ARRAY_VALUES);
        break;
    case FIELD_OF(TAG_ANY_MAP):
        out->value = weir_value_map(NULL, 0);
        out->items = list_of(field, TAG_MAP_VALUES);
        break;
    default: break;
    }
}

/* Without a member set it is empty (A41). */
static weir_view_value value_of(const struct wire_field *any) {
    weir_view_value value = {0};
    struct wire_reader reader = wire_reader_over(any->bytes, any->n_bytes);
    struct wire_field field;
    while (wire_read(&reader, &field) > 0) {
        if (!number_of(&field, &value.value) && field.type == WIRE_LEN) {
            bytes_of(&field, &value);
        }
    }
    return value;
}

bool weir_view_next_value(weir_view_list *list, weir_view_value *out) {
    struct wire_field field;
    if (!next_field(list, &field)) {
        return false;
    }
    *out = value_of(&field);
    return true;
}

bool weir_view_next_attribute(weir_view_list *list, weir_view_attribute *out) {
    struct wire_field field;
    if (!next_field(list, &field)) {
        return false;
    }
    struct wire_field key = find_in(&field, TAG_KEY_VALUE_KEY);
    struct wire_field value = find_in(&field, TAG_KEY_VALUE_VALUE);
    *out = (weir_view_attribute){text_of(&key), value_of(&value)};
    return true;
}

/* ---- events and links ---- */

bool weir_view_next_event(weir_view_list *list, weir_view_event *out) {
    struct wire_field event, field;
    if (!next_field(list, &event)) {
        return false;
    }
    struct wire_field name = find_in(&event, TAG_EVENT_NAME);
    *out = (weir_view_event){.name = text_of(&name),
                             .attributes = list_of(&event, TAG_EVENT_ATTRIBUTES)};
    struct wire_reader reader = wire_reader_over(event.bytes, event.n_bytes);
    while (wire_read(&reader, &field) > 0) {
        if (field.number == FIELD_OF(TAG_EVENT_TIME)) {
            out->unix_ns = field.value;
        } else if (field.number == FIELD_OF(TAG_EVENT_DROPPED_ATTRIBUTES)) {
            out->n_dropped_attributes = (uint32_t)field.value;
        }
    }
    return true;
}

static void copy_id(uint8_t *to, size_t n_bytes, const struct wire_field *from) {
    if (from->n_bytes == n_bytes) {
        memcpy(to, from->bytes, n_bytes);
    }
}

static void take_link_field(weir_view_link *link, const struct wire_field *field) {
    weir_otlp_context *context = &link->context;
    switch (field->number) {
    case FIELD_OF(TAG_LINK_TRACE_ID):
        copy_id(context->trace_id, sizeof context->trace_id, field);
        break;
    case FIELD_OF(TAG_LINK_SPAN_ID):
        copy_id(context->span_id, sizeof context->span_id, field);
        break;
    case FIELD_OF(TAG_LINK_TRACE_STATE): link->trace_state = text_of(field); break;
    case FIELD_OF(TAG_LINK_DROPPED_ATTRIBUTES):
        link->n_dropped_attributes = (uint32_t)field->value;
        break;
    case FIELD_OF(TAG_LINK_FLAGS):
        context->trace_flags = (uint8_t)field->value;
        context->is_remote = (field->value & FLAGS_IS_REMOTE) != 0;
        break;
    default: break;
    }
}

bool weir_view_next_link(weir_view_list *list, weir_view_link *out) {
    struct wire_field link, field;
    if (!next_field(list, &link)) {
        return false;
    }
    *out =
        (weir_view_link){.trace_state = {"", 0}, .attributes = list_of(&link, TAG_LINK_ATTRIBUTES)};
    struct wire_reader reader = wire_reader_over(link.bytes, link.n_bytes);
    while (wire_read(&reader, &field) > 0) {
        take_link_field(out, &field);
    }
    return true;
}

/* ---- the span ---- */

static struct wire_field find_in_part(const weir_otlp_view *view, enum span_part part,
                                      uint32_t tag) {
    if (view == NULL) {
        return find(NULL, 0, tag);
    }
    const struct buf *buf = &view->span->parts[part];
    return find(buf->data, buf->n_bytes, tag);
}

static weir_view_list list_in_part(const weir_otlp_view *view, enum span_part part, uint32_t tag) {
    if (view == NULL) {
        return list_over(NULL, 0, tag);
    }
    const struct buf *buf = &view->span->parts[part];
    return list_over(buf->data, buf->n_bytes, tag);
}

weir_view_text weir_otlp_view_name(const weir_otlp_view *view) {
    struct wire_field name = find_in_part(view, SPAN_HEAD, TAG_SPAN_NAME);
    return text_of(&name);
}

weir_otlp_kind weir_otlp_view_kind(const weir_otlp_view *view) {
    return view != NULL ? (weir_otlp_kind)view->span->kind : WEIR_OTLP_KIND_DEFAULT;
}

weir_otlp_context weir_otlp_view_context(const weir_otlp_view *view) {
    return view != NULL ? view->span->context : (weir_otlp_context){0};
}

bool weir_otlp_view_parent(const weir_otlp_view *view, weir_otlp_context *out) {
    struct wire_field id = find_in_part(view, SPAN_HEAD, TAG_SPAN_PARENT_SPAN_ID);
    if (out == NULL || id.n_bytes != sizeof out->span_id) {
        return false;
    }
    const struct otlp_span *span = view->span;
    *out = (weir_otlp_context){.trace_flags = span->parent_flags,
                               .is_remote = span->has_remote_parent,
                               .owner = span->context.owner};
    memcpy(out->trace_id, span->context.trace_id, sizeof out->trace_id);
    memcpy(out->span_id, id.bytes, sizeof out->span_id);
    return true;
}

uint64_t weir_otlp_view_start(const weir_otlp_view *view) {
    return view != NULL ? view->span->start_unix_ns : 0;
}

uint64_t weir_otlp_view_end(const weir_otlp_view *view) {
    return view != NULL ? view->end_unix_ns : 0;
}

weir_otlp_status weir_otlp_view_status(const weir_otlp_view *view, weir_view_text *description) {
    if (description != NULL) {
        struct wire_field status = find_in_part(view, SPAN_STATUS, TAG_SPAN_STATUS);
        struct wire_field message = find_in(&status, TAG_STATUS_MESSAGE);
        *description = text_of(&message);
    }
    return view != NULL ? (weir_otlp_status)view->span->status : WEIR_OTLP_STATUS_UNSET;
}

weir_view_list weir_otlp_view_attributes(const weir_otlp_view *view) {
    return list_in_part(view, SPAN_ATTRIBUTES, TAG_SPAN_ATTRIBUTES);
}

weir_view_list weir_otlp_view_events(const weir_otlp_view *view) {
    return list_in_part(view, SPAN_EVENTS, TAG_SPAN_EVENTS);
}

weir_view_list weir_otlp_view_links(const weir_otlp_view *view) {
    return list_in_part(view, SPAN_LINKS, TAG_SPAN_LINKS);
}

weir_view_dropped weir_otlp_view_dropped(const weir_otlp_view *view) {
    if (view == NULL) {
        return (weir_view_dropped){0};
    }
    const struct otlp_span *span = view->span;
    return (weir_view_dropped){.attributes = span->attributes.n_dropped,
                               .events = span->n_dropped_events,
                               .links = span->n_dropped_links};
}

/* ---- what stands around it ---- */

static const struct scope *around(const weir_otlp_view *view) {
    static const struct scope nothing;
    return view != NULL ? &view->span->tracer->scope : &nothing;
}

static struct wire_field find_in_piece(const struct scope_piece *piece, uint32_t tag) {
    return find(piece->bytes, piece->n_bytes, tag);
}

static struct wire_field scope_of(const weir_otlp_view *view) {
    return find_in_piece(&around(view)->scope, TAG_SCOPE_SPANS_SCOPE);
}

weir_view_text weir_otlp_view_scope_name(const weir_otlp_view *view) {
    struct wire_field scope = scope_of(view), name = find_in(&scope, TAG_SCOPE_NAME);
    return text_of(&name);
}

weir_view_text weir_otlp_view_scope_version(const weir_otlp_view *view) {
    struct wire_field scope = scope_of(view), version = find_in(&scope, TAG_SCOPE_VERSION);
    return text_of(&version);
}

weir_view_text weir_otlp_view_scope_schema_url(const weir_otlp_view *view) {
    struct wire_field url = find_in_piece(&around(view)->scope_url, TAG_SCOPE_SPANS_SCHEMA_URL);
    return text_of(&url);
}

weir_view_list weir_otlp_view_scope_attributes(const weir_otlp_view *view) {
    struct wire_field scope = scope_of(view);
    return list_of(&scope, TAG_SCOPE_ATTRIBUTES);
}

weir_view_text weir_otlp_view_resource_schema_url(const weir_otlp_view *view) {
    struct wire_field url =
        find_in_piece(&around(view)->resource_url, TAG_RESOURCE_SPANS_SCHEMA_URL);
    return text_of(&url);
}

weir_view_list weir_otlp_view_resource(const weir_otlp_view *view) {
    struct wire_field resource =
        find_in_piece(&around(view)->resource, TAG_RESOURCE_SPANS_RESOURCE);
    return list_of(&resource, TAG_RESOURCE_ATTRIBUTES);
}
