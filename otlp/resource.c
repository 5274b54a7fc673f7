#include "otlp/resource.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <weir/version.h>

#include "otlp/attributes.h"
#include "otlp/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/common/error.h"
#include "otlp/common/hex.h"
#include "otlp/common/json_write.h"
#include "otlp/common/macro.h"
#include "otlp/common/utf8.h"
#include "otlp/detect.h"
#include "otlp/encode.h"
#include "otlp/tags.h"
#include "otlp/wire.h"

/* Resources are exempt from the limits of spans (E50); their bound is the buffer's. */
static const struct attribute_limits NO_LIMITS = {UINT32_MAX, ENCODE_ALL_CHARS};

/* Where attributes go, and where those being set come from. */
struct target {
    struct attributes attributes;
    const struct config_reader *reader;
    struct config_origin origin;
    weir_error_detail *detail;
};

/* Scalars as JSON writes them; of the others their kind only, as secrets may be inside. */
static void note(const struct target *t, const char *key, const weir_value *value) {
    static const char *const kinds[] = {[WEIR_VALUE_BYTES] = "(bytes)",
                                        [WEIR_VALUE_ARRAY] = "(array)",
                                        [WEIR_VALUE_MAP] = "(map)",
                                        [WEIR_VALUE_JSON] = "(JSON)"};
    if (t->reader->report == NULL) {
        return;
    }
    struct buf text CLEANUP(buf_deinit);
    buf_init(&text, RESOURCE_MAX_BYTES);
    if (value->kind == WEIR_VALUE_STRING) {
        buf_append(&text, value->as.string.bytes, value->as.string.n_bytes);
    } else if (value->kind < WEIR_VALUE_BYTES) {
        json_write_value(&text, value, JSON_COMPACT);
    } else {
        buf_append_text(&text, kinds[value->kind]);
    }
    char *name CLEANUP(mem_cleanup) = mem_alloc(strlen(key) + sizeof "resource ");
    buf_append_byte(&text, '\0');
    if (name != NULL && buf_error(&text) == 0) {
        (void)stpcpy(stpcpy(name, "resource "), key);
        config_note_text(t->reader, name, (const char *)text.data, CONFIG_PUBLIC, t->origin);
    }
}

static int set(struct target *t, const char *key, const weir_value *value) {
    int error = attributes_set(&t->attributes, &NO_LIMITS, key, value);
    switch (error) {
    case 0: note(t, key, value); return 0;
    case WEIR_E_NO_MEMORY: return error_set(t->detail, error, "no memory for the resource");
    case WEIR_E_TOO_LARGE:
        return error_set(t->detail, error,
                         "resource attribute %.100s: the resource is over %d bytes", key,
                         RESOURCE_MAX_BYTES);
    default:
        return error_set(t->detail, WEIR_E_INVALID,
                         "resource attribute %.100s has no key or no valid value",
                         key ? key : "NULL");
    }
}

static int set_text(struct target *t, const char *key, const char *text) {
    weir_value value = weir_value_string(text);
    return set(t, key, &value);
}

/* ---- what is known without being told ---- */

static int set_defaults(struct target *t) {
    char service[128] = "unknown_service";
    const char *program = program_invocation_short_name;
    if (program != NULL && *program != '\0') {
        snprintf(service, sizeof service, "unknown_service:%s", program);
    }
    t->origin = config_by_default();
    int error = set_text(t, "service.name", service);
    error = error ? error : set_text(t, "telemetry.sdk.name", "weir");
    error = error ? error : set_text(t, "telemetry.sdk.language", "c");
    return error ? error : set_text(t, "telemetry.sdk.version", WEIR_VERSION);
}

/* ---- the environment ---- */

/* Decodes in place; false for a % without two digits, U+0000, or what is not UTF-8. */
static bool percent_decode(char *text) {
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        if (*from != '%') {
            *to++ = *from;
            continue;
        }
        int byte = hex_byte(from + 1);
        if (byte <= 0) {
            return false;
        }
        *to++ = (char)byte;
        from += 2;
    }
    *to = '\0';
    return utf8_is_valid(text, (size_t)(to - text));
}

/* Cuts spaces and tabs off both ends, in place. */
static char *trim(char *text) {
    text += strspn(text, " \t");
    size_t n = strlen(text);
    while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t')) {
        n--;
    }
    text[n] = '\0';
    return text;
}

/* Splits "key=value" in place and decodes both. */
static bool parse_pair(char *pair, char **key, char **value) {
    char *equals = strchr(pair, '=');
    if (equals == NULL) {
        return false;
    }
    *equals = '\0';
    *key = trim(pair);
    *value = trim(equals + 1);
    return **key != '\0' && percent_decode(*key) && **key != '\0' && percent_decode(*value);
}

