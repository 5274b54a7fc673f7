#include "tracking/store_memory.h"

#include <stdint.h>
#include <string.h>

#include "otlp/common/alloc.h"

struct store_block {
    struct store_block *next;
    max_align_t bytes[];
};

void *store_memory_take(struct store_memory *memory, size_t n, size_t n_bytes) {
    size_t size;
    struct store_block *block = NULL;
    if (!__builtin_mul_overflow(n, n_bytes, &size) && size < SIZE_MAX - sizeof *block) {
        block = mem_zalloc(sizeof *block + size);
    }
    if (block == NULL) {
        memory->is_short = true;
        return NULL;
    }
    block->next = memory->blocks;
    memory->blocks = block;
    return block->bytes;
}

char *store_memory_copy(struct store_memory *memory, const char *text, size_t n_bytes) {
    char *copy = store_memory_take(memory, n_bytes + 1, 1);
    if (copy != NULL && n_bytes > 0) {
        memcpy(copy, text, n_bytes);
    }
    return copy;
}

char *store_memory_text(struct store_memory *memory, struct json_slice string) {
    if (json_kind_of(string) != JSON_STRING) {
        return NULL;
    }
    char *decoded = json_decode_text(string);
    if (decoded == NULL) {
        memory->is_short = true;
        return NULL;
    }
    char *copy = store_memory_copy(memory, decoded, strlen(decoded));
    mem_free(decoded);
    return copy;
}

void store_memory_free(struct store_memory *memory) {
    while (memory->blocks != NULL) {
        struct store_block *block = memory->blocks;
        memory->blocks = block->next;
        mem_free(block);
    }
    *memory = (struct store_memory){0};
}
