/* Steps: one execution of one action. */
#include <string.h>

#include "bridge/adapter_otlp.h"
#include "bridge/json_input.h"
#include "bridge/lifecycle.h"
#include "bridge/step.h"

const weir_error lifecycle_abandoned = {"GeneratorExit", ""};

bool lifecycle_is_abandonment(const weir_error *error) {
    return error != NULL && error->type != NULL && strcmp(error->type, "GeneratorExit") == 0 &&
           (error->text == NULL || *error->text == '\0');
}

bool lifecycle_is_unheard(struct step *step, struct span *span) {
    struct weir *w = object_app(&step->head)->weir;
    return w->is_otlp_alone && !adapter_otlp_hears(w, step, span);
}

void lifecycle_note_unheard(struct object *object, struct step *step, struct span *span) {
    object_set_unheard(object, lifecycle_is_unheard(step, span));
}

static bool graph_says_streams(const struct app *app, const char *action) {
    for (char **name = app->streaming_actions; name != NULL && *name != NULL; name++) {
        if (strcmp(*name, action) == 0) {
            return true;
        }
    }
    return false;
}

static void take_sequence_id(struct app *app, struct step *step, const struct step_start *start) {
    step->sequence_id = start->has_sequence_id ? start->sequence_id : app->next_sequence_id;
    if (step->sequence_id < INT64_MAX) {
        app->next_sequence_id = step->sequence_id + 1; /* a step that fails consumes its id too */
    }
}

static weir_value object_value(const struct blob *blob) {
    return blob != NULL ? json_value(blob) : weir_value_json("{}");
}

/* pre_run_step and what it borrows. */
struct beginning {
    struct scene scene;
    struct blob *inputs, *state;
    weir_value inputs_value, state_value;
    weir_lifecycle_event event;
    struct captured captured;
    const struct captured *seen;
};

/*
 * Before anybody can see the step: what is kept of its inputs may be asked of the host, for which
 * the lock is given back.
 */
static void prepare(struct beginning *b, struct step *step, struct moment when,
                    const struct step_start *start) {
    struct app *app = object_app(&step->head);
    b->scene = (struct scene){.app = app, .call = step->call, .step = step};
    core_count_input(app->weir, json_input(start->inputs, start->inputs_value, true, &b->inputs));
    b->state = blob_share(app->state);
    b->inputs_value = object_value(b->inputs);
    b->state_value = object_value(b->state);
    core_event(&b->event, WEIR_HOOK_PRE_RUN_STEP, &b->scene, when);
    b->event.streams = step->said_streams;
    b->event.inputs = &b->inputs_value;
    b->event.state = &b->state_value;
    b->seen = core_capture(app->weir, &b->scene, &b->event, CAPTURE_BOTH, &b->captured);
}

static void forget(struct beginning *b) {
    core_forget_captured(&b->captured);
    blob_release(b->inputs);
    blob_release(b->state);
}

/* Which step came before is of use to conventions only. Without memory nothing is said of it. */
static void remember_action(struct app *app, struct step *step) {
    if (app->weir->conventions == 0) {
        return;
    }
    (void)text_set(&step->action_before, text_get(&app->last_action), WEIR_MAX_NAME_BYTES);
    (void)text_set(&app->last_action, text_get(&step->action), WEIR_MAX_NAME_BYTES);
}

/* The filled step's begin; NULL: the app was freed while the host was asked. */
static struct step *begin(struct step *step, struct moment when, const struct step_start *start) {
    struct app *app = object_app(&step->head);
    struct weir *w = app->weir;
    struct beginning b;
    bool is_heard = core_listens(w, WEIR_HOOK_PRE_RUN_STEP);
    if (is_heard) {
        prepare(&b, step, when, start);
    }
    if (app->is_closing) {
        core_count(&w->counters.out_of_order);
        step_release(step);
        step = NULL;
    } else {
        step->next = app->steps;
        app->steps = step;
        step->head.n_refs++; /* for the caller, while guests run: another thread may free the app */
        (void)object_begin(&step->head);
    }
    if (is_heard) {
        if (step != NULL) {
            core_tell_captured(w, &b.scene, &b.event, b.seen);
        }
        forget(&b);
    }
    if (step != NULL) {
        lifecycle_note_unheard(&step->head, step, NULL);
    }
    step_release(step);
    return step;
}

struct step *step_open(struct app *app, struct call *call, struct moment when,
                       const struct clock_anchor *anchor, const struct step_start *start) {
    struct weir *w = app->weir;
    if (app->is_closing) {
        core_count(&w->counters.out_of_order);
        return NULL;
    }
    struct step *step = step_take(app);
    if (step == NULL) {
        core_count(&w->counters.no_memory);
        return NULL;
    }
    if (!text_set(&step->action, start->action, WEIR_MAX_NAME_BYTES)) {
        core_count(&w->counters.no_memory);
        step_release(step);
        return NULL;
    }
    take_sequence_id(app, step, start);
    step->said_streams = start->streams || graph_says_streams(app, text_get(&step->action));
    remember_action(app, step);
    step->anchor = *anchor;
    step->began_unix_ns = when.unix_ns;
    step->call = call;
    if (call != NULL) {
        call->head.n_refs++;
    }
    return begin(step, when, start);
}

