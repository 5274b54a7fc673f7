/*
 * Local time to UTC by the process's time zone, for logs that say nothing of their own.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * An hour that a clock goes through twice has two answers: the first that is not before
 * not_before_ns, as a log goes forward. An hour that is skipped gives what the C library makes of
 * it.
 */
uint64_t replay_zone_utc(uint64_t local_ns, uint64_t not_before_ns);

/* "+05:30", "-7", "0", "UTC"; seconds east of UTC. False for anything else, or over 18 hours. */
bool replay_zone_parse_offset(const char *text, int64_t *seconds);
