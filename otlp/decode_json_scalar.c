#include "otlp/decode_json_scalar.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "otlp/common/macro.h"
#include "otlp/wire.h"

/* ---- numbers ---- */

/* What stands between the quotes of a string, or the number itself. */
static struct json_slice digits_of(struct json_slice value) {
    bool is_string = json_kind_of(value) == JSON_STRING;
    return is_string ? (struct json_slice){value.text + 1, value.n_bytes - 2} : value;
}

static bool to_uint64(struct json_slice number, uint64_t *out) {
    uint64_t value = 0;
    for (size_t i = 0; i < number.n_bytes; i++) {
        unsigned digit = (unsigned)(number.text[i] - '0');
        if (digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, digit, &value)) {
            return false;
        }
    }
    *out = value;
    return number.n_bytes > 0;
}

/* 1e3 and 5.0 are integers too, as far as doubles are exact. */
static bool to_whole_double(struct json_slice number, double *out) {
    const double exact = 9007199254740992.0; /* 2^53 */
    return json_to_double(number, out) && *out >= -exact && *out <= exact &&
           (double)(int64_t)*out == *out;
}

/* B12, B13: decimal, as a number or a string. */
static bool read_integer(struct json_slice value, bool is_signed, uint64_t *out) {
    struct json_slice number = digits_of(value);
    int64_t negative;
    double whole;
    if (to_uint64(number, out)) {
        return !is_signed || *out <= INT64_MAX;
    }
    if (json_to_int64(number, &negative)) { /* below zero, then; or -0 */
        *out = (uint64_t)negative;
        return is_signed || negative == 0;
    }
    if (to_whole_double(number, &whole) && (is_signed || whole >= 0)) {
        *out = whole < 0 ? (uint64_t)(int64_t)whole : (uint64_t)whole;
        return true;
    }
    return false;
}

/* B14 */
static bool read_double(struct json_slice value, double *out) {
    if (json_string_is(value, "NaN")) {
        *out = (double)NAN;
        return true;
    }
    if (json_string_is(value, "Infinity") || json_string_is(value, "-Infinity")) {
        *out = value.text[1] == '-' ? -HUGE_VAL : HUGE_VAL;
        return true;
    }
    struct json_cursor cursor = json_cursor_over(digits_of(value).text, digits_of(value).n_bytes);
    struct json_slice number;
    return json_skip(&cursor, &number) == 0 && json_at_end(&cursor) &&
           json_kind_of(number) == JSON_NUMBER && json_to_double(number, out);
}

/* ---- bytes ---- */

