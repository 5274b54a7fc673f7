/*
 * Structs with a leading `size_t size`: what callers built against an older or newer header pass.
 */
#pragma once

#include <stddef.h>
#include <string.h>

#include "otlp/common/macro.h"

/*
 * Copies the caller's options into a full struct of ours: what the caller's version lacks is zero,
 * what ours lacks is left out. NULL, or a size that cannot be right, gives all zeros.
 */
static inline void sized_read(void *to, size_t n_bytes, const void *from) {
    memset(to, 0, n_bytes);
    size_t size = 0;
    if (from != NULL) {
        memcpy(&size, from, sizeof size);
        memcpy(to, from, MIN(size, n_bytes));
    }
    memcpy(to, &n_bytes, sizeof n_bytes);
}

/* Fills the caller's struct as far as its size goes, and leaves that size as it was. */
static inline void sized_write(void *to, const void *from, size_t n_bytes) {
    if (to == NULL) {
        return;
    }
    size_t size;
    memcpy(&size, to, sizeof size);
    if (size > sizeof size) {
        memcpy((char *)to + sizeof size, (const char *)from + sizeof size,
               MIN(size, n_bytes) - sizeof size);
    }
}
