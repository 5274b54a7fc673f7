/*
 * jansson as the oracle of our JSON reader. In a file of its own because its names and ours clash.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum json_verdict {
    JSON_VERDICT_REFUSED,
    JSON_VERDICT_TAKEN,
    JSON_VERDICT_OUTSIDE /* refused for what our reader leaves to others: UTF-8, number ranges */
};

/* Any value at the top, U+0000 in strings allowed, integers of any size. */
enum json_verdict json_oracle(const char *text, size_t n_bytes);

/*
 * Whether jansson finds the same in a line that it takes: at the top an object, whose member `key`
 * equals the JSON text `value` (NULL: has no such member).
 */
bool json_oracle_agrees(const char *line, size_t n_line, const char *key, const char *value,
                        size_t n_value);

/* Whether the line is an object whose member `key` is a string. */
bool json_oracle_has_text(const char *line, size_t n_line, const char *key);
