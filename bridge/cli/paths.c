#include "bridge/cli/paths.h"

#include <stdio.h>
#include <unistd.h>

#include "otlp/common/alloc.h"
#include "otlp/common/error.h"
#include "otlp/common/macro.h"
#include "tracking/folder.h"

int paths_find(const char *path, const char *tracker_dir, struct store_path *out,
               weir_error_detail *detail) {
    if (path != NULL && (path[0] == '/' || access(path, F_OK) == 0)) {
        return store_find(path, out, detail);
    }
    char *root CLEANUP(mem_cleanup) = NULL;
    int error = folder_root(tracker_dir, &root, detail);
    if (error != 0) {
        return error;
    }
    if (path == NULL) {
        return store_find(root, out, detail);
    }
    char below[4096];
    int length = snprintf(below, sizeof below, "%s/%s", root, path);
    if (length < 0 || (size_t)length >= sizeof below) {
        return error_set(detail, WEIR_E_NOT_FOUND, "%.64s...: the path is too long", path);
    }
    if (access(below, F_OK) != 0) {
        return error_set(detail, WEIR_E_NOT_FOUND, "there is no %s, neither here nor below %s",
                         path, root);
    }
    return store_find(below, out, detail);
}
