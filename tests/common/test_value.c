#include <math.h>
#include <weir/value.h>

#include "otlp/common/macro.h"
#include "tests/support/expect.h"

static const weir_value items[] = {{0}, {0}};
static const weir_key_value members[] = {{"a", {0}}};

Test(value, a_string_is_borrowed_with_its_length) {
    const char *text = "a\0b";
    weir_value value = weir_value_string_n(text, 3);
    cr_assert(eq(int, (int)value.kind, WEIR_VALUE_STRING));
    cr_assert(value.as.string.bytes == text);
    cr_assert(eq(sz, value.as.string.n_bytes, 3));
    cr_assert(eq(sz, weir_value_string("four").as.string.n_bytes, 4));
    cr_assert(eq(int, (int)weir_value_string("").kind, WEIR_VALUE_STRING));
}

Test(value, scalars_keep_their_extremes) {
    cr_assert(weir_value_bool(true).as.boolean);
    cr_assert(eq(int, (int)weir_value_bool(false).kind, WEIR_VALUE_BOOL));
    cr_assert(eq(i64, weir_value_int(INT64_MIN).as.integer, INT64_MIN));
    cr_assert(eq(i64, weir_value_int(INT64_MAX).as.integer, INT64_MAX));
    cr_assert(eq(int, (int)weir_value_int(0).kind, WEIR_VALUE_INT));
    cr_assert(isnan(weir_value_double(NAN).as.number));
    cr_assert(signbit(weir_value_double(-0.0).as.number));
    cr_assert(eq(int, (int)weir_value_double(1).kind, WEIR_VALUE_DOUBLE));
}

Test(value, containers_and_bytes_are_borrowed) {
    weir_value array = weir_value_array(items, 2);
    weir_value map = weir_value_map(members, 1);
    weir_value bytes = weir_value_bytes("\0\1", 2);
    cr_assert(array.kind == WEIR_VALUE_ARRAY && array.as.array.items == items);
    cr_assert(eq(sz, array.as.array.n_items, 2));
    cr_assert(map.kind == WEIR_VALUE_MAP && map.as.map.items == members);
    cr_assert(eq(sz, map.as.map.n_items, 1));
    cr_assert(bytes.kind == WEIR_VALUE_BYTES && bytes.as.bytes.n_bytes == 2);
}

Test(value, null_gives_empty_values_and_empty_containers) {
    const weir_value empties[] = {weir_value_string(NULL),      weir_value_string_n(NULL, 0),
                                  weir_value_string_n(NULL, 5), weir_value_json(NULL),
                                  weir_value_json_n(NULL, 5),   weir_value_bytes(NULL, 5),
                                  weir_value_array(NULL, 5),    weir_value_map(NULL, 5)};
    for (size_t i = 0; i < ARRAY_LENGTH(empties); i++) {
        cr_assert(eq(int, (int)empties[i].kind, WEIR_VALUE_EMPTY), "%zu", i);
    }
    cr_assert(eq(int, (int)weir_value_array(NULL, 0).kind, WEIR_VALUE_ARRAY));
    cr_assert(eq(int, (int)weir_value_map(NULL, 0).kind, WEIR_VALUE_MAP));
    cr_assert(eq(int, (int)weir_value_bytes(NULL, 0).kind, WEIR_VALUE_BYTES));
}

Test(value, json_is_taken_as_it_stands) {
    weir_value value = weir_value_json("{\"a\": 1e400}");
    cr_assert(eq(int, (int)value.kind, WEIR_VALUE_JSON));
    cr_assert(eq(sz, value.as.string.n_bytes, 12));
    cr_assert(eq(sz, weir_value_json_n("[]x", 2).as.string.n_bytes, 2));
}
