#include "otlp/decode_json.h"

#include <stdio.h>

#include "otlp/common/alloc.h"
#include "otlp/decode.h"
#include "tests/support/expect.h"
#include "tests/support/fault.h"
#include "tests/support/vectors.h"

enum { MAX_BYTES = 1 << 20 };

static int decode(const char *json, struct buf *out, weir_error_detail *detail) {
    buf_init(out, MAX_BYTES);
    return decode_json(json, strlen(json), out, detail);
}

/* A span with this text as its fields; with `expected` the fields of its protobuf. */
static void expect_span(const char *fields, const char *expected, size_t n_expected) {
    char json[1024];
    struct buf out;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    snprintf(json, sizeof json, "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{%s}]}]}]}",
             fields);
    cr_assert(zero(int, decode(json, &out, &detail)), "%s: %s", fields, detail.message);
    cr_assert(eq(sz, out.n_bytes, 6 + n_expected), "%s", fields);
    cr_assert(zero(int, memcmp(out.data + 6, expected, n_expected)), "%s", fields);
    buf_deinit(&out);
}
#define EXPECT_SPAN(fields, expected) expect_span(fields, expected, sizeof(expected) - 1)

/* A value, in an attribute without a key. */
static void expect_value(const char *value, const char *expected, size_t n_expected) {
    char fields[512], bytes[64] = {0x4a, (char)(n_expected + 2), 0x12, (char)n_expected};
    snprintf(fields, sizeof fields, "\"attributes\":[{\"value\":%s}]", value);
    memcpy(bytes + 4, expected, n_expected);
    expect_span(fields, bytes, 4 + n_expected);
}
#define EXPECT_VALUE(value, expected) expect_value(value, expected, sizeof(expected) - 1)

static void expect_refusal(const char *json, const char *message) {
    struct buf out;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_expect(eq(int, decode(json, &out, &detail), WEIR_E_SYNTAX), "%s", json);
    expect_text(detail.message, message);
    buf_deinit(&out);
}

/* The fault of a field's value, whose place is told too. */
static void expect_bad_span(const char *fields, const char *message) {
    char json[1024];
    struct buf out;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    snprintf(json, sizeof json, "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{%s}]}]}]}",
             fields);
    cr_expect(eq(int, decode(json, &out, &detail), WEIR_E_SYNTAX), "%s", fields);
    cr_expect(zero(int, strncmp(detail.message, message, strlen(message))), "%s: %s", fields,
              detail.message);
    cr_expect(detail.position > 40 && detail.position <= strlen(json), "%s", fields);
    buf_deinit(&out);
}

static void check_vector(const struct vector *vector) {
    struct buf out;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_expect(zero(int, decode(vector->json, &out, &detail)), "%s: %s", vector->name,
              detail.message);
    cr_expect(eq(sz, out.n_bytes, vector->n_bytes), "%s", vector->name);
    cr_expect(out.n_bytes != vector->n_bytes || out.n_bytes == 0 ||
                  memcmp(out.data, vector->body, out.n_bytes) == 0,
              "%s", vector->name);
    buf_deinit(&out);
}

/* The same bytes as another implementation's protobuf (B9-B19). */
Test(decode_json, gives_the_bytes_of_the_protobuf) {
    cr_assert(ge(sz, vectors_for_each(".", check_vector), 53));
}

Test(decode_json, an_empty_text_or_object_is_an_empty_request) {
    static const char *const texts[] = {"", "{}", " { } ", "{\"resourceSpans\":[]}",
                                        "{\"resourceSpans\":null}"};
    for (size_t i = 0; i < 5; i++) {
        struct buf out;
        cr_assert(zero(int, decode(texts[i], &out, NULL)));
        cr_assert(zero(sz, out.n_bytes));
        buf_deinit(&out);
    }
}

/* (B10) */
Test(decode_json, ids_are_hex_in_either_case) {
    EXPECT_SPAN("\"spanId\":\"00aAbBcCdDeEfF01\"", "\x12\x08\x00\xaa\xbb\xcc\xdd\xee\xff\x01");
    EXPECT_SPAN("\"traceId\":\"0102030405060708090A0B0C0D0E0F10\"",
                "\x0a\x10\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10");
    EXPECT_SPAN("\"parentSpanId\":\"\"", "");
    expect_bad_span("\"spanId\":\"00aabbccddeeff0\"", "spanId is not 16 hex digits");
    expect_bad_span("\"spanId\":\"00aabbccddeeffgg\"", "spanId is not 16 hex digits");
    expect_bad_span("\"traceId\":\"AQEBAQEBAQEBAQEBAQEBAQ==\"", /* base64 is never meant */
                    "traceId is not 32 hex digits");
    expect_bad_span("\"spanId\":1", "spanId is not a string");
}

