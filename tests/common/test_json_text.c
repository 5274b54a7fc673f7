#include <locale.h>
#include <math.h>
#include <weir/error.h>
#include <weir/value.h>

#include "otlp/common/alloc.h"
#include "otlp/common/bounds.h"
#include "otlp/common/json_text.h"
#include "otlp/common/macro.h"
#include "otlp/common/utf8.h"
#include "tests/support/expect.h"
#include "tests/support/fault.h"
#include "tests/support/json_oracle.h"
#include "tests/support/locale.h"

static struct json_slice slice(const char *text) {
    return (struct json_slice){text, strlen(text)};
}

static const char *const good[] = {"null",
                                   "true",
                                   "false",
                                   "0",
                                   "-0",
                                   "12",
                                   "-12.5",
                                   "0.5e1",
                                   "1E+2",
                                   "1e-2",
                                   "\"\"",
                                   "\"a\"",
                                   "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\ude00\"",
                                   "[]",
                                   "{}",
                                   "[ ]",
                                   "{ }",
                                   "[1,2]",
                                   "[[],[[]],{}]",
                                   "{\"a\":1}",
                                   "{\"a\":{\"b\":[1,{}]},\"c\":null}",
                                   " \t\r\n[ 1 , 2 ]\n",
                                   "{ \"a\" : 1 , \"a\" : 2 }",
                                   "\"\x7f\xc3\xa9\"",
                                   "\"a string longer than one machine word\"",
                                   "123456789012345678901234567890"};

static const char *const bad[] = {"",           " ",
                                  "nul",        "nulll",
                                  "True",       "+1",
                                  "01",         "-",
                                  "-a",         ".5",
                                  "1.",         "1.e1",
                                  "1e",         "1e+",
                                  "0x1",        "\"",
                                  "\"a",        "\"\\",
                                  "\"\\u12\"",  "\"\\u12g4\"",
                                  "\"\\x\"",    "\"\t\"",
                                  "\"\n\"",     "'a'",
                                  "[",          "]",
                                  "[1",         "[1,",
                                  "[1,]",       "[,1]",
                                  "[1 2]",      "[1}",
                                  "{",          "}",
                                  "{\"a\"",     "{\"a\":",
                                  "{\"a\":1",   "{\"a\":1,",
                                  "{\"a\":1,}", "{,}",
                                  "{1:2}",      "{a:1}",
                                  "{\"a\" 1}",  "{\"a\":1 \"b\":2}",
                                  "{\"a\":1]",  "1 2",
                                  "[] []",      "null,",
                                  "NaN",        "Infinity",
                                  "-Infinity",  "[NaN]",
                                  "-Inf",       "\xef\xbb\xbf 1",
                                  "/**/1",      "\"\\\0\"",
                                  "\xff",       "{\"a\"\"b\"}"};

Test(json_text, takes_what_is_json) {
    for (size_t i = 0; i < ARRAY_LENGTH(good); i++) {
        weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
        cr_assert(eq(int, weir_json_check(good[i], strlen(good[i]), &detail), 0), "%s", good[i]);
        cr_assert(eq(int, detail.code, 0));
    }
}

Test(json_text, refuses_what_is_not_and_names_the_place) {
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
        size_t n_bytes = strlen(bad[i]);
        cr_assert(eq(int, weir_json_check(bad[i], n_bytes, &detail), WEIR_E_SYNTAX), "%s", bad[i]);
        cr_assert(eq(int, detail.code, WEIR_E_SYNTAX), "%s", bad[i]);
        cr_assert(le(u64, detail.position, n_bytes), "%s", bad[i]);
        cr_assert(eq(int, strncmp(detail.message, "JSON: ", 6), 0), "%s", detail.message);
    }
}

