#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <string.h>

#include "bridge/replay/value.h"
#include "otlp/common/macro.h"

static weir_value of(const char *json, struct replay_scratch *scratch) {
    return replay_value_of((struct json_slice){json, strlen(json)}, scratch);
}

static bool is_text(weir_value value, weir_value_kind kind, const char *expected) {
    return value.kind == kind && value.as.string.n_bytes == strlen(expected) &&
           memcmp(value.as.string.bytes, expected, strlen(expected)) == 0;
}

Test(replay_value, scalars_keep_their_kinds) {
    struct replay_scratch scratch;
    replay_scratch_init(&scratch);
    cr_assert(is_text(of("\"a\\u00e9\\n\"", &scratch), WEIR_VALUE_STRING, "a\xc3\xa9\n"));
    cr_assert(of("true", &scratch).as.boolean);
    cr_assert(eq(int, of("false", &scratch).kind, WEIR_VALUE_BOOL));
    cr_assert(eq(i64, of("-17", &scratch).as.integer, -17));
    cr_assert(eq(dbl, of("0.5", &scratch).as.number, 0.5));
    cr_assert(eq(int, of("1e3", &scratch).kind, WEIR_VALUE_DOUBLE));
    cr_assert(
        is_text(of("1180591620717411303424", &scratch), WEIR_VALUE_JSON, "1180591620717411303424"));
    cr_assert(is_text(of("null", &scratch), WEIR_VALUE_STRING, "null"));
    replay_scratch_deinit(&scratch);
}

Test(replay_value, nested_ones_are_spelled_as_the_live_bridge_does) {
    static const struct {
        const char *json;
        weir_value_kind kind;
        const char *text;
    } rows[] = {
        {"{\"a\":1,\"b\":[1.5,0.00001,1e+16,-2]}", WEIR_VALUE_STRING,
         "{\"a\": 1, \"b\": [1.5, 1e-05, 1e+16, -2]}"},
        {"{\"cl\xc3\xa9\":\"1.50 \\\" 0.00001\"}", WEIR_VALUE_STRING,
         "{\"cl\\u00e9\": \"1.50 \\\" 0.00001\"}"},
        {"[true,1]", WEIR_VALUE_STRING, "[true, 1]"},
        {"[0.00001,1.0]", WEIR_VALUE_JSON, "[1e-05,1.0]"},
        {"[[1],[2]]", WEIR_VALUE_JSON, "[[1],[2]]"},
        {"[]", WEIR_VALUE_JSON, "[]"},
    };
    struct replay_scratch scratch;
    replay_scratch_init(&scratch);
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        cr_assert(is_text(of(rows[i].json, &scratch), rows[i].kind, rows[i].text), "%s",
                  rows[i].json);
    }
    replay_scratch_deinit(&scratch);
}

Test(replay_value, text_is_a_string_or_nothing) {
    struct replay_scratch scratch;
    replay_scratch_init(&scratch);
    cr_assert(zero(int, strcmp(replay_text_of((struct json_slice){"\"x\"", 3}, &scratch), "x")));
    cr_assert(replay_text_of((struct json_slice){"1", 1}, &scratch) == NULL);
    cr_assert(replay_text_of((struct json_slice){0}, &scratch) == NULL);
    replay_scratch_deinit(&scratch);
}
