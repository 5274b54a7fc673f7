#include "bridge/adapter_otlp.h"

#include <string.h>

#include "bridge/attribute.h"
#include "bridge/lifecycle.h"
#include "otlp/common/macro.h"

/* ---- parts ---- */

void otlp_part_take(struct otlp_part *part, const weir_otlp_context *context) {
    const char *given = context->trace_state;
    part->context = *context;
    part->has_context = true;
    if (given != NULL && given != part->trace_state.bytes) {
        part->context.trace_state = text_set(&part->trace_state, given, WEIR_TRACE_STATE_BYTES)
                                        ? part->trace_state.bytes
                                        : NULL;
    }
}

void otlp_part_begin(struct weir *w, struct otlp_part *part, const char *name,
                     const weir_otlp_context *parent, uint64_t unix_ns) {
    const weir_otlp_span_options options =
        WEIR_OTLP_SPAN_OPTIONS(.parent = parent, .has_start_time = true, .start_unix_ns = unix_ns);
    part->span = span_begin(w->tracer, name, &options);
    if (part->span != NULL) {
        const weir_otlp_context own = span_context(part->span);
        otlp_part_take(part, &own);
    } else if (parent != NULL) { /* no memory: those below hang where this one would have */
        otlp_part_take(part, parent);
    }
}

const char *otlp_error_text(const struct weir *w, const weir_error *error) {
    if (lifecycle_is_abandonment(error) && core_improves(w, 9)) {
        return "abandoned";
    }
    return error->text != NULL ? error->text : "";
}

static void set_status(struct weir *w, struct otlp_part *part, const weir_error *error,
                       uint64_t unix_ns) {
    if (error != NULL) {
        span_set_status(part->span, WEIR_OTLP_STATUS_ERROR, otlp_error_text(w, error));
        if (w->conventions != 0) {
            conventions_error(w, part, error, unix_ns);
        }
    } else if (!part->has_error) {
        span_set_status(part->span, WEIR_OTLP_STATUS_OK, NULL);
    }
}

void otlp_part_end(struct weir *w, struct otlp_part *part, const weir_error *error,
                   uint64_t unix_ns) {
    if (part->span != NULL) {
        set_status(w, part, error, unix_ns);
        otlp_part_cut(part, unix_ns);
    }
}

void otlp_part_cut(struct otlp_part *part, uint64_t unix_ns) {
    if (part->span != NULL) {
        span_end(part->span, span_end_ns(part->span, unix_ns));
        part->span = NULL;
    }
}

void otlp_set_text(struct otlp_part *part, const char *key, const char *text) {
    if (part->span != NULL && text != NULL) {
        const weir_value value = weir_value_string(text);
        span_set(part->span, key, &value);
    }
}

void otlp_set_int(struct otlp_part *part, const char *key, int64_t number) {
    if (part->span != NULL) {
        const weir_value value = weir_value_int(number);
        span_set(part->span, key, &value);
    }
}

/* ---- identity ---- */

static void set_app_identity(struct weir *w, struct app *app, struct otlp_part *part) {
    otlp_set_text(part, "burr.project", w->project);
    otlp_set_text(part, "burr.app_id", app->id);
    if (app->has_partition_key) {
        otlp_set_text(part, "burr.partition_key", text_get(&app->partition_key));
    }
}

/* ---- where things go ---- */

struct otlp_part *otlp_method_part(struct step *step) {
    return step->call != NULL ? &step->call->otlp : NULL;
}

const weir_otlp_context *otlp_step_parent(struct step *step) {
    static const uint8_t zero[16];
    if (step->call != NULL) {
        return step->call->otlp.has_context ? &step->call->otlp.context : NULL;
    }
    const weir_otlp_context *remote = &object_app(&step->head)->remote_parent;
    return memcmp(remote->trace_id, zero, sizeof zero) != 0 ? remote : NULL;
}

bool otlp_mode_has_chunks(const struct weir *w) {
    return w->mode == WEIR_STREAMING_CHUNK_SPANS ||
           w->mode == WEIR_STREAMING_SINGLE_AND_CHUNK_SPANS;
}

bool otlp_mode_has_action(const struct weir *w) {
    return w->mode == WEIR_STREAMING_SINGLE_SPAN ||
           w->mode == WEIR_STREAMING_SINGLE_AND_CHUNK_SPANS;
}

