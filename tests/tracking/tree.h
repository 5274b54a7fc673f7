/*
 * Files in folders below a temporary directory.
 */
#pragma once

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "otlp/common/macro.h"
#include "tests/support/temp.h"

/* Makes the folders of "project/app" or of "project/app/file", whose name itself is left out. */
static inline void tree_folders(const char *dir, const char *name) {
    char *path CLEANUP(temp_path_free) = temp_path(dir, name);
    for (char *slash = path + strlen(dir) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        cr_assert(mkdir(path, 0700) == 0 || errno == EEXIST, "%s", path);
        *slash = '/';
    }
}

/* Writes a file; its folders are made. */
static inline void tree_write(const char *dir, const char *name, const char *text) {
    tree_folders(dir, name);
    char *path CLEANUP(temp_path_free) = temp_path(dir, name);
    temp_write(path, text, strlen(text));
}

/* A file's text, which must be there. Free with temp_path_free. */
static inline char *tree_read(const char *dir, const char *name) {
    char *path CLEANUP(temp_path_free) = temp_path(dir, name);
    char *text = temp_read(path, NULL);
    cr_assert(ne(ptr, text, NULL), "%s", path);
    return text;
}

static inline bool tree_has(const char *dir, const char *name) {
    char *path CLEANUP(temp_path_free) = temp_path(dir, name);
    struct stat status;
    return lstat(path, &status) == 0;
}
