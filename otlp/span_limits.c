#include "otlp/span_limits.h"

#include "otlp/bounds.h"
#include "otlp/common/macro.h"
#include "otlp/encode.h"

/* Code, then the variable for spans, then the general one, then the default (E49). 0 is a limit. */
static uint32_t read_count(const struct config_reader *reader, const char *option, bool is_given,
                           uint32_t given, const char *variable, const char *general) {
    uint64_t count =
        CONFIG_U64(reader, .option = option, .is_given = is_given, .given = given,
                   .variables = {variable, general}, .otherwise = SPAN_DEFAULT_MAX_ITEMS);
    return (uint32_t)MIN(count, UINT32_MAX);
}

static size_t read_chars(const struct config_reader *reader, const weir_otlp_limits *options) {
    uint64_t chars = CONFIG_U64(
        reader, .option = "limits.max_value_chars", .is_given = options->has_max_value_chars,
        .given = options->max_value_chars,
        .variables = {"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
                      "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"},
        .otherwise = ENCODE_ALL_CHARS, .special = ENCODE_ALL_CHARS, .meaning = "no limit");
    return (size_t)MIN(chars, ENCODE_ALL_CHARS);
}

struct span_limits limits_resolve(const weir_otlp_limits *options,
                                  const struct config_reader *reader) {
#define COUNT(name, variable, general)                                                             \
    read_count(reader, "limits." #name, options->has_##name, options->name, variable, general)
    size_t max_chars = read_chars(reader, options);
    return (struct span_limits){
        .attributes = {COUNT(max_attributes, "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
                             "OTEL_ATTRIBUTE_COUNT_LIMIT"),
                       max_chars},
        .event_attributes = {COUNT(max_event_attributes, "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", NULL),
                             max_chars},
        .link_attributes = {COUNT(max_link_attributes, "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", NULL),
                            max_chars},
        .max_events = COUNT(max_events, "OTEL_SPAN_EVENT_COUNT_LIMIT", NULL),
        .max_links = COUNT(max_links, "OTEL_SPAN_LINK_COUNT_LIMIT", NULL),
    };
#undef COUNT
}
