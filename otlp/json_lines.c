#include "otlp/json_lines.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include <weir/error.h>

#include "otlp/bounds.h"
#include "otlp/common/json_write.h"
#include "otlp/schema.h"
#include "otlp/wire_read.h"

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

static void write_quoted(struct buf *out, enum schema_kind kind, const struct wire_field *field) {
    buf_append_byte(out, '"');
    switch (kind) {
    case SCHEMA_ID: write_hex(out, field->bytes, field->n_bytes); break;
    case SCHEMA_BYTES: json_write_base64(out, field->bytes, field->n_bytes); break;
    case SCHEMA_INT64: json_write_int(out, (int64_t)field->value); break;
    default: write_uint64(out, field->value); break;
    }
    buf_append_byte(out, '"');
}

static void write_scalar(struct buf *out, enum schema_kind kind, const struct wire_field *field) {
    switch (kind) {
    case SCHEMA_STRING:
        json_write_string(out, (const char *)field->bytes, field->n_bytes, JSON_COMPACT);
        break;
    case SCHEMA_BOOL: buf_append_text(out, field->value != 0 ? "true" : "false"); break;
    case SCHEMA_INT32: json_write_int(out, (int32_t)field->value); break;
    case SCHEMA_UINT32:
    case SCHEMA_FIXED32: json_write_int(out, (uint32_t)field->value); break;
    case SCHEMA_DOUBLE: write_double(out, field->value); break;
    default: write_quoted(out, kind, field); break;
    }
}

/* ---- the walk ---- */

/* One message being written. */
struct frame {
    const struct schema_message *message;
    struct wire_reader all;            /* over the whole message */
    struct wire_reader rest;           /* behind the last item of `array` */
    const struct schema_member *array; /* the repeated member being written, or NULL */
    uint32_t to_write;                 /* a bit for each member */
    bool is_first;                     /* no member, or no item of the array, written yet */
};

struct walk {
    struct buf *out;
    size_t depth;
    struct frame frames[JSON_LINES_MAX_DEPTH];
};

static uint32_t bit_of(const struct schema_message *message, const struct schema_member *member) {
    return UINT32_C(1) << (member - message->members);
}

static uint32_t oneof_bits(const struct schema_message *message) {
    uint32_t bits = 0;
    for (size_t i = 0; i < message->n_members; i++) {
        bits |= message->members[i].presence == SCHEMA_ONEOF ? UINT32_C(1) << i : 0;
    }
    return bits;
}

/* Of a member that is not repeated the last one on the wire counts, of a oneof the last of all. */
static uint32_t note(uint32_t bits, const struct schema_message *message,
                     const struct schema_member *member, const struct wire_field *field) {
    uint32_t bit = bit_of(message, member);
    if (member->presence == SCHEMA_UNUSED) {
        return bits & ~oneof_bits(message);
    }
    if (member->presence == SCHEMA_ONEOF) {
        return (bits & ~oneof_bits(message)) | bit;
    }
    bool is_default = member->presence == SCHEMA_SINGULAR && member->kind != SCHEMA_MESSAGE &&
                      field->value == 0 && field->n_bytes == 0;
    return is_default ? bits & ~bit : bits | bit;
}

/* Looks through a message once: which members to write, and whether all is well formed. */
static int scan(struct frame *frame) {
    struct wire_reader reader = frame->all;
    struct wire_field field;
    int got;
    while ((got = wire_read(&reader, &field)) == 1) {
        const struct schema_member *member = schema_find(frame->message, field.number);
        if (member == NULL) {
            continue; /* A52 */
        }
        if (field.type != schema_wire_type(member->kind)) {
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

static void push(struct walk *walk, const struct schema_message *message,
                 const struct wire_field *field) {
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

static void write_value(struct walk *walk, const struct schema_member *member,
                        const struct wire_field *field) {
    if (member->kind == SCHEMA_MESSAGE) {
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
    const struct schema_member *member = &frame->message->members[__builtin_ctz(frame->to_write)];
    frame->to_write &= frame->to_write - 1;
    separate(walk, frame);
    buf_append_byte(walk->out, '"');
    buf_append_text(walk->out, member->name);
    buf_append_text(walk->out, "\":");
    if (member->presence == SCHEMA_REPEATED) {
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
    push(&walk, &schema_request, &(struct wire_field){.bytes = bytes, .n_bytes = n_bytes});
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
