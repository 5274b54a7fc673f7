#include "otlp/config.h"

#include "otlp/bounds.h"
#include "otlp/common/error.h"
#include "otlp/common/macro.h"
#include "otlp/span_limits.h"

static bool read_disabled(const weir_otlp_options *options, const struct config_reader *reader) {
    return CONFIG_BOOL(reader, .option = "disabled", .is_given = options->has_disabled,
                       .given = options->disabled, .variable = "OTEL_SDK_DISABLED");
}

/* The logger has read it already, and warned if need be (D23). */
static void note_log_level(const weir_otlp_options *options, const struct config_reader *reader) {
    static const char variable[] = "OTEL_LOG_LEVEL";
    const char *name = config_variable(reader, variable);
    bool is_set = name != NULL && log_level_parse(name) != WEIR_LOG_DEFAULT;
    config_note_text(reader, "log_level", log_level_name(reader->logger->level), CONFIG_PUBLIC,
                     options->log_level != WEIR_LOG_DEFAULT ? config_by_option("log_level")
                     : is_set                               ? config_by_variable(variable)
                                                            : config_by_default());
}

/* Whoever sets it expects all other variables to be ignored (D35). */
static void warn_of_config_file(const struct config_reader *reader) {
    const char *path = config_variable(reader, "OTEL_CONFIG_FILE");
    if (path != NULL) {
        logger_say(reader->logger, WEIR_LOG_WARN, LOG_CAUSE_CONFIG,
                   "OTEL_CONFIG_FILE=%.200s is not read: use options or the other variables", path);
    }
}

/* The exporter's: one request with all its tries (D17). */
static uint64_t read_timeout(const weir_otlp_options *options, const struct config_reader *reader) {
    return CONFIG_NS_OF_MS(
        reader, .option = "timeout_ms", .is_given = options->has_timeout_ms,
        .given = options->timeout_ms,
        .variables = {"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"},
        .otherwise = 10000, .meaning = "no limit");
}

/* The processor's, of the same request (D28). */
static uint64_t read_export_timeout(const weir_otlp_options *options,
                                    const struct config_reader *reader) {
    return CONFIG_NS_OF_MS(
        reader, .option = "export_timeout_ms", .is_given = options->has_export_timeout_ms,
        .given = options->export_timeout_ms, .variables = {"OTEL_BSP_EXPORT_TIMEOUT"},
        .otherwise = 30000, .meaning = "no limit");
}

/* 0 is no limit. */
static uint64_t sooner(uint64_t a_ns, uint64_t b_ns) {
    return a_ns == 0 || b_ns == 0 ? MAX(a_ns, b_ns) : MIN(a_ns, b_ns);
}

static uint64_t read_delay(const weir_otlp_options *options, const struct config_reader *reader) {
    return CONFIG_NS_OF_MS(reader, .option = "schedule_delay_ms",
                           .is_given = options->has_schedule_delay_ms,
                           .given = options->schedule_delay_ms,
                           .variables = {"OTEL_BSP_SCHEDULE_DELAY"}, .otherwise = 5000);
}

/* A request never holds more spans than may be queued (D30). */
static void read_counts(const weir_otlp_options *options, const struct config_reader *reader,
                        struct otlp_config *config) {
    config->max_queue_spans =
        CONFIG_U64(reader, .option = "max_queue_spans", .is_given = options->max_queue_spans > 0,
                   .given = options->max_queue_spans, .variables = {"OTEL_BSP_MAX_QUEUE_SIZE"},
                   .least = 1, .meaning = "no limit but bytes");
    config->max_export_spans = (uint32_t)CONFIG_U64(
        reader, .option = "max_export_spans", .is_given = options->max_export_spans > 0,
        .given = options->max_export_spans, .variables = {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE"},
        .otherwise = EXPORT_DEFAULT_MAX_SPANS, .least = 1,
        .most =
            config->max_queue_spans > 0 ? MIN(config->max_queue_spans, UINT32_MAX) : UINT32_MAX);
}

static void note_bytes(const struct config_reader *reader, const char *option, bool is_given,
                       size_t n_bytes) {
    (void)CONFIG_U64(reader, .option = option, .is_given = is_given, .given = n_bytes,
                     .otherwise = n_bytes, .unit = "bytes");
}

/* A span must fit into the queue, together with what stands around it in its request. */
static int resolve_bytes(const weir_otlp_options *options, const struct config_reader *reader,
                         struct otlp_config *config, weir_error_detail *detail) {
    size_t queue = options->max_queue_bytes ? options->max_queue_bytes : QUEUE_DEFAULT_BYTES;
    size_t span = options->max_span_bytes;
    if (queue < QUEUE_MIN_BYTES) {
        return error_set(detail, WEIR_E_INVALID,
                         "max_queue_bytes is %zu: at least %d are needed, or 0 for the default",
                         queue, QUEUE_MIN_BYTES);
    }
    if (span == 0) {
        span = MIN((size_t)SPAN_DEFAULT_MAX_BYTES, queue / 2);
    } else if (span < SPAN_MIN_MAX_BYTES || span > queue / 2) {
        return error_set(detail, WEIR_E_INVALID,
                         "max_span_bytes is %zu: it must be %d to %zu, half of max_queue_bytes",
                         span, SPAN_MIN_MAX_BYTES, queue / 2);
    }
    config->max_queue_bytes = queue;
    config->max_span_bytes = span;
    note_bytes(reader, "max_queue_bytes", options->max_queue_bytes > 0, queue);
    note_bytes(reader, "max_span_bytes", options->max_span_bytes > 0, span);
    return 0;
}

int config_resolve(const weir_otlp_options *options, const struct config_reader *reader,
                   struct otlp_config *out, weir_error_detail *detail) {
    struct otlp_config config = {0};
    int error = resolve_bytes(options, reader, &config, detail);
    error = error ? error : spool_config_resolve(options, reader, &config.spool, detail);
    if (error != 0) {
        return error;
    }
    config.is_disabled = read_disabled(options, reader);
    note_log_level(options, reader);
    warn_of_config_file(reader);
    config.timeout_ns = read_timeout(options, reader);
    config.export_timeout_ns = read_export_timeout(options, reader);
    config.timeout_ns = sooner(config.timeout_ns, config.export_timeout_ns);
    config.schedule_delay_ns = read_delay(options, reader);
    read_counts(options, reader, &config);
    config.limits = limits_resolve(&options->limits, reader);
    *out = config;
    return 0;
}

uint64_t config_timeout_ns(const weir_otlp_options *pipeline, const struct config_reader *reader,
                           uint64_t export_timeout_ns) {
    return sooner(read_timeout(pipeline, reader), export_timeout_ns);
}
