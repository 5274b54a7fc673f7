/*
 * SipHash-2-4 with 128 bits of result (Aumasson and Bernstein), for ids that are derived from names
 * instead of drawn: the same names give the same id, on every machine and in every version.
 *
 * Not for secrets: who knows the key can make two texts with one hash.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

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
