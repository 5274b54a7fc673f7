/*
 * What an OTLP server answered: ExportTraceServiceResponse (A2, A3), or google.rpc.Status with an
 * error (B23, C18). The bytes are the peer's: bounded, without recursion, nothing allocated.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "otlp/common/buf.h"

/* Text inside the body: borrowed, not checked to be UTF-8. */
struct response_text {
    const char *bytes; /* NULL: absent */
    size_t n_bytes;
};

struct response_partial {
    int64_t n_rejected;
    struct response_text message;
};

/* Reads an ExportTraceServiceResponse; an empty body is full success. 0, or WEIR_E_SYNTAX with *out
 * untouched. */
int response_read_partial(const uint8_t *body, size_t n_bytes, struct response_partial *out);

struct response_status {
    int32_t code;
    struct response_text message;
    bool has_retry_info;    /* one of its details is a google.rpc.RetryInfo (C18) … */
    int64_t retry_delay_ms; /* … which says so: 0 to a day */
};

/* Reads a google.rpc.Status; of its details only RetryInfo. 0, or WEIR_E_SYNTAX with *out
 * untouched. */
int response_read_status(const uint8_t *body, size_t n_bytes, struct response_status *out);

/* The other way round: append the bytes of these; a status without details. */
void response_write_partial(struct buf *out, const struct response_partial *partial);
void response_write_status(struct buf *out, int32_t code, struct response_text message);
