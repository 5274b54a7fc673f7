#include "otlp/deps/gzip.h"

#include <libdeflate.h>

#include <weir/error.h>

enum { LEVEL = 1, LEAST_MEMBER_BYTES = 18, SIZE_BYTES = 4 };

bool gzip_is_built(void) {
    return true;
}

/* A name of ours for theirs. */
static struct libdeflate_compressor *inside(struct gzip *gzip) {
    return (struct libdeflate_compressor *)(void *)gzip;
}

struct gzip *gzip_new(void) {
    return (struct gzip *)(void *)libdeflate_alloc_compressor(LEVEL);
}

void gzip_free(struct gzip *gzip) {
    if (gzip != NULL) {
        libdeflate_free_compressor(inside(gzip));
    }
}

int gzip_pack(struct gzip *gzip, const uint8_t *bytes, size_t n_bytes, struct buf *out) {
    size_t n_before = out->n_bytes;
    size_t most = libdeflate_gzip_compress_bound(inside(gzip), n_bytes);
    uint8_t *room = buf_reserve(out, most);
    if (room == NULL) {
        return buf_error(out);
    }
    size_t n = libdeflate_gzip_compress(inside(gzip), bytes, n_bytes, room, most);
    buf_truncate(out, n_before + n); /* n is not 0: there was room for the most */
    return 0;
}

/* The last four bytes say how long the contents are, modulo 2^32: a claim, which the room for them
 * then proves. */
static size_t claimed_bytes(const uint8_t *bytes, size_t n_bytes) {
    const uint8_t *at = bytes + n_bytes - SIZE_BYTES;
    return (size_t)at[0] | (size_t)at[1] << 8 | (size_t)at[2] << 16 | (size_t)at[3] << 24;
}

static int expand(const uint8_t *bytes, size_t n_bytes, uint8_t *room, size_t n_room) {
    struct libdeflate_decompressor *expander = libdeflate_alloc_decompressor();
    if (expander == NULL) {
        return WEIR_E_NO_MEMORY;
    }
    size_t n_read = 0, n_made = 0;
    enum libdeflate_result result =
        libdeflate_gzip_decompress_ex(expander, bytes, n_bytes, room, n_room, &n_read, &n_made);
    libdeflate_free_decompressor(expander);
    bool is_whole = result == LIBDEFLATE_SUCCESS && n_read == n_bytes && n_made == n_room;
    return is_whole ? 0 : WEIR_E_SYNTAX;
}

int gzip_unpack(const uint8_t *bytes, size_t n_bytes, struct buf *out) {
    if (n_bytes < LEAST_MEMBER_BYTES) {
        return WEIR_E_SYNTAX;
    }
    size_t n_before = out->n_bytes, n_claimed = claimed_bytes(bytes, n_bytes);
    if (n_claimed > out->max_bytes - n_before) {
        return WEIR_E_TOO_LARGE;
    }
    /* libdeflate wants an address, be it for nothing */
    uint8_t nothing, *room = n_claimed > 0 ? buf_reserve(out, n_claimed) : &nothing;
    if (room == NULL) {
        return buf_error(out);
    }
    int error = expand(bytes, n_bytes, room, n_claimed);
    if (error != 0) {
        buf_truncate(out, n_before);
    }
    return error;
}
