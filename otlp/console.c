#include "otlp/console.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <weir/error.h>

#include "otlp/bounds.h"
#include "otlp/common/macro.h"
#include "otlp/common/time_text.h"
#include "otlp/common/visible.h"
#include "otlp/console_value.h"
#include "otlp/tags.h"
#include "otlp/wire_read.h"

/* The field number of a tag in otlp/tags.h. */
#define FIELD(tag) ((uint32_t)(tag) >> 3)
enum { SPAN_FLAGS = 16 };

/* A piece of the request: borrowed. */
struct slice {
    const uint8_t *bytes;
    size_t n_bytes;
};

/* A span, an event or a link: they share most of their fields' meanings. */
struct item {
    struct slice trace_id, span_id, parent_id, trace_state, name, status;
    uint64_t kind, start_ns, end_ns, flags, n_dropped, n_dropped_events, n_dropped_links;
};

static struct slice slice_of(const struct wire_field *field) {
    return field->type == WIRE_LEN ? (struct slice){field->bytes, field->n_bytes}
                                   : (struct slice){NULL, 0};
}

/* ---- pieces of text ---- */

static void append_name(struct buf *out, struct slice text) {
    visible_append(out, (const char *)text.bytes, text.n_bytes, CONSOLE_MAX_NAME_COLUMNS, "...");
}

static void append_hex(struct buf *out, const char *label, struct slice id) {
    static const char digits[] = "0123456789abcdef";
    buf_append_text(out, label);
    size_t n_bytes = MIN(id.n_bytes, (size_t)16); /* no id is longer */
    for (size_t i = 0; i < n_bytes; i++) {
        buf_append_byte(out, (uint8_t)digits[id.bytes[i] >> 4]);
        buf_append_byte(out, (uint8_t)digits[id.bytes[i] & 15]);
    }
    buf_append_text(out, n_bytes == 0 ? "-" : "");
}

static void append_number(struct buf *out, uint64_t number) {
    char text[24];
    snprintf(text, sizeof(text), "%" PRIu64, number);
    buf_append_text(out, text);
}

static void append_dropped(struct buf *out, const char *indent, uint64_t n, const char *what) {
    if (n > 0) {
        buf_append_text(out, indent);
        append_number(out, n);
        buf_append_text(out, what);
        buf_append_text(out, n == 1 ? " dropped\n" : "s dropped\n");
    }
}

/* One KeyValue. */
static void append_attribute(struct buf *out, const char *indent, struct slice pair) {
    struct wire_reader reader = wire_reader_over(pair.bytes, pair.n_bytes);
    struct slice key = {NULL, 0}, value = {NULL, 0};
    struct wire_field field;
    while (wire_read(&reader, &field) == 1) {
        if (field.number == FIELD(TAG_KEY_VALUE_KEY)) {
            key = slice_of(&field);
        } else if (field.number == FIELD(TAG_KEY_VALUE_VALUE)) {
            value = slice_of(&field);
        }
    }
    buf_append_text(out, indent);
    append_name(out, key);
    buf_append_text(out, " = ");
    console_value(out, value.bytes, value.n_bytes);
    buf_append_byte(out, '\n');
}

/* All fields of one number, as attributes. */
static void append_attributes(struct buf *out, const char *indent, struct slice message,
                              uint32_t number) {
    struct wire_reader reader = wire_reader_over(message.bytes, message.n_bytes);
    struct wire_field field;
    while (wire_read(&reader, &field) == 1) {
        if (field.number == number && field.type == WIRE_LEN) {
            append_attribute(out, indent, slice_of(&field));
        }
    }
}

/* ---- events and links ---- */

static void append_event(struct buf *out, struct slice message, uint64_t start_ns) {
    struct wire_reader reader = wire_reader_over(message.bytes, message.n_bytes);
    struct wire_field field;
    struct slice name = {NULL, 0};
    uint64_t time_ns = 0, n_dropped = 0;
    while (wire_read(&reader, &field) == 1) {
        switch (field.number) {
        case FIELD(TAG_EVENT_TIME): time_ns = field.value; break;
        case FIELD(TAG_EVENT_NAME): name = slice_of(&field); break;
        case FIELD(TAG_EVENT_DROPPED_ATTRIBUTES): n_dropped = field.value; break;
        default: break;
        }
    }
    bool is_before = time_ns < start_ns;
    buf_append_text(out, is_before ? "  event -" : "  event +");
    time_text_duration(out, is_before ? start_ns - time_ns : time_ns - start_ns, true);
    buf_append_byte(out, ' ');
    append_name(out, name);
    buf_append_byte(out, '\n');
    append_attributes(out, "    ", message, FIELD(TAG_EVENT_ATTRIBUTES));
    append_dropped(out, "    ", n_dropped, " attribute");
}

