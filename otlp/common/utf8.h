/*
 * UTF-8: checking, repairing and cutting text from outside.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "otlp/common/buf.h"

/* True when all bytes are well-formed UTF-8 (no surrogates, nothing over U+10FFFF, shortest forms).
 */
bool utf8_is_valid(const char *text, size_t n_bytes);

/* The length of the longest valid beginning. */
size_t utf8_valid_prefix(const char *text, size_t n_bytes);

/* Appends the text with each ill-formed piece replaced by one U+FFFD (the maximal-subpart rule of
 * Unicode). */
void utf8_append_repaired(struct buf *out, const char *text, size_t n_bytes);

/*
 * Makes a C string fit for one line of a message, in place: control characters (C1 too) become
 * spaces, a character cut off at the end goes, any other ill-formed byte becomes '?'.
 */
void utf8_make_line(char *text);

/* How many bytes the first max_chars characters of valid text take (a limit counts characters,
 * E46). */
size_t utf8_prefix_of_chars(const char *text, size_t n_bytes, size_t max_chars);

/* Writes one code point (a scalar value) to out; returns its bytes, 1 to 4. */
size_t utf8_encode(char out[4], unsigned code_point);

/* Reads the code point at the start of valid, non-empty text; *n_used gets its bytes. */
unsigned utf8_decode(const char *text, size_t *n_used);
