#include "bridge/replay/find.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "otlp/common/alloc.h"
#include "otlp/common/buf.h"
#include "otlp/common/error.h"
#include "otlp/common/macro.h"
#include "tracking/bounds.h"
#include "tracking/names.h"

void replay_found_deinit(struct replay_found *found) {
    for (size_t i = 0; i < found->n; i++) {
        replay_run_free(found->items[i]);
    }
    mem_free(found->items);
    *found = (struct replay_found){0};
}

/* ---- paths ---- */

static char *join(const char *directory, const char *name) {
    struct buf path;
    buf_init(&path, STORE_MAX_PATH_BYTES);
    buf_append_text(&path, directory);
    if (path.n_bytes > 1) { /* "/" has its slash already */
        buf_append_byte(&path, '/');
    }
    buf_append_text(&path, name);
    char *text = buf_take_text(&path);
    buf_deinit(&path);
    return text;
}

static char *parent_of(const char *directory) {
    const char *slash = strrchr(directory, '/');
    return slash != NULL ? mem_strndup(directory, (size_t)(slash - directory)) : NULL;
}

static const char *last_part(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

char *replay_project_folder(const struct replay_run *run) {
    return parent_of(run->directory);
}

char *replay_sibling(const struct replay_run *run, const char *app_id) {
    if (!names_app_id_is_valid(app_id)) {
        return NULL;
    }
    char *project CLEANUP(mem_cleanup) = replay_project_folder(run);
    return project != NULL ? join(project, app_id) : NULL;
}

static bool is_regular(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

static bool has_log(const char *directory) {
    char *path CLEANUP(mem_cleanup) = join(directory, "log.jsonl");
    return path != NULL && is_regular(path);
}

/* ---- collecting ---- */

int replay_found_add(struct replay_found *found, const char *directory) {
    if (found->n == found->capacity) {
        size_t capacity = MAX(found->capacity * 2, (size_t)16);
        struct replay_run **items =
            mem_realloc(found->items, capacity * sizeof(struct replay_run *));
        if (items == NULL) {
            return WEIR_E_NO_MEMORY;
        }
        found->items = items;
        found->capacity = capacity;
    }
    char *project CLEANUP(mem_cleanup) = parent_of(directory);
    struct replay_run *run = project != NULL ? replay_run_new(last_part(project), directory) : NULL;
    if (run == NULL) {
        return WEIR_E_NO_MEMORY;
    }
    run->is_selected = true;
    found->items[found->n++] = run;
    return 0;
}

static void close_directory(DIR **directory) {
    if (*directory != NULL) {
        (void)closedir(*directory);
    }
}

/* Calls visit for each entry that is not hidden, until one fails. */
static int for_each_entry(struct replay_found *found, const char *directory,
                          int (*visit)(struct replay_found *found, const char *path)) {
    DIR *open CLEANUP(close_directory) = opendir(directory);
    const struct dirent *entry;
    int error = 0;
    while (error == 0 && open != NULL && (entry = readdir(open)) != NULL) {
        if (entry->d_name[0] != '.') {
            char *path CLEANUP(mem_cleanup) = join(directory, entry->d_name);
            error = path != NULL ? visit(found, path) : WEIR_E_NO_MEMORY;
        }
    }
    return error;
}

static int add_if_app(struct replay_found *found, const char *path) {
    return has_log(path) ? replay_found_add(found, path) : 0;
}

static int add_app_or_project(struct replay_found *found, const char *path) {
    return has_log(path) ? replay_found_add(found, path) : for_each_entry(found, path, add_if_app);
}

/* Without symbolic links and dots, so that each run has one name. */
static char *canonical(const char *path) {
    char text[STORE_MAX_PATH_BYTES];
    return realpath(path, text) != NULL ? mem_strdup(text) : NULL;
}

int replay_find(struct replay_found *found, const char *path, weir_error_detail *detail) {
    char *whole CLEANUP(mem_cleanup) = canonical(path);
    if (whole == NULL) {
        return error_set_os(detail, errno == ENOENT ? WEIR_E_NOT_FOUND : WEIR_E_IO, errno,
                            "cannot open %s", path);
    }
    size_t n_before = found->n;
    int error;
    if (is_regular(whole)) {
        bool is_log = strcmp(last_part(whole), "log.jsonl") == 0;
        char *directory CLEANUP(mem_cleanup) = is_log ? parent_of(whole) : NULL;
        error = directory != NULL ? replay_found_add(found, directory) : 0;
    } else if (has_log(whole)) {
        error = replay_found_add(found, whole);
    } else {
        error = for_each_entry(found, whole, add_app_or_project);
    }
    if (error == 0 && found->n == n_before) {
        return error_set(detail, WEIR_E_NOT_FOUND,
                         "%s holds no log: give a log.jsonl, or the folder of an app, of a "
                         "project, or a storage directory such as ~/.burr",
                         path);
    }
    return error;
}

/* ---- finding again ---- */

static int by_directory(const void *a, const void *b) {
    return strcmp((*(struct replay_run *const *)a)->directory,
                  (*(struct replay_run *const *)b)->directory);
}

void replay_found_sort(struct replay_found *found) {
    if (found->n == 0) {
        return;
    }
    qsort(found->items, found->n, sizeof *found->items, by_directory);
    size_t n = 1;
    for (size_t i = 1; i < found->n; i++) {
        if (by_directory(&found->items[i], &found->items[n - 1]) == 0) {
            replay_run_free(found->items[i]);
        } else {
            found->items[n++] = found->items[i];
        }
    }
    found->n = n;
}

struct replay_run *replay_found_get(const struct replay_found *found, const char *directory) {
    size_t low = 0, high = found->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(found->items[middle]->directory, directory);
        if (order == 0) {
            return found->items[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}
