/*
 * What the program says on stderr: one line that names the command, the thing and the remedy.
 *
 * Text that comes from outside (arguments, file names) is printed with control characters escaped.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "otlp/common/macro.h"

/* Sets the prefix of all messages: "weir collect". Borrowed. */
void report_set_command(const char *name);

/* Says it and returns COMMAND_FAILED, so that `return report_failure(...)` reads well. */
int report_failure(const char *format, ...) PRINTF_FORMAT(1, 2);

/* The same for a command line that makes no sense; adds where help is. Returns COMMAND_USAGE. */
int report_usage(const char *format, ...) PRINTF_FORMAT(1, 2);

/* Says something worth knowing that is no failure. */
void report_note(const char *format, ...) PRINTF_FORMAT(1, 2);

/* The word for so many: report_noun(n, "span", "spans"). */
const char *report_noun(uint64_t n, const char *one, const char *many);

/* A message of the tracker's reader without the "line 7: " that it may begin with, for where the
 * line was named already. */
const char *report_without_line(const char *message);

/*
 * The candidate that a mistyped word most likely meant, or NULL when none is near. `candidates`
 * is called with 0, 1, ... until it returns NULL.
 */
const char *report_nearest(const char *word, const char *(*candidates)(const void *data, size_t n),
                           const void *data);
