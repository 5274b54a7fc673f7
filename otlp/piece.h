/*
 * Pieces of text from outside: lists, tokens and percent-encoding, as headers and variables have
 * them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "otlp/common/buf.h"

struct piece {
    const char *at;
    size_t n_bytes;
};

static inline struct piece piece_of(const char *text) {
    return (struct piece){text, strlen(text)};
}

static inline bool piece_equals(struct piece a, struct piece b) {
    return a.n_bytes == b.n_bytes && (a.n_bytes == 0 || memcmp(a.at, b.at, a.n_bytes) == 0);
}

/* What is between the two, without spaces and tabs around it. */
struct piece piece_trimmed(const char *at, const char *end);

/* The next member of a list, trimmed; *rest moves behind its separator, and is NULL after the last.
 */
struct piece piece_next(const char **rest, char separator);

/* A token of HTTP (RFC 9110 5.6.2), not empty. */
bool piece_is_token(struct piece text);

/* Appends the text with %XX decoded. False when a % is not followed by two hex digits: it and what
 * follows are then appended as they are. */
bool piece_percent_decode(struct buf *out, struct piece text);
