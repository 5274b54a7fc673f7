#include "otlp/common/json_write.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/error.h>

#include "otlp/common/alloc.h"
#include "otlp/common/bounds.h"
#include "otlp/common/hash.h"
#include "otlp/common/id.h"
#include "otlp/common/json_text.h"
#include "otlp/common/macro.h"
#include "otlp/common/utf8.h"

/* The first error sticks. */
static void set_error(struct buf *out, int error) {
    out->error = out->error ? out->error : error;
}

/* ---- strings ---- */

/* The first byte from `at` on that needs an escape, or n_bytes. */
static size_t plain_until(const char *text, size_t n_bytes, size_t at, enum json_form form) {
    if (form == JSON_COMPACT) { /* a state of 10 kB goes to the tracker in half the time so */
        return json_find_special(text, n_bytes, at);
    }
    while (at < n_bytes && (uint8_t)text[at] >= 0x20 && (uint8_t)text[at] < 0x80 &&
           text[at] != '"' && text[at] != '\\') {
        at++;
    }
    return at;
}

static void write_unit(struct buf *out, unsigned unit) {
    static const char hex[] = "0123456789abcdef";
    const char text[6] = {
        '\\', 'u', hex[unit >> 12 & 15], hex[unit >> 8 & 15], hex[unit >> 4 & 15], hex[unit & 15]};
    buf_append(out, text, sizeof text);
}

static void write_code_point(struct buf *out, unsigned code_point) {
    if (code_point < 0x10000) {
        write_unit(out, code_point);
        return;
    }
    code_point -= 0x10000;
    write_unit(out, 0xd800 + (code_point >> 10));
    write_unit(out, 0xdc00 + (code_point & 0x3ff));
}

static void write_escape(struct buf *out, char byte) {
    static const char letters[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f',
                                   ['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\'};
    uint8_t index = (uint8_t)byte;
    if (index < sizeof letters && letters[index] != '\0') {
        buf_append_byte(out, '\\');
        buf_append_byte(out, (uint8_t)letters[index]);
    } else {
        write_unit(out, index);
    }
}

/* Valid UTF-8 without quotes around it. */
static void write_valid(struct buf *out, const char *text, size_t n_bytes, enum json_form form) {
    size_t at = 0;
    while (at < n_bytes) {
        size_t start = at;
        at = plain_until(text, n_bytes, at, form);
        buf_append(out, text + start, at - start);
        if (at == n_bytes) {
            break;
        }
        size_t n_used = 1;
        if ((uint8_t)text[at] < 0x80) {
            write_escape(out, text[at]);
        } else {
            write_code_point(out, utf8_decode(text + at, &n_used));
        }
        at += n_used;
    }
}

void json_write_string(struct buf *out, const char *text, size_t n_bytes, enum json_form form) {
    buf_append_byte(out, '"');
    size_t good = utf8_valid_prefix(text, n_bytes);
    write_valid(out, text, good, form);
    if (good < n_bytes) {
        struct buf repaired;
        buf_init(&repaired, (n_bytes - good) * 3);
        utf8_append_repaired(&repaired, text + good, n_bytes - good);
        if (buf_error(&repaired) != 0) {
            set_error(out, buf_error(&repaired));
        }
        write_valid(out, (const char *)repaired.data, repaired.n_bytes, form);
        buf_deinit(&repaired);
    }
    buf_append_byte(out, '"');
}

void json_write_base64(struct buf *out, const uint8_t *data, size_t n_bytes) {
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t at = 0; at < n_bytes; at += 3) {
        size_t left = n_bytes - at;
        uint32_t group = (uint32_t)data[at] << 16 | (left > 1 ? (uint32_t)data[at + 1] << 8 : 0) |
                         (left > 2 ? data[at + 2] : 0);
        uint8_t *four = buf_reserve(out, 4);
        if (four == NULL) {
            return;
        }
        four[0] = (uint8_t)alphabet[group >> 18];
        four[1] = (uint8_t)alphabet[group >> 12 & 63];
        four[2] = left > 1 ? (uint8_t)alphabet[group >> 6 & 63] : '=';
        four[3] = left > 2 ? (uint8_t)alphabet[group & 63] : '=';
    }
}

/* ---- numbers ---- */

void json_write_int(struct buf *out, int64_t number) {
    char digits[24];
    size_t at = sizeof digits;
    uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    if (number < 0) {
        digits[--at] = '-';
    }
    buf_append(out, digits + at, sizeof digits - at);
}

/* The significant digits of a number and the place of its point: 0.d1d2d3… × 10^exponent. */
struct decimal {
    char digits[20];
    int n_digits;
    int exponent;
};

/* Reads "d<point>ddde±xx", whatever the locale's point is, without trailing zeros. */
static struct decimal parse_scientific(const char *text) {
    struct decimal d = {0};
    const char *c = text;
    for (; *c != 'e' && *c != '\0'; c++) {
        if (*c >= '0' && *c <= '9' && d.n_digits < (int)sizeof d.digits) {
            d.digits[d.n_digits++] = *c;
        }
    }
    while (d.n_digits > 1 && d.digits[d.n_digits - 1] == '0') {
        d.n_digits--;
    }
    d.exponent = (*c == 'e' ? (int)strtol(c + 1, NULL, 10) : 0) + 1;
    return d;
}

/*
 * 15 digits always survive the way back if they were enough for the number; 17 are always enough.
 * Subnormals carry fewer, so they start at one.
 */
static struct decimal shortest(double magnitude) {
    char text[40];
    for (int precision = magnitude < 2.3e-308 ? 0 : 14; precision < 17; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, magnitude);
        if (strtod(text, NULL) == magnitude) {
            break;
        }
    }
    return parse_scientific(text);
}

