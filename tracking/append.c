#include "tracking/append.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK_BYTES = 4096 };

/* SIGXFSZ would end the host. Held back around the write; one that the write raised is taken away.
 */
struct signal_guard {
    sigset_t only, before;
    bool was_pending;
};

static void guard_begin(struct signal_guard *guard) {
    sigemptyset(&guard->only);
    sigaddset(&guard->only, SIGXFSZ);
    (void)pthread_sigmask(SIG_BLOCK, &guard->only, &guard->before);
    guard->was_pending = false;
    if (sigismember(&guard->before, SIGXFSZ) == 1) { /* only a blocked one can be pending */
        sigset_t pending;
        guard->was_pending = sigpending(&pending) == 0 && sigismember(&pending, SIGXFSZ) == 1;
    }
}

static void guard_end(struct signal_guard *guard, bool is_raised) {
    if (is_raised && !guard->was_pending) {
        const struct timespec now = {0};
        (void)sigtimedwait(&guard->only, NULL, &now);
    }
    (void)pthread_sigmask(SIG_SETMASK, &guard->before, NULL);
}

ssize_t append_write(int fd, const char *bytes, size_t n_bytes) {
    struct signal_guard guard;
    guard_begin(&guard);
    ssize_t n;
    do {
        n = write(fd, bytes, n_bytes);
    } while (n < 0 && errno == EINTR);
    int saved = errno;
    guard_end(&guard, n < 0 && saved == EFBIG);
    errno = saved;
    return n;
}

/* ---- after a failure ---- */

static bool holds(int fd, off_t at, const char *bytes, size_t n_bytes) {
    char block[BLOCK_BYTES];
    for (size_t done = 0; done < n_bytes;) {
        size_t n_wanted = n_bytes - done < sizeof block ? n_bytes - done : sizeof block;
        ssize_t n = pread(fd, block, n_wanted, at + (off_t)done);
        if (n != (ssize_t)n_wanted || memcmp(block, bytes + done, n_wanted) != 0) {
            return false;
        }
        done += n_wanted;
    }
    return true;
}

/* Takes the n_bytes that a short write left at the end away again, if they are still the end. The
 * bytes are compared because a forked process shares the position in the file. */
static bool cut_back(int fd, const char *bytes, size_t n_bytes) {
    off_t end = lseek(fd, 0, SEEK_CUR); /* after our own append */
    struct stat status;
    return end >= (off_t)n_bytes && fstat(fd, &status) == 0 && status.st_size == end &&
           holds(fd, end - (off_t)n_bytes, bytes, n_bytes) &&
           ftruncate(fd, end - (off_t)n_bytes) == 0;
}

/* Another writer may have mended the end, or cut it off: a second line feed would make a blank
 * line, which Burr's server does not survive. */
static bool ends_torn(int fd) {
    struct stat status;
    char last;
    if (fstat(fd, &status) != 0 || status.st_size == 0) {
        return false;
    }
    return pread(fd, &last, 1, status.st_size - 1) != 1 || last != '\n';
}

int append_line(int fd, const char *line, size_t n_bytes, bool *is_torn) {
    if (*is_torn && ends_torn(fd)) {
        line--;
        n_bytes++;
    }
    ssize_t n = append_write(fd, line, n_bytes);
    if (n == (ssize_t)n_bytes) {
        *is_torn = false;
        return 0;
    }
    int error = n < 0 ? errno : ENOSPC;
    if (n > 0 && !cut_back(fd, line, (size_t)n)) {
        *is_torn = true;
    }
    return error;
}

/* The place behind the last line feed before `end`, or -1 on a read error. */
static off_t last_line_end(int fd, off_t end) {
    char block[BLOCK_BYTES];
    while (end > 0) {
        size_t n_bytes = end < (off_t)sizeof block ? (size_t)end : sizeof block;
        ssize_t n = pread(fd, block, n_bytes, end - (off_t)n_bytes);
        if (n != (ssize_t)n_bytes) {
            return -1;
        }
        const char *line_feed = memrchr(block, '\n', n_bytes);
        if (line_feed != NULL) {
            return end - (off_t)n_bytes + (line_feed - block) + 1;
        }
        end -= (off_t)n_bytes;
    }
    return 0;
}

bool append_cut_torn_tail(int fd) {
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return false;
    }
    off_t end = last_line_end(fd, status.st_size);
    return end == status.st_size || (end >= 0 && ftruncate(fd, end) == 0);
}
