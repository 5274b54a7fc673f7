/*
 * The logged runs that a path leads to.
 */
#pragma once

#include <stddef.h>

#include <weir/error.h>

#include "bridge/replay/run.h"

struct replay_found {
    struct replay_run **items; /* owned, as are the runs */
    size_t n, capacity;
};

void replay_found_deinit(struct replay_found *found);

/* Adds the runs of a path: a log, or the folder of an app, a project, or a storage directory. 0;
 * WEIR_E_NOT_FOUND; WEIR_E_IO; WEIR_E_NO_MEMORY. */
int replay_find(struct replay_found *found, const char *path, weir_error_detail *detail);

/* Adds one app; *out is its run, which the list owns. 0; WEIR_E_NOT_FOUND; WEIR_E_IO;
 * WEIR_E_NO_MEMORY. */
int replay_found_add(struct replay_found *found, const struct folder_path *app,
                     struct replay_run **out);

/* By folder, each once. */
void replay_found_sort(struct replay_found *found);

/* The run of a folder, of those that were sorted; NULL: none. */
struct replay_run *replay_found_get(const struct replay_found *found, const char *folder);
