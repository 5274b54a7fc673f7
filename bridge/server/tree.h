/*
 * Spans become trees that a person likes to read.
 *
 * Requests bring spans in any order and in pieces: children usually come before their parents. A
 * trace is printed when it looks whole: its root has arrived and no span misses its parent. One
 * that does not get there is printed when nothing of it has come for a while, when too much is
 * waiting, or at the end; spans without their parent are then shown beside the root, with a note.
 * Spans that come after their trace was printed are printed as its continuation.
 *
 * It takes requests and times and appends text to a buffer: no clock, no file, no terminal of its
 * own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "otlp/common/buf.h"
#include "otlp/decode.h"

struct tree_options {
    size_t columns;    /* of the terminal; longer lines are cut. 0: lines as long as they are */
    bool is_ascii;     /* no lines and blocks beyond ASCII */
    bool has_colour;   /* ANSI colours */
    bool has_details;  /* false: no attributes, events and links */
    uint64_t idle_ns;  /* how long a trace that is not whole waits; 0: until the end */
    size_t max_bytes;  /* of waiting spans; 0: TREE_MAX_BYTES */
    size_t max_traces; /* that wait; 0: TREE_MAX_TRACES */
};

struct tree;

/* NULL when memory is short. */
struct tree *tree_new(const struct tree_options *options);
/* Frees it, and what still waits. NULL is fine; returns NULL. */
struct tree *tree_free(struct tree *tree);

/*
 * Takes the spans of a request that came at `now_ns` (monotonic), and appends the traces that are
 * whole now to *out. 0, or WEIR_E_NO_MEMORY: some of its spans are missing.
 */
int tree_add(struct tree *tree, const Otlp__ExportTraceServiceRequest *request, uint64_t now_ns,
             struct buf *out);

/* Appends the traces of which nothing has come for idle_ns. */
void tree_tick(struct tree *tree, uint64_t now_ns, struct buf *out);

/* Appends all that waits. */
void tree_flush(struct tree *tree, struct buf *out);

/* Spans that wait. */
size_t tree_n_waiting(const struct tree *tree);
