/*
 * What a log's `exception` says: the type and text of the error, out of a Python traceback or of
 * the one line that weir's tracker writes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct replay_text {
    const char *bytes; /* borrowed; not NUL-terminated */
    size_t n_bytes;
};

struct replay_error {
    struct replay_text type; /* empty: none could be told */
    struct replay_text text; /* all lines of the message, without the last line feed */
    bool is_abandoned;       /* a GeneratorExit without a text */
};

/*
 * The line that names the error is the first one without indentation behind the last "Traceback"
 * line, which Python writes in front of the frames; its text goes on to the end. Without a
 * traceback it is the first line of all.
 */
void replay_error_read(const char *text, size_t n_bytes, struct replay_error *out);
