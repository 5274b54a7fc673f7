#include "bridge/server/receiver.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "bridge/server/bounds.h"
#include "bridge/server/take.h"
#include "bridge/server/unpack.h"
#include "otlp/common/alloc.h"
#include "otlp/common/error.h"
#include "otlp/common/json_write.h"
#include "otlp/common/macro.h"
#include "otlp/proto/status.pb-c.h"

#define TYPE_PROTOBUF "application/x-protobuf"
#define TYPE_JSON "application/json"

/* Of google.rpc.Code; clients must not act on them (B23), people may read them. */
enum rpc_code {
    RPC_INVALID_ARGUMENT = 3,
    RPC_NOT_FOUND = 5,
    RPC_RESOURCE_EXHAUSTED = 8,
    RPC_UNIMPLEMENTED = 12,
    RPC_UNAVAILABLE = 14
};

struct receiver {
    struct receiver_options options;
    struct http_server *server;
    _Atomic uint64_t n_accepted, n_refused, n_spans;
};

/* A request while it is answered. */
struct call {
    const struct receiver_options *options;
    const struct http_request *request;
    struct http_response *response;
};

/* ---- headers ---- */

/* True for "type", "TYPE", "type; charset=utf-8". */
static bool is_type(const char *header, const char *type) {
    if (header == NULL) {
        return false;
    }
    size_t n_bytes = strcspn(header, "; \t");
    return n_bytes == strlen(type) && strncasecmp(header, type, n_bytes) == 0;
}

static bool is_json(const struct http_request *request) {
    return is_type(request->content_type, TYPE_JSON);
}

/* ---- answers ---- */

static void write_status(struct buf *out, enum rpc_code code, const char *message) {
    Rpc__Status status = RPC__STATUS__INIT;
    status.code = (int32_t)code;
    /* packing only reads */
    status.message = (ProtobufCBinaryData){strlen(message), (uint8_t *)(uintptr_t)message};
    uint8_t *room = buf_reserve(out, rpc__status__get_packed_size(&status));
    if (room != NULL) {
        rpc__status__pack(&status, room);
    }
}

static void write_json_status(struct buf *out, enum rpc_code code, const char *message) {
    buf_append_text(out, "{\"code\":");
    json_write_int(out, code);
    buf_append_text(out, ",\"message\":");
    json_write_string(out, message, strlen(message), JSON_COMPACT);
    buf_append_byte(out, '}');
}

static void tell(const struct receiver_options *options, const struct http_request *request,
                 int status, const char *reason) {
    char answer[16];
    snprintf(answer, sizeof answer, "%d", status);
    if (options->refused != NULL) {
        options->refused(options->data, &(struct receiver_refusal){
                                            .answer = answer,
                                            .method = request->method,
                                            .path = request->path,
                                            .reason = reason,
                                        });
    }
}

/* A refusal, in the format of the request; protobuf when that is neither of the two. */
static void refuse(const struct call *call, int status, enum rpc_code code, const char *message) {
    struct http_response *response = call->response;
    response->status = status;
    if (is_json(call->request)) {
        response->content_type = TYPE_JSON;
        write_json_status(&response->body, code, message);
    } else {
        response->content_type = TYPE_PROTOBUF;
        write_status(&response->body, code, message);
    }
    tell(call->options, call->request, status, message);
}

static void refuse_error(const struct call *call, int error, const char *message) {
    switch (error) {
    case WEIR_E_SYNTAX: refuse(call, 400, RPC_INVALID_ARGUMENT, message); return;
    case WEIR_E_TOO_LARGE: refuse(call, 413, RPC_RESOURCE_EXHAUSTED, message); return;
    default: refuse(call, 503, RPC_UNAVAILABLE, message); return;
    }
}

/* ---- one request ---- */

/* What can be said without looking at the body; false when an answer was given. */
static bool check_head(const struct call *call) {
    const struct http_request *request = call->request;
    struct http_response *response = call->response;
    if (strcmp(request->path, "/v1/traces") != 0) {
        refuse(call, 404, RPC_NOT_FOUND, "no such path; traces go to /v1/traces");
    } else if (strcmp(request->method, "POST") != 0) {
        http_response_add_header(response, "Allow", "POST");
        refuse(call, 405, RPC_UNIMPLEMENTED, "traces are sent with POST");
    } else if (!is_type(request->content_type, TYPE_PROTOBUF) && !is_json(request)) {
        http_response_add_header(response, "Accept", TYPE_PROTOBUF ", " TYPE_JSON);
        refuse(call, 415, RPC_INVALID_ARGUMENT,
               "the content type must be " TYPE_PROTOBUF " or " TYPE_JSON);
    } else if (unpack_encoding_of(request->content_encoding) == UNPACK_UNKNOWN) {
        http_response_add_header(response, "Accept-Encoding", UNPACK_ENCODINGS);
        refuse(call, 400, RPC_INVALID_ARGUMENT,
               "the content encoding must be one of identity, " UNPACK_ENCODINGS);
    } else if (request->is_too_large) {
        refuse_error(call, WEIR_E_TOO_LARGE, "the request's body is too large");
    } else if (request->is_refused) {
        refuse_error(call, WEIR_E_NO_MEMORY, "too many large requests at once; try again");
    } else {
        return true;
    }
    if (request->is_too_large || request->is_refused) {
        http_response_add_header(response, "Connection", "close");
    }
    return false;
}

