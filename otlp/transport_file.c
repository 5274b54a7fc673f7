/*
 * Requests as lines of a file.
 */
#include "otlp/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "otlp/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/common/buf.h"
#include "otlp/common/error.h"
#include "otlp/common/macro.h"
#include "otlp/file_rotation.h"
#include "otlp/json_lines.h"
#include "otlp/write_fd.h"

struct file_transport {
    char *path;
    int fd;         /* -1: to be opened again */
    bool is_stdout; /* fd is not ours to close */
    bool is_torn;   /* the file ends in a piece of a line that could not be cut off */
    dev_t device;   /* of the file that fd was opened on */
    ino_t inode;
    struct file_rotation rotation;
    struct buf line;     /* kept: its memory serves the next request */
    bool is_making_line; /* for a child that is forked meanwhile */
    _Atomic bool is_cancelled;
};

/* A host that closes all descriptors, and opens its own, must not get our lines in its files. */
static bool is_still_ours(const struct file_transport *file) {
    struct stat status;
    return !file->is_stdout && file->fd >= 0 && fstat(file->fd, &status) == 0 &&
           status.st_dev == file->device && status.st_ino == file->inode;
}

/* What another process renamed, to begin it anew, is no longer the file to write to. */
static bool is_still_there(const struct file_transport *file) {
    struct stat status;
    return stat(file->path, &status) == 0 && status.st_dev == file->device &&
           status.st_ino == file->inode;
}

static void close_file(struct file_transport *file) {
    if (is_still_ours(file)) {
        close(file->fd);
    }
    file->fd = file->is_stdout ? STDOUT_FILENO : -1;
}

static void destroy(void *data) {
    struct file_transport *file = data;
    close_file(file);
    buf_deinit(&file->line);
    mem_free(file->path);
    mem_free(file);
}

/* ---- writing ---- */

static bool is_cancelled(void *data) {
    return ((const struct file_transport *)data)->is_cancelled;
}

/* The line begins with a line feed, for a file that ends in a piece of a line; else without. */
static size_t start_of_line(const struct file_transport *file) {
    return file->is_torn ? 0 : 1;
}

