#include "otlp/spool_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "otlp/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/common/error.h"
#include "otlp/common/fork.h"
#include "otlp/common/id.h"
#include "otlp/common/lock.h"
#include "otlp/common/macro.h"

enum {
    N_OWNER_DIGITS = 16,
    N_NUMBER_DIGITS = 8,
    MAX_NAME = 1 + N_OWNER_DIGITS + 1 + N_NUMBER_DIGITS + sizeof ".seg",
    MAX_TRIES = 4 /* to get a lock that is being taken away */
};

/* Not for writing, which would keep a disk from being remounted read-only. */
static const int OPEN_FLAGS = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK;

/* ---- names ---- */

size_t spool_dir_path_size(const struct spool_dir *dir) {
    return strlen(dir->path) + MAX_NAME;
}

void spool_dir_path(const struct spool_dir *dir, uint32_t number, char *out) {
    snprintf(out, spool_dir_path_size(dir), "%s/%016" PRIx64 "-%08" PRIx32 ".seg", dir->path,
             dir->owner, number);
}

static char *lock_path(const struct spool_dir *dir, uint64_t owner) {
    char *path = mem_alloc(spool_dir_path_size(dir));
    if (path != NULL) {
        snprintf(path, spool_dir_path_size(dir), "%s/%016" PRIx64 ".lock", dir->path, owner);
    }
    return path;
}

static bool read_hex(const char **text, int n_digits, uint64_t *out) {
    *out = 0;
    for (int i = 0; i < n_digits; i++, (*text)++) {
        const char *digits = "0123456789abcdef";
        const char *digit = **text != '\0' ? strchr(digits, **text) : NULL;
        if (digit == NULL) {
            return false;
        }
        *out = *out << 4 | (uint64_t)(digit - digits);
    }
    return true;
}

/* False for files that are not a spool's. */
static bool read_name(const char *name, uint64_t *owner, bool *is_lock) {
    uint64_t number;
    if (!read_hex(&name, N_OWNER_DIGITS, owner) || *owner == 0) {
        return false;
    }
    *is_lock = strcmp(name, ".lock") == 0;
    return *is_lock || (*name++ == '-' && read_hex(&name, N_NUMBER_DIGITS, &number) &&
                        strcmp(name, ".seg") == 0);
}

/* ---- descriptors of locks, and forks ---- */

/*
 * Of the whole process: those that hold a lock, or may come to. A copy in a forked child would keep
 * the lock when the parent has died, so the child closes them. Each is noted before it is locked.
 */
struct noted {
    struct noted *next;
    int fd;
    dev_t device;
    ino_t inode;
};

static struct lock noted_lock; /* guards these two; nobody waits for a disk with it */
static struct noted *noted;
static unsigned n_forks;

static void hold_noted(void) {
    lock_take(&noted_lock);
    n_forks++;
}

static void let_go_noted(void) {
    lock_give(&noted_lock);
}

static bool is_of(int fd, dev_t device, ino_t inode, nlink_t n_links) {
    struct stat status;
    return fd >= 0 && fstat(fd, &status) == 0 && status.st_dev == device &&
           status.st_ino == inode && status.st_nlink >= n_links;
}

/* The number may be another file's, if the host has closed ours. */
static void close_noted(void) {
    for (struct noted *file = noted, *next; file != NULL; file = next) {
        next = file->next;
        if (is_of(file->fd, file->device, file->inode, 0)) {
            close(file->fd);
        }
        mem_free(file);
    }
    noted = NULL;
    lock_drop(&noted_lock, true);
}

static struct fork_guard fork_guard = {.order = FORK_SEGMENTS,
                                       .before = hold_noted,
                                       .in_parent = let_go_noted,
                                       .in_child = close_noted};

static unsigned count_forks(void) {
    lock_take(&noted_lock);
    unsigned n = n_forks;
    lock_give(&noted_lock);
    return n;
}

/* 0, or a negative errno; -EAGAIN: there was a fork since the file was opened, and the child has a
 * copy. */
static int note(int fd, const struct stat *status, unsigned n_forks_before) {
    struct noted *file = mem_alloc(sizeof *file);
    if (file == NULL) {
        return -ENOMEM;
    }
    lock_take(&noted_lock);
    bool is_alone = n_forks == n_forks_before;
    if (is_alone) {
        *file = (struct noted){noted, fd, status->st_dev, status->st_ino};
        noted = file;
    }
    lock_give(&noted_lock);
    if (!is_alone) {
        mem_free(file);
        return -EAGAIN;
    }
    return 0;
}

