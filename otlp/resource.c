#include "otlp/resource.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <weir/version.h>

#include "otlp/attributes.h"
#include "otlp/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/common/env.h"
#include "otlp/common/error.h"
#include "otlp/common/utf8.h"
#include "otlp/encode.h"
#include "otlp/tags.h"
#include "otlp/wire.h"

/* Resources are exempt from the limits of spans (E50); their bound is the buffer's. */
static const struct attribute_limits NO_LIMITS = {UINT32_MAX, ENCODE_ALL_CHARS};

static int set(struct attributes *a, const char *key, const weir_value *value,
               weir_error_detail *detail) {
    int error = attributes_set(a, &NO_LIMITS, key, value);
    switch (error) {
    case 0: return 0;
    case WEIR_E_NO_MEMORY: return error_set(detail, error, "no memory for the resource");
    case WEIR_E_TOO_LARGE:
        return error_set(detail, error, "resource attribute %.100s: the resource is over %d bytes",
                         key, RESOURCE_MAX_BYTES);
    default:
        return error_set(detail, WEIR_E_INVALID,
                         "resource attribute %.100s has no key or no valid value",
                         key ? key : "NULL");
    }
}

static int set_text(struct attributes *a, const char *key, const char *text,
                    weir_error_detail *detail) {
    weir_value value = weir_value_string(text);
    return set(a, key, &value, detail);
}

/* ---- what is known without being told ---- */

static int set_defaults(struct attributes *a, weir_error_detail *detail) {
    char service[128] = "unknown_service";
    const char *program = program_invocation_short_name;
    if (program != NULL && *program != '\0') {
        snprintf(service, sizeof service, "unknown_service:%s", program);
    }
    int error = set_text(a, "service.name", service, detail);
    error = error ? error : set_text(a, "telemetry.sdk.name", "weir", detail);
    error = error ? error : set_text(a, "telemetry.sdk.language", "c", detail);
    return error ? error : set_text(a, "telemetry.sdk.version", WEIR_VERSION, detail);
}

/* ---- the environment ---- */

static int hex_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes in place; false for a % without two digits, U+0000, or what is not UTF-8. */
static bool percent_decode(char *text) {
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        if (*from != '%') {
            *to++ = *from;
            continue;
        }
        int high = hex_value(from[1]), low = high < 0 ? -1 : hex_value(from[2]);
        if (low < 0 || (high == 0 && low == 0)) {
            return false;
        }
        *to++ = (char)(high << 4 | low);
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

/* Walks over a list, which is changed, and sets its pairs; NULL attributes: only looks. */
static int set_list(struct attributes *a, char *list, weir_error_detail *detail) {
    char *rest = list, *pair;
    while ((pair = strsep(&rest, ",")) != NULL) {
        char *key, *value;
        if (*trim(pair) == '\0') {
            continue; /* an empty member says nothing */
        }
        if (!parse_pair(pair, &key, &value)) {
            return WEIR_E_SYNTAX;
        }
        int error = a != NULL ? set_text(a, key, value, detail) : 0;
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

/* All of OTEL_RESOURCE_ATTRIBUTES or, on any error, nothing of it (D22): looked through first. */
static int set_from_environment(struct attributes *a, struct logger *logger,
                                weir_error_detail *detail) {
    const char *list = env_text("OTEL_RESOURCE_ATTRIBUTES");
    if (list != NULL) {
        CLEANUP(mem_cleanup) char *first = mem_strdup(list);
        CLEANUP(mem_cleanup) char *second = mem_strdup(list);
        if (first == NULL || second == NULL) {
            return error_set(detail, WEIR_E_NO_MEMORY, "no memory for OTEL_RESOURCE_ATTRIBUTES");
        }
        if (set_list(NULL, first, NULL) != 0) {
            logger_say(logger, WEIR_LOG_WARN, LOG_CAUSE_CONFIG,
                       "OTEL_RESOURCE_ATTRIBUTES is ignored: not a list of key=value pairs with "
                       "other characters percent-encoded: %s",
                       list);
        } else {
            int error = set_list(a, second, detail);
            if (error != 0) {
                return error;
            }
        }
    }
    const char *service = env_text("OTEL_SERVICE_NAME");
    return service ? set_text(a, "service.name", service, detail) : 0;
}

/* ---- all of it ---- */

static int set_from_code(struct attributes *a, const weir_otlp_options *options,
                         weir_error_detail *detail) {
    if (options->resource == NULL && options->n_resource > 0) {
        return error_set(detail, WEIR_E_INVALID, "resource is NULL and n_resource is %zu",
                         options->n_resource);
    }
    for (size_t i = 0; i < options->n_resource; i++) {
        const weir_key_value *item = &options->resource[i];
        int error = set(a, item->key, &item->value, detail);
        if (error != 0) {
            return error;
        }
    }
    bool is_named = options->service_name != NULL && *options->service_name != '\0';
    return is_named ? set_text(a, "service.name", options->service_name, detail) : 0;
}

int resource_encode(struct buf *out, const weir_otlp_options *options, struct logger *logger,
                    weir_error_detail *detail) {
    size_t mark = wire_open(out, TAG_RESOURCE_SPANS_RESOURCE);
    struct attributes a = attributes_in(out, TAG_RESOURCE_ATTRIBUTES);
    int error = buf_error(out);
    if (error != 0) {
        return error_set(detail, error, "no memory for the resource");
    }
    error = set_defaults(&a, detail);
    error = error ? error : set_from_environment(&a, logger, detail);
    error = error ? error : set_from_code(&a, options, detail);
    if (error != 0) {
        return error;
    }
    wire_close(out, mark);
    return buf_error(out);
}
