/*
 * OTLP/HTTP with protobuf or JSON bodies (conformance B1-B8, B20-B23, B30, B31, B40).
 */
#include "otlp/transport.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "otlp/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/common/error.h"
#include "otlp/common/macro.h"
#include "otlp/json_answer.h"
#include "otlp/retry.h"
#include "otlp/sender.h"

struct http_transport {
    struct sender sender; /* the first member */
    struct buf answer;    /* a JSON answer as protobuf */
};

static void destroy(void *data) {
    struct http_transport *http = data;
    sender_close(&http->sender);
    buf_deinit(&http->answer);
    mem_free(http);
}

/* ---- an answer that is no success ---- */

static const char *advice_for(int status) {
    switch (status) {
    case 400: return ": is it an OTLP/HTTP endpoint?";
    case 401:
    case 403: return ": check the credentials (headers, OTEL_EXPORTER_OTLP_HEADERS)";
    case 404:
    case 405: return ": check the path (a base endpoint gets /v1/traces, a traces endpoint not)";
    case 413: return ": make requests smaller (max_export_spans, OTEL_BSP_MAX_EXPORT_BATCH_SIZE)";
    case 415: return ": does it take this protocol and compression (protocol, compression)?";
    case 429: return ": it gets more than it wants";
    case 502:
    case 504: return ": a proxy cannot reach the collector behind it";
    case 503: return ": it is overloaded or not ready";
    case 505: return ": is it the port of OTLP/gRPC (4317)? Set the protocol grpc, or use 4318";
    default: return "";
    }
}

/* An answer that is no success. */
static void describe_answer(const struct http_transport *http, const struct http_answer *answer,
                            weir_error_detail *detail) {
    bool is_redirect = answer->status >= 300 && answer->status < 400;
    struct http_text location = http_line(answer->head, "location");
    if (is_redirect && location.n_bytes > 0) {
        (void)error_set(detail, 0,
                        "%.80s moved to %.*s: set the endpoint to it, redirects are "
                        "not followed",
                        http->sender.shown, (int)MIN(location.n_bytes, 110), location.at);
    } else {
        (void)error_set(detail, 0, "%.80s answered %d%s", http->sender.shown, answer->status,
                        advice_for(answer->status));
    }
}

/* ---- a post ---- */

static int64_t retry_after_ms(const struct http_answer *answer) {
    struct http_text value = http_line(answer->head, "retry-after");
    return retry_after_parse(value.at != NULL ? value.at : "", value.n_bytes, time(NULL));
}

/* The exporter reads protobuf only. An answer that is no JSON is left as it is: it will be found
 * strange. */
static void translate(struct http_transport *http, weir_transport_response *response) {
    bool is_success = response->http_status >= 200 && response->http_status < 300;
    buf_clear(&http->answer);
    const char *text = (const char *)response->body;
    int error = is_success ? json_answer_read_response(&http->answer, text, response->n_bytes)
                           : json_answer_read_status(&http->answer, text, response->n_bytes);
    if (error == 0) {
        response->body = http->answer.data;
        response->n_bytes = http->answer.n_bytes;
    }
}

/* What came of a post, for the exporter. */
static int conclude(void *data, int error, struct http_answer *answer,
                    weir_transport_response *response, weir_error_detail *detail) {
    struct http_transport *http = data;
    if (error != 0) {
        sender_describe(&http->sender, answer, error, detail);
        return error;
    }
    if (answer->status < 200 || answer->status >= 300) {
        describe_answer(http, answer, detail);
    }
    response->http_status = answer->status;
    response->retry_after_ms = retry_after_ms(answer);
    response->body = answer->body;
    response->n_bytes = answer->n_bytes;
    if (http->sender.encoding.is_json && response->n_bytes > 0) {
        translate(http, response);
    }
    return 0;
}

/* ---- opening ---- */

static const char *content_encoding_of(weir_otlp_compression compression) {
    switch (compression) {
    case WEIR_OTLP_COMPRESSION_GZIP: return "Content-Encoding: gzip";
    case WEIR_OTLP_COMPRESSION_ZSTD: return "Content-Encoding: zstd";
    default: return NULL;
    }
}

static const struct sender_protocol protocol = {.conclude = conclude, .destroy = destroy};

int transport_http_open(const struct endpoint *endpoint, weir_transport *out,
                        weir_error_detail *detail) {
    struct http_transport *http = mem_zalloc(sizeof *http);
    if (http == NULL) {
        return error_set(detail, WEIR_E_NO_MEMORY, "no memory for a transport");
    }
    buf_init(&http->answer, JSON_ANSWER_MAX_BYTES);
    bool is_json = endpoint->delivery.protocol == WEIR_OTLP_PROTOCOL_HTTP_JSON;
    const char *const headers[] = {is_json ? "Content-Type: application/json"
                                           : "Content-Type: application/x-protobuf",
                                   content_encoding_of(endpoint->delivery.compression), NULL};
    return sender_open(&http->sender, &protocol, endpoint, headers, out, detail);
}
