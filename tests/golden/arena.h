/*
 * Memory that is given back all at once: a scenario, what it expects and what came out live in one.
 *
 * Nothing here fails: a test program without memory aborts.
 */
#pragma once

#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *blocks;
    size_t left; /* in the newest block */
};

void *arena_alloc(struct arena *arena, size_t n_bytes);                   /* cleared */
char *arena_copy(struct arena *arena, const void *bytes, size_t n_bytes); /* with a NUL behind */
char *arena_format(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3), nonnull));

/* Doubles an array that is full (n == *capacity), keeping its items. */
void *arena_grow(struct arena *arena, void *items, size_t n, size_t *capacity, size_t item_bytes);

void arena_free(struct arena *arena);
