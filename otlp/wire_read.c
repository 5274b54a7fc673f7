#include "otlp/wire_read.h"

#include <stdbool.h>

#include <weir/error.h>

static const uint8_t NOTHING[1];

struct wire_reader wire_reader_over(const uint8_t *bytes, size_t n_bytes) {
    const uint8_t *at = n_bytes > 0 ? bytes : NOTHING;
    return (struct wire_reader){.at = at, .end = at + n_bytes};
}

static size_t n_left(const struct wire_reader *reader) {
    return (size_t)(reader->end - reader->at);
}

/* At most ten bytes; the bits of the tenth beyond the 64th are dropped, as protobuf does. */
static bool read_varint(struct wire_reader *reader, uint64_t *out) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70 && reader->at < reader->end; shift += 7) {
        uint8_t byte = *reader->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = value;
            return true;
        }
    }
    return false;
}

static bool read_fixed(struct wire_reader *reader, size_t n_bytes, uint64_t *out) {
    if (n_left(reader) < n_bytes) {
        return false;
    }
    *out = 0;
    for (size_t i = 0; i < n_bytes; i++) {
        *out |= (uint64_t)reader->at[i] << (8 * i);
    }
    reader->at += n_bytes;
    return true;
}

static bool read_bytes(struct wire_reader *reader, struct wire_field *out) {
    uint64_t length;
    if (!read_varint(reader, &length) || length > n_left(reader)) {
        return false;
    }
    out->bytes = reader->at;
    out->n_bytes = (size_t)length;
    reader->at += length;
    return true;
}

static bool read_tag(struct wire_reader *reader, struct wire_field *out) {
    uint64_t tag;
    if (!read_varint(reader, &tag) || tag > UINT32_MAX || tag >> 3 == 0) {
        return false; /* numbers are 1 to 2^29 - 1 */
    }
    out->number = (uint32_t)(tag >> 3);
    out->type = (enum wire_type)(tag & 7);
    return true;
}

static bool read_payload(struct wire_reader *reader, struct wire_field *out) {
    switch (out->type) {
    case WIRE_VARINT: return read_varint(reader, &out->value);
    case WIRE_I64: return read_fixed(reader, 8, &out->value);
    case WIRE_LEN: return read_bytes(reader, out);
    case WIRE_I32: return read_fixed(reader, 4, &out->value);
    default: return false;
    }
}

int wire_read(struct wire_reader *reader, struct wire_field *out) {
    if (reader->at == reader->end) {
        return 0;
    }
    const uint8_t *start = reader->at;
    struct wire_field field = {.bytes = NOTHING};
    if (!read_tag(reader, &field) || !read_payload(reader, &field)) {
        reader->at = start; /* the same fault again, should somebody ask again */
        return WEIR_E_SYNTAX;
    }
    *out = field;
    return 1;
}