/* Writes until the end or a refusal (errno); *n_written says how far it came. */
static bool write_all(struct file_transport *file, uint64_t deadline_ns, size_t *n_written) {
    const struct write_limits limits = {deadline_ns, is_cancelled, file};
    size_t start = start_of_line(file);
    return write_fd_all(file->fd, file->line.data + start, file->line.n_bytes - start, &limits,
                        n_written);
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

static const char *shown_path(const struct file_transport *file) {
    return file->is_stdout ? "standard output" : file->path;
}

static int write_line(struct file_transport *file, uint64_t deadline_ns,
                      weir_error_detail *detail) {
    size_t n_written;
    if (write_all(file, deadline_ns, &n_written)) {
        file->is_torn = false;
        return 0;
    }
    int os_error = errno;
    cut_tail(file, n_written);
    return error_set_os(detail, os_error == ETIMEDOUT ? WEIR_E_TIMEOUT : WEIR_E_IO, os_error,
                        "%s cannot be written", shown_path(file));
}

static int make_line(struct file_transport *file, const uint8_t *body, size_t n_bytes,
                     weir_error_detail *detail) {
    file->is_making_line = true;
    buf_clear(&file->line);
    buf_append_byte(&file->line, '\n'); /* see start_of_line */
    json_lines_write(&file->line, body, n_bytes);
    buf_append_byte(&file->line, '\n');
    file->is_making_line = false;
    switch (buf_error(&file->line)) {
    case 0: return 0;
    case WEIR_E_NO_MEMORY: return error_set(detail, WEIR_E_NO_MEMORY, "no memory for JSON");
    case WEIR_E_TOO_LARGE:
        return error_set(detail, WEIR_E_INVALID, "a request is too large for a line of JSON");
    default: return error_set(detail, WEIR_E_INVALID, "a request is no OTLP");
    }
}

/* ---- opening ---- */

/* What a crash left of a line. */
static bool ends_in_mid_line(int fd) {
    struct stat status;
    char last = '\n';
    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0 &&
           pread(fd, &last, 1, status.st_size - 1) == 1 && last != '\n';
}

/* Readable too, to see how the file ends; and never waiting: a pipe may have no reader. */
static int open_path(const char *path) {
    const int flags = O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    struct stat status;
    bool is_file = stat(path, &status) != 0 || S_ISREG(status.st_mode);
    int fd = is_file ? open(path, O_RDWR | flags, 0600) : -1;
    return fd >= 0 ? fd : open(path, O_WRONLY | flags, 0600);
}

static int open_file(struct file_transport *file, weir_error_detail *detail) {
    struct stat status;
    if (file->is_stdout || (is_still_ours(file) && is_still_there(file))) {
        return 0;
    }
    close_file(file);
    file->fd = open_path(file->path);
    if (file->fd < 0 || fstat(file->fd, &status) != 0) {
        return error_set_os(detail, WEIR_E_IO, errno, "%s cannot be opened for writing",
                            file->path);
    }
    file->device = status.st_dev;
    file->inode = status.st_ino;
    file->is_torn = ends_in_mid_line(file->fd);
    return 0;
}

/* Begins a new file when the line would make this one too large. */
static int rotate(struct file_transport *file, weir_error_detail *detail) {
    size_t n_bytes = file->line.n_bytes - start_of_line(file);
    bool is_due = !file->is_stdout && file_rotation_is_due(&file->rotation, file->fd, n_bytes);
    if (!is_due || !file_rotate(&file->rotation, file->path, file->fd)) {
        return 0;
    }
    close_file(file);
    return open_file(file, detail);
}

/* ---- the interface ---- */

static int post(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline_ns,
                weir_transport_response *response, weir_error_detail *detail) {
    struct file_transport *file = data;
    int error = open_file(file, detail);
    if (error == 0) {
        error = make_line(file, body, n_bytes, detail);
    }
    if (error == 0) {
        error = rotate(file, detail);
    }
    if (error == 0) {
        error = write_line(file, deadline_ns, detail);
    }
    if (error == 0) {
        response->http_status = 200;
    }
    return error;
}

static void cancel(void *data) {
    ((struct file_transport *)data)->is_cancelled = true;
}

/* Both processes append to the one file. What another thread was writing is left behind. */
static void after_fork(void *data) {
    struct file_transport *file = data;
    if (file->is_making_line) {
        file->is_making_line = false;
        buf_init(&file->line, FILE_MAX_LINE_BYTES);
    }
    file->is_torn = false;
}

static struct file_transport *new_transport(const char *path) {
    struct file_transport *file = mem_zalloc(sizeof *file);
    if (file == NULL) {
        return NULL;
    }
    buf_init(&file->line, FILE_MAX_LINE_BYTES);
    file->is_stdout = strcmp(path, "-") == 0;
    file->fd = file->is_stdout ? STDOUT_FILENO : -1;
    file->path = mem_strdup(path);
    if (file->path == NULL) {
        destroy(file);
        return NULL;
    }
    return file;
}

static int check_rotation(const struct file_rotation *rotation, weir_error_detail *detail) {
    if (rotation->max_bytes != 0 &&
        (rotation->max_files < 2 || rotation->max_files > FILE_MAX_FILES)) {
        return error_set(detail, WEIR_E_INVALID,
                         "output_max_files is %u: it must be 2 to %d, or 0 for %d",
                         (unsigned)rotation->max_files, FILE_MAX_FILES, FILE_DEFAULT_FILES);
    }
    return 0;
}

int transport_file_open(const char *path, const struct file_rotation *rotation, weir_transport *out,
                        weir_error_detail *detail) {
    struct file_rotation given = rotation != NULL ? *rotation : (struct file_rotation){0};
    given.max_files = given.max_files != 0 ? given.max_files : FILE_DEFAULT_FILES;
    if (check_rotation(&given, detail) != 0) {
        return WEIR_E_INVALID;
    }
    struct file_transport *file = new_transport(path);
    if (file == NULL) {
        return error_set(detail, WEIR_E_NO_MEMORY, "no memory for the output file");
    }
    file->rotation = given;
    int error = open_file(file, detail);
    if (error != 0) {
        destroy(file);
        return error;
    }
    *out = (weir_transport){
        .size = sizeof *out,
        .post = post,
        .cancel = cancel,
        .destroy = destroy,
        .data = file,
        .is_disk = true,
        .after_fork = after_fork,
    };
    return 0;
}
