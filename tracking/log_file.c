#include "tracking/log_file.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "otlp/common/clock.h"
#include "otlp/common/error.h"
#include "otlp/common/fork.h"
#include "otlp/common/uncancelled.h"
#include "tracking/append.h"
#include "tracking/async.h"
#include "tracking/bounds.h"

static const uint64_t CHECK_EVERY_NS = NS_PER_S;

/* ---- all log files of the process ---- */

/* Taken before the files' own locks; who holds one of those may only try. */
static struct lock list_lock;  /* guards the links and `hand` */
static struct log_file *first; /* a list without end marks: NULL at both */
static struct log_file *hand;  /* where the search for a file to close goes on */
static _Atomic int n_open;

static void before_fork(void) {
    lock_take(&list_lock);
    for (struct log_file *file = first; file != NULL; file = file->next) {
        lock_take(&file->line_lock);
        if (!file->is_queued) {
            lock_take(&file->lock);
        }
        file->is_held = !file->is_queued || lock_try(&file->lock);
    }
    async_hold_all();
}

static void after_fork_in_parent(void) {
    async_let_go_all(false);
    for (struct log_file *file = first; file != NULL; file = file->next) {
        if (file->is_held) {
            lock_give(&file->lock);
        }
        lock_give(&file->line_lock);
    }
    lock_give(&list_lock);
}

/*
 * The parent's waiters do not exist here, nor does the thread that was writing. What that one left
 * is looked at before the next record: fd is -1 or open at any time, but maybe not yet known as
 * that file, and the end may be torn.
 */
static void after_fork_in_child(void) {
    async_let_go_all(true);
    for (struct log_file *file = first; file != NULL; file = file->next) {
        file->lock = file->line_lock = (struct lock){0};
        if (!file->is_held) {
            file->checked_ns = 0;
            file->is_torn = true;
        }
    }
    list_lock = (struct lock){0};
}

static struct fork_guard fork_guard = {.order = FORK_TRACKER,
                                       .before = before_fork,
                                       .in_parent = after_fork_in_parent,
                                       .in_child = after_fork_in_child};

static void enlist(struct log_file *file) {
    fork_watch(&fork_guard);
    lock_take(&list_lock);
    file->next = first;
    if (first != NULL) {
        first->previous = file;
    }
    first = file;
    lock_give(&list_lock);
}

static void delist(struct log_file *file) {
    lock_take(&list_lock);
    hand = hand == file ? file->next : hand;
    if (file->previous != NULL) {
        file->previous->next = file->next;
    } else {
        first = file->next;
    }
    if (file->next != NULL) {
        file->next->previous = file->previous;
    }
    lock_give(&list_lock);
}

/* ---- the descriptor ---- */

void log_file_init(struct log_file *file, struct folder_path path, mode_t mode, bool is_queued) {
    *file = (struct log_file){.path = path, .mode = mode, .fd = -1, .is_queued = is_queued};
    enlist(file);
}

static void forget_fd(struct log_file *file) {
    file->fd = -1;
    atomic_fetch_sub_explicit(&n_open, 1, memory_order_relaxed);
}

static void close_fd(struct log_file *file) {
    int fd = file->fd;
    forget_fd(file);
    (void)close(fd);
}

static int keep_fd(struct log_file *file, int fd, weir_error_detail *detail) {
    struct stat status;
    if (fstat(fd, &status) != 0) {
        int saved = errno;
        (void)close(fd);
        return error_set_os(detail, WEIR_E_IO, saved, "cannot look at the log of %s",
                            file->path.app_id);
    }
    file->fd = fd;
    file->device = status.st_dev;
    file->inode = status.st_ino;
    file->checked_ns = clock_now_ns();
    atomic_fetch_add_explicit(&n_open, 1, memory_order_relaxed);
    return 0;
}

static bool is_same_file(const struct log_file *file, nlink_t *n_links) {
    struct stat status;
    if (fstat(file->fd, &status) != 0) {
        return false;
    }
    *n_links = status.st_nlink;
    return status.st_dev == file->device && status.st_ino == file->inode;
}

/*
 * A host that closes descriptors it does not know gives our number to a file of its own: our lines
 * must not go there, and that file is not ours to close. A log that was deleted goes on in a new
 * one.
 */
