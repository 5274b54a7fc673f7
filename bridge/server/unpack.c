#include "bridge/server/unpack.h"

#include <strings.h>

#include "bridge/server/bounds.h"
#include "otlp/common/error.h"
#include "otlp/deps/gzip_inflate.h"
#include "otlp/deps/zstd_unpack.h"

enum unpack_encoding unpack_encoding_of(const char *name) {
    if (name == NULL || name[0] == '\0' || strcasecmp(name, "identity") == 0) {
        return UNPACK_NONE;
    }
    if (strcasecmp(name, "gzip") == 0) {
        return UNPACK_GZIP;
    }
    return strcasecmp(name, "zstd") == 0 ? UNPACK_ZSTD : UNPACK_UNKNOWN;
}

static int explain(int error, const char *name, weir_error_detail *detail) {
    switch (error) {
    case 0: return 0;
    case WEIR_E_SYNTAX: return error_set(detail, error, "the body is damaged or not %s", name);
    case WEIR_E_TOO_LARGE: return error_set(detail, error, "the unpacked body is too large");
    default: return error_set(detail, error, "no memory to unpack the body");
    }
}

int unpack(enum unpack_encoding encoding, const uint8_t *bytes, size_t n_bytes, struct buf *out,
           weir_error_detail *detail) {
    if (encoding == UNPACK_ZSTD) {
        return explain(zstd_unpack(bytes, n_bytes, RECEIVER_MAX_ZSTD_RATIO, out), "zstd", detail);
    }
    return explain(gzip_inflate(bytes, n_bytes, RECEIVER_MAX_GZIP_RATIO, out), "gzip", detail);
}
