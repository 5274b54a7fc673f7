/*
 * Durations and moments as a person reads them; independent of the locale.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "otlp/common/buf.h"

/* Appends a duration in the unit that suits it, with three digits: "412 ns", "12.3 µs", "1.24 s",
 * "2 min 3 s", "5 h 20 min". With is_ascii "us". */
void time_text_duration(struct buf *out, uint64_t duration_ns, bool is_ascii);

/* Appends a moment in UTC: "2026-01-02 03:04:05.000 UTC". */
void time_text_moment(struct buf *out, uint64_t unix_ns);
