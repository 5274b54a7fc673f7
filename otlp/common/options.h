/*
 * Structs whose first member is `size_t size`, of callers that were built against an older or newer
 * header: options that come in, and counters that go out.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "otlp/common/macro.h"

/*
 * Copies a caller's struct to a whole one of ours, whose size becomes own_bytes: NULL, and fields
 * that the caller does not know yet, are 0, which is their default. False, and all of it default,
 * when the caller's size is 0 (not made by the struct's macro) or fields are set that we do not
 * know.
 */
static inline bool options_read(void *own, size_t own_bytes, const void *given) {
    size_t size = own_bytes;
    if (given != NULL) {
        memcpy(&size, given, sizeof size);
        if (LIKELY(size == own_bytes)) {
            memcpy(own, given, own_bytes);
            return true;
        }
    }
    const unsigned char *bytes = given;
    bool is_good = size != 0;
    for (size_t i = own_bytes; i < size; i++) {
        is_good = is_good && bytes[i] == 0;
    }
    memset(own, 0, own_bytes);
    if (given != NULL && is_good) {
        memcpy(own, given, MIN(size, own_bytes));
    }
    memcpy(own, &own_bytes, sizeof own_bytes);
    return is_good;
}

/* Fills the caller's struct as far as its size goes, and leaves that size as it was. NULL is fine.
 */
static inline void options_write(void *to, const void *from, size_t n_bytes) {
    size_t size = 0;
    if (to != NULL) {
        memcpy(&size, to, sizeof size);
    }
    if (size > sizeof size) {
        memcpy((char *)to + sizeof size, (const char *)from + sizeof size,
               MIN(size, n_bytes) - sizeof size);
    }
}
