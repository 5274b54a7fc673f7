/*
 * Files of processes that have died become ours, and files are read back.
 */
#include "otlp/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "otlp/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/common/clock.h"
#include "otlp/common/macro.h"

static const int OPEN_FLAGS = O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK;

/* ---- reading ---- */

/* As many bytes as there are, at most n_bytes. False: the disk cannot read them now. */
static bool read_from_start(int fd, uint8_t *to, size_t n_bytes, size_t *n_read) {
    *n_read = 0;
    while (*n_read < n_bytes) {
        ssize_t n = pread(fd, to + *n_read, n_bytes - *n_read, (off_t)*n_read);
        if (n > 0) {
            *n_read += (size_t)n;
        } else if (n == 0) {
            break;
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

/* All of them: false also when the file has become shorter. */
static bool read_all(int fd, uint8_t *to, size_t n_bytes) {
    size_t n_read;
    return read_from_start(fd, to, n_bytes, &n_read) && n_read == n_bytes;
}

/* -1, or a regular file of this user and of a size that is ours. */
static int open_file(const char *path, int mode, struct stat *status) {
    int fd = open(path, mode | OPEN_FLAGS);
    if (fd < 0) {
        return -1;
    }
    if (fstat(fd, status) != 0 || !S_ISREG(status->st_mode) || status->st_uid != geteuid() ||
        status->st_size > SPOOL_MAX_FILE_BYTES) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool is_same(const struct spool_entry *entry, const struct stat *status) {
    return S_ISREG(status->st_mode) && status->st_dev == entry->device &&
           status->st_ino == entry->inode;
}

/* Whatever else keeps us from opening it may pass. */
static bool is_gone(const struct spool_entry *entry) {
    struct stat status;
    return lstat(entry->path, &status) == 0 ? !is_same(entry, &status) : errno == ENOENT;
}

static int read_file(int fd, size_t n_file, uint8_t **out, size_t *n_out) {
    uint8_t *file = mem_alloc(n_file);
    if (file == NULL) {
        return WEIR_E_NO_MEMORY;
    }
    if (!read_from_start(fd, file, n_file, n_out)) {
        mem_free(file);
        return WEIR_E_IO;
    }
    *out = file;
    return 0;
}

int spool_read(const struct spool_entry *entry, uint8_t **out, size_t *n_out) {
    struct stat status;
    int fd = open_file(entry->path, O_RDONLY, &status);
    if (fd < 0) {
        return is_gone(entry) ? WEIR_E_NOT_FOUND : WEIR_E_IO;
    }
    int error = is_same(entry, &status) ? read_file(fd, (size_t)status.st_size, out, n_out)
                                        : WEIR_E_NOT_FOUND;
    close(fd);
    return error;
}

/* ---- adopting ---- */

/* What an orphan turned out to be; one with trouble stays for the next search. */
enum found { FOUND_SPANS, FOUND_NOTHING, FOUND_DAMAGE, FOUND_TROUBLE };

/* A file whose process died before it wrote a head. */
static bool is_blank(const uint8_t *bytes, size_t n_bytes) {
    for (size_t i = 0; i < n_bytes; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

/*
 * Room that its process took and did not use goes back to the disk, and does not count. Not by
 * cutting the file: should the process live after all, with its lock closed by its host, writing
 * beyond the end would kill it. Returns what is still taken.
 */
static size_t give_back_rest(int fd, size_t end, size_t n_file) {
    if (end >= n_file || fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)end,
                                   (off_t)(n_file - end)) != 0) {
        return n_file;
    }
    return end;
}

/* Reads the head and the index, not the spans: that comes when they are sent. */
static enum found look_into(int fd, size_t n_file, struct spool_entry *entry, uint32_t *n_spans) {
    uint8_t heads[SPOOL_HEADS_BYTES];
    struct spool_layout layout;
    size_t n_heads = MIN(n_file, sizeof heads);
    if (!read_all(fd, heads, n_heads)) {
        return FOUND_TROUBLE;
    }
    if (is_blank(heads, n_heads)) {
        return FOUND_NOTHING;
    }
    if (spool_file_read_head(heads, n_heads, &layout, &entry->unix_ns) != 0) {
        return FOUND_DAMAGE;
    }
    size_t n_front = MIN(n_file, (size_t)layout.data_at);
    CLEANUP(mem_cleanup) uint8_t *front = mem_alloc(n_front);
    if (front == NULL || !read_all(fd, front, n_front)) {
        return FOUND_TROUBLE;
    }
    *n_spans = spool_file_count(front, n_front, &layout);
    entry->n_bytes = give_back_rest(fd, spool_file_end(front, n_front, &layout), n_file);
    return *n_spans > 0 ? FOUND_SPANS : FOUND_NOTHING;
}

static enum found examine(const char *path, struct spool_entry *entry, uint32_t *n_spans) {
    struct stat status;
    int fd = open_file(path, O_RDWR, &status);
    if (fd < 0) {
        return FOUND_TROUBLE;
    }
    entry->n_bytes = (size_t)status.st_size;
    enum found found = look_into(fd, (size_t)status.st_size, entry, n_spans);
    close(fd);
    entry->device = status.st_dev;
    entry->inode = status.st_ino;
    return found;
}

static void count_adopted(struct spool *spool, struct spool_entry *entry, uint32_t n_spans) {
    for (size_t i = 0; i < spool->n_pipelines; i++) {
        entry->n_spans[i] = n_spans;
        entry->waits_for |= (uint8_t)(1u << i);
        spool->counts[i].adopted += n_spans;
        spool->counts[i].waiting += n_spans;
    }
}

/* The rename is what makes it ours. */
static bool take_over(struct spool *spool, struct spool_entry *entry, const char *path,
                      uint32_t n_spans) {
    lock_take(&spool->lock);
    spool_entry_name(spool, entry);
    lock_give(&spool->lock);
    if (rename(path, entry->path) != 0) {
        return false;
    }
    lock_take(&spool->lock);
    /* Ours already: the bounds make room by dropping the oldest, which may be this one. */
    spool->n_bytes += entry->n_bytes;
    spool->n_files++;
    count_adopted(spool, entry, n_spans);
    spool_entry_link(spool, entry);
    (void)spool_reserve(spool, 0, 0);
    lock_give(&spool->lock);
    return true;
}

/* Of a file whose head is gone nobody can say how many spans it held: it counts as one. */
static void count_damaged(struct spool *spool) {
    lock_take(&spool->lock);
    for (size_t i = 0; i < spool->n_pipelines; i++) {
        spool->counts[i].adopted++;
        spool->counts[i].dropped[WEIR_DROP_SPOOL_DAMAGED]++;
    }
    spool_note_loss(spool, 1);
    lock_give(&spool->lock);
}

static bool adopt_file(void *data, const char *path) {
    struct spool *spool = data;
    struct spool_entry *entry = spool_entry_new(spool);
    if (entry == NULL) {
        return false;
    }
    uint32_t n_spans = 0;
    enum found found = examine(path, entry, &n_spans);
    bool is_gone = false;
    if (found == FOUND_SPANS) {
        is_gone = take_over(spool, entry, path, n_spans);
    } else if (found != FOUND_TROUBLE) {
        is_gone = unlink(path) == 0;
        if (found == FOUND_DAMAGE && is_gone) {
            count_damaged(spool);
        }
    }
    if (found != FOUND_SPANS || !is_gone) {
        mem_free(entry);
    }
    return is_gone;
}

static bool begin_search(struct spool *spool, uint64_t now) {
    lock_take(&spool->lock);
    bool is_time = !spool->is_adopting && now >= spool->adopt_again_ns;
    if (is_time) {
        spool->is_adopting = true;
        spool->adopt_again_ns = now + SPOOL_ADOPT_EVERY_S * NS_PER_S;
    }
    lock_give(&spool->lock);
    return is_time;
}

static void end_search(struct spool *spool) {
    lock_take(&spool->lock);
    spool->is_adopting = false;
    lock_give(&spool->lock);
}

/* The directory as it is now: other threads may renew it meanwhile. */
static void search(struct spool *spool) {
    lock_take(&spool->lock);
    struct spool_dir dir = spool->dir;
    lock_give(&spool->lock);
    spool_dir_adopt(&dir, adopt_file, spool);
}

static void search_again_soon(struct spool *spool, uint64_t now) {
    lock_take(&spool->lock);
    spool->adopt_again_ns = now;
    lock_give(&spool->lock);
}

void spool_adopt(struct spool *spool) {
    uint64_t now = clock_now_ns();
    if (!begin_search(spool, now)) {
        return;
    }
    if (spool_own(spool) == 0) {
        search(spool);
    } else {
        search_again_soon(spool, now);
    }
    end_search(spool);
}
