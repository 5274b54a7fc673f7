#include "bridge/cli/examine_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "otlp/common/alloc.h"
#include "otlp/common/macro.h"
#include "otlp/spool_dir.h"

/* 0, or why no file can be made in the directory. */
static int try_file_in(const char *directory) {
    size_t n = strlen(directory) + sizeof "/.weir-doctor-XXXXXX";
    char *path CLEANUP(mem_cleanup) = mem_alloc(n);
    if (path == NULL) {
        return ENOMEM;
    }
    snprintf(path, n, "%s/.weir-doctor-XXXXXX", directory);
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0) {
        return errno;
    }
    int error = write(fd, "\n", 1) == 1 ? 0 : errno; /* a full disk is noticed here at the latest */
    (void)close(fd);
    (void)unlink(path);
    return error;
}

/* The nearest directory above that exists, in place: "/a/b/c" may become "/a"; "." at the end. */
static void climb(char *path) {
    struct stat status;
    while (stat(path, &status) != 0 && errno == ENOENT) {
        char *slash = strrchr(path, '/');
        if (slash == NULL) {
            memcpy(path, ".", 2);
            return;
        }
        slash[slash == path ? 1 : 0] = '\0';
        if (path[1] == '\0') {
            return;
        }
    }
}

/* True when the path is one step below the directory; "." is above whatever has no slash. */
static bool is_right_below(const char *directory, const char *path) {
    const char *slash = strrchr(path, '/');
    size_t n_parent = slash == path ? 1 : slash != NULL ? (size_t)(slash - path) : 0;
    return slash == NULL ? strcmp(directory, ".") == 0
                         : strlen(directory) == n_parent && strncmp(directory, path, n_parent) == 0;
}

void examine_directory(const char *path, bool makes_parents, const char *step,
                       struct findings *findings) {
    char *nearest CLEANUP(mem_cleanup) = mem_alloc(MAX(strlen(path), 1) + 1);
    if (nearest == NULL) {
        findings_add(findings, 0, step, FINDING_FAILED, "out of memory");
        return;
    }
    memcpy(nearest, path, strlen(path) + 1);
    climb(nearest);
    bool exists = strcmp(nearest, path) == 0;
    int error = try_file_in(nearest);
    if (!exists && !makes_parents && !is_right_below(nearest, path)) {
        findings_add(findings, 0, step, FINDING_FAILED,
                     "the directory above %s does not exist: make it, or name another one", path);
    } else if (error != 0) {
        findings_add(findings, 0, step, FINDING_FAILED,
                     "no file can be written in %s (%s): mend that, or name another directory",
                     nearest, strerror(error));
    } else if (exists) {
        findings_add(findings, 0, step, FINDING_OK, "%s can be written", path);
    } else {
        findings_add(findings, 0, step, FINDING_OK, "%s will be made in %s", path, nearest);
    }
}

void examine_spool(const char *path, struct findings *findings) {
    struct stat status;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    bool is_to_be_made = stat(path, &status) != 0 && errno == ENOENT;
    if (*path == '~') {
        findings_add(findings, 0, "spool", FINDING_NOTE,
                     "the ~ in %s is no home directory here: write the whole path", path);
    }
    if (!is_to_be_made && spool_dir_check(path, &detail) != 0) {
        findings_add(findings, 0, "spool", FINDING_FAILED, "%s", detail.message);
    } else {
        examine_directory(path, false, "spool", findings);
    }
}

/* Where the file is to be made: what is before its last slash. */
static int try_place_of(const char *path) {
    const char *slash = strrchr(path, '/');
    char *directory CLEANUP(mem_cleanup) =
        slash == NULL ? mem_strdup(".") : mem_strndup(path, MAX((size_t)(slash - path), 1));
    return directory != NULL ? try_file_in(directory) : ENOMEM;
}

void examine_output(const char *path, size_t pipeline, struct findings *findings) {
    if (strcmp(path, "-") == 0) {
        findings_add(findings, pipeline, "output", FINDING_OK, "standard output");
        return;
    }
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK); /* a FIFO has no reader */
    int error = fd < 0 ? errno : 0;
    if (fd >= 0) {
        (void)close(fd);
    } else if (error == ENOENT) {
        error = try_place_of(path);
    }
    if (error != 0) {
        findings_add(findings, pipeline, "output", FINDING_FAILED,
                     "%s cannot be written (%s): mend that, or name another file", path,
                     strerror(error));
    } else {
        findings_add(findings, pipeline, "output", FINDING_OK, "%s can be %s", path,
                     fd >= 0 ? "appended to" : "made");
    }
}