/* The parent of what is opened below the step now; NULL: it would be a root. */
static const weir_otlp_context *parent_below(struct weir *w, struct step *step) {
    struct otlp_part *chunk = otlp_chunk_part(w, step);
    if (chunk != NULL) {
        step->chunk.has_span_below = true;
        return chunk->has_context ? &chunk->context : NULL;
    }
    return step->otlp.has_context ? &step->otlp.context : otlp_step_parent(step);
}

struct otlp_part *otlp_attribute_part(struct weir *w, struct step *step) {
    bool action_first = step->otlp.span != NULL && core_improves(w, 5);
    struct otlp_part *chunk = action_first ? NULL : otlp_chunk_part(w, step);
    if (chunk != NULL) {
        step->chunk.has_attribute = true;
        return chunk;
    }
    return step->otlp.has_context ? &step->otlp : otlp_method_part(step);
}

bool adapter_otlp_context_below(struct step *step, weir_otlp_context *out) {
    struct weir *w = object_app(&step->head)->weir;
    const weir_otlp_context *parent = w->otlp != NULL ? parent_below(w, step) : NULL;
    if (parent != NULL) {
        *out = *parent;
    }
    return parent != NULL;
}

void otlp_add_event(struct weir *w, struct otlp_part *part, uint64_t unix_ns, const char *name,
                    const weir_key_value *attributes, size_t n_attributes) {
    struct otlp_attributes CLEANUP(attributes_forget) converted;
    attributes_for_otlp(w, attributes, n_attributes, &converted);
    span_add_event(part->span, unix_ns, name, converted.items, converted.n_items);
}

void adapter_otlp_event(struct weir *w, struct step *step, struct span *span, uint64_t unix_ns,
                        const char *name, const weir_key_value *attributes, size_t n_attributes) {
    if (w->otlp == NULL) {
        return;
    }
    struct otlp_part *part = span != NULL ? &span->otlp : otlp_attribute_part(w, step);
    if (part != NULL && part->span != NULL) {
        otlp_add_event(w, part, unix_ns, name, attributes, attributes != NULL ? n_attributes : 0);
    }
}

void adapter_otlp_error(struct weir *w, struct step *step, struct span *span, uint64_t unix_ns,
                        const weir_error *error) {
    if (w->otlp == NULL) {
        return;
    }
    struct otlp_part *part = span != NULL ? &span->otlp : otlp_attribute_part(w, step);
    if (part != NULL && part->span != NULL) {
        set_status(w, part, error, unix_ns);
        part->has_error = true;
    }
}

static bool is_recording(const struct otlp_part *part) {
    return part != NULL && part->span != NULL && span_is_recording(part->span);
}

bool adapter_otlp_hears(const struct weir *w, struct step *step, struct span *span) {
    if (w->otlp == NULL) {
        return false;
    }
    if (span != NULL) {
        return is_recording(&span->otlp);
    }
    return otlp_mode_has_chunks(w) || /* a sampler decides for each, and they are counted */
           is_recording(&step->otlp) || is_recording(otlp_method_part(step));
}

/* ---- hooks ---- */

static void on_call_begin(struct weir *w, const struct scene *scene,
                          const weir_lifecycle_event *event) {
    struct call *call = scene->call;
    weir_otlp_context parent = call->otlp.context; /* put there by call_open */
    bool has_parent = call->otlp.has_context;
    call->otlp.has_context = false;
    otlp_part_begin(w, &call->otlp, weir_method_name(event->method), has_parent ? &parent : NULL,
                    event->unix_ns);
    if (core_improves(w, 4)) {
        set_app_identity(w, scene->app, &call->otlp);
    }
    if (w->conventions != 0) {
        conventions_begin(w, scene->app, &call->otlp, SPAN_OF_METHOD);
    }
}

static void on_call_end(struct weir *w, const struct scene *scene,
                        const weir_lifecycle_event *event) {
    for (struct step *step = scene->app->steps; step != NULL; step = step->next) {
        if (step->call == scene->call) {
            otlp_step_finish(w, step, event->unix_ns, NULL);
        }
    }
    otlp_part_end(w, &scene->call->otlp, event->error, event->unix_ns);
}

