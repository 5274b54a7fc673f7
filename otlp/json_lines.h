/*
 * A request's bytes as one line of OTLP/JSON (conformance B9-B19, I1-I3).
 *
 * Driven by a table of OTLP's messages, over any valid bytes, in any order of fields; fields that
 * the table does not know are left out. No recursion; nesting is bounded.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "otlp/common/buf.h"

/*
 * Appends {"resourceSpans":[…]} without a line feed. Ill-formed UTF-8 becomes U+FFFD. The buffer's
 * error says what went wrong: WEIR_E_SYNTAX (no protobuf, or a field of the wrong wire type),
 * WEIR_E_TOO_LARGE (nested too deep, or over the buffer's maximum), WEIR_E_NO_MEMORY.
 */
void json_lines_write(struct buf *out, const uint8_t *request, size_t n_bytes);