/* (B11, B13) */
Test(decode_json, enums_and_small_integers_are_numbers_or_their_digits) {
    EXPECT_SPAN("\"kind\":2", "\x30\x02");
    EXPECT_SPAN("\"kind\":\"2\"", "\x30\x02");
    EXPECT_SPAN("\"kind\":0", "");
    EXPECT_SPAN("\"flags\":257", "\x85\x01\x01\x01\x00\x00");
    EXPECT_SPAN("\"droppedEventsCount\":4294967295", "\x60\xff\xff\xff\xff\x0f");
    EXPECT_SPAN("\"status\":{\"code\":2}", "\x7a\x02\x18\x02");
    expect_bad_span("\"kind\":\"SPAN_KIND_SERVER\"", "kind is not an integer");
    expect_bad_span("\"kind\":4294967296", "kind is not an integer of 32 bits");
    expect_bad_span("\"flags\":-1", "flags is not an integer");
    expect_bad_span("\"flags\":1.5", "flags is not an integer");
}

/* (B12) */
Test(decode_json, large_integers_are_strings_or_numbers) {
    EXPECT_SPAN("\"endTimeUnixNano\":\"1\"", "\x41\x01\0\0\0\0\0\0\0");
    EXPECT_SPAN("\"endTimeUnixNano\":1", "\x41\x01\0\0\0\0\0\0\0");
    EXPECT_SPAN("\"endTimeUnixNano\":1e3", "\x41\xe8\x03\0\0\0\0\0\0");
    EXPECT_SPAN("\"endTimeUnixNano\":\"18446744073709551615\"",
                "\x41\xff\xff\xff\xff\xff\xff\xff\xff");
    EXPECT_VALUE("{\"intValue\":\"-1\"}", "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    EXPECT_VALUE("{\"intValue\":-9223372036854775808}",
                 "\x18\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01");
    EXPECT_VALUE("{\"intValue\":5.0}", "\x18\x05");
    expect_bad_span("\"endTimeUnixNano\":\"18446744073709551616\"",
                    "endTimeUnixNano is not an integer");
    expect_bad_span("\"endTimeUnixNano\":\"\"", "endTimeUnixNano is not an integer");
    expect_bad_span("\"endTimeUnixNano\":-1", "endTimeUnixNano is not an integer");
    expect_bad_span("\"attributes\":[{\"value\":{\"intValue\":9223372036854775808}}]",
                    "intValue is not an integer");
}

/* (B14) */
Test(decode_json, doubles_are_numbers_or_words) {
    EXPECT_VALUE("{\"doubleValue\":0.25}", "\x21\0\0\0\0\0\0\xd0\x3f");
    EXPECT_VALUE("{\"doubleValue\":\"0.25\"}", "\x21\0\0\0\0\0\0\xd0\x3f");
    EXPECT_VALUE("{\"doubleValue\":2}", "\x21\0\0\0\0\0\0\0\x40");
    EXPECT_VALUE("{\"doubleValue\":\"NaN\"}", "\x21\0\0\0\0\0\0\xf8\x7f");
    EXPECT_VALUE("{\"doubleValue\":\"Infinity\"}", "\x21\0\0\0\0\0\0\xf0\x7f");
    EXPECT_VALUE("{\"doubleValue\":\"-Infinity\"}", "\x21\0\0\0\0\0\0\xf0\xff");
    static const char *const bad[] = {"\"x\"", "\"\"", "\"0x10\"", "true", "{}", "[]", "\"inf\""};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char fields[128];
        snprintf(fields, sizeof fields, "\"attributes\":[{\"value\":{\"doubleValue\":%s}}]",
                 bad[i]);
        expect_bad_span(fields, "doubleValue is not a number");
    }
}

/* (B15) */
Test(decode_json, bytes_are_base64_of_any_kind) {
    EXPECT_VALUE("{\"bytesValue\":\"+/+/AA==\"}", "\x3a\x04\xfb\xff\xbf\x00");
    EXPECT_VALUE("{\"bytesValue\":\"-_-_AA\"}", "\x3a\x04\xfb\xff\xbf\x00");
    EXPECT_VALUE("{\"bytesValue\":\"+\\/+\\/AA==\"}", "\x3a\x04\xfb\xff\xbf\x00");
    EXPECT_VALUE("{\"bytesValue\":\"YWJj\"}", "\x3a\x03"
                                              "abc");
    EXPECT_VALUE("{\"bytesValue\":\"\"}", "\x3a\x00");
    static const char *const bad[] = {"A", "YWJjZ", "YW=j", "YW Jj", "=", "====", "YWI=="};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char fields[128];
        snprintf(fields, sizeof fields, "\"attributes\":[{\"value\":{\"bytesValue\":\"%s\"}}]",
                 bad[i]);
        expect_bad_span(fields, "bytesValue is not base64");
    }
}

/* (B17, A40) */
Test(decode_json, a_oneof_keeps_its_defaults) {
    EXPECT_VALUE("{\"stringValue\":\"\"}", "\x0a\x00");
    EXPECT_VALUE("{\"boolValue\":false}", "\x10\x00");
    EXPECT_VALUE("{\"intValue\":\"0\"}", "\x18\x00");
    EXPECT_VALUE("{\"arrayValue\":{}}", "\x2a\x00");
    EXPECT_VALUE("{\"kvlistValue\":{\"values\":[]}}", "\x32\x00");
    EXPECT_VALUE("{}", "");
    EXPECT_SPAN("\"name\":\"\",\"kind\":0,\"startTimeUnixNano\":\"0\"", "");
}

