#include "tests/golden/improve.h"

#include <stdlib.h>
#include <string.h>

#include "otlp/common/json_write.h"
#include "otlp/common/macro.h"
#include "tests/golden/json_tree.h"

const int improvement_numbers[] = {1, 2, 4, 5, 7, 8, 9, 0};

const char *improvement_name(int number) {
    switch (number) {
    case IMPROVE_EXHAUSTED_PULLS: return "no chunk span for an exhausted pull";
    case IMPROVE_FIRST_ITEM: return "no first item time when nothing was produced";
    case IMPROVE_IDENTITY: return "identity attributes";
    case IMPROVE_ATTRIBUTES: return "attributes of a step go to its action span";
    case IMPROVE_NO_STREAM: return "a plain action span when no stream was begun";
    case IMPROVE_CHILDREN: return "the partition key in children.jsonl";
    case IMPROVE_ABANDONED: return "the word abandoned";
    default: return "unknown";
    }
}

/* All that the rules need. */
struct improving {
    struct arena *arena;
    const struct scenario *scenario;
    struct timeline *timeline;
    weir_streaming_mode mode;
    struct span_list *spans;
};

static struct life *nth_life(const struct improving *it, size_t i, enum life_kind kind) {
    struct life *life = &it->timeline->items[i];
    return life->kind == kind && life->end != NULL ? life : NULL;
}

/* ---- 5 ---- */

/* The value as it was recorded, which is OTLP's form of it: on the chunk span of the pull that was
 * open, else on the action span. */
static const weir_value *recorded_value(const struct improving *it, const struct life *step,
                                        const weir_lifecycle_event *hook, const char *key) {
    const struct life *pull = timeline_pull_at(it->timeline, step, hook);
    const struct golden_span *holder = pull != NULL ? pull->span : step->span;
    return holder != NULL ? attribute_list_find(&holder->attributes, key) : NULL;
}

/* The step's attributes in the order they were set, the stream's values of its end behind them. */
static void gather_attributes(const struct improving *it, const struct life *step) {
    struct attribute_list gathered = {0};
    for (size_t i = 0; i < it->scenario->n_hooks; i++) {
        const weir_lifecycle_event *hook = &it->scenario->hooks[i];
        if (hook->hook != WEIR_HOOK_DO_LOG_ATTRIBUTES || hook->span_uid != NULL ||
            timeline_step_of(it->timeline, hook) != step) {
            continue;
        }
        for (size_t k = 0; k < hook->n_attributes; k++) {
            const char *key = hook->attributes[k].key;
            const weir_value *value = recorded_value(it, step, hook, key);
            if (value != NULL) {
                attribute_list_set(it->arena, &gathered, key, value);
            }
        }
    }
    for (size_t i = 0; i < step->span->attributes.n; i++) {
        const weir_key_value *item = &step->span->attributes.items[i];
        if (attribute_list_find(&gathered, item->key) == NULL) {
            attribute_list_set(it->arena, &gathered, item->key, &item->value);
        }
    }
    step->span->attributes = gathered;
}

static void improve_attributes(const struct improving *it) {
    if (it->mode != WEIR_STREAMING_SINGLE_AND_CHUNK_SPANS) {
        return;
    }
    for (size_t i = 0; i < it->timeline->n; i++) {
        struct life *step = nth_life(it, i, LIFE_STEP);
        if (step != NULL && step->began_stream && step->span != NULL) {
            gather_attributes(it, step);
        }
    }
    for (size_t i = 0; i < it->timeline->n; i++) {
        struct life *pull = nth_life(it, i, LIFE_PULL);
        if (pull != NULL && pull->span != NULL && pull->owner != NULL) {
            pull->span->attributes = (struct attribute_list){0};
        }
    }
}

/* ---- 7 ---- */

static void remove_stream_values(struct golden_span *span) {
    static const char *const keys[] = {"stream.generation_time_ms", "stream.consumer_time_ms",
                                       "stream.iteration_count", "stream.first_item_time_ms"};
    for (size_t i = 0; i < ARRAY_LENGTH(keys); i++) {
        (void)attribute_list_remove(&span->attributes, keys[i]);
    }
}

static void remove_event_of(const struct life *step) {
    struct golden_span *span = step->owner ? step->owner->span : NULL;
    for (size_t i = 0; span != NULL && i < span->n_events; i++) {
        if (span->events[i].step == step) {
            span->n_events--;
            memmove(span->events + i, span->events + i + 1,
                    (span->n_events - i) * sizeof *span->events);
            return;
        }
    }
}

static int64_t unused_trace(const struct span_list *spans) {
    int64_t trace = 0;
    for (size_t i = 0; i < spans->n; i++) {
        trace = MAX(trace, spans->items[i]->trace + 1);
    }
    return trace;
}

