#include "tracking/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "otlp/common/alloc.h"
#include "otlp/common/clock.h"
#include "otlp/common/error.h"
#include "otlp/common/macro.h"
#include "tracking/bounds.h"
#include "tracking/reader.h"

enum { MAX_NAME_BYTES = 255 };

/* ---- folders ---- */

bool store_name_is_safe(const char *name) {
    return name != NULL && name[0] != '\0' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
           strchr(name, '/') == NULL && strnlen(name, MAX_NAME_BYTES + 1) <= MAX_NAME_BYTES;
}

int store_open_below(int folder_fd, const char *name) {
    return openat(folder_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int open_error(const struct folder_path *path, int os_error, weir_error_detail *detail) {
    bool is_missing = os_error == ENOENT || os_error == ENOTDIR || os_error == ELOOP;
    const char *project = path->project != NULL ? path->project : "";
    const char *app_id = path->app_id != NULL ? path->app_id : "";
    return error_set_os(detail, is_missing ? WEIR_E_NOT_FOUND : WEIR_E_IO, os_error,
                        "cannot open folder %s%s%s%s%s", path->root, *project ? "/" : "", project,
                        *app_id ? "/" : "", app_id);
}

int store_open(const struct folder_path *path, weir_error_detail *detail) {
    const char *const names[] = {path->project, path->project != NULL ? path->app_id : NULL};
    int fd = open(path->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < ARRAY_LENGTH(names) && fd >= 0 && names[i] != NULL; i++) {
        if (!store_name_is_safe(names[i])) {
            (void)close(fd);
            return error_set(detail, WEIR_E_INVALID, "\"%.64s\" is no name of a project or app",
                             names[i]);
        }
        int inner = store_open_below(fd, names[i]);
        int os_error = errno;
        (void)close(fd);
        errno = os_error;
        fd = inner;
    }
    return fd >= 0 ? fd : open_error(path, errno, detail);
}

static bool is_folder(int folder_fd, const struct dirent *entry) {
    if (entry->d_type != DT_UNKNOWN) {
        return entry->d_type == DT_DIR;
    }
    struct stat status;
    return fstatat(folder_fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISDIR(status.st_mode);
}

/* Takes a name into the list, whose room doubles. 0 or an error code. */
static int add_name(struct store_list *list, const char *name) {
    if (list->n_names == STORE_MAX_NAMES) {
        return WEIR_E_TOO_LARGE;
    }
    if ((list->n_names & (list->n_names - 1)) == 0) { /* a power of two: the room is used up */
        size_t n_room = MAX(list->n_names * 2, (size_t)1);
        char **larger = mem_realloc(list->names, n_room * sizeof *larger);
        if (larger == NULL) {
            return WEIR_E_NO_MEMORY;
        }
        list->names = larger;
    }
    char *copy = mem_strdup(name);
    if (copy == NULL) {
        return WEIR_E_NO_MEMORY;
    }
    list->names[list->n_names++] = copy;
    return 0;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void close_folder(DIR **folder) {
    if (*folder != NULL) {
        (void)closedir(*folder);
    }
}

/* An own descriptor for reading the folder's names: their place belongs to the open file. */
static DIR *open_names(int folder_fd) {
    int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    if (fd >= 0 && folder == NULL) {
        (void)close(fd);
    }
    return folder;
}

int store_list_folders(int folder_fd, struct store_list *out, weir_error_detail *detail) {
    DIR *folder CLEANUP(close_folder) = open_names(folder_fd);
    if (folder == NULL) {
        return error_set_os(detail, WEIR_E_IO, errno, "cannot read a storage folder");
    }
    struct store_list CLEANUP(store_list_deinit) list = {0};
    struct dirent *entry;
    while (errno = 0, (entry = readdir(folder)) != NULL) {
        int error = entry->d_name[0] != '.' && is_folder(folder_fd, entry)
                        ? add_name(&list, entry->d_name)
                        : 0;
        if (error != 0) {
            return error_set(detail, error, "cannot list a storage folder: %s",
                             weir_strerror(error));
        }
    }
    if (errno != 0) {
        return error_set_os(detail, WEIR_E_IO, errno, "cannot read a storage folder");
    }
    if (list.n_names > 1) {
        qsort(list.names, list.n_names, sizeof *list.names, compare_names);
    }
    *out = list;
    list = (struct store_list){0};
    return 0;
}

void store_list_deinit(struct store_list *list) {
    for (size_t i = 0; i < list->n_names; i++) {
        mem_free(list->names[i]);
    }
    mem_free(list->names);
    *list = (struct store_list){0};
}

/* ---- an app's folder ---- */

/* A regular file in the folder; not a link, not a folder. */
static bool look_at_file(int folder_fd, const char *name, struct stat *status) {
    return fstatat(folder_fd, name, status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status->st_mode);
}

void store_look_at(int app_fd, struct store_look *out) {
    struct stat status;
    *out = (struct store_look){0};
    if (fstat(app_fd, &status) == 0) {
        out->folder_changed_ns = clock_ns_of(status.st_ctim);
        out->folder_modified_ns = clock_ns_of(status.st_mtim);
    }
    out->has_graph = look_at_file(app_fd, "graph.json", &status);
    if (look_at_file(app_fd, "log.jsonl", &status)) {
        out->has_log = true;
        out->log_n_bytes = (uint64_t)status.st_size;
        out->log_changed_ns = clock_ns_of(status.st_ctim);
        out->log_modified_ns = clock_ns_of(status.st_mtim);
    }
}

int store_open_records(const struct folder_path *app, int app_fd, const char *name,
                       weir_reader **out, weir_error_detail *detail) {
    char path[STORE_MAX_PATH_BYTES];
    folder_file_path(app, name, path, sizeof path);
    int fd = openat(app_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    return reader_open_fd(fd, path, out, detail);
}
