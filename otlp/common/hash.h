/*
 * Two hashes. SipHash-2-4 with 128 bits of result (Aumasson and Bernstein), for ids that are
 * derived from names instead of drawn: the same names give the same id, on every machine and in
 * every version. And a quick one for tables in memory.
 *
 * Not for secrets: who knows the key can make two texts with one hash.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { HASH_BYTES = 16 };

struct hash {
    uint64_t v[4];
    uint64_t tail; /* bytes that do not fill a word yet */
    size_t n_bytes;
};

void hash_init(struct hash *hash, const uint8_t key[HASH_BYTES]);
void hash_add(struct hash *hash, const void *bytes, size_t n_bytes);
/* With its NUL, so that texts side by side do not run into each other. NULL: nothing. */
void hash_add_text(struct hash *hash, const char *text);
/* In little-endian order, whatever the machine's is. */
void hash_add_u64(struct hash *hash, uint64_t number);
/* The hash of all that was added. It is used up afterwards. */
void hash_end(struct hash *hash, uint8_t out[HASH_BYTES]);

/* Both halves of the product: with an unknown seed nobody can prepare keys that collide. */
static inline uint64_t hash_fold(uint64_t a, uint64_t b) {
    __extension__ typedef unsigned __int128 uint128;
    uint128 product = (uint128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/*
 * For a table in memory, whose seed is random (id.h): keys may come from outside. All bits are good
 * to choose a place by. The value means nothing elsewhere or later.
 */
static inline uint64_t hash_for_table(const void *bytes, size_t n_bytes, uint64_t seed) {
    const uint64_t k = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t hash = seed ^ n_bytes, word = 0;
    const uint8_t *at = (const uint8_t *)bytes;
    size_t left = n_bytes;
    for (; left >= 8; at += 8, left -= 8) {
        memcpy(&word, at, 8);
        hash = hash_fold(hash ^ word, k);
    }
    word = 0;
    for (size_t i = 0; i < left; i++) {
        word = word << 8 | at[i];
    }
    return hash_fold(hash ^ word, k ^ seed);
}
