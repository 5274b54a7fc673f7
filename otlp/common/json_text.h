/*
 * Reading JSON text in place (RFC 8259): checking it, walking over it, decoding strings.
 *
 * Nothing is copied and nothing is built: a value is a slice of the text. No recursion; nesting is
 * bounded (JSON_MAX_DEPTH). Bytes above 0x7f inside strings are passed over unchecked: UTF-8 is the
 * business of whoever decodes or copies them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "otlp/common/buf.h"

/* A piece of JSON text, as it stands there (strings with their quotes). Absent: text NULL. */
struct json_slice {
    const char *text;
    size_t n_bytes;
};

enum json_kind {
    JSON_NONE,
    JSON_NULL,
    JSON_BOOL,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

struct json_cursor {
    const char *text;
    size_t n_bytes;
    size_t at;         /* next byte to read; after a fault, its place */
    unsigned n_around; /* brackets around the text already, for the bound on nesting */
    bool allow_nan;    /* takes NaN, Infinity and -Infinity as numbers, as Python's reader does */
    bool has_space;    /* white space was passed over: the value may not be compact */
    bool is_first;     /* json_enter was called and no member read yet */
    const char *fault; /* what is wrong, for a message; NULL while nothing is */
};

static inline struct json_cursor json_cursor_over(const char *text, size_t n_bytes) {
    return (struct json_cursor){.text = text, .n_bytes = n_bytes};
}

/* The first byte from `at` on that cannot stand for itself in a string (a quote, a backslash, a
 * control character), or n_bytes. */
size_t json_find_special(const char *text, size_t n_bytes, size_t at);

/* By its first byte; JSON_NONE for an absent slice. The slice is known to be a value. */
enum json_kind json_kind_of(struct json_slice value);

/*
 * Passes over white space and one value; *out (optional) gets it. 0; WEIR_E_SYNTAX;
 * WEIR_E_TOO_LARGE (nested too deep).
 */
int json_skip(struct json_cursor *cursor, struct json_slice *out);

/* Passes over white space; true at the end of the text. */
bool json_at_end(struct json_cursor *cursor);

/*
 * Walking an object or array: json_enter passes its opening bracket ('{' or '['), then each
 * json_next_… gives one member: 1, or 0 behind the closing bracket, or WEIR_E_SYNTAX /
 * WEIR_E_TOO_LARGE. `key` is raw, with its quotes.
 */
int json_enter(struct json_cursor *cursor, char bracket);
int json_next_member(struct json_cursor *cursor, struct json_slice *key, struct json_slice *value);
int json_next_item(struct json_cursor *cursor, struct json_slice *value);

/*
 * The same without reading the value: the cursor stands before it, and the caller passes it, by
 * json_skip, or by json_enter and the members up to the closing bracket. So a whole document is
 * read once, however deep it is.
 */
int json_next_key(struct json_cursor *cursor, struct json_slice *key);
int json_next_element(struct json_cursor *cursor);

/* The kind of the value that the cursor stands before, by its first byte; JSON_NONE at the end.
 * What is no value at all passes for a number. */
enum json_kind json_next_kind(struct json_cursor *cursor);

/* True when the raw string (with quotes, escapes decoded) is this text. */
bool json_string_is(struct json_slice string, const char *text);

/*
 * Appends the decoded text of a raw string. Escapes become UTF-8; a lone surrogate becomes U+FFFD;
 * so does every ill-formed byte sequence.
 */
void json_append_decoded(struct buf *out, struct json_slice string);

/* The decoded text as an owned string, cut at the first U+0000; NULL when memory is short.
 * mem_free. */
char *json_decode_text(struct json_slice string);

/* An integer without fraction or exponent that fits. */
bool json_to_int64(struct json_slice number, int64_t *out);
/* Any number, NaN and the infinities included; independent of the locale. One beyond the range of
 * double is an infinity. False when memory is short (numbers of 64 characters and more) or for no
 * number. */
bool json_to_double(struct json_slice number, double *out);

/* Appends a value (known to be valid) with the white space outside its strings removed and
 * ill-formed UTF-8 repaired. */
void json_append_compact(struct buf *out, struct json_slice value);
