/*
 * The steps of a log that are not finished, and the spans below them: what records join to what.
 *
 * A step is finished at the next begin_entry after its end_entry, because attributes, span ends and
 * the end of its stream may follow that.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/otlp.h>

struct otlp_span;

/* A span that the application opened. */
struct replay_span {
    struct replay_span *next; /* newest first */
    char *uid;
    struct otlp_span *span; /* NULL: given away already */
    weir_otlp_context context;
    uint64_t begin_ns;
    bool has_end;
    uint64_t end_ns;
};

/* What end_stream says. */
struct replay_stream {
    bool has_begun;
    bool has_generation, has_consumer, has_first_item, has_items;
    double generation_ms, consumer_ms, first_item_ms;
    int64_t n_items;
};

struct replay_step {
    struct replay_step *next; /* newest first */
    int64_t sequence_id;
    char *action;
    uint64_t line; /* of its begin_entry */
    struct otlp_span *span;
    weir_otlp_context context;
    uint64_t begin_ns;
    bool has_end;
    uint64_t end_ns;
    uint64_t last_ns;   /* of any of its records */
    char *exception;    /* NULL: none */
    size_t n_exception; /* bytes */
    struct replay_stream stream;
    struct replay_span *spans;
    size_t n_spans;
};

struct replay_steps {
    struct replay_step *newest;
    size_t n;
};

/* NULL: no memory. `action` is copied. */
struct replay_step *replay_steps_add(struct replay_steps *steps, int64_t sequence_id,
                                     const char *action);
/* Takes it out of the list; the caller frees it. */
void replay_steps_remove(struct replay_steps *steps, struct replay_step *step);
struct replay_step *replay_step_free(struct replay_step *step);

/* The newest step of a sequence id: a run that was resumed may repeat ids. NULL: none. */
struct replay_step *replay_steps_find(const struct replay_steps *steps, int64_t sequence_id);
/* The newest step of that id and action that has no end yet: what an end_entry ends. */
struct replay_step *replay_steps_find_open(const struct replay_steps *steps, int64_t sequence_id,
                                           const char *action);
/* The oldest step; with_end: the oldest that has one. NULL: none. */
struct replay_step *replay_steps_oldest(const struct replay_steps *steps, bool with_end);

/* NULL: no memory. `uid` is copied. */
struct replay_span *replay_step_add_span(struct replay_step *step, const char *uid);
void replay_span_free(struct replay_span *span);
/* The newest span of that uid; NULL: none. */
struct replay_span *replay_step_find_span(const struct replay_step *step, const char *uid);
/* The same that has no end yet. */
struct replay_span *replay_step_find_open_span(const struct replay_step *step, const char *uid);
