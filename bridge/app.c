#include "bridge/app.h"

#include <string.h>

#include "bridge/adapter_otlp.h"
#include "bridge/json_input.h"
#include "bridge/lifecycle.h"
#include "otlp/common/alloc.h"
#include "otlp/common/id.h"
#include "otlp/context.h"
#include "tracking/names.h"

/* ---- making ---- */

static bool set_id(struct weir *w, struct app *app, const char *app_id) {
    if (app_id == NULL) {
        id_new_uuid(app->id);
        return true;
    }
    if (!names_app_id_is_valid(app_id)) {
        logger_say(&w->logger, WEIR_LOG_ERROR, LOG_CAUSE_APP,
                   "app_id \"%.64s\" is refused: use 1 to 255 of A-Z a-z 0-9 _ - : . and neither "
                   "\".\" nor \"..\"",
                   app_id);
        return false;
    }
    memcpy(app->id, app_id, strlen(app_id) + 1);
    return true;
}

static bool set_partition_key(struct app *app, const char *partition_key) {
    app->has_partition_key = partition_key != NULL;
    return text_set(&app->partition_key, partition_key, WEIR_MAX_NAME_BYTES);
}

static void set_state(struct weir *w, struct app *app, const weir_app_options *options) {
    core_count_input(w, json_input(options->state, options->state_value, true, &app->state));
    int64_t last;
    if (options->has_first_sequence_id) {
        app->next_sequence_id = options->first_sequence_id;
    } else if (json_sequence_id(app->state, &last) && last < INT64_MAX) {
        app->next_sequence_id = last + 1;
    }
}

/* The names of the graph's streaming actions, as one list. */
static bool set_streaming_actions(struct app *app, const weir_graph *graph) {
    if (graph == NULL) {
        return true;
    }
    const char **names = mem_array(graph->n_actions + 1, sizeof *names);
    if (names == NULL) {
        return false;
    }
    size_t n = 0;
    for (size_t i = 0; i < graph->n_actions; i++) {
        if (graph->actions[i].streams && graph->actions[i].name != NULL) {
            names[n++] = graph->actions[i].name;
        }
    }
    names[n] = NULL;
    app->streaming_actions = list_copy(names);
    mem_free(names);
    return app->streaming_actions != NULL;
}

static void set_remote_parent(struct weir *w, struct app *app, const weir_app_options *options) {
    weir_otlp_context context = {.is_remote = true};
    bool is_struct = context_is_valid(options->remote_parent);
    if (is_struct) {
        context = *options->remote_parent;
        context.owner = 0; /* what came from another process belongs to no step here */
    } else if (options->traceparent == NULL) {
        return;
    } else if (weir_otlp_context_parse(options->traceparent, options->tracestate, &context) != 0) {
        core_count(&w->counters.refused_values); /* G12: a bad header starts a new trace */
        return;
    }
    app->remote_parent = context;
    app->remote_parent.trace_state = NULL;
    if (context.trace_state != NULL &&
        text_set(&app->trace_state, context.trace_state, WEIR_TRACE_STATE_BYTES)) {
        app->remote_parent.trace_state = app->trace_state.bytes;
    }
}

static void take_step(struct app *app, struct step *step) {
    step->head.n_refs++;
    app_pin(object_app(&step->head));
    app->spawning_step = step;
}

struct step *app_find_step(struct app *app, int64_t sequence_id) {
    struct step *step = app->steps;
    while (step != NULL && (step->sequence_id != sequence_id || !object_is_live(&step->head))) {
        step = step->next;
    }
    return step;
}

static void find_spawning_step(struct weir *w, struct app *app, const weir_pointer *pointer) {
    if (pointer == NULL || pointer->app_id == NULL || !pointer->has_sequence_id) {
        return;
    }
    struct app *parent = core_find_app(w, pointer->app_id);
    if (parent == NULL) {
        return;
    }
    app_lock(parent);
    struct step *step = app_find_step(parent, pointer->sequence_id);
    if (step != NULL) {
        take_step(app, step);
    }
    object_leave(parent);
    app_unpin(parent);
}

/* What is told of a spawning step given by handle; the strings are kept by the reference to its
 * app. */
static weir_pointer use_spawning_handle(struct weir *w, struct app *app, weir_step *handle) {
    weir_pointer pointer = {0};
    struct step *step = object_enter(HANDLE_STEP, handle);
    if (step == NULL) {
        return pointer;
    }
    struct app *parent = object_app(&step->head);
    if (parent->weir == w) {
        take_step(app, step);
        pointer = (weir_pointer){
            .app_id = parent->id,
            .partition_key = parent->has_partition_key ? text_get(&parent->partition_key) : NULL,
            .has_sequence_id = true,
            .sequence_id = step->sequence_id,
        };
    } else {
        core_count(&w->counters.refused_values);
    }
    object_leave(parent);
    return pointer;
}

static void tell_creation(struct weir *w, struct app *app, const weir_app_options *options,
                          const weir_pointer *spawning_parent, struct moment when) {
    struct scene scene = {.app = app};
    weir_lifecycle_event event;
    core_event(&event, WEIR_HOOK_POST_APPLICATION_CREATE, &scene, when);
    struct blob *state = blob_share(app->state);
    weir_value state_value = state != NULL ? json_value(state) : weir_value_json("{}");
    event.state = &state_value;
    event.graph = options->graph;
    event.parent = options->parent;
    event.spawning_parent = spawning_parent;
    app_lock(app);
    core_tell(w, &scene, &event);
    object_leave(app);
    blob_release(state);
}

