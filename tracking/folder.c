#include "tracking/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "otlp/common/alloc.h"
#include "otlp/common/env.h"
#include "otlp/common/error.h"
#include "otlp/common/id.h"
#include "tracking/append.h"
#include "tracking/bounds.h"

mode_t folder_mode(mode_t file_mode) {
    return file_mode | (file_mode & 0444) >> 2;
}

void folder_file_path(const struct folder_path *path, const char *name, char *out, size_t n_bytes) {
    (void)snprintf(out, n_bytes, "%s/%s/%s/%s", path->root, path->project, path->app_id, name);
}

/* mkdir -p of the root: the host's own choice of place, so links are fine there. */
static int make_root(const char *root, mode_t mode, weir_error_detail *detail) {
    char path[STORE_MAX_PATH_BYTES];
    size_t length = strlen(root);
    if (length == 0 || length >= sizeof path) {
        return error_set(detail, WEIR_E_IO, "the storage directory's path is empty or too long");
    }
    memcpy(path, root, length + 1);
    for (size_t i = 1; i <= length; i++) {
        if (path[i] != '/' && path[i] != '\0') {
            continue;
        }
        char saved = path[i];
        path[i] = '\0';
        if (mkdir(path, mode) != 0 && errno != EEXIST) {
            return error_set_os(detail, WEIR_E_IO, errno, "cannot make folder %s", path);
        }
        path[i] = saved;
    }
    return 0;
}

static int open_root(const struct folder_path *path, mode_t mode, weir_error_detail *detail) {
    int fd = open(path->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && make_root(path->root, mode, detail) == 0) {
        fd = open(path->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (fd < 0) {
        (void)error_set_os(detail, WEIR_E_IO, errno, "cannot open storage directory %s",
                           path->root);
    }
    return fd;
}

/* Enters `name` below fd, which is closed. */
static int enter(int fd, const char *name, const struct folder_path *path, mode_t mode,
                 weir_error_detail *detail) {
    if (fd < 0) {
        return -1;
    }
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int inner = openat(fd, name, flags);
    if (inner < 0 && errno == ENOENT && (mkdirat(fd, name, mode) == 0 || errno == EEXIST)) {
        inner = openat(fd, name, flags);
    }
    if (inner < 0) {
        bool is_link = errno == ELOOP || errno == ENOTDIR;
        (void)error_set_os(detail, WEIR_E_IO, errno, "cannot open folder %s below %s/%s%s", name,
                           path->root, path->project, is_link ? " (a link or a file?)" : "");
    }
    int saved = errno;
    (void)close(fd);
    errno = saved;
    return inner;
}

int folder_open(const struct folder_path *path, mode_t mode, weir_error_detail *detail) {
    mode_t folders = folder_mode(mode);
    int fd = open_root(path, folders, detail);
    fd = enter(fd, path->project, path, folders, detail);
    return enter(fd, path->app_id, path, folders, detail);
}

int folder_open_log(int folder_fd, const struct folder_path *path, const char *name, mode_t mode,
                    weir_error_detail *detail) {
    int fd = openat(folder_fd, name,
                    O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, mode);
    if (fd < 0) {
        (void)error_set_os(detail, WEIR_E_IO, errno, "cannot open %s/%s/%s/%s", path->root,
                           path->project, path->app_id, name);
        return -1;
    }
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        (void)close(fd);
        (void)error_set(detail, WEIR_E_IO, "%s/%s/%s/%s is no regular file", path->root,
                        path->project, path->app_id, name);
        return -1;
    }
    return fd;
}

bool folder_has(int folder_fd, const char *name) {
    struct stat status;
    return fstatat(folder_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool write_all(int fd, const char *bytes, size_t n_bytes) {
    while (n_bytes > 0) {
        ssize_t n = append_write(fd, bytes, n_bytes);
        if (n <= 0) {
            return false;
        }
        bytes += n;
        n_bytes -= (size_t)n;
    }
    return true;
}

/* A file of our own: its name has what no other thread, process or machine has just now. */
static int open_temporary(int folder_fd, const char *name, mode_t mode, char *out, size_t n_bytes) {
    char unique[37];
    id_new_uuid(unique);
    (void)snprintf(out, n_bytes, ".%s.%s", name, unique);
    return openat(folder_fd, out, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
}

int folder_write_file(int folder_fd, const struct folder_path *path, const char *name, mode_t mode,
                      const void *bytes, size_t n_bytes, weir_error_detail *detail) {
    char temporary[64];
    int fd = open_temporary(folder_fd, name, mode, temporary, sizeof temporary);
    bool is_written = fd >= 0 && write_all(fd, bytes, n_bytes);
    int saved = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    if (is_written && renameat(folder_fd, temporary, folder_fd, name) == 0) {
        return 0;
    }
    saved = is_written ? errno : saved;
    (void)unlinkat(folder_fd, temporary, 0);
    return error_set_os(detail, WEIR_E_IO, saved, "cannot write %s/%s/%s/%s", path->root,
                        path->project, path->app_id, name);
}

/* What stands for "~" in front of the rest; "" when nothing does; NULL when HOME is unset. */
static const char *home_for(const char *directory) {
    if (directory[0] != '~' || (directory[1] != '/' && directory[1] != '\0')) {
        return "";
    }
    return env_text("HOME");
}

int folder_root(const char *directory, char **out, weir_error_detail *detail) {
    directory = directory != NULL ? directory : env_text("WEIR_TRACKER_DIR");
    directory = directory != NULL ? directory : env_text("burr_path");
    directory = directory != NULL ? directory : "~/.burr";
    const char *home = home_for(directory);
    if (home == NULL) {
        return error_set(detail, WEIR_E_INVALID,
                         "no storage directory: %.64s needs HOME, which is unset", directory);
    }
    const char *rest = home[0] != '\0' ? directory + 1 : directory;
    size_t n_home = strlen(home), n_rest = strlen(rest);
    char *root = mem_alloc(n_home + n_rest + 1);
    if (root == NULL) {
        return error_set(detail, WEIR_E_NO_MEMORY, "no memory for the storage directory's name");
    }
    memcpy(root, home, n_home);
    memcpy(root + n_home, rest, n_rest + 1);
    *out = root;
    return 0;
}
