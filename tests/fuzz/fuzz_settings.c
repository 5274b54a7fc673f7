/*
 * Settings of the environment, and what the report shows of them. The first byte chooses.
 */
#include <string.h>

#include "otlp/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/common/macro.h"
#include "otlp/common/utf8.h"
#include "otlp/config.h"
#include "otlp/resource.h"
#include "tests/fuzz/fuzz.h"

static const char SECRET[] = "fuzzedsecret";

static void check_message(weir_log_level level, const char *message, void *data) {
    (void)level, (void)data;
    FUZZ_CHECK(*message != '\0' && strpbrk(message, "\r\n") == NULL);
}

static void check_report(const struct config_report *report) {
    for (size_t i = 0; i < report->n; i++) {
        const struct config_line *line = &report->lines[i];
        size_t n_bytes = strlen(line->value);
        FUZZ_CHECK(n_bytes <= CONFIG_MAX_VALUE && utf8_is_valid(line->value, n_bytes));
        FUZZ_CHECK(strpbrk(line->value, "\r\n\t") == NULL);
        FUZZ_CHECK((*line->origin == '\0') == (line->source == CONFIG_FROM_DEFAULT));
    }
}

static void read_list(const char *text, const struct config_reader *reader) {
    struct buf resource;
    buf_init(&resource, RESOURCE_MAX_BYTES);
    FUZZ_CHECK(setenv("OTEL_RESOURCE_ATTRIBUTES", text, 1) == 0);
    int error = resource_encode(&resource, &WEIR_OTLP_OPTIONS(.service_name = "s"), reader, NULL);
    FUZZ_CHECK(error == 0 || error == WEIR_E_TOO_LARGE);
    FUZZ_CHECK(error != 0 || resource.n_bytes > 0);
    buf_deinit(&resource);
    FUZZ_CHECK(unsetenv("OTEL_RESOURCE_ATTRIBUTES") == 0);
}

static void read_numbers(const char *text, const struct config_reader *reader) {
    static const char *const names[] = {"OTEL_SDK_DISABLED", "OTEL_BSP_EXPORT_TIMEOUT",
                                        "OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
                                        "OTEL_ATTRIBUTE_COUNT_LIMIT"};
    struct otlp_config config;
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        FUZZ_CHECK(setenv(names[i], text, 1) == 0);
    }
    FUZZ_CHECK(config_resolve(&WEIR_OTLP_OPTIONS(.service_name = "s"), reader, &config, NULL) == 0);
    FUZZ_CHECK(config.max_export_spans > 0);
    FUZZ_CHECK(config.max_queue_spans == 0 || config.max_export_spans <= config.max_queue_spans);
    FUZZ_CHECK(config.timeout_ns > 0); /* the other timeout has its default */
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        FUZZ_CHECK(unsetenv(names[i]) == 0);
    }
}

/* Whatever stands around it, the password of a URL, and its query, are not shown. */
static void hide(char *text, struct config_report *report) {
    if (strstr(text, SECRET) != NULL) {
        return; /* it may stand in the path, which is shown */
    }
    for (char *c = text; *c != '\0'; c++) {
        *c = strchr(" \t\r\n", *c) != NULL ? '_' : *c; /* a URL ends at a blank */
    }
    size_t n_bytes = 2 * strlen(text) + 2 * sizeof SECRET + 32;
    char *url = mem_alloc(n_bytes);
    FUZZ_CHECK(url != NULL);
    static const char *const forms[] = {"http://%s%s@h/p?%s", "%s%s@proxy:1%s", "http://h/p?%s%s%s",
                                        "see http://u:%s%s@h/%s and http://i"};
    for (size_t i = 0; i < ARRAY_LENGTH(forms); i++) {
        snprintf(url, n_bytes, forms[i], text, SECRET, i == 1 ? "" : text);
        config_report_put(report, "url", url, CONFIG_URL, config_by_default());
        FUZZ_CHECK(strstr(config_report_find(report, "url")->value, SECRET) == NULL);
    }
    mem_free(url);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    struct logger logger;
    logger_init(&logger, check_message, NULL, WEIR_LOG_WARN);
    struct config_report report CLEANUP(config_report_deinit) = {0};
    const struct config_reader reader = {.logger = &logger, .report = &report};
    char *text =
        mem_strndup(n_bytes > 1 ? (const char *)bytes + 1 : "", n_bytes > 1 ? n_bytes - 1 : 0);
    FUZZ_CHECK(text != NULL);
    switch (n_bytes > 0 ? bytes[0] % 3 : 0) {
    case 0: read_list(text, &reader); break;
    case 1: read_numbers(text, &reader); break;
    default: hide(text, &report);
    }
    check_report(&report);
    FUZZ_CHECK(!report.is_cut || report.n == CONFIG_MAX_LINES);
    mem_free(text);
    return 0;
}
