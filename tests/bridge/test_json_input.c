/* JSON from the host, and the states made of it. */
#include "bridge/json_input.h"

#include <math.h>
#include <string.h>

#include "otlp/common/macro.h"
#include "tests/support/expect.h"
#include "tests/support/fault.h"

TestSuite(json_input);

static const char *input(const char *text, bool must_be_object, bool *is_refused) {
    struct blob *blob;
    *is_refused = json_input(text, NULL, must_be_object, &blob) != 0;
    const char *copy = blob != NULL ? expect_terminated(blob->bytes, blob->n_bytes) : "none";
    blob_release(blob);
    return copy;
}

Test(json_input, text_is_checked_and_freed_of_white_space) {
    static const struct {
        const char *text;
        bool must_be_object;
        const char *expected;
    } rows[] = {
        {"{ \"a\" : [ 1.50 , 2e3 ] }", true, "{\"a\":[1.50,2e3]}"},
        {"\"a  b\"", false, "\"a  b\""},
        {" 7 ", false, "7"},
        {"null", false, "null"},
        {"null", true, "none"},
        {"[]", true, "none"},
        {"{", true, "none"},
        {"", false, "none"},
        {"NaN", false, "none"},
        {"{\"a\":-Infinity}", true, "none"},
        {"{}x", true, "none"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        bool is_refused;
        expect_text_at(i, input(rows[i].text, rows[i].must_be_object, &is_refused),
                       rows[i].expected);
        cr_assert(eq(int, is_refused, strcmp(rows[i].expected, "none") == 0), "%zu", i);
    }
}

Test(json_input, absence_is_no_fault) {
    struct blob *blob;
    cr_assert(eq(int, json_input(NULL, NULL, true, &blob), 0));
    cr_assert(eq(ptr, blob, NULL));
}

Test(json_input, a_value_is_written) {
    const weir_value items[] = {weir_value_double(NAN), weir_value_bool(true), {WEIR_VALUE_EMPTY}};
    const weir_value list = weir_value_array(items, 3);
    struct blob *blob;
    cr_assert(eq(int, json_input(NULL, &list, false, &blob), 0));
    expect_text(blob->bytes, "[null,true,null]");
    blob_release(blob);
    const weir_value bad = weir_value_json("{");
    cr_assert(eq(int, json_input(NULL, &bad, false, &blob), WEIR_E_SYNTAX));
    cr_assert(eq(ptr, blob, NULL));
}

static const char *state(const char *given, const char *last, const char *action) {
    struct blob *a = given != NULL ? blob_new(given, strlen(given)) : NULL;
    struct blob *b = last != NULL ? blob_new(last, strlen(last)) : NULL;
    struct blob *made = json_state(a, b, 7, action);
    const char *copy = expect_terminated(made->bytes, made->n_bytes);
    blob_release(a);
    blob_release(b);
    blob_release(made);
    return copy;
}

Test(json_input, a_state_is_completed) {
    static const struct {
        const char *given, *last, *action, *expected;
    } rows[] = {
        {NULL, NULL, "a", "{\"__SEQUENCE_ID\":7,\"__PRIOR_STEP\":\"a\"}"},
        {NULL, NULL, NULL, "{\"__SEQUENCE_ID\":7}"},
        {"{}", "{\"x\":1}", NULL, "{\"__SEQUENCE_ID\":7}"},
        {"{\"x\":1}", NULL, "a", "{\"x\":1,\"__SEQUENCE_ID\":7,\"__PRIOR_STEP\":\"a\"}"},
        {"{\"__SEQUENCE_ID\":1}", NULL, "a", "{\"__SEQUENCE_ID\":1}"},
        {"{\"\\u005f_SEQUENCE_ID\":1}", NULL, "a", "{\"\\u005f_SEQUENCE_ID\":1}"},
        {"{\"__PRIOR_STEP\":\"z\",\"x\":1}", NULL, "a",
         "{\"__PRIOR_STEP\":\"a\",\"x\":1,\"__SEQUENCE_ID\":7}"},
        {"{\"__PRIOR_STEP\":\"z\"}", NULL, NULL, "{\"__PRIOR_STEP\":\"z\",\"__SEQUENCE_ID\":7}"},
        {NULL, "{\"__SEQUENCE_ID\":6,\"__PRIOR_STEP\":\"z\"}", "a",
         "{\"__SEQUENCE_ID\":7,\"__PRIOR_STEP\":\"a\"}"},
        {NULL, "{\"__SEQUENCE_ID\":6,\"__PRIOR_STEP\":\"z\"}", NULL,
         "{\"__SEQUENCE_ID\":7,\"__PRIOR_STEP\":\"z\"}"},
        {"{\"x\":{\"__SEQUENCE_ID\":1}}", NULL, NULL,
         "{\"x\":{\"__SEQUENCE_ID\":1},\"__SEQUENCE_ID\":7}"},
        {"{}", NULL, "say \"hi\"\n",
         "{\"__SEQUENCE_ID\":7,\"__PRIOR_STEP\":\"say \\\"hi\\\"\\n\"}"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        expect_text_at(i, state(rows[i].given, rows[i].last, rows[i].action), rows[i].expected);
    }
}

Test(json_input, a_sequence_id_is_an_integer_that_fits) {
    static const struct {
        const char *text;
        bool found;
        int64_t id;
    } rows[] = {
        {"{\"__SEQUENCE_ID\":5}", true, 5},
        {"{\"__SEQUENCE_ID\":1,\"__SEQUENCE_ID\":2}", true, 2},
        {"{\"__SEQUENCE_ID\":-3}", true, -3},
        {"{\"__SEQUENCE_ID\":9223372036854775807}", true, INT64_MAX},
        {"{\"__SEQUENCE_ID\":9223372036854775808}", false, 0},
        {"{\"__SEQUENCE_ID\":1.5}", false, 0},
        {"{\"__SEQUENCE_ID\":null}", false, 0},
        {"{}", false, 0},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct blob *blob = blob_new(rows[i].text, strlen(rows[i].text));
        int64_t id = 0;
        cr_assert(eq(int, json_sequence_id(blob, &id), rows[i].found), "%zu", i);
        cr_assert(eq(i64, id, rows[i].id), "%zu", i);
        blob_release(blob);
    }
    int64_t id;
    cr_assert(not(json_sequence_id(NULL, &id)));
}

Test(json_input, short_memory_gives_none_or_all) {
    FAULT_FOR_EACH_ALLOCATION(n) {
        struct blob *given;
        int error = json_input("{\"a\" : 1}", NULL, true, &given);
        cr_assert(eq(int, error, given != NULL ? 0 : WEIR_E_NO_MEMORY));
        struct blob *made = json_state(given, NULL, 1, "act");
        if (made != NULL && given != NULL) {
            expect_text(made->bytes, "{\"a\":1,\"__SEQUENCE_ID\":1,\"__PRIOR_STEP\":\"act\"}");
        }
        cr_assert(made != NULL || fault_has_struck());
        blob_release(given);
        blob_release(made);
    }
}
