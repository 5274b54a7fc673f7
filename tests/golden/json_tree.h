/*
 * JSON text as a tree of weir_value, built with the project's own scanner.
 *
 * A number with a point or exponent is a double, any other an integer; one beyond int64 stays as it
 * is written (a WEIR_VALUE_JSON leaf). NaN and Infinity are taken, as Python writes them.
 */
#pragma once

#include <weir/value.h>

#include "otlp/common/json_text.h"
#include "tests/golden/arena.h"

/* `slice` is a whole JSON value, known to be well-formed. */
weir_value json_tree_build(struct arena *arena, struct json_slice slice);

/* Checks that the text is one JSON value; NULL, or what is wrong with it. */
const char *json_tree_fault(struct arena *arena, struct json_slice text);

/* The value of a member of an object; absent (text NULL) when it is not there or `object` is none.
 */
struct json_slice json_tree_member(struct json_slice object, const char *key);

/* The decoded text of a string; NULL for anything else. */
const char *json_tree_text(struct arena *arena, struct json_slice string);

/* The items of an array of strings, NULL-terminated; NULL for anything else. */
const char *const *json_tree_texts(struct arena *arena, struct json_slice array);

bool json_tree_int(struct json_slice number, int64_t *out);
bool json_tree_true(struct json_slice value);

/* How two values are the same, as the recordings understand it: kinds and members in order; a
 * number beyond int64 equals the string of its digits, which is how OTLP carries it. */
bool json_tree_equal(const weir_value *expected, const weir_value *observed);

/* The value as Python writes JSON, for messages and for what is printed. */
const char *json_tree_print(struct arena *arena, const weir_value *value);
