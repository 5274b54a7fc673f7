#include "otlp/common/utf8.h"

#include <stdint.h>
#include <string.h>

/* Eight bytes at a time while they are ASCII: telemetry text nearly always is. */
static size_t ascii_prefix(const uint8_t *bytes, size_t n_bytes) {
    size_t at = 0;
    for (; n_bytes - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, bytes + at, 8);
        if (word & UINT64_C(0x8080808080808080)) {
            break;
        }
    }
    while (at < n_bytes && bytes[at] < 0x80) {
        at++;
    }
    return at;
}

/*
 * The bytes of the well-formed sequence at `bytes`, or 0. Then *bad gets the length of the maximal
 * subpart of it, at least 1 (Unicode 3.9, table 3-7).
 */
static size_t sequence(const uint8_t *bytes, size_t n_bytes, size_t *bad) {
    uint8_t lead = bytes[0];
    uint8_t low = 0x80, high = 0xbf;
    size_t length;
    if (lead < 0x80) {
        return 1;
    } else if (lead >= 0xc2 && lead <= 0xdf) {
        length = 2;
    } else if (lead >= 0xe0 && lead <= 0xef) {
        length = 3;
        low = lead == 0xe0 ? 0xa0 : low;
        high = lead == 0xed ? 0x9f : high;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        length = 4;
        low = lead == 0xf0 ? 0x90 : low;
        high = lead == 0xf4 ? 0x8f : high;
    } else {
        *bad = 1;
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if (i >= n_bytes || bytes[i] < low || bytes[i] > high) {
            *bad = i;
            return 0;
        }
        low = 0x80;
        high = 0xbf;
    }
    return length;
}

size_t utf8_valid_prefix(const char *text, size_t n_bytes) {
    const uint8_t *bytes = (const uint8_t *)text;
    size_t at = 0;
    while (at < n_bytes) {
        at += ascii_prefix(bytes + at, n_bytes - at);
        if (at == n_bytes) {
            break;
        }
        size_t bad;
        size_t length = sequence(bytes + at, n_bytes - at, &bad);
        if (length == 0) {
            break;
        }
        at += length;
    }
    return at;
}

bool utf8_is_valid(const char *text, size_t n_bytes) {
    return utf8_valid_prefix(text, n_bytes) == n_bytes;
}

void utf8_append_repaired(struct buf *out, const char *text, size_t n_bytes) {
    size_t at = 0;
    while (at < n_bytes) {
        size_t good = utf8_valid_prefix(text + at, n_bytes - at);
        buf_append(out, text + at, good);
        at += good;
        if (at < n_bytes) {
            size_t bad = 1;
            (void)sequence((const uint8_t *)text + at, n_bytes - at, &bad);
            buf_append(out, "\xef\xbf\xbd", 3);
            at += bad;
        }
    }
}

void utf8_make_line(char *text) {
    size_t n_bytes = strlen(text), at = 0;
    uint8_t *bytes = (uint8_t *)text;
    while (at < n_bytes) {
        size_t bad = 0;
        size_t length = sequence(bytes + at, n_bytes - at, &bad);
        if (length == 0) {
            bool is_cut_off = bytes[at] >= 0xc2 && bytes[at] <= 0xf4 && at + bad == n_bytes;
            bytes[at++] = is_cut_off ? '\0' : '?';
            n_bytes = is_cut_off ? at : n_bytes;
            continue;
        }
        if (bytes[at] < 0x20 || bytes[at] == 0x7f ||
            (length == 2 && bytes[at] == 0xc2 && bytes[at + 1] < 0xa0)) {
            memset(bytes + at, ' ', length);
        }
        at += length;
    }
}

size_t utf8_prefix_of_chars(const char *text, size_t n_bytes, size_t max_chars) {
    size_t at = 0;
    for (size_t chars = 0; at < n_bytes; at++) {
        bool starts_character = ((uint8_t)text[at] & 0xc0) != 0x80;
        if (starts_character && chars++ == max_chars) {
            break;
        }
    }
    return at;
}

size_t utf8_encode(char out[4], unsigned code_point) {
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        out[0] = (char)(0xc0 | code_point >> 6);
        out[1] = (char)(0x80 | (code_point & 0x3f));
        return 2;
    }
    if (code_point < 0x10000) {
        out[0] = (char)(0xe0 | code_point >> 12);
        out[1] = (char)(0x80 | (code_point >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code_point & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code_point >> 18);
    out[1] = (char)(0x80 | (code_point >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code_point >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code_point & 0x3f));
    return 4;
}

unsigned utf8_decode(const char *text, size_t *n_used) {
    const uint8_t *b = (const uint8_t *)text;
    if (b[0] < 0x80) {
        *n_used = 1;
        return b[0];
    }
    if (b[0] < 0xe0) {
        *n_used = 2;
        return (b[0] & 0x1fu) << 6 | (b[1] & 0x3fu);
    }
    if (b[0] < 0xf0) {
        *n_used = 3;
        return (b[0] & 0x0fu) << 12 | (b[1] & 0x3fu) << 6 | (b[2] & 0x3fu);
    }
    *n_used = 4;
    return (b[0] & 0x07u) << 18 | (b[1] & 0x3fu) << 12 | (b[2] & 0x3fu) << 6 | (b[3] & 0x3fu);
}
