/*
 * Writing to one part of a span's block, within the bound of the whole: for the files that make up
 * otlp/span.h.
 *
 * The parts share max_span_bytes, so each write is bracketed: what is left becomes the part's
 * maximum, and what was used is taken off afterwards.
 */
#pragma once

#include "otlp/bounds.h"
#include "otlp/common/macro.h"
#include "otlp/provider.h"
#include "otlp/span_pool.h"

/* Sizes of fields. */
enum {
    TRACE_ID_FIELD = 18,
    SPAN_ID_FIELD = 10,
    KIND_FIELD = 2,
    TIME_FIELD = 9,
    FLAGS_FIELD = 6, /* of a span: two bytes of tag */
    LINK_FLAGS_FIELD = 5,
    COUNT_FIELD = 6,                                         /* at most */
    FIXED_BYTES = TIME_FIELD + 3 * COUNT_FIELD + FLAGS_FIELD /* what the end adds to the parts */
};

struct writing {
    struct buf *out;
    size_t n_bytes, n_allocated; /* before */
};

static inline weir_otlp *span_provider(const struct otlp_span *span) {
    return span->tracer->otlp;
}

static inline struct writing span_part_begin(struct otlp_span *span, enum span_part part) {
    struct buf *out = &span->parts[part];
    size_t left = span->n_left;
    uint64_t live = atomic_load_explicit(&span_provider(span)->live_bytes, memory_order_relaxed);
    if (UNLIKELY(live > LIVE_MAX_BYTES)) {
        left = MIN(left, out->n_allocated - out->n_bytes); /* no new memory */
    }
    buf_set_max(out, out->n_bytes + left);
    return (struct writing){out, out->n_bytes, out->n_allocated};
}

static inline void span_part_end(struct otlp_span *span, const struct writing *w) {
    span->n_left -= w->out->n_bytes - w->n_bytes; /* may have shrunk: the arithmetic wraps */
    if (UNLIKELY(w->out->n_allocated != w->n_allocated)) {
        span_pool_account(span);
    }
}

/* The same; false, and all as before, when not all of it found room. */
static inline bool span_part_end_whole(struct otlp_span *span, const struct writing *w) {
    bool is_whole = buf_error(w->out) == 0;
    if (UNLIKELY(!is_whole)) {
        buf_truncate(w->out, w->n_bytes);
        w->out->error = 0;
    }
    span_part_end(span, w);
    return is_whole;
}

/* Name, kind and start time: the end of SPAN_HEAD, written again when the name changes. */
void span_put_name(struct otlp_span *span, struct buf *head, const char *name);
