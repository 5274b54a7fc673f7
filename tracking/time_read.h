/*
 * Reading the time stamps of Burr's files, and the spellings near them that Burr's own reader
 * takes: a blank for the T, one to nine digits of fraction, an offset in place of the Z, a number.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct time_stamp {
    uint64_t ns; /* since the epoch: UTC, or the local clock's reading taken as if it were UTC */
    bool is_utc; /* it said Z or an offset */
};

/* False when the text is no stamp, or one before 1970 or after 2500. */
bool time_read(const char *text, size_t n_bytes, struct time_stamp *out);

/*
 * A whole JSON value: a string with its quotes, or a number of seconds since the epoch (of
 * milliseconds when it is above 20,000,000,000, as Burr's reader takes it), which is UTC.
 */
bool time_read_json(const char *text, size_t n_bytes, struct time_stamp *out);