static int hex_of(char ch) {
    if (ch >= '0' && ch <= '9') {
        return ch - '0';
    }
    ch |= 0x20;
    return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

static bool append_hex(struct buf *out, struct json_slice digits) {
    for (size_t i = 0; i + 1 < digits.n_bytes; i += 2) {
        int high = hex_of(digits.text[i]), low = hex_of(digits.text[i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        buf_append_byte(out, (uint8_t)(high << 4 | low));
    }
    return true;
}

/* Of both alphabets. */
static int sextet_of(char ch) {
    if (ch >= 'A' && ch <= 'Z') {
        return ch - 'A';
    }
    if (ch >= 'a' && ch <= 'z') {
        return ch - 'a' + 26;
    }
    if (ch >= '0' && ch <= '9') {
        return ch - '0' + 52;
    }
    return ch == '+' || ch == '-' ? 62 : ch == '/' || ch == '_' ? 63 : -1;
}

/* B15: standard or URL-safe, padded or not. */
static bool append_base64(struct buf *out, struct json_slice text) {
    size_t n = text.n_bytes;
    if (n % 4 == 0 && n > 0) {
        n -= text.text[n - 1] == '=';
        n -= text.text[n - 1] == '=';
    }
    unsigned bits = 0, n_bits = 0;
    for (size_t i = 0; i < n; i++) {
        int sextet = sextet_of(text.text[i]);
        if (sextet < 0) {
            return false;
        }
        bits = (bits << 6 | (unsigned)sextet) & 0xffff;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            buf_append_byte(out, (uint8_t)(bits >> n_bits));
        }
    }
    return n % 4 != 1;
}

/* Escapes are rare but allowed: \/ for /, say. */
static void append_unescaped(struct buf *out, struct json_slice string) {
    if (memchr(string.text, '\\', string.n_bytes) != NULL) {
        json_append_decoded(out, string);
    } else {
        buf_append(out, string.text + 1, string.n_bytes - 2);
    }
}

static const char *append_id(struct buf *out, const struct schema_member *member,
                             struct json_slice string) {
    struct json_slice digits = digits_of(string);
    bool is_right = digits.n_bytes == 0 || digits.n_bytes == 2 * member->n_id_bytes;
    if (is_right && append_hex(out, digits)) {
        return NULL;
    }
    return member->n_id_bytes == 16 ? "32 hex digits" : "16 hex digits";
}

static const char *append_bytes(struct buf *out, struct json_slice string) {
    CLEANUP(buf_deinit) struct buf text;
    buf_init(&text, out->max_bytes);
    append_unescaped(&text, string);
    if (buf_error(&text) != 0) {
        out->error = out->error != 0 ? out->error : buf_error(&text);
        return NULL;
    }
    struct json_slice base64 = {(const char *)text.data, text.n_bytes};
    return append_base64(out, base64) ? NULL : "base64";
}

/* ---- fields ---- */

static void append_tag(struct buf *out, const struct schema_member *member) {
    uint8_t tag[WIRE_MAX_VARINT];
    uint8_t *end = wire_put_varint(tag, member->number << 3 | schema_wire_type(member->kind));
    buf_append(out, tag, (size_t)(end - tag));
}

static void append_number(struct buf *out, const struct schema_member *member, uint64_t number) {
    if (number == 0 && member->presence == SCHEMA_SINGULAR) {
        return;
    }
    uint8_t bytes[WIRE_MAX_VARINT];
    uint8_t *end = bytes;
    switch (schema_wire_type(member->kind)) {
    case WIRE_VARINT: end = wire_put_varint(bytes, number); break;
    case WIRE_I32: end = wire_put_fixed32(bytes, 0, (uint32_t)number); break;
    default: end = wire_put_fixed64(bytes, 0, number); break;
    }
    size_t n_tag_room = schema_wire_type(member->kind) == WIRE_VARINT ? 0 : 1;
    append_tag(out, member);
    buf_append(out, bytes + n_tag_room, (size_t)(end - bytes) - n_tag_room);
}

static const char *decode_text(struct buf *out, const struct schema_member *member,
                               struct json_slice value) {
    if (json_kind_of(value) != JSON_STRING) {
        return "a string";
    }
    size_t start = out->n_bytes;
    size_t mark = wire_open(out, (uint8_t)(member->number << 3 | WIRE_LEN));
    const char *expected = NULL;
    switch (member->kind) {
    case SCHEMA_ID: expected = append_id(out, member, value); break;
    case SCHEMA_BYTES: expected = append_bytes(out, value); break;
    default: append_unescaped(out, value); break;
    }
    if (expected != NULL) {
        buf_truncate(out, MIN(start, out->n_bytes));
    } else if (member->presence == SCHEMA_SINGULAR) {
        wire_close_string(out, mark);
    } else {
        wire_close(out, mark);
    }
    return expected;
}

static const char *decode_integer(struct buf *out, const struct schema_member *member,
                                  struct json_slice value) {
    bool is_signed = member->kind == SCHEMA_INT32 || member->kind == SCHEMA_INT64;
    bool is_short = member->kind != SCHEMA_INT64 && member->kind != SCHEMA_FIXED64;
    uint64_t number;
    if (!read_integer(value, is_signed, &number)) {
        return "an integer";
    }
    int64_t as_signed = (int64_t)number;
    bool fits = is_signed ? as_signed >= INT32_MIN && as_signed <= INT32_MAX : number <= UINT32_MAX;
    if (is_short && !fits) {
        return "an integer of 32 bits";
    }
    append_number(out, member, number);
    return NULL;
}

static const char *decode_double(struct buf *out, const struct schema_member *member,
                                 struct json_slice value) {
    double number;
    uint64_t bits;
    if (!read_double(value, &number)) {
        return "a number";
    }
    memcpy(&bits, &number, sizeof(bits));
    append_number(out, member, bits);
    return NULL;
}

const char *decode_json_scalar(struct buf *out, const struct schema_member *member,
                               struct json_slice value) {
    switch (member->kind) {
    case SCHEMA_STRING:
    case SCHEMA_ID:
    case SCHEMA_BYTES: return decode_text(out, member, value);
    case SCHEMA_BOOL:
        if (json_kind_of(value) != JSON_BOOL) {
            return "true or false";
        }
        append_number(out, member, value.text[0] == 't');
        return NULL;
    case SCHEMA_DOUBLE: return decode_double(out, member, value);
    default: return decode_integer(out, member, value);
    }
}
