#include "otlp/deps/gzip_inflate.h"

#include <limits.h>

#define ZLIB_CONST /* its input pointers are const */
#include <zlib.h>

#include <weir/error.h>

#include "otlp/common/alloc.h"
#include "otlp/common/macro.h"

enum {
    PIECE_BYTES = 16 << 10,
    ALWAYS_ALLOWED_BYTES = 1 << 20, /* short repetitive bodies reach any ratio honestly */
    GZIP_WINDOW_BITS = 15 + 16      /* zlib's way of saying: the largest window, gzip only */
};

static void *allocate(void *data, unsigned n, unsigned n_bytes) {
    (void)data;
    return mem_array(n, n_bytes);
}

static void release(void *data, void *block) {
    (void)data;
    mem_free(block);
}

static void end_stream(z_stream *stream) {
    inflateEnd(stream);
}

static int error_of(int zlib_result) {
    return zlib_result == Z_MEM_ERROR ? WEIR_E_NO_MEMORY : WEIR_E_SYNTAX;
}

/* One step, from the stream's input into the buffer: zlib's result, and the buffer's in *error. */
static int inflate_piece(z_stream *stream, struct buf *out, int *error) {
    uint8_t piece[PIECE_BYTES];
    stream->next_out = piece;
    stream->avail_out = sizeof(piece);
    int result = inflate(stream, Z_NO_FLUSH);
    buf_append(out, piece, sizeof(piece) - stream->avail_out);
    *error = buf_error(out);
    return result;
}

/* Unpacks one member. 0, or the error. */
static int inflate_member(z_stream *stream, size_t max_bytes, struct buf *out) {
    for (;;) {
        int error;
        int result = inflate_piece(stream, out, &error);
        if (error != 0) {
            return error;
        }
        if (out->n_bytes > max_bytes) {
            return WEIR_E_TOO_LARGE;
        }
        if (result == Z_STREAM_END) {
            return 0;
        }
        if (result != Z_OK) {
            return error_of(result); /* Z_BUF_ERROR too: the input ended before the stream did */
        }
    }
}

int gzip_inflate(const uint8_t *bytes, size_t n_bytes, size_t max_ratio, struct buf *out) {
    if (n_bytes > UINT_MAX) {
        return WEIR_E_TOO_LARGE;
    }
    CLEANUP(end_stream)
    z_stream stream = {
        .next_in = bytes, .avail_in = (unsigned)n_bytes, .zalloc = allocate, .zfree = release};
    int result = inflateInit2(&stream, GZIP_WINDOW_BITS);
    if (result != Z_OK) {
        return error_of(result);
    }
    size_t max_bytes = out->n_bytes + MAX((size_t)ALWAYS_ALLOWED_BYTES, n_bytes * max_ratio);
    do {
        int error = inflate_member(&stream, max_bytes, out);
        if (error != 0) {
            return error;
        }
        inflateReset(&stream);
    } while (stream.avail_in > 0);
    return 0;
}
