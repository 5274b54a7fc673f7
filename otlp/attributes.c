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
static COLD void settle(struct attributes *a, uint32_t max_attributes, size_t at) {
    if (remove_key(a, encoded_key_at(a->out->data + at, NULL), at)) {
        return; /* one out, one in */
    }
    if (a->n >= max_attributes) {
        buf_truncate(a->out, at);
        a->n_dropped++;
    } else {
        a->n++;
    }
}

int attributes_set(struct attributes *a, const struct attribute_limits *limits, const char *key,
                   const weir_value *value) {
    if (UNLIKELY(key == NULL || *key == '\0' || value == NULL)) {
        return WEIR_E_INVALID;
    }
    size_t before = a->out->n_bytes, n_key = strlen(key);
    int error = encode_key_value(a->out, a->tag, key, n_key, value, limits->max_chars);
    if (UNLIKELY(error < 0)) {
        a->n_dropped += error == WEIR_E_TOO_LARGE || error == WEIR_E_NO_MEMORY;
        return error;
    }
    /* By the key as given: to read back what was just written would wait for the writing. One that
     * was repaired may now equal any other. */
    struct encoded_key given = {(const uint8_t *)key, n_key};
    uint64_t bit = LIKELY(error == 0) ? encoded_key_bit(given) : UINT64_MAX;
    if (LIKELY((a->seen_keys & bit) == 0 && a->n < limits->max_attributes)) {
        a->n++;
    } else {
        settle(a, limits->max_attributes, before);
    }
    a->seen_keys |= bit;
    return 0;
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
