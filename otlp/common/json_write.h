/*
 * Writing JSON text: strings, numbers, and whole values, in the two spellings that Burr's files
 * use.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <weir/value.h>

#include "otlp/common/buf.h"

/*
 * JSON_COMPACT: as pydantic writes Burr's .jsonl files: no spaces, raw UTF-8, 0.00001,
 *               1e+16, NaN and infinities null.
 * JSON_PYTHON:  as Python's json.dumps: ", " and ": ", ASCII with \u escapes, 1e-05, NaN, Infinity.
 */
enum json_form { JSON_COMPACT, JSON_PYTHON };

/* A string with its quotes. Ill-formed UTF-8 becomes U+FFFD. */
void json_write_string(struct buf *out, const char *text, size_t n_bytes, enum json_form form);

void json_write_int(struct buf *out, int64_t number);

/* The shortest digits that read back as the same double, independent of the locale. */
void json_write_double(struct buf *out, double number, enum json_form form);

/* Standard base64 with padding, without quotes. */
void json_write_base64(struct buf *out, const uint8_t *data, size_t n_bytes);

/*
 * A whole value. Byte arrays are base64 strings. Of equal keys in a map the last one is written.
 * JSON leaves are checked: compact form keeps their numbers and strings as they are (white space
 * removed); Python form re-spells strings and separators. The buffer's error is WEIR_E_SYNTAX for a
 * leaf that is no JSON, WEIR_E_TOO_LARGE for values nested over JSON_MAX_DEPTH.
 */
void json_write_value(struct buf *out, const weir_value *value, enum json_form form);
