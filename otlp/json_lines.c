#include "otlp/json_lines.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include <weir/error.h>

#include "otlp/bounds.h"
#include "otlp/common/json_write.h"
#include "otlp/common/macro.h"
#include "otlp/wire_read.h"

/* ---- OTLP's messages, as far as JSON is concerned ---- */

enum kind {
    KIND_MESSAGE,
    KIND_STRING,
    KIND_HEX,    /* ids (B10) */
    KIND_BASE64, /* other bytes (B15) */
    KIND_BOOL,
    KIND_INT32, /* enums too (B11) */
    KIND_UINT32,
    KIND_FIXED32,
    KIND_INT64, /* 64-bit integers are strings (B12) */
    KIND_FIXED64,
    KIND_DOUBLE
};

enum presence {
    SINGULAR, /* left out when it has its default (B17) */
    REPEATED,
    ONEOF /* written when set, default or not */
};

struct message;

struct member {
    uint32_t number;
    enum kind kind;
    enum presence presence;
    const char *name;
    const struct message *message;
};

struct message {
    const struct member *members; /* in the order of their numbers */
    size_t n_members;
};

#define MESSAGE(name)                                                                              \
    static const struct message name = {name##_members, ARRAY_LENGTH(name##_members)}

/* A value holds values, so these three need each other. */
static const struct message any_value;
static const struct message key_value;

static const struct member array_value_members[] = {
    {1, KIND_MESSAGE, REPEATED, "values", &any_value},
};
MESSAGE(array_value);

static const struct member key_value_list_members[] = {
    {1, KIND_MESSAGE, REPEATED, "values", &key_value},
};
MESSAGE(key_value_list);

static const struct member any_value_members[] = {
    {1, KIND_STRING, ONEOF, "stringValue", NULL},
    {2, KIND_BOOL, ONEOF, "boolValue", NULL},
    {3, KIND_INT64, ONEOF, "intValue", NULL},
    {4, KIND_DOUBLE, ONEOF, "doubleValue", NULL},
    {5, KIND_MESSAGE, ONEOF, "arrayValue", &array_value},
    {6, KIND_MESSAGE, ONEOF, "kvlistValue", &key_value_list},
    {7, KIND_BASE64, ONEOF, "bytesValue", NULL},
};
MESSAGE(any_value);

static const struct member key_value_members[] = {
    {1, KIND_STRING, SINGULAR, "key", NULL},
    {2, KIND_MESSAGE, SINGULAR, "value", &any_value},
};
MESSAGE(key_value);

static const struct member entity_ref_members[] = {
    {1, KIND_STRING, SINGULAR, "schemaUrl", NULL},
    {2, KIND_STRING, SINGULAR, "type", NULL},
    {3, KIND_STRING, REPEATED, "idKeys", NULL},
    {4, KIND_STRING, REPEATED, "descriptionKeys", NULL},
};
MESSAGE(entity_ref);

static const struct member resource_members[] = {
    {1, KIND_MESSAGE, REPEATED, "attributes", &key_value},
    {2, KIND_UINT32, SINGULAR, "droppedAttributesCount", NULL},
    {3, KIND_MESSAGE, REPEATED, "entityRefs", &entity_ref},
};
MESSAGE(resource);

static const struct member scope_members[] = {
    {1, KIND_STRING, SINGULAR, "name", NULL},
    {2, KIND_STRING, SINGULAR, "version", NULL},
    {3, KIND_MESSAGE, REPEATED, "attributes", &key_value},
    {4, KIND_UINT32, SINGULAR, "droppedAttributesCount", NULL},
};
MESSAGE(scope);

static const struct member event_members[] = {
    {1, KIND_FIXED64, SINGULAR, "timeUnixNano", NULL},
    {2, KIND_STRING, SINGULAR, "name", NULL},
    {3, KIND_MESSAGE, REPEATED, "attributes", &key_value},
    {4, KIND_UINT32, SINGULAR, "droppedAttributesCount", NULL},
};
MESSAGE(event);

static const struct member link_members[] = {
    {1, KIND_HEX, SINGULAR, "traceId", NULL},
    {2, KIND_HEX, SINGULAR, "spanId", NULL},
    {3, KIND_STRING, SINGULAR, "traceState", NULL},
    {4, KIND_MESSAGE, REPEATED, "attributes", &key_value},
    {5, KIND_UINT32, SINGULAR, "droppedAttributesCount", NULL},
    {6, KIND_FIXED32, SINGULAR, "flags", NULL},
};
MESSAGE(link);

static const struct member status_members[] = {
    {2, KIND_STRING, SINGULAR, "message", NULL},
    {3, KIND_INT32, SINGULAR, "code", NULL},
};
MESSAGE(status);

static const struct member span_members[] = {
    {1, KIND_HEX, SINGULAR, "traceId", NULL},
    {2, KIND_HEX, SINGULAR, "spanId", NULL},
    {3, KIND_STRING, SINGULAR, "traceState", NULL},
    {4, KIND_HEX, SINGULAR, "parentSpanId", NULL},
    {5, KIND_STRING, SINGULAR, "name", NULL},
    {6, KIND_INT32, SINGULAR, "kind", NULL},
    {7, KIND_FIXED64, SINGULAR, "startTimeUnixNano", NULL},
    {8, KIND_FIXED64, SINGULAR, "endTimeUnixNano", NULL},
    {9, KIND_MESSAGE, REPEATED, "attributes", &key_value},
    {10, KIND_UINT32, SINGULAR, "droppedAttributesCount", NULL},
    {11, KIND_MESSAGE, REPEATED, "events", &event},
    {12, KIND_UINT32, SINGULAR, "droppedEventsCount", NULL},
    {13, KIND_MESSAGE, REPEATED, "links", &link},
    {14, KIND_UINT32, SINGULAR, "droppedLinksCount", NULL},
    {15, KIND_MESSAGE, SINGULAR, "status", &status},
    {16, KIND_FIXED32, SINGULAR, "flags", NULL},
};
MESSAGE(span);

static const struct member scope_spans_members[] = {
    {1, KIND_MESSAGE, SINGULAR, "scope", &scope},
    {2, KIND_MESSAGE, REPEATED, "spans", &span},
    {3, KIND_STRING, SINGULAR, "schemaUrl", NULL},
};
MESSAGE(scope_spans);

static const struct member resource_spans_members[] = {
    {1, KIND_MESSAGE, SINGULAR, "resource", &resource},
    {2, KIND_MESSAGE, REPEATED, "scopeSpans", &scope_spans},
    {3, KIND_STRING, SINGULAR, "schemaUrl", NULL},
};
MESSAGE(resource_spans);

static const struct member request_members[] = {
    {1, KIND_MESSAGE, REPEATED, "resourceSpans", &resource_spans},
};
MESSAGE(request);

/* ---- scalars ---- */

static void write_hex(struct buf *out, const uint8_t *bytes, size_t n_bytes) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n_bytes; i++) {
        buf_append_byte(out, (uint8_t)digits[bytes[i] >> 4]);
        buf_append_byte(out, (uint8_t)digits[bytes[i] & 15]);
    }
}