Test(json_text, the_place_is_exact) {
    static const struct {
        const char *text;
        uint64_t position;
        const char *message;
    } rows[] = {
        {"{\"a\": 1,}", 8, "JSON: a key must be a string at byte 8"},
        {"[1, 2", 5, "JSON: the text ends inside an object or array at byte 5"},
        {"[1, x]", 4, "JSON: neither a number nor any other value at byte 4"},
        {"1 2", 2, "JSON: something follows the value at byte 2"},
        {"\"a\nb\"", 2, "JSON: a control character in a string at byte 2"},
        {"[NaN]", 1, "JSON: NaN and Infinity are no JSON at byte 1"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
        (void)weir_json_check(rows[i].text, strlen(rows[i].text), &detail);
        cr_assert(eq(u64, detail.position, rows[i].position), "%s", rows[i].text);
        expect_text_at(i, detail.message, rows[i].message);
    }
}

Test(json_text, null_text_is_a_programming_error) {
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_assert(eq(int, weir_json_check(NULL, 0, &detail), WEIR_E_INVALID));
    cr_assert(eq(int, weir_json_check(NULL, 5, NULL), WEIR_E_INVALID));
}

Test(json_text, a_nul_inside_is_no_end) {
    cr_assert(eq(int, weir_json_check("1\0", 2, NULL), WEIR_E_SYNTAX));
    cr_assert(eq(int, weir_json_check("\"a\0b\"", 5, NULL), WEIR_E_SYNTAX));
    cr_assert(eq(int, weir_json_check("\"\\\0\"", 4, NULL), WEIR_E_SYNTAX));
}

/* depth brackets, alternately of arrays and objects, around a number. */
static size_t write_nested(char *out, unsigned depth) {
    size_t n_bytes = 0;
    for (unsigned i = 0; i < depth; i++) {
        const char *open = i % 2 ? "{\"k\":" : "[";
        memcpy(out + n_bytes, open, strlen(open));
        n_bytes += strlen(open);
    }
    out[n_bytes++] = '1';
    for (unsigned i = depth; i-- > 0;) {
        out[n_bytes++] = i % 2 ? '}' : ']';
    }
    return n_bytes;
}

Test(json_text, nesting_is_bounded) {
    char text[1024];
    cr_assert(eq(int, weir_json_check(text, write_nested(text, JSON_MAX_DEPTH), NULL), 0));
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    size_t n_bytes = write_nested(text, JSON_MAX_DEPTH + 1);
    cr_assert(eq(int, weir_json_check(text, n_bytes, &detail), WEIR_E_TOO_LARGE));
    cr_assert(ne(ptr, strstr(detail.message, "nested too deep"), NULL));
    struct json_cursor c = json_cursor_over(text, write_nested(text, 10));
    c.n_around = JSON_MAX_DEPTH - 10;
    cr_assert(eq(int, json_skip(&c, NULL), 0));
    c = json_cursor_over(text, c.n_bytes);
    c.n_around = JSON_MAX_DEPTH - 9;
    cr_assert(eq(int, json_skip(&c, NULL), WEIR_E_TOO_LARGE));
}

Test(json_text, a_million_open_brackets_cost_no_stack) {
    static char text[1 << 20];
    memset(text, '[', sizeof text);
    cr_assert(eq(int, weir_json_check(text, sizeof text, NULL), WEIR_E_TOO_LARGE));
}

Test(json_text, every_truncation_is_refused) {
    const char *text = "{\"a\": [1.5e-3, \"x\\u00e9\\n\", true, null], \"b\": {\"c\": [[]]}}";
    for (size_t n_bytes = 0; n_bytes < strlen(text); n_bytes++) {
        char *exact = mem_strndup(text, n_bytes); /* so that reading past the end is seen */
        exact = mem_realloc(exact, n_bytes);
        cr_assert(eq(int, weir_json_check(exact, n_bytes, NULL), WEIR_E_SYNTAX), "%zu", n_bytes);
        mem_free(exact);
    }
    cr_assert(eq(int, weir_json_check(text, strlen(text), NULL), 0));
}

Test(json_text, python_s_words_are_numbers_when_allowed) {
    const char *text = "[NaN, Infinity, -Infinity, -1]";
    struct json_cursor c = json_cursor_over(text, strlen(text));
    c.allow_nan = true;
    cr_assert(eq(int, json_skip(&c, NULL), 0));
    static const char *const refused[] = {"nan", "inf", "-NaN", "Inf", "+Infinity", "Infinityx"};
    for (size_t i = 0; i < ARRAY_LENGTH(refused); i++) {
        c = json_cursor_over(refused[i], strlen(refused[i]));
        c.allow_nan = true;
        cr_assert(json_skip(&c, NULL) != 0 || !json_at_end(&c), "%s", refused[i]);
    }
}

/* ---- against jansson ---- */

static void compare_with_jansson(const char *text, size_t n_bytes) {
    enum json_verdict verdict = json_oracle(text, n_bytes);
    if (verdict != JSON_VERDICT_OUTSIDE) {
        bool taken = weir_json_check(text, n_bytes, NULL) == 0;
        cr_assert(eq(int, taken, verdict == JSON_VERDICT_TAKEN), "%.*s", (int)n_bytes, text);
    }
}

Test(json_text, agrees_with_jansson_on_mutations) {
    static const char alphabet[] = "{}[]\",:\\u0e1-.+ tfn\n/aA9";
    uint64_t state = 42;
    for (int round = 0; round < 60000; round++) {
        char text[128];
        const char *seed = good[(size_t)round % ARRAY_LENGTH(good)];
        size_t n_bytes = strlen(seed);
        memcpy(text, seed, n_bytes);
        for (int i = 0; i < 1 + round % 3 && n_bytes > 0; i++) {
            state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            size_t at = (size_t)(state >> 33) % n_bytes;
            char ch = alphabet[(state >> 20) % (sizeof alphabet - 1)];
            if ((state >> 60) % 3 == 0) { /* insert; else replace, or cut off */
                memmove(text + at + 1, text + at, n_bytes++ - at);
            }
            text[at] = ch;
            n_bytes = (state >> 56) % 8 == 0 ? at + 1 : n_bytes;
        }
        compare_with_jansson(text, n_bytes);
    }
}

/* ---- walking ---- */

Test(json_text, walks_an_object_member_by_member) {
    const char *text = " { \"a\" : [1, {\"x\": 2}] , \"b\\u0063\":\"s\" } tail";
    struct json_cursor c = json_cursor_over(text, strlen(text));
    struct json_slice key, value;
    cr_assert(eq(int, json_enter(&c, '{'), 0));
    cr_assert(eq(int, json_next_member(&c, &key, &value), 1));
    expect_text(expect_terminated(key.text, key.n_bytes), "\"a\"");
    expect_text(expect_terminated(value.text, value.n_bytes), "[1, {\"x\": 2}]");
    cr_assert(eq(int, json_next_member(&c, &key, &value), 1));
    cr_assert(json_string_is(key, "bc"));
    expect_text(expect_terminated(value.text, value.n_bytes), "\"s\"");
    cr_assert(eq(int, json_next_member(&c, &key, &value), 0));
    cr_assert(not(json_at_end(&c)));
    expect_text(text + c.at, "tail");
}

Test(json_text, walks_an_array_item_by_item) {
    const char *text = "[ 1,\"two\" ,[] ]";
    static const char *const items[] = {"1", "\"two\"", "[]"};
    struct json_cursor c = json_cursor_over(text, strlen(text));
    struct json_slice item;
    cr_assert(eq(int, json_enter(&c, '['), 0));
    for (size_t i = 0; i < ARRAY_LENGTH(items); i++) {
        cr_assert(eq(int, json_next_item(&c, &item), 1));
        expect_text_at(i, expect_terminated(item.text, item.n_bytes), items[i]);
    }
    cr_assert(eq(int, json_next_item(&c, &item), 0));
    cr_assert(json_at_end(&c));
}

Test(json_text, empty_containers_have_no_members) {
    struct json_slice key, value;
    struct json_cursor c = json_cursor_over("{ }", 3);
    cr_assert(eq(int, json_enter(&c, '{'), 0));
    cr_assert(eq(int, json_next_member(&c, &key, &value), 0));
    c = json_cursor_over("[]", 2);
    cr_assert(eq(int, json_enter(&c, '['), 0));
    cr_assert(eq(int, json_next_item(&c, &value), 0));
}

/* Walks to the first fault or the end; what the walk ended with. */
static int walk(const char *text, char bracket) {
    struct json_cursor c = json_cursor_over(text, strlen(text));
    int result = json_enter(&c, bracket);
    struct json_slice key, value;
    for (int more = result == 0; more > 0;) {
        more = bracket == '{' ? json_next_member(&c, &key, &value) : json_next_item(&c, &value);
        result = more;
    }
    cr_assert(eq(int, c.fault != NULL, result != 0), "%s", text);
    return result;
}

Test(json_text, walking_over_what_is_broken_ends_in_an_error) {
    static const char *const objects[] = {
        "",       "[",       "{",        "{,",        "{1",        "{\"a",
        "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1]", "{\"a\":1,", "{\"a\":1,}"};
    for (size_t i = 0; i < ARRAY_LENGTH(objects); i++) {
        cr_assert(eq(int, walk(objects[i], '{'), WEIR_E_SYNTAX), "%s", objects[i]);
    }
    static const char *const arrays[] = {"", "{", "[", "[,", "[1", "[1}", "[1,", "[1,]", "[1 2]"};
    for (size_t i = 0; i < ARRAY_LENGTH(arrays); i++) {
        cr_assert(eq(int, walk(arrays[i], '['), WEIR_E_SYNTAX), "%s", arrays[i]);
    }
}

Test(json_text, tells_kinds_by_the_first_byte) {
    static const struct {
        const char *text;
        enum json_kind kind;
    } rows[] = {{"null", JSON_NULL}, {"true", JSON_BOOL}, {"false", JSON_BOOL},
                {"-1", JSON_NUMBER}, {"0", JSON_NUMBER},  {"\"\"", JSON_STRING},
                {"[]", JSON_ARRAY},  {"{}", JSON_OBJECT}, {"NaN", JSON_NUMBER},
                {"", JSON_NONE}};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        cr_assert(eq(int, (int)json_kind_of(slice(rows[i].text)), (int)rows[i].kind), "%zu", i);
    }
    cr_assert(eq(int, (int)json_kind_of((struct json_slice){0}), JSON_NONE));
}

