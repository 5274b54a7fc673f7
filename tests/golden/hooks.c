#include "tests/golden/hooks.h"

#include <string.h>

#include "otlp/common/macro.h"
#include "tests/golden/json_tree.h"

/* In the order of weir_hook, which begins at 1. */
static const char *const hook_names[] = {
    "post_application_create", "pre_run_execute_call", "post_run_execute_call", "pre_run_step",
    "post_run_step",           "pre_start_span",       "post_end_span",         "do_log_attributes",
    "pre_start_stream",        "pre_stream_generate",  "post_stream_generate",  "post_stream_item",
    "post_end_stream",
};

static weir_hook hook_of(struct json_slice name) {
    for (size_t i = 0; i < ARRAY_LENGTH(hook_names); i++) {
        if (json_string_is(name, hook_names[i])) {
            return (weir_hook)(i + WEIR_HOOK_POST_APPLICATION_CREATE);
        }
    }
    return (weir_hook)0;
}

static weir_method method_of(struct json_slice name) {
    for (weir_method m = WEIR_METHOD_STEP; weir_method_name(m) != NULL; m++) {
        if (json_string_is(name, weir_method_name(m))) {
            return m;
        }
    }
    return (weir_method)0;
}

/* ---- graphs ---- */

static weir_action parse_action(struct arena *arena, struct json_slice object) {
    return (weir_action){
        .name = json_tree_text(arena, json_tree_member(object, "name")),
        .reads = json_tree_texts(arena, json_tree_member(object, "reads")),
        .writes = json_tree_texts(arena, json_tree_member(object, "writes")),
        /* the files have these two swapped */
        .inputs = json_tree_texts(arena, json_tree_member(object, "optional_inputs")),
        .optional_inputs = json_tree_texts(arena, json_tree_member(object, "inputs")),
        .code = json_tree_text(arena, json_tree_member(object, "code")),
    };
}

static weir_transition parse_transition(struct arena *arena, struct json_slice object) {
    return (weir_transition){
        .from = json_tree_text(arena, json_tree_member(object, "from_")),
        .to = json_tree_text(arena, json_tree_member(object, "to")),
        .condition = json_tree_text(arena, json_tree_member(object, "condition")),
    };
}

/* Starts walking over a member that should be an array; an empty walk when it is none. */
static struct json_cursor items_of(struct json_slice object, const char *key) {
    struct json_slice array = json_tree_member(object, key);
    if (json_kind_of(array) != JSON_ARRAY) {
        array = (struct json_slice){"[]", 2};
    }
    struct json_cursor cursor = json_cursor_over(array.text, array.n_bytes);
    cursor.allow_nan = true;
    (void)json_enter(&cursor, '[');
    return cursor;
}

static const weir_graph *parse_graph(struct arena *arena, const struct file_list *files,
                                     const char *app_id) {
    const struct golden_file *file = app_id ? files_find(files, app_id, "graph.json") : NULL;
    if (file == NULL) {
        return NULL;
    }
    struct json_slice object = {file->text, file->n_bytes}, item;
    if (json_tree_fault(arena, object) != NULL) {
        return NULL;
    }
    weir_action *actions = NULL;
    weir_transition *transitions = NULL;
    size_t n_actions = 0, n_transitions = 0, actions_room = 0, transitions_room = 0;
    struct json_cursor cursor = items_of(object, "actions");
    while (json_next_item(&cursor, &item) == 1) {
        actions = arena_grow(arena, actions, n_actions, &actions_room, sizeof *actions);
        actions[n_actions++] = parse_action(arena, item);
    }
    cursor = items_of(object, "transitions");
    while (json_next_item(&cursor, &item) == 1) {
        transitions =
            arena_grow(arena, transitions, n_transitions, &transitions_room, sizeof *transitions);
        transitions[n_transitions++] = parse_transition(arena, item);
    }
    weir_graph *graph = arena_alloc(arena, sizeof *graph);
    *graph = (weir_graph){
        .entrypoint = json_tree_text(arena, json_tree_member(object, "entrypoint")),
        .actions = actions,
        .n_actions = n_actions,
        .transitions = transitions,
        .n_transitions = n_transitions,
    };
    return graph;
}

/* ---- hooks ---- */

static const weir_value *parse_value(struct arena *arena, struct json_slice value) {
    if (json_kind_of(value) == JSON_NONE || json_kind_of(value) == JSON_NULL) {
        return NULL;
    }
    weir_value *tree = arena_alloc(arena, sizeof *tree);
    *tree = json_tree_build(arena, value);
    return tree;
}

static const weir_error *parse_error(struct arena *arena, struct json_slice object) {
    if (json_kind_of(object) != JSON_OBJECT) {
        return NULL;
    }
    weir_error *error = arena_alloc(arena, sizeof *error);
    *error = (weir_error){
        .type = json_tree_text(arena, json_tree_member(object, "type")),
        .text = json_tree_text(arena, json_tree_member(object, "message")),
    };
    return error;
}

static const weir_pointer *parse_pointer(struct arena *arena, struct json_slice object) {
    if (json_kind_of(object) != JSON_OBJECT) {
        return NULL;
    }
    weir_pointer *pointer = arena_alloc(arena, sizeof *pointer);
    *pointer = (weir_pointer){
        .app_id = json_tree_text(arena, json_tree_member(object, "app_id")),
        .partition_key = json_tree_text(arena, json_tree_member(object, "partition_key")),
    };
    pointer->has_sequence_id =
        json_tree_int(json_tree_member(object, "sequence_id"), &pointer->sequence_id);
    return pointer;
}

