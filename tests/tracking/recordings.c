#include "tests/tracking/recordings.h"

#include <errno.h>
#include <glob.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/support/temp.h"

static void check(int condition, const char *what) {
    if (!condition) {
        fprintf(stderr, "%s\n", what);
        abort();
    }
}

static char *folder(const char *parent, const char *name) {
    char *path = temp_path(parent, name);
    check(mkdir(path, 0700) == 0 || errno == EEXIST, path);
    return path;
}

static size_t unpack_app(const char *project, const char *app_id, json_t *files) {
    char *dir = folder(project, app_id);
    const char *name;
    json_t *text;
    size_t n = 0;
    json_object_foreach(files, name, text) {
        char *path = temp_path(dir, name);
        temp_write(path, json_string_value(text), json_string_length(text));
        temp_path_free(&path);
        n++;
    }
    temp_path_free(&dir);
    return n;
}

static size_t unpack_run(const char *dir, const char *recording) {
    json_t *run = json_load_file(recording, JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, NULL);
    check(run != NULL, recording);
    char *project = folder(dir, json_string_value(json_object_get(run, "scenario")));
    const char *app_id;
    json_t *files;
    size_t n = 0;
    json_object_foreach(json_object_get(run, "files"), app_id, files) {
        n += unpack_app(project, app_id, files);
    }
    temp_path_free(&project);
    json_decref(run);
    return n;
}

size_t recordings_unpack(const char *dir) {
    glob_t found;
    size_t n = 0;
    check(glob(TEST_SOURCE_DIR "/data/burr-reference/*.json", 0, NULL, &found) == 0, "glob");
    for (size_t i = 0; i < found.gl_pathc; i++) {
        n += unpack_run(dir, found.gl_pathv[i]);
    }
    globfree(&found);
    return n;
}