/* ---- decoding ---- */

#define FFFD "\xef\xbf\xbd"

Test(json_text, decodes_strings) {
    static const struct {
        const char *raw, *text;
    } rows[] = {
        {"\"\"", ""},
        {"\"plain\"", "plain"},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
        {"\"\\u0041\\u00e9\\u20AC\"", "A\xc3\xa9\xe2\x82\xac"},
        {"\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80"},
        {"\"\\udbff\\udfff\"", "\xf4\x8f\xbf\xbf"},
        {"\"\\ud83d\"", FFFD},
        {"\"\\ude00\"", FFFD},
        {"\"\\ud83dx\"", FFFD "x"},
        {"\"\\ud83d\\n\"", FFFD "\n"},
        {"\"\\ud83d\\ud83d\\ude00\"", FFFD "\xf0\x9f\x98\x80"},
        {"\"\\ud83d\\u0041\"", FFFD "A"},
        {"\"a\xff"
         "b\"",
         "a" FFFD "b"},
        {"\"\xc3\\n\"", FFFD "\n"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct buf out CLEANUP(buf_deinit);
        buf_init(&out, 64);
        json_append_decoded(&out, slice(rows[i].raw));
        expect_buf_at(i, &out, rows[i].text);
        char *text CLEANUP(mem_cleanup) = json_decode_text(slice(rows[i].raw));
        expect_text_at(i, text, rows[i].text);
        if (utf8_is_valid(rows[i].raw, strlen(rows[i].raw))) { /* keys are compared as they stand */
            cr_assert(json_string_is(slice(rows[i].raw), rows[i].text), "%zu", i);
        }
    }
}

Test(json_text, a_nul_is_decoded_and_cuts_a_c_string) {
    struct buf out CLEANUP(buf_deinit);
    buf_init(&out, 64);
    json_append_decoded(&out, slice("\"a\\u0000b\""));
    cr_assert(eq(sz, out.n_bytes, 3));
    cr_assert(zero(int, memcmp(out.data, "a\0b", 3)));
    char *text CLEANUP(mem_cleanup) = json_decode_text(slice("\"a\\u0000b\""));
    expect_text(text, "a");
    cr_assert(not(json_string_is(slice("\"a\\u0000b\""), "a")));
}

Test(json_text, compares_strings) {
    cr_assert(json_string_is(slice("\"key\""), "key"));
    cr_assert(json_string_is(slice("\"k\\u0065y\""), "key"));
    cr_assert(not(json_string_is(slice("\"key\""), "ke")));
    cr_assert(not(json_string_is(slice("\"ke\""), "key")));
    cr_assert(not(json_string_is(slice("12345"), "234")));
    cr_assert(not(json_string_is((struct json_slice){0}, "")));
    cr_assert(not(json_string_is(slice("\""), "")));
}

Test(json_text, decoding_survives_failing_allocation) {
    FAULT_FOR_EACH_ALLOCATION(n) {
        char *text = json_decode_text(slice("\"a\\u00e9b\""));
        cr_assert(eq(int, text == NULL, fault_has_struck()));
        mem_free(text);
    }
    FAULT_FOR_EACH_ALLOCATION(n) {
        bool same = json_string_is(slice("\"k\\u0065y\""), "key");
        cr_assert(eq(int, same, !fault_has_struck()));
    }
}

/* ---- numbers ---- */

Test(json_text, reads_integers_that_fit) {
    static const struct {
        const char *text;
        bool fits;
        int64_t number;
    } rows[] = {{"0", true, 0},
                {"-0", true, 0},
                {"42", true, 42},
                {"9223372036854775807", true, INT64_MAX},
                {"-9223372036854775808", true, INT64_MIN},
                {"9223372036854775808", false, 0},
                {"-9223372036854775809", false, 0},
                {"92233720368547758070", false, 0},
                {"1.0", false, 0},
                {"1e2", false, 0},
                {"-", false, 0},
                {"", false, 0},
                {"null", false, 0},
                {"\"1\"", false, 0}};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        int64_t number = 77;
        cr_assert(eq(int, json_to_int64(slice(rows[i].text), &number), rows[i].fits), "%zu", i);
        cr_assert(eq(i64, number, rows[i].fits ? rows[i].number : 77), "%zu", i);
    }
}

