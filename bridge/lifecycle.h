/*
 * What happens to lifecycle objects, one function an event: the rules of order live here, and both
 * doors, handles and weir_emit, come through. Times are arguments. Every function is called with
 * the app's lock taken and returns with it taken; it may be given back in between (core_tell), so
 * after a call only the objects named in it are sure to be there.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <weir/weir.h>

#include "bridge/core.h"

/* ---- calls ---- */

struct call_start {
    weir_method method;
    bool is_parallel;
    struct clock_anchor anchor;      /* both clocks now; a silent call keeps its outer call's */
    const weir_otlp_context *parent; /* of the method span; NULL: root */
};
/* The new call, or NULL (no memory, counted). */
struct call *call_open(struct app *app, const struct call_start *start);
void call_close(struct call *call, struct moment when, const weir_error *error);

/* ---- steps ---- */

struct step_start {
    const char *action;
    bool streams;
    bool has_sequence_id;
    int64_t sequence_id; /* else the app counts */
    const char *inputs;
    const weir_value *inputs_value;
};
/* call NULL: a step outside of any call. */
struct step *step_open(struct app *app, struct call *call, struct moment when,
                       const struct clock_anchor *anchor, const struct step_start *start);
/* result: NULL, or read whole. */
void step_close(struct step *step, struct moment when, const weir_step_result *result);

/* ---- spans and attributes ---- */

struct span_begin_at {
    const char *name;
    const char *const *dependencies;
    const char *uid; /* NULL: made from the parent's */
};
struct span *span_open(struct step *step, struct span *parent, struct moment when,
                       const struct span_begin_at *start);
void span_close(struct span *span, struct moment when);
/* span NULL: on the step itself. when NULL: now. Attributes that cannot be kept are counted and
 * left out. */
void attributes_log(struct step *step, struct span *span, const struct moment *when,
                    const weir_key_value *attributes, size_t n_attributes);

/*
 * True, at the end of a begin, when nobody has a use for what is said by the handle of the span, or
 * with NULL of the step itself or its stream. It stays so, because who listens is fixed at open and
 * what is recorded at the begin.
 */
bool lifecycle_is_unheard(struct step *step, struct span *span);
/* Notes it of a span or a step. */
void lifecycle_note_unheard(struct object *object, struct step *step, struct span *span);

/* ---- streams ---- */

struct stream *stream_open(struct step *step, struct moment when);
void stream_pull_begin(struct stream *stream, struct moment when);
/* outcome FAILED: with its error. */
void stream_pull_end(struct stream *stream, struct moment when, weir_pull_outcome outcome,
                     const weir_error *error, const weir_value *item);
/* The item, or NULL (counted) when it makes no sense. NULL is fine. */
const weir_value *stream_sound_item(struct weir *w, const weir_value *item);
void stream_item(struct stream *stream, struct moment when, const weir_value *item);
void stream_abandon(struct stream *stream);
void stream_close(struct stream *stream, struct moment when);

/* The step is about to end, maybe with an error: an open pull ends, a stream without one is
 * finished. */
void stream_settle(struct step *step, struct moment when, const weir_error *error);
/* Tells post_end_stream of a step that has ended, if its stream has. */
void stream_tell_end(struct step *step, struct moment when);

/* GeneratorExit with an empty text: what an abandoned stream ends with. */
extern const weir_error lifecycle_abandoned;
bool lifecycle_is_abandonment(const weir_error *error);
