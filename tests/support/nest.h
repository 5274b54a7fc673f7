/*
 * Protobuf messages built from the inside out: each wrap puts a tag and a length before what is
 * there. For bodies that no encoder would make.
 */
#pragma once

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct nest {
    uint8_t *memory;
    size_t capacity;
    size_t start; /* the message is what lies between here and the capacity */
};

/* A nest that holds these bytes and has room for n_room more. */
static inline struct nest nest_new(const void *bytes, size_t n_bytes, size_t n_room) {
    struct nest nest = {.capacity = n_bytes + n_room, .start = n_room};
    nest.memory = malloc(nest.capacity + 1);
    cr_assert(nest.memory != NULL);
    if (n_bytes > 0) {
        memcpy(nest.memory + nest.start, bytes, n_bytes);
    }
    return nest;
}

static inline void nest_free(struct nest *nest) {
    free(nest->memory);
}

static inline const uint8_t *nest_bytes(const struct nest *nest) {
    return nest->memory + nest->start;
}

static inline size_t nest_n_bytes(const struct nest *nest) {
    return nest->capacity - nest->start;
}

static inline void nest_prepend(struct nest *nest, const void *bytes, size_t n_bytes) {
    cr_assert(ge(sz, nest->start, n_bytes));
    nest->start -= n_bytes;
    memcpy(nest->memory + nest->start, bytes, n_bytes);
}

/* Makes all that is there the content of a field. */
static inline void nest_wrap(struct nest *nest, uint8_t tag) {
    uint8_t head[11] = {tag};
    size_t n_head = 1;
    size_t length = nest_n_bytes(nest);
    do {
        head[n_head++] = (uint8_t)((length & 0x7f) | (length > 0x7f ? 0x80 : 0));
    } while ((length >>= 7) != 0);
    nest_prepend(nest, head, n_head);
}

/* Makes a span's bytes a request. */
static inline void nest_wrap_span(struct nest *nest) {
    nest_wrap(nest, 0x12); /* ScopeSpans.spans */
    nest_wrap(nest, 0x12); /* ResourceSpans.scope_spans */
    nest_wrap(nest, 0x0a); /* ExportTraceServiceRequest.resource_spans */
}

/* Makes an AnyValue's bytes the value of a span's attribute, and that a request. */
static inline void nest_wrap_value(struct nest *nest) {
    nest_wrap(nest, 0x12); /* KeyValue.value */
    nest_prepend(nest, "\x0a\x01k", 3);
    nest_wrap(nest, 0x4a); /* Span.attributes */
    nest_wrap_span(nest);
}
