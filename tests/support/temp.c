#include "tests/support/temp.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *pointer, const char *what) {
    if (pointer == NULL) {
        perror(what);
        abort();
    }
    return pointer;
}

char *temp_dir_new(void) {
    const char *base = getenv("TMPDIR");
    char *dir = temp_path(base != NULL && *base != '\0' ? base : "/tmp", "weir-test-XXXXXX");
    return checked(mkdtemp(dir), dir);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place) {
    (void)status;
    (void)type;
    (void)place;
    (void)remove(path); /* what cannot be removed stays; the test has its verdict already */
    return 0;
}

void temp_dir_remove(char **dir) {
    if (*dir != NULL) {
        (void)nftw(*dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
    temp_path_free(dir);
}

char *temp_path(const char *dir, const char *name) {
    size_t n_bytes = strlen(dir) + strlen(name) + 2;
    char *path = checked(malloc(n_bytes), "malloc");
    snprintf(path, n_bytes, "%s/%s", dir, name);
    return path;
}

void temp_path_free(char **path) {
    free(*path);
    *path = NULL;
}

void temp_write(const char *path, const void *bytes, size_t n_bytes) {
    FILE *file = checked(fopen(path, "wb"), path);
    if (fwrite(bytes, 1, n_bytes, file) != n_bytes || fclose(file) != 0) {
        perror(path);
        abort();
    }
}

char *temp_read(const char *path, size_t *n_bytes) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return NULL;
    }
    char *bytes = NULL;
    size_t n = 0, capacity = 0, got;
    do {
        capacity = capacity * 2 + 4096;
        bytes = checked(realloc(bytes, capacity + 1), "realloc");
        got = fread(bytes + n, 1, capacity - n, file);
        n += got;
    } while (n == capacity);
    fclose(file);
    bytes[n] = '\0';
    if (n_bytes != NULL) {
        *n_bytes = n;
    }
    return bytes;
}
