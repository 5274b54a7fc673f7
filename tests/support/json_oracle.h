/*
 * jansson as the oracle of our JSON reader. In a file of its own because its names and ours clash.
 */
#pragma once

#include <stddef.h>

enum json_verdict {
    JSON_VERDICT_REFUSED,
    JSON_VERDICT_TAKEN,
    JSON_VERDICT_OUTSIDE /* refused for what our reader leaves to others: UTF-8, number ranges */
};

/* Any value at the top, U+0000 in strings allowed, integers of any size. */
enum json_verdict json_oracle(const char *text, size_t n_bytes);
