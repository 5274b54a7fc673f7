/*
 * Protobuf's wire format, writing side: varints, fixed numbers, length-delimited fields.
 *
 * wire_put_… write to memory that has room and return the next byte; wire_open and wire_close write
 * a field of unknown length to a buffer. Varints are as short as they can be, so the bytes equal
 * those of every other canonical writer. The fields' tags are in otlp/tags.h.
 */
#pragma once

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "otlp/common/buf.h"
#include "otlp/common/macro.h"

enum {
    WIRE_MAX_VARINT = 10, /* bytes of a 64-bit varint */
    WIRE_MAX_LENGTH = 5   /* bytes of a length: nothing here reaches 32 GiB */
};

/* 1 for 0 to 127, … 10 from 2^63 on. */
static inline size_t wire_varint_size(uint64_t number) {
    if (LIKELY(number < 0x80)) {
        return 1;
    }
    unsigned bits = 64 - (unsigned)__builtin_clzll(number | 1);
    return (bits * 9 + 64) / 64; /* = ceil(bits / 7) for 1 to 64 bits, without a division by 7 */
}

static inline uint8_t *wire_put_varint(uint8_t *at, uint64_t number) {
    while (UNLIKELY(number >= 0x80)) {
        *at++ = (uint8_t)(number | 0x80);
        number >>= 7;
    }
    *at++ = (uint8_t)number;
    return at;
}

static inline uint8_t *wire_put_bytes(uint8_t *at, const void *bytes, size_t n_bytes) {
    if (n_bytes > 0) { /* the source may be NULL then */
        memcpy(at, bytes, n_bytes);
    }
    return at + n_bytes;
}

/* The rest writes a field: its tag, then its contents. */

static inline uint8_t *wire_put_fixed64(uint8_t *at, uint8_t tag, uint64_t number) {
    *at++ = tag;
    number = htole64(number);
    return wire_put_bytes(at, &number, sizeof number);
}

static inline uint8_t *wire_put_fixed32(uint8_t *at, uint8_t tag, uint32_t number) {
    *at++ = tag;
    number = htole32(number);
    return wire_put_bytes(at, &number, sizeof number);
}

static inline uint8_t *wire_put_double(uint8_t *at, uint8_t tag, double number) {
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return wire_put_fixed64(at, tag, bits);
}

static inline uint8_t *wire_put_number(uint8_t *at, uint8_t tag, uint64_t number) {
    *at++ = tag;
    return wire_put_varint(at, number);
}

/* Proto3 leaves out a number that is 0. */
static inline uint8_t *wire_put_count(uint8_t *at, uint8_t tag, uint32_t count) {
    return count == 0 ? at : wire_put_number(at, tag, count);
}
static inline size_t wire_count_size(uint32_t count) {
    return count == 0 ? 0 : 1 + wire_varint_size(count);
}

/* Tag and length of a field whose n_bytes the caller writes next. */
static inline uint8_t *wire_put_head(uint8_t *at, uint8_t tag, size_t n_bytes) {
    return wire_put_number(at, tag, n_bytes);
}
/* A whole field of n_bytes. */
static inline size_t wire_field_size(size_t n_bytes) {
    return 1 + wire_varint_size(n_bytes) + n_bytes;
}

static inline uint8_t *wire_put_field(uint8_t *at, uint8_t tag, const void *bytes, size_t n_bytes) {
    return wire_put_bytes(wire_put_head(at, tag, n_bytes), bytes, n_bytes);
}

static inline uint64_t wire_copy_8(uint8_t *to, const char *from) {
    uint64_t word;
    memcpy(&word, from, sizeof word);
    memcpy(to, &word, sizeof word);
    return word;
}

static inline uint32_t wire_copy_4(uint8_t *to, const char *from) {
    uint32_t word;
    memcpy(&word, from, sizeof word);
    memcpy(to, &word, sizeof word);
    return word;
}

/* Up to 7 bytes, all of which are in the word returned. */
static inline uint64_t wire_copy_few(uint8_t *to, const char *from, size_t n_bytes) {
    if (n_bytes >= 4) { /* the two words may overlap */
        uint64_t last = wire_copy_4(to + n_bytes - 4, from + n_bytes - 4);
        return wire_copy_4(to, from) | last << 32;
    }
    uint64_t word = 0;
    for (size_t i = 0; i < n_bytes; i++) {
        to[i] = (uint8_t)from[i];
        word = word << 8 | to[i];
    }
    return word;
}

static inline bool wire_is_ascii(uint64_t word) {
    return (word & UINT64_C(0x8080808080808080)) == 0;
}

/* Two words of 64 bits: one register of every x86-64 and ARM, plain words elsewhere. */
typedef uint64_t wire_words __attribute__((vector_size(16)));

static inline wire_words wire_copy_16(uint8_t *to, const char *from) {
    wire_words words;
    memcpy(&words, from, sizeof words);
    memcpy(to, &words, sizeof words);
    return words;
}

/*
 * Copies text and says whether all of it is ASCII, in one pass: telemetry nearly always is, and
 * then needs no further check. The last words may overlap, so that no byte is handled alone.
 */
static inline bool wire_copy_is_ascii(uint8_t *to, const char *from, size_t n_bytes) {
    uint64_t seen;
    if (n_bytes >= 16) {
        wire_words all = wire_copy_16(to + n_bytes - 16, from + n_bytes - 16);
        for (size_t i = 0; i + 16 < n_bytes; i += 16) {
            all |= wire_copy_16(to + i, from + i);
        }
        seen = all[0] | all[1];
    } else if (n_bytes >= 8) {
        seen = wire_copy_8(to, from) | wire_copy_8(to + n_bytes - 8, from + n_bytes - 8);
    } else {
        seen = wire_copy_few(to, from, n_bytes);
    }
    return wire_is_ascii(seen);
}

/*
 * Begins a length-delimited field of unknown length. One byte is kept for the length: most fields
 * stay below 128 bytes; wire_close moves the contents when one does not. Errors stick in the
 * buffer. Returns the mark for wire_close.
 */
static inline size_t wire_open(struct buf *out, uint8_t tag) {
    uint8_t *at = buf_reserve(out, 2);
    if (at != NULL) {
        at[0] = tag;
    }
    return out->n_bytes;
}

/* Ends the innermost open field. */
static inline void wire_close(struct buf *out, size_t mark) {
    if (out->error != 0) {
        return;
    }
    size_t n_bytes = out->n_bytes - mark;
    size_t n_more = wire_varint_size(n_bytes) - 1;
    if (n_more > 0) {
        if (buf_reserve(out, n_more) == NULL) {
            return;
        }
        memmove(out->data + mark + n_more, out->data + mark, n_bytes);
    }
    (void)wire_put_varint(out->data + mark - 1, n_bytes);
}

/* The same for a string, which proto3 leaves out when it is empty. */
static inline void wire_close_string(struct buf *out, size_t mark) {
    if (out->error == 0 && out->n_bytes == mark) {
        buf_truncate(out, mark - 2);
    } else {
        wire_close(out, mark);
    }
}

/* Reads a varint of our own making: no bounds are checked. */
static inline uint64_t wire_take_varint(const uint8_t **at) {
    uint64_t number = *(*at)++;
    if (number < 0x80) {
        return number;
    }
    number &= 0x7f;
    for (unsigned shift = 7;; shift += 7) {
        uint8_t byte = *(*at)++;
        number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return number;
        }
    }
}