static void insert_action_span(const struct improving *it, struct life *step) {
    struct golden_span *parent = step->owner ? step->owner->span : NULL;
    const weir_error *error = step->end->error;
    struct golden_span *span = arena_alloc(it->arena, sizeof *span);
    *span = (struct golden_span){
        .name = step->begin->action,
        .kind = "INTERNAL",
        .status = error ? "ERROR" : "OK",
        .description = error && error->text ? error->text : "",
        .start_ns = step->begin->unix_ns,
        .end_ns = step->end->unix_ns,
        .parent = parent,
        .trace = parent ? parent->trace : unused_trace(it->spans),
        .life = step,
    };
    step->span = span;
    size_t at = 0;
    while (at < it->spans->n &&
           (it->spans->items[at]->life == NULL || it->spans->items[at]->life->end < step->end)) {
        at++;
    }
    span_list_insert(it->arena, it->spans, at, span);
}

static void improve_no_stream(const struct improving *it) {
    for (size_t i = 0; i < it->timeline->n; i++) {
        struct life *step = nth_life(it, i, LIFE_STEP);
        if (step == NULL || !step->begin->streams || step->began_stream) {
            continue;
        }
        if (step->span != NULL) {
            remove_stream_values(step->span);
        } else {
            remove_event_of(step);
            insert_action_span(it, step);
        }
    }
}

/* ---- 1 ---- */

static bool is_parent(const struct span_list *spans, const struct golden_span *span) {
    bool found = false;
    for (size_t i = 0; i < spans->n && !found; i++) {
        found = spans->items[i]->parent == span;
    }
    return found;
}

static void improve_exhausted_pulls(const struct improving *it) {
    for (size_t i = 0; i < it->timeline->n; i++) {
        struct life *pull = nth_life(it, i, LIFE_PULL);
        if (pull == NULL || pull->span == NULL || pull->end->outcome != WEIR_PULL_EXHAUSTED) {
            continue;
        }
        bool is_used = pull->holds_span || is_parent(it->spans, pull->span) ||
                       (it->mode == WEIR_STREAMING_CHUNK_SPANS && pull->holds_attribute);
        if (!is_used) {
            span_list_remove(it->spans, span_list_find(it->spans, pull->span));
            pull->span = NULL;
        }
    }
}

/* ---- 2 ---- */

static void drop_first_item(struct attribute_list *attributes) {
    const weir_value *count = attribute_list_find(attributes, "stream.iteration_count");
    if (count != NULL && count->kind == WEIR_VALUE_INT && count->as.integer == 0) {
        (void)attribute_list_remove(attributes, "stream.first_item_time_ms");
    }
}

static void improve_first_item(const struct improving *it) {
    for (size_t i = 0; i < it->spans->n; i++) {
        struct golden_span *span = it->spans->items[i];
        drop_first_item(&span->attributes);
        for (size_t k = 0; k < span->n_events; k++) {
            drop_first_item(&span->events[k].attributes);
        }
    }
}

/* ---- 9 ---- */

static bool is_abandoned(const weir_error *error) {
    return error && error->type && strcmp(error->type, "GeneratorExit") == 0 &&
           (error->text == NULL || error->text[0] == '\0');
}

static void improve_abandoned(const struct improving *it) {
    const weir_value word = weir_value_string("abandoned");
    for (size_t i = 0; i < it->timeline->n; i++) {
        const struct life *life = &it->timeline->items[i];
        if (life->end == NULL || life->kind == LIFE_SPAN || !is_abandoned(life->end->error)) {
            continue;
        }
        if (life->span != NULL) {
            life->span->description = word.as.string.bytes;
        }
        struct golden_span *call = life->owner ? life->owner->span : NULL;
        for (size_t k = 0; call != NULL && k < call->n_events; k++) {
            if (call->events[k].step == life) {
                attribute_list_set(it->arena, &call->events[k].attributes, "stream.error", &word);
            }
        }
    }
}

/* ---- 4 ---- */

static void prepend_identity(const struct improving *it, const struct life *life) {
    struct attribute_list *attributes = &life->span->attributes;
    const char *partition_key = life->begin->partition_key;
    weir_value project = weir_value_string(SCENARIO_PROJECT);
    weir_value app_id = weir_value_string(life->begin->app_id);
    weir_value sequence_id = weir_value_int(life->begin->sequence_id);
    if (life->kind == LIFE_STEP) {
        attribute_list_prepend(it->arena, attributes, "burr.sequence_id", &sequence_id);
    }
    if (partition_key != NULL) {
        weir_value key = weir_value_string(partition_key);
        attribute_list_prepend(it->arena, attributes, "burr.partition_key", &key);
    }
    attribute_list_prepend(it->arena, attributes, "burr.app_id", &app_id);
    attribute_list_prepend(it->arena, attributes, "burr.project", &project);
}

