/*
 * Running a helper of the tests, a program that stands beside them: what it prints, and how it
 * ends.
 */
#pragma once

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "otlp/common/macro.h"
#include "tests/support/expect.h"
#include "tests/support/temp.h"

/* In the folder system/ beside the running test. */
static inline void helper_find(const char *name, char *path, size_t n_bytes) {
    char own[4096];
    ssize_t n = readlink("/proc/self/exe", own, sizeof own - 1);
    cr_assert(n > 0);
    own[n] = '\0';
    *strrchr(own, '/') = '\0';
    snprintf(path, n_bytes, "%s/system/%s", own, name);
}

/* What it said, on stdout and stderr: to be freed. It must exit with this status. */
static inline char *helper_run(const char *name, const char *mode, const char *url, const char *dir,
                               int exit_status) {
    char *own_dir CLEANUP(temp_dir_remove) = temp_dir_new();
    char *said CLEANUP(temp_path_free) = temp_path(own_dir, "said");
    char helper[4200], mode_[32], url_[64], dir_[256];
    snprintf(mode_, sizeof mode_, "%s", mode);
    snprintf(url_, sizeof url_, "%s", url);
    snprintf(dir_, sizeof dir_, "%s", dir);
    helper_find(name, helper, sizeof helper);
    char *arguments[] = {helper, mode_, url_, dir_, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, said, O_WRONLY | O_CREAT | O_APPEND,
                                     0600);
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    pid_t child;
    int status;
    cr_assert(eq(int, posix_spawn(&child, helper, &actions, NULL, arguments, environ), 0));
    cr_assert(eq(int, (int)waitpid(child, &status, 0), (int)child));
    posix_spawn_file_actions_destroy(&actions);
    char *text = temp_read(said, NULL);
    cr_assert(eq(int, status, exit_status << 8), "%s", text);
    return text;
}
