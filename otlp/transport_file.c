/*
 * Requests as lines of a file.
 */
#include "otlp/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "otlp/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/common/buf.h"
#include "otlp/common/clock.h"
#include "otlp/common/error.h"
#include "otlp/common/macro.h"
#include "otlp/json_lines.h"

struct file_transport {
    char *path;
    int fd;
    bool is_owned;   /* fd is ours to close */
    bool is_torn;    /* the file ends in a piece of a line that could not be cut off */
    struct buf line; /* kept: its memory serves the next request */
};

static void destroy(void *data) {
    struct file_transport *file = data;
    if (file->is_owned) {
        close(file->fd);
    }
    buf_deinit(&file->line);
    mem_free(file->path);
    mem_free(file);
}

/* ---- writing ---- */

/* A pipe that somebody made non-blocking: waits for room. false when the deadline passed. */
static bool wait_for_room(int fd, uint64_t deadline_ns) {
    weir_clock clock = clock_system();
    uint64_t now_ns = clock_monotonic(&clock);
    if (now_ns >= deadline_ns) {
        errno = ETIMEDOUT;
        return false;
    }
    uint64_t left_ms = MIN((deadline_ns - now_ns) / 1000000 + 1, UINT64_C(1000));
    struct pollfd room = {.fd = fd, .events = POLLOUT};
    return poll(&room, 1, (int)left_ms) >= 0 || errno == EINTR;
}

/* Writes until the end or a refusal (errno); *n_written says how far it came. */
static bool write_all(int fd, const uint8_t *bytes, size_t n_bytes, uint64_t deadline_ns,
                      size_t *n_written) {
    *n_written = 0;
    while (*n_written < n_bytes) {
        ssize_t n = write(fd, bytes + *n_written, n_bytes - *n_written);
        if (n >= 0) {
            *n_written += (size_t)n;
        } else if (errno == EAGAIN) {
            if (!wait_for_room(fd, deadline_ns)) {
                return false;
            }
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

/* Takes the piece of a line back, if the file still ends with it; else the next line starts afresh.
 */
static void cut_tail(struct file_transport *file, size_t n_bytes) {
    struct stat status;
    if (n_bytes == 0) {
        return;
    }
    bool is_cut = fstat(file->fd, &status) == 0 && S_ISREG(status.st_mode) &&
                  lseek(file->fd, 0, SEEK_CUR) == status.st_size &&
                  ftruncate(file->fd, status.st_size - (off_t)n_bytes) == 0;
    file->is_torn = !is_cut;
}

static int write_line(struct file_transport *file, uint64_t deadline_ns,
                      weir_error_detail *detail) {
    size_t n_written;
    if (write_all(file->fd, file->line.data, file->line.n_bytes, deadline_ns, &n_written)) {
        file->is_torn = false;
        return 0;
    }
    int os_error = errno;
    cut_tail(file, n_written);
    return error_set_os(detail, os_error == ETIMEDOUT ? WEIR_E_TIMEOUT : WEIR_E_IO, os_error,
                        "cannot write %s", file->path);
}

static int make_line(struct file_transport *file, const uint8_t *body, size_t n_bytes,
                     weir_error_detail *detail) {
    buf_clear(&file->line);
    if (file->is_torn) {
        buf_append_byte(&file->line, '\n');
    }
    json_lines_write(&file->line, body, n_bytes);
    buf_append_byte(&file->line, '\n');
    switch (buf_error(&file->line)) {
    case 0: return 0;
    case WEIR_E_NO_MEMORY: return error_set(detail, WEIR_E_IO, "no memory for a line of JSON");
    case WEIR_E_TOO_LARGE:
        return error_set(detail, WEIR_E_INVALID, "a request is too large for a line of JSON");
    default: return error_set(detail, WEIR_E_INVALID, "a request is no OTLP");
    }
}

static int post(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline_ns,
                weir_transport_response *response, weir_error_detail *detail) {
    struct file_transport *file = data;
    int error = make_line(file, body, n_bytes, detail);
    if (error == 0) {
        error = write_line(file, deadline_ns, detail);
    }
    if (error == 0) {
        *response = (weir_transport_response){.http_status = 200, .retry_after_ms = -1};
    }
    return error;
}

/* ---- opening ---- */

static int open_file(struct file_transport *file, weir_error_detail *detail) {
    file->is_owned = strcmp(file->path, "-") != 0;
    if (!file->is_owned) {
        file->fd = STDOUT_FILENO;
        return 0;
    }
    file->fd = open(file->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file->fd < 0) {
        file->is_owned = false;
        return error_set_os(detail, WEIR_E_IO, errno, "cannot open %s", file->path);
    }
    return 0;
}

int transport_file_open(const char *path, weir_transport *out, weir_error_detail *detail) {
    struct file_transport *file = mem_zalloc(sizeof(*file));
    if (file == NULL) {
        return error_set(detail, WEIR_E_NO_MEMORY, "no memory for the output file");
    }
    buf_init(&file->line, FILE_MAX_LINE_BYTES);
    file->path = mem_strdup(path);
    int error = file->path != NULL
                    ? open_file(file, detail)
                    : error_set(detail, WEIR_E_NO_MEMORY, "no memory for the output file");
    if (error != 0) {
        destroy(file);
        return error;
    }
    *out = (weir_transport)WEIR_TRANSPORT_INIT;
    out->post = post;
    out->destroy = destroy;
    out->data = file;
    return 0;
}
