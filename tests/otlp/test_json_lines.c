#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include <weir/error.h>

#include "otlp/common/alloc.h"
#include "otlp/common/buf.h"
#include "otlp/json_lines.h"
#include "tests/support/expect.h"
#include "tests/support/fault.h"
#include "tests/support/vectors.h"

enum { MAX_LINE = 1 << 20 };

static json_t *parse(const char *text, size_t n_bytes) {
    json_error_t error;
    json_t *value = json_loadb(text, n_bytes, JSON_ALLOW_NUL, &error);
    cr_assert(value != NULL, "%s at %d: %.*s", error.text, error.position, (int)n_bytes, text);
    return value;
}

static void check_vector(const struct vector *vector) {
    struct buf out;
    buf_init(&out, MAX_LINE);
    json_lines_write(&out, vector->body, vector->n_bytes);
    cr_assert(eq(int, buf_error(&out), 0), "%s", vector->name);
    json_t *got = parse((const char *)out.data, out.n_bytes);
    json_t *wanted = parse(vector->json, strlen(vector->json));
    cr_expect(json_equal(got, wanted), "%s: %.*s", vector->name, (int)out.n_bytes, out.data);
    cr_expect(memchr(out.data, '\n', out.n_bytes) == NULL, "%s: not one line", vector->name);
    json_decref(got);
    json_decref(wanted);
    buf_deinit(&out);
}

Test(json_lines, equals_the_recorded_json_of_every_request) {
    size_t n = vectors_for_each(".", check_vector);
    cr_assert(ge(sz, n, 53));
}

/* What a request becomes; owned text, or NULL with *error. */
static char *written(const void *bytes, size_t n_bytes, int *error) {
    struct buf out;
    buf_init(&out, MAX_LINE);
    json_lines_write(&out, bytes, n_bytes);
    *error = buf_error(&out);
    char *text = *error == 0 ? buf_take_text(&out) : NULL;
    buf_deinit(&out);
    return text;
}

/* A message that is built from the inside: each wrap puts a tag and a length before what is there.
 */
struct nest {
    uint8_t bytes[8192];
    size_t start;
};

static void nest_begin(struct nest *nest, const void *bytes, size_t n_bytes) {
    nest->start = sizeof nest->bytes - n_bytes;
    memcpy(nest->bytes + nest->start, bytes, n_bytes);
}

static void nest_wrap(struct nest *nest, uint8_t tag) {
    size_t length = sizeof nest->bytes - nest->start;
    cr_assert(lt(sz, length, sizeof nest->bytes - 3));
    if (length >= 0x80) {
        nest->bytes[--nest->start] = (uint8_t)(length >> 7);
    }
    nest->bytes[--nest->start] = (uint8_t)((length & 0x7f) | (length >= 0x80 ? 0x80 : 0));
    nest->bytes[--nest->start] = tag;
}

static char *nest_written(struct nest *nest, int *error) {
    return written(nest->bytes + nest->start, sizeof nest->bytes - nest->start, error);
}

static void wrap_span(struct nest *nest) {
    nest_wrap(nest, 0x12); /* ScopeSpans.spans */
    nest_wrap(nest, 0x12); /* ResourceSpans.scope_spans */
    nest_wrap(nest, 0x0a); /* ExportTraceServiceRequest.resource_spans */
}

/* The JSON of a span that consists of these bytes. */
static char *written_span(const void *span, size_t n_bytes, int *error) {
    struct nest nest;
    nest_begin(&nest, span, n_bytes);
    wrap_span(&nest);
    return nest_written(&nest, error);
}

#define EXPECT_SPAN(bytes, json)                                                                   \
    do {                                                                                           \
        int error_;                                                                                \
        char *text_ = written_span(bytes, sizeof(bytes) - 1, &error_);                             \
        cr_assert(eq(int, error_, 0));                                                             \
        expect_text(text_, "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[" json "]}]}]}");     \
        mem_free(text_);                                                                           \
    } while (0)

Test(json_lines, takes_fields_in_any_order) {
    EXPECT_SPAN("\x30\x03"         /* kind */
                "\x4a\x03\x0a\x01" /* the first attribute, */
                "a"
                "\x2a\x01n"        /* the name between, */
                "\x4a\x03\x0a\x01" /* the second attribute */
                "b",
                "{\"name\":\"n\",\"kind\":3,\"attributes\":[{\"key\":\"a\"},{\"key\":\"b\"}]}");
}

