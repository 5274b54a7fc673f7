/*
 * One JSON value as a field of a protobuf message: strings, ids, bytes, numbers.
 */
#pragma once

#include "otlp/common/buf.h"
#include "otlp/common/json_text.h"
#include "otlp/schema.h"

/*
 * Appends the field; nothing for the default of a singular one (B17). `value` is valid JSON. NULL,
 * or what the value should have been ("32 hex digits"): nothing is appended then. Errors of the
 * buffer stick in it.
 */
const char *decode_json_scalar(struct buf *out, const struct schema_member *member,
                               struct json_slice value);
