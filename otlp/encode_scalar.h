/*
 * Scalars as OTLP's AnyValue: what attributes nearly always are, so all of it is inline.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/value.h>

#include "otlp/common/macro.h"
#include "otlp/common/utf8.h"
#include "otlp/tags.h"
#include "otlp/wire.h"

/* What is written of a scalar. */
struct scalar {
    const weir_value *value;
    size_t n_payload; /* bytes of a string or byte array */
    size_t n_bytes;   /* of its AnyValue */
};

/* How much of a text the limit leaves: whole characters, or bytes where it is not UTF-8 (E47). */
size_t scalar_limited_text(const char *text, size_t n_bytes, size_t max_chars);

/* The rest of scalar_measure. */
static inline bool scalar_measure_number(struct scalar *out, const weir_value *value) {
    switch (value->kind) {
    case WEIR_VALUE_BOOL: out->n_bytes = 2; return true;
    case WEIR_VALUE_INT:
        out->n_bytes = 1 + wire_varint_size((uint64_t)value->as.integer);
        return true;
    case WEIR_VALUE_DOUBLE: out->n_bytes = 9; return true;
    case WEIR_VALUE_EMPTY: out->n_bytes = 0; return true; /* no member set (A41) */
    default: return false;
    }
}

/* False for what is no scalar, or has a length without a pointer. */
static inline bool scalar_measure(struct scalar *out, const weir_value *value, size_t max_chars) {
    out->value = value;
    out->n_payload = 0;
    if (LIKELY(value->kind == WEIR_VALUE_STRING)) {
        out->n_payload = value->as.string.n_bytes;
        if (UNLIKELY(value->as.string.bytes == NULL && out->n_payload > 0)) {
            return false;
        }
        if (UNLIKELY(out->n_payload > max_chars)) {
            out->n_payload = scalar_limited_text(value->as.string.bytes, out->n_payload, max_chars);
        }
        out->n_bytes = wire_field_size(out->n_payload);
        return true;
    }
    if (value->kind == WEIR_VALUE_BYTES) {
        out->n_payload = MIN(value->as.bytes.n_bytes, max_chars);
        out->n_bytes = wire_field_size(out->n_payload);
        return value->as.bytes.data != NULL || value->as.bytes.n_bytes == 0;
    }
    return scalar_measure_number(out, value);
}

/* A string that is not UTF-8 is sent as bytes (A49): same length, another tag. */
static inline void scalar_put_string(uint8_t *at, const char *text, size_t n_bytes) {
    uint8_t *to = wire_put_head(at, TAG_ANY_STRING, n_bytes);
    if (UNLIKELY(!wire_copy_is_ascii(to, text, n_bytes)) && !utf8_is_valid(text, n_bytes)) {
        *at = TAG_ANY_BYTES;
    }
}

/* Writes the AnyValue, which takes n_bytes. */
static inline void scalar_put(uint8_t *at, const struct scalar *scalar) {
    const weir_value *value = scalar->value;
    if (LIKELY(value->kind == WEIR_VALUE_STRING)) {
        scalar_put_string(at, value->as.string.bytes, scalar->n_payload);
        return;
    }
    switch (value->kind) {
    case WEIR_VALUE_BYTES:
        (void)wire_put_field(at, TAG_ANY_BYTES, value->as.bytes.data, scalar->n_payload);
        break;
    case WEIR_VALUE_BOOL: (void)wire_put_number(at, TAG_ANY_BOOL, value->as.boolean); break;
    case WEIR_VALUE_INT: (void)wire_put_number(at, TAG_ANY_INT, (uint64_t)value->as.integer); break;
    case WEIR_VALUE_DOUBLE: (void)wire_put_double(at, TAG_ANY_DOUBLE, value->as.number); break;
    default: break; /* nothing is written of an empty value */
    }
}
