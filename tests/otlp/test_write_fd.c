#include "otlp/write_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "otlp/common/clock.h"
#include "tests/support/expect.h"

enum { LARGE_BYTES = 1 << 20 };

static bool never(void *data) {
    (void)data;
    return false;
}

static bool asked_twice(void *data) {
    return ++*(int *)data >= 2;
}

static const struct write_limits no_limits = {UINT64_MAX, never, NULL};

/* Reads a pipe to its end. */
static void *drain(void *data) {
    static char room[LARGE_BYTES];
    size_t n_bytes = 0;
    for (ssize_t n; (n = read(*(int *)data, room, sizeof room)) > 0;) {
        n_bytes += (size_t)n;
    }
    return (void *)n_bytes;
}

static void write_through_pipe(int flags) {
    int ends[2];
    size_t n_written;
    void *n_read;
    pthread_t reader;
    char *bytes = calloc(1, LARGE_BYTES);
    cr_assert(zero(int, pipe(ends)));
    cr_assert(zero(int, fcntl(ends[1], F_SETFL, flags)));
    pthread_create(&reader, NULL, drain, &ends[0]);
    cr_assert(write_fd_all(ends[1], bytes, LARGE_BYTES, &no_limits, &n_written));
    close(ends[1]);
    pthread_join(reader, &n_read);
    cr_assert(eq(sz, n_written, LARGE_BYTES));
    cr_assert(eq(sz, (size_t)n_read, LARGE_BYTES));
    close(ends[0]);
    free(bytes);
}

Test(write_fd, writes_all_through_a_slow_pipe, .timeout = 60) {
    write_through_pipe(0);
    write_through_pipe(O_NONBLOCK);
}

/* A blocking pipe that nobody reads: write(2) would never come back. */
static void expect_given_up(int flags, const struct write_limits *limits) {
    int ends[2];
    size_t n_written = 0;
    char *bytes = calloc(1, LARGE_BYTES);
    cr_assert(zero(int, pipe(ends)));
    cr_assert(zero(int, fcntl(ends[1], F_SETFL, flags)));
    cr_assert(not(write_fd_all(ends[1], bytes, LARGE_BYTES, limits, &n_written)));
    cr_assert(eq(int, errno, ETIMEDOUT));
    cr_assert(n_written > 0 && n_written < LARGE_BYTES);
    close(ends[0]);
    close(ends[1]);
    free(bytes);
}

Test(write_fd, gives_up_at_the_deadline, .timeout = 60) {
    struct write_limits limits = {clock_now_ns() + 100 * NS_PER_MS, never, NULL};
    expect_given_up(0, &limits);
    expect_given_up(O_NONBLOCK, &limits);
}

Test(write_fd, gives_up_when_cancelled, .timeout = 60) {
    int n_asked = 0;
    struct write_limits limits = {UINT64_MAX, asked_twice, &n_asked};
    expect_given_up(0, &limits);
    cr_assert(eq(int, n_asked, 2));
}

Test(write_fd, says_what_the_system_says) {
    size_t n_written = 7;
    cr_assert(not(write_fd_all(-1, "x", 1, &no_limits, &n_written)));
    cr_assert(eq(int, errno, EBADF));
    cr_assert(zero(sz, n_written));
    int full = open("/dev/full", O_WRONLY);
    cr_assert(not(write_fd_all(full, "x", 1, &no_limits, &n_written)));
    cr_assert(eq(int, errno, ENOSPC));
    close(full);
}

Test(write_fd, nothing_is_written_at_once) {
    size_t n_written = 7;
    cr_assert(write_fd_all(-1, NULL, 0, &no_limits, &n_written));
    cr_assert(zero(sz, n_written));
}
