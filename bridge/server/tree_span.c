#include "bridge/server/tree_span.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <weir/error.h>

#include "bridge/server/bounds.h"
#include "bridge/server/tree_value.h"
#include "otlp/common/alloc.h"
#include "otlp/common/macro.h"
#include "otlp/common/time_text.h"
#include "otlp/common/visible.h"

/* Bits 8 and 9 of Span.flags: whether the parent is remote is known; it is (A46). */
enum { FLAG_REMOTE_KNOWN = 0x100, FLAG_REMOTE = 0x200 };

struct details {
    struct buf *out;
    const struct tree_span_style *style;
    uint64_t start_ns;
};

static void append_visible(struct buf *out, ProtobufCBinaryData text) {
    visible_append(out, (const char *)text.data, text.len, SIZE_MAX, "");
}

static void append_hex(struct buf *out, ProtobufCBinaryData bytes) {
    for (size_t i = 0; i < bytes.len; i++) {
        char digits[3];
        snprintf(digits, sizeof(digits), "%02x", bytes.data[i]);
        buf_append(out, digits, 2);
    }
}

static void append_spaces(struct buf *out, size_t n) {
    while (n-- > 0) {
        buf_append_byte(out, ' ');
    }
}

/* ---- details ---- */

static size_t widest_key(Otlp__KeyValue *const *attributes, size_t n_attributes) {
    size_t widest = 0;
    for (size_t i = 0; i < n_attributes; i++) {
        ProtobufCBinaryData key = attributes[i]->key;
        size_t columns = visible_columns((const char *)key.data, key.len);
        if (columns <= TREE_MAX_KEY_COLUMNS) {
            widest = MAX(widest, columns);
        }
    }
    return widest;
}

static void append_attributes(struct details *details, Otlp__KeyValue *const *attributes,
                              size_t n_attributes, size_t indent) {
    struct buf *out = details->out;
    size_t widest = widest_key(attributes, n_attributes);
    for (size_t i = 0; i < n_attributes; i++) {
        ProtobufCBinaryData key = attributes[i]->key;
        append_spaces(out, indent);
        size_t columns =
            visible_append(out, (const char *)key.data, key.len, TREE_MAX_CUT_KEY_COLUMNS, "...");
        append_spaces(out, columns < widest ? widest - columns + 2 : 2);
        tree_value_append(out, attributes[i]->value);
        buf_append_byte(out, '\n');
    }
}

static void append_dropped(struct details *details, uint32_t n, const char *what, size_t indent) {
    if (n > 0) {
        char line[64];
        snprintf(line, sizeof(line), "(%" PRIu32 " %s%s dropped by the sender)\n", n, what,
                 n == 1 ? "" : "s");
        append_spaces(details->out, indent);
        buf_append_text(details->out, line);
    }
}

static void append_status(struct details *details, const Otlp__Status *status) {
    if (status != NULL && status->message.len > 0) {
        buf_append_text(details->out, "! ");
        append_visible(details->out, status->message);
        buf_append_byte(details->out, '\n');
    }
}

static void append_event(struct details *details, const Otlp__Span__Event *event) {
    struct buf *out = details->out;
    bool is_before = event->time_unix_nano < details->start_ns;
    uint64_t distance_ns = is_before ? details->start_ns - event->time_unix_nano
                                     : event->time_unix_nano - details->start_ns;
    buf_append_text(out, details->style->is_ascii ? "* " : "• ");
    append_visible(out, event->name);
    buf_append_text(out, is_before ? "  -" : "  +");
    time_text_duration(out, distance_ns, details->style->is_ascii);
    buf_append_byte(out, '\n');
    append_attributes(details, event->attributes, event->n_attributes, 4);
    append_dropped(details, event->dropped_attributes_count, "attribute", 4);
}

static void append_link(struct details *details, const Otlp__Span__Link *link) {
    struct buf *out = details->out;
    buf_append_text(out, "-> trace ");
    append_hex(out, link->trace_id);
    buf_append_text(out, " span ");
    append_hex(out, link->span_id);
    buf_append_byte(out, '\n');
    append_attributes(details, link->attributes, link->n_attributes, 4);
    append_dropped(details, link->dropped_attributes_count, "attribute", 4);
}

static void append_details(struct details *details, const Otlp__Span *span) {
    append_status(details, span->status);
    if (!details->style->has_details) {
        return;
    }
    append_attributes(details, span->attributes, span->n_attributes, 0);
    append_dropped(details, span->dropped_attributes_count, "attribute", 0);
    for (size_t i = 0; i < span->n_events; i++) {
        append_event(details, span->events[i]);
    }
    append_dropped(details, span->dropped_events_count, "event", 0);
    for (size_t i = 0; i < span->n_links; i++) {
        append_link(details, span->links[i]);
    }
    append_dropped(details, span->dropped_links_count, "link", 0);
}

