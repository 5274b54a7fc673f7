#include "bridge/server/tree_shape.h"

#include <stdlib.h>
#include <string.h>

#include <weir/error.h>

#include "otlp/common/alloc.h"
#include "otlp/common/macro.h"

static int compare_ids(const void *left, const void *right) {
    const struct tree_span *a = *(struct tree_span *const *)left;
    const struct tree_span *b = *(struct tree_span *const *)right;
    int order = memcmp(a->span_id, b->span_id, sizeof(a->span_id));
    return order != 0 ? order : (a->arrival > b->arrival) - (a->arrival < b->arrival);
}

static int compare_starts(const void *left, const void *right) {
    const struct tree_span *a = *(struct tree_span *const *)left;
    const struct tree_span *b = *(struct tree_span *const *)right;
    int order = (a->start_ns > b->start_ns) - (a->start_ns < b->start_ns);
    return order != 0 ? order : (a->arrival > b->arrival) - (a->arrival < b->arrival);
}

/* The spans of a trace sorted by id. NULL: no memory. */
static struct tree_span **sort_by_id(const struct tree_trace *trace) {
    struct tree_span **sorted = mem_array(trace->n_spans + 1, sizeof(struct tree_span *));
    size_t n = 0;
    for (struct tree_span *span = trace->spans; sorted != NULL && span != NULL; span = span->next) {
        span->arrival = n;
        sorted[n++] = span;
    }
    if (sorted != NULL) {
        qsort(sorted, n, sizeof(struct tree_span *), compare_ids);
    }
    return sorted;
}

static struct tree_span *find_parent(struct tree_span *const *sorted, size_t n_spans,
                                     const struct tree_span *span) {
    size_t from = 0, to = n_spans;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int order = memcmp(sorted[middle]->span_id, span->parent_id, sizeof(span->parent_id));
        if (order == 0) {
            return sorted[middle];
        }
        if (order < 0) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return NULL;
}

/* A sender that missed an answer sends again: the first of each id stays. */
static void drop_repeated(struct tree_shape *shape) {
    size_t n_kept = 0;
    for (size_t i = 0; i < shape->n_spans; i++) {
        struct tree_span *span = shape->spans[i];
        if (n_kept > 0 &&
            memcmp(shape->spans[n_kept - 1]->span_id, span->span_id, sizeof(span->span_id)) == 0) {
            shape->n_twice++;
        } else {
            shape->spans[n_kept++] = span;
        }
    }
    shape->n_spans = n_kept;
}

/* Broken senders make spans that are their own ancestors. The one where a walk up meets itself
 * loses its parent. */
static void cut_cycle(struct tree_span *span, size_t walk) {
    while (span != NULL && span->walk == 0) {
        span->walk = walk;
        if (span->parent != NULL && span->parent->walk == walk) {
            span->parent = NULL;
        }
        span = span->parent;
    }
}

static void link_spans(struct tree_shape *shape) {
    struct tree_span *last_of_top = NULL;
    for (size_t i = 0; i < shape->n_spans; i++) {
        struct tree_span *span = shape->spans[i];
        span->first_child = span->last_child = span->sibling = NULL;
        span->walk = 0;
        span->parent = span->has_parent ? find_parent(shape->spans, shape->n_spans, span) : NULL;
    }
    for (size_t i = 0; i < shape->n_spans; i++) {
        cut_cycle(shape->spans[i], i + 1);
    }
    qsort(shape->spans, shape->n_spans, sizeof(struct tree_span *), compare_starts);
    for (size_t i = 0; i < shape->n_spans; i++) {
        struct tree_span *span = shape->spans[i], *parent = span->parent;
        struct tree_span **first = parent != NULL ? &parent->first_child : &shape->first;
        struct tree_span **last = parent != NULL ? &parent->last_child : &last_of_top;
        *(*first == NULL ? first : &(*last)->sibling) = span;
        *last = span;
    }
}

int tree_shape_init(struct tree_shape *shape, const struct tree_trace *trace) {
    *shape = (struct tree_shape){.spans = sort_by_id(trace), .n_spans = trace->n_spans};
    if (shape->spans == NULL) {
        return WEIR_E_NO_MEMORY;
    }
    drop_repeated(shape);
    link_spans(shape);
    return 0;
}

void tree_shape_deinit(struct tree_shape *shape) {
    mem_free(shape->spans);
    shape->spans = NULL;
}

struct tree_place tree_shape_next(struct tree_place place) {
    struct tree_span *span = place.span;
    if (span->first_child != NULL) {
        return (struct tree_place){span->first_child, place.depth + 1};
    }
    while (span != NULL && span->sibling == NULL) {
        span = span->parent;
        place.depth -= span != NULL;
    }
    return (struct tree_place){span != NULL ? span->sibling : NULL, place.depth};
}

bool tree_shape_is_whole(const struct tree_trace *trace) {
    CLEANUP(mem_cleanup) struct tree_span **sorted = sort_by_id(trace);
    bool has_root = false;
    for (struct tree_span *span = trace->spans; sorted != NULL && span != NULL; span = span->next) {
        has_root = has_root || !span->has_parent;
        if (span->has_parent && find_parent(sorted, trace->n_spans, span) == NULL) {
            return false;
        }
    }
    return has_root;
}
