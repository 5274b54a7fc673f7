/*
 * What an OTLP/HTTP server answered in JSON, as the protobuf that the rest of weir reads
 * (conformance B9, B12, B16, B18, B20, B23). The text is the peer's: bounded, without recursion;
 * unknown names are passed over.
 */
#pragma once

#include "otlp/common/buf.h"

/*
 * Appends an ExportTraceServiceResponse, or a google.rpc.Status (without its details). An object
 * without the names in question is one with nothing in it. 0; WEIR_E_SYNTAX (no JSON object, or a
 * value of the wrong kind), WEIR_E_TOO_LARGE, WEIR_E_NO_MEMORY.
 */
int json_answer_read_response(struct buf *out, const char *text, size_t n_bytes);
int json_answer_read_status(struct buf *out, const char *text, size_t n_bytes);