static void parse_span(struct arena *arena, struct json_slice hook, weir_lifecycle_event *event) {
    struct json_slice span = json_tree_member(hook, "span");
    event->span_uid = json_tree_text(arena, json_tree_member(span, "uid"));
    event->span_name = json_tree_text(arena, json_tree_member(span, "name"));
    event->parent_span_uid = json_tree_text(arena, json_tree_member(span, "parent"));
    event->span_dependencies = json_tree_texts(arena, json_tree_member(hook, "span_dependencies"));
}

static void parse_attributes(struct arena *arena, struct json_slice hook,
                             weir_lifecycle_event *event) {
    weir_value map = json_tree_build(arena, json_tree_member(hook, "attributes"));
    if (map.kind == WEIR_VALUE_MAP) {
        event->attributes = map.as.map.items;
        event->n_attributes = map.as.map.n_items;
    }
}

static void parse_pull(struct arena *arena, struct json_slice hook, weir_lifecycle_event *event) {
    int64_t index = 0;
    (void)json_tree_int(json_tree_member(hook, "item_index"), &index);
    event->item_index = (uint64_t)index;
    event->item = parse_value(arena, json_tree_member(hook, "item"));
    if (event->hook == WEIR_HOOK_POST_STREAM_GENERATE) {
        event->outcome = event->error != NULL ? WEIR_PULL_FAILED
                         : json_tree_true(json_tree_member(hook, "item_is_none"))
                             ? WEIR_PULL_EXHAUSTED
                             : WEIR_PULL_PRODUCED;
    }
}

static weir_lifecycle_event parse_hook(struct arena *arena, struct json_slice hook,
                                       const struct file_list *files) {
    weir_lifecycle_event event =
        WEIR_LIFECYCLE_EVENT(.hook = hook_of(json_tree_member(hook, "hook")));
    int64_t ns = 0;
    (void)json_tree_int(json_tree_member(hook, "t_ns"), &ns);
    event.unix_ns = event.monotonic_ns = (uint64_t)ns;
    event.app_id = json_tree_text(arena, json_tree_member(hook, "app_id"));
    event.partition_key = json_tree_text(arena, json_tree_member(hook, "partition_key"));
    event.method = method_of(json_tree_member(hook, "method"));
    event.action = json_tree_text(arena, json_tree_member(hook, "action"));
    (void)json_tree_int(json_tree_member(hook, "sequence_id"), &event.sequence_id);
    event.streams = json_tree_true(json_tree_member(hook, "streaming"));
    event.inputs = parse_value(arena, json_tree_member(hook, "inputs"));
    event.result = parse_value(arena, json_tree_member(hook, "result"));
    event.state = parse_value(arena, json_tree_member(hook, "state"));
    event.error = parse_error(arena, json_tree_member(hook, "exception"));
    parse_span(arena, hook, &event);
    parse_attributes(arena, hook, &event);
    parse_pull(arena, hook, &event);
    event.parent = parse_pointer(arena, json_tree_member(hook, "parent_pointer"));
    event.spawning_parent = parse_pointer(arena, json_tree_member(hook, "spawning_parent_pointer"));
    if (event.hook == WEIR_HOOK_POST_APPLICATION_CREATE) {
        event.graph = parse_graph(arena, files, event.app_id);
    }
    return event;
}

/* What would make a hook mean nothing; recordings come from outside. */
static const char *hook_fault(struct arena *arena, const weir_lifecycle_event *event, size_t at) {
    if (event->hook == 0) {
        return arena_format(arena, "hook %zu has a name that is none", at);
    }
    if (event->app_id == NULL || event->unix_ns == 0) {
        return arena_format(arena, "hook %zu lacks its app_id or t_ns", at);
    }
    bool is_call = event->hook == WEIR_HOOK_PRE_RUN_EXECUTE_CALL ||
                   event->hook == WEIR_HOOK_POST_RUN_EXECUTE_CALL;
    if (is_call && event->method == 0) {
        return arena_format(arena, "hook %zu has a method that is none", at);
    }
    if (event->hook == WEIR_HOOK_PRE_RUN_STEP && event->action == NULL) {
        return arena_format(arena, "hook %zu lacks its action", at);
    }
    return NULL;
}

const char *hooks_parse(struct arena *arena, struct json_slice array, const struct file_list *files,
                        struct scenario *out) {
    weir_lifecycle_event *hooks = NULL;
    size_t n = 0, capacity = 0;
    struct json_slice hook;
    struct json_cursor cursor = json_cursor_over(array.text, array.n_bytes);
    cursor.allow_nan = true;
    (void)json_enter(&cursor, '[');
    while (json_next_item(&cursor, &hook) == 1) {
        hooks = arena_grow(arena, hooks, n, &capacity, sizeof *hooks);
        hooks[n] = parse_hook(arena, hook, files);
        const char *fault = hook_fault(arena, &hooks[n], n);
        if (fault != NULL) {
            return fault;
        }
        n++;
    }
    out->hooks = hooks;
    out->n_hooks = n;
    return n > 0 ? NULL : "holds no hooks";
}
