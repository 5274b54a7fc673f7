#include "otlp/deps/zstd_unpack.h"

#define ZSTD_STATIC_LINKING_ONLY /* for an allocator of our own */
#include <zstd.h>
#include <zstd_errors.h>

#include <weir/error.h>

#include "otlp/common/alloc.h"
#include "otlp/common/macro.h"

enum {
    PIECE_BYTES = 16 << 10,
    ALWAYS_ALLOWED_BYTES = 1 << 20, /* short repetitive bodies reach any ratio honestly */
    MAX_WINDOW_LOG = 23             /* 8 MiB: what RFC 8878 asks every decoder to support */
};

static void *allocate(void *data, size_t n_bytes) {
    (void)data;
    return mem_alloc(n_bytes);
}

static void release(void *data, void *block) {
    (void)data;
    mem_free(block);
}

static void free_stream(ZSTD_DCtx **stream) {
    ZSTD_freeDCtx(*stream);
}

static int error_of(size_t zstd_result) {
    switch (ZSTD_getErrorCode(zstd_result)) {
    case ZSTD_error_memory_allocation: return WEIR_E_NO_MEMORY;
    case ZSTD_error_frameParameter_windowTooLarge: return WEIR_E_TOO_LARGE;
    default: return WEIR_E_SYNTAX;
    }
}

/* Unpacks until the input ends and all was given out. 0, or the error. */
static int unpack_all(ZSTD_DCtx *stream, ZSTD_inBuffer *in, size_t max_bytes, struct buf *out) {
    uint8_t room[PIECE_BYTES];
    for (;;) {
        ZSTD_outBuffer piece = {room, sizeof(room), 0};
        size_t result = ZSTD_decompressStream(stream, &piece, in);
        if (ZSTD_isError(result)) {
            return error_of(result);
        }
        buf_append(out, room, piece.pos);
        if (buf_error(out) != 0) {
            return buf_error(out);
        }
        if (out->n_bytes > max_bytes) {
            return WEIR_E_TOO_LARGE;
        }
        if (in->pos == in->size && result == 0) {
            return 0; /* the last frame has ended */
        }
        if (in->pos == in->size && piece.pos < piece.size) {
            return WEIR_E_SYNTAX; /* more of the frame should have come */
        }
    }
}

int zstd_unpack(const uint8_t *bytes, size_t n_bytes, size_t max_ratio, struct buf *out) {
    if (n_bytes == 0) {
        return WEIR_E_SYNTAX;
    }
    CLEANUP(free_stream)
    ZSTD_DCtx *stream = ZSTD_createDCtx_advanced((ZSTD_customMem){allocate, release, NULL});
    if (stream == NULL) {
        return WEIR_E_NO_MEMORY;
    }
    ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, MAX_WINDOW_LOG);
    size_t most = 0;
    if (__builtin_mul_overflow(n_bytes, max_ratio, &most)) {
        most = SIZE_MAX / 2;
    }
    ZSTD_inBuffer in = {bytes, n_bytes, 0};
    return unpack_all(stream, &in, out->n_bytes + MAX((size_t)ALWAYS_ALLOWED_BYTES, most), out);
}
