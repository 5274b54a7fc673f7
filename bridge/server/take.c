#include "bridge/server/take.h"

#include "otlp/common/buf.h"
#include "otlp/common/macro.h"
#include "otlp/decode_json.h"

/* Nested too deep is a fault of the request: sending less at once would not help. */
static int error_of_nesting(int error) {
    return error == WEIR_E_TOO_LARGE ? WEIR_E_SYNTAX : error;
}

int take_request(const struct receiver_options *options, const uint8_t *bytes, size_t n_bytes,
                 uint64_t *n_spans, weir_error_detail *detail) {
    struct decode_counts counts;
    int error = error_of_nesting(decode_scan(bytes, n_bytes, &counts, detail));
    if (error == 0) {
        error = options->take(options->data, bytes, n_bytes, &counts, detail);
    }
    if (error == 0) {
        *n_spans = counts.n_spans;
    }
    return error;
}

int take_json_request(const struct receiver_options *options, const uint8_t *bytes, size_t n_bytes,
                      uint64_t *n_spans, weir_error_detail *detail) {
    CLEANUP(buf_deinit) struct buf request;
    buf_init(&request, options->max_body_bytes);
    int error = decode_json((const char *)bytes, n_bytes, &request, detail);
    if (error != 0) {
        return buf_error(&request) != 0 ? error : error_of_nesting(error);
    }
    return take_request(options, request.data, request.n_bytes, n_spans, detail);
}
