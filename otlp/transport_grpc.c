/*
 * OTLP/gRPC: one unary call a request over HTTP/2 (conformance C1-C22).
 */
#include "otlp/transport.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "otlp/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/common/clock.h"
#include "otlp/common/error.h"
#include "otlp/common/macro.h"
#include "otlp/deps/gzip.h"
#include "otlp/grpc_answer.h"
#include "otlp/grpc_status.h"
#include "otlp/sender.h"

struct grpc_transport {
    struct sender sender; /* the first member */
    struct grpc_scratch scratch;
    bool lost_trailers; /* of the last answer */
};

static void destroy(void *data) {
    struct grpc_transport *grpc = data;
    sender_close(&grpc->sender);
    grpc_scratch_deinit(&grpc->scratch);
    mem_free(grpc);
}

/* ---- what was answered ---- */

static const char *advice_for(int status) {
    switch (status) {
    case GRPC_UNAUTHENTICATED:
    case GRPC_PERMISSION_DENIED:
        return ": check the credentials (headers, OTEL_EXPORTER_OTLP_HEADERS)";
    case GRPC_UNIMPLEMENTED: return ": is it an OTLP/gRPC endpoint that takes traces?";
    case GRPC_RESOURCE_EXHAUSTED: return ": it gets more than it wants";
    case GRPC_UNAVAILABLE: return ": it is overloaded or not ready";
    default: return "";
    }
}

static void describe_answer(const struct grpc_transport *grpc, int http_status,
                            const struct grpc_answer *answer, weir_error_detail *detail) {
    const char *shown = grpc->sender.shown;
    if (answer->is_grpc) {
        (void)error_set(detail, 0, "%.80s answered %s%s", shown, grpc_status_name(answer->status),
                        advice_for(answer->status));
    } else {
        (void)error_set(detail, 0,
                        "%.80s answered %d, and not in gRPC: is it the port of OTLP/HTTP (4318), "
                        "or a proxy between?",
                        shown, http_status);
    }
}

static void describe_reset(const struct grpc_transport *grpc, const struct http_answer *answer,
                           int status, weir_error_detail *detail) {
    (void)error_set(detail, 0, "%.80s gave up the request (HTTP/2 error %u: %s)%s",
                    grpc->sender.shown, answer->reset_code, grpc_status_name(status),
                    advice_for(status));
}

/* A peer that resets one stream has answered, in a way (C9). */
static int conclude_reset(const struct grpc_transport *grpc, const struct http_answer *answer,
                          weir_transport_response *response, weir_error_detail *detail) {
    int status = grpc_status_of_reset(answer->reset_code);
    describe_reset(grpc, answer, status, detail);
    response->http_status = 200;
    response->has_grpc_status = true;
    response->grpc_status = status;
    return 0;
}

/*
 * A message of gRPC without trailers behind it. libcurl (seen: 7.88) loses them when they come
 * together with a GOAWAY, which a server says that ends in good order. Nobody knows then whether
 * the spans were taken: they are sent again (B33, C10). Who never has trailers has no status.
 */
static bool has_lost_trailers(struct grpc_transport *grpc, const struct http_answer *http) {
    bool is_lost = grpc_is_answer(http) && http->status == 200 && http->n_bytes > 0 &&
                   http->trailers.n_bytes == 0;
    bool is_first = !grpc->lost_trailers;
    grpc->lost_trailers = is_lost;
    return is_lost && is_first;
}

/* What came of a post, for the exporter. */
static int conclude(void *data, int error, struct http_answer *http,
                    weir_transport_response *response, weir_error_detail *detail) {
    struct grpc_transport *grpc = data;
    if (error != 0 && http->trouble == HTTP_STREAM_RESET) {
        return conclude_reset(grpc, http, response, detail);
    }
    struct grpc_answer answer;
    if (error == 0 && has_lost_trailers(grpc, http)) {
        error = WEIR_E_IO;
        http->trouble = HTTP_NO_ANSWER;
    } else if (error == 0) {
        error = grpc_answer_read(http, &grpc->scratch, &answer);
        http->trouble = error == WEIR_E_TOO_LARGE ? HTTP_TOO_MUCH : HTTP_NO_MEMORY;
    }
    if (error != 0) {
        sender_describe(&grpc->sender, http, error, detail);
        return error;
    }
    if (answer.status != GRPC_OK) {
        describe_answer(grpc, http->status, &answer, detail);
    }
    response->http_status = http->status;
    response->retry_after_ms = answer.retry_after_ms;
    response->body = answer.body;
    response->n_bytes = answer.n_bytes;
    response->has_grpc_status = true;
    response->grpc_status = answer.status;
    response->has_retry_info = answer.has_retry_info;
    return 0;
}

/* ---- opening ---- */

/* What the peer is told of the deadline (C4). */
static void format_timeout(char out[SENDER_HEADER_BYTES], uint64_t deadline_ns) {
    uint64_t now_ns = clock_now_ns();
    char value[12];
    if (deadline_ns != UINT64_MAX) {
        grpc_format_timeout(value, deadline_ns > now_ns ? deadline_ns - now_ns : 0);
        snprintf(out, SENDER_HEADER_BYTES, "grpc-timeout: %s", value);
    }
}

static const char *encoding_of(weir_otlp_compression compression) {
    switch (compression) {
    case WEIR_OTLP_COMPRESSION_GZIP: return "grpc-encoding: gzip";
    case WEIR_OTLP_COMPRESSION_ZSTD: return "grpc-encoding: zstd";
    default: return NULL;
    }
}

static const struct sender_protocol protocol = {
    .format_header = format_timeout, .conclude = conclude, .destroy = destroy};

int transport_grpc_open(const struct endpoint *endpoint, weir_transport *out,
                        weir_error_detail *detail) {
    struct grpc_transport *grpc = mem_zalloc(sizeof *grpc);
    if (grpc == NULL) {
        return error_set(detail, WEIR_E_NO_MEMORY, "no memory for a transport");
    }
    grpc_scratch_init(&grpc->scratch, endpoint->delivery.max_response_bytes);
    const char *const headers[] = {"content-type: application/grpc+proto", "te: trailers",
                                   gzip_is_built() ? "grpc-accept-encoding: identity,gzip"
                                                   : "grpc-accept-encoding: identity", /* C6 */
                                   encoding_of(endpoint->delivery.compression), NULL};
    return sender_open(&grpc->sender, &protocol, endpoint, headers, out, detail);
}
