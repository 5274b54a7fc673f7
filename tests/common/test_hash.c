#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>

#include "otlp/common/hash.h"
#include "otlp/common/macro.h"

/* SipHash-2-4-128 of the bytes 0, 1, 2 …, under the key 0, 1, … 15: the published test vectors. */
static const struct {
    size_t n_bytes;
    uint8_t expected[HASH_BYTES];
} vectors[] = {
    {0,
     {0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02,
      0x93}},
    {1,
     {0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44, 0x34, 0x76, 0x59, 0x11, 0x9b, 0x22, 0xfc,
      0x45}},
    {7,
     {0xa1, 0xf1, 0xeb, 0xbe, 0xd8, 0xdb, 0xc1, 0x53, 0xc0, 0xb8, 0x4a, 0xa6, 0x1f, 0xf0, 0x82,
      0x39}},
    {8,
     {0x3b, 0x62, 0xa9, 0xba, 0x62, 0x58, 0xf5, 0x61, 0x0f, 0x83, 0xe2, 0x64, 0xf3, 0x14, 0x97,
      0xb4}},
    {63,
     {0x51, 0x50, 0xd1, 0x77, 0x2f, 0x50, 0x83, 0x4a, 0x50, 0x3e, 0x06, 0x9a, 0x97, 0x3f, 0xbd,
      0x7c}},
};

static void fill(uint8_t *bytes, size_t n_bytes) {
    for (size_t i = 0; i < n_bytes; i++) {
        bytes[i] = (uint8_t)i;
    }
}

Test(hash, gives_the_published_results) {
    uint8_t key[HASH_BYTES], input[64], out[HASH_BYTES];
    fill(key, sizeof key);
    fill(input, sizeof input);
    for (size_t i = 0; i < ARRAY_LENGTH(vectors); i++) {
        struct hash hash;
        hash_init(&hash, key);
        hash_add(&hash, input, vectors[i].n_bytes);
        hash_end(&hash, out);
        cr_assert(zero(int, memcmp(out, vectors[i].expected, HASH_BYTES)), "%zu bytes",
                  vectors[i].n_bytes);
    }
}

Test(hash, does_not_care_how_the_input_is_cut) {
    uint8_t key[HASH_BYTES] = {1}, input[64], whole[HASH_BYTES], pieces[HASH_BYTES];
    fill(input, sizeof input);
    for (size_t cut = 0; cut <= sizeof input; cut++) {
        struct hash a, b;
        hash_init(&a, key);
        hash_init(&b, key);
        hash_add(&a, input, sizeof input);
        hash_add(&b, input, cut);
        hash_add(&b, input + cut, sizeof input - cut);
        hash_end(&a, whole);
        hash_end(&b, pieces);
        cr_assert(zero(int, memcmp(whole, pieces, HASH_BYTES)));
    }
}

static void of_texts(const char *first, const char *second, uint64_t number,
                     uint8_t out[HASH_BYTES]) {
    const uint8_t key[HASH_BYTES] = {0};
    struct hash hash;
    hash_init(&hash, key);
    hash_add_text(&hash, first);
    hash_add_text(&hash, second);
    hash_add_u64(&hash, number);
    hash_end(&hash, out);
}

Test(hash, keeps_texts_side_by_side_apart) {
    uint8_t a[HASH_BYTES], b[HASH_BYTES], c[HASH_BYTES], d[HASH_BYTES];
    of_texts("ab", "c", 0, a);
    of_texts("a", "bc", 0, b);
    of_texts("ab", "c", UINT64_C(1) << 63, c);
    of_texts("ab", NULL, 0, d);
    cr_assert(ne(int, memcmp(a, b, HASH_BYTES), 0));
    cr_assert(ne(int, memcmp(a, c, HASH_BYTES), 0));
    cr_assert(ne(int, memcmp(a, d, HASH_BYTES), 0));
}

Test(hash, for_tables_depends_on_every_byte_the_length_and_the_seed) {
    uint8_t bytes[20] = {0};
    for (size_t n = 0; n < sizeof bytes; n++) {
        uint64_t hash = hash_for_table(bytes, n, 7);
        cr_assert(eq(u64, hash, hash_for_table(bytes, n, 7)));
        cr_assert(ne(u64, hash, hash_for_table(bytes, n, 8)), "%zu", n);
        cr_assert(ne(u64, hash, hash_for_table(bytes, n + 1, 7)), "%zu", n);
        for (size_t i = 0; i < n; i++) {
            bytes[i] = 1;
            cr_assert(ne(u64, hash, hash_for_table(bytes, n, 7)), "%zu of %zu", i, n);
            bytes[i] = 0;
        }
    }
}

Test(hash, for_tables_spreads_keys_over_few_places) {
    enum { KEYS = 4096, PLACES = 64 };
    unsigned n[PLACES] = {0};
    for (unsigned i = 0; i < KEYS; i++) {
        char key[16];
        int length = snprintf(key, sizeof key, "key%u", i);
        n[hash_for_table(key, (size_t)length, 12345) % PLACES]++;
    }
    for (size_t i = 0; i < PLACES; i++) { /* 64 each on average */
        cr_expect(n[i] > 20 && n[i] < 150, "%zu: %u", i, n[i]);
    }
}