static void check_fd(struct log_file *file) {
    nlink_t n_links = 0;
    if (!is_same_file(file, &n_links)) {
        forget_fd(file);
    } else if (n_links == 0) {
        close_fd(file);
    }
}

static void check_fd_at_times(struct log_file *file) {
    if (file->fd < 0) {
        return;
    }
    uint64_t now = clock_now_ns();
    if (now - file->checked_ns >= CHECK_EVERY_NS) {
        file->checked_ns = now;
        check_fd(file);
    }
}

void log_file_deinit(struct log_file *file) {
    delist(file);
    if (file->fd >= 0) {
        check_fd(file); /* the number may be another file's by now */
    }
    if (file->fd >= 0) {
        close_fd(file);
    }
}

/* ---- few descriptors for many files ---- */

/* True when this file's descriptor was closed. One that was used lately gets a second chance. */
static bool give_up(struct log_file *file) {
    bool is_closed = false;
    if (lock_try(&file->lock)) {
        if (file->fd >= 0 && !file->was_used) {
            check_fd(file);
            if (file->fd >= 0) {
                close_fd(file);
            }
            is_closed = true;
        }
        file->was_used = false;
        lock_give(&file->lock);
    }
    return is_closed;
}

int log_file_spare(int n) {
    if (!lock_try(&list_lock)) {
        return 0;
    }
    int n_closed = 0;
    for (int i = 0; i < LOG_FILE_MAX_STEPS && n_closed < n && first != NULL; i++) {
        hand = hand != NULL ? hand : first;
        n_closed += give_up(hand) ? 1 : 0;
        hand = hand->next;
    }
    lock_give(&list_lock);
    return n_closed;
}

static int open_log(const struct log_file *file, weir_error_detail *detail) {
    int folder_fd = folder_open(&file->path, file->mode, detail);
    if (folder_fd < 0) {
        return -1;
    }
    int fd = folder_open_log(folder_fd, &file->path, "log.jsonl", file->mode, detail);
    int saved = errno;
    (void)close(folder_fd);
    errno = saved;
    return fd;
}

static int reopen(struct log_file *file, weir_error_detail *detail) {
    int fd = open_log(file, detail);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE) &&
        log_file_spare(LOG_FILE_SPARE_TO_OPEN) > 0) {
        fd = open_log(file, detail);
    }
    return fd >= 0 ? keep_fd(file, fd, detail) : WEIR_E_IO;
}

int log_file_create(struct log_file *file, int folder_fd, weir_error_detail *detail) {
    lock_take(&file->lock); /* the search for descriptors to close comes past here too */
    int fd = folder_open_log(folder_fd, &file->path, "log.jsonl", file->mode, detail);
    int error = fd >= 0 ? keep_fd(file, fd, detail) : WEIR_E_IO;
    if (error == 0) {
        file->is_torn = !append_cut_torn_tail(fd);
        file->was_used = true;
    }
    lock_give(&file->lock);
    return error;
}

/* ---- appending ---- */

static int append_once(struct log_file *file, const char *line, size_t n_bytes, int *os_error,
                       weir_error_detail *detail) {
    if (file->fd < 0) {
        int error = reopen(file, detail);
        if (error != 0) {
            return error;
        }
    }
    *os_error = append_line(file->fd, line, n_bytes, &file->is_torn);
    if (*os_error == 0) {
        return 0;
    }
    return error_set_os(detail, WEIR_E_IO, *os_error, "cannot write the log of %s below %s/%s",
                        file->path.app_id, file->path.root, file->path.project);
}

int log_file_append(struct log_file *file, const char *line, size_t n_bytes,
                    weir_error_detail *detail) {
    UNCANCELLED(); /* the caller holds the app's lock */
    check_fd_at_times(file);
    file->was_used = true;
    int os_error = 0;
    int error = append_once(file, line, n_bytes, &os_error, detail);
    if (os_error == EBADF) { /* the host has closed it a moment ago */
        forget_fd(file);
        error = append_once(file, line, n_bytes, &os_error, detail);
    }
    if (atomic_load_explicit(&n_open, memory_order_relaxed) > LOG_FILE_MAX_OPEN &&
        log_file_spare(1) == 0 && file->fd >= 0) {
        close_fd(file);
    }
    return error;
}
