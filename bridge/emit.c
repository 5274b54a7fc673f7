/*
 * weir_emit: the door for bindings that have hooks of their own. Finds the object that an event is
 * about by its ids and goes on as the handle calls do.
 */
#include <string.h>

#include "bridge/app.h"
#include "bridge/lifecycle.h"
#include "otlp/common/options.h"

/* The event's own time, or now. Without a monotonic time, durations follow the wall time. */
static struct moment moment_of(struct weir *w, const weir_lifecycle_event *event,
                               const struct clock_anchor *anchor) {
    if (event->unix_ns == 0) {
        return core_now(w, anchor);
    }
    uint64_t by_anchor = anchor->monotonic_ns + (event->unix_ns - anchor->unix_ns); /* may wrap */
    return (struct moment){event->unix_ns,
                           event->monotonic_ns != 0 ? event->monotonic_ns : by_anchor};
}

/* Both clocks at the event, so that a later one without a time of its own finds "now". */
static struct clock_anchor anchor_of(struct weir *w, const weir_lifecycle_event *event) {
    struct clock_anchor now = clock_anchor_take(&w->clock);
    if (event->unix_ns == 0) {
        return now;
    }
    uint64_t monotonic_ns = event->monotonic_ns != 0 ? event->monotonic_ns : now.monotonic_ns;
    return (struct clock_anchor){event->unix_ns, monotonic_ns};
}

/* ---- finding ---- */

static struct step *find_streaming_step(struct app *app, int64_t sequence_id) {
    struct step *step = app->steps;
    while (step != NULL && (step->sequence_id != sequence_id || step->stream == NULL ||
                            !object_is_live(&step->stream->head))) {
        step = step->next;
    }
    return step;
}

static struct span *find_span_in(struct step *step, const char *uid) {
    struct span *span = step->spans;
    while (span != NULL && strcmp(span->uid, uid) != 0) {
        span = span->next;
    }
    return span;
}

/* By uid, in a step of that sequence id, which may have ended. */
static struct span *find_span(struct app *app, int64_t sequence_id, const char *uid) {
    for (struct step *step = app->steps; step != NULL && uid != NULL; step = step->next) {
        struct span *span = step->sequence_id == sequence_id ? find_span_in(step, uid) : NULL;
        if (span != NULL) {
            return span;
        }
    }
    return NULL;
}

static struct call *find_call(struct app *app, weir_method method) {
    struct call *call = app->calls;
    while (call != NULL && call->method != method) {
        call = call->next;
    }
    return call;
}

static struct call *find_owner(struct app *app) {
    struct call *call = app->calls;
    while (call != NULL && call->outer != NULL) {
        call = call->next;
    }
    return call;
}

static void count_lost(struct app *app) {
    core_count(&app->weir->counters.out_of_order);
}

/* ---- apps and calls ---- */

static void emit_app(struct weir *w, const weir_lifecycle_event *event) {
    const weir_app_options options = {
        .size = sizeof options,
        .app_id = event->app_id,
        .partition_key = event->partition_key,
        .state_value = event->state,
        .graph = event->graph,
        .parent = event->parent,
        .spawning_parent = event->spawning_parent,
    };
    struct clock_anchor anchor = anchor_of(w, event);
    weir_app *handle = NULL;
    (void)app_open(w, &options, (struct moment){anchor.unix_ns, anchor.monotonic_ns}, &handle);
}

/* The event's app, pinned. A begin makes an app that nobody announced. */
static struct app *find_app(struct weir *w, const weir_lifecycle_event *event, bool may_make) {
    if (event->app_id == NULL) {
        core_count(&w->counters.refused_values);
        return NULL;
    }
    struct app *app = core_find_app(w, event->app_id);
    if (app == NULL && may_make) {
        weir_lifecycle_event creation = *event;
        creation.state = NULL;
        emit_app(w, &creation);
        app = core_find_app(w, event->app_id);
    }
    if (app == NULL) {
        core_count(&w->counters.out_of_order);
    }
    return app;
}

static void emit_call_begin(struct weir *w, const weir_lifecycle_event *event) {
    struct app *app = find_app(w, event, true);
    if (app == NULL) {
        return;
    }
    struct text trace_state = {0};
    weir_otlp_context parent;
    bool has_parent = app_parent_context(app, &parent, &trace_state);
    struct call_start start = {event->method, false, anchor_of(w, event),
                               has_parent ? &parent : NULL};
    app_lock(app);
    if (weir_method_name(event->method) == NULL) {
        core_count(&w->counters.refused_values);
    } else {
        (void)call_open(app, &start);
    }
    object_leave(app);
    text_deinit(&trace_state);
    app_unpin(app);
}

static void emit_call_end(struct app *app, const weir_lifecycle_event *event) {
    struct call *call = find_call(app, event->method);
    if (call == NULL) {
        count_lost(app);
        return;
    }
    call_close(call, moment_of(app->weir, event, &call->anchor), event->error);
}

/* ---- steps ---- */

static void emit_step_begin(struct app *app, const weir_lifecycle_event *event) {
    struct call *call = find_owner(app);
    struct clock_anchor anchor = call != NULL ? call->anchor : anchor_of(app->weir, event);
    struct step_start start = {
        .action = event->action != NULL ? event->action : "",
        .streams = event->streams,
        .has_sequence_id = true,
        .sequence_id = event->sequence_id,
        .inputs_value = event->inputs,
    };
    (void)step_open(app, call, moment_of(app->weir, event, &anchor), &anchor, &start);
}

