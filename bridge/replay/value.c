#include "bridge/replay/value.h"

#include <string.h>

#include "bridge/attribute.h"
#include "bridge/replay/bounds.h"
#include "otlp/common/json_write.h"

void replay_scratch_init(struct replay_scratch *scratch) {
    buf_init(&scratch->text, REPLAY_MAX_VALUE_BYTES);
    buf_init(&scratch->json, REPLAY_MAX_VALUE_BYTES);
}

void replay_scratch_deinit(struct replay_scratch *scratch) {
    buf_deinit(&scratch->text);
    buf_deinit(&scratch->json);
}

static bool is_double(struct json_slice number) {
    return memchr(number.text, '.', number.n_bytes) != NULL ||
           memchr(number.text, 'e', number.n_bytes) != NULL ||
           memchr(number.text, 'E', number.n_bytes) != NULL;
}

static weir_value number_value(struct json_slice number) {
    int64_t integer;
    double real;
    if (is_double(number)) {
        return json_to_double(number, &real) ? weir_value_double(real) : (weir_value){0};
    }
    if (json_to_int64(number, &integer)) {
        return weir_value_int(integer);
    }
    return weir_value_json_n(number.text, number.n_bytes);
}

static const char *const NUMBER_BYTES = "+-.0123456789eE";

/* A number that is no string's part: as Python spells it, if it is a double. */
static size_t append_number(struct buf *out, const char *text, size_t n_bytes) {
    struct json_slice number = {text, 0};
    double real;
    while (number.n_bytes < n_bytes && text[number.n_bytes] != '\0' &&
           strchr(NUMBER_BYTES, text[number.n_bytes]) != NULL) {
        number.n_bytes++;
    }
    if (is_double(number) && json_to_double(number, &real)) {
        json_write_double(out, real, JSON_PYTHON);
    } else {
        buf_append(out, text, number.n_bytes);
    }
    return number.n_bytes;
}

static size_t append_string(struct buf *out, const char *text, size_t n_bytes) {
    struct json_cursor cursor = json_cursor_over(text, n_bytes);
    struct json_slice string;
    if (json_skip(&cursor, &string) != 0) {
        return n_bytes;
    }
    buf_append(out, string.text, string.n_bytes);
    return cursor.at;
}

/* The log spells 1e-05 as 0.00001; the live bridge, and so this one, spells it as Python does. */
static weir_value nested_value(struct json_slice json, struct replay_scratch *scratch) {
    struct buf *out = &scratch->json;
    buf_clear(out);
    size_t at = 0;
    while (at < json.n_bytes) {
        char byte = json.text[at];
        if (byte == '"') {
            at += append_string(out, json.text + at, json.n_bytes - at);
        } else if (byte == '-' || (byte >= '0' && byte <= '9')) {
            at += append_number(out, json.text + at, json.n_bytes - at);
        } else {
            buf_append_byte(out, (uint8_t)byte);
            at++;
        }
    }
    if (buf_error(out) != 0) {
        return (weir_value){0};
    }
    weir_value value = weir_value_json_n((const char *)out->data, out->n_bytes);
    return attribute_for_otlp(&value, &scratch->text);
}

static weir_value string_value(struct json_slice json, struct replay_scratch *scratch) {
    buf_clear(&scratch->text);
    json_append_decoded(&scratch->text, json);
    buf_append_byte(&scratch->text, '\0');
    if (buf_error(&scratch->text) != 0) {
        return (weir_value){0};
    }
    return weir_value_string_n((const char *)scratch->text.data, scratch->text.n_bytes - 1);
}

weir_value replay_value_of(struct json_slice json, struct replay_scratch *scratch) {
    switch (json_kind_of(json)) {
    case JSON_BOOL: return weir_value_bool(json.text[0] == 't');
    case JSON_NUMBER: return number_value(json);
    case JSON_STRING: return string_value(json, scratch);
    case JSON_ARRAY:
    case JSON_OBJECT: return nested_value(json, scratch);
    case JSON_NULL:
    case JSON_NONE: break;
    }
    const weir_value null = {.kind = WEIR_VALUE_EMPTY};
    return attribute_for_otlp(&null, &scratch->text);
}

const char *replay_text_of(struct json_slice json, struct replay_scratch *scratch) {
    return json_kind_of(json) == JSON_STRING ? string_value(json, scratch).as.string.bytes : NULL;
}
