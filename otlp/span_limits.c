#include "otlp/span_limits.h"

#include "otlp/bounds.h"
#include "otlp/common/env.h"
#include "otlp/encode.h"

/* A variable of the environment that is a limit; 0 is one too. */
static bool limit_from(const char *name, uint32_t *out, struct logger *logger) {
    uint64_t number;
    if (name == NULL || !env_number(name, 0, &number, logger)) {
        return false;
    }
    *out = number > UINT32_MAX ? UINT32_MAX : (uint32_t)number;
    return true;
}

/* Code, then the variable for spans, then the general one, then the default (E49). */
static uint32_t resolve(bool has_option, uint32_t option, const char *name, const char *general,
                        struct logger *logger) {
    uint32_t limit = SPAN_DEFAULT_MAX_ITEMS;
    if (has_option) {
        return option;
    }
    if (!limit_from(name, &limit, logger)) {
        (void)limit_from(general, &limit, logger);
    }
    return limit;
}

static size_t resolve_chars(const weir_otlp_limits *options, struct logger *logger) {
    uint32_t limit;
    if (options->has_max_value_chars) {
        return options->max_value_chars;
    }
    if (limit_from("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", &limit, logger) ||
        limit_from("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", &limit, logger)) {
        return limit;
    }
    return ENCODE_ALL_CHARS;
}

struct span_limits limits_resolve(const weir_otlp_limits *options, struct logger *logger) {
    size_t max_chars = resolve_chars(options, logger);
    return (struct span_limits){
        .attributes = {resolve(options->has_max_attributes, options->max_attributes,
                               "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT",
                               logger),
                       max_chars},
        .event_attributes = {resolve(options->has_max_event_attributes,
                                     options->max_event_attributes,
                                     "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", NULL, logger),
                             max_chars},
        .link_attributes = {resolve(options->has_max_link_attributes, options->max_link_attributes,
                                    "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", NULL, logger),
                            max_chars},
        .max_events = resolve(options->has_max_events, options->max_events,
                              "OTEL_SPAN_EVENT_COUNT_LIMIT", NULL, logger),
        .max_links = resolve(options->has_max_links, options->max_links,
                             "OTEL_SPAN_LINK_COUNT_LIMIT", NULL, logger),
    };
}
