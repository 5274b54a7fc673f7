/*
 * One line of log.jsonl: its top-level members, found in place and left as raw JSON text.
 *
 * The whole line is checked as JSON on the way, so that whoever takes a slice need not fear it.
 * Which members a type must have is not asked here.
 */
#pragma once

#include <stddef.h>

#include <weir/tracking.h>

#include "otlp/common/json_text.h"

/*
 * Fills the type, the sequence id and the slices of *out; its line and size are the caller's. 0, or
 * WEIR_E_SYNTAX: cursor->fault says what is wrong and cursor->at where. The slices point into
 * `text`.
 */
int scan_record(const char *text, size_t n_bytes, weir_record *out, struct json_cursor *cursor);

/* The same piece of text in the shape that the JSON functions take. */
static inline struct json_slice scan_slice(weir_slice slice) {
    return (struct json_slice){slice.text, slice.n_bytes};
}
