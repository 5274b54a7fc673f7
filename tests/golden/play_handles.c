/*
 * The door for applications: the recorded hooks as calls on handles, which are kept by the ids that
 * hooks carry. The newest object with an id is the one meant.
 */
#include "tests/golden/play.h"

#include <string.h>

struct played_span {
    struct played_span *next;
    const char *uid;
    weir_span *handle;
};

struct played_step {
    struct played_step *next;
    int64_t sequence_id;
    weir_step *handle;
    weir_stream *stream;
    struct played_span *spans;
    bool is_open;
    bool is_streaming; /* a stream was begun, and post_end_stream has not come */
};

struct played_call {
    struct played_call *next;
    weir_method method;
    weir_call *handle; /* NULL once ended */
};

struct played_app {
    struct played_app *next;
    const char *app_id;
    weir_app *handle;
    struct played_call *calls;
    struct played_step *steps;
};

struct player {
    struct arena *arena;
    weir *w;
    struct played_app *apps; /* newest first, as all lists here */
};

/* ---- finding ---- */

static bool is_idle(const struct played_app *app) {
    bool idle = true;
    for (const struct played_call *call = app->calls; call != NULL; call = call->next) {
        idle = idle && call->handle == NULL;
    }
    for (const struct played_step *step = app->steps; step != NULL; step = step->next) {
        idle = idle && !step->is_open && !step->is_streaming;
    }
    return idle;
}

static struct played_app *find_app(const struct player *player, const char *app_id) {
    struct played_app *app = player->apps;
    while (app != NULL && strcmp(app->app_id, app_id) != 0) {
        app = app->next;
    }
    return app;
}

/* A step that is open, or whose stream is; of any app with that id, the newest first. */
static struct played_step *find_step(const struct player *player,
                                     const weir_lifecycle_event *hook) {
    for (const struct played_app *app = player->apps; app != NULL; app = app->next) {
        if (strcmp(app->app_id, hook->app_id) != 0) {
            continue;
        }
        for (struct played_step *step = app->steps; step != NULL; step = step->next) {
            if (step->sequence_id == hook->sequence_id && (step->is_open || step->is_streaming)) {
                return step;
            }
        }
    }
    return NULL;
}

static struct played_span *find_span(const struct played_step *step, const char *uid) {
    struct played_span *span = step != NULL && uid != NULL ? step->spans : NULL;
    while (span != NULL && strcmp(span->uid, uid) != 0) {
        span = span->next;
    }
    return span;
}

static struct played_call *find_call(const struct played_app *app, weir_method method) {
    struct played_call *call = app != NULL ? app->calls : NULL;
    while (call != NULL && (call->handle == NULL || (method != 0 && call->method != method))) {
        call = call->next;
    }
    return call;
}

/* ---- hooks ---- */

static void create_app(struct player *player, const weir_lifecycle_event *hook) {
    struct played_app *older = find_app(player, hook->app_id);
    if (older != NULL && is_idle(older)) {
        weir_app_free(older->handle);
        older->handle = NULL;
    }
    struct played_app *app = arena_alloc(player->arena, sizeof *app);
    *app = (struct played_app){.next = player->apps, .app_id = hook->app_id};
    app->handle = weir_app_new(
        player->w,
        &WEIR_APP_OPTIONS(.app_id = hook->app_id, .partition_key = hook->partition_key,
                          .state_value = hook->state, .graph = hook->graph, .parent = hook->parent,
                          .spawning_parent = hook->spawning_parent));
    player->apps = app;
}

static struct played_call *begin_call(struct player *player, struct played_app *app,
                                      weir_method method) {
    struct played_call *call = arena_alloc(player->arena, sizeof *call);
    *call = (struct played_call){app->calls, method, weir_call_begin(app->handle, method)};
    app->calls = call;
    return call;
}

static void end_call(const struct player *player, const weir_lifecycle_event *hook) {
    for (const struct played_app *app = player->apps; app != NULL; app = app->next) {
        struct played_call *call =
            strcmp(app->app_id, hook->app_id) == 0 ? find_call(app, hook->method) : NULL;
        if (call != NULL) {
            weir_call_end(call->handle, hook->error);
            call->handle = NULL;
            return;
        }
    }
}

static void begin_step(struct player *player, const weir_lifecycle_event *hook) {
    struct played_app *app = find_app(player, hook->app_id);
    if (app == NULL) {
        return;
    }
    struct played_call *call = find_call(app, (weir_method)0);
    if (call == NULL) { /* the reference forgets the hooks of a call after one that never ended */
        call = begin_call(player, app, WEIR_METHOD_STEP);
    }
    struct played_step *step = arena_alloc(player->arena, sizeof *step);
    *step =
        (struct played_step){.next = app->steps, .sequence_id = hook->sequence_id, .is_open = true};
    step->handle = weir_step_begin(
        call->handle, hook->action,
        &WEIR_STEP_OPTIONS(.streams = hook->streams, .inputs_value = hook->inputs,
                           .has_sequence_id = true, .sequence_id = hook->sequence_id));
    app->steps = step;
}

