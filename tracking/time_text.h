/*
 * Time stamps as Burr's files spell them: naive local time, or UTC with a Z; six digits of
 * fraction, or none when the microseconds are 0. Nanoseconds are cut, not rounded.
 */
#pragma once

#include <stdint.h>
#include <time.h>

#include "otlp/common/buf.h"

/* The text of the last second that was asked for: records come in bursts, time zones are slow. */
struct time_text_cache {
    time_t second;
    char text[24]; /* "" while unused */
};

/* Appends 2026-01-02T03:04:05.000006, in the process's time zone. */
void time_text_local(struct buf *out, uint64_t unix_ns, struct time_text_cache *cache);

/* Appends 2026-01-02T03:04:05.000006Z. */
void time_text_utc(struct buf *out, uint64_t unix_ns, struct time_text_cache *cache);