static void write_uint64(struct buf *out, uint64_t number) {
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
    } while ((number /= 10) != 0);
    buf_append(out, digits + at, sizeof digits - at);
}

static void write_double(struct buf *out, uint64_t bits) {
    double number;
    memcpy(&number, &bits, sizeof number);
    if (isfinite(number)) {
        json_write_double(out, number, JSON_COMPACT);
    } else {
        buf_append_text(out, isnan(number) ? "\"NaN\""
                             : number > 0  ? "\"Infinity\""
                                           : "\"-Infinity\""); /* B14 */
    }
}

static void write_quoted(struct buf *out, enum kind kind, const struct wire_field *field) {
    buf_append_byte(out, '"');
    switch (kind) {
    case KIND_HEX: write_hex(out, field->bytes, field->n_bytes); break;
    case KIND_BASE64: json_write_base64(out, field->bytes, field->n_bytes); break;
    case KIND_INT64: json_write_int(out, (int64_t)field->value); break;
    default: write_uint64(out, field->value); break;
    }
    buf_append_byte(out, '"');
}

static void write_scalar(struct buf *out, enum kind kind, const struct wire_field *field) {
    switch (kind) {
    case KIND_STRING:
        json_write_string(out, (const char *)field->bytes, field->n_bytes, JSON_COMPACT);
        break;
    case KIND_BOOL: buf_append_text(out, field->value != 0 ? "true" : "false"); break;
    case KIND_INT32: json_write_int(out, (int32_t)field->value); break;
    case KIND_UINT32:
    case KIND_FIXED32: json_write_int(out, (uint32_t)field->value); break;
    case KIND_DOUBLE: write_double(out, field->value); break;
    default: write_quoted(out, kind, field); break;
    }
}

/* ---- the walk ---- */

/* One message being written. */
struct frame {
    const struct message *message;
    struct wire_reader all;     /* over the whole message */
    struct wire_reader rest;    /* behind the last item of `array` */
    const struct member *array; /* the repeated member being written, or NULL */
    uint32_t to_write;          /* a bit for each member */
    bool is_first;              /* no member, or no item of the array, written yet */
};

struct walk {
    struct buf *out;
    size_t depth;
    struct frame frames[JSON_LINES_MAX_DEPTH];
};

static enum wire_type wire_type_of(enum kind kind) {
    switch (kind) {
    case KIND_MESSAGE:
    case KIND_STRING:
    case KIND_HEX:
    case KIND_BASE64: return WIRE_LEN;
    case KIND_FIXED32: return WIRE_I32;
    case KIND_FIXED64:
    case KIND_DOUBLE: return WIRE_I64;
    default: return WIRE_VARINT;
    }
}

