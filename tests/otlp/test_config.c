#include <stdlib.h>

#include "otlp/bounds.h"
#include "otlp/config.h"
#include "otlp/encode.h"
#include "tests/support/expect.h"
#include "tests/support/log.h"

static const char *const VARIABLES[] = {
    "OTEL_EXPORTER_OTLP_TIMEOUT",        "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
    "OTEL_BSP_SCHEDULE_DELAY",           "OTEL_BSP_EXPORT_TIMEOUT",
    "OTEL_BSP_MAX_QUEUE_SIZE",           "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    "OTEL_ATTRIBUTE_COUNT_LIMIT",        "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_SPAN_EVENT_COUNT_LIMIT",       "OTEL_SPAN_LINK_COUNT_LIMIT",
    "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",  "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT"};

static struct kept_log kept = KEPT_LOG_INIT;
static struct logger logger;
static const struct config_reader reader = {.logger = &logger};

static void start(void) {
    for (size_t i = 0; i < sizeof VARIABLES / sizeof VARIABLES[0]; i++) {
        unsetenv(VARIABLES[i]);
    }
    kept_log_logger(&kept, &logger);
}

TestSuite(config, .init = start);

static struct otlp_config resolved(const weir_otlp_options *options) {
    static const weir_otlp_options none;
    struct otlp_config config;
    cr_assert(eq(int, config_resolve(options ? options : &none, &reader, &config, NULL), 0));
    return config;
}

Test(config, has_the_stated_defaults) {
    struct otlp_config config = resolved(NULL);
    cr_assert(eq(u64, config.timeout_ns, UINT64_C(10000000000)));
    cr_assert(eq(u64, config.schedule_delay_ns, UINT64_C(5000000000)));
    cr_assert(eq(u32, config.max_export_spans, 512));
    cr_assert(eq(sz, config.max_queue_bytes, 4 << 20));
    cr_assert(eq(sz, config.max_span_bytes, 1 << 20));
    cr_assert(eq(u64, config.max_queue_spans, 0));
    cr_assert(eq(u32, config.limits.attributes.max_attributes, 128));
    cr_assert(eq(u32, config.limits.event_attributes.max_attributes, 128));
    cr_assert(eq(u32, config.limits.link_attributes.max_attributes, 128));
    cr_assert(eq(u32, config.limits.max_events, 128));
    cr_assert(eq(u32, config.limits.max_links, 128));
    cr_assert(eq(sz, config.limits.attributes.max_chars, ENCODE_ALL_CHARS));
    cr_assert(eq(u32, kept.n, 0));
}

Test(config, takes_the_environment) {
    setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1", 1);
    cr_assert(eq(u64, resolved(NULL).timeout_ns, 1000000));
    setenv("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "0", 1); /* the signal's own; 0 is no limit (D7) */
    cr_assert(
        eq(u64, resolved(NULL).timeout_ns, UINT64_C(30000000000))); /* the processor's (D28) */
    setenv("OTEL_BSP_SCHEDULE_DELAY", "7", 1);
    cr_assert(eq(u64, resolved(NULL).schedule_delay_ns, 7000000));
    setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "100", 1);
    cr_assert(eq(u32, resolved(NULL).max_export_spans, 100));
    setenv("OTEL_BSP_MAX_QUEUE_SIZE", "60", 1);
    cr_assert(eq(u64, resolved(NULL).max_queue_spans, 60));
    cr_assert(eq(u32, resolved(NULL).max_export_spans, 60)); /* never more than the queue (D30) */
}

Test(config, of_two_timeouts_the_sooner_counts) { /* (D17, D28) */
    static const struct {
        const char *exporter, *processor;
        uint64_t ms;
    } rows[] = {{"100", "200", 100}, {"200", "100", 100}, {"0", "200", 200},    {"200", "0", 200},
                {"0", "0", 0},       {"", "200", 200},    {"60000", "", 30000}, {"", "", 10000}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        setenv("OTEL_EXPORTER_OTLP_TIMEOUT", rows[i].exporter, 1);
        setenv("OTEL_BSP_EXPORT_TIMEOUT", rows[i].processor, 1);
        cr_assert(eq(u64, resolved(NULL).timeout_ns, rows[i].ms * 1000000), "row %zu", i);
    }
    weir_otlp_options options = {.has_export_timeout_ms = true, .export_timeout_ms = 7};
    cr_assert(eq(u64, resolved(&options).timeout_ns, 7000000));
}

