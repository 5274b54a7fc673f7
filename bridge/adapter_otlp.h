/*
 * The OTLP bridge as an adapter: lifecycle events become spans, under one of four streaming modes.
 *
 * adapter_otlp.c: method, action and user spans, and where things go that are set below a step.
 * adapter_otlp_stream.c: what the modes make of a stream.
 * adapter_otlp_content.c: inputs, results, states and items, as far as they may be kept.
 * All functions are called under the app's lock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <weir/weir.h>

#include "bridge/core.h"

/*
 * The context that a span opened below the step now gets as parent. In a chunk mode the open pull's
 * chunk span is made for it. false: none.
 */
bool adapter_otlp_context_below(struct step *step, weir_otlp_context *out);

/*
 * False when nothing that is said of the span (NULL: of the step itself, or its stream) can reach
 * OTLP, now or later: nothing there is recorded.
 */
bool adapter_otlp_hears(const struct weir *w, struct step *step, struct span *span);

/* Attributes of a span, or of the step itself: what the hook does, for when nobody else listens. */
void adapter_otlp_attributes(struct weir *w, struct step *step, struct span *span,
                             const weir_key_value *attributes, size_t n_attributes);

/* An event, or an ERROR status, on the span of a span, or where attributes of the step go. */
void adapter_otlp_event(struct weir *w, struct step *step, struct span *span, uint64_t unix_ns,
                        const char *name, const weir_key_value *attributes, size_t n_attributes);
void adapter_otlp_error(struct weir *w, struct step *step, struct span *span, uint64_t unix_ns,
                        const weir_error *error);

/* ---- between the files ---- */

/* Makes a context a part's own, with a copy of its trace state (left out when memory is short). */
void otlp_part_take(struct otlp_part *part, const weir_otlp_context *context);
/* Begins the span of a part below `parent` (NULL: root) and keeps its context. */
void otlp_part_begin(struct weir *w, struct otlp_part *part, const char *name,
                     const weir_otlp_context *parent, uint64_t unix_ns);
/* Sets the status that an error, or none, means, and ends. Nothing if it has no open span. */
void otlp_part_end(struct weir *w, struct otlp_part *part, const weir_error *error,
                   uint64_t unix_ns);
/* Ends without a status: its parent ended first. */
void otlp_part_cut(struct otlp_part *part, uint64_t unix_ns);

/* The text of an error as spans tell it. */
const char *otlp_error_text(const struct weir *w, const weir_error *error);

void otlp_set_text(struct otlp_part *part, const char *key, const char *text);
void otlp_set_int(struct otlp_part *part, const char *key, int64_t number);

/* With lists and objects in the attributes as weir_set takes them. */
void otlp_add_event(struct weir *w, struct otlp_part *part, uint64_t unix_ns, const char *name,
                    const weir_key_value *attributes, size_t n_attributes);

/* Where attributes of the step itself go; NULL: nowhere. */
struct otlp_part *otlp_attribute_part(struct weir *w, struct step *step);
/* The method span's part, or NULL for a step outside of calls. */
struct otlp_part *otlp_method_part(struct step *step);
/* The context of the step's parent: the method span, else the app's remote parent; NULL: none. */
const weir_otlp_context *otlp_step_parent(struct step *step);
/* Begins the action span, with its identity. */
void otlp_action_begin(struct weir *w, struct step *step);

/* True when the mode makes chunk spans. */
bool otlp_mode_has_chunks(const struct weir *w);
/* True when a streaming step has an action span in this mode. */
bool otlp_mode_has_action(const struct weir *w);

/* The open pull's chunk span, made now if it was not; NULL when no pull is open or the mode has
 * none. */
struct otlp_part *otlp_chunk_part(struct weir *w, struct step *step);
void otlp_on_pulled(struct weir *w, const struct scene *scene, const weir_lifecycle_event *event);

/* Without chunk spans, an item's content is an event. */
void otlp_on_item(struct weir *w, const struct scene *scene, const weir_lifecycle_event *event);

/* What was captured of a step's inputs; of its result and state, on the span that ends with it; of
 * an item. Only where content is wanted. */
void otlp_put_inputs(struct weir *w, struct step *step, const weir_lifecycle_event *event);
void otlp_put_outcome(struct weir *w, struct step *step, struct otlp_part *part,
                      const weir_lifecycle_event *event);
void otlp_put_item(struct step *step, struct otlp_part *chunk, const weir_lifecycle_event *event);

/*
 * Ends what OTLP has of a step: its stream's data go where the mode puts them, its spans end.
 * `event`: its end; NULL when the call ends first: spans then end without a status.
 */
void otlp_step_finish(struct weir *w, struct step *step, uint64_t unix_ns,
                      const weir_lifecycle_event *event);
