#include "bridge/cli/report.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "bridge/cli/command.h"
#include "otlp/common/visible.h"

enum {
    REPORT_MAX_BYTES = 1024, /* a message; longer ones are cut */
    ESCAPED_MAX_BYTES = 10,  /* a byte becomes at most \u{10ffff} */
    WORD_MAX_CHARS = 32      /* words beyond this get no suggestion */
};

static const char *prefix = "weir";

void report_set_command(const char *name) {
    prefix = name;
}

/* A file name may hold escape sequences: none of them reaches the terminal. */
static void say(const char *format, va_list arguments) {
    char message[REPORT_MAX_BYTES];
    vsnprintf(message, sizeof(message), format, arguments);
    CLEANUP(buf_deinit) struct buf shown;
    buf_init(&shown, sizeof(message) * ESCAPED_MAX_BYTES);
    visible_append(&shown, message, strlen(message), SIZE_MAX, "");
    fflush(stdout); /* what was printed before stays before on a shared terminal */
    fprintf(stderr, "%s: %.*s\n", prefix, (int)shown.n_bytes, (const char *)shown.data);
}

int report_failure(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
    return COMMAND_FAILED;
}

int report_usage(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
    fprintf(stderr, "Try: %s --help\n", prefix);
    return COMMAND_USAGE;
}

void report_note(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
}

/* Levenshtein's distance, one row at a time. Both words are at most WORD_MAX_CHARS long. */
static size_t edit_distance(const char *a, const char *b) {
    size_t row[WORD_MAX_CHARS + 1];
    size_t n_b = strlen(b);
    for (size_t j = 0; j <= n_b; j++) {
        row[j] = j;
    }
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < n_b; j++) {
            size_t replace = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            row[j + 1] = MIN(replace, MIN(row[j], row[j + 1]) + 1);
        }
    }
    return row[n_b];
}

const char *report_nearest(const char *word, const char *(*candidates)(const void *data, size_t n),
                           const void *data) {
    if (strlen(word) > WORD_MAX_CHARS) {
        return NULL;
    }
    const char *nearest = NULL;
    size_t least = 3; /* three typing errors are another word */
    const char *candidate;
    for (size_t n = 0; (candidate = candidates(data, n)) != NULL; n++) {
        size_t distance =
            strlen(candidate) > WORD_MAX_CHARS ? least : edit_distance(word, candidate);
        if (distance < least && distance < strlen(word)) {
            least = distance;
            nearest = candidate;
        }
    }
    return nearest;
}
