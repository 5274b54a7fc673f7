#include "otlp/file_rotation.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

bool file_rotation_is_due(const struct file_rotation *rotation, int fd, uint64_t n_bytes) {
    struct stat status;
    if (rotation->max_bytes == 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) ||
        status.st_size <= 0) {
        return false;
    }
    uint64_t size = (uint64_t)status.st_size;
    return size >= rotation->max_bytes || n_bytes > rotation->max_bytes - size;
}

/* "path.n"; `path` itself for 0. False when that is longer than a path may be. */
static bool name_of(const char *path, uint32_t n, char out[PATH_MAX]) {
    int length = n == 0 ? snprintf(out, PATH_MAX, "%s", path)
                        : snprintf(out, PATH_MAX, "%s.%u", path, (unsigned)n);
    return length >= 0 && length < PATH_MAX;
}

/* The first number without a file; the last one's file may go. */
static uint32_t first_free(const struct file_rotation *rotation, const char *path) {
    char name[PATH_MAX];
    struct stat status;
    uint32_t n = 1;
    while (n < rotation->max_files - 1 && name_of(path, n, name) && lstat(name, &status) == 0) {
        n++;
    }
    return n;
}

/* From the oldest to the newest, so that every name is free when it is taken. */
static bool rename_all(const struct file_rotation *rotation, const char *path) {
    char from[PATH_MAX], to[PATH_MAX];
    for (uint32_t n = first_free(rotation, path); n > 0; n--) {
        if (!name_of(path, n - 1, from) || !name_of(path, n, to) || rename(from, to) != 0) {
            return false;
        }
    }
    return true;
}

static bool is_at(const char *path, int fd) {
    struct stat named, open;
    return stat(path, &named) == 0 && fstat(fd, &open) == 0 && named.st_dev == open.st_dev &&
           named.st_ino == open.st_ino;
}

bool file_rotate(const struct file_rotation *rotation, const char *path, int fd) {
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        return false;
    }
    bool is_free = !is_at(path, fd) || rename_all(rotation, path);
    (void)flock(fd, LOCK_UN);
    return is_free;
}
