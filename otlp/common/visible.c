#include "otlp/common/visible.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "otlp/common/macro.h"
#include "otlp/common/utf8.h"

struct range {
    uint32_t first, last;
};

/* Characters that act instead of showing: C0 and C1 controls, directional and invisible marks, line
 * separators, language tags. Joiners stay: emoji and several scripts need them. */
static const struct range acting[] = {
    {0x00, 0x1f},     {0x7f, 0x9f},     {0xad, 0xad},     {0x61c, 0x61c},
    {0x180e, 0x180e}, {0x200b, 0x200b}, {0x200e, 0x200f}, {0x2028, 0x202e},
    {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f},
};

static const struct range no_columns[] = {
    {0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},   {0x610, 0x61a},
    {0x64b, 0x65f},   {0x93c, 0x93c},   {0x94d, 0x94d},   {0xe31, 0xe31},
    {0xe34, 0xe3a},   {0xe47, 0xe4e},   {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff},
    {0x200c, 0x200d}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f},
};

static const struct range two_columns[] = {
    {0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0x4dbf},   {0x4e00, 0xa4cf},
    {0xa960, 0xa97c},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},
    {0xff00, 0xff60},   {0xffe0, 0xffe6},   {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff},
    {0x1f900, 0x1f9ff}, {0x1fa70, 0x1faff}, {0x20000, 0x3fffd},
};

static bool is_in(const struct range *ranges, size_t n_ranges, uint32_t code_point) {
    for (size_t i = 0; i < n_ranges && code_point >= ranges[i].first; i++) {
        if (code_point <= ranges[i].last) {
            return true;
        }
    }
    return false;
}

/* One character as it is shown. */
struct glyph {
    char bytes[16];
    size_t n_bytes, n_columns;
};

static void escape(struct glyph *glyph, uint32_t code_point) {
    int n;
    switch (code_point) {
    case '\n': n = snprintf(glyph->bytes, sizeof(glyph->bytes), "\\n"); break;
    case '\r': n = snprintf(glyph->bytes, sizeof(glyph->bytes), "\\r"); break;
    case '\t': n = snprintf(glyph->bytes, sizeof(glyph->bytes), "\\t"); break;
    default: n = snprintf(glyph->bytes, sizeof(glyph->bytes), "\\u{%x}", code_point); break;
    }
    glyph->n_bytes = glyph->n_columns = (size_t)n;
}

/* Reads the character at the start of valid text; returns the bytes it took there. */
static size_t read_glyph(const char *text, struct glyph *out) {
    size_t n_used = 1;
    uint32_t code_point = (unsigned char)text[0];
    if (code_point >= 0x80) {
        code_point = utf8_decode(text, &n_used);
    }
    if (is_in(acting, ARRAY_LENGTH(acting), code_point)) {
        escape(out, code_point);
        return n_used;
    }
    memcpy(out->bytes, text, n_used);
    out->n_bytes = n_used;
    out->n_columns = is_in(no_columns, ARRAY_LENGTH(no_columns), code_point)     ? 0
                     : is_in(two_columns, ARRAY_LENGTH(two_columns), code_point) ? 2
                                                                                 : 1;
    return n_used;
}

/* How many of the first max_bytes are printable ASCII: most text is, and takes a column a byte. */
static size_t plain_run(const char *text, size_t max_bytes) {
    size_t n = 0;
    while (n < max_bytes && text[n] >= 0x20 && text[n] < 0x7f) {
        n++;
    }
    return n;
}

/* Where valid text stops fitting. */
struct fit {
    size_t n_bytes;   /* of the text, that fit */
    size_t n_columns; /* that these take */
    bool is_all;
};

static struct fit measure(const char *text, size_t n_bytes, size_t max_columns) {
    struct fit fit = {.is_all = true};
    while (fit.n_bytes < n_bytes) {
        size_t n_plain =
            plain_run(text + fit.n_bytes, MIN(n_bytes - fit.n_bytes, max_columns - fit.n_columns));
        fit.n_bytes += n_plain;
        fit.n_columns += n_plain;
        if (fit.n_bytes == n_bytes) {
            break;
        }
        struct glyph glyph;
        size_t n_used = read_glyph(text + fit.n_bytes, &glyph);
        if (glyph.n_columns > max_columns - fit.n_columns) {
            fit.is_all = false;
            break;
        }
        fit.n_bytes += n_used;
        fit.n_columns += glyph.n_columns;
    }
    return fit;
}

static void append_glyphs(struct buf *out, const char *text, size_t n_bytes) {
    for (size_t at = 0; at < n_bytes;) {
        size_t n_plain = plain_run(text + at, n_bytes - at);
        buf_append(out, text + at, n_plain);
        at += n_plain;
        if (at < n_bytes) {
            struct glyph glyph;
            at += read_glyph(text + at, &glyph);
            buf_append(out, glyph.bytes, glyph.n_bytes);
        }
    }
}

static size_t append_valid(struct buf *out, const char *text, size_t n_bytes, size_t max_columns,
                           const char *ellipsis) {
    struct fit fit = measure(text, n_bytes, max_columns);
    if (fit.is_all) {
        append_glyphs(out, text, n_bytes);
        return fit.n_columns;
    }
    size_t n_ellipsis = MIN(visible_columns(ellipsis, strlen(ellipsis)), max_columns);
    fit = measure(text, n_bytes, max_columns - n_ellipsis);
    append_glyphs(out, text, fit.n_bytes);
    struct fit last = measure(ellipsis, strlen(ellipsis), n_ellipsis);
    append_glyphs(out, ellipsis, last.n_bytes);
    return fit.n_columns + last.n_columns;
}

size_t visible_append(struct buf *out, const char *text, size_t n_bytes, size_t max_columns,
                      const char *ellipsis) {
    if (utf8_is_valid(text, n_bytes)) {
        return append_valid(out, text, n_bytes, max_columns, ellipsis);
    }
    CLEANUP(buf_deinit) struct buf repaired;
    buf_init(&repaired, n_bytes * 3); /* each bad byte becomes three at most */
    utf8_append_repaired(&repaired, text, n_bytes);
    if (buf_error(&repaired) != 0) {
        out->error = out->error != 0 ? out->error : buf_error(&repaired);
        return 0;
    }
    return append_valid(out, (const char *)repaired.data, repaired.n_bytes, max_columns, ellipsis);
}

size_t visible_columns(const char *text, size_t n_bytes) {
    size_t n_columns = 0;
    while (n_bytes > 0) {
        size_t n_valid = utf8_valid_prefix(text, n_bytes);
        n_columns += measure(text, n_valid, SIZE_MAX).n_columns;
        text += n_valid;
        n_bytes -= n_valid;
        if (n_bytes > 0) { /* an approximation: one mark for each bad byte */
            n_columns++;
            text++;
            n_bytes--;
        }
    }
    return n_columns;
}
