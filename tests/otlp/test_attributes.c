#include <stdio.h>
#include <string.h>

#include <weir/error.h>

#include "otlp/attributes.h"
#include "otlp/encode.h"
#include "tests/support/expect.h"

enum { TAG = 0x4a };

static const struct attribute_limits NO_LIMITS = {UINT32_MAX, ENCODE_ALL_CHARS};

static void set_int(struct attributes *a, const struct attribute_limits *limits, const char *key,
                    int64_t number) {
    weir_value value = weir_value_int(number);
    cr_assert(eq(int, attributes_set(a, limits, key, &value), 0));
}

/* "key=int " for each record. */
static char *listing(const struct attributes *a) {
    static char text[4096];
    size_t n = 0;
    const uint8_t *at = a->out->data + a->start, *end = a->out->data + a->out->n_bytes;
    text[0] = '\0';
    while (at < end) {
        const uint8_t *next;
        struct encoded_key key = encoded_key_at(at, &next);
        n += (size_t)snprintf(text + n, sizeof text - n, "%.*s=%d ", (int)key.n_bytes,
                              (const char *)key.bytes, next[-1]);
        at = next;
    }
    cr_assert(eq(ptr, (void *)(uintptr_t)at, (void *)(uintptr_t)end));
    return text;
}

Test(attributes, puts_a_key_that_is_set_again_last) {
    struct buf out;
    buf_init(&out, 4096);
    buf_append_text(&out, "something before");
    struct attributes a = attributes_in(&out, TAG);
    set_int(&a, &NO_LIMITS, "a", 1);
    set_int(&a, &NO_LIMITS, "b", 2);
    set_int(&a, &NO_LIMITS, "c", 3);
    set_int(&a, &NO_LIMITS, "a", 4);
    expect_text(listing(&a), "b=2 c=3 a=4 ");
    set_int(&a, &NO_LIMITS, "a", 5);
    expect_text(listing(&a), "b=2 c=3 a=5 ");
    set_int(&a, &NO_LIMITS, "b", 6);
    expect_text(listing(&a), "c=3 a=5 b=6 ");
    cr_assert(eq(u32, a.n, 3));
    cr_assert(zero(int, memcmp(out.data, "something before", 16)));
    buf_deinit(&out);
}

Test(attributes, discards_new_keys_at_the_limit_and_still_overwrites) {
    struct attribute_limits limits = {2, ENCODE_ALL_CHARS};
    struct buf out;
    buf_init(&out, 4096);
    struct attributes a = attributes_in(&out, TAG);
    set_int(&a, &limits, "a", 1);
    set_int(&a, &limits, "b", 2);
    set_int(&a, &limits, "c", 3);
    set_int(&a, &limits, "d", 4);
    set_int(&a, &limits, "a", 5);
    expect_text(listing(&a), "b=2 a=5 ");
    cr_assert(eq(u32, a.n_dropped, 2));
    buf_deinit(&out);
}

Test(attributes, takes_none_with_a_limit_of_zero) {
    struct attribute_limits limits = {0, ENCODE_ALL_CHARS};
    struct buf out;
    buf_init(&out, 4096);
    struct attributes a = attributes_in(&out, TAG);
    set_int(&a, &limits, "a", 1);
    set_int(&a, &limits, "a", 1);
    cr_assert(eq(sz, out.n_bytes, 0));
    cr_assert(eq(u32, a.n_dropped, 2));
    buf_deinit(&out);
}

Test(attributes, finds_equal_keys_among_many) {
    struct buf out;
    buf_init(&out, 1 << 20);
    struct attributes a = attributes_in(&out, TAG);
    char key[32];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 500; i++) {
            snprintf(key, sizeof key, "a.rather.long.key.%d", i);
            set_int(&a, &NO_LIMITS, key, round);
        }
    }
    cr_assert(eq(u32, a.n, 500));
    cr_assert(eq(u32, a.n_dropped, 0));
    for (const uint8_t *at = out.data; at < out.data + out.n_bytes;) {
        (void)encoded_key_at(at, &at);
        cr_assert(eq(u8, at[-1], 2));
    }
    buf_deinit(&out);
}

