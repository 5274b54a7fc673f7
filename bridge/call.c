/* Calls: one execute call on an app, whose span is the method span. */
#include "bridge/adapter_otlp.h"
#include "bridge/app.h"
#include "bridge/lifecycle.h"

/* The call that a new one would be silent under: the newest that is open and not silent itself. */
static struct call *outermost(struct app *app) {
    struct call *call = app->calls;
    while (call != NULL && call->outer != NULL) {
        call = call->next;
    }
    return call;
}

static void tell_begin(struct call *call, struct moment when, const weir_otlp_context *parent) {
    struct app *app = object_app(&call->head);
    struct weir *w = app->weir;
    if (parent !=
        NULL) { /* the OTLP adapter finds it here, and puts the method span in its place */
        otlp_part_take(&call->otlp, parent);
    }
    struct scene scene = {.app = app, .call = call};
    weir_lifecycle_event event;
    core_event(&event, WEIR_HOOK_PRE_RUN_EXECUTE_CALL, &scene, when);
    struct blob *state = blob_share(app->state);
    weir_value state_value =
        state != NULL ? weir_value_json_n(state->bytes, state->n_bytes) : weir_value_json("{}");
    event.state = &state_value;
    core_tell(w, &scene, &event);
    blob_release(state);
}

struct call *call_open(struct app *app, const struct call_start *start) {
    struct weir *w = app->weir;
    if (app->is_closing) {
        core_count(&w->counters.out_of_order);
        return NULL;
    }
    struct call *call = call_take(app);
    if (call == NULL) {
        core_count(&w->counters.no_memory);
        return NULL;
    }
    struct call *outer = start->is_parallel ? NULL : outermost(app);
    call->method = start->method;
    call->anchor = outer != NULL ? outer->anchor : start->anchor;
    call->outer = outer;
    call->next = app->calls;
    app->calls = call;
    (void)object_begin(&call->head);
    if (outer != NULL) {
        outer->head.n_refs++;
        return call;
    }
    struct moment when = {start->anchor.unix_ns, start->anchor.monotonic_ns};
    call->head.n_refs++; /* for the caller, while guests run: another thread may free the app */
    tell_begin(call, when, start->parent);
    call_release(call);
    return call;
}

static void unlink_call(struct call *call) {
    struct app *app = object_app(&call->head);
    for (struct call **at = &app->calls; *at != NULL; at = &(*at)->next) {
        if (*at == call) {
            *at = call->next;
            return;
        }
    }
}

void call_close(struct call *call, struct moment when, const weir_error *error) {
    struct app *app = object_app(&call->head);
    object_end(&call->head);
    unlink_call(call);
    if (call->outer == NULL) {
        struct scene scene = {.app = app, .call = call};
        weir_lifecycle_event event;
        core_event(&event, WEIR_HOOK_POST_RUN_EXECUTE_CALL, &scene, when);
        struct blob *state = blob_share(app->state);
        weir_value state_value =
            state != NULL ? weir_value_json_n(state->bytes, state->n_bytes) : weir_value_json("{}");
        event.state = &state_value;
        event.error = error == NULL && call->has_abandoned_stream ? &lifecycle_abandoned : error;
        core_tell(app->weir, &scene, &event);
        blob_release(state);
    }
    call_release(call);
}

/* ---- handles ---- */

weir_call *weir_call_begin(weir_app *app, weir_method method) {
    return weir_call_begin_with(app, method, NULL);
}

weir_call *weir_call_begin_with(weir_app *handle, weir_method method,
                                const weir_call_options *options) {
    struct app *app = object_enter(HANDLE_APP, handle);
    if (app == NULL) {
        return NULL;
    }
    struct weir *w = app->weir;
    weir_call_options full;
    core_read_options(w, &full, sizeof full, options);
    if (weir_method_name(method) == NULL) {
        core_count(&w->counters.refused_values);
        object_leave(app);
        return NULL;
    }
    app_pin(app);
    object_leave(app); /* the parent's lock is taken in between: never two at a time */
    struct text trace_state = {0};
    weir_otlp_context parent;
    bool has_parent = app_parent_context(app, &parent, &trace_state);
    struct call *call = NULL;
    weir_call *result = NULL;
    if (object_enter(HANDLE_APP, handle) == app) {
        struct call_start start = {method, full.parallel, clock_anchor_take(&w->clock),
                                   has_parent ? &parent : NULL};
        call = call_open(app, &start);
        result = call != NULL ? object_handle(&call->head) : NULL;
        object_leave(app);
    }
    text_deinit(&trace_state);
    app_unpin(app);
    return result;
}

void weir_call_end(weir_call *handle, const weir_error *error) {
    struct call *call = object_enter(HANDLE_CALL, handle);
    if (call == NULL) {
        return;
    }
    struct app *app = object_app(&call->head);
    call_close(call, core_now(app->weir, &call->anchor), error);
    object_leave(app);
}
