#include "otlp/write_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "otlp/common/clock.h"
#include "otlp/common/macro.h"

enum { POLL_MS = 50 }; /* between looks at the limits */

static bool is_over(const struct write_limits *limits) {
    return limits->is_cancelled(limits->data) || clock_now_ns() >= limits->deadline_ns;
}

/* False, with errno, when the limits came before the room. */
static bool wait_for_room(int fd, const struct write_limits *limits) {
    for (;;) {
        struct pollfd room = {.fd = fd, .events = POLLOUT};
        int n = poll(&room, 1, POLL_MS);
        if (n > 0) {
            return true; /* an error too: the write will say which */
        }
        if (n < 0 && errno != EINTR) {
            return false;
        }
        if (is_over(limits)) {
            errno = ETIMEDOUT;
            return false;
        }
    }
}

/* What a write may take at once and not wait: all, unless it is a pipe or terminal that blocks. */
static size_t piece_of(int fd) {
    struct stat status;
    int flags = fcntl(fd, F_GETFL);
    bool is_waiting = flags >= 0 && (flags & O_NONBLOCK) == 0 && fstat(fd, &status) == 0 &&
                      !S_ISREG(status.st_mode);
    return is_waiting ? PIPE_BUF : SIZE_MAX;
}

bool write_fd_all(int fd, const void *bytes, size_t n_bytes, const struct write_limits *limits,
                  size_t *n_written) {
    size_t piece = piece_of(fd);
    *n_written = 0;
    while (*n_written < n_bytes) {
        if (piece != SIZE_MAX && !wait_for_room(fd, limits)) {
            return false;
        }
        ssize_t n = write(fd, (const char *)bytes + *n_written, MIN(piece, n_bytes - *n_written));
        if (n >= 0) {
            *n_written += (size_t)n;
        } else if (errno == EAGAIN) {
            if (!wait_for_room(fd, limits)) {
                return false;
            }
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}
