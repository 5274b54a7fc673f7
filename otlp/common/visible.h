/*
 * Text from outside, made safe to look at and measured.
 *
 * Names and values come from strangers; a terminal obeys what it is sent. Control characters and
 * the marks that reverse or hide text are shown as escapes (\n, \u{202e}); everything else stays
 * as it is. Widths follow what terminals do: East Asian wide characters and emoji take two
 * columns, combining marks none. Independent of the locale.
 */
#pragma once

#include <stddef.h>

#include "otlp/common/buf.h"

/*
 * Appends the text, at most max_columns wide; longer text is cut and ends in `ellipsis` ("…", or
 * "..." for terminals without UTF-8). Ill-formed UTF-8 is shown as U+FFFD. Returns the columns it
 * takes. Text that was made visible is not changed by a second pass.
 */
size_t visible_append(struct buf *out, const char *text, size_t n_bytes, size_t max_columns,
                      const char *ellipsis);

/* How wide that would be without a limit. */
size_t visible_columns(const char *text, size_t n_bytes);
