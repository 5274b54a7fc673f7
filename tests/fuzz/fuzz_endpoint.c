/*
 * URLs and header lists as a user may write them: the first byte says which.
 */
#include <string.h>

#include <weir/otlp.h>

#include "otlp/common/alloc.h"
#include "otlp/endpoint.h"
#include "tests/fuzz/fuzz.h"

static void ignore(weir_log_level level, const char *message, void *data) {
    (void)level, (void)data;
    FUZZ_CHECK(strpbrk(message, "\r\n\x1b") == NULL);
}

static void check_headers(const struct headers *headers) {
    for (size_t i = 0; i < headers->n; i++) {
        const char *line = headers->lines[i];
        FUZZ_CHECK(strstr(line, ": ") != NULL && *line != ':');
        FUZZ_CHECK(strpbrk(line, "\r\n") == NULL); /* or another header would begin there */
    }
    FUZZ_CHECK(headers->n == 0 || headers->lines[headers->n] == NULL);
}

static void resolve(const weir_otlp_options *options, const struct config_reader *reader) {
    struct endpoint endpoint;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    int error = endpoint_resolve(options, reader, &endpoint, &detail);
    if (error != 0) {
        FUZZ_CHECK(error == WEIR_E_INVALID || error == WEIR_E_TOO_LARGE);
        FUZZ_CHECK(*detail.message != '\0' && strpbrk(detail.message, "\r\n") == NULL);
        return;
    }
    FUZZ_CHECK(strpbrk(endpoint.url, " \t\r\n") == NULL && strstr(endpoint.url, "://") != NULL);
    const char *shown_host = strstr(endpoint.shown, "://") + 3; /* no user, no password */
    FUZZ_CHECK(memchr(shown_host, '@', strcspn(shown_host, "/")) == NULL);
    check_headers(&endpoint.headers);
    endpoint_deinit(&endpoint);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    struct logger logger;
    logger_init(&logger, ignore, NULL, WEIR_LOG_WARN);
    struct config_report report CLEANUP(config_report_deinit) = {0};
    const struct config_reader reader = {.logger = &logger, .report = &report};
    char *text =
        mem_strndup(n_bytes > 1 ? (const char *)bytes + 1 : "", n_bytes > 1 ? n_bytes - 1 : 0);
    FUZZ_CHECK(text != NULL);
    const char *const lines[] = {text, NULL};
    struct headers headers = {0};
    switch (n_bytes > 0 ? bytes[0] % 4 : 0) {
    case 0: resolve(&WEIR_OTLP_OPTIONS(.endpoint = text), &reader); break;
    case 1: resolve(&WEIR_OTLP_OPTIONS(.traces_endpoint = text), &reader); break;
    case 2: resolve(&WEIR_OTLP_OPTIONS(.endpoint = "http://h", .headers = lines), &reader); break;
    default:
        FUZZ_CHECK(headers_add_list(&headers, &reader, "VARIABLE", text) == 0);
        check_headers(&headers);
        headers_deinit(&headers);
    }
    mem_free(text);
    return 0;
}
