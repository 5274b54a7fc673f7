/*
 * Spans of one trace, laid out as text.
 */
#pragma once

#include "bridge/server/tree.h"
#include "bridge/server/tree_span.h"

struct tree_trace {
    struct tree_span *spans; /* in order of arrival */
    size_t n_spans;
    bool is_continued; /* a part of it was printed before */
};

/*
 * True when there is a root and every other span's parent: nothing is known to be missing. False
 * also when memory is short.
 */
bool tree_layout_is_whole(const struct tree_trace *trace);

/* Appends the tree. Of spans with the same id the first is shown. The buffer's error says when
 * memory was short. */
void tree_layout_append(struct buf *out, const struct tree_trace *trace,
                        const struct tree_options *options);
