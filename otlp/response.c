#include "otlp/response.h"

#include <string.h>

#include <weir/error.h>

#include "otlp/bounds.h"
#include "otlp/common/macro.h"
#include "otlp/wire.h"
#include "otlp/wire_read.h"

/* Takes a field of a known number only in its own wire type; a foreign type is a fault of the peer.
 */
static int expect(const struct wire_field *field, enum wire_type type) {
    return field->type == type ? 0 : WEIR_E_SYNTAX;
}

static int take_text(const struct wire_field *field, struct response_text *out) {
    int error = expect(field, WIRE_LEN);
    if (error == 0) {
        *out = (struct response_text){(const char *)field->bytes, field->n_bytes};
    }
    return error;
}

/* ExportTracePartialSuccess: rejected_spans = 1, error_message = 2. */
static int read_partial_success(const struct wire_field *message, struct response_partial *out) {
    struct wire_reader reader = wire_reader_over(message->bytes, message->n_bytes);
    struct wire_field field;
    int got;
    while ((got = wire_read(&reader, &field)) == 1) {
        int error = 0;
        if (field.number == 1 && (error = expect(&field, WIRE_VARINT)) == 0) {
            out->n_rejected = (int64_t)field.value;
        } else if (field.number == 2) {
            error = take_text(&field, &out->message);
        }
        if (error != 0) {
            return error;
        }
    }
    return got;
}

int response_read_partial(const uint8_t *body, size_t n_bytes, struct response_partial *out) {
    struct response_partial partial = {0};
    struct wire_reader reader = wire_reader_over(body, n_bytes);
    struct wire_field field;
    int got;
    while ((got = wire_read(&reader, &field)) == 1) {
        if (field.number != 1) {
            continue; /* a field of a later version (A52) */
        }
        int error = expect(&field, WIRE_LEN);
        if (error != 0 || (error = read_partial_success(&field, &partial)) != 0) {
            return error;
        }
    }
    if (got == 0) {
        *out = partial;
    }
    return got;
}

/* ---- google.rpc.Status ---- */

/* google.protobuf.Duration: seconds = 1, nanos = 2. A negative one is none. */
static int read_duration(const struct wire_field *message, int64_t *ms) {
    struct wire_reader reader = wire_reader_over(message->bytes, message->n_bytes);
    struct wire_field field;
    int64_t seconds = 0, nanos = 0;
    int got;
    while ((got = wire_read(&reader, &field)) == 1) {
        if ((field.number == 1 || field.number == 2) && field.type != WIRE_VARINT) {
            return WEIR_E_SYNTAX;
        }
        seconds = field.number == 1 ? (int64_t)field.value : seconds;
        nanos = field.number == 2 ? (int64_t)field.value : nanos;
    }
    seconds = MIN(MAX(seconds, 0), RETRY_AFTER_MAX_S);
    nanos = MIN(MAX(nanos, 0), 999999999);
    *ms = MIN(seconds * 1000 + nanos / 1000000, (int64_t)RETRY_AFTER_MAX_S * 1000);
    return got;
}

/* google.rpc.RetryInfo: retry_delay = 1. */
static int read_retry_info(struct response_text value, struct response_status *status) {
    struct wire_reader reader = wire_reader_over((const uint8_t *)value.bytes, value.n_bytes);
    struct wire_field field;
    int got;
    status->has_retry_info = true;
    while ((got = wire_read(&reader, &field)) == 1) {
        int error = 0;
        if (field.number == 1 && (error = expect(&field, WIRE_LEN)) == 0) {
            error = read_duration(&field, &status->retry_delay_ms);
        }
        if (error != 0) {
            return error;
        }
    }
    return got;
}

/* The last part of the URL names the type. */
static bool is_retry_info(struct response_text url) {
    static const char name[] = "/google.rpc.RetryInfo";
    size_t n = sizeof name - 1;
    return url.n_bytes >= n && memcmp(url.bytes + url.n_bytes - n, name, n) == 0;
}

/* google.protobuf.Any: type_url = 1, value = 2. */
static int read_detail(const struct wire_field *message, struct response_status *status) {
    struct wire_reader reader = wire_reader_over(message->bytes, message->n_bytes);
    struct wire_field field;
    struct response_text url = {0}, value = {0};
    int got;
    while ((got = wire_read(&reader, &field)) == 1) {
        int error = field.number == 1   ? take_text(&field, &url)
                    : field.number == 2 ? take_text(&field, &value)
                                        : 0;
        if (error != 0) {
            return error;
        }
    }
    return got == 0 && is_retry_info(url) ? read_retry_info(value, status) : got;
}

int response_read_status(const uint8_t *body, size_t n_bytes, struct response_status *out) {
    struct response_status status = {0};
    struct wire_reader reader = wire_reader_over(body, n_bytes);
    struct wire_field field;
    int got;
    while ((got = wire_read(&reader, &field)) == 1) {
        int error = 0;
        if (field.number == 1 && (error = expect(&field, WIRE_VARINT)) == 0) {
            status.code = (int32_t)field.value;
        } else if (field.number == 2) {
            error = take_text(&field, &status.message);
        } else if (field.number == 3 && (error = expect(&field, WIRE_LEN)) == 0) {
            error = read_detail(&field, &status);
        }
        if (error != 0) {
            return error;
        }
    }
    if (got == 0) {
        *out = status;
    }
    return got;
}

/* ---- writing ---- */

static void write_number(struct buf *out, uint8_t tag, int64_t number) {
    uint8_t bytes[1 + WIRE_MAX_VARINT];
    if (number != 0) {
        buf_append(out, bytes, (size_t)(wire_put_number(bytes, tag, (uint64_t)number) - bytes));
    }
}

static void write_text(struct buf *out, uint8_t tag, struct response_text text) {
    uint8_t head[1 + WIRE_MAX_VARINT];
    if (text.n_bytes > 0) {
        buf_append(out, head, (size_t)(wire_put_number(head, tag, text.n_bytes) - head));
        buf_append(out, text.bytes, text.n_bytes);
    }
}

void response_write_partial(struct buf *out, const struct response_partial *partial) {
    size_t n_text = partial->message.n_bytes;
    size_t n_number =
        partial->n_rejected != 0 ? 1 + wire_varint_size((uint64_t)partial->n_rejected) : 0;
    size_t n = n_number + (n_text > 0 ? 1 + wire_varint_size(n_text) + n_text : 0);
    if (n > 0) {
        uint8_t head[1 + WIRE_MAX_VARINT];
        buf_append(out, head, (size_t)(wire_put_number(head, 0x0a, n) - head));
        write_number(out, 0x08, partial->n_rejected);
        write_text(out, 0x12, partial->message);
    }
}

void response_write_status(struct buf *out, int32_t code, struct response_text message) {
    write_number(out, 0x08, code);
    write_text(out, 0x12, message);
}
