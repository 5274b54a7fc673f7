#include "otlp/encode.h"

#include <string.h>

#include "otlp/bounds.h"
#include "otlp/common/json_text.h"
#include "otlp/common/macro.h"
#include "otlp/common/utf8.h"
#include "otlp/encode_scalar.h"
#include "otlp/tags.h"
#include "otlp/wire.h"

/* What the encoding of one value needs at every depth. */
struct encoder {
    struct buf *out;
    size_t max_chars;
    int error; /* of the value; the buffer has its own */
};

static bool may_go_on(const struct encoder *e) {
    return e->error == 0 && buf_error(e->out) == 0;
}

static void encode_nested(struct encoder *e, uint8_t tag, const weir_value *value, unsigned depth);
static void encode_json(struct encoder *e, uint8_t tag, struct json_slice json, unsigned depth);

/* ---- scalars ---- */

COLD size_t scalar_limited_text(const char *text, size_t n_bytes, size_t max_chars) {
    if (n_bytes <= max_chars) {
        return n_bytes;
    }
    return utf8_is_valid(text, n_bytes) ? utf8_prefix_of_chars(text, n_bytes, max_chars)
                                        : max_chars;
}

/* ---- values, each as a field that holds an AnyValue ---- */

static void encode_scalar(struct encoder *e, uint8_t tag, const struct scalar *scalar) {
    uint8_t *at = buf_reserve(e->out, wire_field_size(scalar->n_bytes));
    if (at != NULL) {
        scalar_put(wire_put_head(at, tag, scalar->n_bytes), scalar);
    }
}

/* JSON text is looked through once; what follows may rely on it. */
static void encode_json_text(struct encoder *e, uint8_t tag, const weir_value *value,
                             unsigned depth) {
    struct json_cursor c = json_cursor_over(value->as.string.bytes, value->as.string.n_bytes);
    struct json_slice json;
    int error = value->as.string.bytes == NULL ? WEIR_E_INVALID : json_skip(&c, &json);
    if (error == 0 && !json_at_end(&c)) {
        error = WEIR_E_SYNTAX;
    }
    if (error == 0) {
        encode_json(e, tag, json, depth);
    } else {
        e->error = error;
    }
}

static void encode_value(struct encoder *e, uint8_t tag, const weir_value *value, unsigned depth) {
    struct scalar scalar;
    if (scalar_measure(&scalar, value, e->max_chars)) {
        encode_scalar(e, tag, &scalar);
        return;
    }
    switch (value->kind) {
    case WEIR_VALUE_ARRAY:
    case WEIR_VALUE_MAP: encode_nested(e, tag, value, depth); break;
    case WEIR_VALUE_JSON: encode_json_text(e, tag, value, depth); break;
    default: e->error = WEIR_E_INVALID; /* an unknown kind, or NULL with a length */
    }
}

/* A field whose AnyValue has no member set. */
static void encode_empty(struct encoder *e, uint8_t tag) {
    wire_close(e->out, wire_open(e->out, tag));
}

static void encode_array(struct encoder *e, const weir_value *value, unsigned depth) {
    if (value->as.array.items == NULL && value->as.array.n_items > 0) {
        e->error = WEIR_E_INVALID;
    }
    for (size_t i = 0; i < value->as.array.n_items && may_go_on(e); i++) {
        encode_value(e, TAG_ARRAY_VALUES, &value->as.array.items[i], depth + 1);
    }
}

static void encode_map(struct encoder *e, const weir_value *value, unsigned depth) {
    size_t start = e->out->n_bytes;
    size_t n_items = value->as.map.n_items;
    if (value->as.map.items == NULL && n_items > 0) {
        e->error = WEIR_E_INVALID;
    }
    for (size_t i = 0; i < n_items && may_go_on(e); i++) {
        const weir_key_value *item = &value->as.map.items[i];
        if (item->key == NULL) {
            e->error = WEIR_E_INVALID;
            break;
        }
        size_t mark = wire_open(e->out, TAG_MAP_VALUES);
        encode_text(e->out, TAG_KEY_VALUE_KEY, item->key, strlen(item->key));
        encode_value(e, TAG_KEY_VALUE_VALUE, &item->value, depth + 1);
        wire_close(e->out, mark);
    }
    if (e->error == 0) {
        e->error = encode_remove_duplicates(e->out, start, n_items);
    }
}

static void encode_nested(struct encoder *e, uint8_t tag, const weir_value *value, unsigned depth) {
    if (depth > VALUE_MAX_DEPTH) {
        encode_empty(e, tag);
        return;
    }
    bool is_array = value->kind == WEIR_VALUE_ARRAY;
    size_t field = wire_open(e->out, tag);
    size_t member = wire_open(e->out, is_array ? TAG_ANY_ARRAY : TAG_ANY_MAP);
    if (is_array) {
        encode_array(e, value, depth);
    } else {
        encode_map(e, value, depth);
    }
    wire_close(e->out, member);
    wire_close(e->out, field);
}

/* ---- JSON text as the value it means; it is known to be valid ---- */

static bool is_integer(struct json_slice number) {
    return memchr(number.text, '.', number.n_bytes) == NULL &&
           memchr(number.text, 'e', number.n_bytes) == NULL &&
           memchr(number.text, 'E', number.n_bytes) == NULL;
}

