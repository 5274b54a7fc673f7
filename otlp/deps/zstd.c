#include "otlp/deps/zstd.h"

#include <zstd.h>

#include <weir/error.h>

enum { LEVEL = 1 }; /* level 3 takes twice the time and saves nothing on spans */

bool zstd_is_built(void) {
    return true;
}

/* A name of ours for theirs. */
static ZSTD_CCtx *inside(struct zstd *zstd) {
    return (ZSTD_CCtx *)(void *)zstd;
}

struct zstd *zstd_new(void) {
    return (struct zstd *)(void *)ZSTD_createCCtx();
}

void zstd_free(struct zstd *zstd) {
    (void)ZSTD_freeCCtx(inside(zstd));
}

int zstd_pack(struct zstd *zstd, const uint8_t *bytes, size_t n_bytes, struct buf *out) {
    size_t n_before = out->n_bytes, most = ZSTD_compressBound(n_bytes);
    if (ZSTD_isError(most)) {
        return WEIR_E_TOO_LARGE;
    }
    uint8_t *room = buf_reserve(out, most);
    if (room == NULL) {
        return buf_error(out);
    }
    size_t n = ZSTD_compressCCtx(inside(zstd), room, most, bytes, n_bytes, LEVEL);
    bool is_packed = !ZSTD_isError(n); /* there is room: only its own memory can be short */
    buf_truncate(out, is_packed ? n_before + n : n_before);
    return is_packed ? 0 : WEIR_E_NO_MEMORY;
}
