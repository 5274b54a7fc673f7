#include "otlp/common/base64.h"

#include <stdint.h>

/* 0 to 63, or -1. */
static int value_of(char c) {
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

bool base64_append_decoded(struct buf *out, const char *text, size_t n_bytes) {
    if (n_bytes % 4 == 0 && n_bytes > 0 && text[n_bytes - 1] == '=') {
        n_bytes -= text[n_bytes - 2] == '=' ? 2 : 1;
    }
    if (n_bytes % 4 == 1) {
        return false;
    }
    size_t n_before = out->n_bytes;
    uint32_t bits = 0;
    for (size_t i = 0; i < n_bytes; i++) {
        int value = value_of(text[i]);
        if (value < 0) {
            buf_truncate(out, n_before);
            return false;
        }
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 > 0) {
            buf_append_byte(out, (uint8_t)(bits >> (6 - 2 * (i % 4))));
        }
    }
    return true;
}
