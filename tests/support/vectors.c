#include "tests/support/vectors.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/temp.h"

static bool is_body(const char *name) {
    size_t n = strlen(name);
    return n > 3 && strcmp(name + n - 3, ".pb") == 0;
}

static char *read_json_beside(const char *dir, const char *name) {
    char file[256];
    snprintf(file, sizeof file, "%.*s.json", (int)(strlen(name) - 3), name);
    char *path = temp_path(dir, file);
    char *text = temp_read(path, NULL);
    temp_path_free(&path);
    return text;
}

static void visit(const char *dir, const char *name, vector_fn *fn) {
    struct vector vector = {.name = name};
    char *path = temp_path(dir, name);
    char *body = temp_read(path, &vector.n_bytes);
    char *json = read_json_beside(dir, name);
    if (body == NULL || json == NULL) {
        fprintf(stderr, "%s: unreadable, or without its .json\n", path);
        abort();
    }
    vector.body = (const uint8_t *)body;
    vector.json = json;
    fn(&vector);
    free(body);
    free(json);
    temp_path_free(&path);
}

size_t vectors_for_each(const char *folder, vector_fn *fn) {
    char *dir = temp_path(TEST_SOURCE_DIR "/data/otlp-vectors", folder);
    DIR *entries = opendir(dir);
    size_t n = 0;
    for (struct dirent *entry; entries != NULL && (entry = readdir(entries)) != NULL;) {
        if (is_body(entry->d_name)) {
            visit(dir, entry->d_name, fn);
            n++;
        }
    }
    if (entries != NULL) {
        closedir(entries);
    }
    temp_path_free(&dir);
    return n;
}
