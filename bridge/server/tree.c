#include "bridge/server/tree.h"

#include <string.h>

#include <weir/error.h>

#include "bridge/server/bounds.h"
#include "bridge/server/tree_layout.h"
#include "bridge/server/tree_span.h"
#include "otlp/common/alloc.h"
#include "otlp/common/hash.h"
#include "otlp/common/id.h"
#include "otlp/common/macro.h"

enum { N_BUCKETS = 1024, N_PRINTED_WAYS = 4 };

/* A trace that waits for spans. */
struct waiting {
    uint8_t trace_id[16];
    struct tree_trace trace;
    struct tree_span **end; /* where the next span is linked */
    size_t n_bytes;
    uint64_t touched_ns; /* when its last span came */
    bool has_root, is_touched;
    struct waiting *in_bucket;
    struct waiting *older, *newer; /* in order of their first span */
};

struct tree {
    struct tree_options options;
    struct tree_span_style style;
    struct waiting *buckets[N_BUCKETS];
    struct waiting *oldest, *newest;
    size_t n_traces, n_spans, n_bytes;
    uint64_t seed; /* ids come from strangers: they must not choose their bucket */
    /* Ids of traces printed, the newest in place of an older one: a cache that may forget. */
    uint8_t (*printed)[16];
    size_t n_printed;
};

struct tree *tree_new(const struct tree_options *options) {
    struct tree *tree = mem_zalloc(sizeof(*tree));
    uint8_t(*printed)[16] = mem_zalloc(sizeof(*printed) * TREE_MAX_PRINTED_TRACES);
    if (tree == NULL || printed == NULL) {
        mem_free(tree);
        mem_free(printed);
        return NULL;
    }
    tree->options = *options;
    tree->options.max_bytes = options->max_bytes != 0 ? options->max_bytes : TREE_MAX_BYTES;
    tree->options.max_traces = options->max_traces != 0 ? options->max_traces : TREE_MAX_TRACES;
    tree->style = (struct tree_span_style){options->is_ascii, options->has_details};
    tree->seed = id_random();
    tree->printed = printed;
    return tree;
}

/* ---- traces already printed ---- */

static uint8_t (*printed_set(struct tree *tree, const uint8_t trace_id[16]))[16] {
    size_t set =
        hash_for_table(trace_id, 16, tree->seed) % (TREE_MAX_PRINTED_TRACES / N_PRINTED_WAYS);
    return tree->printed + set * N_PRINTED_WAYS;
}

static bool was_printed(struct tree *tree, const uint8_t trace_id[16]) {
    static const uint8_t none[16]; /* a broken sender's id, and a free place */
    if (memcmp(trace_id, none, sizeof(none)) == 0) {
        return false;
    }
    uint8_t(*set)[16] = printed_set(tree, trace_id);
    for (size_t i = 0; i < N_PRINTED_WAYS; i++) {
        if (memcmp(set[i], trace_id, 16) == 0) {
            return true;
        }
    }
    return false;
}

static void note_printed(struct tree *tree, const uint8_t trace_id[16]) {
    if (!was_printed(tree, trace_id)) {
        uint8_t(*set)[16] = printed_set(tree, trace_id);
        memcpy(set[tree->n_printed++ % N_PRINTED_WAYS], trace_id, 16);
    }
}

/* ---- traces that wait ---- */

static struct waiting **bucket_of(struct tree *tree, const uint8_t trace_id[16]) {
    return &tree->buckets[hash_for_table(trace_id, 16, tree->seed) % N_BUCKETS];
}

static struct waiting *find(struct tree *tree, const uint8_t trace_id[16]) {
    struct waiting *at = *bucket_of(tree, trace_id);
    while (at != NULL && memcmp(at->trace_id, trace_id, sizeof(at->trace_id)) != 0) {
        at = at->in_bucket;
    }
    return at;
}

static struct waiting *add_waiting(struct tree *tree, const uint8_t trace_id[16]) {
    struct waiting *waiting = mem_zalloc(sizeof(*waiting));
    if (waiting == NULL) {
        return NULL;
    }
    memcpy(waiting->trace_id, trace_id, sizeof(waiting->trace_id));
    waiting->end = &waiting->trace.spans;
    waiting->trace.is_continued = was_printed(tree, trace_id);
    struct waiting **bucket = bucket_of(tree, trace_id);
    waiting->in_bucket = *bucket;
    *bucket = waiting;
    waiting->older = tree->newest;
    *(tree->newest != NULL ? &tree->newest->newer : &tree->oldest) = waiting;
    tree->newest = waiting;
    tree->n_traces++;
    return waiting;
}

