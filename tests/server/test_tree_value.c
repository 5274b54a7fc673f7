#include "bridge/server/tree_value.h"

#include <math.h>

#include "bridge/server/bounds.h"
#include "tests/support/expect.h"

static Otlp__AnyValue empty_value(void) {
    Otlp__AnyValue value;
    otlp__any_value__init(&value);
    return value;
}

static Otlp__AnyValue string_value(const char *text) {
    Otlp__AnyValue value = empty_value();
    value.value_case = OTLP__ANY_VALUE__VALUE_STRING_VALUE;
    value.string_value.data = (uint8_t *)expect_unconst(text);
    value.string_value.len = strlen(text);
    return value;
}

static void expect_value_at(size_t at, const Otlp__AnyValue *value, const char *shown) {
    struct buf out;
    buf_init(&out, 1 << 16);
    tree_value_append(&out, value);
    expect_buf_at(at, &out, shown);
    buf_deinit(&out);
}

Test(tree_value, quotes_text_only_where_it_could_be_misread) {
    static const char *const rows[][2] = {
        {"plain text", "plain text"},
        {"{\"a\": 1}", "{\"a\": 1}"},
        {"[1]", "[1]"},
        {"say \"hi\"", "say \"hi\""},
        {"", "\"\""},
        {" x", "\" x\""},
        {"x ", "\"x \""},
        {"12", "\"12\""},
        {"-1.5e3", "\"-1.5e3\""},
        {"true", "\"true\""},
        {"null", "\"null\""},
        {"NaN", "\"NaN\""},
        {"\"x\"", "\"\\\"x\\\"\""},
        {"a\nb", "a\\nb"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        Otlp__AnyValue value = string_value(rows[i][0]);
        expect_value_at(i, &value, rows[i][1]);
    }
}

Test(tree_value, shows_numbers_and_nothing) {
    Otlp__AnyValue value = empty_value();
    expect_value_at(0, &value, "null");
    expect_value_at(1, NULL, "null");
    value.value_case = OTLP__ANY_VALUE__VALUE_INT_VALUE;
    value.int_value = INT64_MIN;
    expect_value_at(2, &value, "-9223372036854775808");
    value.value_case = OTLP__ANY_VALUE__VALUE_BOOL_VALUE;
    value.bool_value = 1;
    expect_value_at(3, &value, "true");
    value.value_case = OTLP__ANY_VALUE__VALUE_DOUBLE_VALUE;
    value.double_value = 0.1;
    expect_value_at(4, &value, "0.1");
    value.double_value = -INFINITY;
    expect_value_at(5, &value, "-Infinity");
    value.double_value = NAN;
    expect_value_at(6, &value, "NaN");
}

Test(tree_value, shows_bytes_arrays_and_maps) {
    Otlp__AnyValue bytes = empty_value();
    bytes.value_case = OTLP__ANY_VALUE__VALUE_BYTES_VALUE;
    uint8_t data[] = {0, 1, 2};
    bytes.bytes_value = (ProtobufCBinaryData){sizeof data, data};
    expect_value_at(0, &bytes, "base64:AAEC");

    Otlp__AnyValue text = string_value("t\"\x1b");
    Otlp__AnyValue *items[] = {&text, &bytes};
    Otlp__ArrayValue array = OTLP__ARRAY_VALUE__INIT;
    array.n_values = 2;
    array.values = items;
    Otlp__AnyValue value = empty_value();
    value.value_case = OTLP__ANY_VALUE__VALUE_ARRAY_VALUE;
    value.array_value = &array;
    expect_value_at(1, &value, "[\"t\\\"\\u001b\", base64:AAEC]");

    Otlp__KeyValue item = OTLP__KEY_VALUE__INIT;
    item.key = string_value("k").string_value;
    Otlp__KeyValue *pairs[] = {&item};
    Otlp__KeyValueList map = OTLP__KEY_VALUE_LIST__INIT;
    map.n_values = 1;
    map.values = pairs;
    value.value_case = OTLP__ANY_VALUE__VALUE_KVLIST_VALUE;
    value.kvlist_value = &map;
    expect_value_at(2, &value, "{\"k\": null}");
}

Test(tree_value, cuts_huge_values) {
    static char huge[TREE_MAX_VALUE_BYTES * 2];
    memset(huge, 'x', sizeof huge - 1);
    Otlp__AnyValue value = string_value(huge);
    struct buf out;
    buf_init(&out, 1 << 20);
    tree_value_append(&out, &value);
    cr_assert(eq(int, buf_error(&out), 0));
    cr_assert(eq(sz, out.n_bytes, TREE_MAX_VALUE_BYTES + 3));
    cr_assert(zero(int, memcmp(out.data + out.n_bytes - 4, "x...", 4)));
    buf_deinit(&out);
}