static void improve_identity(const struct improving *it) {
    for (size_t i = 0; i < it->timeline->n; i++) {
        const struct life *life = &it->timeline->items[i];
        weir_value sequence_id = weir_value_int(life->begin->sequence_id);
        if (life->span == NULL) {
            continue;
        }
        if (life->kind == LIFE_CALL || life->kind == LIFE_STEP) {
            prepend_identity(it, life);
        }
        if (life->kind == LIFE_PULL && !mode_has_action(it->mode)) {
            attribute_list_prepend(it->arena, &life->span->attributes, "burr.sequence_id",
                                   &sequence_id);
        }
        for (size_t k = 0; k < life->span->n_events; k++) {
            struct golden_event *event = &life->span->events[k];
            if (event->step != NULL) {
                sequence_id = weir_value_int(event->step->begin->sequence_id);
                attribute_list_set(it->arena, &event->attributes, "burr.sequence_id", &sequence_id);
            }
        }
    }
}

/* The order matters: attributes are moved before their chunk spans may go, and identity comes first
 * on whatever is left. */
void improve_spans(struct arena *arena, const struct scenario *scenario, struct timeline *timeline,
                   weir_streaming_mode mode, unsigned wanted, struct span_list *spans) {
    static const struct {
        int number;
        void (*apply)(const struct improving *it);
    } rules[] = {
        {IMPROVE_ATTRIBUTES, improve_attributes},
        {IMPROVE_NO_STREAM, improve_no_stream},
        {IMPROVE_EXHAUSTED_PULLS, improve_exhausted_pulls},
        {IMPROVE_FIRST_ITEM, improve_first_item},
        {IMPROVE_ABANDONED, improve_abandoned},
        {IMPROVE_IDENTITY, improve_identity},
    };
    struct improving it = {arena, scenario, timeline, mode, spans};
    for (size_t i = 0; i < ARRAY_LENGTH(rules); i++) {
        if (wanted & IMPROVEMENT_BIT(rules[i].number)) {
            rules[i].apply(&it);
        }
    }
}

/* ---- 8 ---- */

/* The partition key of the app that a line of children.jsonl tells of. */
static const char *child_partition_key(const struct scenario *scenario, const char *app_id) {
    const char *partition_key = NULL;
    for (size_t i = 0; app_id != NULL && i < scenario->n_hooks; i++) {
        const weir_lifecycle_event *hook = &scenario->hooks[i];
        if (hook->hook == WEIR_HOOK_POST_APPLICATION_CREATE && strcmp(hook->app_id, app_id) == 0) {
            partition_key = hook->partition_key;
        }
    }
    return partition_key;
}

/* Writes the line anew with the key in place of its null. */
static void improve_line(struct arena *arena, const struct scenario *scenario,
                         struct json_slice line, struct buf *out) {
    struct json_slice child = json_tree_member(line, "child");
    struct json_slice old = json_tree_member(child, "partition_key");
    const char *key =
        child_partition_key(scenario, json_tree_text(arena, json_tree_member(child, "app_id")));
    if (json_kind_of(old) != JSON_NULL || key == NULL) {
        buf_append(out, line.text, line.n_bytes);
        return;
    }
    size_t before = (size_t)(old.text - line.text);
    buf_append(out, line.text, before);
    json_write_string(out, key, strlen(key), JSON_COMPACT);
    buf_append(out, old.text + old.n_bytes, line.n_bytes - before - old.n_bytes);
}

static void improve_children(struct arena *arena, const struct scenario *scenario,
                             struct golden_file *file) {
    struct buf text;
    buf_init(&text, file->n_bytes * 16 + 4096);
    const char *at = file->text, *end = file->text + file->n_bytes;
    while (at < end) {
        const char *feed = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((feed ? feed : end) - at);
        struct json_slice line = {at, length};
        if (json_tree_fault(arena, line) == NULL) {
            improve_line(arena, scenario, line, &text);
        } else {
            buf_append(&text, at, length);
        }
        if (feed != NULL) {
            buf_append_byte(&text, '\n');
        }
        at += length + (feed != NULL);
    }
    if (buf_error(&text) != 0) {
        abort();
    }
    file->text = arena_copy(arena, text.data, text.n_bytes);
    file->n_bytes = text.n_bytes;
    buf_deinit(&text);
}

struct file_list improve_files(struct arena *arena, const struct scenario *scenario,
                               unsigned wanted) {
    struct file_list files = scenario->files;
    if (!(wanted & IMPROVEMENT_BIT(IMPROVE_CHILDREN)) || files.n == 0) {
        return files;
    }
    files.items = arena_alloc(arena, files.n * sizeof *files.items);
    memcpy(files.items, scenario->files.items, files.n * sizeof *files.items);
    for (size_t i = 0; i < files.n; i++) {
        if (strcmp(files.items[i].name, "children.jsonl") == 0) {
            improve_children(arena, scenario, &files.items[i]);
        }
    }
    return files;
}