static void append_link(struct buf *out, struct slice message) {
    struct wire_reader reader = wire_reader_over(message.bytes, message.n_bytes);
    struct wire_field field;
    struct slice trace_id = {NULL, 0}, span_id = {NULL, 0};
    uint64_t n_dropped = 0;
    while (wire_read(&reader, &field) == 1) {
        switch (field.number) {
        case FIELD(TAG_LINK_TRACE_ID): trace_id = slice_of(&field); break;
        case FIELD(TAG_LINK_SPAN_ID): span_id = slice_of(&field); break;
        case FIELD(TAG_LINK_DROPPED_ATTRIBUTES): n_dropped = field.value; break;
        default: break;
        }
    }
    append_hex(out, "  link trace ", trace_id);
    append_hex(out, " span ", span_id);
    buf_append_byte(out, '\n');
    append_attributes(out, "    ", message, FIELD(TAG_LINK_ATTRIBUTES));
    append_dropped(out, "    ", n_dropped, " attribute");
}

static void append_inner(struct buf *out, struct slice span, uint64_t start_ns) {
    struct wire_reader reader = wire_reader_over(span.bytes, span.n_bytes);
    struct wire_field field;
    while (wire_read(&reader, &field) == 1) {
        if (field.number == FIELD(TAG_SPAN_EVENTS) && field.type == WIRE_LEN) {
            append_event(out, slice_of(&field), start_ns);
        } else if (field.number == FIELD(TAG_SPAN_LINKS) && field.type == WIRE_LEN) {
            append_link(out, slice_of(&field));
        }
    }
}

/* ---- spans ---- */

static void take_text(struct item *span, const struct wire_field *field) {
    struct slice text = slice_of(field);
    switch (field->number) {
    case FIELD(TAG_SPAN_TRACE_ID): span->trace_id = text; break;
    case FIELD(TAG_SPAN_SPAN_ID): span->span_id = text; break;
    case FIELD(TAG_SPAN_TRACE_STATE): span->trace_state = text; break;
    case FIELD(TAG_SPAN_PARENT_SPAN_ID): span->parent_id = text; break;
    case FIELD(TAG_SPAN_NAME): span->name = text; break;
    case FIELD(TAG_SPAN_STATUS): span->status = text; break;
    default: break;
    }
}

static void take_number(struct item *span, const struct wire_field *field) {
    switch (field->number) {
    case FIELD(TAG_SPAN_KIND): span->kind = field->value; break;
    case FIELD(TAG_SPAN_START_TIME): span->start_ns = field->value; break;
    case FIELD(TAG_SPAN_END_TIME): span->end_ns = field->value; break;
    case FIELD(TAG_SPAN_DROPPED_ATTRIBUTES): span->n_dropped = field->value; break;
    case FIELD(TAG_SPAN_DROPPED_EVENTS): span->n_dropped_events = field->value; break;
    case FIELD(TAG_SPAN_DROPPED_LINKS): span->n_dropped_links = field->value; break;
    case SPAN_FLAGS: span->flags = field->value; break;
    default: break;
    }
}

static int read_span(struct slice message, struct item *out) {
    struct wire_reader reader = wire_reader_over(message.bytes, message.n_bytes);
    struct wire_field field;
    int got;
    *out = (struct item){0};
    while ((got = wire_read(&reader, &field)) == 1) {
        if (field.type == WIRE_LEN) {
            take_text(out, &field);
        } else {
            take_number(out, &field);
        }
    }
    return got;
}

static void append_kind(struct buf *out, uint64_t kind) {
    static const char *const names[] = {"internal", "internal", "server",
                                        "client",   "producer", "consumer"};
    buf_append_text(out, "  ");
    if (kind < ARRAY_LENGTH(names)) {
        buf_append_text(out, names[kind]);
    } else {
        append_number(out, kind);
    }
}

static void append_status(struct buf *out, struct slice message) {
    static const char *const names[] = {"", "  OK", "  ERROR"};
    struct wire_reader reader = wire_reader_over(message.bytes, message.n_bytes);
    struct wire_field field;
    struct slice text = {NULL, 0};
    uint64_t code = 0;
    while (wire_read(&reader, &field) == 1) {
        if (field.number == FIELD(TAG_STATUS_CODE)) {
            code = field.value;
        } else if (field.number == FIELD(TAG_STATUS_MESSAGE)) {
            text = slice_of(&field);
        }
    }
    buf_append_text(out, code < ARRAY_LENGTH(names) ? names[code] : "  status ?");
    if (text.n_bytes > 0) {
        buf_append_text(out, ": ");
        append_name(out, text);
    }
}

static void append_head(struct buf *out, const struct item *span) {
    buf_append_text(out, "span ");
    append_name(out, span->name);
    append_kind(out, span->kind);
    buf_append_text(out, "  ");
    time_text_moment(out, span->start_ns);
    buf_append_text(out, span->end_ns >= span->start_ns ? "  " : "  -");
    time_text_duration(out,
                       span->end_ns >= span->start_ns ? span->end_ns - span->start_ns
                                                      : span->start_ns - span->end_ns,
                       true);
    append_status(out, span->status);
    append_hex(out, "\n  trace ", span->trace_id);
    append_hex(out, "  span ", span->span_id);
    append_hex(out, "  parent ", span->parent_id);
    buf_append_text(out, (span->flags & FLAGS_IS_REMOTE) != 0 ? " (remote)\n" : "\n");
    if (span->trace_state.n_bytes > 0) {
        buf_append_text(out, "  trace state ");
        append_name(out, span->trace_state);
        buf_append_byte(out, '\n');
    }
}