Test(config, a_further_pipeline_has_its_own_timeout) {
    const struct config_reader code_only = {.logger = &logger, .is_code_only = true};
    const weir_otlp_options none = {0}, own = {.has_timeout_ms = true, .timeout_ms = 5};
    setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1", 1); /* of the first one */
    cr_assert(eq(u64, config_timeout_ns(&none, &code_only, 0), UINT64_C(10000000000)));
    cr_assert(eq(u64, config_timeout_ns(&none, &code_only, 7), 7));
    cr_assert(eq(u64, config_timeout_ns(&own, &code_only, 0), 5000000));
    cr_assert(eq(u64, config_timeout_ns(&own, &code_only, 7), 7));
}

Test(config, can_be_disabled) { /* (D20, D3) */
    static const struct {
        const char *variable;
        weir_otlp_options options;
        bool is_disabled;
    } rows[] = {
        {"", {0}, false},
        {"true", {0}, true},
        {"TRUE", {0}, true},
        {"1", {0}, false},
        {"true", {.has_disabled = true}, false},
        {"", {.has_disabled = true, .disabled = true}, true},
        {"", {.disabled = true}, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        setenv("OTEL_SDK_DISABLED", rows[i].variable, 1);
        cr_assert(eq(int, resolved(&rows[i].options).is_disabled, rows[i].is_disabled), "row %zu",
                  i);
    }
    cr_assert(eq(u32, kept.n, 1));
    unsetenv("OTEL_SDK_DISABLED");
}

Test(config, says_that_a_configuration_file_is_not_read) { /* (D35) */
    setenv("OTEL_CONFIG_FILE", "/etc/otel.yaml", 1);
    (void)resolved(NULL);
    cr_assert(eq(u32, kept.n, 1));
    cr_assert(kept_log_has(&kept, "OTEL_CONFIG_FILE=/etc/otel.yaml is not read"));
    unsetenv("OTEL_CONFIG_FILE");
}

Test(config, reports_what_is_in_force_and_why) { /* (D1, D23, D27-D33) */
    struct config_report report = {0};
    const struct config_reader asking = {.logger = &logger, .report = &report};
    weir_otlp_options options = {.max_export_spans = 9, .log_level = WEIR_LOG_DEBUG};
    struct otlp_config config;
    setenv("OTEL_SPAN_LINK_COUNT_LIMIT", "3", 1);
    setenv("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "4", 1);
    setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0", 1);
    cr_assert(eq(int, config_resolve(&options, &asking, &config, NULL), 0));
    static const struct {
        const char *name, *value, *origin;
    } rows[] = {
        {"disabled", "false", ""},
        {"log_level", "info", "log_level"}, /* of the logger that was given */
        {"timeout_ms", "no limit", "OTEL_EXPORTER_OTLP_TIMEOUT"},
        {"export_timeout_ms", "30000 ms", ""},
        {"schedule_delay_ms", "5000 ms", ""},
        {"max_queue_spans", "no limit but bytes", ""},
        {"max_queue_bytes", "4194304 bytes", ""},
        {"max_span_bytes", "1048576 bytes", ""},
        {"max_export_spans", "9", "max_export_spans"},
        {"limits.max_attributes", "128", ""},
        {"limits.max_links", "3", "OTEL_SPAN_LINK_COUNT_LIMIT"},
        {"limits.max_value_chars", "4", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct config_line *line = config_report_find(&report, rows[i].name);
        cr_assert(line != NULL, "%s", rows[i].name);
        expect_text(line->value, rows[i].value);
        expect_text(line->origin, rows[i].origin);
    }
    config_report_deinit(&report);
}

Test(config, limits_follow_their_precedence) {
    setenv("OTEL_ATTRIBUTE_COUNT_LIMIT", "10", 1);
    setenv("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "20", 1);
    struct otlp_config config = resolved(NULL);
    cr_assert(eq(u32, config.limits.attributes.max_attributes, 10));
    cr_assert(eq(sz, config.limits.event_attributes.max_chars, 20));
    setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "0", 1);
    setenv("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "21", 1);
    setenv("OTEL_SPAN_EVENT_COUNT_LIMIT", "3", 1);
    setenv("OTEL_SPAN_LINK_COUNT_LIMIT", "4", 1);
    setenv("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "5", 1);
    setenv("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "99999999999", 1);
    config = resolved(NULL);
    cr_assert(eq(u32, config.limits.attributes.max_attributes, 0));
    cr_assert(eq(sz, config.limits.attributes.max_chars, 21));
    cr_assert(eq(sz, config.limits.link_attributes.max_chars, 21));
    cr_assert(eq(u32, config.limits.max_events, 3));
    cr_assert(eq(u32, config.limits.max_links, 4));
    cr_assert(eq(u32, config.limits.event_attributes.max_attributes, 5));
    cr_assert(eq(u32, config.limits.link_attributes.max_attributes, UINT32_MAX));
    cr_assert(eq(u32, kept.n, 0));
}

Test(config, code_beats_the_environment) {
    for (size_t i = 0; i < sizeof VARIABLES / sizeof VARIABLES[0]; i++) {
        setenv(VARIABLES[i], "77", 1);
    }
    weir_otlp_options options = {.has_timeout_ms = true,
                                 .timeout_ms = 0,
                                 .has_export_timeout_ms = true,
                                 .has_schedule_delay_ms = true,
                                 .schedule_delay_ms = 1,
                                 .max_export_spans = 2,
                                 .max_queue_spans = 3,
                                 .limits = {.has_max_attributes = true,
                                            .max_attributes = 0,
                                            .has_max_events = true,
                                            .max_events = 5,
                                            .has_max_links = true,
                                            .max_links = 6,
                                            .has_max_event_attributes = true,
                                            .max_event_attributes = 7,
                                            .has_max_link_attributes = true,
                                            .max_link_attributes = 8,
                                            .has_max_value_chars = true,
                                            .max_value_chars = 0}};
    struct otlp_config config = resolved(&options);
    cr_assert(eq(u64, config.timeout_ns, 0));
    cr_assert(eq(u64, config.schedule_delay_ns, 1000000));
    cr_assert(eq(u32, config.max_export_spans, 2));
    cr_assert(eq(u64, config.max_queue_spans, 3));
    cr_assert(eq(u32, config.limits.attributes.max_attributes, 0));
    cr_assert(eq(u32, config.limits.max_events, 5));
    cr_assert(eq(u32, config.limits.max_links, 6));
    cr_assert(eq(u32, config.limits.event_attributes.max_attributes, 7));
    cr_assert(eq(u32, config.limits.link_attributes.max_attributes, 8));
    cr_assert(eq(sz, config.limits.attributes.max_chars, 0));
}

Test(config, warns_of_what_does_not_parse_and_takes_the_default) {
    static const char *const bad[] = {"x", "-1", "1.5", "", "99999999999999999999999", " 1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        for (size_t j = 0; j < sizeof VARIABLES / sizeof VARIABLES[0]; j++) {
            setenv(VARIABLES[j], bad[i], 1);
        }
        unsigned before = kept.n;
        struct otlp_config config = resolved(NULL);
        bool is_unset = bad[i][0] == '\0'; /* an empty value is unset (D2) */
        cr_assert(eq(int, kept.n > before, !is_unset), "%s", bad[i]);
        cr_assert(eq(u64, config.timeout_ns, UINT64_C(10000000000)));
        cr_assert(eq(u32, config.max_export_spans, 512));
        cr_assert(eq(u64, config.max_queue_spans, 0));
        cr_assert(eq(u32, config.limits.attributes.max_attributes, 128));
    }
    setenv("OTEL_BSP_MAX_QUEUE_SIZE", "0", 1); /* must be positive (D29) */
    cr_assert(eq(u64, resolved(NULL).max_queue_spans, 0));
    cr_assert(kept_log_has(&kept, "OTEL_BSP_MAX_QUEUE_SIZE=0"));
}

Test(config, takes_very_long_times) {
    setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "18446744073709551615", 1);
    setenv("OTEL_BSP_EXPORT_TIMEOUT", "18446744073709551615", 1);
    cr_assert(gt(u64, resolved(NULL).timeout_ns, UINT64_C(1) << 60));
}

Test(config, refuses_bounds_that_cannot_hold) {
    static const struct {
        size_t max_queue_bytes, max_span_bytes;
        int error;
    } rows[] = {
        {1, 0, WEIR_E_INVALID},
        {QUEUE_MIN_BYTES - 1, 0, WEIR_E_INVALID},
        {QUEUE_MIN_BYTES, 0, 0},
        {0, SPAN_MIN_MAX_BYTES - 1, WEIR_E_INVALID},
        {0, SPAN_MIN_MAX_BYTES, 0},
        {1 << 20, 1 << 19, 0},
        {1 << 20, (1 << 19) + 1, WEIR_E_INVALID},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        weir_otlp_options options = {.max_queue_bytes = rows[i].max_queue_bytes,
                                     .max_span_bytes = rows[i].max_span_bytes};
        struct otlp_config config;
        weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
        cr_assert(eq(int, config_resolve(&options, &reader, &config, &detail), rows[i].error),
                  "row %zu", i);
        cr_assert(eq(int, detail.message[0] != '\0', rows[i].error != 0));
    }
    weir_otlp_options small = {.max_queue_bytes = QUEUE_MIN_BYTES};
    cr_assert(eq(sz, resolved(&small).max_span_bytes, QUEUE_MIN_BYTES / 2));
}
