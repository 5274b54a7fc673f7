/*
 * Writing to one part of a span's block: for the files that make up otlp/span.h.
 *
 * The parts share max_span_bytes: their capacities together never exceed it. So a write within a
 * part's capacity needs no further look, and only growth (rare, objects are pooled) has to share
 * out anew what is left.
 */
#pragma once

#include <string.h>

#include "otlp/common/macro.h"
#include "otlp/common/utf8.h"
#include "otlp/encode.h"
#include "otlp/provider.h"
#include "otlp/span_pool.h"
#include "otlp/tags.h"
#include "otlp/wire.h"

/* Sizes of fields. */
enum {
    TRACE_ID_FIELD = 18,
    SPAN_ID_FIELD = 10,
    KIND_FIELD = 2,
    TIME_FIELD = 9,
    FLAGS_FIELD = 6, /* of a span: two bytes of tag */
    LINK_FLAGS_FIELD = 5,
};

static inline weir_otlp *span_provider(const struct otlp_span *span) {
    return span->tracer->otlp;
}

/* Counts bad arguments. */
static inline void span_count_refused(const struct otlp_span *span, uint64_t n) {
    if (UNLIKELY(n > 0)) {
        atomic_fetch_add_explicit(&span_provider(span)->n_refused, n, memory_order_relaxed);
    }
}

struct writing {
    struct buf *out;
    size_t n_bytes, n_allocated; /* before */
};

static inline struct writing span_part_begin(struct otlp_span *span, enum span_part part) {
    struct buf *out = &span->parts[part];
    return (struct writing){out, out->n_bytes, out->n_allocated};
}

static inline void span_part_end(struct otlp_span *span, const struct writing *w) {
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
static inline void span_put_name(struct otlp_span *span, struct buf *head, const char *name) {
    size_t n_name = strlen(name), n_field = n_name > 0 ? wire_field_size(n_name) : 0;
    size_t before = head->n_bytes;
    uint8_t *at = buf_reserve(head, n_field + KIND_FIELD + TIME_FIELD);
    if (LIKELY(at != NULL && n_name > 0)) {
        uint8_t *text = wire_put_head(at, TAG_SPAN_NAME, n_name);
        at += n_field;
        if (UNLIKELY(!wire_copy_is_ascii(text, name, n_name)) && !utf8_is_valid(name, n_name)) {
            buf_truncate(head, before);
            encode_text(head, TAG_SPAN_NAME, name, n_name);
            at = buf_reserve(head, KIND_FIELD + TIME_FIELD);
        }
    }
    if (LIKELY(at != NULL)) {
        at = wire_put_number(at, TAG_SPAN_KIND, span->kind);
        (void)wire_put_fixed64(at, TAG_SPAN_START_TIME, span->start_unix_ns);
    }
}
