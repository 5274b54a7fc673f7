/*
 * Reading base64 (RFC 4648), as generously as ProtoJSON and gRPC ask for. Writing it is
 * json_write.h's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "otlp/common/buf.h"

/*
 * Appends the decoded bytes: standard or URL-safe alphabet, with padding or without (B15, C18).
 * False, with nothing appended, for what is no base64; a buffer that is full says so by buf_error.
 */
bool base64_append_decoded(struct buf *out, const char *text, size_t n_bytes);
