#include "otlp/piece.h"

#include <stdint.h>

#include "otlp/common/hex.h"

static bool is_space(char c) {
    return c == ' ' || c == '\t';
}

struct piece piece_trimmed(const char *at, const char *end) {
    while (at < end && is_space(*at)) {
        at++;
    }
    while (at < end && is_space(end[-1])) {
        end--;
    }
    return (struct piece){at, (size_t)(end - at)};
}

struct piece piece_next(const char **rest, char separator) {
    const char *at = *rest, *end = strchr(at, separator);
    *rest = end != NULL ? end + 1 : NULL;
    return piece_trimmed(at, end != NULL ? end : at + strlen(at));
}

bool piece_is_token(struct piece text) {
    for (size_t i = 0; i < text.n_bytes; i++) {
        char c = text.at[i];
        bool is_alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_alnum && (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL)) {
            return false;
        }
    }
    return text.n_bytes > 0;
}

bool piece_percent_decode(struct buf *out, struct piece text) {
    bool is_good = true;
    for (size_t i = 0; i < text.n_bytes; i++) {
        if (text.at[i] != '%') {
            buf_append_byte(out, (uint8_t)text.at[i]);
            continue;
        }
        int byte = i + 2 < text.n_bytes ? hex_byte(text.at + i + 1) : -1;
        if (byte < 0) {
            is_good = false;
            buf_append_byte(out, '%');
        } else {
            buf_append_byte(out, (uint8_t)byte);
            i += 2;
        }
    }
    return is_good;
}
