#include "otlp/common/hash.h"

#include <string.h>

static uint64_t rotate(uint64_t word, unsigned bits) {
    return word << bits | word >> (64 - bits);
}

static uint64_t load_little(const uint8_t *bytes) {
    uint64_t word = 0;
    for (unsigned i = 0; i < 8; i++) {
        word |= (uint64_t)bytes[i] << (8 * i);
    }
    return word;
}

static void store_little(uint8_t *out, uint64_t word) {
    for (unsigned i = 0; i < 8; i++) {
        out[i] = (uint8_t)(word >> (8 * i));
    }
}

static void sip_round(uint64_t v[4]) {
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static void absorb(struct hash *hash, uint64_t word) {
    hash->v[3] ^= word;
    sip_round(hash->v);
    sip_round(hash->v);
    hash->v[0] ^= word;
}

void hash_init(struct hash *hash, const uint8_t key[HASH_BYTES]) {
    uint64_t k0 = load_little(key), k1 = load_little(key + 8);
    *hash =
        (struct hash){.v = {k0 ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d),
                            k0 ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573)}};
    hash->v[1] ^= 0xee; /* what tells the 128-bit variant from the 64-bit one */
}

void hash_add(struct hash *hash, const void *bytes, size_t n_bytes) {
    const uint8_t *at = bytes;
    for (size_t i = 0; i < n_bytes; i++) {
        unsigned in_tail = hash->n_bytes & 7;
        hash->tail |= (uint64_t)at[i] << (8 * in_tail);
        hash->n_bytes++;
        if (in_tail == 7) {
            absorb(hash, hash->tail);
            hash->tail = 0;
        }
    }
}

void hash_add_text(struct hash *hash, const char *text) {
    if (text != NULL) {
        hash_add(hash, text, strlen(text) + 1);
    }
}

void hash_add_u64(struct hash *hash, uint64_t number) {
    uint8_t bytes[8];
    store_little(bytes, number);
    hash_add(hash, bytes, sizeof bytes);
}

static uint64_t squeeze(const struct hash *hash) {
    return hash->v[0] ^ hash->v[1] ^ hash->v[2] ^ hash->v[3];
}

void hash_end(struct hash *hash, uint8_t out[HASH_BYTES]) {
    absorb(hash, hash->tail | (uint64_t)hash->n_bytes << 56);
    hash->v[2] ^= 0xee;
    for (int i = 0; i < 4; i++) {
        sip_round(hash->v);
    }
    store_little(out, squeeze(hash));
    hash->v[1] ^= 0xdd;
    for (int i = 0; i < 4; i++) {
        sip_round(hash->v);
    }
    store_little(out + 8, squeeze(hash));
}