static void check_doubles(void) {
    static const struct {
        const char *text;
        double number;
    } rows[] = {{"0", 0},
                {"1.5", 1.5},
                {"-12.25e-1", -1.225},
                {"1E+2", 100},
                {"1e400", INFINITY},
                {"-1e400", -INFINITY},
                {"5e-324", 5e-324},
                {"1e-400", 0},
                {"Infinity", INFINITY},
                {"0.1", 0.1},
                {"-Infinity", -INFINITY}};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        double number = 77;
        cr_assert(json_to_double(slice(rows[i].text), &number), "%s", rows[i].text);
        cr_assert(number == rows[i].number, "%s", rows[i].text);
    }
    double number = 77;
    cr_assert(json_to_double(slice("NaN"), &number));
    cr_assert(isnan(number));
}

Test(json_text, reads_doubles) {
    check_doubles();
}

Test(json_text, reads_doubles_in_any_locale) {
    static const char *const names[] = {"de_DE", "ps_AF"};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        if (!locale_enter(names[i])) {
            cr_skip_test("no locale %s to be had (package locales)", names[i]);
        }
        cr_assert(ne(int, strcmp(localeconv()->decimal_point, "."), 0));
        check_doubles();
    }
}

Test(json_text, what_is_no_double_leaves_the_result_alone) {
    static const char *const texts[] = {"", "null", "\"1\"", "1,5", "1.5x", "[]"};
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        double number = 77;
        cr_assert(not(json_to_double(slice(texts[i]), &number)), "%s", texts[i]);
        cr_assert(eq(dbl, number, 77.0), "%s", texts[i]);
    }
}

