/*
 * The tracestate of W3C Trace Context: a list of key=value members, kept as text (G14-G20).
 */
#pragma once

#include <stdbool.h>

#include "otlp/common/buf.h"

/* True when the text is a tracestate by the strict rules (G14-G17, G20). */
bool trace_state_is_valid(const char *text);

/* Appends a valid tracestate without its empty members and the white space around members. */
void trace_state_append(struct buf *out, const char *text);