/* The record of one string, as it must be. */
static size_t expected_record(uint8_t *out, const char *key, uint8_t tag, const char *text) {
    uint8_t n_key = (uint8_t)strlen(key), n_text = (uint8_t)strlen(text);
    const uint8_t heads[] = {
        TAG, (uint8_t)(n_key + n_text + 6), 0x0a, n_key, 0x12, (uint8_t)(n_text + 2), tag, n_text,
    };
    memcpy(out, heads, 4);
    memcpy(out + 4, key, n_key);
    memcpy(out + 4 + n_key, heads + 4, 4);
    memcpy(out + 8 + n_key, text, n_text);
    return 8u + n_key + n_text;
}

static void expect_record(const char *key, const char *text, uint8_t tag) {
    struct buf out;
    uint8_t expected[256];
    buf_init(&out, 4096);
    (void)buf_reserve(&out, 1); /* so that there is memory: the quick way */
    struct attributes a = attributes_in(&out, TAG);
    weir_value value = weir_value_string(text);
    cr_assert(eq(int, attributes_set(&a, &NO_LIMITS, key, &value), 0));
    size_t n_bytes = expected_record(expected, key, tag, text);
    cr_assert(eq(sz, out.n_bytes - 1, n_bytes));
    cr_assert(zero(int, memcmp(out.data + 1, expected, n_bytes)), "key %s, text %s", key, text);
    buf_deinit(&out);
}

/* Words, halves of words and single bytes: every length, and a bad byte at every place (A49). */
Test(attributes, copies_keys_and_texts_of_every_length) {
    char key[51], text[51];
    for (size_t n = 1; n <= 50; n++) {
        for (size_t i = 0; i < n; i++) {
            key[i] = (char)('a' + i % 26);
            text[i] = (char)('A' + i % 26);
        }
        key[n] = text[n] = '\0';
        expect_record(key, text, 0x0a);
        for (size_t i = 0; i < n; i++) {
            char good = text[i];
            text[i] = '\x80';
            expect_record(key, text, 0x3a);
            text[i] = good;
        }
    }
    expect_record("k", "", 0x0a);
}

Test(attributes, repairs_a_key_wherever_the_bad_byte_is) { /* (A50) */
    char key[41];
    for (size_t n = 1; n <= 40; n++) {
        for (size_t bad = 0; bad < n; bad++) {
            struct buf out;
            buf_init(&out, 4096);
            (void)buf_reserve(&out, 1);
            struct attributes a = attributes_in(&out, TAG);
            memset(key, 'k', n);
            key[n] = '\0';
            key[bad] = '\xff';
            set_int(&a, &NO_LIMITS, key, 1);
            struct encoded_key written = encoded_key_at(out.data + 1, NULL);
            cr_assert(eq(sz, written.n_bytes, n + 2));
            cr_assert(zero(int, memcmp(written.bytes + bad, "\xef\xbf\xbd", 3)));
            buf_deinit(&out);
        }
    }
}

Test(attributes, takes_each_of_the_keys_that_differ_in_one_byte_alone) {
    enum { N_BYTES = 40 };
    char key[N_BYTES + 1];
    struct buf out;
    buf_init(&out, 1 << 20);
    struct attributes a = attributes_in(&out, TAG);
    memset(key, 'k', N_BYTES);
    key[N_BYTES] = '\0';
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < N_BYTES; i++) {
            for (char c = 'a'; c <= 'f'; c++) {
                key[i] = c;
                set_int(&a, &NO_LIMITS, key, round);
            }
            key[i] = 'k';
        }
    }
    cr_assert(eq(u32, a.n, N_BYTES * 6));
    buf_deinit(&out);
}

