/*
 * What a request looks like on the way: in JSON or protobuf, compressed or not, in a gRPC frame or
 * bare (conformance B4, B5, B7, C3, C5, C21). Made once a request; all attempts send the same
 * bytes.
 */
#pragma once

#include <weir/otlp.h>

#include "otlp/common/buf.h"
#include "otlp/deps/gzip.h"
#include "otlp/deps/zstd.h"

struct encoding {
    bool is_json;
    bool is_framed; /* with the five bytes of gRPC in front */
    size_t max_request_bytes;
    struct gzip *gzip; /* one of these, or none */
    struct zstd *zstd;
    struct buf json, out;
};

/* WEIR_E_NO_MEMORY; nothing is to be freed then. */
int encoding_init(struct encoding *encoding, weir_otlp_protocol protocol,
                  weir_otlp_compression compression, size_t max_request_bytes);
/* A struct of zeros is fine. */
void encoding_deinit(struct encoding *encoding);

/* In a child that was forked while another thread was in encoding_prepare: leaves behind what that
 * was writing. */
void encoding_begin_anew(struct encoding *encoding);

/*
 * *out gets what is to be sent: `body` itself, or memory that stays valid until the next call. 0;
 * WEIR_E_TOO_LARGE (over max_request_bytes before compression: B7, C21), WEIR_E_SYNTAX (no
 * protobuf), WEIR_E_NO_MEMORY; *out is untouched then.
 */
int encoding_prepare(struct encoding *encoding, const uint8_t *body, size_t n_bytes,
                     const uint8_t **out, size_t *n_out, weir_error_detail *detail);
