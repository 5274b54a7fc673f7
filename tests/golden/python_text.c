#include "tests/golden/python_text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "otlp/common/buf.h"
#include "otlp/common/json_write.h"

enum { TEXT_MAX_BYTES = 1 << 20 };

static void append_value(struct buf *out, const weir_value *value);

/* Single quotes, unless the text holds one and no double quote. Other escapes than these do not
 * show up in recordings. */
static void append_string(struct buf *out, const weir_value *value) {
    const char *text = value->as.string.bytes;
    size_t length = value->as.string.n_bytes;
    bool doubles = memchr(text, '\'', length) != NULL && memchr(text, '"', length) == NULL;
    uint8_t quote = doubles ? '"' : '\'';
    buf_append_byte(out, quote);
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\\' || text[i] == quote) {
            buf_append_byte(out, '\\');
        }
        if (text[i] == '\n') {
            buf_append_text(out, "\\n");
        } else {
            buf_append_byte(out, (uint8_t)text[i]);
        }
    }
    buf_append_byte(out, quote);
}

/* NOLINTNEXTLINE(misc-no-recursion): the scanner bounded the depth */
static void append_map(struct buf *out, const weir_value *value) {
    buf_append_byte(out, '{');
    for (size_t i = 0; i < value->as.map.n_items; i++) {
        const weir_key_value *item = &value->as.map.items[i];
        weir_value key = weir_value_string(item->key);
        buf_append_text(out, i > 0 ? ", " : "");
        append_string(out, &key);
        buf_append_text(out, ": ");
        append_value(out, &item->value);
    }
    buf_append_byte(out, '}');
}

/* NOLINTNEXTLINE(misc-no-recursion) */
static void append_items(struct buf *out, const weir_value *value) {
    for (size_t i = 0; i < value->as.array.n_items; i++) {
        buf_append_text(out, i > 0 ? ", " : "");
        append_value(out, &value->as.array.items[i]);
    }
}

/* NOLINTNEXTLINE(misc-no-recursion) */
static void append_value(struct buf *out, const weir_value *value) {
    switch (value->kind) {
    case WEIR_VALUE_EMPTY: buf_append_text(out, "None"); break;
    case WEIR_VALUE_BOOL: buf_append_text(out, value->as.boolean ? "True" : "False"); break;
    case WEIR_VALUE_STRING: append_string(out, value); break;
    case WEIR_VALUE_MAP: append_map(out, value); break;
    case WEIR_VALUE_ARRAY:
        buf_append_byte(out, '[');
        append_items(out, value);
        buf_append_byte(out, ']');
        break;
    default: json_write_value(out, value, JSON_PYTHON); break;
    }
}

const char *python_text_of_tuple(struct arena *arena, const weir_value *list) {
    struct buf text;
    buf_init(&text, TEXT_MAX_BYTES);
    buf_append_byte(&text, '(');
    append_items(&text, list);
    buf_append_text(&text, list->as.array.n_items == 1 ? ",)" : ")");
    if (buf_error(&text) != 0) {
        abort();
    }
    char *copy = arena_copy(arena, text.data, text.n_bytes);
    buf_deinit(&text);
    return copy;
}
