#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <weir/error.h>

#include "otlp/bounds.h"
#include "otlp/encode.h"
#include "otlp/proto/common.pb-c.h"
#include "tests/support/expect.h"
#include "tests/support/fault.h"

enum { MAX_BYTES = 1 << 22, TAG = 0x4a };

/* The record of key "k" without its tag, length and key: 12 <length> <AnyValue>. */
static void expect_value(const weir_value *value, size_t max_chars, const char *any, size_t n_any) {
    struct buf out;
    buf_init(&out, MAX_BYTES);
    cr_assert(eq(int, encode_key_value(&out, TAG, "k", 1, value, max_chars), 0));
    cr_assert(ge(sz, out.n_bytes, 7));
    cr_assert(zero(int, memcmp(out.data, "\x4a", 1)));
    cr_assert(eq(sz, (size_t)out.data[1], out.n_bytes - 2));
    cr_assert(zero(int, memcmp(out.data + 2, "\x0a\x01k\x12", 4)));
    cr_expect(eq(sz, (size_t)out.data[6], n_any));
    cr_expect(eq(sz, out.n_bytes - 7, n_any));
    cr_expect(out.n_bytes - 7 == n_any && memcmp(out.data + 7, any, n_any) == 0);
    buf_deinit(&out);
}
#define EXPECT_VALUE(value, any)                                                                   \
    expect_value(&(weir_value[]){value}[0], ENCODE_ALL_CHARS, any, sizeof(any) - 1)
#define EXPECT_LIMITED(value, max_chars, any)                                                      \
    expect_value(&(weir_value[]){value}[0], max_chars, any, sizeof(any) - 1)

/* Encodes and unpacks; the caller frees. */
static Otlp__KeyValue *unpack(const char *key, const weir_value *value) {
    struct buf out;
    buf_init(&out, MAX_BYTES);
    cr_assert(ge(int, encode_key_value(&out, TAG, key, strlen(key), value, ENCODE_ALL_CHARS), 0));
    const uint8_t *at = out.data + 1;
    size_t n_bytes = (size_t)wire_take_varint(&at);
    Otlp__KeyValue *record = otlp__key_value__unpack(NULL, n_bytes, at);
    cr_assert(record != NULL);
    buf_deinit(&out);
    return record;
}

static void expect_refused(int error, const weir_value *value) {
    struct buf out;
    buf_init(&out, MAX_BYTES);
    buf_append_text(&out, "before");
    cr_expect(eq(int, encode_key_value(&out, TAG, "k", 1, value, ENCODE_ALL_CHARS), error));
    expect_buf(&out, "before");
    buf_deinit(&out);
}

/* ---- scalars ---- */

