/*
 * The spool: a directory in which ended spans survive the death of their process and an endpoint
 * that cannot be reached.
 *
 * While there is a spool, the memory of segments is files mapped from it (an entry each), so that
 * what has ended is on disk without being written a second time. An entry whose spans have arrived
 * is used again or deleted. One that was given up for now is let go of, and *waits*: until its
 * pipelines have taken it up again and are done with it, or it becomes too old, or the directory
 * too full. So do the files of processes that have died, which are adopted.
 *
 * Nothing is lost but by bounds and damage, and that is counted; a span may be sent twice. When the
 * disk refuses, segments live in memory alone, as without a spool.
 *
 * A disk may be slow, or hang. So no system call for a file is made under a lock that anybody else
 * needs: what is to be done with a file is put on a list, and done by spool_work with no lock held.
 * The exporter's threads do that, and whoever needs a new file and so waits for the disk anyway.
 * Only these wait for the disk: spool_open, spool_close, spool_map_new, spool_work, spool_next,
 * spool_read, spool_adopt, spool_own. All others may be called under the locks of a producer, of
 * the registry and of an exporter.
 *
 * It knows nothing of requests and retries: exporter_spool.c. Any thread, unless something else is
 * said.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <weir/otlp.h>

#include "otlp/bounds.h"
#include "otlp/common/lock.h"
#include "otlp/common/log.h"
#include "otlp/scope.h"
#include "otlp/spool_dir.h"
#include "otlp/spool_file.h"

/* What is to be done with a file that is on the list of work. */
enum spool_task {
    SPOOL_CLEAR, /* its spans are done with: it may be used again */
    SPOOL_KEEP,  /* its spans wait from now on: unmap, cut and name it */
    SPOOL_DELETE /* and free its entry */
};

/* One file. */
struct spool_entry {
    /* guarded by the spool's lock, but for an entry that spool_work has taken off its list */
    struct spool_entry *next, *previous; /* of those that wait, the oldest first; or of a list */
    enum spool_task task;
    uint32_t n_to_clear; /* spans in it that are done with */
    size_t n_used;       /* bytes from the beginning that are to be kept */
    uint32_t number;
    uint64_t owner;                       /* that its name was to begin with, the last time */
    size_t n_bytes;                       /* on disk */
    uint32_t n_spans[OTLP_MAX_PIPELINES]; /* that wait for each pipeline */
    uint8_t waits_for;                    /* pipelines, as bits … */
    uint8_t is_with;                      /* … and those of them that are at it now */
    uint32_t n_left;                      /* times that it could not be taken up */
    uint64_t unix_ns;

    /* the owner's of its segment, while it is mapped */
    uint8_t *map;
    struct spool_layout layout;
    uint32_t salt;
    dev_t device;
    ino_t inode;
    pid_t pid; /* of the process that mapped it: a forked child has no part in it */
    char path[];
};

/* Of one pipeline. */
struct spool_counts {
    uint64_t waiting;
    uint64_t adopted; /* spans of processes that have died */
    uint64_t dropped[WEIR_N_DROP_CAUSES];
};

struct spool_options {
    const char *dir;
    bool has_no_thread; /* spool_close_by works in the thread that calls it */
    size_t max_bytes;
    uint64_t max_age_ns;
    uint32_t n_places; /* spans in a file */
    size_t n_pipelines;
    const struct logger *logger; /* copied */
};

struct spool {
    size_t max_bytes;
    uint64_t max_age_ns;
    uint32_t n_places;
    size_t n_pipelines;
    size_t n_path; /* bytes of a file's path */
    struct logger logger;
    weir_clock clock; /* the system's: ages outlive the process */

    bool has_no_thread;
    atomic_uint n_references;

    _Atomic bool has_news; /* perhaps: look with spool_news */
    _Atomic bool has_work; /* the list of work is not empty */

    /* One at a time takes the directory's lock anew, and waits for the disk meanwhile. Taken before
     * `lock`, and by those alone who are about to touch the disk: not by a fork. */
    struct lock owning;

