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
    WORD_MAX_CHARS = 64      /* words beyond this get no suggestion */
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

const char *report_noun(uint64_t n, const char *one, const char *many) {
    return n == 1 ? one : many;
}

const char *report_without_line(const char *message) {
    const char *text = strstr(message, ": ");
    return strncmp(message, "line ", 5) == 0 && text != NULL ? text + 2 : message;
}

/* Levenshtein's distance, with two neighbours that were swapped as one error, row by row. Both
 * words are at most WORD_MAX_CHARS long. */
static size_t edit_distance(const char *a, const char *b) {
    size_t rows[3][WORD_MAX_CHARS + 1], *row = rows[0], *above = rows[1], *two_above = rows[2];
    size_t n_b = strlen(b);
    for (size_t j = 0; j <= n_b; j++) {
        row[j] = j;
    }
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t *free_row = two_above;
        two_above = above;
        above = row;
        row = free_row;
        row[0] = i + 1;
        for (size_t j = 0; j < n_b; j++) {
            size_t replace = above[j] + (a[i] != b[j]);
            row[j + 1] = MIN(replace, MIN(above[j + 1], row[j]) + 1);
            if (i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j]) {
                row[j + 1] = MIN(row[j + 1], two_above[j - 1] + 1);
            }
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
        if (distance < least && distance * 3 < strlen(word)) {
            least = distance;
            nearest = candidate;
        }
    }
    return nearest;
}
