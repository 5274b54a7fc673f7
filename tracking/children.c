#include "tracking/children.h"

#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "otlp/common/error.h"
#include "tracking/append.h"
#include "tracking/bounds.h"
#include "tracking/names.h"

/*
 * Burr locks this file, so we do too; but whoever holds the lock for long must not stop the host:
 * one append is whole without it.
 */
static bool lock_briefly(int fd) {
    const struct timespec pause = {.tv_nsec = 2000000};
    for (int i = 0; i < TRACKER_LOCK_TRIES; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
            return true;
        }
        (void)nanosleep(&pause, NULL);
    }
    return false;
}

static int append_child(int folder_fd, const struct folder_path *path, mode_t mode,
                        const char *line, size_t n_bytes, weir_error_detail *detail) {
    int log_fd = folder_open_log(folder_fd, path, "log.jsonl", mode, detail);
    if (log_fd < 0) {
        return WEIR_E_IO;
    }
    (void)close(log_fd);
    int fd = folder_open_log(folder_fd, path, "children.jsonl", mode, detail);
    if (fd < 0) {
        return WEIR_E_IO;
    }
    /* What a writer that died has left half is cut off by who has the lock, else closed off. */
    bool is_torn = !lock_briefly(fd) || !append_cut_torn_tail(fd);
    int error = append_line(fd, line, n_bytes, &is_torn);
    (void)close(fd); /* gives the lock back */
    if (error != 0) {
        return error_set_os(detail, WEIR_E_IO, error, "cannot write %s/%s/%s/children.jsonl",
                            path->root, path->project, path->app_id);
    }
    return 0;
}

int children_add(const char *root, const char *project, mode_t mode, const weir_pointer *parent,
                 const char *line, size_t n_bytes, weir_error_detail *detail) {
    if (!names_app_id_is_valid(parent->app_id)) {
        return error_set(detail, WEIR_E_INVALID, "the parent's app id breaks the rule for app ids");
    }
    const struct folder_path path = {root, project, parent->app_id};
    int folder_fd = folder_open(&path, mode, detail);
    if (folder_fd < 0) {
        return WEIR_E_IO;
    }
    int error = append_child(folder_fd, &path, mode, line, n_bytes, detail);
    (void)close(folder_fd);
    return error;
}
