#include "otlp/config.h"

#include "otlp/bounds.h"
#include "otlp/common/env.h"
#include "otlp/common/error.h"
#include "otlp/common/macro.h"
#include "otlp/span_limits.h"

static const uint64_t NS_PER_MS = 1000000;

/* A duration of some centuries stands for every longer one. */
static uint64_t ns_of_ms(uint64_t ms) {
    return MIN(ms, UINT64_MAX / 2 / NS_PER_MS) * NS_PER_MS;
}

static uint64_t resolve_timeout(const weir_otlp_options *options, struct logger *logger) {
    uint64_t ms = 10000;
    if (options->has_timeout_ms) {
        ms = options->timeout_ms;
    } else if (!env_number("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", 0, &ms, logger)) {
        (void)env_number("OTEL_EXPORTER_OTLP_TIMEOUT", 0, &ms, logger);
    }
    return ns_of_ms(ms);
}

static uint64_t resolve_delay(const weir_otlp_options *options, struct logger *logger) {
    uint64_t ms = 5000;
    if (options->has_schedule_delay_ms) {
        ms = options->schedule_delay_ms;
    } else {
        (void)env_number("OTEL_BSP_SCHEDULE_DELAY", 0, &ms, logger);
    }
    return ns_of_ms(ms);
}

/* A request never holds more spans than may be queued (D30). */
static void resolve_counts(const weir_otlp_options *options, struct logger *logger,
                           struct otlp_config *config) {
    config->max_queue_spans = options->max_queue_spans;
    if (config->max_queue_spans == 0) {
        (void)env_number("OTEL_BSP_MAX_QUEUE_SIZE", 1, &config->max_queue_spans, logger);
    }
    uint64_t batch = options->max_export_spans;
    if (batch == 0) {
        batch = EXPORT_DEFAULT_MAX_SPANS;
        (void)env_number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 1, &batch, logger);
    }
    if (config->max_queue_spans > 0) {
        batch = MIN(batch, config->max_queue_spans);
    }
    config->max_export_spans = (uint32_t)MIN(batch, UINT32_MAX);
}

/* A span must fit into the queue, together with what stands around it in its request. */
static int resolve_bytes(const weir_otlp_options *options, struct otlp_config *config,
                         weir_error_detail *detail) {
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
    return 0;
}

int config_resolve(const weir_otlp_options *options, struct logger *logger, struct otlp_config *out,
                   weir_error_detail *detail) {
    struct otlp_config config = {0};
    int error = resolve_bytes(options, &config, detail);
    if (error != 0) {
        return error;
    }
    config.timeout_ns = resolve_timeout(options, logger);
    config.schedule_delay_ns = resolve_delay(options, logger);
    resolve_counts(options, logger, &config);
    config.limits = limits_resolve(&options->limits, logger);
    *out = config;
    return 0;
}
