/*
 * A spool file in memory: spans that are only a name, so that a test can tell them apart.
 */
#pragma once

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "otlp/spool_file.h"

enum { SPOOL_BYTES_ROOM = 100 }; /* in front of the first span, as for the head of a request */

/* Resource with a schema URL, scope with a schema URL. */
static const struct scope SPOOL_BYTES_SCOPE = {
    .resource = {(const uint8_t *)"\x0a\x0b\x0a\x09\x0a\x01k\x12\x04\x0a\x02vv", 13},
    .scope = {(const uint8_t *)"\x0a\x06\x0a\x04name", 8},
    .scope_url = {(const uint8_t *)"\x1a\x03s:u", 5},
    .resource_url = {(const uint8_t *)"\x1a\x03r:u", 5},
};

struct spool_bytes {
    uint8_t *file;
    size_t n_file; /* up to the end of the last span */
    struct spool_layout layout;
    uint32_t salt;
    uint32_t n_spans;
    size_t n_spans_bytes;
};

/* The nth span: its name is 5 + 7 n letters, its bytes 4 more. */
static inline size_t spool_bytes_span(uint32_t nth, uint8_t out[128]) {
    uint8_t n_name = (uint8_t)(5 + 7 * (nth % 12));
    out[0] = 0x12;
    out[1] = (uint8_t)(n_name + 2);
    out[2] = 0x2a;
    out[3] = n_name;
    memset(out + 4, 'a' + (int)(nth % 26), n_name);
    return 4 + (size_t)n_name;
}

static inline void spool_bytes_add(struct spool_bytes *bytes) {
    uint8_t span[128];
    size_t n_span = spool_bytes_span(bytes->n_spans, span);
    size_t at = SPOOL_BYTES_ROOM + bytes->n_spans_bytes;
    memcpy(bytes->file + bytes->layout.data_at + at, span, n_span);
    spool_file_enter(bytes->file, &bytes->layout, bytes->salt, bytes->n_spans, at, n_span);
    bytes->n_spans++;
    bytes->n_spans_bytes += n_span;
    bytes->n_file = bytes->layout.data_at + at + n_span;
}

/* Free what `file` points to. */
static inline struct spool_bytes spool_bytes_new(uint32_t n_places, uint32_t n_spans) {
    struct spool_bytes bytes = {
        .layout = spool_layout_for(&SPOOL_BYTES_SCOPE, n_places),
        .salt = 0x5a17,
    };
    bytes.file = calloc(1, bytes.layout.data_at + SPOOL_BYTES_ROOM + n_spans * 128);
    spool_file_begin(bytes.file, &bytes.layout, &SPOOL_BYTES_SCOPE, 1704067200000000000,
                     bytes.salt);
    bytes.n_file = bytes.layout.data_at;
    for (uint32_t i = 0; i < n_spans; i++) {
        spool_bytes_add(&bytes);
    }
    return bytes;
}