static void forget_noted(int fd, dev_t device, ino_t inode) {
    lock_take(&noted_lock);
    struct noted **link = &noted;
    while (*link != NULL &&
           ((*link)->fd != fd || (*link)->device != device || (*link)->inode != inode)) {
        link = &(*link)->next;
    }
    struct noted *file = *link;
    if (file != NULL) {
        *link = file->next;
    }
    lock_give(&noted_lock);
    mem_free(file);
}

/* Closed first: one that is forgotten and still open would be left to a child. Nothing is closed
 * when the host has done it: whatever has the number now is not ours. */
static void close_lock(int fd, dev_t device, ino_t inode) {
    if (is_of(fd, device, inode, 0)) {
        close(fd);
    }
    forget_noted(fd, device, inode);
}

/* ---- trust ---- */

int spool_dir_check(const char *path, weir_error_detail *detail) {
    struct stat status;
    if (stat(path, &status) != 0) {
        return error_set_os(detail, WEIR_E_IO, errno, "the spool directory %s cannot be used",
                            path);
    }
    if (!S_ISDIR(status.st_mode)) {
        return error_set(detail, WEIR_E_INVALID, "the spool directory %s is no directory", path);
    }
    if (status.st_uid != geteuid()) {
        return error_set(detail, WEIR_E_INVALID,
                         "the spool directory %s belongs to user %lu, this process runs as %lu: "
                         "give it a directory of its own",
                         path, (unsigned long)status.st_uid, (unsigned long)geteuid());
    }
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return error_set(detail, WEIR_E_INVALID,
                         "others may write to the spool directory %s: chmod go-w it", path);
    }
    return 0;
}

static int resolve(const char *path, char **out, weir_error_detail *detail) {
    CLEANUP(mem_cleanup) char *absolute = mem_alloc(PATH_MAX);
    if (absolute == NULL) {
        return error_set(detail, WEIR_E_NO_MEMORY, "no memory for the spool");
    }
    if (realpath(path, absolute) == NULL) {
        return error_set_os(detail, WEIR_E_IO, errno, "the spool directory %s cannot be used",
                            path);
    }
    *out = mem_strdup(absolute);
    return *out != NULL ? 0 : error_set(detail, WEIR_E_NO_MEMORY, "no memory for the spool");
}

int spool_dir_open(struct spool_dir *dir, const char *path, weir_error_detail *detail) {
    char *absolute;
    fork_watch(&fork_guard);
    if (mkdir(path, S_IRWXU) != 0 && errno != EEXIST) {
        return error_set_os(detail, WEIR_E_IO, errno, "the spool directory %s cannot be made",
                            path);
    }
    int error = spool_dir_check(path, detail);
    error = error != 0 ? error : resolve(path, &absolute, detail);
    if (error == 0) {
        *dir = (struct spool_dir){.path = absolute, .lock_fd = -1};
    }
    return error;
}

/* ---- the lock ---- */

static bool is_file(int fd, dev_t device, ino_t inode) {
    return is_of(fd, device, inode, 1);
}

/* Opens and notes it; a negative errno. */
static int open_lock(const char *path, int flags, struct stat *status) {
    unsigned n_forks_before = count_forks();
    int fd = open(path, OPEN_FLAGS | flags, S_IRUSR | S_IWUSR);
    if (fd < 0) {
        return -errno;
    }
    int error = fstat(fd, status) == 0 ? note(fd, status, n_forks_before) : -errno;
    if (error != 0) {
        close(fd);
        return error;
    }
    return fd;
}

/* Opens and locks it; a negative errno, EWOULDBLOCK when its owner lives. */
static int take_lock(const char *path, int flags, struct stat *status) {
    int fd = open_lock(path, flags, status);
    if (fd < 0) {
        return fd;
    }
    int error = flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
    struct stat named;
    if (error == 0 && (lstat(path, &named) != 0 || named.st_ino != status->st_ino ||
                       named.st_dev != status->st_dev)) {
        error = ESTALE; /* it was taken away between the open and the lock */
    }
    if (error != 0) {
        close_lock(fd, status->st_dev, status->st_ino);
        return -error;
    }
    return fd;
}

static int try_owner(struct spool_dir *dir, uint64_t owner, int flags) {
    CLEANUP(mem_cleanup) char *path = lock_path(dir, owner);
    if (path == NULL) {
        return -ENOMEM;
    }
    struct stat status;
    int fd = take_lock(path, flags, &status);
    if (fd < 0) {
        return fd;
    }
    dir->owner = owner;
    dir->lock_fd = fd;
    dir->device = status.st_dev;
    dir->inode = status.st_ino;
    dir->pid = getpid();
    return 0;
}

