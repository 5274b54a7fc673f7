/*
 * A build without Zstandard.
 */
#include <weir/error.h>

#include "otlp/deps/zstd.h"

bool zstd_is_built(void) {
    return false;
}

struct zstd *zstd_new(void) {
    return NULL;
}

void zstd_free(struct zstd *zstd) {
    (void)zstd;
}

int zstd_pack(struct zstd *zstd, const uint8_t *bytes, size_t n_bytes, struct buf *out) {
    (void)zstd;
    (void)bytes;
    (void)n_bytes;
    (void)out;
    return WEIR_E_UNSUPPORTED;
}
