/*
 * What there is to be done on the disk, with no lock held; and the end of a spool, by a deadline.
 */
#include "otlp/spool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "otlp/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/common/clock.h"
#include "otlp/common/macro.h"

/* ---- the list ---- */

void spool_plan(struct spool *spool, struct spool_entry *entry, enum spool_task task) {
    entry->task = task;
    entry->next = NULL;
    *(spool->work != NULL ? &spool->last_work->next : &spool->work) = entry;
    spool->last_work = entry;
    atomic_store_explicit(&spool->has_work, true, memory_order_relaxed);
}

/* In a forked child that ran no handlers the list is its parent's. */
static bool is_parents(const struct spool *spool) {
    return spool->dir.pid != 0 && spool->dir.pid != getpid();
}

static struct spool_entry *take_work(struct spool *spool) {
    lock_take(&spool->lock);
    struct spool_entry *entry = is_parents(spool) ? NULL : spool->work;
    if (entry != NULL) {
        spool->work = entry->next;
        atomic_store_explicit(&spool->has_work, spool->work != NULL, memory_order_relaxed);
    }
    lock_give(&spool->lock);
    return entry;
}

/* ---- tasks ---- */

/* As many bytes stay free as are in use: a busy spool makes no files, one at rest keeps few. */
static void clear(struct spool *spool, struct spool_entry *entry) {
    spool_file_clear(entry->map, &entry->layout, entry->n_to_clear);
    lock_take(&spool->lock);
    entry->next = spool->free;
    spool->free = entry;
    spool->n_free_bytes += entry->n_bytes;
    spool_plan_surplus(spool, MAX((size_t)SEGMENT_KEEP_BYTES, spool->n_used_bytes));
    lock_give(&spool->lock);
}

/* Gives a file a name of ours, unless another process has adopted it already. */
static void rename_to_ours(struct spool *spool, struct spool_entry *entry) {
    size_t n_path = strlen(entry->path) + 1; /* names are of one length */
    CLEANUP(mem_cleanup) char *path = mem_alloc(n_path);
    lock_take(&spool->lock);
    bool is_ours = spool->dir.owner == 0 || entry->owner == spool->dir.owner;
    if (!is_ours) {
        entry->owner = spool->dir.owner; /* tried once */
    }
    if (!is_ours && path != NULL) {
        spool_dir_path(&spool->dir, entry->number, path);
    }
    lock_give(&spool->lock);
    if (!is_ours && path != NULL && rename(entry->path, path) == 0) {
        memcpy(entry->path, path, n_path);
    }
}

/* What the segment did not need is given back; if that fails, the file is just larger. */
static void keep(struct spool *spool, struct spool_entry *entry) {
    if (entry->map != NULL) {
        (void)munmap(entry->map, entry->n_bytes);
        entry->map = NULL;
    }
    bool is_cut =
        entry->n_used < entry->n_bytes && truncate(entry->path, (off_t)entry->n_used) == 0;
    rename_to_ours(spool, entry);
    lock_take(&spool->lock);
    if (is_cut) {
        spool_unreserve(spool, entry->n_bytes - entry->n_used, 0);
        entry->n_bytes = entry->n_used;
    }
    spool_entry_link(spool, entry);
    spool_drop_aged(spool);
    lock_give(&spool->lock);
}

/* Another process may have taken the file over meanwhile: then there is none of that name. */
static void delete_file(struct spool_entry *entry) {
    (void)unlink(entry->path);
    spool_map_forget(entry);
}

void spool_work(struct spool *spool) {
    struct spool_entry *entry;
    while (spool_has_work(spool) && (entry = take_work(spool)) != NULL) {
        switch (entry->task) {
        case SPOOL_CLEAR: clear(spool, entry); break;
        case SPOOL_KEEP: keep(spool, entry); break;
        case SPOOL_DELETE: delete_file(entry); break;
        }
    }
}

/* ---- the end ---- */

static void end(struct spool *spool) {
    spool_work(spool);
    lock_take(&spool->lock);
    if (!is_parents(spool)) {
        spool_plan_surplus(spool, 0);
    }
    lock_give(&spool->lock);
    spool_work(spool);
    lock_take(&spool->lock);
    struct spool_dir dir = spool->dir;
    spool->dir.lock_fd = -1;
    spool->is_closed = true; /* a thread left behind may be about to take it anew */
    bool is_empty = spool->n_files == 0;
    lock_give(&spool->lock);
    spool_dir_close(&dir, is_empty);
}

void spool_close(struct spool *spool) {
    if (spool != NULL) {
        end(spool);
        spool_unref(spool);
    }
}

/* One that closes, and one that waits for it; who comes last frees it. */
struct ending {
    struct spool *spool;
    pthread_mutex_t mutex;
    pthread_cond_t over;
    bool is_over;
    bool is_left; /* nobody waits any more */
};

static void free_ending(struct ending *ending) {
    if (ending != NULL) {
        pthread_cond_destroy(&ending->over);
        pthread_mutex_destroy(&ending->mutex);
        mem_free(ending);
    }
}

static void *run_ending(void *data) {
    struct ending *ending = data;
    spool_close(ending->spool);
    pthread_mutex_lock(&ending->mutex);
    ending->is_over = true;
    bool is_left = ending->is_left;
    pthread_cond_signal(&ending->over);
    pthread_mutex_unlock(&ending->mutex);
    if (is_left) {
        free_ending(ending);
    }
    return NULL;
}

static struct ending *new_ending(struct spool *spool) {
    struct ending *ending = mem_zalloc(sizeof *ending);
    if (ending == NULL) {
        return NULL;
    }
    pthread_condattr_t attributes;
    ending->spool = spool;
    (void)pthread_mutex_init(&ending->mutex, NULL); /* none of these fails with glibc */
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&ending->over, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    return ending;
}

/* A handler of the host's must not run on its stack. */
static bool start(pthread_t *thread, struct ending *ending) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int os_error = pthread_create(thread, NULL, run_ending, ending);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return os_error == 0;
}

/* True when it was over in time. */
static bool wait_for(struct ending *ending, uint64_t until_ns) {
    struct timespec until = clock_timespec(until_ns);
    int error = 0;
    pthread_mutex_lock(&ending->mutex);
    while (!ending->is_over && error != ETIMEDOUT) {
        error = pthread_cond_timedwait(&ending->over, &ending->mutex, &until);
    }
    bool is_over = ending->is_over;
    ending->is_left = !is_over;
    pthread_mutex_unlock(&ending->mutex);
    return is_over;
}

void spool_close_by(struct spool *spool, uint64_t deadline_ns) {
    pthread_t thread;
    struct ending *ending = NULL;
    if (spool != NULL && !spool->has_no_thread) {
        ending = new_ending(spool);
    }
    if (ending == NULL || !start(&thread, ending)) {
        free_ending(ending);
        spool_close(spool);
        return;
    }
    uint64_t grace_ns = clock_now_ns() + EXPORTER_GRACE_MS * NS_PER_MS;
    if (wait_for(ending, MAX(deadline_ns, grace_ns))) {
        (void)pthread_join(thread, NULL);
        free_ending(ending);
    } else {
        (void)pthread_detach(thread);
    }
}
