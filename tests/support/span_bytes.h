/*
 * Walking over the spans of a request's bytes.
 */
#pragma once

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdint.h>

#include "otlp/wire_read.h"

struct span_bytes {
    const uint8_t *bytes;
    size_t n_bytes;
};

/* The nth field with this number in a message; a NULL slice when there are fewer. */
static inline struct span_bytes span_bytes_field(struct span_bytes message, uint32_t number,
                                                 size_t nth) {
    struct wire_reader reader = wire_reader_over(message.bytes, message.n_bytes);
    struct wire_field field;
    while (wire_read(&reader, &field) == 1) {
        if (field.number == number && field.type == WIRE_LEN && nth-- == 0) {
            return (struct span_bytes){field.bytes, field.n_bytes};
        }
    }
    return (struct span_bytes){NULL, 0};
}

/* The nth span of a request that has one resource and one scope, as weir's have. */
static inline struct span_bytes span_bytes_in(const uint8_t *body, size_t n_bytes, size_t nth) {
    struct span_bytes request = {body, n_bytes};
    struct span_bytes scope = span_bytes_field(span_bytes_field(request, 1, 0), 2, 0);
    return span_bytes_field(scope, 2, nth);
}
