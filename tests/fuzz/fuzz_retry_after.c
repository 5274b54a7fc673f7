/*
 * The value of a Retry-After header, with the time of its first eight bytes.
 */
#include <string.h>

#include "otlp/bounds.h"
#include "otlp/retry.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    uint64_t random = 784111777;
    memcpy(&random, bytes, n_bytes < 4 ? 0 : 4); /* moments of some 130 years */
    int64_t now = (int64_t)(random & UINT32_MAX);
    const char *text = (const char *)bytes;
    int64_t ms = retry_after_parse(text, n_bytes, now);
    FUZZ_CHECK(ms >= -1 && ms <= (int64_t)RETRY_AFTER_MAX_S * 1000);
    FUZZ_CHECK(ms <= 0 || ms % 1000 == 0);
    uint64_t delay = retry_delay_ns((unsigned)random, ms, random * random);
    FUZZ_CHECK(ms <= 0 || delay >= (uint64_t)ms * 1000000);
    FUZZ_CHECK(delay <= UINT64_C(2) * RETRY_AFTER_MAX_S * 1000000000);
    return 0;
}