void otlp_action_begin(struct weir *w, struct step *step) {
    otlp_part_begin(w, &step->otlp, text_get(&step->action), otlp_step_parent(step),
                    step->began_unix_ns);
    if (core_improves(w, 4)) {
        set_app_identity(w, object_app(&step->head), &step->otlp);
        otlp_set_int(&step->otlp, "burr.sequence_id", step->sequence_id);
    }
    if (w->conventions != 0) {
        conventions_begin(w, object_app(&step->head), &step->otlp, SPAN_OF_ACTION);
        conventions_node(w, step, &step->otlp);
    }
}

static void on_step_begin(struct weir *w, const struct scene *scene,
                          const weir_lifecycle_event *event) {
    if (!event->streams || otlp_mode_has_action(w)) {
        otlp_action_begin(w, scene->step);
    }
    if (w->capture.otlp != WEIR_CAPTURE_NONE) {
        otlp_put_inputs(w, scene->step, event);
    }
}

static void on_step_end(struct weir *w, const struct scene *scene,
                        const weir_lifecycle_event *event) {
    otlp_step_finish(w, scene->step, event->unix_ns, event);
}

static void on_span_begin(struct weir *w, const struct scene *scene,
                          const weir_lifecycle_event *event) {
    struct span *parent = scene->span->parent;
    const weir_otlp_context *context;
    if (parent != NULL) {
        context = parent->otlp.has_context ? &parent->otlp.context : NULL;
    } else {
        context = parent_below(w, scene->step);
    }
    otlp_part_begin(w, &scene->span->otlp, event->span_name, context, event->unix_ns);
    if (w->conventions != 0) {
        conventions_begin(w, scene->app, &scene->span->otlp, SPAN_OF_USER);
    }
}

static void cut_below(struct step *step, const struct span *parent, uint64_t unix_ns) {
    for (struct span *span = step->spans; span != NULL; span = span->next) {
        for (const struct span *up = span->parent; up != NULL; up = up->parent) {
            if (up == parent) {
                otlp_part_cut(&span->otlp, unix_ns);
                break;
            }
        }
    }
}

static void on_span_end(struct weir *w, const struct scene *scene,
                        const weir_lifecycle_event *event) {
    cut_below(scene->step, scene->span, event->unix_ns);
    otlp_part_end(w, &scene->span->otlp, NULL, event->unix_ns);
}

static void put_attribute(struct weir *w, struct app *app, struct otlp_part *part,
                          const weir_key_value *given) {
    const weir_key_value attribute = {given->key, attribute_for_otlp(&given->value, &app->scratch)};
    span_set(part->span, attribute.key, &attribute.value);
    if (w->conventions != 0) {
        conventions_given(w, app, part, &attribute);
    }
}

void adapter_otlp_attributes(struct weir *w, struct step *step, struct span *span,
                             const weir_key_value *attributes, size_t n_attributes) {
    if (w->otlp == NULL) {
        return;
    }
    struct otlp_part *part = span != NULL ? &span->otlp : otlp_attribute_part(w, step);
    if (part == NULL || part->span == NULL) {
        return;
    }
    for (size_t i = 0; i < n_attributes; i++) {
        put_attribute(w, object_app(&step->head), part, &attributes[i]);
    }
}

static void on_attributes(struct weir *w, const struct scene *scene,
                          const weir_lifecycle_event *event) {
    adapter_otlp_attributes(w, scene->step, scene->span, event->attributes, event->n_attributes);
}

void adapter_otlp_hooks(const struct weir *w, core_hook_fn *out[N_HOOKS]) {
    out[WEIR_HOOK_PRE_RUN_EXECUTE_CALL] = on_call_begin;
    out[WEIR_HOOK_POST_RUN_EXECUTE_CALL] = on_call_end;
    out[WEIR_HOOK_PRE_RUN_STEP] = on_step_begin;
    out[WEIR_HOOK_POST_RUN_STEP] = on_step_end;
    out[WEIR_HOOK_PRE_START_SPAN] = on_span_begin;
    out[WEIR_HOOK_POST_END_SPAN] = on_span_end;
    out[WEIR_HOOK_DO_LOG_ATTRIBUTES] = on_attributes;
    if (otlp_mode_has_chunks(w)) {
        out[WEIR_HOOK_POST_STREAM_GENERATE] = otlp_on_pulled;
    } else if (w->capture.items != WEIR_CAPTURE_NONE) {
        out[WEIR_HOOK_POST_STREAM_GENERATE] = otlp_on_item;
    }
}
