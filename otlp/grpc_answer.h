/*
 * What a gRPC server answered: status, message and details from its trailers, and the response
 * message (conformance C3, C5-C9, C11, C18, C22). All of it is the peer's: bounded, without
 * recursion.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "otlp/common/buf.h"
#include "otlp/deps/curl.h"

struct grpc_answer {
    int status;             /* otlp/grpc_status.h */
    bool has_retry_info;    /* the peer says when to come back … */
    int64_t retry_after_ms; /* … after this time; -1: it does not */
    bool is_grpc;           /* false: no gRPC server; `status` comes from the HTTP status (C8) */
    const uint8_t *body;    /* the response, or with a failure a google.rpc.Status; borrowed from */
    size_t n_bytes;         /* the HTTP answer or from the scratch */
};

/* Memory for what must be decoded; kept between answers. */
struct grpc_scratch {
    struct buf message; /* its maximum is that of a response (C22) */
    struct buf details, status;
};

void grpc_scratch_init(struct grpc_scratch *scratch, size_t max_response_bytes);
void grpc_scratch_deinit(struct grpc_scratch *scratch);

/* Whether its head says that it is gRPC. */
bool grpc_is_answer(const struct http_answer *http);
/* 0; WEIR_E_TOO_LARGE (a message over the bound), WEIR_E_NO_MEMORY; *out is untouched then. */
int grpc_answer_read(const struct http_answer *http, struct grpc_scratch *scratch,
                     struct grpc_answer *out);

/* The status that an HTTP/2 error code stands for (C9). */
int grpc_status_of_reset(unsigned code);

/* Appends a grpc-message with its %XX decoded; bad ones stay as they are (C11). */
void grpc_append_decoded(struct buf *out, struct http_text message);

/* The value of grpc-timeout for this time, at most eight digits (C4). */
void grpc_format_timeout(char out[12], uint64_t left_ns);
