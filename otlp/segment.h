/*
 * A segment: ended spans of one scope, already encoded, that will be the body of one request.
 *
 * Its bytes are a run of `spans` fields (ScopeSpans.spans, tag 12) with room reserved in front for
 * the head, the ResourceSpans and ScopeSpans that hold them, and behind for their schema URLs. So a
 * request is sent from the memory the spans were written to. Segments come from a pool with a
 * bound in bytes; each grows from a few kB to SEGMENT_MAX_BYTES, and keeps its memory when reused.
 *
 * With a spool that memory is a file mapped from its directory, and every span is entered there as
 * it is committed; when the disk refuses, it is the heap's as without one. Of the calls here only
 * segment_take may then wait for the disk.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "otlp/bounds.h"
#include "otlp/common/lock.h"
#include "otlp/common/macro.h"
#include "otlp/scope.h"

struct spool;
struct spool_contents;
struct spool_entry;

struct segment {
    struct segment *next;                        /* for whoever owns the segment at the moment */
    struct segment *next_of[OTLP_MAX_PIPELINES]; /* in the queue of each pipeline */
    uint32_t n_holders; /* pipelines that are not done with it yet; the exporter's */
    const struct scope *scope;
    uint8_t *data;
    size_t capacity;
    size_t start;   /* of the spans; the head ends here */
    size_t n_bytes; /* of the spans */
    size_t limit;   /* n_bytes may grow to this in the memory there is */
    uint32_t n_spans;
    const uint8_t *body; /* once it is sealed: the whole request, in `data` */
    size_t n_body_bytes;

    struct spool_entry *mapped; /* what `data` is part of; NULL: it is the heap's */
    struct spool_entry *origin; /* what it was read back from; NULL: it is no such segment */
    struct scope own_scope;     /* of one that was read back */
    uint8_t origin_index;       /* of the holder that it was read back for */
    uint8_t kept_for; /* holders that have given it up for now, as bits; guarded by them */
};

/* The bound in bytes, and the segments that wait to be used again. Any thread. */
struct segment_pool {
    size_t max_bytes;
    size_t segment_max_bytes;  /* of a segment, unless a single span is larger */
    uint64_t max_spans;        /* in all segments; 0: bytes alone count */
    struct spool *spool;       /* NULL: none; set right after init */
    _Atomic size_t used_bytes; /* capacity of all segments, free ones included */
    _Atomic uint64_t n_spans;  /* only when max_spans is set */
    struct lock lock;          /* guards everything below */
    struct segment *free;      /* of the heap; those that are files the spool keeps */
    size_t free_bytes;
    size_t taken_bytes; /* charged for segments between segment_take and segment_settle */
    uint64_t n_taken;
};

void segment_pool_init(struct segment_pool *pool, size_t max_bytes, uint64_t max_spans);
/* Frees the free segments. Those in use are their owners'. */
void segment_pool_deinit(struct segment_pool *pool);

/* Memory of the segments that hold spans. */
size_t segment_pool_held_bytes(struct segment_pool *pool);

/*
 * An empty segment for spans of `scope` (borrowed) with room for at least n_bytes of them;
 * expected_bytes says how full it will probably get. NULL when the bound is reached, or memory is
 * short (*is_no_memory). With a spool it makes files: no lock that somebody in a hurry wants may be
 * held.
 */
struct segment *segment_take(struct segment_pool *pool, const struct scope *scope, size_t n_bytes,
                             size_t expected_bytes, bool *is_no_memory);
/*
 * The segment has come to where a forked child would find it, under a lock that a fork takes: until
 * then it is the forked child's loss, which segment_pool_begin_anew makes good.
 */
void segment_settle(struct segment_pool *pool, const struct segment *segment);
/* In a forked child, with the pool's lock held, which is given back: what other threads were about
 * to get is taken out of the bounds. */
void segment_pool_begin_anew(struct segment_pool *pool);

/*
 * Makes room for n_bytes more. False when the segment is full, the pool's bound is reached, or
 * memory is short: then it is to be sent as it is. So is one with a file, which does not grow, as
 * that would be work for the disk while its producer is locked; the next one is made larger.
 */
bool segment_grow(struct segment_pool *pool, struct segment *segment, size_t n_bytes);

/* Where the next span of n_bytes (tag and length included) is written, or NULL: see segment_grow.
 * It counts once segment_commit is called. */
static inline uint8_t *segment_room(const struct segment *segment, size_t n_bytes) {
    if (n_bytes > segment->limit - segment->n_bytes) {
        return NULL;
    }
    return segment->data + segment->start + segment->n_bytes;
}
/* Makes the span safe from the death of the process: part of segment_commit. */
void segment_enter(struct segment *segment, size_t n_bytes);

static inline void segment_commit(struct segment *segment, size_t n_bytes) {
    if (UNLIKELY(segment->mapped != NULL)) {
        segment_enter(segment, n_bytes);
    }
    segment->n_bytes += n_bytes;
    segment->n_spans++;
}

/*
 * Writes the head in front of the spans and the schema URLs behind: `body` becomes a whole
 * ExportTraceServiceRequest. Its bytes do not change any more, so many may read them.
 */
void segment_seal(struct segment *segment);

/*
 * What a spool file holds, as a sealed segment of its own. NULL when the pool's bound is reached,
 * or memory is short. A segment that alone is over the bound (another process's may have been
 * higher) is given when the pool holds no other.
 */
struct segment *segment_read_back(struct segment_pool *pool, const struct spool_contents *contents);

/*
 * Gives the segment back to its pool. With a spool, what there is to be done on the disk is left to
 * spool_work. What holders have given up for now stays there.
 */
void segment_release(struct segment_pool *pool, struct segment *segment);

/* True when more memory is free than is in use, and than SEGMENT_KEEP_BYTES. */
bool segment_pool_has_surplus(struct segment_pool *pool);
/*
 * Frees free segments until they are no more memory than those in use, or SEGMENT_KEEP_BYTES: for a
 * pipeline that has come to rest. A busy one would only get that memory anew, page by page.
 */
void segment_pool_trim(struct segment_pool *pool);

/*
 * In a forked child: the spans, and a spool's file with them, are the parent's. Gives the memory
 * back to the pool's bound, and nothing to the disk.
 */
void segment_leave(struct segment_pool *pool, struct segment *segment);

/*
 * Frees a segment and its memory without touching its pool, which may be gone: for a segment whose
 * bytes a transport still reads when the exporter had to leave it behind. NULL is fine.
 */
void segment_free(struct segment *segment);
