/*
 * A build without gzip.
 */
#include <weir/error.h>

#include "otlp/deps/gzip.h"

bool gzip_is_built(void) {
    return false;
}

struct gzip *gzip_new(void) {
    return NULL;
}

void gzip_free(struct gzip *gzip) {
    (void)gzip;
}

int gzip_pack(struct gzip *gzip, const uint8_t *bytes, size_t n_bytes, struct buf *out) {
    (void)gzip;
    (void)bytes;
    (void)n_bytes;
    (void)out;
    return WEIR_E_UNSUPPORTED;
}

int gzip_unpack(const uint8_t *bytes, size_t n_bytes, struct buf *out) {
    (void)bytes;
    (void)n_bytes;
    (void)out;
    return WEIR_E_UNSUPPORTED;
}
