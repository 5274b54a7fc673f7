#include "otlp/common/env.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* n_names when it is none of them. */
static unsigned place_of(const char *text, size_t n, const char *const *names, unsigned n_names) {
    for (unsigned i = 0; i < n_names; i++) {
        if (names[i] != NULL && strlen(names[i]) == n && strncasecmp(text, names[i], n) == 0) {
            return i;
        }
    }
    return n_names;
}

static void warn_of_stranger(const char *name, const char *text, size_t n, const char *taken_as,
                             const char *const *names, unsigned n_names, struct logger *logger) {
    char list[200];
    list_names(names, n_names, list, sizeof list);
    logger_say(logger, WEIR_LOG_WARN, LOG_CAUSE_CONFIG, "%s=%.*s is none of %s: %s", name,
               (int)MIN(n, 100), text, list, taken_as);
}

bool env_enum(const char *name, const char *const *names, unsigned n_names, unsigned *out,
              struct logger *logger) {
    const char *text = env_text(name);
    if (text == NULL) {
        return false;
    }
    size_t n = strlen(text);
    unsigned place = place_of(text, n, names, n_names);
    if (place == n_names) {
        warn_of_stranger(name, text, n, "taken as unset", names, n_names, logger);
        return false;
    }
    *out = place;
    return true;
}

/* The word that begins at *at, without blanks around it; *at moves behind its comma. */
static const char *next_word(const char **at, size_t *n) {
    const char *word = *at + strspn(*at, " \t");
    const char *end = word + strcspn(word, ",");
    *at = *end == ',' ? end + 1 : end;
    while (end > word && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }
    *n = (size_t)(end - word);
    return word;
}

/* The known words of the text. */
static uint32_t set_of(const char *text, const char *const *names, unsigned n_names) {
    uint32_t set = 0;
    while (*text != '\0') {
        size_t n;
        const char *word = next_word(&text, &n);
        unsigned place = place_of(word, n, names, n_names);
        set |= place < n_names ? UINT32_C(1) << place : 0;
    }
    return set;
}

static void warn_of_strangers(const char *name, const char *text, const char *taken_as,
                              const char *const *names, unsigned n_names, struct logger *logger) {
    while (*text != '\0') {
        size_t n;
        const char *word = next_word(&text, &n);
        if (n > 0 && place_of(word, n, names, n_names) == n_names) {
            warn_of_stranger(name, word, n, taken_as, names, n_names, logger);
        }
    }
}

/* "using a", when only one is the default. */
static void name_default(uint32_t set, const char *const *names, unsigned n_names, char *out,
                         size_t n_out) {
    snprintf(out, n_out, "taken as unset");
    for (unsigned i = 0; i < n_names; i++) {
        if (set == UINT32_C(1) << i && names[i] != NULL) {
            snprintf(out, n_out, "using %s", names[i]);
        }
    }
}

bool env_set(const char *name, const char *const *names, unsigned n_names, uint32_t *out,
             struct logger *logger) {
    const char *text = env_text(name);
    if (text == NULL) {
        return false;
    }
    uint32_t set = set_of(text, names, n_names);
    char taken_as[64] = "left out";
    if (set == 0) {
        name_default(*out, names, n_names, taken_as, sizeof taken_as);
    }
    warn_of_strangers(name, text, taken_as, names, n_names, logger);
    if (set != 0) {
        *out = set;
    }
    return set != 0;
}
