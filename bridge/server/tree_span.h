/*
 * A span as a tree shows it: ids, times, status, and its details as finished lines of text.
 *
 * Made once when the span arrives, so that a span that waits for its trace costs little more than
 * the text that will be printed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "otlp/decode.h"

struct tree_span {
    struct tree_span *next; /* of its trace, in order of arrival */
    uint8_t trace_id[16], span_id[8], parent_id[8];
    bool has_parent;       /* parent_id is not empty */
    bool is_parent_remote; /* its parent is known to be in another process (A46) */
    bool is_error, is_ok;
    uint64_t start_ns, end_ns; /* end >= start */
    char *name;                /* visible text, with the kind when it is not internal */
    char *service;             /* visible text; "" when not known */
    char *details;             /* lines, each ending in a line feed */
    size_t n_bytes;            /* of all of it */

    /* Set while its trace is laid out. */
    struct tree_span *parent, *first_child, *last_child, *sibling;
    size_t arrival; /* its place in the trace's list */
    size_t walk;    /* the search for cycles that passed here */
};

/* What shows below a span. */
struct tree_span_style {
    bool is_ascii;
    bool has_details; /* false: the status' message only */
};

/* NULL when memory is short. */
struct tree_span *tree_span_new(const Otlp__Span *span, const Otlp__Resource *resource,
                                const struct tree_span_style *style);
/* NULL is fine; returns NULL. */
struct tree_span *tree_span_free(struct tree_span *span);
