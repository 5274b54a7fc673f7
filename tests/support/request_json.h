/*
 * An unpacked request as OTLP/JSON in jansson's values: written by hand over the generated structs,
 * so that it shares nothing with the library's own way from bytes to JSON.
 */
#pragma once

#include <jansson.h>

#include "otlp/proto/trace_service.pb-c.h"

/* The caller owns it. */
json_t *request_json(const Otlp__ExportTraceServiceRequest *request);
