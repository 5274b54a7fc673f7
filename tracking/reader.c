/*
 * Reading a log record by record, while others may be appending to it.
 *
 * A window of the file lies in a buffer that grows with the longest line, up to a bound. read(2)
 * and no mapping: a file that is cut while it is mapped kills its reader with SIGBUS. A torn last
 * line is never kept between two calls, because its writer may cut it off and write another one in
 * its place.
 */
#include "tracking/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "otlp/common/alloc.h"
#include "otlp/common/clock.h"
#include "otlp/common/error.h"
#include "otlp/common/macro.h"
#include "otlp/common/options.h"
#include "tracking/bounds.h"
#include "tracking/scan.h"

struct weir_reader {
    int fd;
    char *path;
    char *window; /* the file's bytes from offset - n_bytes on; NULL before the first read */
    size_t capacity;
    size_t at;       /* the next line begins here in the window */
    size_t n_bytes;  /* in the window */
    uint64_t offset; /* in the file, behind the window */
    uint64_t line;   /* number of the line passed last */
    uint64_t n_torn;
    bool is_short;     /* the last read came to the end of the file */
    uint64_t n_passed; /* bytes gone already of a line that is too long; 0: not in such a line */
};

/* ---- opening ---- */

static int open_error(int os_error, const char *path, weir_error_detail *detail) {
    int code = os_error == ENOENT || os_error == ENOTDIR ? WEIR_E_NOT_FOUND : WEIR_E_IO;
    return error_set_os(detail, code, os_error, "cannot open %s", path);
}

int reader_open_fd(int fd, const char *path, weir_reader **out, weir_error_detail *detail) {
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0) {
        int error = open_error(errno, path, detail);
        if (fd >= 0) {
            (void)close(fd);
        }
        return error;
    }
    if (!S_ISREG(status.st_mode)) {
        (void)close(fd);
        return error_set(detail, WEIR_E_IO, "%s is no regular file", path);
    }
    weir_reader *reader = mem_zalloc(sizeof *reader);
    char *copy = mem_strdup(path);
    if (reader == NULL || copy == NULL) {
        (void)close(fd);
        mem_free(reader);
        mem_free(copy);
        return error_set(detail, WEIR_E_NO_MEMORY, "no memory to read %s", path);
    }
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    reader->fd = fd;
    reader->path = copy;
    *out = reader;
    return 0;
}

