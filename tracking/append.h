/*
 * Appending whole lines to a log: one write(2) a line, never a part of one that stays.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* write(2), interruptions apart; over a file-size limit it gives EFBIG, never the signal. */
ssize_t append_write(int fd, const char *bytes, size_t n_bytes);

/*
 * Appends the n_bytes at `line`, which end in a line feed. `line[-1]` must be a line feed as well:
 * it is written too when *is_torn says that the file may end in a torn line, and it does. After a
 * short write the torn part is cut off again, or, if another writer has appended meanwhile,
 * *is_torn is set. 0, or the errno. The descriptor must be readable too. A file-size limit gives
 * EFBIG, never the signal.
 */
int append_line(int fd, const char *line, size_t n_bytes, bool *is_torn);

/* Cuts a torn last line (of a writer that died) off. False: it could not be cut. */
bool append_cut_torn_tail(int fd);
