#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <weir/error.h>

#include "otlp/response.h"
#include "tests/support/expect.h"
#include "tests/support/vectors.h"

static void expect_member_text(const json_t *object, const char *key, struct response_text got) {
    const char *wanted = json_string_value(json_object_get(object, key));
    expect_text(expect_terminated(got.bytes, got.n_bytes), wanted != NULL ? wanted : "");
    cr_expect(eq(int, got.bytes != NULL, wanted != NULL));
}

static void check_partial(const struct vector *vector, const json_t *wanted) {
    struct response_partial got;
    cr_assert(eq(int, response_read_partial(vector->body, vector->n_bytes, &got), 0));
    const json_t *partial = json_object_get(wanted, "partialSuccess");
    const char *rejected = json_string_value(json_object_get(partial, "rejectedSpans"));
    cr_expect(eq(i64, got.n_rejected, rejected != NULL ? strtoll(rejected, NULL, 10) : 0));
    expect_member_text(partial, "errorMessage", got.message);
}

static void check_status(const struct vector *vector, const json_t *wanted) {
    struct response_status got;
    cr_assert(eq(int, response_read_status(vector->body, vector->n_bytes, &got), 0));
    cr_expect(eq(i64, got.code, json_integer_value(json_object_get(wanted, "code"))));
    expect_member_text(wanted, "message", got.message);
}

static void check_response(const struct vector *vector) {
    json_t *wanted = json_loads(vector->json, 0, NULL);
    cr_assert(wanted != NULL, "%s", vector->name);
    if (strncmp(vector->name, "status_", 7) == 0) {
        check_status(vector, wanted);
    } else {
        check_partial(vector, wanted);
    }
    json_decref(wanted);
}

Test(response, equals_the_recorded_json_of_every_answer) {
    cr_assert(ge(sz, vectors_for_each("responses", check_response), 7));
}

Test(response, an_empty_body_is_full_success) {
    struct response_partial got = {.n_rejected = 9};
    cr_assert(eq(int, response_read_partial(NULL, 0, &got), 0));
    cr_expect(eq(i64, got.n_rejected, 0));
    cr_expect(got.message.bytes == NULL);
}

Test(response, passes_over_fields_it_does_not_know) {
    struct response_partial got;
    const uint8_t body[] = {0x10, 0x05, 0x0a, 0x05, 0x1a, 0x01, 'x', 0x08, 0x03};
    cr_assert(eq(int, response_read_partial(body, sizeof body, &got), 0));
    cr_expect(eq(i64, got.n_rejected, 3));
}

Test(response, keeps_a_negative_count_for_the_caller_to_judge) {
    struct response_partial got;
    const uint8_t body[] = {0x0a, 0x0b, 0x08, 0xff, 0xff, 0xff, 0xff,
                            0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
    cr_assert(eq(int, response_read_partial(body, sizeof body, &got), 0));
    cr_expect(eq(i64, got.n_rejected, -1));
}

#define EXPECT_REFUSED(read, type, ...)                                                            \
    do {                                                                                           \
        const uint8_t body_[] = {__VA_ARGS__};                                                     \
        type got_, before_;                                                                        \
        memset(&got_, 0x5a, sizeof got_);                                                          \
        before_ = got_;                                                                            \
        cr_expect(eq(int, read(body_, sizeof body_, &got_), WEIR_E_SYNTAX));                       \
        cr_expect(eq(int, memcmp(&got_, &before_, sizeof got_), 0));                               \
    } while (0)

Test(response, refuses_what_is_no_answer_and_leaves_the_output_alone) {
    EXPECT_REFUSED(response_read_partial, struct response_partial, '<', 'h', 't', 'm', 'l', '>');
    EXPECT_REFUSED(response_read_partial, struct response_partial, 0x08, 0x01); /* wrong type */
    EXPECT_REFUSED(response_read_partial, struct response_partial, 0x0a, 0x02, 0x0a, 0x00);
    EXPECT_REFUSED(response_read_partial, struct response_partial, 0x0a, 0x02, 0x10, 0x00);
    EXPECT_REFUSED(response_read_partial, struct response_partial, 0x0a, 0x03, 0x12, 0x05, 'x');
    EXPECT_REFUSED(response_read_status, struct response_status, 0x0a, 0x00);
    EXPECT_REFUSED(response_read_status, struct response_status, 0x08, 0x03, 0x10, 0x01);
    EXPECT_REFUSED(response_read_status, struct response_status, 0x08, 0x03, 0x12);
}

Test(response, writes_what_it_reads) {
    static const struct {
        int64_t n;
        const char *text;
    } rows[] = {{0, ""}, {7, ""}, {0, "warn"}, {7, "no"}, {-1, "odd"}, {INT64_MAX, "x"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf out;
        struct response_partial partial;
        struct response_status status;
        struct response_text text = {rows[i].text, strlen(rows[i].text)};
        buf_init(&out, 100);
        response_write_partial(&out, &(struct response_partial){rows[i].n, text});
        cr_assert(eq(int, response_read_partial(out.data, out.n_bytes, &partial), 0));
        cr_expect(eq(i64, partial.n_rejected, rows[i].n));
        expect_text(expect_terminated(partial.message.bytes, partial.message.n_bytes),
                    rows[i].text);
        buf_clear(&out);
        response_write_status(&out, (int32_t)rows[i].n, text);
        cr_assert(eq(int, response_read_status(out.data, out.n_bytes, &status), 0));
        cr_expect(eq(i64, status.code, (int32_t)rows[i].n));
        expect_text(expect_terminated(status.message.bytes, status.message.n_bytes), rows[i].text);
        buf_deinit(&out);
    }
}
