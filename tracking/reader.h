/*
 * Opening a log that is reached by a descriptor, for callers that walk folders themselves.
 */
#pragma once

#include <weir/tracking.h>

/*
 * As weir_reader_open; takes the descriptor over, also on failure. `path` is for messages. fd -1
 * with errno set is the failure of an open(2) that went before.
 */
int reader_open_fd(int fd, const char *path, weir_reader **out, weir_error_detail *detail);

/* The open log's ctime in ns since the epoch; 0 when the system does not say. */
uint64_t reader_changed_ns(const weir_reader *reader);

/* The number of lines passed so far, blank and broken ones too. */
uint64_t reader_n_lines(const weir_reader *reader);
