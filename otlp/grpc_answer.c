#include "otlp/grpc_answer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <weir/error.h>

#include "otlp/bounds.h"
#include "otlp/common/base64.h"
#include "otlp/common/clock.h"
#include "otlp/common/hex.h"
#include "otlp/common/macro.h"
#include "otlp/deps/gzip.h"
#include "otlp/grpc_status.h"
#include "otlp/response.h"

enum { FRAME_BYTES = 5, FLAG_PACKED = 1 };

/* ---- numbers ---- */

static int status_of_http(int http_status) {
    switch (http_status) {
    case 400:
    case 431: return GRPC_INTERNAL;
    case 401: return GRPC_UNAUTHENTICATED;
    case 403: return GRPC_PERMISSION_DENIED;
    case 404: return GRPC_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504: return GRPC_UNAVAILABLE;
    default: return GRPC_UNKNOWN;
    }
}

int grpc_status_of_reset(unsigned code) {
    switch (code) {
    case 0x7: return GRPC_UNAVAILABLE;        /* REFUSED_STREAM */
    case 0x8: return GRPC_CANCELLED;          /* CANCEL */
    case 0xb: return GRPC_RESOURCE_EXHAUSTED; /* ENHANCE_YOUR_CALM */
    case 0xc: return GRPC_PERMISSION_DENIED;  /* INADEQUATE_SECURITY */
    default: return GRPC_INTERNAL;
    }
}

void grpc_format_timeout(char out[12], uint64_t left_ns) {
    uint64_t ms = MAX(left_ns / NS_PER_MS, 1);
    if (ms <= 99999999) {
        snprintf(out, 12, "%" PRIu64 "m", ms);
    } else {
        snprintf(out, 12, "%" PRIu64 "S", MIN(ms / 1000, (uint64_t)99999999));
    }
}

/* ---- texts ---- */

void grpc_append_decoded(struct buf *out, struct http_text message) {
    for (size_t i = 0; i < message.n_bytes; i++) {
        const char *at = message.at + i;
        int byte = *at == '%' && message.n_bytes - i > 2 ? hex_byte(at + 1) : -1;
        if (byte >= 0) {
            buf_append_byte(out, (uint8_t)byte);
            i += 2;
        } else {
            buf_append_byte(out, (uint8_t)*at);
        }
    }
}

static bool begins_with(struct http_text text, const char *start) {
    size_t n = strlen(start);
    return text.n_bytes >= n && strncasecmp(text.at, start, n) == 0;
}

static bool is(struct http_text text, const char *wanted) {
    return text.n_bytes == strlen(wanted) && begins_with(text, wanted);
}

/* Up to eight digits, as no status has more; false for what is none. */
static bool read_status(struct http_text text, int *out) {
    int status = 0;
    for (size_t i = 0; i < text.n_bytes; i++) {
        if (text.at[i] < '0' || text.at[i] > '9' || i == 8) {
            return false;
        }
        status = status * 10 + (text.at[i] - '0');
    }
    *out = status;
    return text.n_bytes > 0;
}

/* ---- the response message ---- */

struct frame {
    bool is_packed;
    const uint8_t *bytes;
    size_t n_bytes;
};

/* Exactly one message (C3). */
static bool read_frame(const uint8_t *body, size_t n_bytes, struct frame *out) {
    if (n_bytes < FRAME_BYTES || body[0] > FLAG_PACKED) {
        return false;
    }
    size_t n = (size_t)body[1] << 24 | (size_t)body[2] << 16 | (size_t)body[3] << 8 | body[4];
    *out = (struct frame){body[0] == FLAG_PACKED, body + FRAME_BYTES, n};
    return n == n_bytes - FRAME_BYTES;
}

static int unpack(const struct frame *frame, struct buf *message, struct grpc_answer *answer) {
    int error = gzip_unpack(frame->bytes, frame->n_bytes, message);
    if (error == WEIR_E_SYNTAX || error == WEIR_E_UNSUPPORTED) {
        answer->status = GRPC_INTERNAL;
        return 0;
    }
    answer->body = message->data;
    answer->n_bytes = message->n_bytes;
    return error;
}

