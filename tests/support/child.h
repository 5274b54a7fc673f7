/*
 * A test's forked child: what it finds is told to the parent, because criterion's assertions mean
 * nothing in a process that it did not start.
 */
#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/expect.h"
#include "tests/support/settled_fork.h"

enum { CHILD_PATIENCE_S = 30 }; /* a child that hangs ends by its alarm, and the test fails */

/* In the child: the function's result is this line unless the condition holds. */
#define CHILD_EXPECT(condition)                                                                    \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            return __LINE__;                                                                       \
        }                                                                                          \
    } while (0)

/* On the child's side, with the end of a pipe: ends the process without its exit handlers. */
static inline void child_tell(int fd, int line) {
    _exit(write(fd, &line, sizeof line) == sizeof line ? 0 : 1);
}

/* Reads what the child found, and waits for its end. -1: it ended otherwise, or hung. */
static inline int child_result(pid_t child, int fd) {
    int line = -1, status;
    if (read(fd, &line, sizeof line) != sizeof line) {
        line = -1;
    }
    close(fd);
    cr_assert(eq(int, waitpid(child, &status, 0), child));
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? line : -1;
}

/* Runs fn in a forked child, whose findings are to be read from *fd. */
static inline pid_t child_start(int (*fn)(void *data), void *data, int *fd) {
    int fds[2];
    cr_assert(zero(int, pipe(fds)));
    pid_t child = settled_fork();
    if (child == 0) {
        alarm(CHILD_PATIENCE_S);
        close(fds[0]);
        child_tell(fds[1], fn(data));
    }
    close(fds[1]);
    *fd = fds[0];
    return child;
}

/* The same to its end: 0, the line of a CHILD_EXPECT that failed, or -1 (it crashed). */
static inline int child_run(int (*fn)(void *data), void *data) {
    int fd;
    pid_t child = child_start(fn, data, &fd);
    return child_result(child, fd);
}

#define expect_in_child(fn, data) cr_assert(eq(int, child_run(fn, data), 0), "line of the child")
