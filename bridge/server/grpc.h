/*
 * The answer to one OTLP/gRPC call (C1-C8), without a network.
 *
 * The path, the content type and the framing of a unary call are checked, the message is unpacked
 * within bounds, and handed to the same sink as a request over HTTP. Success is a message and
 * trailers; a refusal is headers alone, with grpc-status and grpc-message.
 */
#pragma once

#include <stdint.h>

#include "bridge/server/receiver.h"
#include "otlp/deps/nghttp2.h"

#define GRPC_EXPORT_PATH "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

enum { GRPC_FRAME_HEAD_BYTES = 5 }; /* of a message: flag and length */

/* Of an answer in the making: header values are borrowed from it until the next one. */
struct grpc_answer {
    char message[H2_MAX_VALUE_BYTES]; /* percent-encoded */
};

/*
 * Answers one call. `take`, `data` and `max_body_bytes` (of the message, packed and unpacked) of
 * the options are used. Returns the number of spans accepted; *is_accepted says whether the call
 * was.
 */
uint64_t grpc_answer(const struct receiver_options *options, const struct h2_request *request,
                     struct grpc_answer *answer, struct h2_response *response, bool *is_accepted);
