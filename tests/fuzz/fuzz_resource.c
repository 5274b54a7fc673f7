/*
 * OTEL_RESOURCE_ATTRIBUTES as a user may write it: all of it counts or nothing (D22), and what is
 * written is a resource.
 */
#include <stdlib.h>
#include <string.h>

#include "otlp/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/common/utf8.h"
#include "otlp/resource.h"
#include "otlp/wire_read.h"
#include "tests/fuzz/fuzz.h"

static unsigned n_warnings;

static void count(weir_log_level level, const char *message, void *data) {
    (void)level, (void)data;
    FUZZ_CHECK(strpbrk(message, "\r\n\x1b") == NULL);
    n_warnings++;
}

/* Each attribute has a key that is UTF-8 and not empty (A35, A50). */
static size_t count_attributes(const struct wire_field *resource) {
    struct wire_reader reader = wire_reader_over(resource->bytes, resource->n_bytes);
    struct wire_field attribute, key;
    size_t n = 0;
    while (wire_read(&reader, &attribute) > 0) {
        struct wire_reader inner = wire_reader_over(attribute.bytes, attribute.n_bytes);
        FUZZ_CHECK(attribute.number == 1 && wire_read(&inner, &key) == 1);
        FUZZ_CHECK(key.number == 1 && key.n_bytes > 0);
        FUZZ_CHECK(utf8_is_valid((const char *)key.bytes, key.n_bytes));
        n++;
    }
    FUZZ_CHECK(reader.at == reader.end);
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    char *text = mem_strndup((const char *)bytes, n_bytes);
    FUZZ_CHECK(text != NULL && setenv("OTEL_RESOURCE_ATTRIBUTES", text, 1) == 0);
    struct logger logger;
    logger_init(&logger, count, NULL, WEIR_LOG_WARN);
    const struct config_reader reader = {.logger = &logger};
    const weir_otlp_options options = WEIR_OTLP_OPTIONS(.service_name = "fuzz");
    struct buf out;
    buf_init(&out, RESOURCE_MAX_BYTES);
    n_warnings = 0;
    int error = resource_encode(&out, &options, &reader, NULL);
    FUZZ_CHECK(error == 0 || error == WEIR_E_TOO_LARGE);
    if (error == 0) {
        struct wire_reader whole = wire_reader_over(out.data, out.n_bytes);
        struct wire_field resource;
        FUZZ_CHECK(wire_read(&whole, &resource) == 1 && whole.at == whole.end);
        size_t n = count_attributes(&resource);
        FUZZ_CHECK(n_warnings == 0 ? n >= 4 : n == 4); /* service.name and telemetry.sdk.* */
    }
    buf_deinit(&out);
    mem_free(text);
    return 0;
}
