#include "bridge/replay/find.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "otlp/common/alloc.h"
#include "otlp/common/error.h"
#include "otlp/common/macro.h"
#include "tracking/store.h"

void replay_found_deinit(struct replay_found *found) {
    for (size_t i = 0; i < found->n; i++) {
        replay_run_free(found->items[i]);
    }
    mem_free(found->items);
    *found = (struct replay_found){0};
}

/* ---- collecting ---- */

static bool grow(struct replay_found *found) {
    if (found->n < found->capacity) {
        return true;
    }
    size_t capacity = MAX(found->capacity * 2, (size_t)16);
    struct replay_run **items = mem_realloc(found->items, capacity * sizeof(struct replay_run *));
    if (items == NULL) {
        return false;
    }
    found->items = items;
    found->capacity = capacity;
    return true;
}

static int add_run(struct replay_found *found, const struct folder_path *app, int app_fd,
                   const char *log_path) {
    struct replay_run *run = grow(found) ? replay_run_new(app, app_fd, log_path) : NULL;
    if (run == NULL) {
        return WEIR_E_NO_MEMORY;
    }
    run->is_selected = true;
    found->items[found->n++] = run;
    return 0;
}

static int visit(const struct folder_path *app, int app_fd, void *data) {
    struct store_look look;
    store_look_at(app_fd, &look);
    return look.has_log ? add_run(data, app, app_fd, NULL) : 0;
}

int replay_found_add(struct replay_found *found, const struct folder_path *app,
                     struct replay_run **out) {
    int fd = store_open(app, NULL);
    if (fd < 0) {
        return fd;
    }
    size_t n_before = found->n;
    int error = visit(app, fd, found);
    (void)close(fd);
    if (error == 0 && found->n == n_before) {
        return WEIR_E_NOT_FOUND;
    }
    if (error == 0) {
        *out = found->items[n_before];
    }
    return error;
}

static int add_log(struct replay_found *found, const struct store_path *log,
                   weir_error_detail *detail) {
    const struct folder_path app = {log->root, log->project, log->app_id};
    int fd = store_open(&app, detail);
    if (fd < 0) {
        return fd;
    }
    int error = add_run(found, &app, fd, log->log);
    (void)close(fd);
    return error;
}

int replay_find(struct replay_found *found, const char *path, weir_error_detail *detail) {
    struct store_path CLEANUP(store_path_deinit) place = {0};
    int error = store_find(path, &place, detail);
    if (error != 0) {
        return error;
    }
    size_t n_before = found->n;
    error = place.place == STORE_LOG ? add_log(found, &place, detail)
                                     : store_walk(&place, visit, found, detail);
    if (error == WEIR_E_NO_MEMORY) {
        return error_set(detail, error, "no memory for the runs of %s", path);
    }
    if (error == 0 && found->n == n_before) {
        return error_set(detail, WEIR_E_NOT_FOUND, "%s holds no log", path);
    }
    return error;
}

/* ---- finding again ---- */

/* A log that was given by its own path stands for itself, beside its folder's. */
static int by_folder(const void *a, const void *b) {
    const struct replay_run *left = *(struct replay_run *const *)a;
    const struct replay_run *right = *(struct replay_run *const *)b;
    int order = strcmp(left->folder, right->folder);
    return order != 0 ? order : strcmp(left->log_path, right->log_path);
}

void replay_found_sort(struct replay_found *found) {
    if (found->n == 0) {
        return;
    }
    qsort(found->items, found->n, sizeof *found->items, by_folder);
    size_t n = 1;
    for (size_t i = 1; i < found->n; i++) {
        if (by_folder(&found->items[i], &found->items[n - 1]) == 0) {
            replay_run_free(found->items[i]);
        } else {
            found->items[n++] = found->items[i];
        }
    }
    found->n = n;
}

struct replay_run *replay_found_get(const struct replay_found *found, const char *folder) {
    size_t low = 0, high = found->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(found->items[middle]->folder, folder);
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
