#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/error.h>

#include "otlp/common/alloc.h"
#include "otlp/common/bounds.h"
#include "otlp/common/json_write.h"
#include "otlp/common/macro.h"
#include "tests/support/expect.h"
#include "tests/support/fault.h"
#include "tests/support/locale.h"

/* ---- doubles ---- */

static const struct double_row {
    double number;
    const char *compact;
    const char *python;
} double_rows[] = {
    {0.0, "0.0", "0.0"},
    {-0.0, "-0.0", "-0.0"},
    {1.0, "1.0", "1.0"},
    {-1.5, "-1.5", "-1.5"},
    {0.1, "0.1", "0.1"},
    {0.054328, "0.054328", "0.054328"},
    {0.30000000000000004, "0.30000000000000004", "0.30000000000000004"},
    {100.0, "100.0", "100.0"},
    {123456.789, "123456.789", "123456.789"},
    {1e-3, "0.001", "0.001"},
    {1e-4, "0.0001", "0.0001"},
    {1.5e-4, "0.00015", "0.00015"},
    {9.999e-5, "0.00009999", "9.999e-05"},
    {1e-5, "0.00001", "1e-05"},
    {1.25e-5, "0.0000125", "1.25e-05"},
    {9.999e-6, "9.999e-6", "9.999e-06"},
    {1e-6, "1e-6", "1e-06"},
    {1.5e-7, "1.5e-7", "1.5e-07"},
    {1e-10, "1e-10", "1e-10"},
    {1e-100, "1e-100", "1e-100"},
    {5e-324, "5e-324", "5e-324"},
    {-5e-324, "-5e-324", "-5e-324"},
    {2.2250738585072014e-308, "2.2250738585072014e-308", "2.2250738585072014e-308"},
    {2.2250738585072011e-308, "2.225073858507201e-308", "2.225073858507201e-308"},
    {999999999999999.0, "999999999999999.0", "999999999999999.0"},
    {1e15, "1000000000000000.0", "1000000000000000.0"},
    {1234567890123456.7, "1234567890123456.8", "1234567890123456.8"},
    {9007199254740993.0, "9007199254740992.0", "9007199254740992.0"},
    {9999999999999998.0, "9999999999999998.0", "9999999999999998.0"},
    {1e16, "1e+16", "1e+16"},
    {1.2345678901234568e16, "1.2345678901234568e+16", "1.2345678901234568e+16"},
    {2.5e20, "2.5e+20", "2.5e+20"},
    {1e22, "1e+22", "1e+22"},
    {1e23, "1e+23", "1e+23"},
    {DBL_MAX, "1.7976931348623157e+308", "1.7976931348623157e+308"},
    {NAN, "null", "NaN"},
    {INFINITY, "null", "Infinity"},
    {-INFINITY, "null", "-Infinity"},
};

static void check_double_rows(void) {
    for (size_t i = 0; i < ARRAY_LENGTH(double_rows); i++) {
        struct buf out CLEANUP(buf_deinit);
        buf_init(&out, 64);
        json_write_double(&out, double_rows[i].number, JSON_COMPACT);
        expect_buf_at(i, &out, double_rows[i].compact);
        buf_clear(&out);
        json_write_double(&out, double_rows[i].number, JSON_PYTHON);
        expect_buf_at(i, &out, double_rows[i].python);
    }
}

Test(json_write, doubles_in_both_spellings) {
    check_double_rows();
}

Test(json_write, doubles_do_not_follow_the_locale) {
    static const char *const names[] = {"de_DE", "ps_AF"};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        if (!locale_enter(names[i])) {
            cr_skip_test("no locale %s to be had (package locales)", names[i]);
        }
        cr_assert(ne(int, strcmp(localeconv()->decimal_point, "."), 0));
        check_double_rows();
    }
}

/* How many significant digits a written number has. */
static int n_digits(const char *text) {
    int n = 0, n_zeros = 0;
    for (; *text != '\0' && *text != 'e'; text++) {
        if (*text < '0' || *text > '9' || (n == 0 && *text == '0')) {
            continue;
        }
        n++;
        n_zeros = *text == '0' ? n_zeros + 1 : 0;
    }
    return n - n_zeros;
}

/* True when the number can be written with so few digits and read back. */
static bool is_enough(double number, int digits) {
    char text[40];
    snprintf(text, sizeof text, "%.*e", digits - 1, number);
    return strtod(text, NULL) == number;
}

