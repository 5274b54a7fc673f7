/*
 * A segment: ended spans of one scope, already encoded, that will be the body of one request.
 *
 * Its bytes are a run of `spans` fields (ScopeSpans.spans, tag 12) with room reserved in front for
 * the head: the ResourceSpans and ScopeSpans that hold them, written when the segment is sealed. So
 * a request is sent from the memory the spans were written to. Segments come from a pool with a
 * bound in bytes; each grows from a few kB to SEGMENT_MAX_BYTES, and keeps its memory when reused.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "otlp/common/lock.h"

struct scope; /* otlp/tracer.h: resource and scope, encoded once */

struct segment {
    struct segment *next; /* for whoever owns the segment at the moment */
    const struct scope *scope;
    uint8_t *data;
    size_t capacity;
    size_t start;   /* of the spans; the head ends here */
    size_t n_bytes; /* of the spans */
    uint32_t n_spans;
};

/* The bound in bytes, and the segments that wait to be used again. */
struct segment_pool {
    size_t max_bytes;
    _Atomic size_t used_bytes; /* capacity of all segments and of the blocks of live spans */
    struct lock lock;          /* guards free */
    struct segment *free;
};

/*
 * Writes the head in front of the spans (once; later calls return the same) and returns the request
 * body: a whole ExportTraceServiceRequest. Borrowed from the segment.
 */
const uint8_t *segment_body(struct segment *segment, size_t *n_bytes);

/* Gives the segment back to its pool. */
void segment_release(struct segment_pool *pool, struct segment *segment);

/*
 * Frees a segment and its memory without touching its pool, which may be gone: for a segment whose
 * bytes a transport still reads when the exporter had to leave it behind. NULL is fine.
 */
void segment_free(struct segment *segment);