static void end_step(struct played_step *step, const weir_lifecycle_event *hook) {
    bool is_abandoned =
        hook->error && hook->error->type && strcmp(hook->error->type, "GeneratorExit") == 0;
    if (is_abandoned) {
        weir_stream_abandon(step->stream); /* NULL without a stream: nothing happens */
    }
    weir_step_end(step->handle,
                  &WEIR_STEP_RESULT(.result_value = hook->result, .state_value = hook->state,
                                    .error = hook->error));
    step->is_open = false;
}

static void begin_span(const struct player *player, struct played_step *step,
                       const weir_lifecycle_event *hook) {
    const struct played_span *parent = find_span(step, hook->parent_span_uid);
    struct played_span *span = arena_alloc(player->arena, sizeof *span);
    *span = (struct played_span){.next = step->spans, .uid = hook->span_uid ? hook->span_uid : ""};
    span->handle = parent != NULL
                       ? weir_span_begin(parent->handle, hook->span_name, hook->span_dependencies)
                       : weir_span_begin(step->handle, hook->span_name, hook->span_dependencies);
    step->spans = span;
}

static void end_span(struct played_step *step, const weir_lifecycle_event *hook) {
    struct played_span *span = find_span(step, hook->span_uid);
    if (span != NULL) {
        weir_span_end(span->handle);
        span->uid = ""; /* the uid may be used again */
    }
}

static void log_attributes(const struct played_step *step, const weir_lifecycle_event *hook) {
    const struct played_span *span = find_span(step, hook->span_uid);
    weir_handle *target = span != NULL ? (weir_handle *)span->handle : (weir_handle *)step->handle;
    weir_set_all_(target, hook->attributes, hook->n_attributes);
}

static void end_pull(const struct played_step *step, const weir_lifecycle_event *hook) {
    switch (hook->outcome) {
    case WEIR_PULL_PRODUCED: weir_stream_produced(step->stream); break;
    case WEIR_PULL_EXHAUSTED: weir_stream_exhausted(step->stream); break;
    case WEIR_PULL_FAILED: weir_stream_failed(step->stream, hook->error); break;
    case WEIR_PULL_NONE: break;
    }
}

static void play_step_hook(const struct player *player, const weir_lifecycle_event *hook) {
    struct played_step *step = find_step(player, hook);
    if (step == NULL) {
        return; /* a hook without its begin, as Burr's async calls send */
    }
    switch (hook->hook) {
    case WEIR_HOOK_POST_RUN_STEP: end_step(step, hook); break;
    case WEIR_HOOK_PRE_START_SPAN: begin_span(player, step, hook); break;
    case WEIR_HOOK_POST_END_SPAN: end_span(step, hook); break;
    case WEIR_HOOK_DO_LOG_ATTRIBUTES: log_attributes(step, hook); break;
    case WEIR_HOOK_PRE_START_STREAM:
        step->stream = weir_stream_begin(step->handle);
        step->is_streaming = true;
        break;
    case WEIR_HOOK_PRE_STREAM_GENERATE: weir_stream_pull(step->stream); break;
    case WEIR_HOOK_POST_STREAM_GENERATE: end_pull(step, hook); break;
    case WEIR_HOOK_POST_STREAM_ITEM: weir_stream_item(step->stream); break;
    case WEIR_HOOK_POST_END_STREAM:
        weir_stream_end(step->stream);
        step->is_streaming = false;
        break;
    default: break;
    }
}

static void play_hook(struct player *player, const weir_lifecycle_event *hook) {
    struct played_app *app;
    switch (hook->hook) {
    case WEIR_HOOK_POST_APPLICATION_CREATE: create_app(player, hook); break;
    case WEIR_HOOK_PRE_RUN_EXECUTE_CALL:
        app = find_app(player, hook->app_id);
        if (app != NULL) {
            (void)begin_call(player, app, hook->method);
        }
        break;
    case WEIR_HOOK_POST_RUN_EXECUTE_CALL: end_call(player, hook); break;
    case WEIR_HOOK_PRE_RUN_STEP: begin_step(player, hook); break;
    default: play_step_hook(player, hook); break;
    }
}

void play_by_handles(struct arena *arena, weir *w, struct fake_clock *clock,
                     const struct scenario *scenario) {
    struct player player = {.arena = arena, .w = w};
    for (size_t i = 0; i < scenario->n_hooks; i++) {
        const weir_lifecycle_event *hook = &scenario->hooks[i];
        atomic_store(&clock->unix_ns, hook->unix_ns);
        atomic_store(&clock->monotonic_ns, hook->unix_ns);
        play_hook(&player, hook);
    }
}
