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
static void give_back(struct spool *spool, size_t n_bytes, uint32_t n_files) {
    lock_take(&spool->lock);
    spool_unreserve(spool, n_bytes, n_files);
    lock_give(&spool->lock);
}

/* A place in the directory and in its bounds. False: refused, and noted. */
static bool reserve(struct spool *spool, struct spool_entry *entry, size_t n_file) {
    lock_take(&spool->lock);
    if (spool->is_refused && clock_now_ns() < spool->try_again_ns) {
        spool->n_refused++;
        lock_give(&spool->lock);
        return false;
    }
    int os_error = -spool_own(spool);
    bool is_reserved = os_error == 0 && spool_reserve(spool, n_file, 1);
    if (is_reserved) {
        spool_entry_name(spool, entry);
    }
    lock_give(&spool->lock);
    if (!is_reserved) {
        note_refusal(spool, os_error);
    }
    return is_reserved;
}

static bool make(struct spool *spool, struct spool_entry *entry, size_t n_file) {
    if (n_file == 0 || !reserve(spool, entry, n_file)) {
        return false;
    }
    int os_error = make_file(entry, n_file);
    if (os_error != 0) {
        give_back(spool, n_file, 1);
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

struct spool_entry *spool_map_new(struct spool *spool, const struct scope *scope, size_t n_bytes) {
    struct spool_entry *entry = spool_entry_new(spool);
    if (entry == NULL) {
        return NULL;
    }
    entry->layout = spool_layout_for(scope, spool->n_places);
    if (!make(spool, entry, file_size(&entry->layout, n_bytes))) {
        mem_free(entry);
        entry = NULL;
    } else {
        begin(spool, entry, scope);
    }
    return entry;
}

bool spool_map_is_ours(const struct spool_entry *entry) {
    return entry->pid == getpid();
}

bool spool_map_reuse(struct spool *spool, struct spool_entry *entry, const struct scope *scope) {
    if (!spool_map_is_ours(entry) || !spool_layout_fits(&entry->layout, scope)) {
        return false;
    }
    begin(spool, entry, scope);
    return true;
}

/* ---- growing ---- */

/* By its name, as no descriptor is kept that a host could close or take for its own. */
static int lengthen(const struct spool_entry *entry, size_t n_file) {
    int fd = open(entry->path, OPEN_FLAGS);
    if (fd < 0) {
        return errno;
    }
    struct stat status;
    bool is_ours =
        fstat(fd, &status) == 0 && status.st_dev == entry->device && status.st_ino == entry->inode;
    int error = is_ours ? take_room(fd, n_file) : ESTALE;
    close(fd);
    return error;
}

bool spool_map_grow(struct spool *spool, struct spool_entry *entry, size_t n_bytes) {
    size_t n_file = file_size(&entry->layout, n_bytes), n_more = n_file - entry->n_bytes;
    if (n_file == 0 || !spool_map_is_ours(entry)) {
        return false;
    }
    if (n_file <= entry->n_bytes) {
        return true;
    }
    lock_take(&spool->lock);
    bool is_reserved = spool_reserve(spool, n_more, 0);
    lock_give(&spool->lock);
    if (!is_reserved) {
        return false;
    }
    void *map = MAP_FAILED;
    if (lengthen(entry, n_file) == 0) {
        map = mremap(entry->map, entry->n_bytes, n_file, MREMAP_MAYMOVE);
    }
    if (map == MAP_FAILED) { /* the segment goes as it is, and the next one has its own file */
        give_back(spool, n_more, 0);
        return false;
    }
    entry->map = map;
    entry->n_bytes = n_file;
    return true;
}

/* ---- the end ---- */

void spool_map_forget(struct spool_entry *entry) {
    if (entry != NULL) {
        (void)munmap(entry->map, entry->n_bytes);
        mem_free(entry);
    }
}

void spool_map_delete(struct spool *spool, struct spool_entry *entry) {
    if (spool_map_is_ours(entry)) {
        (void)unlink(entry->path);
        give_back(spool, entry->n_bytes, 1);
    }
    spool_map_forget(entry);
}
