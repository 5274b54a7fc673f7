#include "bridge/cli/paths.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "otlp/common/alloc.h"
#include "otlp/common/error.h"
#include "otlp/common/macro.h"
#include "tracking/folder.h"

/* What cannot be looked at is there too: opening it tells why. */
static bool is_there(const char *path) {
    return access(path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

int paths_locate(const char *path, const char *root, char out[PATHS_MAX_BYTES],
                 weir_error_detail *detail) {
    bool is_as_given = path[0] == '/' || is_there(path);
    int length = is_as_given ? snprintf(out, PATHS_MAX_BYTES, "%s", path)
                             : snprintf(out, PATHS_MAX_BYTES, "%s/%s", root, path);
    if (length < 0 || length >= PATHS_MAX_BYTES) {
        return error_set(detail, WEIR_E_NOT_FOUND, "%.64s...: the path is too long", path);
    }
    if (is_there(out)) {
        return 0;
    }
    return path[0] == '/' ? error_set(detail, WEIR_E_NOT_FOUND, "there is no %s", path)
                          : error_set(detail, WEIR_E_NOT_FOUND,
                                      "there is no %s, neither here nor below %s", path, root);
}

int paths_find(const char *path, const char *tracker_dir, struct store_path *out,
               weir_error_detail *detail) {
    char *root CLEANUP(mem_cleanup) = NULL;
    char place[PATHS_MAX_BYTES];
    bool is_as_given = path != NULL && (path[0] == '/' || is_there(path));
    int error = is_as_given ? 0 : folder_root(tracker_dir, &root, detail);
    if (error == 0) {
        error = paths_locate(path != NULL ? path : root, root, place, detail);
    }
    return error != 0 ? error : store_find(place, out, detail);
}
