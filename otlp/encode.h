/*
 * Values and attributes as OTLP's AnyValue and KeyValue (conformance A35-A51).
 *
 * One pass, no intermediate objects: a scalar's size is known beforehand; an array or map is
 * written first and its length put in front afterwards. What proto3 cannot say is changed here and
 * nowhere else: strings that are not UTF-8 become bytes, keys are repaired, JSON text becomes the
 * value it means, equal keys of a map become one. Spans, limits of count and what is lost are the
 * business of attributes.h and span.c.
 */
#pragma once

#include <stdint.h>

#include <weir/value.h>

#include "otlp/common/buf.h"
#include "otlp/common/macro.h"
#include "otlp/tags.h"
#include "otlp/wire.h"

/* No limit of characters. */
#define ENCODE_ALL_CHARS SIZE_MAX

/*
 * Appends a KeyValue as a field with this tag. Strings keep at most max_chars characters, byte
 * arrays as many bytes, at any depth (E46); arrays and maps below VALUE_MAX_DEPTH become empty
 * values (E48). A key that is not UTF-8 is repaired. 0; WEIR_E_INVALID (a NULL where there must be
 * something, an unknown kind); WEIR_E_SYNTAX, WEIR_E_TOO_LARGE (a JSON leaf that is
 * none, or nested too deep); the buffer's own errors. On failure the buffer is as before, without
 * an error. An empty key is left out, as proto3 does: the caller refuses it where it must not be.
 */
int encode_key_value(struct buf *out, uint8_t tag, const char *key, size_t n_key,
                     const weir_value *value, size_t max_chars);

/* Appends a string field; ill-formed UTF-8 is repaired (A50), an empty text left out. */
void encode_text(struct buf *out, uint8_t tag, const char *text, size_t n_bytes);

/* ---- finding the keys of records written by encode_key_value ---- */

struct encoded_key {
    const uint8_t *bytes;
    size_t n_bytes;
};

/* The key of the record at `record`; *end (optional) gets the first byte behind the record. */
static inline struct encoded_key encoded_key_at(const uint8_t *record, const uint8_t **end) {
    const uint8_t *at = record + 1;
    size_t n_record = (size_t)wire_take_varint(&at);
    if (end != NULL) {
        *end = at + n_record;
    }
    if (UNLIKELY(n_record == 0) || UNLIKELY(*at != TAG_KEY_VALUE_KEY)) {
        return (struct encoded_key){at, 0}; /* proto3 leaves out an empty key */
    }
    at++;
    size_t n_key = (size_t)wire_take_varint(&at);
    return (struct encoded_key){at, n_key};
}

static inline bool encoded_key_equals(struct encoded_key a, struct encoded_key b) {
    if (a.n_bytes != b.n_bytes || a.n_bytes == 0) {
        return a.n_bytes == b.n_bytes;
    }
    size_t last = a.n_bytes - 1; /* where keys of one length most often differ */
    return a.bytes[last] == b.bytes[last] && memcmp(a.bytes, b.bytes, last) == 0;
}

/*
 * Copies a key (perhaps to where it is) and says whether all of it is ASCII. The hash is by all
 * bytes, as keys that differ only in a number in their midst are common.
 */
static inline bool encode_key_copy(uint8_t *to, const char *from, size_t n_bytes, uint64_t *hash) {
    const uint64_t k = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t mixed = n_bytes, seen = 0, word;
    if (UNLIKELY(n_bytes < 8)) {
        word = wire_copy_few(to, from, n_bytes);
    } else {
        for (size_t i = 0; i + 8 < n_bytes; i += 8) {
            word = wire_copy_8(to + i, from + i);
            seen |= word;
            mixed = (mixed ^ word) * k;
            mixed ^= mixed >> 32;
        }
        word = wire_copy_8(to + n_bytes - 8, from + n_bytes - 8); /* may overlap the one before */
    }
    *hash = (mixed ^ word) * k;
    return wire_is_ascii(seen | word);
}

/*
 * 1,024 bits, of which a key has one, by its hash: while no other key of a collection has the same,
 * the key is new, and none need be compared.
 */
struct key_filter {
    uint64_t words[16];
};

/* In halves: of 128 bytes at once compilers make a "rep stos", which takes 30 cycles to start. */
static inline void key_filter_clear(struct key_filter *filter) {
    memset(filter->words, 0, sizeof filter->words / 2);
    memset(filter->words + 8, 0, sizeof filter->words / 2);
}

static inline uint64_t key_filter_bit(uint64_t hash) {
    return UINT64_C(1) << (hash >> 54 & 63);
}

static inline bool key_filter_has(const struct key_filter *filter, uint64_t hash) {
    return (filter->words[hash >> 60] & key_filter_bit(hash)) != 0;
}

static inline void key_filter_add(struct key_filter *filter, uint64_t hash) {
    filter->words[hash >> 60] |= key_filter_bit(hash);
}

/*
 * Of records with equal keys, keeps only the last (A44). The records lie in `out` from `start` to
 * its end. 0 or WEIR_E_NO_MEMORY.
 */
int encode_remove_duplicates(struct buf *out, size_t start, size_t n_records);
