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

/* The record written last starts at `at`: makes its key unique and the count right. */
static void settle(struct attributes *a, uint32_t max_attributes, size_t at) {
    struct encoded_key key = encoded_key_at(a->out->data + at, NULL);
    uint64_t bit = UINT64_C(1) << (encoded_key_hash(key, 0) >> 58);
    if (UNLIKELY(a->seen_keys & bit) && remove_key(a, key, at)) {
        return; /* one out, one in */
    }
    if (UNLIKELY(a->n >= max_attributes)) {
        buf_truncate(a->out, at);
        a->n_dropped++;
        return;
    }
    a->seen_keys |= bit;
    a->n++;
}

int attributes_set(struct attributes *a, const struct attribute_limits *limits, const char *key,
                   const weir_value *value) {
    if (key == NULL || *key == '\0' || value == NULL) {
        return WEIR_E_INVALID;
    }
    size_t before = a->out->n_bytes;
    int error = encode_key_value(a->out, a->tag, key, strlen(key), value, limits->max_chars);
    if (LIKELY(error == 0)) {
        settle(a, limits->max_attributes, before);
    } else if (error == WEIR_E_TOO_LARGE || error == WEIR_E_NO_MEMORY) {
        a->n_dropped++;
    }
    return error;
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