/* (B9, B16) */
Test(decode_json, names_that_are_not_known_are_passed_over) {
    EXPECT_SPAN("\"name\":\"n\",\"trace_id\":\"xyz\",\"new\":{\"a\":[1,{\"b\":null}]},\"kind\":3",
                "\x2a\x01n\x30\x03");
    EXPECT_SPAN("\"n\\u0061me\":\"n\"", "\x2a\x01n"); /* the same name, with an escape */
}

/* (B18, A42) */
Test(decode_json, null_is_an_unset_field) {
    EXPECT_SPAN("\"name\":null,\"attributes\":null,\"status\":null,\"kind\":null", "");
    EXPECT_SPAN("\"attributes\":[{\"value\":null}]", "\x4a\x00");
    EXPECT_VALUE("{\"stringValue\":null}", "");
    EXPECT_VALUE("{\"arrayValue\":{\"values\":[{\"boolValue\":true},null]}}",
                 "\x2a\x06\x0a\x02\x10\x01\x0a\x00");
    expect_bad_span("\"attributes\":[null]", "attributes is not free of null");
}

/* (A39) */
Test(decode_json, a_value_by_index_is_taken_as_absent) {
    EXPECT_VALUE("{\"stringValueStrindex\":3}", "");
}

/* (B19) */
Test(decode_json, attributes_are_an_array) {
    expect_bad_span("\"attributes\":{\"a\":1}", "JSON: not an array");
    expect_bad_span("\"attributes\":[1]", "JSON: not an object");
    expect_bad_span("\"name\":1", "name is not a string");
    expect_bad_span("\"attributes\":[{\"value\":{\"boolValue\":1}}]",
                    "boolValue is not true or false");
}

Test(decode_json, what_is_no_json_is_refused_with_its_place) {
    expect_refusal("[]", "JSON: not an object at byte 0");
    expect_refusal("null", "JSON: not an object at byte 0");
    expect_refusal("{} x", "JSON: something follows the value at byte 3");
    expect_refusal("{\"resourceSpans\":[{},]}", "JSON: not an object at byte 21");
    expect_refusal("{\"resourceSpans\":[{}}",
                   "JSON: neither a comma nor a closing bracket at byte 20");
    expect_refusal("{\"a\":1,}", "JSON: a key must be a string at byte 7");
    expect_refusal("{\"resourceSpans\":[", "JSON: not an object at byte 18");
    expect_refusal("{\"a\":\"\xff\"}", "JSON: ill-formed UTF-8 at byte 6");
}

static char *deep_value(size_t depth) {
    const char *head =
        "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"attributes\":[{\"value\":";
    const char *open = "{\"arrayValue\":{\"values\":[", *close = "]}}";
    struct buf text;
    buf_init(&text, 100 << 20);
    buf_append_text(&text, head);
    for (size_t i = 1; i < depth; i++) {
        buf_append_text(&text, open);
    }
    buf_append_text(&text, "{}");
    for (size_t i = 1; i < depth; i++) {
        buf_append_text(&text, close);
    }
    buf_append_text(&text, "}]}]}]}]}");
    return buf_take_text(&text);
}

Test(decode_json, values_nest_as_deep_as_in_protobuf) {
    struct buf out;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    char *json = deep_value(64);
    cr_assert(zero(int, decode(json, &out, &detail)), "%s", detail.message);
    cr_assert(zero(int, decode_scan(out.data, out.n_bytes, NULL, &detail)), "%s", detail.message);
    buf_deinit(&out);
    mem_free(json);
    json = deep_value(200000);
    cr_assert(eq(int, decode(json, &out, &detail), WEIR_E_TOO_LARGE));
    expect_text(detail.message, "an attribute value is nested more than 64 deep");
    buf_deinit(&out);
    mem_free(json);
}

Test(decode_json, the_output_is_bounded) {
    struct buf out;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    const char *json = "{\"resourceSpans\":[{},{},{},{},{},{}]}";
    buf_init(&out, 11);
    cr_assert(eq(int, decode_json(json, strlen(json), &out, &detail), WEIR_E_TOO_LARGE));
    expect_text(detail.message, "the request is too large");
    buf_deinit(&out);
}

Test(decode_json, says_when_memory_is_short) {
    const char *json =
        "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"attributes\":[{\"value\":"
        "{\"bytesValue\":\"YWJj\"}}]}]}]}]}";
    FAULT_FOR_EACH_ALLOCATION(n) {
        struct buf out;
        int error = decode(json, &out, NULL);
        bool has_failed = fault_has_struck();
        fault_disarm();
        cr_assert(eq(int, error, has_failed ? WEIR_E_NO_MEMORY : 0));
        buf_deinit(&out);
    }
}
