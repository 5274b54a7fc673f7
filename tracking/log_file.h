/*
 * One app's log.jsonl: its descriptor, and what can happen to that behind our back.
 *
 * A descriptor stays open between records, but only so many in a process: the ones that have not
 * been used for longest are closed for those that are. A fork waits for records that the host's
 * threads are writing, so that the child finds whole buffers and free locks; for a queue's thread,
 * which may hang on a disk, it does not wait.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include <weir/error.h>

#include "otlp/common/lock.h"
#include "tracking/folder.h"

struct log_file {
    struct lock line_lock; /* the owner's, for its line buffer; taken before `lock` */
    struct lock lock;      /* guards what is below up to the links */
    struct folder_path path;
    mode_t mode;
    bool is_queued; /* for life: a queue's thread writes, and `lock` guards no buffer */
    int fd;         /* -1: not open at the moment */
    dev_t device;   /* of the file that fd was opened on */
    ino_t inode;
    uint64_t checked_ns;              /* monotonic: when fd was last seen to be that file */
    bool is_torn;                     /* the file may end in a torn line */
    bool was_used;                    /* since the search for one to close came past */
    bool is_held;                     /* `lock` is, by a fork; guarded by the list's lock */
    struct log_file *next, *previous; /* of all log files; guarded by the list's lock */
};

/* The path's texts are borrowed for life. Nothing is opened. is_queued: a thread will write. */
void log_file_init(struct log_file *file, struct folder_path path, mode_t mode, bool is_queued);
/* Closes. Nobody may use the file any more. */
void log_file_deinit(struct log_file *file);

/*
 * Opens or creates the log in the app's folder, and cuts a torn tail off. 0, or WEIR_E_IO. The
 * caller is the only one who knows the file.
 */
int log_file_create(struct log_file *file, int folder_fd, weir_error_detail *detail);

/*
 * Appends one line as append_line does, opening the file again if need be. The caller holds the
 * lock. 0, or WEIR_E_IO.
 */
int log_file_append(struct log_file *file, const char *line, size_t n_bytes,
                    weir_error_detail *detail);

/*
 * Closes the descriptors of up to n files that have not been used for long, because the process has
 * none left. Returns how many. Never waits.
 */
int log_file_spare(int n);