static void remove_waiting(struct tree *tree, struct waiting *waiting) {
    struct waiting **at = bucket_of(tree, waiting->trace_id);
    while (*at != waiting) {
        at = &(*at)->in_bucket;
    }
    *at = waiting->in_bucket;
    *(waiting->older != NULL ? &waiting->older->newer : &tree->oldest) = waiting->newer;
    *(waiting->newer != NULL ? &waiting->newer->older : &tree->newest) = waiting->older;
    tree->n_traces--;
    tree->n_spans -= waiting->trace.n_spans;
    tree->n_bytes -= waiting->n_bytes;
    while (waiting->trace.spans != NULL) {
        struct tree_span *next = waiting->trace.spans->next;
        tree_span_free(waiting->trace.spans);
        waiting->trace.spans = next;
    }
    mem_free(waiting);
}

static void print(struct tree *tree, struct waiting *waiting, struct buf *out) {
    tree_layout_append(out, &waiting->trace, &tree->options);
    note_printed(tree, waiting->trace_id);
    remove_waiting(tree, waiting);
}

static void print_oldest_while_full(struct tree *tree, struct buf *out) {
    while (tree->n_bytes > tree->options.max_bytes || tree->n_traces > tree->options.max_traces) {
        print(tree, tree->oldest, out);
    }
}

static int add_span(struct tree *tree, struct tree_span *span, uint64_t now_ns) {
    struct waiting *waiting = find(tree, span->trace_id);
    if (waiting == NULL) {
        waiting = add_waiting(tree, span->trace_id);
    }
    if (waiting == NULL) {
        tree_span_free(span);
        return WEIR_E_NO_MEMORY;
    }
    *waiting->end = span;
    waiting->end = &span->next;
    waiting->trace.n_spans++;
    waiting->has_root = waiting->has_root || !span->has_parent;
    waiting->is_touched = true;
    waiting->touched_ns = now_ns;
    waiting->n_bytes += span->n_bytes;
    tree->n_bytes += span->n_bytes;
    tree->n_spans++;
    return 0;
}

static int add_scope(struct tree *tree, const Otlp__ScopeSpans *scope,
                     const Otlp__Resource *resource, uint64_t now_ns) {
    int error = 0;
    for (size_t i = 0; i < scope->n_spans; i++) {
        struct tree_span *span = tree_span_new(scope->spans[i], resource, &tree->style);
        int added = span != NULL ? add_span(tree, span, now_ns) : WEIR_E_NO_MEMORY;
        error = error != 0 ? error : added;
    }
    return error;
}

/* A continuation has no root of its own to wait for: what came with one request is printed. */
static void print_whole(struct tree *tree, struct buf *out) {
    struct waiting *next;
    for (struct waiting *at = tree->oldest; at != NULL; at = next) {
        next = at->newer;
        bool is_candidate = at->is_touched && (at->has_root || at->trace.is_continued);
        at->is_touched = false;
        if (is_candidate && (at->trace.is_continued || tree_shape_is_whole(&at->trace))) {
            print(tree, at, out);
        }
    }
}

int tree_add(struct tree *tree, const Otlp__ExportTraceServiceRequest *request, uint64_t now_ns,
             struct buf *out) {
    int error = 0;
    for (size_t i = 0; i < request->n_resource_spans; i++) {
        const Otlp__ResourceSpans *resource_spans = request->resource_spans[i];
        for (size_t j = 0; j < resource_spans->n_scope_spans; j++) {
            int added =
                add_scope(tree, resource_spans->scope_spans[j], resource_spans->resource, now_ns);
            error = error != 0 ? error : added;
        }
    }
    print_whole(tree, out);
    print_oldest_while_full(tree, out);
    return error;
}

void tree_tick(struct tree *tree, uint64_t now_ns, struct buf *out) {
    struct waiting *next;
    for (struct waiting *at = tree->oldest; at != NULL && tree->options.idle_ns != 0; at = next) {
        next = at->newer;
        if (now_ns - at->touched_ns >= tree->options.idle_ns) {
            print(tree, at, out);
        }
    }
}

void tree_flush(struct tree *tree, struct buf *out) {
    while (tree->oldest != NULL) {
        print(tree, tree->oldest, out);
    }
}

size_t tree_n_waiting(const struct tree *tree) {
    return tree->n_spans;
}

struct tree *tree_free(struct tree *tree) {
    if (tree != NULL) {
        while (tree->oldest != NULL) {
            remove_waiting(tree, tree->oldest);
        }
        mem_free(tree->printed);
        mem_free(tree);
    }
    return NULL;
}