void step_unlink_if_done(struct step *step) {
    struct app *app = object_app(&step->head);
    if (object_is_live(&step->head) || step->spans != NULL || step->stream != NULL) {
        return;
    }
    for (struct step **at = &app->steps; *at != NULL; at = &(*at)->next) {
        if (*at == step) {
            *at = step->next;
            step_release(step);
            return;
        }
    }
}

/* The error a step ends with: its own, or that of its abandoned stream. */
static const weir_error *final_error(const struct step *step, const weir_step_result *result) {
    if (result->error != NULL) {
        return result->error;
    }
    return step->is_abandoned ? &lifecycle_abandoned : NULL;
}

/* The state after the step; NULL: no memory (counted), or nobody sees it. Both then count as {}. */
static struct blob *final_state(struct step *step, const weir_step_result *result, bool has_error) {
    struct app *app = object_app(&step->head);
    struct blob *given;
    core_count_input(app->weir, json_input(result->state, result->state_value, true, &given));
    if (app->weir->is_otlp_alone) { /* it would be half the cost of a step */
        blob_release(given);
        return NULL;
    }
    struct blob *state = json_state(given, app->state, step->sequence_id,
                                    has_error ? NULL : text_get(&step->action));
    blob_release(given);
    if (state == NULL) {
        core_count(&app->weir->counters.no_memory);
    }
    return state;
}

static void keep_state(struct app *app, struct blob *state) {
    if (state == NULL) {
        return;
    }
    blob_release(app->state);
    app->state = state->n_bytes <= WEIR_MAX_LAST_STATE ? blob_share(state) : NULL;
}

static void tell_end(struct step *step, struct moment when, const weir_step_result *result) {
    struct app *app = object_app(&step->head);
    struct weir *w = app->weir;
    struct scene scene = {.app = app, .call = step->call, .step = step};
    const weir_error *error = final_error(step, result);
    struct blob *outcome;
    core_count_input(w, json_input(result->result, result->result_value, false, &outcome));
    struct blob *state = final_state(step, result, error != NULL);
    keep_state(app, state);
    weir_value outcome_value = json_value(outcome), state_value = object_value(state);
    weir_lifecycle_event event;
    core_event(&event, WEIR_HOOK_POST_RUN_STEP, &scene, when);
    event.streams = step->said_streams;
    event.result = outcome != NULL ? &outcome_value : NULL;
    event.state = &state_value;
    event.error = error;
    struct captured captured;
    core_tell_captured(w, &scene, &event, core_capture(w, &scene, &event, CAPTURE_BOTH, &captured));
    core_forget_captured(&captured);
    blob_release(outcome);
    blob_release(state);
}

void step_close(struct step *step, struct moment when, const weir_step_result *result) {
    const weir_step_result none = {0};
    result = result != NULL ? result : &none;
    object_end(&step->head);
    step->head.n_refs++;
    step->is_ending = true; /* whoever frees the app meanwhile leaves the rest to us */
    stream_settle(step, when, result->error);
    if (step->is_abandoned && step->call != NULL) {
        step->call->has_abandoned_stream = true;
    }
    tell_end(step, when, result);
    stream_tell_end(step, when);
    step->is_ending = false;
    step_unlink_if_done(step);
    step_release(step);
}

/* ---- handles ---- */

weir_step *weir_step_begin(weir_call *handle, const char *action,
                           const weir_step_options *options) {
    struct call *call = object_enter(HANDLE_CALL, handle);
    if (call == NULL) {
        return NULL;
    }
    struct app *app = object_app(&call->head);
    struct weir *w = app->weir;
    weir_step_options full;
    core_read_options(w, &full, sizeof full, options);
    if (action == NULL) {
        core_count(&w->counters.refused_values);
        object_leave(app);
        return NULL;
    }
    struct call *owner = call->outer != NULL ? call->outer : call;
    struct clock_anchor anchor = owner->anchor;
    struct step_start start = {.action = action,
                               .streams = full.streams,
                               .has_sequence_id = full.has_sequence_id,
                               .sequence_id = full.sequence_id,
                               .inputs = full.inputs,
                               .inputs_value = full.inputs_value};
    struct step *step = step_open(app, owner, core_now(w, &anchor), &anchor, &start);
    weir_step *result = step != NULL ? object_handle(&step->head) : NULL;
    object_leave(app);
    return result;
}

void weir_step_end(weir_step *handle, const weir_step_result *result) {
    struct step *step = object_enter(HANDLE_STEP, handle);
    if (step == NULL) {
        return;
    }
    struct app *app = object_app(&step->head);
    weir_step_result full;
    core_read_options(app->weir, &full, sizeof full, result);
    step_close(step, core_now(app->weir, &step->anchor), &full);
    object_leave(app);
}

int64_t weir_step_sequence_id(weir_step *handle) {
    struct step *step = object_enter(HANDLE_STEP, handle);
    if (step == NULL) {
        return -1;
    }
    int64_t sequence_id = step->sequence_id;
    object_leave(object_app(&step->head));
    return sequence_id;
}