void spool_dir_begin_anew(struct spool_dir *dir) {
    dir->lock_fd = -1; /* closed by now */
    dir->owner = 0;
    dir->pid = 0;
}

bool spool_dir_is_held(const struct spool_dir *dir) {
    return dir->lock_fd >= 0 && dir->pid == getpid() &&
           is_file(dir->lock_fd, dir->device, dir->inode);
}

int spool_dir_own(struct spool_dir *dir) {
    bool is_forked = dir->lock_fd >= 0 && dir->pid != getpid();
    if (!is_forked && is_file(dir->lock_fd, dir->device, dir->inode)) {
        return 0;
    }
    close_lock(dir->lock_fd, dir->device, dir->inode); /* of a copy: does not give the lock up */
    dir->lock_fd = -1;
    dir->owner = is_forked ? 0 : dir->owner;
    if (dir->owner != 0 && try_owner(dir, dir->owner, 0) == 0) {
        return 0; /* in time: nobody has missed us */
    }
    dir->owner = 0;
    int error = -EAGAIN;
    for (int i = 0; i < MAX_TRIES && error != 0; i++) {
        error = try_owner(dir, id_random() | 1, O_CREAT | O_EXCL);
    }
    return error;
}

void spool_dir_close(struct spool_dir *dir, bool is_empty) {
    bool is_ours = dir->pid == getpid() && is_file(dir->lock_fd, dir->device, dir->inode);
    if (is_ours && is_empty) {
        CLEANUP(mem_cleanup) char *path = lock_path(dir, dir->owner);
        if (path != NULL) {
            (void)unlink(path);
        }
    }
    close_lock(dir->lock_fd, dir->device, dir->inode);
    dir->lock_fd = -1;
    dir->owner = 0;
}

/* ---- orphans ---- */

static void add_owner(uint64_t owner, uint64_t *owners, size_t *n) {
    for (size_t i = 0; i < *n; i++) {
        if (owners[i] == owner) {
            return;
        }
    }
    if (*n < SPOOL_MAX_OWNERS) { /* the others' turn comes when these are gone */
        owners[(*n)++] = owner;
    }
}

static size_t list_owners(const struct spool_dir *dir, uint64_t *owners) {
    size_t n = 0;
    DIR *names = opendir(dir->path);
    if (names == NULL) {
        return 0;
    }
    for (const struct dirent *name; (name = readdir(names)) != NULL;) {
        uint64_t owner;
        bool is_lock;
        if (read_name(name->d_name, &owner, &is_lock) && owner != dir->owner) {
            add_owner(owner, owners, &n);
        }
    }
    closedir(names);
    return n;
}

/* Every file of that owner; false when one stays. */
static bool take_files(const struct spool_dir *dir, uint64_t owner,
                       bool (*take)(void *data, const char *path), void *data) {
    CLEANUP(mem_cleanup) char *path = mem_alloc(spool_dir_path_size(dir));
    DIR *names = path != NULL ? opendir(dir->path) : NULL;
    if (names == NULL) {
        return false;
    }
    bool are_all_taken = true;
    for (const struct dirent *name; (name = readdir(names)) != NULL;) {
        uint64_t of;
        bool is_lock;
        if (read_name(name->d_name, &of, &is_lock) && of == owner && !is_lock) {
            snprintf(path, spool_dir_path_size(dir), "%s/%s", dir->path, name->d_name);
            are_all_taken &= take(data, path);
        }
    }
    closedir(names);
    return are_all_taken;
}

static void adopt_from(const struct spool_dir *dir, uint64_t owner,
                       bool (*take)(void *data, const char *path), void *data) {
    CLEANUP(mem_cleanup) char *path = lock_path(dir, owner);
    struct stat status;
    /* Made anew when somebody has removed it: without a lock nobody can be alive either. */
    int fd = path != NULL ? take_lock(path, O_CREAT, &status) : -1;
    if (fd < 0) {
        return;
    }
    if (take_files(dir, owner, take, data)) {
        (void)unlink(path);
    }
    close_lock(fd, status.st_dev, status.st_ino);
}

void spool_dir_adopt(const struct spool_dir *dir, bool (*take)(void *data, const char *path),
                     void *data) {
    CLEANUP(mem_cleanup) uint64_t *owners = mem_array(SPOOL_MAX_OWNERS, sizeof *owners);
    size_t n_owners = owners != NULL ? list_owners(dir, owners) : 0;
    for (size_t i = 0; i < n_owners; i++) {
        adopt_from(dir, owners[i], take, data);
    }
}
