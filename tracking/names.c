#include "tracking/names.h"

#include <string.h>

enum { MAX_NAME_BYTES = 255 };

static bool is_name(const char *name, const char *extra) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    if (name == NULL || *name == '\0' || strnlen(name, MAX_NAME_BYTES + 1) > MAX_NAME_BYTES) {
        return false;
    }
    for (const char *c = name; *c != '\0'; c++) {
        if (strchr(letters, *c) == NULL && strchr(extra, *c) == NULL) {
            return false;
        }
    }
    return true;
}

bool names_project_is_valid(const char *project) {
    return is_name(project, "_:-");
}

bool names_app_id_is_valid(const char *app_id) {
    return is_name(app_id, "_:.-") && strcmp(app_id, ".") != 0 && strcmp(app_id, "..") != 0;
}
