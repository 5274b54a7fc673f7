/*
 * One AnyValue as a line of text: for the console.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "otlp/common/buf.h"

/*
 * Appends the value as JSON, on one line of visible text: strings in quotes, bytes as "base64:…",
 * NaN and the infinities by name, an empty value as null. Longer ones are cut and end in "...".
 * Bytes that are no AnyValue are shown as "?".
 */
void console_value(struct buf *out, const uint8_t *bytes, size_t n_bytes);