    struct lock lock;                 /* guards everything below; nobody waits for a disk with it */
    struct spool_dir dir;             /* taken anew with `owning` held as well */
    bool is_closed;                   /* the directory was given up, and is not taken again */
    struct spool_entry *first, *last; /* those that wait */
    struct spool_entry *work, *last_work;
    struct spool_entry *free; /* mapped and clear, to be used again */
    size_t n_free_bytes;
    size_t n_used_bytes; /* of those that segments have */
    uint32_t next_number;
    size_t n_bytes; /* of all our files */
    uint32_t n_files;
    struct spool_counts counts[OTLP_MAX_PIPELINES];
    uint64_t n_refused;      /* segments that the disk had no room for */
    uint64_t try_again_ns;   /* monotonic: the disk refused, and is left in peace until then */
    uint64_t adopt_again_ns; /* monotonic */
    bool is_adopting;
    bool is_refused;   /* the disk refuses … */
    int refused_error; /* … with this errno; 0: the bound is reached */
    bool is_refusal_told;
    uint64_t n_lost; /* spans that the bounds cost; 0: none since that was said */
    bool is_loss_told;
};

/*
 * Opens the directory, takes the lock, and adopts what is there; *out is set last. WEIR_E_INVALID:
 * the directory is not to be trusted; WEIR_E_IO: it cannot be made or read; WEIR_E_NO_MEMORY. A
 * disk that is merely full is no error.
 */
int spool_open(const struct spool_options *options, struct spool **out, weir_error_detail *detail);

/*
 * In a forked child, for which `lock` was taken before the fork: what waits is the parent's, and so
 * is the place in the directory. Gives the lock back, and `owning`, whoever had it.
 */
void spool_begin_anew(struct spool *spool);

/*
 * Does the work that is left, and gives up the directory. No entry may be in use, but those of
 * segments left behind. Waits for the disk. NULL: nothing.
 */
void spool_close(struct spool *spool);
/*
 * The same, in a thread of its own, which is left behind with the spool when the disk has not
 * answered by the deadline, or a moment later: then the next process finds the files, or the thread
 * ends its work by and by. In this thread when there can be no other, or must not be.
 */
void spool_close_by(struct spool *spool, uint64_t deadline_ns);

/* Somebody else needs it too, perhaps longer than until the close. */
void spool_ref(struct spool *spool);
/* The last one frees it, without touching the disk. NULL: nothing. */
void spool_unref(struct spool *spool);

/* ---- the work (spool_work.c) ---- */

/* Does all that is on the list. No lock may be held. Cheap when there is nothing. */
void spool_work(struct spool *spool);
static inline bool spool_has_work(const struct spool *spool) {
    return atomic_load_explicit(&spool->has_work, memory_order_relaxed);
}

/* ---- files as memory (spool_map.c) ---- */

/*
 * A file with room for n_bytes of data, mapped and begun for `scope`: one that was used before, or
 * a new one. NULL when the disk, or memory, refuses: counted, and news at the first. Does what is
 * on the list of work first.
 */
struct spool_entry *spool_map_new(struct spool *spool, const struct scope *scope, size_t n_bytes);
/* Its n_spans spans are done with: it will be cleared, and used again or deleted. In a forked child
 * it is forgotten. */
void spool_map_done(struct spool *spool, struct spool_entry *entry, uint32_t n_spans);
/* Frees without touching the file or the spool, which may be gone. NULL: nothing. */
void spool_map_forget(struct spool_entry *entry);
/* True in the process that mapped it. */
bool spool_map_is_ours(const struct spool_entry *entry);

static inline uint8_t *spool_map_data(const struct spool_entry *entry) {
    return entry->map + entry->layout.data_at;
}

/* ---- spans that wait (spool.c) ---- */

/*
 * Counts spans as waiting for a pipeline that has given them up for now. Their segment is given to
 * spool_keep when the other pipelines are done with it.
 */
void spool_count_waiting(struct spool *spool, size_t pipeline, uint32_t n_spans);

/*
 * Lets go of a mapped entry: its n_spans spans in n_bytes of data wait on disk for the pipelines
 * (bits; not 0) by which they were counted.
 */
void spool_keep(struct spool *spool, struct spool_entry *entry, uint8_t pipelines, uint32_t n_spans,
                size_t n_bytes);

/* The oldest entry that waits for this pipeline (see spool_leave), which is at it from now on;
 * NULL: none. Adopts first, when it is time to look for orphans again. */
