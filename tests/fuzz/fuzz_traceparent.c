/*
 * A traceparent as a stranger may send it.
 */
#include <string.h>

#include <weir/propagation.h>

#include "otlp/common/alloc.h"
#include "otlp/context.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    char *text = mem_strndup((const char *)bytes, n_bytes);
    FUZZ_CHECK(text != NULL);
    weir_otlp_context context, again;
    char written[56], twice[56];
    if (weir_otlp_context_parse(text, NULL, &context) == 0) {
        FUZZ_CHECK(context_is_valid(&context) && context.is_remote);
        FUZZ_CHECK((context.trace_flags & ~TRACE_FLAGS_KNOWN) == 0);
        FUZZ_CHECK(weir_otlp_context_format(&context, written));
        FUZZ_CHECK(strlen(written) == 55 && memcmp(written, "00-", 3) == 0);
        FUZZ_CHECK(weir_otlp_context_parse(written, NULL, &again) == 0);
        FUZZ_CHECK(weir_otlp_context_format(&again, twice) && strcmp(written, twice) == 0);
        FUZZ_CHECK(strstr(text, "ff-") != text && strlen(text) >= 55);
    }
    mem_free(text);
    return 0;
}
