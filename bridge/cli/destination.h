/*
 * Where a command's spans go, in words for people.
 */
#pragma once

enum { DESTINATION_MAX_BYTES = 512 };

/*
 * The file, "standard output" for -, or the URL of option or environment without user, password and
 * query, which are secrets. Written to `out` if need be; returns what to show.
 */
const char *destination_shown(const char *output, const char *endpoint,
                              char out[DESTINATION_MAX_BYTES]);