struct spool_entry *spool_next(struct spool *spool, size_t pipeline);
/*
 * True while spans wait for it. spool_next need not give them yet: their segment may be with
 * another pipeline, or their file in the hands of another thread, which wakes nobody when it is
 * done. So look again.
 */
bool spool_has_waiting(struct spool *spool, size_t pipeline);
/* The same, or it is time to look for orphans. */
bool spool_is_due(struct spool *spool, size_t pipeline);

/*
 * Reads a whole file; free *out with mem_free. WEIR_E_NO_MEMORY and WEIR_E_IO (no descriptor is
 * left, a sector is bad, …): later perhaps, so leave it; WEIR_E_NOT_FOUND: it is gone or was
 * exchanged. *out is set with 0 alone. One thread an entry and pipeline, as the next three.
 */
int spool_read(const struct spool_entry *entry, uint8_t **out, size_t *n_out);
/* So many of the entry's spans were whole: these count no longer as waiting, the others as lost. */
void spool_take(struct spool *spool, struct spool_entry *entry, size_t pipeline, uint32_t n_whole);
/* Nothing could be taken from it: it waits as before, but those that were left less often come
 * first, as whatever is wrong may be its own. */
void spool_leave(struct spool *spool, struct spool_entry *entry, size_t pipeline);
/* The pipeline is done with the entry: the last one deletes it. */
void spool_finish(struct spool *spool, struct spool_entry *entry, size_t pipeline);
/* It could not send it: the n_spans that it took wait again. */
void spool_put_back(struct spool *spool, struct spool_entry *entry, size_t pipeline,
                    uint32_t n_spans);

/*
 * What these have brought that is worth a line in the log: that spans are lost, once, and that it
 * is over. They log nothing themselves, as their callers may hold a lock. False: nothing.
 */
enum { SPOOL_NEWS_BYTES = 320 };
bool spool_news(struct spool *spool, char *text, size_t n_text);
/* Logs them; cheap when there are none. No lock may be held. */
void spool_say_news(struct spool *spool);

void spool_get_counts(struct spool *spool, size_t pipeline, struct spool_counts *out);
/* Bytes of all its files, and segments that had to do without. */
size_t spool_bytes(struct spool *spool);
uint64_t spool_n_refused(struct spool *spool);

/* ---- orphans (spool_adopt.c) ---- */

/* Takes over the files of processes that have died, if it is time to look for them. */
void spool_adopt(struct spool *spool);

/* ---- inside (all of them) ---- */

#define SPOOL_FOR_EACH_BIT(i, bits)                                                                \
    for (size_t i = 0; i < OTLP_MAX_PIPELINES; i++)                                                \
        if (((bits)&1u << i) != 0)

/* With the lock held: room for so much more in the bounds; free files and the oldest that wait go
 * for it, by spool_work. */
bool spool_reserve(struct spool *spool, size_t n_bytes, uint32_t n_files);
void spool_unreserve(struct spool *spool, size_t n_bytes, uint32_t n_files);
/* Sees to it that our names for files are good. 0, or a negative errno; -ESHUTDOWN: too late. */
int spool_own(struct spool *spool);
/* With the lock held: puts an entry, which is on no list, on that of work. */
void spool_plan(struct spool *spool, struct spool_entry *entry, enum spool_task task);
/* With the lock held: frees all entries without touching the disk: they are another process's. */
void spool_forget_all(struct spool *spool);
/* With the lock held: drops what has become too old. */
void spool_drop_aged(struct spool *spool);
/* With the lock held: plans to delete free files beyond the bytes that may stay. */
void spool_plan_surplus(struct spool *spool, size_t n_bytes_to_stay);
/* An entry with room for its path, nothing set; NULL without memory. */
struct spool_entry *spool_entry_new(const struct spool *spool);
/* With the lock held: gives it a number and a path. */
void spool_entry_name(struct spool *spool, struct spool_entry *entry);
/* With the lock held: it waits from now on, as its fields say. One whose name is no longer ours is
 * to be renamed first. */
void spool_entry_link(struct spool *spool, struct spool_entry *entry);
/* With the lock held: spans were lost, to be told of. */
void spool_note_loss(struct spool *spool, uint64_t n_spans);
