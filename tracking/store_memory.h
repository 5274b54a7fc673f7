/*
 * Memory of a thing that is read from a file and freed as a whole: no part of it is freed alone.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "otlp/common/json_text.h"

struct store_memory {
    struct store_block *blocks;
    bool is_short; /* an allocation has failed: what was built is not whole */
};

/* Cleared memory, aligned for pointers; NULL when it is short. */
void *store_memory_take(struct store_memory *memory, size_t n, size_t n_bytes);

/* The decoded text of a raw string; NULL when it is no string, or memory is short. */
char *store_memory_text(struct store_memory *memory, struct json_slice string);

/* A copy with a NUL behind. */
char *store_memory_copy(struct store_memory *memory, const char *text, size_t n_bytes);

void store_memory_free(struct store_memory *memory);