/* Nothing at all is taken for an empty message; what is no frame stays as it is and will be found
 * strange. A message in an encoding that nobody asked for is INTERNAL (C6). */
static int read_message(const struct http_answer *http, struct buf *message,
                        struct grpc_answer *answer) {
    struct frame frame;
    answer->body = http->body;
    answer->n_bytes = http->n_bytes;
    if (!read_frame(http->body, http->n_bytes, &frame)) {
        return 0;
    }
    if (!frame.is_packed) {
        answer->body = frame.bytes;
        answer->n_bytes = frame.n_bytes;
        return 0;
    }
    if (!is(http_line(http->head, "grpc-encoding"), "gzip")) {
        answer->status = GRPC_INTERNAL;
        return 0;
    }
    return unpack(&frame, message, answer);
}

/* ---- a failure ---- */

static void read_details(struct http_text encoded, struct buf *details,
                         struct grpc_answer *answer) {
    struct response_status status;
    if (encoded.n_bytes == 0 || !base64_append_decoded(details, encoded.at, encoded.n_bytes) ||
        buf_error(details) != 0 ||
        response_read_status(details->data, details->n_bytes, &status) != 0) {
        return; /* the status itself is clear without */
    }
    answer->has_retry_info = status.has_retry_info;
    answer->retry_after_ms = status.has_retry_info ? status.retry_delay_ms : -1;
}

/* The exporter reads what a server of OTLP/HTTP would have sent. */
static void write_status(struct http_text message, struct grpc_scratch *scratch,
                         struct grpc_answer *answer) {
    struct buf *decoded = &scratch->message;
    message.n_bytes = MIN(message.n_bytes, (size_t)GRPC_MESSAGE_MAX_BYTES / 2);
    grpc_append_decoded(decoded, message);
    struct response_text text = {(const char *)decoded->data, decoded->n_bytes};
    response_write_status(&scratch->status, answer->status, text);
    answer->body = scratch->status.data;
    answer->n_bytes = buf_error(&scratch->status) == 0 ? scratch->status.n_bytes : 0;
}

/* ---- the whole ---- */

/* Trailers, or, when there is nothing else, the head that is all there is ("trailers-only"). A
 * status in the head of an answer that has a body is none. */
static struct http_text lines_of_status(const struct http_answer *http) {
    bool has_trailers = http_line(http->trailers, "grpc-status").at != NULL;
    bool is_head_all = !has_trailers && http->n_bytes == 0;
    return has_trailers || !is_head_all ? http->trailers : http->head;
}

bool grpc_is_answer(const struct http_answer *http) {
    return begins_with(http_line(http->head, "content-type"), "application/grpc");
}

int grpc_answer_read(const struct http_answer *http, struct grpc_scratch *scratch,
                     struct grpc_answer *out) {
    buf_clear(&scratch->message);
    buf_clear(&scratch->details);
    buf_clear(&scratch->status);
    struct http_text lines = lines_of_status(http);
    struct grpc_answer answer = {.retry_after_ms = -1};
    int error = 0;
    answer.is_grpc = grpc_is_answer(http);
    if (!read_status(http_line(lines, "grpc-status"), &answer.status)) {
        answer.status = status_of_http(http->status);
        answer.is_grpc = answer.is_grpc && http->status == 200;
    } else if (answer.status == GRPC_OK) {
        error = read_message(http, &scratch->message, &answer);
    }
    if (answer.status != GRPC_OK) {
        buf_clear(&scratch->message);
        read_details(http_line(lines, "grpc-status-details-bin"), &scratch->details, &answer);
        write_status(http_line(lines, "grpc-message"), scratch, &answer);
    }
    if (error == 0) {
        *out = answer;
    }
    return error;
}

void grpc_scratch_init(struct grpc_scratch *scratch, size_t max_response_bytes) {
    buf_init(&scratch->message, max_response_bytes);
    buf_init(&scratch->details, GRPC_MESSAGE_MAX_BYTES);
    buf_init(&scratch->status, GRPC_MESSAGE_MAX_BYTES);
}

void grpc_scratch_deinit(struct grpc_scratch *scratch) {
    buf_deinit(&scratch->message);
    buf_deinit(&scratch->details);
    buf_deinit(&scratch->status);
}