/* Walks over a list, which is changed, and sets its pairs; NULL target: only looks. */
static int set_list(struct target *t, char *list) {
    char *rest = list, *pair;
    while ((pair = strsep(&rest, ",")) != NULL) {
        char *key, *value;
        if (*trim(pair) == '\0') {
            continue; /* an empty member says nothing */
        }
        if (!parse_pair(pair, &key, &value)) {
            return WEIR_E_SYNTAX;
        }
        int error = t != NULL ? set_text(t, key, value) : 0;
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

/* All of OTEL_RESOURCE_ATTRIBUTES or, on any error, nothing of it (D22): looked through first. The
 * warning does not show it: a value may be a secret. */
static int set_attribute_list(struct target *t) {
    static const char variable[] = "OTEL_RESOURCE_ATTRIBUTES";
    const char *list = config_variable(t->reader, variable);
    if (list == NULL) {
        return 0;
    }
    CLEANUP(mem_cleanup) char *first = mem_strdup(list);
    CLEANUP(mem_cleanup) char *second = mem_strdup(list);
    if (first == NULL || second == NULL) {
        return error_set(t->detail, WEIR_E_NO_MEMORY, "no memory for %s", variable);
    }
    if (set_list(NULL, first) != 0) {
        logger_say(t->reader->logger, WEIR_LOG_WARN, LOG_CAUSE_CONFIG,
                   "%s is ignored: not a list of key=value pairs with other characters "
                   "percent-encoded",
                   variable);
        return 0;
    }
    t->origin = config_by_variable(variable);
    return set_list(t, second);
}

static int set_from_environment(struct target *t) {
    int error = set_attribute_list(t);
    const char *service = config_variable(t->reader, "OTEL_SERVICE_NAME");
    if (error != 0 || service == NULL) {
        return error;
    }
    t->origin = config_by_variable("OTEL_SERVICE_NAME");
    return set_text(t, "service.name", service); /* beats the list's (D21) */
}

/* ---- what is found out ---- */

static int put_detected(void *data, const char *key, const weir_value *value) {
    return set(data, key, value);
}

static int set_detected(struct target *t, const weir_otlp_options *options) {
    t->origin = config_by_option("detectors");
    return detect_run(options->detectors, put_detected, t);
}

/* ---- all of it ---- */

static int set_from_code(struct target *t, const weir_otlp_options *options) {
    if (options->resource == NULL && options->n_resource > 0) {
        return error_set(t->detail, WEIR_E_INVALID, "resource is NULL and n_resource is %zu",
                         options->n_resource);
    }
    t->origin = config_by_option("resource");
    for (size_t i = 0; i < options->n_resource; i++) {
        int error = set(t, options->resource[i].key, &options->resource[i].value);
        if (error != 0) {
            return error;
        }
    }
    if (options->service_name == NULL || *options->service_name == '\0') {
        return 0;
    }
    t->origin = config_by_option("service_name");
    return set_text(t, "service.name", options->service_name);
}

int resource_encode(struct buf *out, const weir_otlp_options *options,
                    const struct config_reader *reader, weir_error_detail *detail) {
    size_t mark = wire_open(out, TAG_RESOURCE_SPANS_RESOURCE);
    struct target target = {.attributes = attributes_in(out, TAG_RESOURCE_ATTRIBUTES),
                            .reader = reader,
                            .detail = detail};
    int error = buf_error(out);
    if (error != 0) {
        return error_set(detail, error, "no memory for the resource");
    }
    error = set_defaults(&target);
    error = error ? error : set_detected(&target, options);
    error = error ? error : set_from_environment(&target);
    error = error ? error : set_from_code(&target, options);
    if (error != 0) {
        return error;
    }
    wire_close(out, mark);
    return buf_error(out);
}

/* ---- the schema URL ---- */

int resource_encode_url(struct buf *out, const weir_otlp_options *options,
                        const struct config_reader *reader, weir_error_detail *detail) {
    const char *given = options->resource_schema_url != NULL ? options->resource_schema_url : "";
    const char *url = options->detectors != 0 && *given == '\0' ? DETECT_SCHEMA_URL : given;
    if (options->detectors != 0 && strcmp(url, DETECT_SCHEMA_URL) != 0) {
        logger_say(reader->logger, WEIR_LOG_WARN, LOG_CAUSE_CONFIG,
                   "the resource has no schema URL: the given one is %.200s, that of the "
                   "detectors " DETECT_SCHEMA_URL,
                   given);
        url = "";
    }
    encode_text(out, TAG_RESOURCE_SPANS_SCHEMA_URL, url, strlen(url));
    int error = buf_error(out);
    return error == 0 ? 0
                      : error_set(detail, error, "resource_schema_url cannot be kept: %s",
                                  weir_strerror(error));
}