static void write_zeros(struct buf *out, int n) {
    for (int i = 0; i < n; i++) {
        buf_append_byte(out, '0');
    }
}

static void write_positional(struct buf *out, const struct decimal *d) {
    int whole = MIN(MAX(d->exponent, 0), d->n_digits);
    if (d->exponent <= 0) {
        buf_append_byte(out, '0');
    }
    buf_append(out, d->digits, (size_t)whole);
    write_zeros(out, d->exponent - d->n_digits);
    buf_append_byte(out, '.');
    if (whole == d->n_digits) {
        buf_append_byte(out, '0');
        return;
    }
    write_zeros(out, -d->exponent);
    buf_append(out, d->digits + whole, (size_t)(d->n_digits - whole));
}

static void write_scientific(struct buf *out, const struct decimal *d, enum json_form form) {
    buf_append(out, d->digits, 1);
    if (d->n_digits > 1) {
        buf_append_byte(out, '.');
        buf_append(out, d->digits + 1, (size_t)(d->n_digits - 1));
    }
    char exponent[8];
    snprintf(exponent, sizeof exponent, form == JSON_PYTHON ? "e%+03d" : "e%+d", d->exponent - 1);
    buf_append_text(out, exponent);
}

void json_write_double(struct buf *out, double number, enum json_form form) {
    if (!isfinite(number)) {
        const char *text = isnan(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity";
        buf_append_text(out, form == JSON_PYTHON ? text : "null");
        return;
    }
    if (signbit(number)) {
        buf_append_byte(out, '-');
        number = -number;
    }
    if (number < 1e15 && number == (double)(int64_t)number) { /* whole numbers: no search needed */
        json_write_int(out, (int64_t)number);
        buf_append_text(out, ".0");
        return;
    }
    struct decimal d = shortest(number);
    double smallest = form == JSON_PYTHON ? 1e-4 : 1e-5;
    if (number >= smallest && number < 1e16) {
        write_positional(out, &d);
    } else {
        write_scientific(out, &d, form);
    }
}

/* ---- values ---- */

static void write_nested(struct buf *out, const weir_value *value, enum json_form form, int depth);

static void write_separator(struct buf *out, bool first, enum json_form form) {
    if (!first) {
        buf_append_text(out, form == JSON_PYTHON ? ", " : ",");
    }
}

static void write_colon(struct buf *out, enum json_form form) {
    buf_append_text(out, form == JSON_PYTHON ? ": " : ":");
}

/* A string of JSON text in Python's spelling: decoded, then encoded again. */
static void respell_string(struct buf *out, struct json_slice string) {
    struct buf decoded;
    buf_init(&decoded, string.n_bytes * 3);
    json_append_decoded(&decoded, string);
    if (buf_error(&decoded) != 0) {
        set_error(out, buf_error(&decoded));
    } else {
        json_write_string(out, (const char *)decoded.data, decoded.n_bytes, JSON_PYTHON);
    }
    buf_deinit(&decoded);
}

/* Valid JSON text in Python's spelling, token by token: numbers and words stay as they are. */
static void respell(struct buf *out, struct json_slice value) {
    size_t at = 0;
    while (at < value.n_bytes) {
        char ch = value.text[at];
        if (ch == '"') {
            struct json_cursor c = {.text = value.text, .n_bytes = value.n_bytes, .at = at};
            struct json_slice string;
            (void)json_skip(&c, &string);
            respell_string(out, string);
            at = c.at;
            continue;
        }
        at++;
        if (ch == ',' || ch == ':') {
            buf_append_text(out, ch == ',' ? ", " : ": ");
        } else if (ch != ' ' && ch != '\n' && ch != '\t' && ch != '\r') {
            buf_append_byte(out, (uint8_t)ch);
        }
    }
}

static void write_leaf(struct buf *out, const weir_value *value, enum json_form form, int depth) {
    struct json_cursor c = json_cursor_over(value->as.string.bytes, value->as.string.n_bytes);
    c.n_around = (unsigned)depth;
    struct json_slice leaf;
    int error = json_skip(&c, &leaf);
    if (error == 0 && !json_at_end(&c)) {
        error = WEIR_E_SYNTAX;
    }
    if (error != 0) {
        set_error(out, error);
    } else if (form == JSON_PYTHON) {
        respell(out, leaf);
    } else if (!c.has_space) { /* compact already, as most is: a single pass over it is enough */
        utf8_append_repaired(out, leaf.text, leaf.n_bytes);
    } else {
        json_append_compact(out, leaf);
    }
}

static void write_array(struct buf *out, const weir_value *value, enum json_form form, int depth) {
    buf_append_byte(out, '[');
    for (size_t i = 0; i < value->as.array.n_items; i++) {
        write_separator(out, i == 0, form);
        write_nested(out, &value->as.array.items[i], form, depth + 1);
    }
    buf_append_byte(out, ']');
}

/* Where the last item of each key of a large map is: comparing all with all would be quadratic. */
struct last_items {
    const weir_key_value *items;
    uint32_t *slots; /* place of an item + 1; 0: free. NULL: the map is small */
    size_t mask;
    uint64_t seed;
};

enum { LARGE_MAP = 32 };

/* The slot of the key, or the free one where it belongs. */
static uint32_t *slot_of(const struct last_items *last, const char *key) {
    size_t i = (size_t)hash_for_table(key, strlen(key), last->seed) & last->mask;
    while (last->slots[i] != 0 && strcmp(last->items[last->slots[i] - 1].key, key) != 0) {
        i = (i + 1) & last->mask;
    }
    return &last->slots[i];
}

/* 0, WEIR_E_TOO_LARGE or WEIR_E_NO_MEMORY. slots is the caller's to free. */
static int find_last_items(const weir_value *map, struct last_items *last) {
    size_t n = map->as.map.n_items, n_slots = LARGE_MAP;
    if (n < LARGE_MAP) {
        return 0;
    }
    if (n > UINT32_MAX / 4) {
        return WEIR_E_TOO_LARGE;
    }
    while (n_slots < 2 * n) {
        n_slots *= 2;
    }
    last->slots = mem_zalloc(n_slots * sizeof *last->slots);
    if (last->slots == NULL) {
        return WEIR_E_NO_MEMORY;
    }
    last->mask = n_slots - 1;
    last->seed = id_random();
    for (size_t i = 0; i < n; i++) {
        if (last->items[i].key != NULL) {
            *slot_of(last, last->items[i].key) = (uint32_t)i + 1;
        }
    }
    return 0;
}

static bool is_repeated_later(const weir_value *map, size_t at, const struct last_items *last) {
    if (last->slots != NULL) {
        return *slot_of(last, map->as.map.items[at].key) != at + 1;
    }
    for (size_t i = at + 1; i < map->as.map.n_items; i++) {
        const char *key = map->as.map.items[i].key;
        if (key != NULL && strcmp(key, map->as.map.items[at].key) == 0) {
            return true;
        }
    }
    return false;
}

static void write_map(struct buf *out, const weir_value *value, enum json_form form, int depth) {
    bool first = true;
    struct last_items last = {.items = value->as.map.items};
    int error = find_last_items(value, &last);
    if (error != 0) {
        set_error(out, error);
        return;
    }
    buf_append_byte(out, '{');
    for (size_t i = 0; i < value->as.map.n_items; i++) {
        const weir_key_value *item = &value->as.map.items[i];
        if (item->key == NULL || is_repeated_later(value, i, &last)) {
            continue;
        }
        write_separator(out, first, form);
        first = false;
        json_write_string(out, item->key, strlen(item->key), form);
        write_colon(out, form);
        write_nested(out, &item->value, form, depth + 1);
    }
    buf_append_byte(out, '}');
    mem_free(last.slots);
}

static void write_nested(struct buf *out, const weir_value *value, enum json_form form, int depth) {
    bool is_nesting = value->kind == WEIR_VALUE_ARRAY || value->kind == WEIR_VALUE_MAP;
    if (is_nesting && depth >= JSON_MAX_DEPTH) {
        set_error(out, WEIR_E_TOO_LARGE);
        return;
    }
    switch (value->kind) {
    case WEIR_VALUE_STRING:
        json_write_string(out, value->as.string.bytes, value->as.string.n_bytes, form);
        break;
    case WEIR_VALUE_BOOL: buf_append_text(out, value->as.boolean ? "true" : "false"); break;
    case WEIR_VALUE_INT: json_write_int(out, value->as.integer); break;
    case WEIR_VALUE_DOUBLE: json_write_double(out, value->as.number, form); break;
    case WEIR_VALUE_BYTES:
        buf_append_byte(out, '"');
        json_write_base64(out, value->as.bytes.data, value->as.bytes.n_bytes);
        buf_append_byte(out, '"');
        break;
    case WEIR_VALUE_ARRAY: write_array(out, value, form, depth); break;
    case WEIR_VALUE_MAP: write_map(out, value, form, depth); break;
    case WEIR_VALUE_JSON: write_leaf(out, value, form, depth); break;
    case WEIR_VALUE_EMPTY:
    default: buf_append_text(out, "null"); break;
    }
}

void json_write_value(struct buf *out, const weir_value *value, enum json_form form) {
    write_nested(out, value, form, 0);
}
