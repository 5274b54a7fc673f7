/*
 * Folders and files below a storage directory, opened so that nothing leads out of it: each path
 * component below the root is opened by itself and may not be a symbolic link. No descriptor is
 * kept here, because a host may close ours behind our back.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include <weir/error.h>

/* Which folder: root/project/app. */
struct folder_path {
    const char *root;
    const char *project;
    const char *app_id;
};

/* "root/project/app/name" for messages and readers' labels; cut when it does not fit. */
void folder_file_path(const struct folder_path *path, const char *name, char *out, size_t n_bytes);

/*
 * The descriptor of an app's folder, made (with its parents) if it is not there. -1: detail says
 * why; close it.
 */
int folder_open(const struct folder_path *path, mode_t mode, weir_error_detail *detail);

/* A log to append to, created if missing; a regular file, no link. -1: detail says why. */
int folder_open_log(int folder_fd, const struct folder_path *path, const char *name, mode_t mode,
                    weir_error_detail *detail);

bool folder_has(int folder_fd, const char *name);

/* Writes a whole new file; it appears complete or not at all. 0, or WEIR_E_IO. */
int folder_write_file(int folder_fd, const struct folder_path *path, const char *name, mode_t mode,
                      const void *bytes, size_t n_bytes, weir_error_detail *detail);

/* The x bits that match a file mode's r bits. */
mode_t folder_mode(mode_t file_mode);

/*
 * The storage directory: `directory`, else WEIR_TRACKER_DIR, else burr_path, else ~/.burr, with a
 * leading "~/" replaced by HOME. *out is owned (mem_free). WEIR_E_INVALID (HOME is needed and
 * unset), WEIR_E_NO_MEMORY.
 */
int folder_root(const char *directory, char **out, weir_error_detail *detail);