/* Integers beyond int64 keep their digits, as a string (A51). */
static void encode_json_number(struct encoder *e, uint8_t tag, struct json_slice json) {
    weir_value value;
    int64_t integer;
    double number;
    if (json_to_int64(json, &integer)) {
        value = weir_value_int(integer);
    } else if (is_integer(json)) {
        value = weir_value_string_n(json.text, json.n_bytes);
    } else if (json_to_double(json, &number)) {
        value = weir_value_double(number);
    } else {
        e->error = WEIR_E_NO_MEMORY;
        return;
    }
    encode_value(e, tag, &value, 1);
}

static void encode_json_string(struct encoder *e, uint8_t tag, struct json_slice json) {
    struct buf *out = e->out;
    size_t field = wire_open(out, tag);
    size_t member = wire_open(out, TAG_ANY_STRING);
    json_append_decoded(out, json);
    size_t n_bytes = out->n_bytes - member;
    if (n_bytes > e->max_chars && out->error == 0) {
        const char *text = (const char *)out->data + member;
        buf_truncate(out, member + utf8_prefix_of_chars(text, n_bytes, e->max_chars));
    }
    wire_close(out, member);
    wire_close(out, field);
}

static void encode_json_array(struct encoder *e, struct json_slice json, unsigned depth) {
    struct json_cursor c = json_cursor_over(json.text, json.n_bytes);
    struct json_slice item;
    (void)json_enter(&c, '[');
    while (may_go_on(e) && json_next_item(&c, &item) == 1) {
        encode_json(e, TAG_ARRAY_VALUES, item, depth + 1);
    }
}

static void encode_json_object(struct encoder *e, struct json_slice json, unsigned depth) {
    struct json_cursor c = json_cursor_over(json.text, json.n_bytes);
    struct json_slice key, item;
    size_t start = e->out->n_bytes, n_items = 0;
    (void)json_enter(&c, '{');
    for (; may_go_on(e) && json_next_member(&c, &key, &item) == 1; n_items++) {
        size_t mark = wire_open(e->out, TAG_MAP_VALUES);
        if (key.n_bytes > 2) { /* more than its quotes */
            size_t key_mark = wire_open(e->out, TAG_KEY_VALUE_KEY);
            json_append_decoded(e->out, key);
            wire_close(e->out, key_mark);
        }
        encode_json(e, TAG_KEY_VALUE_VALUE, item, depth + 1);
        wire_close(e->out, mark);
    }
    if (e->error == 0) {
        e->error = encode_remove_duplicates(e->out, start, n_items);
    }
}

static void encode_json_nested(struct encoder *e, uint8_t tag, struct json_slice json,
                               unsigned depth) {
    if (depth > VALUE_MAX_DEPTH) {
        encode_empty(e, tag);
        return;
    }
    bool is_array = json_kind_of(json) == JSON_ARRAY;
    size_t field = wire_open(e->out, tag);
    size_t member = wire_open(e->out, is_array ? TAG_ANY_ARRAY : TAG_ANY_MAP);
    if (is_array) {
        encode_json_array(e, json, depth);
    } else {
        encode_json_object(e, json, depth);
    }
    wire_close(e->out, member);
    wire_close(e->out, field);
}

static void encode_json(struct encoder *e, uint8_t tag, struct json_slice json, unsigned depth) {
    weir_value value;
    switch (json_kind_of(json)) {
    case JSON_STRING: encode_json_string(e, tag, json); break;
    case JSON_NUMBER: encode_json_number(e, tag, json); break;
    case JSON_BOOL:
        value = weir_value_bool(json.text[0] == 't');
        encode_value(e, tag, &value, depth);
        break;
    case JSON_ARRAY:
    case JSON_OBJECT: encode_json_nested(e, tag, json, depth); break;
    default: encode_empty(e, tag);
    }
}

/* ---- whole fields ---- */

void encode_text(struct buf *out, uint8_t tag, const char *text, size_t n_bytes) {
    if (n_bytes == 0) {
        return;
    }
    size_t before = out->n_bytes;
    uint8_t *at = buf_reserve(out, wire_field_size(n_bytes));
    if (at == NULL || wire_copy_is_ascii(wire_put_head(at, tag, n_bytes), text, n_bytes) ||
        utf8_is_valid(text, n_bytes)) {
        return;
    }
    buf_truncate(out, before);
    size_t mark = wire_open(out, tag);
    utf8_append_repaired(out, text, n_bytes);
    wire_close(out, mark);
}

int encode_key_value(struct buf *out, uint8_t tag, const char *key, size_t n_key,
                     const weir_value *value, size_t max_chars) {
    if (out->error != 0) {
        return out->error; /* what it stands in failed already: that must not be forgotten here */
    }
    struct encoder e = {.out = out, .max_chars = max_chars};
    size_t before = out->n_bytes;
    size_t mark = wire_open(out, tag);
    encode_text(out, TAG_KEY_VALUE_KEY, key, n_key);
    encode_value(&e, TAG_KEY_VALUE_VALUE, value, 1);
    wire_close(out, mark);
    int error = e.error != 0 ? e.error : buf_error(out);
    if (error != 0) {
        buf_truncate(out, before);
        out->error = 0;
    }
    return error;
}