static int append_span(struct buf *out, struct slice message, struct slice scope) {
    struct item span;
    int error = read_span(message, &span);
    if (error != 0) {
        return error;
    }
    append_head(out, &span);
    buf_append(out, scope.bytes, scope.n_bytes);
    append_attributes(out, "  ", message, FIELD(TAG_SPAN_ATTRIBUTES));
    append_dropped(out, "  ", span.n_dropped, " attribute");
    append_inner(out, message, span.start_ns);
    append_dropped(out, "  ", span.n_dropped_events, " event");
    append_dropped(out, "  ", span.n_dropped_links, " link");
    return 0;
}

/* ---- scopes and resources ---- */

/* The last field of a number, or nothing. */
static struct slice last_of(struct slice message, uint32_t number) {
    struct wire_reader reader = wire_reader_over(message.bytes, message.n_bytes);
    struct wire_field field;
    struct slice last = {NULL, 0};
    while (wire_read(&reader, &field) == 1) {
        if (field.number == number) {
            last = slice_of(&field);
        }
    }
    return last;
}

/* The line that each span of the scope has. */
static void write_scope(struct buf *line, struct slice scope) {
    struct slice name = last_of(scope, FIELD(TAG_SCOPE_NAME));
    struct slice version = last_of(scope, FIELD(TAG_SCOPE_VERSION));
    if (name.n_bytes + version.n_bytes > 0) {
        buf_append_text(line, "  scope ");
        append_name(line, name);
        buf_append_text(line, version.n_bytes > 0 ? " " : "");
        append_name(line, version);
        buf_append_byte(line, '\n');
    }
    append_attributes(line, "    ", scope, FIELD(TAG_SCOPE_ATTRIBUTES));
}

static int write_scope_spans(struct buf *out, struct slice message) {
    CLEANUP(buf_deinit) struct buf scope;
    buf_init(&scope, CONSOLE_MAX_TEXT_BYTES);
    write_scope(&scope, last_of(message, FIELD(TAG_SCOPE_SPANS_SCOPE)));
    if (buf_error(&scope) != 0) {
        return buf_error(&scope);
    }
    struct wire_reader reader = wire_reader_over(message.bytes, message.n_bytes);
    struct wire_field field;
    int got;
    while ((got = wire_read(&reader, &field)) == 1 && buf_error(out) == 0) {
        if (field.number == FIELD(TAG_SCOPE_SPANS_SPANS) && field.type == WIRE_LEN) {
            got = append_span(out, slice_of(&field), (struct slice){scope.data, scope.n_bytes});
            if (got != 0) {
                break;
            }
        }
    }
    return got < 0 ? got : 0;
}

static bool is_known(const struct console *console, struct slice resource) {
    return console->has_resource && console->resource.n_bytes == resource.n_bytes &&
           (resource.n_bytes == 0 ||
            memcmp(console->resource.data, resource.bytes, resource.n_bytes) == 0);
}

/* One that is too large to be remembered is shown each time. */
static void write_resource(struct console *console, struct buf *out, struct slice resource) {
    if (is_known(console, resource)) {
        return;
    }
    buf_clear(&console->resource);
    buf_append(&console->resource, resource.bytes, resource.n_bytes);
    console->has_resource = buf_error(&console->resource) == 0;
    buf_append_text(out, "resource\n");
    append_attributes(out, "  ", resource, FIELD(TAG_RESOURCE_ATTRIBUTES));
}

static int write_resource_spans(struct console *console, struct buf *out, struct slice message) {
    write_resource(console, out, last_of(message, FIELD(TAG_RESOURCE_SPANS_RESOURCE)));
    struct wire_reader reader = wire_reader_over(message.bytes, message.n_bytes);
    struct wire_field field;
    int got;
    while ((got = wire_read(&reader, &field)) == 1 && buf_error(out) == 0) {
        if (field.number == FIELD(TAG_RESOURCE_SPANS_SCOPE_SPANS) && field.type == WIRE_LEN) {
            got = write_scope_spans(out, slice_of(&field));
            if (got != 0) {
                break;
            }
        }
    }
    return got < 0 ? got : 0;
}

/* ---- the interface ---- */

void console_init(struct console *console) {
    buf_init(&console->resource, RESOURCE_MAX_BYTES);
    console->has_resource = false;
}

void console_deinit(struct console *console) {
    buf_deinit(&console->resource);
}

void console_write(struct console *console, struct buf *out, const uint8_t *body, size_t n_bytes) {
    struct wire_reader reader = wire_reader_over(body, n_bytes);
    struct wire_field field;
    int got;
    while ((got = wire_read(&reader, &field)) == 1 && buf_error(out) == 0) {
        if (field.number == FIELD(TAG_REQUEST_RESOURCE_SPANS) && field.type == WIRE_LEN) {
            got = write_resource_spans(console, out, slice_of(&field));
            if (got != 0) {
                break;
            }
        }
    }
    if (got < 0 && out->error == 0) {
        out->error = got;
    }
}
