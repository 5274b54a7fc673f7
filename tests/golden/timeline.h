/*
 * What the hooks of a recording say of themselves: which calls, steps, spans and pulls there were,
 * and which recorded span each of them became. The rules of the improvements are stated on these.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "tests/golden/scenario.h"
#include "tests/golden/span_list.h"

enum life_kind { LIFE_CALL, LIFE_STEP, LIFE_SPAN, LIFE_PULL };

/* One thing that begins and, mostly, ends. */
struct life {
    enum life_kind kind;
    const weir_lifecycle_event *begin;
    const weir_lifecycle_event *end; /* NULL: it never ended */
    const struct life *owner;        /* a step's call; a span's or pull's step; NULL: none */
    bool began_stream;               /* of a step */
    bool holds_span;                 /* of a pull: something was opened below it */
    bool holds_attribute;            /* of a pull: an attribute of the step was set during it */
    struct golden_span *span;        /* as recorded; NULL: none */
};

struct timeline {
    struct life *items; /* in the order they began */
    size_t n, capacity;
};

struct timeline timeline_build(struct arena *arena, const struct scenario *scenario);

/* True when the mode makes chunk spans; when a streaming step has an action span. */
bool mode_has_chunks(weir_streaming_mode mode);
bool mode_has_action(weir_streaming_mode mode);

/* Ties the recorded spans of a mode, and their stream events, to what they stand for. */
void timeline_match(struct arena *arena, struct timeline *timeline, const struct scenario *scenario,
                    struct span_list *spans, weir_streaming_mode mode);

/* Something was begun and never ended, so its span was never exported. */
bool timeline_leaks(const struct timeline *timeline);

/* The step whose attributes the hook sets (they have no span of their own); NULL: none. */
const struct life *timeline_step_of(const struct timeline *timeline,
                                    const weir_lifecycle_event *hook);
/* The pull of a step that was open at the hook; NULL: none. */
struct life *timeline_pull_at(const struct timeline *timeline, const struct life *step,
                              const weir_lifecycle_event *hook);