static bool fill(struct weir *w, struct app *app, const weir_app_options *options) {
    if (!set_id(w, app, options->app_id)) {
        return false;
    }
    if (!set_partition_key(app, options->partition_key) ||
        !set_streaming_actions(app, options->graph)) {
        core_count(&w->counters.no_memory);
        return false;
    }
    set_state(w, app, options);
    set_remote_parent(w, app, options);
    return true;
}

struct app *app_open(struct weir *w, const weir_app_options *options, struct moment when,
                     weir_app **handle) {
    struct app *app = app_take();
    if (app == NULL) {
        core_count(&w->counters.no_memory);
        return NULL;
    }
    app->weir = w;
    core_pin(w);
    app->anchor = (struct clock_anchor){when.unix_ns, when.monotonic_ns};
    if (!fill(w, app, options)) {
        app_unpin(app);
        return NULL;
    }
    weir_pointer by_handle = {0};
    const weir_pointer *spawning_parent = options->spawning_parent;
    if (options->spawning_step != NULL) {
        by_handle = use_spawning_handle(w, app, options->spawning_step);
        spawning_parent = by_handle.app_id != NULL ? &by_handle : spawning_parent;
    } else {
        find_spawning_step(w, app, spawning_parent);
    }
    if (!core_add_app(w, app)) {
        app_unpin(app);
        return NULL;
    }
    app_pin(app); /* for the caller, until it has the handle: another thread may close the weir */
    *handle = object_begin(&app->head);
    tell_creation(w, app, options, spawning_parent, when);
    app_unpin(app);
    return app;
}

weir_app *weir_app_new(weir *w, const weir_app_options *options) {
    if (w == NULL) {
        return NULL;
    }
    weir_app_options full;
    core_read_options(w, &full, sizeof full, options);
    struct clock_anchor now = clock_anchor_take(&w->clock);
    weir_app *handle = NULL;
    (void)app_open(w, &full, (struct moment){now.unix_ns, now.monotonic_ns}, &handle);
    return handle;
}

size_t weir_app_id(weir_app *handle, char *out, size_t out_bytes) {
    struct app *app = object_enter(HANDLE_APP, handle);
    if (app == NULL) {
        if (out != NULL && out_bytes > 0) {
            *out = '\0';
        }
        return 0;
    }
    size_t length = strlen(app->id);
    if (out != NULL && out_bytes > 0) {
        size_t n_bytes = MIN(length, out_bytes - 1);
        memcpy(out, app->id, n_bytes);
        out[n_bytes] = '\0';
    }
    object_leave(app);
    return length;
}

/* ---- parents ---- */

static bool spawning_context(struct step *step, weir_otlp_context *out, struct text *trace_state) {
    struct app *parent = object_app(&step->head);
    app_lock(parent);
    bool found = object_is_live(&step->head) && adapter_otlp_context_below(step, out);
    if (found && out->trace_state != NULL) {
        out->trace_state = text_set(trace_state, out->trace_state, WEIR_TRACE_STATE_BYTES)
                               ? trace_state->bytes
                               : NULL;
    }
    object_leave(parent);
    return found;
}

bool app_parent_context(struct app *app, weir_otlp_context *out, struct text *trace_state) {
    if (app->spawning_step != NULL && spawning_context(app->spawning_step, out, trace_state)) {
        return true;
    }
    static const uint8_t zero[16];
    *out = app->remote_parent;
    return memcmp(out->trace_id, zero, sizeof zero) != 0;
}

/* ---- ending ---- */

/* Ends what is open of a step, from the innermost on, and counts each. */
static void shut_step(struct weir *w, struct step *step) {
    struct moment when = core_now(w, &step->anchor);
    core_count(&w->counters.left_open);
    if (step->spans != NULL) {
        span_close(step->spans, when);
    } else if (step->stream != NULL && object_is_live(&step->stream->head)) {
        stream_abandon(step->stream);
        stream_close(step->stream, when);
    } else {
        step_close(step, when, NULL);
    }
}

static bool has_open_parts(const struct step *step) {
    return step->spans != NULL || (step->stream != NULL && object_is_live(&step->stream->head));
}

/* A step with something left to end; the end of one that is in step_close is told there. */
static struct step *next_open_step(struct app *app) {
    struct step *step = app->steps;
    while (step != NULL && step->is_ending && !has_open_parts(step)) {
        step = step->next;
    }
    return step;
}

static void shut_all(struct app *app) {
    struct weir *w = app->weir;
    for (struct step *step; (step = next_open_step(app)) != NULL;) {
        shut_step(w, step);
    }
    while (app->calls != NULL) {
        core_count(&w->counters.left_open);
        call_close(app->calls, core_now(w, &app->calls->anchor), NULL);
    }
    object_end(&app->head);
    app->tracker = weir_tracker_app_close(app->tracker);
    app->n_unpins_due++; /* the handle's own */
}

void app_shut(struct app *app) {
    struct weir *w = app->weir;
    bool is_counted = core_remove_app(w, app);
    app_lock(app);
    bool is_first = !app->is_closing;
    app->is_closing = true;
    if (is_first) {
        shut_all(app);
    }
    object_leave(app);
    if (is_counted) {
        core_app_is_shut(w, app);
    }
}

void weir_app_free(weir_app *handle) {
    struct app *app = object_enter(HANDLE_APP, handle);
    if (app == NULL) {
        return;
    }
    app_pin(app);
    object_leave(app);
    app_shut(app);
    app_unpin(app);
}
