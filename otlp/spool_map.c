/*
 * Spool files as memory. Their room is taken from the disk before they are mapped: a disk that
 * fills up later can refuse a new file, but cannot take the ground from under a mapped one.
 */
#include "otlp/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "otlp/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/common/clock.h"
#include "otlp/common/id.h"
#include "otlp/common/macro.h"
#include "otlp/common/uncancelled.h"

enum { PAGE_BYTES = 4096, MAX_TRIES = 100 /* when a signal comes in between */ };

static const int OPEN_FLAGS = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK;

/* 0: it would be too large. */
static size_t file_size(const struct spool_layout *layout, size_t n_bytes) {
    if (n_bytes > SPOOL_MAX_FILE_BYTES - layout->data_at - PAGE_BYTES) {
        return 0;
    }
    return (layout->data_at + n_bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

/* ---- the disk refuses, or no longer ---- */

/* os_error 0: the bound, which what is in use fills by itself. */
static void note_refusal(struct spool *spool, int os_error) {
    lock_take(&spool->lock);
    spool->is_refused = true;
    spool->refused_error = os_error;
    spool->n_refused++;
    spool->try_again_ns = clock_now_ns() + SPOOL_RETRY_MS * NS_PER_MS;
    atomic_store_explicit(&spool->has_news, true, memory_order_relaxed);
    lock_give(&spool->lock);
}

static void note_success(struct spool *spool) {
    lock_take(&spool->lock);
    if (spool->is_refused) {
        spool->is_refused = false;
        atomic_store_explicit(&spool->has_news, true, memory_order_relaxed);
    }
    lock_give(&spool->lock);
}

/* ---- files ---- */

/* A process over its limit would get a signal that ends it. */
static bool is_over_limit(size_t n_file) {
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
           n_file > limit.rlim_cur;
}

static int take_room(int fd, size_t n_file) {
    if (is_over_limit(n_file)) {
        return EFBIG;
    }
    int error = EINTR;
    for (int i = 0; i < MAX_TRIES && error == EINTR; i++) {
        error = posix_fallocate(fd, 0, (off_t)n_file);
    }
    return error;
}

/* 0, or an errno; then there is no file. */
static int make_file(struct spool_entry *entry, size_t n_file) {
    int fd = open(entry->path, OPEN_FLAGS | O_CREAT | O_EXCL, S_IRUSR | S_IWUSR);
    if (fd < 0) {
        return errno;
    }
    struct stat status;
    int error = take_room(fd, n_file);
    if (error == 0 && fstat(fd, &status) != 0) {
        error = errno;
    }
    if (error == 0) {
        void *map = mmap(NULL, n_file, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
        error = map == MAP_FAILED ? errno : 0;
        entry->map = error == 0 ? map : NULL;
    }
    close(fd);
    if (error != 0) {
        (void)unlink(entry->path);
        return error;
    }
    entry->device = status.st_dev;
    entry->inode = status.st_ino;
    return 0;
}

/* ---- new ones ---- */

/* Undoes what reserve did. */
static void give_back(struct spool *spool, size_t n_bytes) {
    lock_take(&spool->lock);
    spool->n_used_bytes -= n_bytes;
    spool_unreserve(spool, n_bytes, 1);
    lock_give(&spool->lock);
}

/* A disk that refused is left in peace a while. */
static bool is_left_in_peace(struct spool *spool) {
    lock_take(&spool->lock);
    bool is_left = spool->is_refused && clock_now_ns() < spool->try_again_ns;
    spool->n_refused += is_left;
    lock_give(&spool->lock);
    return is_left;
}

/* A place in the directory and in its bounds. False: refused, and noted. */
static bool reserve(struct spool *spool, struct spool_entry *entry, size_t n_file) {
    if (is_left_in_peace(spool)) {
        return false;
    }
    int os_error = -spool_own(spool);
    lock_take(&spool->lock);
    bool is_reserved = os_error == 0 && spool_reserve(spool, n_file, 1);
    if (is_reserved) {
        spool->n_used_bytes += n_file;
        spool_entry_name(spool, entry);
    }
    lock_give(&spool->lock);
    if (!is_reserved) {
        note_refusal(spool, os_error);
    }
    spool_work(spool); /* what had to go for it */
    return is_reserved;
}

static bool make(struct spool *spool, struct spool_entry *entry, size_t n_file) {
    if (n_file == 0 || !reserve(spool, entry, n_file)) {
        return false;
    }
    int os_error = make_file(entry, n_file);
    if (os_error != 0) {
        give_back(spool, n_file);
        note_refusal(spool, os_error);
        return false;
    }
    entry->n_bytes = n_file;
    entry->pid = getpid();
    note_success(spool);
    return true;
}

static void begin(struct spool *spool, struct spool_entry *entry, const struct scope *scope) {
    entry->salt = (uint32_t)id_random();
    entry->unix_ns = clock_unix(&spool->clock);
    spool_file_begin(entry->map, &entry->layout, scope, entry->unix_ns, entry->salt);
}

static struct spool_entry *make_entry(struct spool *spool, const struct scope *scope,
                                      size_t n_bytes) {
    struct spool_entry *entry = spool_entry_new(spool);
    if (entry == NULL) {
        return NULL;
    }
    entry->layout = spool_layout_for(scope, spool->n_places);
    if (!make(spool, entry, file_size(&entry->layout, n_bytes))) {
        mem_free(entry);
        return NULL;
    }
    return entry;
}

bool spool_map_is_ours(const struct spool_entry *entry) {
    return entry->pid == getpid();
}

/* Large enough, and no waste. */
static bool is_fit(const struct spool_entry *entry, const struct scope *scope, size_t n_bytes) {
    size_t room = entry->n_bytes - entry->layout.data_at;
    return room >= n_bytes && room <= 2 * n_bytes + PAGE_BYTES &&
           spool_layout_fits(&entry->layout, scope) && spool_map_is_ours(entry);
}

static struct spool_entry *take_free(struct spool *spool, const struct scope *scope,
                                     size_t n_bytes) {
    lock_take(&spool->lock);
    struct spool_entry **link = &spool->free;
    while (*link != NULL && !is_fit(*link, scope, n_bytes)) {
        link = &(*link)->next;
    }
    struct spool_entry *entry = *link;
    if (entry != NULL) {
        *link = entry->next;
        spool->n_free_bytes -= entry->n_bytes;
        spool->n_used_bytes += entry->n_bytes;
    }
    lock_give(&spool->lock);
    return entry;
}

struct spool_entry *spool_map_new(struct spool *spool, const struct scope *scope, size_t n_bytes) {
    UNCANCELLED();
    spool_work(spool);
    struct spool_entry *entry = take_free(spool, scope, n_bytes);
    if (entry == NULL) {
        entry = make_entry(spool, scope, n_bytes);
    }
    if (entry != NULL) {
        begin(spool, entry, scope);
    }
    return entry;
}

/* ---- the end ---- */

void spool_map_forget(struct spool_entry *entry) {
    if (entry != NULL) {
        if (entry->map != NULL) {
            (void)munmap(entry->map, entry->n_bytes);
        }
        mem_free(entry);
    }
}

void spool_map_done(struct spool *spool, struct spool_entry *entry, uint32_t n_spans) {
    if (!spool_map_is_ours(entry)) {
        spool_map_forget(entry);
        return;
    }
    lock_take(&spool->lock);
    spool->n_used_bytes -= entry->n_bytes;
    entry->n_to_clear = n_spans;
    spool_plan(spool, entry, SPOOL_CLEAR);
    lock_give(&spool->lock);
}
