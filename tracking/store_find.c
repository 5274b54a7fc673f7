/* What a path is, by what lies in it; and walking over the apps that it leads to. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "otlp/common/alloc.h"
#include "otlp/common/error.h"
#include "otlp/common/macro.h"
#include "tracking/store.h"

static void close_fd(const int *fd) {
    if (*fd >= 0) {
        (void)close(*fd);
    }
}

static bool is_app(int folder_fd) {
    return folder_has(folder_fd, "log.jsonl") || folder_has(folder_fd, "graph.json") ||
           folder_has(folder_fd, "metadata.json");
}

/*
 * Whether an app lies so many levels below the folder: 1 makes it a project, 2 a storage directory.
 * The first one found decides. 1, 0, or an error code.
 */
static int has_app_below(int folder_fd, int n_levels, weir_error_detail *detail) {
    if (n_levels == 0) {
        return is_app(folder_fd);
    }
    struct store_list CLEANUP(store_list_deinit) list = {0};
    int found = store_list_folders(folder_fd, &list, detail);
    for (size_t i = 0; i < list.n_names && found == 0; i++) {
        int fd CLEANUP(close_fd) = store_open_below(folder_fd, list.names[i]);
        if (fd >= 0) {
            found = has_app_below(fd, n_levels - 1, detail);
        }
    }
    return found;
}

/* 0 for an app, 1 for a project, 2 for a storage directory. */
static int levels_of(const char *path, int fd, weir_error_detail *detail) {
    for (int n_levels = 0; n_levels <= 2; n_levels++) {
        int found = has_app_below(fd, n_levels, detail);
        if (found != 0) {
            return found > 0 ? n_levels : found;
        }
    }
    return error_set(detail, WEIR_E_NOT_FOUND,
                     "%s holds no runs: it is neither a storage directory, nor a project, nor an "
                     "app's folder",
                     path);
}

/* Cuts the last part off an absolute path and gives it away: "" at the top; NULL without memory. */
static char *split_name(char *path) {
    char *slash = strrchr(path, '/');
    char *name = mem_strdup(slash + 1);
    slash[slash == path ? 1 : 0] = '\0';
    return name;
}

/* Takes the absolute path apart into root, project and app. */
static int split(char *path, int n_levels, struct store_path *out) {
    if (n_levels == 0) {
        out->app_id = split_name(path);
    }
    if (n_levels <= 1) {
        out->project = split_name(path);
    }
    out->root = mem_strdup(path);
    bool is_whole = out->root != NULL && (n_levels > 1 || out->project != NULL) &&
                    (n_levels > 0 || out->app_id != NULL);
    return is_whole ? 0 : WEIR_E_NO_MEMORY;
}

static int classify(char *real, struct store_path *path, weir_error_detail *detail) {
    struct stat status;
    int fd CLEANUP(close_fd) = open(real, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &status) != 0) {
        return error_set_os(detail, WEIR_E_IO, errno, "cannot open %s", real);
    }
    if (S_ISDIR(status.st_mode)) {
        int n_levels = levels_of(real, fd, detail);
        if (n_levels < 0) {
            return n_levels;
        }
        path->place = (enum store_place)(STORE_APP - n_levels);
        return split(real, n_levels, path);
    }
    if (!S_ISREG(status.st_mode)) {
        return error_set(detail, WEIR_E_IO, "%s is neither a folder nor a regular file", real);
    }
    path->place = STORE_LOG;
    path->log = mem_strdup(real);
    char *file = split_name(real);
    bool is_short = path->log == NULL || file == NULL;
    mem_free(file);
    return is_short ? WEIR_E_NO_MEMORY : split(real, 0, path);
}

int store_find(const char *path, struct store_path *out, weir_error_detail *detail) {
    char real[PATH_MAX];
    if (realpath(path, real) == NULL) {
        bool is_missing = errno == ENOENT || errno == ENOTDIR;
        return error_set_os(detail, is_missing ? WEIR_E_NOT_FOUND : WEIR_E_IO, errno,
                            "cannot open %s", path);
    }
    struct store_path CLEANUP(store_path_deinit) found = {0};
    int error = classify(real, &found, detail);
    if (error == WEIR_E_NO_MEMORY) {
        return error_set(detail, error, "no memory to look at %s", path);
    }
    if (error == 0) {
        *out = found;
        found = (struct store_path){0};
    }
    return error;
}

void store_path_deinit(struct store_path *path) {
    mem_free(path->root);
    mem_free(path->project);
    mem_free(path->app_id);
    mem_free(path->log);
    *path = (struct store_path){0};
}

/* ---- walking ---- */

static int visit_app(int project_fd, const struct folder_path *app, store_visit_fn *visit,
                     void *data) {
    int fd CLEANUP(close_fd) = store_open_below(project_fd, app->app_id);
    return fd >= 0 ? visit(app, fd, data) : 0;
}

static int walk_project(int project_fd, struct folder_path path, store_visit_fn *visit, void *data,
                        weir_error_detail *detail) {
    struct store_list CLEANUP(store_list_deinit) apps = {0};
    int result = store_list_folders(project_fd, &apps, detail);
    for (size_t i = 0; i < apps.n_names && result == 0; i++) {
        path.app_id = apps.names[i];
        result = visit_app(project_fd, &path, visit, data);
    }
    return result;
}

static int walk_root(int root_fd, struct folder_path path, store_visit_fn *visit, void *data,
                     weir_error_detail *detail) {
    struct store_list CLEANUP(store_list_deinit) projects = {0};
    int result = store_list_folders(root_fd, &projects, detail);
    for (size_t i = 0; i < projects.n_names && result == 0; i++) {
        int fd CLEANUP(close_fd) = store_open_below(root_fd, projects.names[i]);
        path.project = projects.names[i];
        if (fd >= 0) {
            result = walk_project(fd, path, visit, data, detail);
        }
    }
    return result;
}

int store_walk(const struct store_path *place, store_visit_fn *visit, void *data,
               weir_error_detail *detail) {
    if (place->place == STORE_LOG) {
        return error_set(detail, WEIR_E_INVALID, "a log is no folder to walk");
    }
    struct folder_path path = {place->root, place->project, place->app_id};
    int fd CLEANUP(close_fd) = store_open(&path, detail);
    if (fd < 0) {
        return fd;
    }
    switch (place->place) {
    case STORE_APP: return visit(&path, fd, data);
    case STORE_PROJECT: return walk_project(fd, path, visit, data, detail);
    default: return walk_root(fd, path, visit, data, detail);
    }
}
