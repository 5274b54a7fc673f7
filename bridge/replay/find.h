/*
 * Finding logged runs on disk, in Burr's layout: <storage>/<project>/<app>/log.jsonl.
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

/* Adds the run of an app's folder. 0, or WEIR_E_NO_MEMORY. */
int replay_found_add(struct replay_found *found, const char *directory);

/* Adds the runs of a path: a log, or the folder of an app, a project, or a storage directory. 0;
 * WEIR_E_NOT_FOUND; WEIR_E_IO; WEIR_E_NO_MEMORY. */
int replay_find(struct replay_found *found, const char *path, weir_error_detail *detail);

/* By folder, each once. */
void replay_found_sort(struct replay_found *found);

/* The run in a folder, of those that were sorted; NULL: none. */
struct replay_run *replay_found_get(const struct replay_found *found, const char *directory);

/* The folder of another app in a run's project; owned. NULL: a name that is none, or no memory. */
char *replay_sibling(const struct replay_run *run, const char *app_id);

/* The folder of a run's project; owned. */
char *replay_project_folder(const struct replay_run *run);
