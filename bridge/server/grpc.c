#include "bridge/server/grpc.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "bridge/server/bounds.h"
#include "bridge/server/take.h"
#include "bridge/server/unpack.h"
#include "otlp/common/error.h"
#include "otlp/common/macro.h"
#include "otlp/grpc_status.h"

#define TYPE_GRPC "application/grpc"

/* A call while it is answered. */
struct call {
    const struct receiver_options *options;
    const struct h2_request *request;
    struct grpc_answer *answer;
    struct h2_response *response;
};

/* ---- answers ---- */

static void add(struct h2_header *headers, size_t *n_headers, const char *name, const char *value) {
    headers[(*n_headers)++] = (struct h2_header){name, value};
}

static void add_header(struct call *call, const char *name, const char *value) {
    add(call->response->headers, &call->response->n_headers, name, value);
}

/* Of constants: the values outlive the answer. */
static const char *text_of(enum grpc_status status) {
    switch (status) {
    case GRPC_OK: return "0";
    case GRPC_INVALID_ARGUMENT: return "3";
    case GRPC_DEADLINE_EXCEEDED: return "4";
    case GRPC_RESOURCE_EXHAUSTED: return "8";
    case GRPC_UNIMPLEMENTED: return "12";
    case GRPC_UNAVAILABLE: return "14";
    default: return "13";
    }
}

/* Printable ASCII but % stays; the rest is percent-encoded, byte by byte (C11). Cut to what fits.
 */
static void encode_message(const char *text, char *out, size_t n_out) {
    static const char digits[] = "0123456789ABCDEF";
    size_t at = 0;
    for (; *text != '\0' && at + 4 <= n_out; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte >= 0x20 && byte <= 0x7e && byte != '%') {
            out[at++] = (char)byte;
        } else {
            out[at++] = '%';
            out[at++] = digits[byte >> 4];
            out[at++] = digits[byte & 15];
        }
    }
    out[at] = '\0';
}

/* Trailers-only: the headers are all there is (C7). */
static void refuse(struct call *call, int http_status, enum grpc_status status,
                   const char *message) {
    call->response->status = http_status;
    encode_message(message, call->answer->message, sizeof(call->answer->message));
    add_header(call, "content-type", TYPE_GRPC);
    add_header(call, "grpc-status", text_of(status));
    add_header(call, "grpc-message", call->answer->message);
    if (call->options->refused != NULL) {
        call->options->refused(call->options->data,
                               &(struct receiver_refusal){grpc_status_name((int)status),
                                                          call->request->method,
                                                          call->request->path, message, true});
    }
}

static void refuse_error(struct call *call, int error, const char *message) {
    switch (error) {
    case WEIR_E_SYNTAX: refuse(call, 200, GRPC_INVALID_ARGUMENT, message); return;
    case WEIR_E_TOO_LARGE: refuse(call, 200, GRPC_RESOURCE_EXHAUSTED, message); return;
    default: refuse(call, 200, GRPC_UNAVAILABLE, message); return;
    }
}

/* An empty ExportTraceServiceResponse, in its frame, then the trailers. */
static void accept_call(struct call *call) {
    static const uint8_t empty_message[GRPC_FRAME_HEAD_BYTES] = {0};
    struct h2_response *response = call->response;
    response->status = 200;
    add_header(call, "content-type", TYPE_GRPC);
    buf_append(&response->body, empty_message, sizeof(empty_message));
    add(response->trailers, &response->n_trailers, "grpc-status", text_of(GRPC_OK));
}

/* ---- the head ---- */

enum type { TYPE_RIGHT, TYPE_OTHER_MESSAGE, TYPE_NOT_GRPC };

/* "application/grpc", "application/grpc+proto", both with parameters (C2). */
static enum type type_of(const char *type) {
    size_t n_own = strlen(TYPE_GRPC);
    if (type == NULL || strncasecmp(type, TYPE_GRPC, n_own) != 0) {
        return TYPE_NOT_GRPC;
    }
    const char *rest = type + n_own;
    size_t n_rest = strcspn(rest, "; \t");
    if (n_rest == 0 || (n_rest == 6 && strncasecmp(rest, "+proto", 6) == 0)) {
        return TYPE_RIGHT;
    }
    return rest[0] == '+' ? TYPE_OTHER_MESSAGE : TYPE_NOT_GRPC;
}

