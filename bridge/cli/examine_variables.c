#include "bridge/cli/examine_variables.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "bridge/cli/report.h"
#include "otlp/common/macro.h"

enum { NAME_MAX_BYTES = 128, MAX_NOTES = 16 };

/* All that weir reads; a test compares them with the tables of the documents. */
static const char *const own[] = {
    "OTEL_SDK_DISABLED",
    "OTEL_LOG_LEVEL",
    "OTEL_SERVICE_NAME",
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_TRACES_EXPORTER",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
    "OTEL_EXPORTER_OTLP_COMPRESSION",
    "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
    "OTEL_EXPORTER_OTLP_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_CLIENT_KEY",
    "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY",
    "OTEL_EXPORTER_OTLP_INSECURE",
    "OTEL_EXPORTER_OTLP_TRACES_INSECURE",
    "OTEL_EXPORTER_OTLP_TIMEOUT",
    "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
    "OTEL_BSP_EXPORT_TIMEOUT",
    "OTEL_BSP_SCHEDULE_DELAY",
    "OTEL_BSP_MAX_QUEUE_SIZE",
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
    "OTEL_PROPAGATORS",
    "OTEL_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_SPAN_EVENT_COUNT_LIMIT",
    "OTEL_SPAN_LINK_COUNT_LIMIT",
    "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_CONFIG_FILE",
    "WEIR_SPOOL_DIR",
    "WEIR_SPOOL_MAX_BYTES",
    "WEIR_SPOOL_MAX_AGE_S",
    "WEIR_STREAMING_MODE",
    "WEIR_CONVENTIONS",
    "WEIR_CAPTURE_TRACKER",
    "WEIR_CAPTURE_OTLP",
    "WEIR_CAPTURE_ITEMS",
    "WEIR_CAPTURE_MAX_CHARS",
    "WEIR_TRACKER_DIR",
};

/* How names begin that are right, and for others: metrics, logs, profiles, other exporters, other
 * languages' SDKs, what injects them. */
static const char *const others[] = {
    "OTEL_METRIC_",
    "OTEL_METRICS_",
    "OTEL_LOGS_",
    "OTEL_LOGRECORD_",
    "OTEL_BLRP_",
    "OTEL_PROFILES_",
    "OTEL_EXPORTER_OTLP_METRICS_",
    "OTEL_EXPORTER_OTLP_LOGS_",
    "OTEL_EXPORTER_OTLP_PROFILES_",
    "OTEL_EXPORTER_PROMETHEUS_",
    "OTEL_EXPORTER_ZIPKIN_",
    "OTEL_EXPORTER_JAEGER_",
    "OTEL_EXPERIMENTAL_",
    "OTEL_SEMCONV_",
    "OTEL_ENTITIES",
    "OTEL_INSTRUMENTATION_",
    "OTEL_RESOURCE_PROVIDERS_",
    "OTEL_JAVA",
    "OTEL_PYTHON_",
    "OTEL_NODE_",
    "OTEL_DOTNET_",
    "OTEL_GO_",
    "OTEL_PHP_",
    "OTEL_RUBY_",
    "OTEL_RUST_",
    "OTEL_SWIFT_",
    "OTEL_ERLANG_",
    "OTEL_CPP_",
    "OTEL_AUTO_",
    "OTEL_EBPF_",
    "OTEL_INJECTOR_",
    "OTEL_OPERATOR_",
    "OTEL_COLLECTOR_",
    "OTEL_POD_",
    "OTEL_K8S_",
};

static const char *own_name(const void *data, size_t n) {
    (void)data;
    return n < ARRAY_LENGTH(own) ? own[n] : NULL;
}

static bool is_own(const char *name) {
    for (size_t i = 0; i < ARRAY_LENGTH(own); i++) {
        if (strcmp(name, own[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_of_others(const char *name) {
    for (size_t i = 0; i < ARRAY_LENGTH(others); i++) {
        if (strncmp(name, others[i], strlen(others[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* True when letters are missing from `word` to make `whole`, and no others are in it. */
static bool lacks_letters(const char *word, const char *whole) {
    for (; *whole != '\0'; whole++) {
        word += *word == *whole;
    }
    return *word == '\0';
}

/* What differs in its case, or lacks a few letters: WEIR_STREAM_MODE, OTEL_EXPORTER_ENDPOINT. */
static const char *nearest_name(const char *name) {
    for (size_t i = 0; i < ARRAY_LENGTH(own); i++) {
        if (strcasecmp(name, own[i]) == 0) {
            return own[i];
        }
    }
    const char *nearest = report_nearest(name, own_name, NULL);
    for (size_t i = 0; nearest == NULL && i < ARRAY_LENGTH(own); i++) {
        size_t n = strlen(own[i]);
        nearest = n - n / 4 <= strlen(name) && lacks_letters(name, own[i]) ? own[i] : NULL;
    }
    return nearest;
}

/* Names of environment variables differ by their case, unlike most values. */
static bool is_ours(const char *name) {
    bool is_shouted = strncmp(name, "OTEL_", 5) == 0 || strncmp(name, "WEIR_", 5) == 0;
    bool is_alike = strncasecmp(name, "OTEL_", 5) == 0 || strncasecmp(name, "WEIR_", 5) == 0;
    const char *nearest = is_alike && !is_shouted ? nearest_name(name) : NULL;
    return is_shouted || (nearest != NULL && strcasecmp(nearest, name) == 0);
}

static bool examine_name(const char *name, struct findings *findings) {
    if (!is_ours(name) || is_own(name) || is_of_others(name)) {
        return false;
    }
    const char *nearest = nearest_name(name);
    if (nearest != NULL) {
        findings_add(findings, 0, "settings", FINDING_NOTE,
                     "%s is set, but weir reads no such variable; did you mean %s?", name, nearest);
    } else {
        findings_add(findings, 0, "settings", FINDING_NOTE,
                     "%s is set, but weir reads no such variable", name);
    }
    return true;
}

void examine_variables(char *const *environment, struct findings *findings) {
    size_t n_notes = 0;
    for (; *environment != NULL && n_notes < MAX_NOTES; environment++) {
        size_t n_name = strcspn(*environment, "=");
        char name[NAME_MAX_BYTES];
        if (n_name < sizeof name) {
            memcpy(name, *environment, n_name);
            name[n_name] = '\0';
            n_notes += examine_name(name, findings);
        }
    }
}
