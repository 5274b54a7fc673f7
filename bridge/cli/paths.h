/*
 * What a PATH on the command line means: a place on disk, or a place in the storage directory.
 */
#pragma once

#include <weir/error.h>

#include "tracking/store.h"

/*
 * Finds out what `path` is; one that is not there and is relative, such as PROJECT/APP, is looked
 * for below the storage directory too (tracker_dir: NULL for the environment's). NULL path: the
 * storage directory itself. As store_find, and folder_root's errors.
 */
int paths_find(const char *path, const char *tracker_dir, struct store_path *out,
               weir_error_detail *detail);

enum { PATHS_MAX_BYTES = 4096 };

/*
 * The same by name: `path` as it is when it is absolute or there, else below `root`, the storage
 * directory. WEIR_E_NOT_FOUND when it is in neither place: `detail` names both.
 */
int paths_locate(const char *path, const char *root, char out[PATHS_MAX_BYTES],
                 weir_error_detail *detail);
