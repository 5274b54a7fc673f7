/*
 * Zstandard for what we send, by libzstd behind names of our own. In a build without it
 * (-Dzstd=disabled) the same functions say so.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "otlp/common/buf.h"

bool zstd_is_built(void);

struct zstd; /* working memory, up to some 600 KiB */

/* NULL when memory is short, or it is not built. */
struct zstd *zstd_new(void);
void zstd_free(struct zstd *zstd);

/* Appends one frame. 0; WEIR_E_TOO_LARGE (over the buffer's maximum), WEIR_E_NO_MEMORY,
 * WEIR_E_UNSUPPORTED. */
int zstd_pack(struct zstd *zstd, const uint8_t *bytes, size_t n_bytes, struct buf *out);
