/*
 * Reading protobuf bytes, field by field, in place.
 *
 * Nothing is copied, nothing is built, and nesting is the caller's: a submessage is a slice to read
 * with a reader of its own. Every length is checked, so any bytes are safe to read. Groups (wire
 * types 3 and 4), which OTLP does not have, are a syntax error.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum wire_type { WIRE_VARINT = 0, WIRE_I64 = 1, WIRE_LEN = 2, WIRE_I32 = 5 };

struct wire_reader {
    const uint8_t *at;
    const uint8_t *end;
};

struct wire_field {
    uint32_t number;
    enum wire_type type;
    uint64_t value;       /* varint, I64, I32 */
    const uint8_t *bytes; /* LEN: borrowed from the message; never NULL */
    size_t n_bytes;
};

/* A reader over a message. `bytes` may be NULL when n_bytes is 0. */
struct wire_reader wire_reader_over(const uint8_t *bytes, size_t n_bytes);

/* The next field: 1; 0 at the end; WEIR_E_SYNTAX, and then for ever. */
int wire_read(struct wire_reader *reader, struct wire_field *out);