Test(encode, writes_scalars_and_keeps_defaults) {
    EXPECT_VALUE(weir_value_string("text"), "\x0a\x04text");
    EXPECT_VALUE(weir_value_string(""), "\x0a\x00");
    EXPECT_VALUE(weir_value_bool(true), "\x10\x01");
    EXPECT_VALUE(weir_value_bool(false), "\x10\x00");
    EXPECT_VALUE(weir_value_int(0), "\x18\x00");
    EXPECT_VALUE(weir_value_int(300), "\x18\xac\x02");
    EXPECT_VALUE(weir_value_int(-1), "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    EXPECT_VALUE(weir_value_double(0.0), "\x21\0\0\0\0\0\0\0\0");
    EXPECT_VALUE(weir_value_double(-1.5), "\x21\0\0\0\0\0\0\xf8\xbf");
    EXPECT_VALUE(weir_value_double(INFINITY), "\x21\0\0\0\0\0\0\xf0\x7f");
    EXPECT_VALUE(weir_value_bytes("\xff\0", 2), "\x3a\x02\xff\0");
    EXPECT_VALUE(weir_value_bytes("", 0), "\x3a\x00");
    EXPECT_VALUE(((weir_value){.kind = WEIR_VALUE_EMPTY}), "");
}

Test(encode, keeps_a_nan) {
    weir_value value = weir_value_double(NAN);
    Otlp__KeyValue *record = unpack("k", &value);
    cr_assert(eq(int, record->value->value_case, OTLP__ANY_VALUE__VALUE_DOUBLE_VALUE));
    cr_assert(isnan(record->value->double_value));
    otlp__key_value__free_unpacked(record, NULL);
}

Test(encode, keeps_u0000_in_a_string) {
    EXPECT_VALUE(weir_value_string_n("a\0b", 3), "\x0a\x03"
                                                 "a\0b");
}

Test(encode, takes_every_varint_length) {
    for (unsigned bits = 0; bits < 64; bits++) {
        for (int less = 0; less < 2; less++) {
            int64_t number = (int64_t)((UINT64_C(1) << bits) - (uint64_t)less);
            weir_value value = weir_value_int(number);
            Otlp__KeyValue *record = unpack("k", &value);
            cr_assert(eq(i64, record->value->int_value, number));
            cr_assert(eq(sz, wire_varint_size((uint64_t)number),
                         otlp__any_value__get_packed_size(record->value) - 1));
            otlp__key_value__free_unpacked(record, NULL);
        }
    }
}

/* ---- text that is not UTF-8 ---- */

Test(encode, sends_a_string_that_is_not_utf8_as_bytes) {
    EXPECT_VALUE(weir_value_string("a\xff"), "\x3a\x02"
                                             "a\xff");
    EXPECT_VALUE(weir_value_string("\xed\xa0\x80 a surrogate"), "\x3a\x0f\xed\xa0\x80 a surrogate");
}

Test(encode, repairs_a_key) {
    struct buf out;
    buf_init(&out, MAX_BYTES);
    weir_value value = weir_value_bool(true);
    cr_assert(eq(int, encode_key_value(&out, TAG, "a\xff", 2, &value, ENCODE_ALL_CHARS), 0));
    expect_buf(&out, "\x4a\x0a\x0a\x04"
                     "a\xef\xbf\xbd\x12\x02\x10\x01");
    buf_deinit(&out);
}

Test(encode, repairs_a_text_field) {
    struct buf out;
    buf_init(&out, MAX_BYTES);
    encode_text(&out, 0x2a, "", 0); /* left out */
    encode_text(&out, 0x2a, "good \xc3\xbc", 7);
    encode_text(&out, 0x2a, "\xc3(", 2);
    expect_buf(&out, "\x2a\x07good \xc3\xbc\x2a\x04\xef\xbf\xbd(");
    buf_deinit(&out);
}

/* ---- limits ---- */

Test(encode, cuts_strings_by_characters_and_bytes_by_bytes) {
    EXPECT_LIMITED(weir_value_string("abc"), 3,
                   "\x0a\x03"
                   "abc");
    EXPECT_LIMITED(weir_value_string("abcd"), 3,
                   "\x0a\x03"
                   "abc");
    EXPECT_LIMITED(weir_value_string("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z"), 3,
                   "\x0a\x09\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
    EXPECT_LIMITED(weir_value_string("ab"), 0, "\x0a\x00");
    EXPECT_LIMITED(weir_value_bytes("abc", 3), 2,
                   "\x3a\x02"
                   "ab");
    EXPECT_LIMITED(weir_value_string("\xff\xff\xff"), 2, "\x3a\x02\xff\xff");
    EXPECT_LIMITED(weir_value_json("\"a\\u00e4bc\""), 2,
                   "\x0a\x03"
                   "a\xc3\xa4");
}

Test(encode, cuts_inside_arrays_and_maps_and_nothing_but_text) {
    weir_value items[] = {weir_value_string("abc"), weir_value_int(123456)};
    EXPECT_LIMITED(weir_value_array(items, 2), 1,
                   "\x2a\x0b\x0a\x03\x0a\x01"
                   "a\x0a\x04\x18\xc0\xc4\x07");
    weir_key_value map[] = {{"long", weir_value_bytes("xy", 2)}};
    EXPECT_LIMITED(weir_value_map(map, 1), 1, "\x32\x0d\x0a\x0b\x0a\x04long\x12\x03\x3a\x01x");
}

/* n arrays, each the only item of the one before. */
static weir_value *nest_arrays(weir_value *values, size_t n) {
    for (size_t i = 0; i + 1 < n; i++) {
        values[i] = weir_value_array(&values[i + 1], 1);
    }
    values[n - 1] = weir_value_array(NULL, 0);
    return values;
}

static size_t depth_of(const Otlp__AnyValue *value) {
    size_t depth = 0;
    while (value->value_case == OTLP__ANY_VALUE__VALUE_ARRAY_VALUE) {
        depth++;
        if (value->array_value->n_values == 0) {
            break;
        }
        value = value->array_value->values[0];
    }
    return depth;
}

Test(encode, makes_values_below_the_depth_limit_empty) { /* (E48) */
    weir_value values[1000];
    Otlp__KeyValue *record = unpack("k", nest_arrays(values, 64));
    cr_assert(eq(sz, depth_of(record->value), 64));
    otlp__key_value__free_unpacked(record, NULL);

    record = unpack("k", nest_arrays(values, 1000));
    cr_assert(eq(sz, depth_of(record->value), 64)); /* and one empty value below */
    otlp__key_value__free_unpacked(record, NULL);
}

Test(encode, counts_the_depth_of_json_inside_values) {
    weir_value values[VALUE_MAX_DEPTH];
    nest_arrays(values, VALUE_MAX_DEPTH);
    values[VALUE_MAX_DEPTH - 1] = weir_value_json("[[[]]]");
    Otlp__KeyValue *record = unpack("k", values);
    cr_assert(eq(sz, depth_of(record->value), VALUE_MAX_DEPTH));
    otlp__key_value__free_unpacked(record, NULL);
}

/* ---- arrays and maps ---- */

Test(encode, writes_empty_and_mixed_collections) {
    EXPECT_VALUE(weir_value_array(NULL, 0), "\x2a\x00");
    EXPECT_VALUE(weir_value_map(NULL, 0), "\x32\x00");
    weir_value mixed[] = {weir_value_int(1), {.kind = WEIR_VALUE_EMPTY}, weir_value_bool(false)};
    EXPECT_VALUE(weir_value_array(mixed, 3), "\x2a\x0a\x0a\x02\x18\x01\x0a\x00\x0a\x02\x10\x00");
    weir_key_value map[] = {{"a", weir_value_int(1)}, {"", weir_value_int(2)}};
    EXPECT_VALUE(weir_value_map(map, 2), "\x32\x0f\x0a\x07\x0a\x01"
                                         "a\x12\x02\x18\x01\x0a\x04\x12\x02\x18\x02");
}

Test(encode, keeps_the_last_of_equal_keys_in_a_map) {
    weir_key_value map[] = {{"a", weir_value_int(1)},
                            {"b", weir_value_int(2)},
                            {"a", weir_value_int(3)},
                            {"a", weir_value_int(4)}};
    EXPECT_VALUE(weir_value_map(map, 4), "\x32\x12\x0a\x07\x0a\x01"
                                         "b\x12\x02\x18\x02\x0a\x07\x0a\x01"
                                         "a\x12\x02\x18\x04");
    map[0].key = "A"; /* another key (A44) */
    EXPECT_VALUE(weir_value_map(map, 2), "\x32\x12\x0a\x07\x0a\x01"
                                         "A\x12\x02\x18\x01\x0a\x07\x0a\x01"
                                         "b\x12\x02\x18\x02");
}

Test(encode, keeps_the_last_of_equal_keys_in_a_large_map) {
    enum { N_KEYS = 3000, N_DISTINCT = 1000 };
    static weir_key_value map[N_KEYS];
    static char keys[N_KEYS][16];
    for (int i = 0; i < N_KEYS; i++) {
        snprintf(keys[i], sizeof keys[i], "key-%d", i % N_DISTINCT);
        map[i] = (weir_key_value){keys[i], weir_value_int(i)};
    }
    weir_value value = weir_value_map(map, N_KEYS);
    Otlp__KeyValue *record = unpack("k", &value);
    const Otlp__KeyValueList *list = record->value->kvlist_value;
    cr_assert(eq(sz, list->n_values, N_DISTINCT));
    for (int i = 0; i < N_DISTINCT; i++) {
        cr_assert(eq(i64, list->values[i]->value->int_value, N_KEYS - N_DISTINCT + i));
    }
    otlp__key_value__free_unpacked(record, NULL);
}

/* ---- JSON leaves ---- */

Test(encode, gives_json_the_value_that_it_means) {
    EXPECT_VALUE(weir_value_json(" \"a\\n\\u0000\\ud83d\\ude00\" "), "\x0a\x07"
                                                                     "a\n\0\xf0\x9f\x98\x80");
    EXPECT_VALUE(weir_value_json("null"), "");
    EXPECT_VALUE(weir_value_json("true"), "\x10\x01");
    EXPECT_VALUE(weir_value_json("false"), "\x10\x00");
    EXPECT_VALUE(weir_value_json("-5"), "\x18\xfb\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    EXPECT_VALUE(weir_value_json("-9223372036854775808"),
                 "\x18\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01");
    EXPECT_VALUE(weir_value_json("9223372036854775808"), "\x0a\x13"
                                                         "9223372036854775808");
    EXPECT_VALUE(weir_value_json("1.0"), "\x21\0\0\0\0\0\0\xf0\x3f");
    EXPECT_VALUE(weir_value_json("1e400"), "\x21\0\0\0\0\0\0\xf0\x7f");
    EXPECT_VALUE(weir_value_json("[1,[],\"x\"]"), "\x2a\x0d\x0a\x02\x18\x01\x0a\x02\x2a\x00\x0a"
                                                  "\x03\x0a\x01x");
    EXPECT_VALUE(weir_value_json("{\"a\":{},\"\":null,\"a\":2}"),
                 "\x32\x0d\x0a\x02\x12\x00\x0a\x07\x0a\x01"
                 "a\x12\x02\x18\x02");
}

Test(encode, takes_json_that_is_not_terminated) {
    EXPECT_VALUE(weir_value_json_n("12.5", 2), "\x18\x0c");
}

Test(encode, refuses_json_that_is_none) {
    static const char *const bad[] = {"", "{", "[1,]", "{\"a\"}", "nul", "NaN", "1 2", "'a'"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        weir_value value = weir_value_json(bad[i]);
        expect_refused(WEIR_E_SYNTAX, &value);
        weir_value nested[] = {weir_value_int(1), value};
        weir_value array = weir_value_array(nested, 2);
        expect_refused(WEIR_E_SYNTAX, &array);
    }
}

Test(encode, refuses_json_nested_too_deep) {
    char text[400];
    memset(text, '[', 200);
    memset(text + 200, ']', 200);
    weir_value value = weir_value_json_n(text, sizeof text);
    expect_refused(WEIR_E_TOO_LARGE, &value);
}

/* ---- what is refused ---- */

Test(encode, refuses_lengths_without_pointers_and_unknown_kinds) {
    weir_value bad[] = {
        {.kind = WEIR_VALUE_STRING, .as.string = {NULL, 1}},
        {.kind = WEIR_VALUE_BYTES, .as.bytes = {NULL, 1}},
        {.kind = WEIR_VALUE_ARRAY, .as.array = {NULL, 1}},
        {.kind = WEIR_VALUE_MAP, .as.map = {NULL, 1}},
        {.kind = WEIR_VALUE_JSON, .as.string = {NULL, 1}},
        {.kind = (weir_value_kind)99},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        expect_refused(WEIR_E_INVALID, &bad[i]);
        weir_value array = weir_value_array(&bad[i], 1);
        expect_refused(WEIR_E_INVALID, &array);
    }
    weir_key_value no_key = {NULL, weir_value_int(1)};
    weir_value map = weir_value_map(&no_key, 1);
    expect_refused(WEIR_E_INVALID, &map);
}

Test(encode, leaves_the_buffer_as_it_was_when_there_is_no_room) {
    weir_value text = weir_value_string("0123456789");
    weir_value items[] = {weir_value_int(1), text};
    weir_value array = weir_value_array(items, 2);
    for (size_t max_bytes = 0; max_bytes < 22; max_bytes++) {
        struct buf out;
        buf_init(&out, max_bytes);
        cr_expect(eq(int, encode_key_value(&out, TAG, "k", 1, &array, ENCODE_ALL_CHARS),
                     WEIR_E_TOO_LARGE));
        cr_expect(eq(sz, out.n_bytes, 0));
        cr_expect(eq(int, buf_error(&out), 0));
        buf_deinit(&out);
    }
}

Test(encode, keeps_an_error_that_the_buffer_already_had) {
    struct buf out;
    buf_init(&out, 4);
    buf_append_text(&out, "too long");
    weir_value value = weir_value_bool(true);
    cr_assert(
        eq(int, encode_key_value(&out, TAG, "k", 1, &value, ENCODE_ALL_CHARS), WEIR_E_TOO_LARGE));
    cr_assert(eq(int, buf_error(&out), WEIR_E_TOO_LARGE));
    buf_deinit(&out);
}

Test(encode, survives_failing_allocation_at_every_step) {
    enum { N_KEYS = 100 }; /* more than the small table holds */
    static weir_key_value map[N_KEYS];
    for (int i = 0; i < N_KEYS; i++) {
        map[i] = (weir_key_value){i % 2 ? "odd" : "even", weir_value_json("[1.5, {\"a\": 2}]")};
    }
    weir_value value = weir_value_map(map, N_KEYS);
    FAULT_FOR_EACH_ALLOCATION(n) {
        struct buf out;
        buf_init(&out, MAX_BYTES);
        int error = encode_key_value(&out, TAG, "k\xff", 2, &value, ENCODE_ALL_CHARS);
        cr_assert(error == 0 || error == WEIR_E_NO_MEMORY);
        cr_assert(error == 0 || out.n_bytes == 0);
        buf_deinit(&out);
    }
}