int weir_reader_open(const char *log_path, weir_reader **out, weir_error_detail *detail) {
    if (log_path == NULL || out == NULL) {
        return error_set(detail, WEIR_E_INVALID, "log_path or out is NULL");
    }
    /* O_NONBLOCK: a pipe must not hold us up before it is refused. */
    int fd = open(log_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    return reader_open_fd(fd, log_path, out, detail);
}

uint64_t reader_changed_ns(const weir_reader *reader) {
    struct stat status;
    return fstat(reader->fd, &status) == 0 ? clock_ns_of(status.st_ctim) : 0;
}

uint64_t reader_n_lines(const weir_reader *reader) {
    return reader->line;
}

weir_reader *weir_reader_close(weir_reader *reader) {
    if (reader != NULL) {
        (void)close(reader->fd);
        mem_free(reader->path);
        mem_free(reader->window);
        mem_free(reader);
    }
    return NULL;
}

size_t weir_reader_torn_bytes(const weir_reader *reader) {
    return reader != NULL ? (size_t)reader->n_torn : 0;
}

/* ---- the window ---- */

/* Moves the unread bytes to the front, and gives back the room that one long line needed. */
static void compact(weir_reader *reader) {
    size_t n_left = reader->n_bytes - reader->at;
    if (reader->at > 0 && n_left > 0) {
        memmove(reader->window, reader->window + reader->at, n_left);
    }
    reader->at = 0;
    reader->n_bytes = n_left;
    if (reader->capacity > READER_KEPT_WINDOW_BYTES && n_left < READER_WINDOW_BYTES) {
        char *smaller = mem_realloc(reader->window, READER_WINDOW_BYTES);
        if (smaller != NULL) {
            reader->window = smaller;
            reader->capacity = READER_WINDOW_BYTES;
        }
    }
}

/* Room behind the unread bytes. false: no memory. */
static bool make_room(weir_reader *reader) {
    compact(reader);
    if (reader->n_bytes < reader->capacity) {
        return true;
    }
    size_t capacity = MAX((size_t)READER_WINDOW_BYTES, reader->capacity * 2);
    capacity = MIN(capacity, (size_t)READER_MAX_LINE_BYTES + 1);
    char *larger = mem_realloc(reader->window, capacity);
    if (larger == NULL) {
        return false;
    }
    reader->window = larger;
    reader->capacity = capacity;
    return true;
}

/* Reads on behind the window. A short count is the end of the file, as it was at that moment. */
static int read_on(weir_reader *reader, weir_error_detail *detail) {
    if (!make_room(reader)) {
        return error_set(detail, WEIR_E_NO_MEMORY, "no memory for line %llu of %s",
                         (unsigned long long)reader->line + 1, reader->path);
    }
    size_t n_room = reader->capacity - reader->n_bytes;
    ssize_t n;
    do {
        n = pread(reader->fd, reader->window + reader->n_bytes, n_room, (off_t)reader->offset);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return error_set_os(detail, WEIR_E_IO, errno, "cannot read %s", reader->path);
    }
    reader->is_short = (size_t)n < n_room;
    reader->n_bytes += (size_t)n;
    reader->offset += (uint64_t)n;
    return 0;
}

/* ---- lines ---- */

/* The next whole line in the window, its first n_searched bytes known to hold no line feed. */
static bool take_line(weir_reader *reader, size_t n_searched, const char **text, size_t *n_bytes) {
    size_t n_left = reader->n_bytes - reader->at;
    if (n_left == n_searched) {
        return false;
    }
    const char *start = reader->window + reader->at;
    const char *feed = memchr(start + n_searched, '\n', n_left - n_searched);
    if (feed == NULL) {
        return false;
    }
    *text = start;
    *n_bytes = (size_t)(feed - start);
    reader->at += *n_bytes + 1;
    reader->line++;
    reader->n_torn = 0;
    return true;
}

static int too_large(weir_reader *reader, weir_error_detail *detail) {
    reader->n_passed = 0;
    return error_set_at(detail, WEIR_E_TOO_LARGE, 0, reader->line, "line %llu is over %d MiB",
                        (unsigned long long)reader->line, READER_MAX_LINE_BYTES >> 20);
}

/* Drops the bytes of an unfinished line: those of a torn one are read again from its beginning. */
static void drop_unfinished(weir_reader *reader) {
    size_t n_left = reader->n_bytes - reader->at;
    if (reader->n_passed > 0 || n_left > READER_MAX_LINE_BYTES) {
        reader->n_passed += n_left;
    } else {
        reader->offset -= n_left;
    }
    reader->n_torn = reader->n_passed > 0 ? reader->n_passed : n_left;
    reader->at = reader->n_bytes = 0;
}

/* Nothing more to read for now; or ever, when the log was cut below what was read of it. */
static int stop_at_end(weir_reader *reader, weir_error_detail *detail) {
    struct stat status;
    if (fstat(reader->fd, &status) != 0) {
        return error_set_os(detail, WEIR_E_IO, errno, "cannot look at %s", reader->path);
    }
    if ((uint64_t)status.st_size < reader->offset && reader->n_passed > 0) {
        reader->offset -= reader->n_passed; /* its writer cut a torn line off that was too long */
        reader->n_passed = reader->n_torn = 0;
    }
    if ((uint64_t)status.st_size < reader->offset) {
        return error_set(detail, WEIR_E_IO, "%s has become shorter than what was read of it",
                         reader->path);
    }
    return 0;
}

/*
 * Finds the next whole line, reading on as far as is needed. 1: *text and *n_bytes have it, without
 * its line feed; 0: there is none yet. A line over the bound is WEIR_E_TOO_LARGE once its end has
 * been seen.
 */
static int next_line(weir_reader *reader, const char **text, size_t *n_bytes,
                     weir_error_detail *detail) {
    size_t n_searched = 0;
    bool has_read = false;
    while (!take_line(reader, n_searched, text, n_bytes)) {
        size_t n_left = reader->n_bytes - reader->at;
        if (reader->is_short || reader->n_passed > 0 || n_left > READER_MAX_LINE_BYTES) {
            drop_unfinished(reader);
            n_left = 0;
        }
        if (reader->is_short && has_read) {
            return stop_at_end(reader, detail);
        }
        n_searched = n_left;
        has_read = true;
        int error = read_on(reader, detail);
        if (error != 0) {
            drop_unfinished(reader);
            return error;
        }
    }
    return reader->n_passed > 0 || *n_bytes > READER_MAX_LINE_BYTES ? too_large(reader, detail) : 1;
}

static bool is_blank(const char *text, size_t n_bytes) {
    struct json_cursor cursor = json_cursor_over(text, n_bytes);
    return json_at_end(&cursor);
}

int weir_reader_next(weir_reader *reader, weir_record *out, weir_error_detail *detail) {
    if (reader == NULL || out == NULL) {
        return error_set(detail, WEIR_E_INVALID, "reader or out is NULL");
    }
    const char *text = NULL;
    size_t n_bytes = 0;
    int found;
    do {
        found = next_line(reader, &text, &n_bytes, detail);
    } while (found == 1 && is_blank(text, n_bytes));
    if (found != 1) {
        return found;
    }
    weir_record record;
    struct json_cursor cursor;
    if (scan_record(text, n_bytes, &record, &cursor) != 0) {
        return error_set_at(detail, WEIR_E_SYNTAX, cursor.at, reader->line,
                            "line %llu: %s at byte %zu", (unsigned long long)reader->line,
                            cursor.fault, cursor.at);
    }
    record.line = reader->line;
    options_write(out, &record, sizeof record);
    return 1;
}
