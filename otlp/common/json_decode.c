/*
 * What a piece of JSON text means: strings without their escapes, numbers. The pieces are known to
 * be valid (json_text.c has passed over them).
 */
#include "otlp/common/json_text.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "otlp/common/alloc.h"
#include "otlp/common/hex.h"
#include "otlp/common/utf8.h"

/* ---- strings ---- */

/* The code point of the \u escape at `text` (at the backslash), pairs joined; *n_used gets its
 * bytes. */
static unsigned unicode_escape(const char *text, size_t n_bytes, size_t *n_used) {
    unsigned first = (unsigned)hex_word(text + 2);
    *n_used = 6;
    if (first < 0xd800 || first > 0xdfff) {
        return first;
    }
    if (first < 0xdc00 && n_bytes >= 12 && text[6] == '\\' && text[7] == 'u') {
        unsigned second = (unsigned)hex_word(text + 8);
        if (second >= 0xdc00 && second <= 0xdfff) {
            *n_used = 12;
            return 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        }
    }
    return 0xfffd;
}

static size_t decode_escape(const char *text, size_t n_bytes, char out[4], size_t *n_used) {
    *n_used = 2;
    switch (text[1]) {
    case 'b': out[0] = '\b'; return 1;
    case 'f': out[0] = '\f'; return 1;
    case 'n': out[0] = '\n'; return 1;
    case 'r': out[0] = '\r'; return 1;
    case 't': out[0] = '\t'; return 1;
    case 'u': return utf8_encode(out, unicode_escape(text, n_bytes, n_used));
    default: out[0] = text[1]; return 1;
    }
}

void json_append_decoded(struct buf *out, struct json_slice string) {
    const char *text = string.text + 1;
    size_t n_bytes = string.n_bytes - 2;
    size_t at = 0;
    while (at < n_bytes) {
        const char *escape = memchr(text + at, '\\', n_bytes - at);
        size_t plain = escape ? (size_t)(escape - (text + at)) : n_bytes - at;
        utf8_append_repaired(out, text + at, plain);
        at += plain;
        if (escape != NULL) {
            char piece[4];
            size_t n_used;
            size_t length = decode_escape(text + at, n_bytes - at, piece, &n_used);
            buf_append(out, piece, length);
            at += n_used;
        }
    }
}

/* Compared piece by piece, without memory. */
static bool decodes_to(const char *raw, size_t n_raw, const char *text, size_t n_bytes) {
    size_t at = 0, done = 0;
    while (at < n_raw) {
        char piece[4] = {raw[at]};
        size_t n_used = 1, length = 1;
        if (raw[at] == '\\') {
            length = decode_escape(raw + at, n_raw - at, piece, &n_used);
        }
        if (n_bytes - done < length || memcmp(piece, text + done, length) != 0) {
            return false;
        }
        at += n_used;
        done += length;
    }
    return done == n_bytes;
}

bool json_string_is(struct json_slice string, const char *text) {
    size_t length = strlen(text);
    if (string.text == NULL || string.n_bytes < 2 || string.text[0] != '"') {
        return false;
    }
    if (memchr(string.text, '\\', string.n_bytes) == NULL) {
        return string.n_bytes - 2 == length && memcmp(string.text + 1, text, length) == 0;
    }
    return decodes_to(string.text + 1, string.n_bytes - 2, text, length);
}

char *json_decode_text(struct json_slice string) {
    struct buf decoded;
    buf_init(&decoded, string.n_bytes * 3 + 1); /* an ill-formed byte grows to three */
    json_append_decoded(&decoded, string);
    char *text = buf_take_text(&decoded);
    buf_deinit(&decoded);
    return text;
}

/* ---- numbers ---- */

bool json_to_int64(struct json_slice number, int64_t *out) {
    size_t at = 0;
    bool negative = number.n_bytes > 0 && number.text[0] == '-';
    at += negative;
    int64_t value = 0;
    if (at == number.n_bytes) {
        return false;
    }
    for (; at < number.n_bytes; at++) {
        int digit = number.text[at] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, digit,
                                   &value)) { /* counts downwards: INT64_MIN has no positive twin */
            return false;
        }
    }
    if (!negative && value == INT64_MIN) {
        return false;
    }
    *out = negative ? value : -value;
    return true;
}

bool json_to_double(struct json_slice number, double *out) {
    char text[64];
    char *copy = number.n_bytes < sizeof text ? text : mem_alloc(number.n_bytes + 1);
    if (copy == NULL) {
        return false;
    }
    memcpy(copy, number.text, number.n_bytes);
    copy[number.n_bytes] = '\0';
    /* The host's locale may have another decimal point. glibc's "C" locale is static: never freed.
     */
    char *end;
    double value = strtod_l(copy, &end, newlocale(LC_ALL_MASK, "C", (locale_t)0));
    bool is_number = number.n_bytes > 0 && end == copy + number.n_bytes;
    if (copy != text) {
        mem_free(copy);
    }
    if (is_number) {
        *out = value;
    }
    return is_number;
}
