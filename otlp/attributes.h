/*
 * A collection of attributes under construction: encoded records with unique keys and a limit.
 *
 * The same for a span, an event, a link, a resource and a scope; only the tag of the records
 * differs. Setting a key again removes the old record and puts the new one last (E19); that works
 * at the limit of count too (E45).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <weir/value.h>

#include "otlp/common/buf.h"

struct attribute_limits {
    uint32_t max_attributes;
    size_t max_chars; /* of a value; ENCODE_ALL_CHARS: no limit */
};

struct attributes {
    struct buf *out; /* holds the records from `start` to its end; borrowed */
    size_t start;
    uint64_t seen_keys; /* filter: a key whose bit is clear was never set */
    uint32_t n;
    uint32_t n_dropped; /* over the limit of count, or without room */
    uint8_t tag;
};

static inline struct attributes attributes_in(struct buf *out, uint8_t tag) {
    return (struct attributes){.out = out, .start = out->n_bytes, .tag = tag};
}

/*
 * Sets one attribute. 0 also when the limit discarded it (counted in n_dropped); WEIR_E_TOO_LARGE
 * and WEIR_E_NO_MEMORY when there was no room (counted there too); WEIR_E_INVALID, WEIR_E_SYNTAX
 * for a bad argument: a NULL or empty key (A35), a NULL or broken value. After an error all is as
 * before.
 */
int attributes_set(struct attributes *attributes, const struct attribute_limits *limits,
                   const char *key, const weir_value *value);

/* Sets several; returns how many were refused as bad arguments. */
size_t attributes_set_all(struct attributes *attributes, const struct attribute_limits *limits,
                          const weir_key_value *items, size_t n_items);