Test(attributes, forgets_the_keys_that_it_discarded) {
    struct attribute_limits limits = {1, ENCODE_ALL_CHARS};
    char key[32];
    struct buf out;
    buf_init(&out, 4096);
    struct attributes a = attributes_in(&out, TAG);
    for (int i = 0; i < 2000; i++) {
        snprintf(key, sizeof key, "key.%d", i);
        set_int(&a, &limits, key, i & 0x7f);
    }
    expect_text(listing(&a), "key.0=0 ");
    cr_assert(eq(u32, a.n_dropped, 1999));
    size_t n_bits = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(a.seen.words); i++) {
        n_bits += (size_t)__builtin_popcountll(a.seen.words[i]);
    }
    cr_assert(eq(sz, n_bits, 1));
    buf_deinit(&out);
}

Test(attributes, tells_keys_apart_by_their_case) { /* (A44) */
    struct buf out;
    buf_init(&out, 4096);
    struct attributes a = attributes_in(&out, TAG);
    set_int(&a, &NO_LIMITS, "key", 1);
    set_int(&a, &NO_LIMITS, "Key", 2);
    set_int(&a, &NO_LIMITS, "KEY", 3);
    set_int(&a, &NO_LIMITS, "Key", 4);
    expect_text(listing(&a), "key=1 KEY=3 Key=4 ");
    buf_deinit(&out);
}

Test(attributes, compares_keys_as_they_are_after_repair) {
    struct buf out;
    buf_init(&out, 4096);
    struct attributes a = attributes_in(&out, TAG);
    set_int(&a, &NO_LIMITS, "k\xef\xbf\xbd", 1);
    set_int(&a, &NO_LIMITS, "other", 2);
    set_int(&a, &NO_LIMITS, "k\xff", 3);
    set_int(&a, &NO_LIMITS, "k\xfe", 4);
    expect_text(listing(&a), "other=2 k\xef\xbf\xbd=4 ");
    set_int(&a, &NO_LIMITS, "k\xef\xbf\xbd", 5);
    expect_text(listing(&a), "other=2 k\xef\xbf\xbd=5 ");
    buf_deinit(&out);
}

Test(attributes, refuses_bad_arguments_and_counts_what_does_not_fit) {
    struct buf out;
    buf_init(&out, 64);
    struct attributes a = attributes_in(&out, TAG);
    weir_value good = weir_value_int(1), bad = weir_value_json("{");
    char long_text[65];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[64] = '\0';
    weir_value large = weir_value_string(long_text);
    cr_assert(eq(int, attributes_set(&a, &NO_LIMITS, NULL, &good), WEIR_E_INVALID));
    cr_assert(eq(int, attributes_set(&a, &NO_LIMITS, "", &good), WEIR_E_INVALID));
    cr_assert(eq(int, attributes_set(&a, &NO_LIMITS, "k", NULL), WEIR_E_INVALID));
    cr_assert(eq(int, attributes_set(&a, &NO_LIMITS, "k", &bad), WEIR_E_SYNTAX));
    cr_assert(eq(u32, a.n_dropped, 0));
    cr_assert(eq(int, attributes_set(&a, &NO_LIMITS, "k", &large), WEIR_E_TOO_LARGE));
    cr_assert(eq(u32, a.n_dropped, 1));
    set_int(&a, &NO_LIMITS, "k", 7);
    expect_text(listing(&a), "k=7 ");
    buf_deinit(&out);
}

Test(attributes, counts_the_refused_of_several) {
    struct buf out;
    buf_init(&out, 4096);
    struct attributes a = attributes_in(&out, TAG);
    weir_key_value items[] = {{"a", weir_value_int(1)},
                              {NULL, weir_value_int(2)},
                              {"b", weir_value_json("?")},
                              {"a", weir_value_int(3)}};
    cr_assert(eq(sz, attributes_set_all(&a, &NO_LIMITS, items, 4), 2));
    expect_text(listing(&a), "a=3 ");
    cr_assert(eq(sz, attributes_set_all(&a, &NO_LIMITS, NULL, 3), 3));
    buf_deinit(&out);
}
