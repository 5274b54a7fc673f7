/*
 * An answer of an OTLP/HTTP server in JSON: what is read from it is what the protobuf says that is
 * made of it.
 */
#include <string.h>

#include <weir/error.h>

#include "otlp/bounds.h"
#include "otlp/json_answer.h"
#include "otlp/response.h"
#include "tests/fuzz/fuzz.h"

static void check_response(const char *text, size_t n_bytes) {
    struct buf out;
    struct response_partial partial;
    buf_init(&out, JSON_ANSWER_MAX_BYTES);
    int error = json_answer_read_response(&out, text, n_bytes);
    FUZZ_CHECK(error == 0 || error == WEIR_E_SYNTAX || error == WEIR_E_TOO_LARGE);
    if (error == 0) {
        FUZZ_CHECK(response_read_partial(out.data, out.n_bytes, &partial) == 0);
        FUZZ_CHECK(partial.message.n_bytes <= JSON_ANSWER_MAX_BYTES / 2);
    }
    buf_deinit(&out);
}

static void check_status(const char *text, size_t n_bytes) {
    struct buf out;
    struct response_status status;
    buf_init(&out, JSON_ANSWER_MAX_BYTES);
    int error = json_answer_read_status(&out, text, n_bytes);
    FUZZ_CHECK(error == 0 || error == WEIR_E_SYNTAX || error == WEIR_E_TOO_LARGE);
    if (error == 0) {
        FUZZ_CHECK(response_read_status(out.data, out.n_bytes, &status) == 0);
        FUZZ_CHECK(!status.has_retry_info);
    }
    buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    check_response((const char *)bytes, n_bytes);
    check_status((const char *)bytes, n_bytes);
    return 0;
}
