/*
 * google.rpc.Status, with its details, and ExportTraceServiceResponse.
 */
#include <string.h>

#include "otlp/bounds.h"
#include "otlp/response.h"
#include "tests/fuzz/fuzz.h"

static bool is_inside(struct response_text text, const uint8_t *bytes, size_t n_bytes) {
    const char *begin = (const char *)bytes;
    return text.bytes == NULL || text.n_bytes == 0 ||
           (text.bytes >= begin && text.bytes + text.n_bytes <= begin + n_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    struct response_status status;
    struct response_partial partial;
    if (response_read_status(bytes, n_bytes, &status) == 0) {
        FUZZ_CHECK(is_inside(status.message, bytes, n_bytes));
        FUZZ_CHECK(status.retry_delay_ms >= 0 &&
                   status.retry_delay_ms <= (int64_t)RETRY_AFTER_MAX_S * 1000);
        FUZZ_CHECK(status.has_retry_info || status.retry_delay_ms == 0);
    }
    if (response_read_partial(bytes, n_bytes, &partial) == 0) {
        FUZZ_CHECK(is_inside(partial.message, bytes, n_bytes));
    }
    return 0;
}