Test(json_write, doubles_are_the_shortest_that_read_back) {
    uint64_t state = 0x9e3779b97f4a7c15;
    for (int round = 0; round < 20000; round++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        uint64_t bits = state ^ state >> 29;
        double number;
        memcpy(&number, &bits, sizeof number);
        if (round % 2 == 0) { /* numbers of everyday size, of few digits */
            number = (double)(bits % 1000000) / 1000;
        }
        if (!isfinite(number) || number == 0) {
            continue;
        }
        struct buf out CLEANUP(buf_deinit);
        buf_init(&out, 64);
        json_write_double(&out, number, round % 3 ? JSON_COMPACT : JSON_PYTHON);
        const char *text = expect_terminated(out.data, out.n_bytes);
        cr_assert(eq(dbl, strtod(text, NULL), number), "%s", text);
        int digits = n_digits(text);
        cr_assert(digits <= 1 || !is_enough(number, digits - 1), "%s is not the shortest", text);
    }
}

/* ---- integers ---- */

Test(json_write, integers) {
    static const struct {
        int64_t number;
        const char *text;
    } rows[] = {{0, "0"},
                {7, "7"},
                {-7, "-7"},
                {10, "10"},
                {INT64_MAX, "9223372036854775807"},
                {INT64_MIN, "-9223372036854775808"}};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct buf out CLEANUP(buf_deinit);
        buf_init(&out, 32);
        json_write_int(&out, rows[i].number);
        expect_buf_at(i, &out, rows[i].text);
    }
}

/* ---- strings ---- */

#define FFFD "\xef\xbf\xbd"

Test(json_write, strings_in_both_spellings) {
    static const struct {
        const char *text;
        size_t n_bytes;
        const char *compact, *python;
    } rows[] = {
        {"", 0, "\"\"", "\"\""},
        {"plain", 5, "\"plain\"", "\"plain\""},
        {"\"\\/", 3, "\"\\\"\\\\/\"", "\"\\\"\\\\/\""},
        {"\b\t\n\f\r", 5, "\"\\b\\t\\n\\f\\r\"", "\"\\b\\t\\n\\f\\r\""},
        {"\0\x01\x0b\x1f", 4, "\"\\u0000\\u0001\\u000b\\u001f\"",
         "\"\\u0000\\u0001\\u000b\\u001f\""},
        {"\x7f", 1, "\"\x7f\"", "\"\x7f\""},
        {"\xc3\xa9", 2, "\"\xc3\xa9\"", "\"\\u00e9\""},
        {"\xe2\x80\xa8", 3, "\"\xe2\x80\xa8\"", "\"\\u2028\""},
        {"\xef\xbf\xbf", 3, "\"\xef\xbf\xbf\"", "\"\\uffff\""},
        {"\xf0\x9f\x98\x80", 4, "\"\xf0\x9f\x98\x80\"", "\"\\ud83d\\ude00\""},
        {"\xf4\x8f\xbf\xbf", 4, "\"\xf4\x8f\xbf\xbf\"", "\"\\udbff\\udfff\""},
        {"a\xff"
         "b",
         3, "\"a" FFFD "b\"", "\"a\\ufffdb\""},
        {"\xed\xa0\x80", 3, "\"" FFFD FFFD FFFD "\"", "\"\\ufffd\\ufffd\\ufffd\""},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct buf out CLEANUP(buf_deinit);
        buf_init(&out, 128);
        json_write_string(&out, rows[i].text, rows[i].n_bytes, JSON_COMPACT);
        expect_buf_at(i, &out, rows[i].compact);
        buf_clear(&out);
        json_write_string(&out, rows[i].text, rows[i].n_bytes, JSON_PYTHON);
        expect_buf_at(i, &out, rows[i].python);
    }
}

/* Plain bytes are passed over by the eight and the sixteen: an escape is found at every place. */
Test(json_write, an_escape_at_every_place_of_a_long_string) {
    static const char plain[] = "!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!";
    static const struct {
        char byte;
        const char *escape;
    } rows[] = {
        {'"', "\\\""}, {'\\', "\\\\"}, {'\n', "\\n"}, {'\x1f', "\\u001f"}, {'\0', "\\u0000"}};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        for (int place = 0; place < 40; place++) {
            char text[40], wanted[96];
            memcpy(text, plain, sizeof text);
            text[place] = rows[i].byte;
            snprintf(wanted, sizeof wanted, "\"%.*s%s%.*s\"", place, plain, rows[i].escape,
                     39 - place, plain);
            for (int form = 0; form < 2; form++) {
                struct buf out CLEANUP(buf_deinit);
                buf_init(&out, 128);
                json_write_string(&out, text, sizeof text, form == 0 ? JSON_COMPACT : JSON_PYTHON);
                expect_buf_at(i, &out, wanted);
            }
        }
    }
}

