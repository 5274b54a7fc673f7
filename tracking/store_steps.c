/*
 * How many steps a log holds, told by its end: lists of apps show it, and their logs are large.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "otlp/common/alloc.h"
#include "otlp/common/error.h"
#include "otlp/common/macro.h"
#include "tracking/bounds.h"
#include "tracking/scan.h"
#include "tracking/store.h"

enum { FIRST_TAIL_BYTES = 64 << 10 };

/* The end of the log that has been read so far. */
struct tail {
    int fd;
    char *text;
    size_t n_bytes;
    size_t n_open; /* at its front: bytes not searched yet, the end of them a line's beginning */
    off_t offset;  /* of the text in the file */
};

static void tail_deinit(struct tail *tail) {
    mem_free(tail->text);
    if (tail->fd >= 0) {
        (void)close(tail->fd);
    }
}

/* Reads as much again before what is there. 0 or an error code with errno. */
static int read_before(struct tail *tail) {
    size_t n_more = MAX(tail->n_bytes, (size_t)FIRST_TAIL_BYTES);
    n_more = (off_t)n_more > tail->offset ? (size_t)tail->offset : n_more;
    if (n_more + tail->n_bytes > STORE_MAX_TAIL_BYTES) {
        return WEIR_E_TOO_LARGE;
    }
    char *larger = mem_realloc(tail->text, tail->n_bytes + n_more + 1);
    if (larger == NULL) {
        return WEIR_E_NO_MEMORY;
    }
    tail->text = larger;
    memmove(larger + n_more, larger, tail->n_bytes);
    for (size_t done = 0; done < n_more;) {
        ssize_t n = pread(tail->fd, larger + done, n_more - done,
                          tail->offset - (off_t)n_more + (off_t)done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            errno = n < 0 ? errno : EIO; /* it has been cut meanwhile */
            return WEIR_E_IO;
        }
        done += (size_t)n;
    }
    tail->offset -= (off_t)n_more;
    tail->n_bytes += n_more;
    tail->n_open += n_more;
    return 0;
}

/* Looks at one line. Only the lines of steps have a sequence_id of their own. -1: it has none. */
static int64_t sequence_id_in(const char *line, size_t n_bytes) {
    weir_record record = WEIR_RECORD_INIT;
    struct json_cursor cursor;
    if (scan_record(line, n_bytes, &record, &cursor) != 0) {
        return -1;
    }
    bool is_of_step = record.type == WEIR_RECORD_BEGIN_ENTRY ||
                      record.type == WEIR_RECORD_END_ENTRY || record.type == WEIR_RECORD_OTHER;
    return is_of_step ? record.sequence_id : -1;
}

/*
 * Searches the whole lines that begin in the text, the last one first; what stays open then is the
 * end of a line whose beginning has not been read. -1: no step was found.
 */
static int64_t search(struct tail *tail) {
    while (tail->n_open > 0) {
        const char *end = memrchr(tail->text, '\n', tail->n_open);
        if (end == NULL) {
            tail->n_open = 0; /* torn: no line feed behind it */
            return -1;
        }
        size_t n_end = (size_t)(end - tail->text);
        const char *feed = memrchr(tail->text, '\n', n_end);
        if (feed == NULL && tail->offset > 0) {
            return -1;
        }
        size_t start = feed != NULL ? (size_t)(feed - tail->text) + 1 : 0;
        int64_t sequence_id = sequence_id_in(tail->text + start, n_end - start);
        if (sequence_id >= 0) {
            return sequence_id;
        }
        tail->n_open = start;
    }
    return -1;
}

static int open_tail(const struct folder_path *app, int app_fd, struct tail *tail,
                     weir_error_detail *detail) {
    struct stat status;
    tail->fd = openat(app_fd, "log.jsonl", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (tail->fd < 0 || fstat(tail->fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        int os_error = tail->fd < 0 ? errno : EINVAL;
        return error_set_os(detail, os_error == ENOENT ? WEIR_E_NOT_FOUND : WEIR_E_IO, os_error,
                            "cannot read %s/%s/%s/log.jsonl", app->root, app->project, app->app_id);
    }
    tail->offset = status.st_size;
    return 0;
}

int store_count_steps(const struct folder_path *app, int app_fd, int64_t *out,
                      weir_error_detail *detail) {
    struct tail CLEANUP(tail_deinit) tail = {.fd = -1};
    int error = open_tail(app, app_fd, &tail, detail);
    if (error != 0) {
        return error;
    }
    int64_t last = -1;
    while (tail.offset > 0 && last < 0) {
        error = read_before(&tail);
        if (error != 0) {
            return error_set_os(detail, error, error == WEIR_E_IO ? errno : 0,
                                "cannot read %s/%s/%s/log.jsonl", app->root, app->project,
                                app->app_id);
        }
        last = search(&tail);
    }
    *out = last < INT64_MAX ? last + 1 : last;
    return 0;
}
