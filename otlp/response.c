#include "otlp/response.h"

#include <weir/error.h>

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
