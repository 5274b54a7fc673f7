#include "otlp/console_value.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include <weir/error.h>

#include "otlp/bounds.h"
#include "otlp/common/json_write.h"
#include "otlp/common/macro.h"
#include "otlp/common/visible.h"
#include "otlp/wire_read.h"

enum {
    STRING_BYTES = 4 * CONSOLE_MAX_VALUE_COLUMNS, /* of a string: no less than is shown of it */
    TEXT_BYTES = 64 * CONSOLE_MAX_VALUE_COLUMNS   /* of a value before it is cut */
};

/* Field numbers: of AnyValue, of an item in an array or map, of KeyValue (A35-A38). */
enum { ANY_STRING = 1, ANY_BOOL, ANY_INT, ANY_DOUBLE, ANY_ARRAY, ANY_MAP, ANY_BYTES };
enum { ITEM = 1, PAIR_KEY = 1, PAIR_VALUE = 2 };

/* An array or map being written. */
struct frame {
    struct wire_reader reader;
    bool is_map, has_items;
};

struct walk {
    struct buf *out;
    struct frame frames[VALUE_MAX_DEPTH];
    size_t depth;
};

static void fail(struct walk *walk, int error) {
    if (walk->out->error == 0) {
        walk->out->error = error;
    }
}

/* The last field of a number and type, or false. */
static bool find_last(struct walk *walk, const uint8_t *bytes, size_t n_bytes, uint32_t number,
                      struct wire_field *out) {
    struct wire_reader reader = wire_reader_over(bytes, n_bytes);
    struct wire_field field;
    bool is_there = false;
    int got;
    while ((got = wire_read(&reader, &field)) == 1) {
        if ((number == 0 || field.number == number) && field.number <= ANY_BYTES) {
            *out = field;
            is_there = true;
        }
    }
    if (got < 0) {
        fail(walk, got);
    }
    return is_there;
}

static void push(struct walk *walk, const struct wire_field *field) {
    if (walk->depth == VALUE_MAX_DEPTH) {
        fail(walk, WEIR_E_TOO_LARGE);
        return;
    }
    bool is_map = field->number == ANY_MAP;
    walk->frames[walk->depth++] =
        (struct frame){.reader = wire_reader_over(field->bytes, field->n_bytes), .is_map = is_map};
    buf_append_byte(walk->out, is_map ? '{' : '[');
}

static void write_double(struct buf *out, uint64_t bits) {
    double number;
    memcpy(&number, &bits, sizeof(number));
    if (isfinite(number)) {
        json_write_double(out, number, JSON_COMPACT);
    } else {
        buf_append_text(out, isnan(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity");
    }
}

static void write_string(struct buf *out, const struct wire_field *field) {
    json_write_string(out, (const char *)field->bytes, MIN(field->n_bytes, (size_t)STRING_BYTES),
                      JSON_COMPACT);
}

/* Of a oneof the last member counts. */
static void write_any(struct walk *walk, const uint8_t *bytes, size_t n_bytes) {
    static const enum wire_type types[] = {
        [ANY_STRING] = WIRE_LEN, [ANY_BOOL] = WIRE_VARINT, [ANY_INT] = WIRE_VARINT,
        [ANY_DOUBLE] = WIRE_I64, [ANY_ARRAY] = WIRE_LEN,   [ANY_MAP] = WIRE_LEN,
        [ANY_BYTES] = WIRE_LEN};
    struct buf *out = walk->out;
    struct wire_field field;
    if (!find_last(walk, bytes, n_bytes, 0, &field)) {
        buf_append_text(out, "null");
        return;
    }
    if (field.type != types[field.number]) {
        fail(walk, WEIR_E_SYNTAX);
        return;
    }
    switch (field.number) {
    case ANY_STRING: write_string(out, &field); break;
    case ANY_BOOL: buf_append_text(out, field.value != 0 ? "true" : "false"); break;
    case ANY_INT: json_write_int(out, (int64_t)field.value); break;
    case ANY_DOUBLE: write_double(out, field.value); break;
    case ANY_BYTES:
        buf_append_text(out, "base64:");
        json_write_base64(out, field.bytes, MIN(field.n_bytes, (size_t)STRING_BYTES));
        break;
    default: push(walk, &field); break;
    }
}

/* An item of an array is a value; of a map, a pair. */
static void write_item(struct walk *walk, bool is_map, const struct wire_field *item) {
    struct wire_field key, value = {.bytes = item->bytes};
    if (!is_map) {
        write_any(walk, item->bytes, item->n_bytes);
        return;
    }
    if (!find_last(walk, item->bytes, item->n_bytes, PAIR_KEY, &key) || key.type != WIRE_LEN) {
        key = (struct wire_field){.bytes = item->bytes};
    }
    (void)find_last(walk, item->bytes, item->n_bytes, PAIR_VALUE, &value);
    write_string(walk->out, &key);
    buf_append_text(walk->out, ": ");
    write_any(walk, value.bytes, value.type == WIRE_LEN ? value.n_bytes : 0);
}

static void step(struct walk *walk) {
    struct frame *frame = &walk->frames[walk->depth - 1];
    struct wire_field field;
    int got = wire_read(&frame->reader, &field);
    if (got < 0) {
        fail(walk, got);
    } else if (got == 0) {
        buf_append_byte(walk->out, frame->is_map ? '}' : ']');
        walk->depth--;
    } else if (field.number == ITEM && field.type == WIRE_LEN) {
        buf_append_text(walk->out, frame->has_items ? ", " : "");
        frame->has_items = true;
        write_item(walk, frame->is_map, &field);
    }
}

void console_value(struct buf *out, const uint8_t *bytes, size_t n_bytes) {
    CLEANUP(buf_deinit) struct buf text;
    buf_init(&text, TEXT_BYTES);
    struct walk walk; /* not cleared: frames are made as they are pushed */
    walk.out = &text;
    walk.depth = 0;
    write_any(&walk, bytes, n_bytes);
    while (walk.depth > 0 && buf_error(&text) == 0) {
        step(&walk);
    }
    if (buf_error(&text) == WEIR_E_SYNTAX) {
        buf_append_text(out, "?");
        return;
    }
    visible_append(out, (const char *)text.data, text.n_bytes, CONSOLE_MAX_VALUE_COLUMNS, "...");
    if (buf_error(&text) != 0) {
        buf_append_text(out, "..."); /* not all of it was even written */
    }
}
