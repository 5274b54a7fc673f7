/*
 * A request in OTLP's JSON encoding (B9-B19), from a stranger: turned into the protobuf that says
 * the same. For the program and the tests; not in libweir.
 *
 * One walk over the text by the table of OTLP's messages, without recursion. What comes out may be
 * given to decode_scan like any other request: nesting and what may stand once are checked there.
 */
#pragma once

#include <stddef.h>

#include <weir/error.h>

#include "otlp/common/buf.h"

/*
 * Appends the ExportTraceServiceRequest to *out. Field names are lowerCamelCase, unknown ones are
 * passed over (B9, B16); ids are hex in either case (B10), enums numbers (B11), other integers
 * numbers or strings (B12, B13), doubles numbers or strings (B14), bytes base64 of any kind (B15);
 * null is an unset field (B18). Defaults are left out, but for members of a oneof, so that the
 * bytes equal those of a canonical writer when the fields come in order. An empty text is an empty
 * request.
 * 0; WEIR_E_SYNTAX: no JSON, or not as OTLP says; WEIR_E_TOO_LARGE: over the bound of *out, or
 * nested too deep; WEIR_E_NO_MEMORY. `detail` says what, and at which byte of the text.
 */
int decode_json(const char *text, size_t n_bytes, struct buf *out, weir_error_detail *detail);