Test(json_write, base64) {
    static const struct {
        const char *bytes;
        size_t n_bytes;
        const char *text;
    } rows[] = {{"", 0, ""},
                {"f", 1, "Zg=="},
                {"fo", 2, "Zm8="},
                {"foo", 3, "Zm9v"},
                {"foobar", 6, "Zm9vYmFy"},
                {"\xfb\xff\xbf", 3, "+/+/"},
                {"\0\0\0\0", 4, "AAAAAA=="}};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct buf out CLEANUP(buf_deinit);
        buf_init(&out, 32);
        json_write_base64(&out, (const uint8_t *)rows[i].bytes, rows[i].n_bytes);
        expect_buf_at(i, &out, rows[i].text);
    }
}

/* ---- values ---- */

static void expect_value(size_t at, const weir_value *value, const char *compact,
                         const char *python) {
    struct buf out CLEANUP(buf_deinit);
    buf_init(&out, 1 << 12);
    json_write_value(&out, value, JSON_COMPACT);
    expect_buf_at(at, &out, compact);
    buf_clear(&out);
    json_write_value(&out, value, JSON_PYTHON);
    expect_buf_at(at, &out, python);
}

Test(json_write, values_of_every_kind) {
    const weir_value items[] = {weir_value_int(1), weir_value_string("\xc3\xa9"),
                                weir_value_bool(true)};
    const weir_key_value members[] = {{"k", weir_value_array(items, 3)},
                                      {"\xc3\xa9", weir_value_bool(false)}};
    const struct {
        weir_value value;
        const char *compact, *python;
    } rows[] = {
        {{0}, "null", "null"},
        {weir_value_string("x"), "\"x\"", "\"x\""},
        {weir_value_double(1e-5), "0.00001", "1e-05"},
        {weir_value_double(NAN), "null", "NaN"},
        {weir_value_bytes("foo", 3), "\"Zm9v\"", "\"Zm9v\""},
        {weir_value_bytes(NULL, 0), "\"\"", "\"\""},
        {weir_value_array(NULL, 0), "[]", "[]"},
        {weir_value_map(NULL, 0), "{}", "{}"},
        {weir_value_array(items, 3), "[1,\"\xc3\xa9\",true]", "[1, \"\\u00e9\", true]"},
        {weir_value_map(members, 2), "{\"k\":[1,\"\xc3\xa9\",true],\"\xc3\xa9\":false}",
         "{\"k\": [1, \"\\u00e9\", true], \"\\u00e9\": false}"},
        {weir_value_json(" { \"a b\" : [ 1e400 , -0 ,123456789012345678901234567890 ] } "),
         "{\"a b\":[1e400,-0,123456789012345678901234567890]}",
         "{\"a b\": [1e400, -0, 123456789012345678901234567890]}"},
        {weir_value_json("\"\\u00E9\\/ \xc3\xa9\""), "\"\\u00E9\\/ \xc3\xa9\"",
         "\"\\u00e9/ \\u00e9\""},
        {weir_value_json("\"\xff, :\""), "\"" FFFD ", :\"", "\"\\ufffd, :\""},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        expect_value(i, &rows[i].value, rows[i].compact, rows[i].python);
    }
}

Test(json_write, of_equal_keys_the_last_is_written_and_a_NULL_key_is_not) {
    const weir_key_value members[] = {{"a", weir_value_int(1)},
                                      {"b", weir_value_int(2)},
                                      {NULL, weir_value_int(3)},
                                      {"a", weir_value_int(4)}};
    weir_value map = weir_value_map(members, 4);
    expect_value(0, &map, "{\"b\":2,\"a\":4}", "{\"b\": 2, \"a\": 4}");
}

/* n members "k0" to "k<n_keys - 1>", again and again, each with its place as the value. */
static weir_key_value *members_of(char (*keys)[16], size_t n, size_t n_keys) {
    weir_key_value *members = mem_array(n, sizeof *members);
    cr_assert(members != NULL);
    for (size_t i = 0; i < n; i++) {
        snprintf(keys[i % n_keys], sizeof keys[0], "k%zu", i % n_keys);
        members[i] = (weir_key_value){keys[i % n_keys], weir_value_int((int64_t)i)};
    }
    return members;
}

