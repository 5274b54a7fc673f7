/*
 * Attribute values and times as a person reads them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "otlp/common/buf.h"
#include "otlp/decode.h"

/*
 * Appends a value: text bare, unless it could be taken for something else (then in quotes); other
 * kinds as JSON; bytes as base64. The result is visible text on one line. NULL: null.
 */
void tree_value_append(struct buf *out, const Otlp__AnyValue *value);

/* Appends a duration in the unit that suits it, with three digits: "412 ns", "12.3 µs", "1.24 s",
 * "2 min 3 s", "5 h 20 min". With is_ascii "us". */
void tree_duration_append(struct buf *out, uint64_t duration_ns, bool is_ascii);

/* Appends a moment in UTC: "2026-01-02 03:04:05.000 UTC". */
void tree_moment_append(struct buf *out, uint64_t unix_ns);
