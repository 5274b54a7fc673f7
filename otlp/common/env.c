#include "otlp/common/env.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

const char *env_text(const char *name) {
    const char *value = getenv(name);
    return value != NULL && *value != '\0' ? value : NULL;
}

/* Digits and nothing else: strtoull would take " 1", "+1" and "-1" as well. */
static bool parse(const char *text, uint64_t *out) {
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0) {
        return false;
    }
    *out = number;
    return true;
}

bool env_number(const char *name, uint64_t least, uint64_t most, uint64_t *out,
                struct logger *logger) {
    const char *text = env_text(name);
    uint64_t number;
    if (text == NULL) {
        return false;
    }
    if (parse(text, &number) && number >= least && number <= most) {
        *out = number;
        return true;
    }
    char range[64] = "";
    if (most < UINT64_MAX) {
        snprintf(range, sizeof range, " and at most %" PRIu64, most);
    }
    logger_say(logger, WEIR_LOG_WARN, LOG_CAUSE_CONFIG,
               "%s=%.100s is no whole number of at least %" PRIu64 "%s: taken as unset", name, text,
               least, range);
    return false;
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
               "%s=%.100s is neither true nor false: taken as false", name, text);
    return false;
}

/* "a, b, c", as far as there is room. */
static void list_names(const char *const *names, unsigned n_names, char *out, size_t n_out) {
    size_t n = 0;
    *out = '\0';
    for (unsigned i = 0; i < n_names && n < n_out; i++) {
        if (names[i] != NULL) {
            n += (size_t)snprintf(out + n, n_out - n, "%s%s", n > 0 ? ", " : "", names[i]);
        }
    }
}

bool env_enum(const char *name, const char *const *names, unsigned n_names, unsigned *out,
              struct logger *logger) {
    const char *text = env_text(name);
    if (text == NULL) {
        return false;
    }
    for (unsigned i = 0; i < n_names; i++) {
        if (names[i] != NULL && strcasecmp(text, names[i]) == 0) {
            *out = i;
            return true;
        }
    }
    char list[200];
    list_names(names, n_names, list, sizeof list);
    logger_say(logger, WEIR_LOG_WARN, LOG_CAUSE_CONFIG, "%s=%.100s is none of %s: taken as unset",
               name, text, list);
    return false;
}