Test(json_write, of_equal_keys_in_a_large_map_too) {
    enum { KEYS = 300 };
    static const size_t sizes[] = {31, 32, 33, 300, 301, 1000, 100000}; /* quadratic: minutes */
    static char keys[KEYS][16];
    for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
        size_t n = sizes[i], n_keys = MIN(n / 2, (size_t)KEYS);
        weir_key_value *members = members_of(keys, n, n_keys);
        members[0].key = NULL;
        weir_value map = weir_value_map(members, n);
        struct buf out CLEANUP(buf_deinit), expected CLEANUP(buf_deinit);
        buf_init(&out, 1 << 20);
        buf_init(&expected, 1 << 20);
        for (size_t at = n - n_keys; at < n; at++) {
            char member[48];
            snprintf(member, sizeof member, "%s\"k%zu\":%zu", at > n - n_keys ? "," : "{",
                     at % n_keys, at);
            buf_append_text(&expected, member);
        }
        buf_append_byte(&expected, '}');
        json_write_value(&out, &map, JSON_COMPACT);
        cr_assert(eq(int, buf_error(&out), 0));
        cr_assert(eq(sz, out.n_bytes, expected.n_bytes), "%zu members", n);
        cr_assert(zero(int, memcmp(out.data, expected.data, out.n_bytes)), "%zu members", n);
        mem_free(members);
    }
}

Test(json_write, a_large_map_without_memory_is_an_error) {
    static char keys[40][16];
    weir_key_value *members = members_of(keys, 40, 40);
    weir_value map = weir_value_map(members, 40);
    FAULT_FOR_EACH_ALLOCATION(n) {
        struct buf out;
        buf_init(&out, 1 << 12);
        json_write_value(&out, &map, JSON_PYTHON);
        cr_assert(eq(int, buf_error(&out), fault_has_struck() ? WEIR_E_NO_MEMORY : 0));
        buf_deinit(&out);
    }
    mem_free(members);
}

static int error_of(const weir_value *value, enum json_form form) {
    struct buf out CLEANUP(buf_deinit);
    buf_init(&out, 1 << 12);
    json_write_value(&out, value, form);
    return buf_error(&out);
}

Test(json_write, a_leaf_that_is_no_json_is_an_error) {
    static const char *const leaves[] = {"", " ", "{", "1 2", "NaN", "-Infinity", "'a'", "[1,]"};
    for (size_t i = 0; i < ARRAY_LENGTH(leaves); i++) {
        weir_value leaf = weir_value_json(leaves[i]);
        weir_value array = weir_value_array(&leaf, 1);
        cr_assert(eq(int, error_of(&leaf, JSON_COMPACT), WEIR_E_SYNTAX), "%s", leaves[i]);
        cr_assert(eq(int, error_of(&leaf, JSON_PYTHON), WEIR_E_SYNTAX), "%s", leaves[i]);
        cr_assert(eq(int, error_of(&array, JSON_COMPACT), WEIR_E_SYNTAX), "%s", leaves[i]);
    }
}

/* n_arrays arrays around a leaf: what is written must be nested no deeper than the bound. */
static int error_of_nested(int n_arrays, weir_value leaf) {
    weir_value values[JSON_MAX_DEPTH + 2];
    values[0] = leaf;
    for (int i = 1; i <= n_arrays; i++) {
        values[i] = weir_value_array(&values[i - 1], 1);
    }
    return error_of(&values[n_arrays], JSON_COMPACT);
}

Test(json_write, nesting_is_bounded_leaves_included) {
    enum { MAX = JSON_MAX_DEPTH };
    weir_value one = weir_value_int(1), json = weir_value_json("[{\"a\":[]}]"); /* 3 brackets */
    cr_assert(eq(int, error_of_nested(MAX, one), 0));
    cr_assert(eq(int, error_of_nested(MAX + 1, one), WEIR_E_TOO_LARGE));
    cr_assert(eq(int, error_of_nested(MAX - 1, weir_value_map(NULL, 0)), 0));
    cr_assert(eq(int, error_of_nested(MAX, weir_value_map(NULL, 0)), WEIR_E_TOO_LARGE));
    cr_assert(eq(int, error_of_nested(MAX - 3, json), 0));
    cr_assert(eq(int, error_of_nested(MAX - 2, json), WEIR_E_TOO_LARGE));
}

Test(json_write, survives_failing_allocation_and_a_full_buffer) {
    const weir_value items[] = {weir_value_string("\xff\xff"), weir_value_json("\"\\u00e9 \xff\"")};
    weir_value array = weir_value_array(items, 2);
    FAULT_FOR_EACH_ALLOCATION(n) {
        struct buf out;
        buf_init(&out, 1 << 12);
        json_write_value(&out, &array, JSON_PYTHON);
        cr_assert(eq(int, buf_error(&out), fault_has_struck() ? WEIR_E_NO_MEMORY : 0));
        buf_deinit(&out);
    }
    size_t needed = strlen("[\"\\ufffd\\ufffd\", \"\\u00e9 \\ufffd\"]");
    for (size_t max = 0; max <= needed; max++) {
        struct buf out CLEANUP(buf_deinit);
        buf_init(&out, max);
        json_write_value(&out, &array, JSON_PYTHON);
        cr_assert(eq(int, buf_error(&out), max < needed ? WEIR_E_TOO_LARGE : 0), "%zu", max);
    }
}
