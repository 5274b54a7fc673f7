#include "otlp/common/env.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <strings.h>

const char *env_text(const char *name) {
    const char *value = getenv(name);
    return value != NULL && *value != '\0' ? value : NULL;
}

bool env_number(const char *name, uint64_t least, uint64_t *out, struct logger *logger) {
    const char *text = env_text(name);
    if (text == NULL) {
        return false;
    }
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    bool starts_with_digit =
        *text >= '0' && *text <= '9'; /* strtoull would take " 1", "+1" and "-1" */
    if (!starts_with_digit || *end != '\0' || errno != 0 || number < least) {
        logger_say(logger, WEIR_LOG_WARN, LOG_CAUSE_CONFIG,
                   "%s=%s is no whole number of at least %" PRIu64 ": using the default", name,
                   text, least);
        return false;
    }
    *out = number;
    return true;
}

bool env_flag(const char *name, struct logger *logger) {
    const char *text = env_text(name);
    if (text == NULL || strcasecmp(text, "false") == 0) {
        return false;
    }
    if (strcasecmp(text, "true") == 0) {
        return true;
    }
    logger_say(logger, WEIR_LOG_WARN, LOG_CAUSE_CONFIG,
               "%s=%s is neither true nor false: taken as false", name, text);
    return false;
}
