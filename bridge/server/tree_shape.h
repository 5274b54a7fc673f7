/*
 * Who is whose child in a trace, whatever its senders sent: spans that came twice, whose parent is
 * missing, or that are their own ancestors.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "bridge/server/tree_span.h"

struct tree_trace {
    struct tree_span *spans; /* in order of arrival */
    size_t n_spans;
    bool is_continued; /* a part of it was printed before */
};

struct tree_shape {
    struct tree_span **spans; /* each id once, in order of their start */
    size_t n_spans;
    size_t n_twice;          /* spans left out because their id was there */
    struct tree_span *first; /* of the top level; the others are its siblings */
};

/* Sets parent, children and siblings of the trace's spans. WEIR_E_NO_MEMORY: deinit does no harm.
 */
int tree_shape_init(struct tree_shape *shape, const struct tree_trace *trace);
void tree_shape_deinit(struct tree_shape *shape);

/* A span and how many ancestors it has. */
struct tree_place {
    struct tree_span *span;
    size_t depth;
};

/* The next one from top to bottom; a NULL span behind the last. Begin with {shape->first, 0}. */
struct tree_place tree_shape_next(struct tree_place place);

/*
 * True when there is a root and every other span's parent: nothing is known to be missing. False
 * also when memory is short.
 */
bool tree_shape_is_whole(const struct tree_trace *trace);
