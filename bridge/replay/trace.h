/*
 * The spans of one replayed run: what becomes of a run, a step and a span once it is known what
 * they were. It knows nothing of lines.
 */
#pragma once

#include <stdint.h>

#include <weir/otlp.h>

#include "bridge/replay/replay.h"
#include "bridge/replay/run.h"
#include "bridge/replay/step.h"
#include "bridge/replay/value.h"

/* Where a run's root span hangs, and what it is linked to. */
struct replay_place {
    uint8_t trace_id[16];
    bool has_parent;
    weir_otlp_context parent;
    weir_otlp_context links[2];
    const char *link_kinds[2];
    size_t n_links;
};

struct replay_trace {
    const struct replay_options *options;
    struct replay_counts *counts;
    struct replay_scratch *scratch;
    const struct replay_run *run;
    const struct replay_place *place;
    struct otlp_span *root; /* NULL: not begun */
    weir_otlp_context root_context;
    uint64_t root_begin_ns;
    uint64_t last_line; /* where the last step began, of those that are finished */
    bool is_unfinished; /* that one had no end */
    char *error;        /* its error's description; NULL: none */
    int room_error;     /* of replay_trace_make_room */
};

/* Each begin: 0, or WEIR_E_NO_MEMORY. */
int replay_trace_begin(struct replay_trace *trace, uint64_t ns);
/* The root's status is that of the last step. NULL root: nothing. */
void replay_trace_end(struct replay_trace *trace, uint64_t ns);

int replay_trace_begin_step(struct replay_trace *trace, struct replay_step *step, uint64_t line,
                            uint64_t ns);
/* parent NULL: below the step. */
int replay_trace_begin_span(struct replay_trace *trace, struct replay_step *step,
                            struct replay_span *span, const struct replay_span *parent,
                            const char *name, uint64_t line, uint64_t ns);
void replay_trace_set(struct replay_trace *trace, struct otlp_span *span, const char *key,
                      struct json_slice value);

/*
 * Waits for the pipeline when it is half full, so that nothing is dropped. 0, or what
 * weir_otlp_flush said, then for ever and without waiting again: the replay is to end.
 */
int replay_trace_make_room(struct replay_trace *trace);

/* Ends the spans of a step, its own last. Makes room between them: all together may be larger than
 * the pipeline. */
void replay_trace_finish(struct replay_trace *trace, struct replay_step *step);
/* Ends the older half of the spans of a step that holds too many, and forgets them. */
void replay_trace_relieve(struct replay_trace *trace, struct replay_step *step);
