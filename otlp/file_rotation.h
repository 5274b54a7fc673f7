/*
 * Files that are begun anew when they are full: path, path.1, path.2 …, the newest first.
 *
 * Several processes may append to one path. Whoever renames holds a lock on the file that `path`
 * names, and looks again once it has it, so that no two rename at once; whoever writes looks before
 * each line whether `path` is still its file. A line that is written while another process renames
 * is in the renamed file, and not lost.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct file_rotation {
    uint64_t max_bytes; /* 0: never */
    uint32_t max_files; /* `path` included; at least 2 */
};

/* True when n_bytes more would make the open file too large; never for an empty one. */
bool file_rotation_is_due(const struct file_rotation *rotation, int fd, uint64_t n_bytes);

/*
 * Renames `path`, open as fd, to path.1, what has that name to path.2, and so on; what would be the
 * file beyond the last is gone. True when `path` is free, or another process's newer file: open it
 * again. False when it could not be done now (another process is at it; a name cannot be changed):
 * go on with the file. Waits for nobody.
 */
bool file_rotate(const struct file_rotation *rotation, const char *path, int fd);