/* ---- the span ---- */

static const char *kind_text(Otlp__Span__SpanKind kind) {
    switch (kind) {
    case OTLP__SPAN__SPAN_KIND__SPAN_KIND_SERVER: return " (server)";
    case OTLP__SPAN__SPAN_KIND__SPAN_KIND_CLIENT: return " (client)";
    case OTLP__SPAN__SPAN_KIND__SPAN_KIND_PRODUCER: return " (producer)";
    case OTLP__SPAN__SPAN_KIND__SPAN_KIND_CONSUMER: return " (consumer)";
    default: return "";
    }
}

/* A copy of the buffer's text, which starts afresh; NULL when something did not fit. */
static char *take_text(struct buf *text) {
    bool is_whole = buf_error(text) == 0;
    char *copy = is_whole
                     ? mem_strndup(text->n_bytes > 0 ? (const char *)text->data : "", text->n_bytes)
                     : NULL;
    buf_clear(text);
    return copy;
}

static char *make_name(struct buf *text, const Otlp__Span *span) {
    if (span->name.len > 0) {
        append_visible(text, span->name);
    } else {
        buf_append_text(text, "(no name)");
    }
    buf_append_text(text, kind_text(span->kind));
    return take_text(text);
}

static char *make_service(struct buf *text, const Otlp__Resource *resource) {
    static const char key[] = "service.name";
    for (size_t i = 0; resource != NULL && i < resource->n_attributes; i++) {
        const Otlp__KeyValue *item = resource->attributes[i];
        if (item->key.len == strlen(key) && memcmp(item->key.data, key, item->key.len) == 0) {
            tree_value_append(text, item->value);
        }
    }
    return take_text(text);
}

/* Keeps whole lines, and says that there were more. */
static void cut_details(struct buf *text) {
    static const char note[] = "(there are more details than are kept)\n";
    size_t n_bytes = MIN(text->n_bytes, text->max_bytes - sizeof(note));
    while (n_bytes > 0 && text->data[n_bytes - 1] != '\n') {
        n_bytes--;
    }
    text->error = 0;
    buf_truncate(text, n_bytes);
    buf_append_text(text, note);
}

static char *make_details(struct buf *text, const Otlp__Span *span,
                          const struct tree_span_style *style) {
    struct details details = {text, style, span->start_time_unix_nano};
    append_details(&details, span);
    if (buf_error(text) == WEIR_E_TOO_LARGE) {
        cut_details(text);
    }
    return take_text(text);
}

static void copy_id(uint8_t *out, size_t n_bytes, ProtobufCBinaryData id) {
    if (id.len == n_bytes) {
        memcpy(out, id.data, n_bytes);
    }
}

static void set_head(struct tree_span *out, const Otlp__Span *span) {
    copy_id(out->trace_id, sizeof(out->trace_id), span->trace_id);
    copy_id(out->span_id, sizeof(out->span_id), span->span_id);
    copy_id(out->parent_id, sizeof(out->parent_id), span->parent_span_id);
    static const uint8_t none[8];
    out->has_parent = memcmp(out->parent_id, none, sizeof(none)) != 0;
    uint32_t remote = FLAG_REMOTE_KNOWN | FLAG_REMOTE;
    out->is_parent_remote = out->has_parent && (span->flags & remote) == remote;
    out->start_ns = span->start_time_unix_nano;
    out->end_ns = MAX(span->end_time_unix_nano, span->start_time_unix_nano);
    if (span->status != NULL) {
        out->is_error = span->status->code == OTLP__STATUS__STATUS_CODE__STATUS_CODE_ERROR;
        out->is_ok = span->status->code == OTLP__STATUS__STATUS_CODE__STATUS_CODE_OK;
    }
}

struct tree_span *tree_span_new(const Otlp__Span *span, const Otlp__Resource *resource,
                                const struct tree_span_style *style) {
    struct tree_span *out = mem_zalloc(sizeof(*out));
    if (out == NULL) {
        return NULL;
    }
    set_head(out, span);
    CLEANUP(buf_deinit) struct buf text;
    buf_init(&text, TREE_MAX_SPAN_BYTES);
    out->name = make_name(&text, span);
    out->service = make_service(&text, resource);
    out->details = make_details(&text, span, style);
    if (out->name == NULL || out->service == NULL || out->details == NULL) {
        return tree_span_free(out);
    }
    out->n_bytes =
        sizeof(*out) + strlen(out->name) + strlen(out->service) + strlen(out->details) + 3;
    return out;
}

struct tree_span *tree_span_free(struct tree_span *span) {
    if (span != NULL) {
        mem_free(span->name);
        mem_free(span->service);
        mem_free(span->details);
        mem_free(span);
    }
    return NULL;
}
