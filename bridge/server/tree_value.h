/*
 * Attribute values as a person reads them.
 */
#pragma once

#include "otlp/common/buf.h"
#include "otlp/decode.h"

/*
 * Appends a value: text bare, unless it could be taken for something else (then in quotes); other
 * kinds as JSON; bytes as base64. The result is visible text on one line. NULL: null.
 */
void tree_value_append(struct buf *out, const Otlp__AnyValue *value);
