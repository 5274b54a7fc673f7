/*
 * Spans as the recordings tell them: in the order they ended, parents and traces by place, values
 * as a tree. What the reference recorded and what came out of weir both become one of these.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <weir/value.h>

#include "otlp/common/json_text.h"
#include "tests/golden/arena.h"

struct life; /* tests/golden/timeline.h */

struct attribute_list {
    weir_key_value *items;
    size_t n;
};

struct golden_event {
    const char *name;
    uint64_t unix_ns;
    struct attribute_list attributes;
    const struct life *step; /* whose stream it sums up; NULL: unknown */
};

struct golden_span {
    const char *name;
    const char *kind;        /* "INTERNAL" … */
    const char *status;      /* "OK", "ERROR", "UNSET" */
    const char *description; /* never NULL: absent equals empty */
    uint64_t start_ns, end_ns;
    struct golden_span *parent; /* NULL: a root, or a span that never ended */
    bool has_unlisted_parent;   /* it has a parent that is not in the list */
    int64_t trace;              /* equal numbers: the same trace */
    struct attribute_list attributes;
    struct golden_event *events;
    size_t n_events;
    const struct life *life; /* the begin and end hooks it stands for; NULL: unknown */
};

struct span_list {
    struct golden_span **items;
    size_t n, capacity;
};

/* Reads spans.<mode> of a recording. NULL, or what is wrong with it. */
const char *span_list_parse(struct arena *arena, struct json_slice array, struct span_list *out);

void span_list_insert(struct arena *arena, struct span_list *list, size_t at,
                      struct golden_span *span);
void span_list_remove(struct span_list *list, size_t at);
size_t span_list_find(const struct span_list *list, const struct golden_span *span); /* or n */

/* Sets an attribute as a span does: a key that was set before goes, the new one comes last. */
void attribute_list_set(struct arena *arena, struct attribute_list *list, const char *key,
                        const weir_value *value);
void attribute_list_prepend(struct arena *arena, struct attribute_list *list, const char *key,
                            const weir_value *value);
bool attribute_list_remove(struct attribute_list *list, const char *key);
const weir_value *attribute_list_find(const struct attribute_list *list, const char *key);

/*
 * The first difference, or NULL when the lists are equal (ids aside). may_leak: spans were begun
 * and not ended, so a parent may be missing from the list.
 */
const char *span_list_difference(struct arena *arena, const struct span_list *expected,
                                 const struct span_list *observed, bool may_leak);
