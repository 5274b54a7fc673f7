/*
 * gzip for what we send and for the messages we get back, by libdeflate behind names of our own.
 * In a build without it (-Dgzip=disabled) the same functions say so.
 *
 * libdeflate at its level 1 takes 0.9 ms for a request of 128 KiB of spans, zlib 2.2 ms at its
 * level 1 for more bytes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "otlp/common/buf.h"

bool gzip_is_built(void);

struct gzip; /* working memory, some 70 KiB */

/* NULL when memory is short, or it is not built. */
struct gzip *gzip_new(void);
void gzip_free(struct gzip *gzip);

/* Appends one gzip member. 0; WEIR_E_TOO_LARGE (over the buffer's maximum), WEIR_E_NO_MEMORY,
 * WEIR_E_UNSUPPORTED. */
int gzip_pack(struct gzip *gzip, const uint8_t *bytes, size_t n_bytes, struct buf *out);

/*
 * Appends the bytes of one gzip member, at most as many as the buffer takes. 0; WEIR_E_SYNTAX (not
 * gzip, damaged, or bytes behind it); WEIR_E_TOO_LARGE, WEIR_E_NO_MEMORY, WEIR_E_UNSUPPORTED. On
 * failure nothing is appended.
 */
int gzip_unpack(const uint8_t *bytes, size_t n_bytes, struct buf *out);
