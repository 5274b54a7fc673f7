/*
 * An answer of a gRPC server: head lines, NUL, trailer lines, NUL, body.
 */
#include <string.h>

#include "otlp/bounds.h"
#include "otlp/grpc_answer.h"
#include "otlp/response.h"
#include "tests/fuzz/fuzz.h"

enum { MAX_MESSAGE = 1 << 16 };

/* What stands before the next NUL; *rest goes behind it. */
static struct http_text section(const uint8_t **rest, const uint8_t *end) {
    const uint8_t *at = *rest, *nul = memchr(at, '\0', (size_t)(end - at));
    *rest = nul != NULL ? nul + 1 : end;
    return (struct http_text){(const char *)at, (size_t)((nul != NULL ? nul : end) - at)};
}

static void check_status(const struct grpc_answer *answer) {
    struct response_status status;
    FUZZ_CHECK(response_read_status(answer->body, answer->n_bytes, &status) == 0);
    FUZZ_CHECK(status.code == answer->status);
    FUZZ_CHECK(status.message.n_bytes <= GRPC_MESSAGE_MAX_BYTES);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    const uint8_t *rest = bytes, *end = bytes + n_bytes;
    struct http_answer http = {.status = n_bytes % 2 == 0 ? 200 : 503};
    struct grpc_scratch scratch;
    struct grpc_answer answer;
    http.head = section(&rest, end);
    http.trailers = section(&rest, end);
    http.body = rest;
    http.n_bytes = (size_t)(end - rest);
    grpc_scratch_init(&scratch, MAX_MESSAGE);
    int error = grpc_answer_read(&http, &scratch, &answer);
    FUZZ_CHECK(error == 0 || error == WEIR_E_TOO_LARGE);
    if (error == 0) {
        FUZZ_CHECK(answer.status >= 0);
        FUZZ_CHECK(answer.retry_after_ms >= -1 &&
                   answer.retry_after_ms <= (int64_t)RETRY_AFTER_MAX_S * 1000);
        FUZZ_CHECK(answer.has_retry_info || answer.retry_after_ms == -1);
        FUZZ_CHECK(answer.n_bytes <= (n_bytes > MAX_MESSAGE ? n_bytes : MAX_MESSAGE));
        if (answer.status != 0) {
            check_status(&answer);
        }
    }
    grpc_scratch_deinit(&scratch);
    return 0;
}
