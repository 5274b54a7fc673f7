/*
 * What content encodings a receiver takes, and unpacking a body within bounds.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/error.h>

#include "otlp/common/buf.h"

/* What a receiver takes, for an Accept-Encoding or grpc-accept-encoding header. */
#define UNPACK_ENCODINGS "gzip, zstd"

/* The encoding by its name, in any case. NULL, "" and "identity" are none. */
enum unpack_encoding { UNPACK_NONE, UNPACK_GZIP, UNPACK_ZSTD, UNPACK_UNKNOWN };
enum unpack_encoding unpack_encoding_of(const char *name);

/*
 * Unpacks a body of UNPACK_GZIP or UNPACK_ZSTD into *out, which has its bound. 0; WEIR_E_SYNTAX,
 * WEIR_E_TOO_LARGE, WEIR_E_NO_MEMORY: `detail` is what the client is told.
 */
int unpack(enum unpack_encoding encoding, const uint8_t *bytes, size_t n_bytes, struct buf *out,
           weir_error_detail *detail);