static int take(const struct receiver_options *options, const struct http_request *request,
                const uint8_t *bytes, size_t n_bytes, uint64_t *n_spans,
                weir_error_detail *detail) {
    return is_json(request) ? take_json_request(options, bytes, n_bytes, n_spans, detail)
                            : take_request(options, bytes, n_bytes, n_spans, detail);
}

static int unpack_and_take(const struct receiver_options *options,
                           const struct http_request *request, uint64_t *n_spans,
                           weir_error_detail *detail) {
    enum unpack_encoding encoding = unpack_encoding_of(request->content_encoding);
    if (encoding == UNPACK_NONE) {
        return take(options, request, request->body, request->n_bytes, n_spans, detail);
    }
    CLEANUP(buf_deinit) struct buf unpacked;
    buf_init(&unpacked, options->max_body_bytes);
    int error = unpack(encoding, request->body, request->n_bytes, &unpacked, detail);
    return error != 0 ? error
                      : take(options, request, unpacked.data, unpacked.n_bytes, n_spans, detail);
}

uint64_t receiver_answer(const struct receiver_options *options, const struct http_request *request,
                         struct http_response *response) {
    const struct call call = {options, request, response};
    if (!check_head(&call)) {
        return 0;
    }
    uint64_t n_spans = 0;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    int error = unpack_and_take(options, request, &n_spans, &detail);
    if (error != 0) {
        refuse_error(&call, error, detail.message);
        return 0;
    }
    response->status = 200;
    response->content_type = is_json(request) ? TYPE_JSON : TYPE_PROTOBUF;
    /* an empty ExportTraceServiceResponse, which has no bytes in protobuf (B20) */
    buf_append_text(&response->body, is_json(request) ? "{}" : "");
    return n_spans;
}

/* ---- the server ---- */

static void on_request(void *data, const struct http_request *request,
                       struct http_response *response) {
    struct receiver *receiver = data;
    receiver->n_spans += receiver_answer(&receiver->options, request, response);
    if (response->status == 200) {
        receiver->n_accepted++;
    } else {
        receiver->n_refused++;
    }
}

/* HTTP/2 by prior knowledge, TLS, or no HTTP at all. */
static const char *reason_for(int status) {
    switch (status) {
    case 413:
    case 414:
    case 431: return "its head is too large";
    case 505: return "this port takes HTTP/1.1; OTLP over gRPC has its own (--listen-grpc)";
    default: return "nothing that can be read (TLS? this port takes http:// alone)";
    }
}

static void on_unread(void *data, int status) {
    struct receiver *receiver = data;
    receiver->n_refused++;
    tell(&receiver->options, &(struct http_request){.method = NULL}, status, reason_for(status));
}

int receiver_start(const struct receiver_options *options, struct receiver **out,
                   weir_error_detail *detail) {
    struct receiver *receiver = mem_zalloc(sizeof(*receiver));
    if (receiver == NULL) {
        return error_set(detail, WEIR_E_NO_MEMORY, "no memory for the receiver");
    }
    receiver->options = *options;
    if (receiver->options.max_body_bytes == 0) {
        receiver->options.max_body_bytes = RECEIVER_MAX_BODY_BYTES;
    }
    int error = http_server_start(
        &(struct http_server_options){
            .address = options->address,
            .port = options->port,
            .max_body_bytes = receiver->options.max_body_bytes,
            .max_all_bodies_bytes =
                MAX((size_t)RECEIVER_MAX_ALL_BODIES_BYTES, receiver->options.max_body_bytes * 2),
            .max_response_bytes = RECEIVER_MAX_RESPONSE_BYTES,
            .max_connections = RECEIVER_MAX_CONNECTIONS,
            .idle_timeout_s = RECEIVER_IDLE_TIMEOUT_S,
            .request_deadline_s = RECEIVER_REQUEST_DEADLINE_S,
            .handle = on_request,
            .unread = on_unread,
            .data = receiver,
        },
        &receiver->server, detail);
    if (error != 0) {
        mem_free(receiver);
        return error;
    }
    *out = receiver;
    return 0;
}

const char *receiver_url(const struct receiver *receiver) {
    return http_server_url(receiver->server);
}

void receiver_get_counts(const struct receiver *receiver, struct receiver_counts *out) {
    *out = (struct receiver_counts){
        .n_accepted = receiver->n_accepted,
        .n_refused = receiver->n_refused,
        .n_spans = receiver->n_spans,
    };
}

struct receiver *receiver_stop(struct receiver *receiver, struct receiver_counts *counts) {
    if (receiver != NULL) {
        http_server_stop(receiver->server);
        if (counts != NULL) {
            receiver_get_counts(receiver, counts);
        }
        mem_free(receiver);
    }
    return NULL;
}
