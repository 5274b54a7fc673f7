#include "bridge/server/tree_value.h"

#include <math.h>
#include <string.h>

#include "bridge/server/bounds.h"
#include "otlp/common/json_text.h"
#include "otlp/common/json_write.h"
#include "otlp/common/macro.h"
#include "otlp/common/utf8.h"
#include "otlp/common/visible.h"

/* A string such as `12`, `true` or ` x` would be misread without quotes. */
static bool needs_quotes(const char *text, size_t n_bytes) {
    if (n_bytes == 0 || text[0] == ' ' || text[n_bytes - 1] == ' ' || text[0] == '"') {
        return true;
    }
    struct json_cursor cursor = json_cursor_over(text, n_bytes);
    cursor.allow_nan = true;
    struct json_slice value;
    if (n_bytes > 64 || json_skip(&cursor, &value) != 0 || !json_at_end(&cursor)) {
        return false; /* no JSON, or too long to be a number */
    }
    enum json_kind kind = json_kind_of(value);
    return kind != JSON_ARRAY && kind != JSON_OBJECT;
}

static void append_text(struct buf *out, const char *text, size_t n_bytes) {
    if (needs_quotes(text, n_bytes)) {
        json_write_string(out, text, n_bytes, JSON_COMPACT);
        return;
    }
    size_t n_fitting = n_bytes;
    if (n_bytes > out->max_bytes) {
        n_fitting = utf8_valid_prefix(text, out->max_bytes);
    }
    buf_append(out, text, n_fitting);
    if (n_fitting < n_bytes) {
        out->error = WEIR_E_TOO_LARGE;
    }
}

static void append_double(struct buf *out, double number) {
    if (isfinite(number)) {
        json_write_double(out, number, JSON_COMPACT);
    } else {
        buf_append_text(out, isnan(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity");
    }
}

static void append_json(struct buf *out, const Otlp__AnyValue *value);

static void append_array(struct buf *out, const Otlp__ArrayValue *array) {
    buf_append_byte(out, '[');
    for (size_t i = 0; i < array->n_values; i++) {
        buf_append_text(out, i > 0 ? ", " : "");
        append_json(out, array->values[i]);
    }
    buf_append_byte(out, ']');
}

static void append_map(struct buf *out, const Otlp__KeyValueList *map) {
    buf_append_byte(out, '{');
    for (size_t i = 0; i < map->n_values; i++) {
        const Otlp__KeyValue *item = map->values[i];
        buf_append_text(out, i > 0 ? ", " : "");
        json_write_string(out, (const char *)item->key.data, item->key.len, JSON_COMPACT);
        buf_append_text(out, ": ");
        append_json(out, item->value);
    }
    buf_append_byte(out, '}');
}

/* Recursion is bounded: the decoder's scan lets values nest 64 deep. */
static void append_json(struct buf *out, const Otlp__AnyValue *value) {
    if (value == NULL) {
        buf_append_text(out, "null");
        return;
    }
    switch (value->value_case) {
    case OTLP__ANY_VALUE__VALUE_STRING_VALUE:
        json_write_string(out, (const char *)value->string_value.data, value->string_value.len,
                          JSON_COMPACT);
        break;
    case OTLP__ANY_VALUE__VALUE_BOOL_VALUE:
        buf_append_text(out, value->bool_value ? "true" : "false");
        break;
    case OTLP__ANY_VALUE__VALUE_INT_VALUE: json_write_int(out, value->int_value); break;
    case OTLP__ANY_VALUE__VALUE_DOUBLE_VALUE: append_double(out, value->double_value); break;
    case OTLP__ANY_VALUE__VALUE_ARRAY_VALUE: append_array(out, value->array_value); break;
    case OTLP__ANY_VALUE__VALUE_KVLIST_VALUE: append_map(out, value->kvlist_value); break;
    case OTLP__ANY_VALUE__VALUE_BYTES_VALUE:
        buf_append_text(out, "base64:");
        json_write_base64(out, value->bytes_value.data, value->bytes_value.len);
        break;
    default: buf_append_text(out, "null"); break;
    }
}

void tree_value_append(struct buf *out, const Otlp__AnyValue *value) {
    CLEANUP(buf_deinit) struct buf raw; /* what does not fit is left out */
    buf_init(&raw, TREE_MAX_VALUE_BYTES);
    if (value != NULL && value->value_case == OTLP__ANY_VALUE__VALUE_STRING_VALUE) {
        append_text(&raw, (const char *)value->string_value.data, value->string_value.len);
    } else {
        append_json(&raw, value);
    }
    visible_append(out, (const char *)raw.data, raw.n_bytes, SIZE_MAX, "");
    if (buf_error(&raw) != 0) {
        buf_append_text(out, "...");
    }
}
