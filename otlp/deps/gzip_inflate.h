/*
 * Unpacking gzip from a stranger: zlib behind a name of ours. For the program only.
 *
 * A few kB of gzip can stand for gigabytes, so the output has a bound in bytes and one in
 * proportion to the input.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "otlp/common/buf.h"

/*
 * Appends the unpacked bytes to *out, at most what its bound leaves, and at most max_ratio times
 * n_bytes (with 1 MiB always allowed). Several members in a row are one stream (RFC 1952).
 * 0; WEIR_E_SYNTAX: not gzip, damaged, cut off, or with bytes behind its end; WEIR_E_TOO_LARGE:
 * over a bound; WEIR_E_NO_MEMORY. On failure *out holds what was unpacked until then.
 */
int gzip_inflate(const uint8_t *bytes, size_t n_bytes, size_t max_ratio, struct buf *out);