static const struct member *find_member(const struct message *message, uint32_t number) {
    for (size_t i = 0; i < message->n_members; i++) {
        if (message->members[i].number == number) {
            return &message->members[i];
        }
    }
    return NULL;
}

static uint32_t bit_of(const struct message *message, const struct member *member) {
    return UINT32_C(1) << (member - message->members);
}

static uint32_t oneof_bits(const struct message *message) {
    uint32_t bits = 0;
    for (size_t i = 0; i < message->n_members; i++) {
        bits |= message->members[i].presence == ONEOF ? UINT32_C(1) << i : 0;
    }
    return bits;
}

/* Of a member that is not repeated the last one on the wire counts, of a oneof the last of all. */
static uint32_t note(uint32_t bits, const struct message *message, const struct member *member,
                     const struct wire_field *field) {
    uint32_t bit = bit_of(message, member);
    if (member->presence == ONEOF) {
        return (bits & ~oneof_bits(message)) | bit;
    }
    bool is_default = member->presence == SINGULAR && member->kind != KIND_MESSAGE &&
                      field->value == 0 && field->n_bytes == 0;
    return is_default ? bits & ~bit : bits | bit;
}

/* Looks through a message once: which members to write, and whether all is well formed. */
static int scan(struct frame *frame) {
    struct wire_reader reader = frame->all;
    struct wire_field field;
    int got;
    while ((got = wire_read(&reader, &field)) == 1) {
        const struct member *member = find_member(frame->message, field.number);
        if (member == NULL) {
            continue; /* A52 */
        }
        if (field.type != wire_type_of(member->kind)) {
            return WEIR_E_SYNTAX;
        }
        frame->to_write = note(frame->to_write, frame->message, member, &field);
    }
    return got;
}

static void fail(struct walk *walk, int error) {
    if (walk->out->error == 0) {
        walk->out->error = error;
    }
}

static void push(struct walk *walk, const struct message *message, const struct wire_field *field) {
    if (walk->depth == JSON_LINES_MAX_DEPTH) {
        fail(walk, WEIR_E_TOO_LARGE);
        return;
    }
    struct frame *frame = &walk->frames[walk->depth++];
    *frame = (struct frame){
        .message = message,
        .all = wire_reader_over(field->bytes, field->n_bytes),
        .is_first = true,
    };
    buf_append_byte(walk->out, '{');
    int error = scan(frame);
    if (error != 0) {
        fail(walk, error);
    }
}

static void write_value(struct walk *walk, const struct member *member,
                        const struct wire_field *field) {
    if (member->kind == KIND_MESSAGE) {
        push(walk, member->message, field);
    } else {
        write_scalar(walk->out, member->kind, field);
    }
}

static void separate(struct walk *walk, struct frame *frame) {
    if (!frame->is_first) {
        buf_append_byte(walk->out, ',');
    }
    frame->is_first = false;
}

/* The next item of the array, or its end. The frame's message was scanned: it reads without fault.
 */
static void step_array(struct walk *walk, struct frame *frame) {
    struct wire_field field;
    while (wire_read(&frame->rest, &field) == 1) {
        if (field.number == frame->array->number) {
            separate(walk, frame);
            write_value(walk, frame->array, &field);
            return;
        }
    }
    buf_append_byte(walk->out, ']');
    frame->array = NULL;
    frame->is_first = false; /* the array was a member */
}

static struct wire_field last_of(const struct frame *frame, uint32_t number) {
    struct wire_reader reader = frame->all;
    struct wire_field field, last = {0};
    while (wire_read(&reader, &field) == 1) {
        if (field.number == number) {
            last = field;
        }
    }
    return last;
}

static void step_member(struct walk *walk, struct frame *frame) {
    const struct member *member = &frame->message->members[__builtin_ctz(frame->to_write)];
    frame->to_write &= frame->to_write - 1;
    separate(walk, frame);
    buf_append_byte(walk->out, '"');
    buf_append_text(walk->out, member->name);
    buf_append_text(walk->out, "\":");
    if (member->presence == REPEATED) {
        buf_append_byte(walk->out, '[');
        frame->array = member;
        frame->rest = frame->all;
        frame->is_first = true;
        return;
    }
    struct wire_field field = last_of(frame, member->number);
    write_value(walk, member, &field);
}

void json_lines_write(struct buf *out, const uint8_t *bytes, size_t n_bytes) {
    struct walk walk; /* not cleared: frames are made as they are pushed */
    walk.out = out;
    walk.depth = 0;
    push(&walk, &request, &(struct wire_field){.bytes = bytes, .n_bytes = n_bytes});
    while (walk.depth > 0 && buf_error(out) == 0) {
        struct frame *frame = &walk.frames[walk.depth - 1];
        if (frame->array != NULL) {
            step_array(&walk, frame);
        } else if (frame->to_write != 0) {
            step_member(&walk, frame);
        } else {
            buf_append_byte(out, '}');
            walk.depth--;
        }
    }
}