/* What can be said without looking at the message; false when an answer was given. */
static bool check_head(struct call *call) {
    const struct h2_request *request = call->request;
    enum type type = type_of(request->content_type);
    if (request->method == NULL || strcmp(request->method, "POST") != 0) {
        refuse(call, 405, GRPC_INTERNAL, "gRPC calls are sent with POST");
    } else if (type == TYPE_NOT_GRPC) {
        refuse(call, 415, GRPC_INTERNAL, "the content type must be " TYPE_GRPC);
    } else if (request->path == NULL || strcmp(request->path, GRPC_EXPORT_PATH) != 0) {
        refuse(call, 200, GRPC_UNIMPLEMENTED, "no such method; traces go to " GRPC_EXPORT_PATH);
    } else if (type == TYPE_OTHER_MESSAGE) {
        refuse(call, 200, GRPC_UNIMPLEMENTED, "messages must be protobuf (" TYPE_GRPC "+proto)");
    } else if (unpack_encoding_of(request->grpc_encoding) == UNPACK_UNKNOWN) {
        refuse(call, 200, GRPC_UNIMPLEMENTED,
               "the message encoding must be one of identity, " UNPACK_ENCODINGS);
        add_header(call, "grpc-accept-encoding", "identity, " UNPACK_ENCODINGS); /* C6 */
    } else if (request->is_too_large) {
        refuse(call, 200, GRPC_RESOURCE_EXHAUSTED, "the message is too large");
    } else if (request->is_refused) {
        refuse(call, 200, GRPC_UNAVAILABLE, "too many large requests at once; try again");
    } else if (request->is_late) {
        refuse(call, 200, GRPC_DEADLINE_EXCEEDED, "the request did not come to its end in time");
    } else {
        return true;
    }
    return false;
}

/* ---- the message ---- */

/* The one message of a unary call, as it came (C3). */
struct message {
    const uint8_t *bytes;
    size_t n_bytes;
    bool is_packed;
};

static bool read_message(struct call *call, struct message *out) {
    const struct h2_request *request = call->request;
    if (request->n_bytes == 0) {
        refuse(call, 200, GRPC_UNIMPLEMENTED, "the call has no message; Export takes one");
        return false;
    }
    size_t n_left = request->n_bytes - MIN(request->n_bytes, (size_t)GRPC_FRAME_HEAD_BYTES);
    uint32_t length = 0;
    if (request->n_bytes >= GRPC_FRAME_HEAD_BYTES) {
        memcpy(&length, request->body + 1, sizeof(length));
        length = be32toh(length);
    }
    if (length > call->options->max_body_bytes) {
        refuse(call, 200, GRPC_RESOURCE_EXHAUSTED, "the message is too large");
    } else if (request->n_bytes < GRPC_FRAME_HEAD_BYTES || length > n_left) {
        refuse(call, 200, GRPC_INTERNAL, "the message is cut off");
    } else if (length < n_left) {
        refuse(call, 200, GRPC_UNIMPLEMENTED, "more than one message; Export takes one");
    } else if (request->body[0] > 1) {
        refuse(call, 200, GRPC_INTERNAL, "the message's compressed flag is neither 0 nor 1");
    } else if (request->body[0] == 1 && unpack_encoding_of(request->grpc_encoding) == UNPACK_NONE) {
        refuse(call, 200, GRPC_INTERNAL,
               "the message is compressed, but no grpc-encoding says how"); /* C5 */
    } else {
        *out =
            (struct message){request->body + GRPC_FRAME_HEAD_BYTES, length, request->body[0] == 1};
        return true;
    }
    return false;
}

/* false when an answer was given. */
static bool unpack_message(struct call *call, struct message *message, struct buf *unpacked) {
    if (!message->is_packed) {
        return true;
    }
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    int error = unpack(unpack_encoding_of(call->request->grpc_encoding), message->bytes,
                       message->n_bytes, unpacked, &detail);
    if (error == WEIR_E_SYNTAX) {
        refuse(call, 200, GRPC_INTERNAL, detail.message);
    } else if (error != 0) {
        refuse_error(call, error, detail.message);
    }
    message->bytes = unpacked->data;
    message->n_bytes = unpacked->n_bytes;
    return error == 0;
}

uint64_t grpc_answer(const struct receiver_options *options, const struct h2_request *request,
                     struct grpc_answer *answer, struct h2_response *response, bool *is_accepted) {
    struct call call = {options, request, answer, response};
    struct message message;
    uint64_t n_spans = 0;
    CLEANUP(buf_deinit) struct buf unpacked;
    buf_init(&unpacked, options->max_body_bytes);
    *is_accepted = false;
    if (!check_head(&call) || !read_message(&call, &message) ||
        !unpack_message(&call, &message, &unpacked)) {
        return 0;
    }
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    int error = take_request(options, message.bytes, message.n_bytes, &n_spans, &detail);
    if (error != 0) {
        refuse_error(&call, error, detail.message);
        return 0;
    }
    accept_call(&call);
    *is_accepted = true;
    return n_spans;
}
