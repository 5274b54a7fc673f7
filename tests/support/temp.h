/*
 * A temporary directory that removes itself: char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* A new empty directory, mode 0700; aborts the test when there is none to be had. */
char *temp_dir_new(void);

/* Removes the directory with everything in it (links are not followed), and frees the name. */
void temp_dir_remove(char **dir);

/* "<dir>/<name>" in memory of the C library: free it, or CLEANUP(temp_path_free). */
char *temp_path(const char *dir, const char *name);
void temp_path_free(char **path);

/* Writes a file anew; aborts the test on failure. */
void temp_write(const char *path, const void *bytes, size_t n_bytes);

/* A file's bytes with a NUL behind (*n_bytes optional), or NULL when it cannot be read. Free like a
 * path. */
char *temp_read(const char *path, size_t *n_bytes);
