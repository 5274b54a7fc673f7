/*
 * Option structs that may come from a caller built with another version of the headers.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/*
 * Copies a caller's struct of `size` bytes to ours of own_size: fields that it does not know yet
 * are 0, which is their default. False, and nothing copied, when `size` is 0 (not set) or the
 * caller uses fields that we do not know.
 */
static inline bool options_extend(void *own, size_t own_size, const void *given, size_t size) {
    const unsigned char *bytes = given;
    if (size == 0) {
        return false;
    }
    for (size_t i = own_size; i < size; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    memcpy(own, given, size < own_size ? size : own_size);
    if (size < own_size) {
        memset((unsigned char *)own + size, 0, own_size - size);
    }
    return true;
}
