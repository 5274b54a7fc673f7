/*
 * Unpacking Zstandard from a stranger: libzstd behind a name of ours. For the program only.
 *
 * A few bytes of zstd can stand for gigabytes, and a frame may ask for a window of gigabytes, so
 * the output has a bound in bytes and one in proportion to the input, and the window has one.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "otlp/common/buf.h"

/*
 * Appends the unpacked bytes to *out, at most what its bound leaves, and at most max_ratio times
 * n_bytes (with 1 MiB always allowed). Several frames in a row are one stream (RFC 8878).
 * 0; WEIR_E_SYNTAX: not zstd, damaged, cut off, or with bytes behind its end; WEIR_E_TOO_LARGE:
 * over a bound (a window over 8 MiB too); WEIR_E_NO_MEMORY. On failure *out holds what was unpacked
 * until then.
 */
int zstd_unpack(const uint8_t *bytes, size_t n_bytes, size_t max_ratio, struct buf *out);
