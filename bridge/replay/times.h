/*
 * When the records of a log happened. Burr stamps some of them in local time without an offset and
 * others in UTC; this finds the offset of the first kind from the second, per record, because
 * daylight saving may change inside a log.
 *
 * Policy alone: it is told stamps in the order of their lines, and asked for times afterwards.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Lines in a row whose local stamps are one offset away from UTC. */
struct replay_offset {
    uint64_t first_line, last_line;
    int64_t seconds; /* local minus UTC; a multiple of 15 minutes */
    uint64_t first_utc_ns, last_utc_ns;
    int64_t least, most; /* what the offset can be, by the local stamps before and after */
    bool is_weak;        /* found by a local stamp minutes away: a neighbour knows better */
};

struct replay_offsets {
    struct replay_offset *items; /* owned; by line */
    size_t n, capacity;
    struct replay_offset pending; /* UTC stamps since the last local one; first_line 0: none */
    uint64_t local_line;          /* the last local stamp; 0: none */
    uint64_t local_ns;
};

void replay_offsets_deinit(struct replay_offsets *offsets);

/* The stamps of a log in the order of its lines: a local one (taken as if it were UTC), and one in
 * UTC; then the end. False when memory is short. */
bool replay_offsets_local(struct replay_offsets *offsets, uint64_t line, uint64_t local_ns);
bool replay_offsets_utc(struct replay_offsets *offsets, uint64_t line, uint64_t utc_ns);
bool replay_offsets_end(struct replay_offsets *offsets);

/* UTC of a local stamp on a line, by the log's own offsets. False when it has none. */
bool replay_offsets_resolve(const struct replay_offsets *offsets, uint64_t line, uint64_t local_ns,
                            uint64_t *utc_ns);

/* The offset that was in force nearest to a local time, by the offsets of another log, and how far
 * away that was. False when it has none. */
bool replay_offsets_nearest(const struct replay_offsets *offsets, uint64_t local_ns,
                            int64_t *seconds, uint64_t *distance_ns);

/* Local time to UTC by a fixed offset. */
uint64_t replay_utc_of(uint64_t local_ns, int64_t offset_seconds);
