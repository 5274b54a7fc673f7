#include "otlp/attributes.h"

#include <string.h>

#include "otlp/common/macro.h"
#include "otlp/encode.h"

/* Takes out the record with this key that lies before `end`. */
static bool remove_key(struct attributes *a, struct encoded_key key, size_t end) {
    struct buf *out = a->out;
    const uint8_t *record = out->data + a->start;
    while (record < out->data + end) {
        const uint8_t *next;
        if (encoded_key_equals(encoded_key_at(record, &next), key)) {
            size_t at = (size_t)(record - out->data), behind = (size_t)(next - out->data);
            memmove(out->data + at, out->data + behind, out->n_bytes - behind);
            buf_truncate(out, out->n_bytes - (behind - at));
            return true;
        }
        record = next;
    }
    return false;
}

/* The record written last, which starts at `at`, may have a key that was set before, or be over the
 * limit. */
static void settle(struct attributes *a, uint32_t max_attributes, size_t at) {
    uint8_t *record = a->out->data + at;
    struct encoded_key key = encoded_key_at(record, NULL); /* repaired, if need be */
    uint64_t hash;
    (void)encode_key_copy(record + (key.bytes - record), (const char *)key.bytes, key.n_bytes,
                          &hash);
    if (key_filter_has(&a->seen, hash) && remove_key(a, key, at)) {
        return; /* one out, one in */
    }
    if (a->n >= max_attributes) {
        buf_truncate(a->out, at);
        a->n_dropped++;
    } else {
        key_filter_add(&a->seen, hash);
        a->n++;
    }
}

/* Memory for the largest record that a scalar with this key can be. False: there is not so much. */
static bool make_room(struct buf *out, size_t n_key, const struct scalar *scalar) {
    size_t n_before = out->n_bytes, n_value = wire_field_size(scalar->n_bytes);
    if (buf_error(out) != 0) {
        return false;
    }
    bool is_good = buf_reserve(out, wire_field_size(wire_field_size(n_key) + n_value)) != NULL;
    buf_truncate(out, n_before);
    out->error = 0; /* who writes it will meet it again */
    return is_good;
}

/* Everything else. */
static int set_slowly(struct attributes *a, const struct attribute_limits *limits, const char *key,
                      const weir_value *value) {
    struct scalar scalar;
    if (key == NULL || *key == '\0' || value == NULL) {
        return WEIR_E_INVALID;
    }
    /* Often memory alone is missing, and large texts are best written where they stay. */
    if (scalar_measure(&scalar, value, limits->max_chars) &&
        make_room(a->out, strlen(key), &scalar) && attributes_set_quickly(a, limits, key, value)) {
        return 0;
    }
    size_t before = a->out->n_bytes;
    int error = encode_key_value(a->out, a->tag, key, strlen(key), value, limits->max_chars);
    if (error == 0) {
        settle(a, limits->max_attributes, before);
    }
    a->n_dropped += error == WEIR_E_TOO_LARGE || error == WEIR_E_NO_MEMORY;
    return error;
}

int attributes_set(struct attributes *a, const struct attribute_limits *limits, const char *key,
                   const weir_value *value) {
    bool is_done = attributes_set_quickly(a, limits, key, value);
    return LIKELY(is_done) ? 0 : set_slowly(a, limits, key, value);
}

size_t attributes_set_all(struct attributes *a, const struct attribute_limits *limits,
                          const weir_key_value *items, size_t n_items) {
    size_t n_refused = 0;
    if (items == NULL) {
        return n_items;
    }
    for (size_t i = 0; i < n_items; i++) {
        int error = attributes_set(a, limits, items[i].key, &items[i].value);
        n_refused += error == WEIR_E_INVALID || error == WEIR_E_SYNTAX;
    }
    return n_refused;
}