Test(json_lines, the_last_of_a_singular_field_counts) {
    EXPECT_SPAN("\x2a\x01x\x2a\x01y", "{\"name\":\"y\"}");
    EXPECT_SPAN("\x30\x03\x30\x00", "{}"); /* a default takes back what was set */
    /* attribute a: first the string "s", then the int 1 */
    EXPECT_SPAN("\x4a\x0a\x0a\x01"
                "a\x12\x05\x0a\x01s\x18\x01",
                "{\"attributes\":[{\"key\":\"a\",\"value\":{\"intValue\":\"1\"}}]}");
}

/* What only profiles use (A39). */
Test(json_lines, a_value_by_string_index_is_absent) {
    EXPECT_SPAN("\x4a\x07\x0a\x01"
                "a\x12\x02\x40\x05",
                "{\"attributes\":[{\"key\":\"a\",\"value\":{}}]}");
    EXPECT_SPAN("\x4a\x0a\x0a\x01"
                "a\x12\x05\x0a\x01s\x40\x05",
                "{\"attributes\":[{\"key\":\"a\",\"value\":{}}]}");
}

Test(json_lines, leaves_out_unknown_fields) {
    EXPECT_SPAN("\xc0\x3e\x07" /* 1000, varint */
                "\x2a\x01n"
                "\xca\x3e\x02xx", /* 1001, bytes */
                "{\"name\":\"n\"}");
}

Test(json_lines, repairs_and_escapes_text) {
    EXPECT_SPAN("\x2a\x03"
                "a\xff"
                "b",
                "{\"name\":\"a\xef\xbf\xbd"
                "b\"}");
    EXPECT_SPAN("\x2a\x03"
                "a\0\n",
                "{\"name\":\"a\\u0000\\n\"}");
}

Test(json_lines, an_empty_request_is_an_empty_object) {
    int error;
    char *text = written(NULL, 0, &error);
    expect_text(text, "{}");
    mem_free(text);
}

Test(json_lines, refuses_what_is_no_request) {
    int error;
    cr_expect(written("\x0a\x05\x12", 3, &error) == NULL); /* cut */
    cr_expect(eq(int, error, WEIR_E_SYNTAX));
    cr_expect(written("\x08\x01", 2, &error) == NULL); /* resource_spans as a varint */
    cr_expect(eq(int, error, WEIR_E_SYNTAX));
    cr_expect(written_span("\x2a\x09n", 3, &error) == NULL); /* a fault far inside */
    cr_expect(eq(int, error, WEIR_E_SYNTAX));
}

/* A span with an attribute that is a list in a list in a list … */
static char *written_lists(int depth, int *error) {
    struct nest nest;
    nest_begin(&nest, "", 0);
    for (int i = 0; i < depth; i++) {
        nest_wrap(&nest, 0x2a); /* AnyValue.array_value */
        nest_wrap(&nest, 0x0a); /* ArrayValue.values */
    }
    nest_wrap(&nest, 0x2a);
    nest_wrap(&nest, 0x12); /* KeyValue.value */
    nest_wrap(&nest, 0x4a); /* Span.attributes */
    wrap_span(&nest);
    return nest_written(&nest, error);
}

static size_t count(const char *text, char wanted) {
    size_t n = 0;
    for (; *text != '\0'; text++) {
        n += *text == wanted;
    }
    return n;
}

Test(json_lines, nests_as_deep_as_values_may_and_no_deeper_than_its_bound) {
    int error;
    char *text = written_lists(63, &error);
    cr_assert(text != NULL);
    cr_expect(eq(sz, count(text, '['), 63 + 4)); /* the innermost is empty; four lists around */
    cr_expect(eq(sz, count(text, '{'), count(text, '}')));
    mem_free(text);
    cr_expect(written_lists(120, &error) == NULL);
    cr_expect(eq(int, error, WEIR_E_TOO_LARGE));
}

static void fail_each_allocation(const struct vector *vector) {
    FAULT_FOR_EACH_ALLOCATION(n) {
        int error;
        char *text = written(vector->body, vector->n_bytes, &error);
        cr_assert(text != NULL || error == WEIR_E_NO_MEMORY || fault_has_struck(), "%s",
                  vector->name);
        mem_free(text);
    }
}

Test(json_lines, survives_failing_allocation_at_every_step) {
    (void)vectors_for_each(".", fail_each_allocation);
}

Test(json_lines, stops_at_the_buffers_maximum) {
    struct buf out;
    buf_init(&out, 10);
    json_lines_write(&out, (const uint8_t *)"\x0a\x00", 2);
    cr_expect(eq(int, buf_error(&out), WEIR_E_TOO_LARGE));
    buf_deinit(&out);
}
