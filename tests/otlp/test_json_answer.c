#include <string.h>

#include <weir/error.h>

#include "otlp/json_answer.h"
#include "otlp/response.h"
#include "otlp/common/macro.h"
#include "tests/support/expect.h"
#include "tests/support/fault.h"

static void expect_response(const char *json, int64_t n_rejected, const char *message) {
    struct buf out;
    struct response_partial partial;
    buf_init(&out, 16 << 10);
    cr_assert(eq(int, json_answer_read_response(&out, json, strlen(json)), 0), "%s", json);
    cr_assert(eq(int, response_read_partial(out.data, out.n_bytes, &partial), 0), "%s", json);
    cr_expect(eq(i64, partial.n_rejected, n_rejected), "%s", json);
    expect_text(expect_terminated(partial.message.bytes, partial.message.n_bytes), message);
    buf_deinit(&out);
}

static void expect_no_response(const char *json) {
    struct buf out;
    buf_init(&out, 16 << 10);
    cr_expect(eq(int, json_answer_read_response(&out, json, strlen(json)), WEIR_E_SYNTAX), "%s",
              json);
    buf_deinit(&out);
}

Test(json_answer, reads_a_response) {
    expect_response("{}", 0, "");
    expect_response("{\"partialSuccess\":{}}", 0, "");
    expect_response("{\"partialSuccess\":null}", 0, "");                                /* B18 */
    expect_response(" { \"partialSuccess\" : { \"rejectedSpans\" : \"7\" } } ", 7, ""); /* B12 */
    expect_response("{\"partialSuccess\":{\"rejectedSpans\":7,\"errorMessage\":\"no\"}}", 7, "no");
    expect_response("{\"partialSuccess\":{\"rejectedSpans\":null,\"errorMessage\":null}}", 0, "");
    expect_response("{\"partialSuccess\":{\"errorMessage\":\"\\u00e9\\n\"}}", 0, "\xc3\xa9\n");
    expect_response("{\"partialSuccess\":{\"rejectedSpans\":\"9223372036854775807\"}}", INT64_MAX,
                    "");
    expect_response("{\"partialSuccess\":{\"rejectedSpans\":\"-1\"}}", -1, "");
}

Test(json_answer, passes_over_what_it_does_not_know) {
    expect_response(
        "{\"new\":[1,{\"a\":null}],\"partialSuccess\":{\"new\":{},\"rejectedSpans\":2}}", 2,
        "");                                                               /* B16 */
    expect_response("{\"partial_success\":{\"rejectedSpans\":2}}", 0, ""); /* B9 */
    expect_response("{\"partialSuccess\":{\"rejected_spans\":2}}", 0, "");
}

Test(json_answer, refuses_what_is_no_response) {
    static const char *const texts[] = {
        "",
        " ",
        "[]",
        "null",
        "7",
        "<html>",
        "{",
        "{}x",
        "{\"partialSuccess\":7}",
        "{\"partialSuccess\":{\"rejectedSpans\":\"many\"}}",
        "{\"partialSuccess\":{\"rejectedSpans\":\"\"}}",
        "{\"partialSuccess\":{\"rejectedSpans\":1.5}}",
        "{\"partialSuccess\":{\"rejectedSpans\":9223372036854775808}}",
        "{\"partialSuccess\":{\"rejectedSpans\":true}}",
        "{\"partialSuccess\":{\"errorMessage\":7}}",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        expect_no_response(texts[i]);
    }
}

Test(json_answer, reads_a_status) {
    static const struct {
        const char *json;
        int32_t code;
        const char *message;
    } rows[] = {
        {"{}", 0, ""},
        {"{\"code\":3,\"message\":\"bad span\"}", 3, "bad span"}, /* B23 */
        {"{\"code\":\"3\",\"details\":[{\"@type\":\"x\"}],\"message\":\"m\"}", 3, "m"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct buf out;
        struct response_status status;
        buf_init(&out, 1000);
        cr_assert(eq(int, json_answer_read_status(&out, rows[i].json, strlen(rows[i].json)), 0));
        cr_assert(eq(int, response_read_status(out.data, out.n_bytes, &status), 0));
        cr_expect(eq(i64, status.code, rows[i].code));
        expect_text(expect_terminated(status.message.bytes, status.message.n_bytes),
                    rows[i].message);
        buf_deinit(&out);
    }
    struct buf out;
    buf_init(&out, 1000);
    cr_expect(eq(int, json_answer_read_status(&out, "[]", 2), WEIR_E_SYNTAX));
    cr_expect(eq(int, json_answer_read_status(&out, "{\"code\":{}}", 11), WEIR_E_SYNTAX));
    buf_deinit(&out);
}

Test(json_answer, cuts_a_long_message_and_refuses_deep_nesting) {
    static char text[100000];
    struct buf out;
    struct response_status status;
    buf_init(&out, 16 << 10);
    memset(text, 'x', sizeof text);
    memcpy(text, "{\"message\":\"", 12);
    memcpy(text + sizeof text - 3, "\"}", 3);
    cr_assert(eq(int, json_answer_read_status(&out, text, sizeof text - 1), 0));
    cr_assert(eq(int, response_read_status(out.data, out.n_bytes, &status), 0));
    cr_expect(gt(sz, status.message.n_bytes, 1000));
    buf_clear(&out);
    memset(text, '[', sizeof text);
    memcpy(text, "{\"x\":", 5);
    cr_expect(json_answer_read_response(&out, text, sizeof text) != 0);
    buf_deinit(&out);
}

Test(json_answer, survives_failing_allocation_at_every_step) {
    static const char json[] = "{\"partialSuccess\":{\"rejectedSpans\":1,\"errorMessage\":\"m\"}}";
    FAULT_FOR_EACH_ALLOCATION(n) {
        struct buf out;
        buf_init(&out, 1000);
        int error = json_answer_read_response(&out, json, sizeof json - 1);
        cr_assert(eq(int, error, fault_has_struck() ? WEIR_E_NO_MEMORY : 0));
        buf_deinit(&out);
    }
}
