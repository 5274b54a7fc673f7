#include "tests/golden/arena.h"

#include <stdarg.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "otlp/common/alloc.h"
#include "otlp/common/macro.h"

enum { ARENA_BLOCK_BYTES = 64 * 1024 };

struct arena_block {
    struct arena_block *next;
    size_t n_bytes; /* of data */
    alignas(max_align_t) char data[];
};

static void add_block(struct arena *arena, size_t n_bytes) {
    struct arena_block *block = mem_alloc(sizeof *block + n_bytes);
    if (block == NULL) {
        abort();
    }
    *block = (struct arena_block){.next = arena->blocks, .n_bytes = n_bytes};
    arena->blocks = block;
    arena->left = n_bytes;
}

void *arena_alloc(struct arena *arena, size_t n_bytes) {
    const size_t unit = alignof(max_align_t);
    n_bytes = (n_bytes + unit - 1) / unit * unit;
    if (n_bytes > arena->left) {
        add_block(arena, MAX(n_bytes, (size_t)ARENA_BLOCK_BYTES));
    }
    char *room = arena->blocks->data + (arena->blocks->n_bytes - arena->left);
    arena->left -= n_bytes;
    memset(room, 0, n_bytes);
    return room;
}

char *arena_copy(struct arena *arena, const void *bytes, size_t n_bytes) {
    char *copy = arena_alloc(arena, n_bytes + 1);
    if (n_bytes > 0) {
        memcpy(copy, bytes, n_bytes);
    }
    return copy;
}

char *arena_format(struct arena *arena, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = arena_alloc(arena, (size_t)length + 1);
    va_start(arguments, format);
    (void)vsnprintf(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return text;
}

void *arena_grow(struct arena *arena, void *items, size_t n, size_t *capacity, size_t item_bytes) {
    if (n < *capacity) {
        return items;
    }
    *capacity = *capacity == 0 ? 8 : *capacity * 2;
    void *larger = arena_alloc(arena, *capacity * item_bytes);
    if (n > 0) {
        memcpy(larger, items, n * item_bytes);
    }
    return larger;
}

void arena_free(struct arena *arena) {
    while (arena->blocks != NULL) {
        struct arena_block *block = arena->blocks;
        arena->blocks = block->next;
        mem_free(block);
    }
    *arena = (struct arena){0};
}
