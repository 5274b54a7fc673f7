#include "otlp/encoding.h"

#include <weir/error.h>

#include "otlp/bounds.h"
#include "otlp/common/error.h"
#include "otlp/common/macro.h"
#include "otlp/json_lines.h"

enum { FRAME_BYTES = 5 };

int encoding_init(struct encoding *encoding, weir_otlp_protocol protocol,
                  weir_otlp_compression compression, size_t max_request_bytes) {
    *encoding = (struct encoding){.is_json = protocol == WEIR_OTLP_PROTOCOL_HTTP_JSON,
                                  .is_framed = protocol == WEIR_OTLP_PROTOCOL_GRPC,
                                  .max_request_bytes = max_request_bytes};
    buf_init(&encoding->json, max_request_bytes);
    /* compression may add a little to what has nothing to compress */
    buf_init(&encoding->out, max_request_bytes + max_request_bytes / 64 + (4 << 10));
    bool is_whole = true;
    if (compression == WEIR_OTLP_COMPRESSION_GZIP) {
        is_whole = (encoding->gzip = gzip_new()) != NULL;
    } else if (compression == WEIR_OTLP_COMPRESSION_ZSTD) {
        is_whole = (encoding->zstd = zstd_new()) != NULL;
    }
    return is_whole ? 0 : WEIR_E_NO_MEMORY;
}

void encoding_deinit(struct encoding *encoding) {
    gzip_free(encoding->gzip);
    zstd_free(encoding->zstd);
    buf_deinit(&encoding->json);
    buf_deinit(&encoding->out);
}

void encoding_begin_anew(struct encoding *encoding) {
    buf_init(&encoding->json, encoding->json.max_bytes);
    buf_init(&encoding->out, encoding->out.max_bytes);
    struct gzip *gzip = encoding->gzip != NULL ? gzip_new() : NULL;
    struct zstd *zstd = encoding->zstd != NULL ? zstd_new() : NULL;
    encoding->gzip = gzip != NULL ? gzip : encoding->gzip; /* each request resets it anyway */
    encoding->zstd = zstd != NULL ? zstd : encoding->zstd;
}

/* One large request must not hold its memory for ever. */
static void clear(struct buf *buf) {
    size_t max_bytes = buf->max_bytes;
    if (buf->n_allocated > ENCODING_KEEP_BYTES) {
        buf_deinit(buf);
        buf_init(buf, max_bytes);
    }
    buf_clear(buf);
}

static int write_json(struct encoding *encoding, const uint8_t **bytes, size_t *n_bytes) {
    clear(&encoding->json);
    json_lines_write(&encoding->json, *bytes, *n_bytes);
    *bytes = encoding->json.data;
    *n_bytes = encoding->json.n_bytes;
    return buf_error(&encoding->json);
}

/* The flag and, big-endian, the length of what follows (C3). */
static void write_frame(uint8_t *at, bool is_packed, size_t n_bytes) {
    at[0] = is_packed;
    at[1] = (uint8_t)(n_bytes >> 24);
    at[2] = (uint8_t)(n_bytes >> 16);
    at[3] = (uint8_t)(n_bytes >> 8);
    at[4] = (uint8_t)n_bytes;
}

static int pack(struct encoding *encoding, const uint8_t *bytes, size_t n_bytes) {
    struct buf *out = &encoding->out;
    size_t n_before = out->n_bytes;
    if (encoding->gzip != NULL) {
        return gzip_pack(encoding->gzip, bytes, n_bytes, out);
    }
    if (encoding->zstd != NULL) {
        return zstd_pack(encoding->zstd, bytes, n_bytes, out);
    }
    buf_append(out, bytes, n_bytes);
    return out->n_bytes - n_before == n_bytes ? 0 : buf_error(out);
}

static int write_out(struct encoding *encoding, const uint8_t *bytes, size_t n_bytes) {
    struct buf *out = &encoding->out;
    clear(out);
    if (encoding->is_framed && buf_reserve(out, FRAME_BYTES) == NULL) {
        return buf_error(out);
    }
    int error = pack(encoding, bytes, n_bytes);
    if (error == 0 && encoding->is_framed) {
        bool is_packed = encoding->gzip != NULL || encoding->zstd != NULL;
        write_frame(out->data, is_packed, out->n_bytes - FRAME_BYTES);
    }
    return error;
}

static int refuse(const struct encoding *encoding, int error, size_t n_bytes,
                  weir_error_detail *detail) {
    if (error == WEIR_E_TOO_LARGE) {
        return error_set(detail, error,
                         "a request of %zu bytes is over max_request_bytes (%zu): make requests "
                         "smaller (max_export_spans, OTEL_BSP_MAX_EXPORT_BATCH_SIZE)",
                         n_bytes, encoding->max_request_bytes);
    }
    return error_set(detail, error, "a request cannot be encoded: %s", weir_strerror(error));
}

int encoding_prepare(struct encoding *encoding, const uint8_t *body, size_t n_bytes,
                     const uint8_t **out, size_t *n_out, weir_error_detail *detail) {
    const uint8_t *bytes = body;
    size_t n = n_bytes;
    int error = n > encoding->max_request_bytes ? WEIR_E_TOO_LARGE : 0;
    if (error == 0 && encoding->is_json) {
        error = write_json(encoding, &bytes, &n);
    }
    if (error == 0 && (encoding->is_framed || encoding->gzip != NULL || encoding->zstd != NULL)) {
        error = write_out(encoding, bytes, n);
        bytes = encoding->out.data;
        n = encoding->out.n_bytes;
    }
    if (error != 0) {
        return refuse(encoding, error, n_bytes, detail);
    }
    *out = bytes;
    *n_out = n;
    return 0;
}
