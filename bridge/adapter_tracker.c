/*
 * The tracker as an adapter: lifecycle events become records of Burr's files. A record that cannot
 * be written is counted and reported by the tracker itself; here nothing is left to do.
 */
#include <stdio.h>
#include <string.h>

#include "bridge/core.h"
#include "otlp/common/buf.h"

static void on_app(struct weir *w, const struct scene *scene, const weir_lifecycle_event *event) {
    const weir_tracker_app_options options = {
        .size = sizeof options,
        .app_id = event->app_id,
        .partition_key = event->partition_key,
        .graph = event->graph,
        .parent = event->parent,
        .spawning_parent = event->spawning_parent,
        .unix_ns = event->unix_ns,
    };
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    if (weir_tracker_app_open(w->tracker, &options, &scene->app->tracker, &detail) != 0) {
        core_say(w, WEIR_LOG_WARN, LOG_CAUSE_TRACKER, detail.message);
    }
}

/* The app's tracker; NULL when its files could not be opened: the run goes on, the loss is counted.
 */
static weir_tracker_app *tracker_of(struct weir *w, const struct scene *scene) {
    if (scene->app->tracker == NULL) {
        core_count(&w->counters.records_lost);
    }
    return scene->app->tracker;
}

static void on_step_begin(struct weir *w, const struct scene *scene,
                          const weir_lifecycle_event *event) {
    (void)weir_tracker_begin_entry(tracker_of(w, scene), event->unix_ns, event->action,
                                   event->inputs, event->sequence_id);
}

/* "{type}: {text}\n", or "{type}\n": never empty, since Burr's page tests it for truth. */
static const char *exception_text(const weir_error *error, struct buf *scratch) {
    if (error == NULL) {
        return NULL;
    }
    const char *type = error->type != NULL && *error->type != '\0' ? error->type : "Error";
    buf_clear(scratch);
    buf_append_text(scratch, type);
    if (error->text != NULL && *error->text != '\0') {
        buf_append_text(scratch, ": ");
        buf_append_text(scratch, error->text);
    }
    buf_append(scratch, "\n", 2); /* with its NUL */
    return buf_error(scratch) == 0 ? (const char *)scratch->data : "Error\n";
}

static void on_step_end(struct weir *w, const struct scene *scene,
                        const weir_lifecycle_event *event) {
    const char *exception = exception_text(event->error, &scene->app->scratch);
    (void)weir_tracker_end_entry(tracker_of(w, scene), event->unix_ns, event->action, event->result,
                                 exception, event->state, event->sequence_id);
}

static void on_span_begin(struct weir *w, const struct scene *scene,
                          const weir_lifecycle_event *event) {
    (void)weir_tracker_begin_span(tracker_of(w, scene), event->unix_ns, event->sequence_id,
                                  event->span_uid, event->span_name, event->parent_span_uid,
                                  event->span_dependencies);
}

static void on_span_end(struct weir *w, const struct scene *scene,
                        const weir_lifecycle_event *event) {
    (void)weir_tracker_end_span(tracker_of(w, scene), event->unix_ns, event->sequence_id,
                                event->span_uid);
}

/* Burr's page adds token counts up by their older names only. */
static void write_legacy(struct weir *w, const struct scene *scene,
                         const weir_lifecycle_event *event, const weir_key_value *attribute) {
    const char *name = conventions_legacy_name(attribute->key);
    if (name != NULL) {
        const weir_key_value again = {name, attribute->value};
        (void)weir_tracker_attribute(tracker_of(w, scene), event->unix_ns, event->sequence_id,
                                     event->span_uid, &again);
    }
}

static void on_attributes(struct weir *w, const struct scene *scene,
                          const weir_lifecycle_event *event) {
    for (size_t i = 0; i < event->n_attributes; i++) {
        (void)weir_tracker_attribute(tracker_of(w, scene), event->unix_ns, event->sequence_id,
                                     event->span_uid, &event->attributes[i]);
        if (w->conventions & WEIR_CONVENTIONS_LEGACY_USAGE) {
            write_legacy(w, scene, event, &event->attributes[i]);
        }
    }
}

static void on_stream_begin(struct weir *w, const struct scene *scene,
                            const weir_lifecycle_event *event) {
    (void)weir_tracker_begin_stream(tracker_of(w, scene), event->unix_ns, event->sequence_id);
}

static void on_item(struct weir *w, const struct scene *scene, const weir_lifecycle_event *event) {
    if (event->item_index == 0) {
        (void)weir_tracker_first_item(tracker_of(w, scene), event->unix_ns, event->sequence_id);
    }
}

static void on_stream_end(struct weir *w, const struct scene *scene,
                          const weir_lifecycle_event *event) {
    const struct stream_account *account = &scene->step->account;
    const weir_stream_times times = {
        .items_streamed = account->n_items,
        .has_pulls = account->n_pulls > 0,
        .has_first_item = account->n_produced > 0,
        .generation_ns = account->generation_ns,
        .consumer_ns = account->consumer_ns,
        .first_item_ns = account->first_item_ns,
    };
    (void)weir_tracker_end_stream(tracker_of(w, scene), event->unix_ns, event->sequence_id, &times);
}

core_hook_fn *const adapter_tracker_hooks[N_HOOKS] = {
    [WEIR_HOOK_POST_APPLICATION_CREATE] = on_app,   [WEIR_HOOK_PRE_RUN_STEP] = on_step_begin,
    [WEIR_HOOK_POST_RUN_STEP] = on_step_end,        [WEIR_HOOK_PRE_START_SPAN] = on_span_begin,
    [WEIR_HOOK_POST_END_SPAN] = on_span_end,        [WEIR_HOOK_DO_LOG_ATTRIBUTES] = on_attributes,
    [WEIR_HOOK_PRE_START_STREAM] = on_stream_begin, [WEIR_HOOK_POST_STREAM_ITEM] = on_item,
    [WEIR_HOOK_POST_END_STREAM] = on_stream_end,
};