static void emit_step_end(struct app *app, const weir_lifecycle_event *event) {
    struct step *step = app_find_step(app, event->sequence_id);
    if (step == NULL) {
        count_lost(app);
        return;
    }
    const weir_step_result result = {.size = sizeof result,
                                     .result_value = event->result,
                                     .state_value = event->state,
                                     .error = event->error};
    step_close(step, moment_of(app->weir, event, &step->anchor), &result);
}

/* ---- spans ---- */

static void emit_span_begin(struct app *app, const weir_lifecycle_event *event) {
    struct step *step = app_find_step(app, event->sequence_id);
    if (step == NULL || event->span_name == NULL) {
        count_lost(app);
        return;
    }
    struct span *parent =
        event->parent_span_uid != NULL ? find_span_in(step, event->parent_span_uid) : NULL;
    struct span_begin_at start = {event->span_name, event->span_dependencies, event->span_uid};
    (void)span_open(step, parent, moment_of(app->weir, event, &step->anchor), &start);
}

static void emit_span_end(struct app *app, const weir_lifecycle_event *event) {
    struct span *span = find_span(app, event->sequence_id, event->span_uid);
    if (span == NULL) {
        count_lost(app);
        return;
    }
    span_close(span, moment_of(app->weir, event, &span->step->anchor));
}

static void emit_attributes(struct app *app, const weir_lifecycle_event *event) {
    struct span *span = find_span(app, event->sequence_id, event->span_uid);
    struct step *step = span != NULL ? span->step : app_find_step(app, event->sequence_id);
    if (step == NULL || (event->span_uid != NULL && span == NULL) || event->attributes == NULL) {
        count_lost(app);
        return;
    }
    struct moment when = moment_of(app->weir, event, &step->anchor);
    attributes_log(step, span, &when, event->attributes, event->n_attributes);
}

/* ---- streams ---- */

static void emit_stream_begin(struct app *app, const weir_lifecycle_event *event) {
    struct step *step = app_find_step(app, event->sequence_id);
    if (step == NULL) {
        count_lost(app);
        return;
    }
    (void)stream_open(step, moment_of(app->weir, event, &step->anchor));
}

static weir_pull_outcome outcome_of(const weir_lifecycle_event *event) {
    if (event->outcome >= WEIR_PULL_PRODUCED && event->outcome <= WEIR_PULL_FAILED) {
        return event->outcome;
    }
    if (event->error != NULL) {
        return WEIR_PULL_FAILED;
    }
    return event->item != NULL ? WEIR_PULL_PRODUCED : WEIR_PULL_EXHAUSTED;
}

static void emit_in_stream(struct app *app, const weir_lifecycle_event *event) {
    struct step *step = find_streaming_step(app, event->sequence_id);
    if (step == NULL) {
        count_lost(app);
        return;
    }
    struct stream *stream = step->stream;
    struct moment when = moment_of(app->weir, event, &step->anchor);
    const weir_value *item = stream_sound_item(app->weir, event->item);
    switch (event->hook) {
    case WEIR_HOOK_PRE_STREAM_GENERATE: stream_pull_begin(stream, when); break;
    case WEIR_HOOK_POST_STREAM_GENERATE:
        stream_pull_end(stream, when, outcome_of(event), event->error, item);
        break;
    case WEIR_HOOK_POST_STREAM_ITEM: stream_item(stream, when, item); break;
    default: stream_close(stream, when); break;
    }
}

/* ---- the door ---- */

typedef void emit_fn(struct app *app, const weir_lifecycle_event *event);

static emit_fn *const EMITTERS[N_HOOKS] = {
    [WEIR_HOOK_POST_RUN_EXECUTE_CALL] = emit_call_end,
    [WEIR_HOOK_PRE_RUN_STEP] = emit_step_begin,
    [WEIR_HOOK_POST_RUN_STEP] = emit_step_end,
    [WEIR_HOOK_PRE_START_SPAN] = emit_span_begin,
    [WEIR_HOOK_POST_END_SPAN] = emit_span_end,
    [WEIR_HOOK_DO_LOG_ATTRIBUTES] = emit_attributes,
    [WEIR_HOOK_PRE_START_STREAM] = emit_stream_begin,
    [WEIR_HOOK_PRE_STREAM_GENERATE] = emit_in_stream,
    [WEIR_HOOK_POST_STREAM_GENERATE] = emit_in_stream,
    [WEIR_HOOK_POST_STREAM_ITEM] = emit_in_stream,
    [WEIR_HOOK_POST_END_STREAM] = emit_in_stream,
};

void weir_emit(weir *w, const weir_lifecycle_event *given) {
    if (w == NULL) {
        return;
    }
    weir_lifecycle_event event;
    if (given == NULL || !options_read(&event, sizeof event, given)) {
        core_count(&w->counters.refused_values);
        return;
    }
    if (event.hook == WEIR_HOOK_POST_APPLICATION_CREATE) {
        emit_app(w, &event);
        return;
    }
    if (event.hook == WEIR_HOOK_PRE_RUN_EXECUTE_CALL) {
        emit_call_begin(w, &event);
        return;
    }
    emit_fn *emit = (unsigned)event.hook < N_HOOKS ? EMITTERS[event.hook] : NULL;
    if (emit == NULL) {
        core_count(&w->counters.refused_values);
        return;
    }
    struct app *app = find_app(w, &event, event.hook == WEIR_HOOK_PRE_RUN_STEP);
    if (app != NULL) {
        app_lock(app);
        emit(app, &event);
        object_leave(app);
        app_unpin(app);
    }
}
