/*
 * Writing to a descriptor whose reader may be slow, or gone: never stuck beyond a deadline.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* When to give up; asked while the descriptor takes nothing. */
struct write_limits {
    uint64_t deadline_ns; /* of the monotonic clock; UINT64_MAX: none */
    bool (*is_cancelled)(void *data);
    void *data;
};

/*
 * Writes all the bytes. Whether or not the descriptor is in non-blocking mode, which belongs to
 * whoever opened it: a pipe or terminal is asked for room first, and then given no more than it has
 * room for. false: errno says why (ETIMEDOUT: by the limits). *n_written is how far it came.
 */
bool write_fd_all(int fd, const void *bytes, size_t n_bytes, const struct write_limits *limits,
                  size_t *n_written);
