#include "otlp/common/alloc.h"

#include <stdlib.h>
#include <string.h>

void *mem_alloc(size_t n_bytes) {
    return malloc(n_bytes ? n_bytes : 1);
}

void *mem_zalloc(size_t n_bytes) {
    return calloc(1, n_bytes ? n_bytes : 1);
}

void *mem_array(size_t n, size_t n_bytes) {
    size_t total;
    if (__builtin_mul_overflow(n, n_bytes, &total)) {
        return NULL;
    }
    return mem_alloc(total);
}

void *mem_realloc(void *block, size_t n_bytes) {
    return realloc(block, n_bytes ? n_bytes : 1);
}

void mem_free(void *block) {
    free(block);
}

char *mem_strdup(const char *text) {
    return text ? mem_strndup(text, strlen(text)) : NULL;
}

char *mem_strndup(const char *text, size_t n_bytes) {
    char *copy = text ? mem_alloc(n_bytes + 1) : NULL;
    if (copy != NULL) {
        memcpy(copy, text, n_bytes);
        copy[n_bytes] = '\0';
    }
    return copy;
}

void mem_cleanup(void *pointer_to_pointer) {
    mem_free(*(void **)pointer_to_pointer);
}
