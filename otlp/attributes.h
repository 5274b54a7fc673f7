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
#include "otlp/common/macro.h"
#include "otlp/encode.h"
#include "otlp/encode_scalar.h"
#include "otlp/wire.h"

struct attribute_limits {
    uint32_t max_attributes;
    size_t max_chars; /* of a value; ENCODE_ALL_CHARS: no limit */
};

struct attributes {
    struct buf *out; /* holds the records from `start` to its end; borrowed */
    size_t start;
    struct key_filter seen; /* what it does not have was never set */
    uint32_t n;
    uint32_t n_dropped; /* over the limit of count, or without room */
    uint8_t tag;
};

static inline struct attributes attributes_in(struct buf *out, uint8_t tag) {
    struct attributes a;
    a.out = out;
    a.start = out->n_bytes;
    a.n = a.n_dropped = 0;
    a.tag = tag;
    key_filter_clear(&a.seen);
    return a;
}

/* Forgets them; their bytes are the buffer's. */
static inline void attributes_clear(struct attributes *a) {
    if (a->n > 0) {
        key_filter_clear(&a->seen);
    }
    a->n = a->n_dropped = 0;
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

/*
 * What attributes nearly always are: a scalar, with a key of ASCII that was not set before, for
 * which there is memory. False, and nothing is done, for all else.
 */
static inline bool attributes_set_quickly(struct attributes *a,
                                          const struct attribute_limits *limits, const char *key,
                                          const weir_value *value) {
    if (UNLIKELY(key == NULL || value == NULL) || UNLIKELY(a->n >= limits->max_attributes)) {
        return false;
    }
    size_t n_key = strlen(key);
    struct scalar scalar;
    if (UNLIKELY(n_key == 0) || UNLIKELY(!scalar_measure(&scalar, value, limits->max_chars))) {
        return false;
    }
    size_t n_record = wire_field_size(n_key) + wire_field_size(scalar.n_bytes);
    size_t n_field = wire_field_size(n_record);
    if (UNLIKELY(!buf_has_room(a->out, n_field))) {
        return false;
    }
    uint8_t *at = wire_put_head(a->out->data + a->out->n_bytes, a->tag, n_record);
    at = wire_put_head(at, TAG_KEY_VALUE_KEY, n_key);
    uint64_t hash;
    if (UNLIKELY(!encode_key_copy(at, key, n_key, &hash)) ||
        UNLIKELY(key_filter_has(&a->seen, hash))) {
        return false;
    }
    key_filter_add(&a->seen, hash);
    scalar_put(wire_put_head(at + n_key, TAG_KEY_VALUE_VALUE, scalar.n_bytes), &scalar);
    a->out->n_bytes += n_field;
    a->n++;
    return true;
}