Test(json_text, reads_numbers_of_any_length) {
    char text[1001];
    memset(text, '1', 1000);
    text[1000] = '\0';
    FAULT_FOR_EACH_ALLOCATION(n) {
        double number = 77;
        bool read = json_to_double(slice(text), &number);
        cr_assert(eq(int, read, !fault_has_struck()));
        cr_assert(number == (read ? INFINITY : 77.0));
    }
    text[1] = '.';
    double number;
    cr_assert(json_to_double(slice(text), &number));
    cr_assert(number == 1.1111111111111112);
}

/* ---- compacting ---- */

Test(json_text, compacts_outside_strings_only) {
    static const struct {
        const char *text, *compact;
    } rows[] = {
        {"1", "1"},
        {" { \"a b\" : [ 1.50 , \"\\u00e9 \\\" x\" ] ,\n\t\"c\" : { } }\r\n",
         "{\"a b\":[1.50,\"\\u00e9 \\\" x\"],\"c\":{}}"},
        {"\" , \"", "\" , \""},
        {"[\"\xff\"]", "[\"" FFFD "\"]"},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct buf out CLEANUP(buf_deinit);
        buf_init(&out, 128);
        json_append_compact(&out, slice(rows[i].text));
        expect_buf_at(i, &out, rows[i].compact);
    }
}
