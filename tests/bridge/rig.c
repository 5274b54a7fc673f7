#include "tests/bridge/rig.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "otlp/common/clock.h"
#include "tests/golden/json_tree.h"
#include "tests/support/temp.h"

enum { RIG_TIMEOUT_MS = 20000, RIG_TEXT_BYTES = 4 << 20 };

static const struct fake_clock EPOCH = FAKE_CLOCK_INIT;

/* ---- the recorder ---- */

static const char *const HOOKS[] = {
    [WEIR_HOOK_POST_APPLICATION_CREATE] = "post_application_create",
    [WEIR_HOOK_PRE_RUN_EXECUTE_CALL] = "pre_run_execute_call",
    [WEIR_HOOK_POST_RUN_EXECUTE_CALL] = "post_run_execute_call",
    [WEIR_HOOK_PRE_RUN_STEP] = "pre_run_step",
    [WEIR_HOOK_POST_RUN_STEP] = "post_run_step",
    [WEIR_HOOK_PRE_START_SPAN] = "pre_start_span",
    [WEIR_HOOK_POST_END_SPAN] = "post_end_span",
    [WEIR_HOOK_DO_LOG_ATTRIBUTES] = "do_log_attributes",
    [WEIR_HOOK_PRE_START_STREAM] = "pre_start_stream",
    [WEIR_HOOK_PRE_STREAM_GENERATE] = "pre_stream_generate",
    [WEIR_HOOK_POST_STREAM_GENERATE] = "post_stream_generate",
    [WEIR_HOOK_POST_STREAM_ITEM] = "post_stream_item",
    [WEIR_HOOK_POST_END_STREAM] = "post_end_stream",
};

static void add(struct buf *out, const char *format, ...) PRINTF_FORMAT(2, 3);
static void add(struct buf *out, const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    buf_append_text(out, text);
}

static void add_value(struct rig *rig, struct buf *out, const char *name, const weir_value *value) {
    if (value != NULL) {
        add(out, " %s=", name);
        buf_append_text(out, json_tree_print(&rig->arena, value));
    }
}

/* " name=text", unless there is none. */
static void add_text(struct buf *out, const char *name, const char *text) {
    if (text != NULL) {
        add(out, " %s=%s", name, text);
    }
}

static void add_flag(struct buf *out, const char *name, bool is_set) {
    if (is_set) {
        add(out, " %s", name);
    }
}

static void add_fields(struct rig *rig, struct buf *out, const weir_lifecycle_event *e) {
    static const char *const outcomes[] = {NULL, "produced", "exhausted", "failed"};
    add_text(out, "app", e->app_id);
    add_text(out, "key", e->partition_key);
    add_text(out, "method", e->method ? weir_method_name(e->method) : NULL);
    add_text(out, "action", e->action);
    if (e->action != NULL) {
        add(out, "#%" PRId64, e->sequence_id);
    }
    add_flag(out, "streams", e->streams);
    add_value(rig, out, "inputs", e->inputs);
    add_value(rig, out, "result", e->result);
    add_value(rig, out, "state", e->state);
    add_text(out, "error", e->error ? e->error->type : NULL);
    add_text(out, "span", e->span_uid);
    add_text(out, "name", e->span_name);
    add_text(out, "parent", e->parent_span_uid);
    add_text(out, "dependencies", e->span_dependencies ? e->span_dependencies[0] : NULL);
    for (size_t i = 0; i < e->n_attributes; i++) {
        add_value(rig, out, e->attributes[i].key, &e->attributes[i].value);
    }
    if (e->item_index != 0) {
        add(out, " index=%" PRIu64, e->item_index);
    }
    add_text(out, "outcome", outcomes[e->outcome]);
    add_value(rig, out, "item", e->item);
    add_flag(out, "initialized", e->stream_initialize_unix_ns != 0);
    add_flag(out, "first_item", e->first_item_unix_ns != 0);
    add_flag(out, "graph", e->graph != NULL);
    add_text(out, "forked_from", e->parent ? e->parent->app_id : NULL);
    add_text(out, "spawned_by", e->spawning_parent ? e->spawning_parent->app_id : NULL);
}

/* What the event is about, in a word. */
static void add_subject(struct buf *out, const weir_lifecycle_event *e) {
    switch (e->hook) {
    case WEIR_HOOK_POST_APPLICATION_CREATE: add(out, " %s", e->app_id); break;
    case WEIR_HOOK_PRE_RUN_EXECUTE_CALL:
    case WEIR_HOOK_POST_RUN_EXECUTE_CALL: add(out, " %s", weir_method_name(e->method)); break;
    case WEIR_HOOK_PRE_START_SPAN:
    case WEIR_HOOK_POST_END_SPAN: add(out, " %s", e->span_uid); break;
    case WEIR_HOOK_DO_LOG_ATTRIBUTES: add(out, " %s", e->attributes[0].key); break;
    case WEIR_HOOK_PRE_STREAM_GENERATE:
    case WEIR_HOOK_POST_STREAM_GENERATE:
    case WEIR_HOOK_POST_STREAM_ITEM: add(out, " %" PRIu64, e->item_index); break;
    default: add(out, " %s#%" PRId64, e->action, e->sequence_id); break;
    }
    if (e->error != NULL) {
        add(out, " %s", e->error->type);
    }
}

int rig_record(void *data, const weir_lifecycle_event *event) {
    struct rig *rig = data;
    buf_append_text(&rig->told, HOOKS[event->hook]);
    if (rig->keeps_fields) {
        add_fields(rig, &rig->told, event);
    } else {
        add_subject(&rig->told, event);
    }
    buf_append_text(&rig->told, "\n");
    return 0;
}

const char *rig_told(struct rig *rig) {
    const char *text = arena_copy(&rig->arena, rig->told.data, rig->told.n_bytes);
    buf_clear(&rig->told);
    return text;
}

/* ---- opening and closing ---- */

static weir_adapter recorder_of(struct rig *rig) {
    return WEIR_ADAPTER(.data = rig, .post_application_create = rig_record,
                        .pre_run_execute_call = rig_record, .post_run_execute_call = rig_record,
                        .pre_run_step = rig_record, .post_run_step = rig_record,
                        .pre_start_span = rig_record, .post_end_span = rig_record,
                        .do_log_attributes = rig_record, .pre_start_stream = rig_record,
                        .pre_stream_generate = rig_record, .post_stream_generate = rig_record,
                        .post_stream_item = rig_record, .post_end_stream = rig_record);
}

static void open_weir(struct rig *rig, weir_options *options) {
    weir_transport transport = collector_transport(&rig->collector);
    weir_clock clock = fake_clock_public(&rig->clock);
    weir_otlp_options otlp = options->otlp ? *options->otlp : WEIR_OTLP_OPTIONS();
    otlp.transport = otlp.transport ? otlp.transport : &transport;
    const weir_adapter *adapters[64] = {0};
    for (size_t i = 0; i < options->n_adapters; i++) {
        adapters[i] = options->adapters[i];
    }
    adapters[options->n_adapters++] = &rig->recorder;
    options->adapters = adapters;
    options->project = options->project ? options->project : "p";
    options->otlp = &otlp;
    options->tracker_dir = options->tracker_dir ? options->tracker_dir : rig->dir;
    options->clock = options->clock ? options->clock : &clock;
    options->log = kept_log_fn;
    options->log_data = &rig->log;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    int error = weir_open(options, &rig->w, &detail);
    cr_assert(eq(int, error, 0), "%s", detail.message);
}

struct rig *rig_open(const weir_options *options) {
    struct rig *rig = calloc(1, sizeof *rig);
    cr_assert(rig != NULL);
    rig->clock = EPOCH;
    rig->log = (struct kept_log)KEPT_LOG_INIT;
    rig->dir = temp_dir_new();
    collector_init(&rig->collector);
    buf_init(&rig->told, RIG_TEXT_BYTES);
    rig->recorder = recorder_of(rig);
    weir_options full = *options;
    open_weir(rig, &full);
    return rig;
}

void rig_close(struct rig **rig) {
    (void)weir_close((*rig)->w, RIG_TIMEOUT_MS);
    collector_deinit(&(*rig)->collector);
    buf_deinit(&(*rig)->told);
    arena_free(&(*rig)->arena);
    temp_dir_remove(&(*rig)->dir);
    free(*rig);
    *rig = NULL;
}

void rig_pass(struct rig *rig, unsigned ms) {
    fake_clock_advance(&rig->clock, ms * NS_PER_MS);
}

weir_stats rig_stats(struct rig *rig) {
    weir_stats stats = {.size = sizeof stats};
    weir_get_stats(rig->w, &stats);
    return stats;
}

weir_otlp_stats rig_otlp_stats(struct rig *rig) {
    weir_otlp_stats stats = {.size = sizeof stats};
    weir_get_otlp_stats(rig->w, &stats);
    return stats;
}

struct rig_run rig_begin(struct rig *rig, const weir_step_options *options) {
    struct rig_run run;
    run.app = weir_app_new(rig->w, &WEIR_APP_OPTIONS(.app_id = "a"));
    run.call = weir_call_begin(run.app, WEIR_METHOD_RUN);
    run.step = weir_step_begin(run.call, "act", options);
    return run;
}

void rig_end(struct rig *rig, struct rig_run *run) {
    (void)rig;
    weir_step_end(run->step, NULL);
    weir_call_end(run->call, NULL);
    weir_app_free(run->app);
}

/* ---- spans ---- */

struct span_list rig_spans(struct rig *rig) {
    struct span_list spans;
    if (rig->w != NULL) {
        cr_assert(eq(int, weir_flush(rig->w, RIG_TIMEOUT_MS), 0));
    }
    const char *fault = collector_spans(&rig->collector, &rig->arena, &spans);
    cr_assert(fault == NULL, "%s", fault);
    return spans;
}

static double ms_since(uint64_t from_ns, uint64_t ns) {
    return (double)(int64_t)(ns - from_ns) / 1e6;
}

static void add_attributes(struct rig *rig, struct buf *out, const struct attribute_list *list,
                           unsigned what) {
    for (size_t i = 0; i < list->n; i++) {
        bool is_identity = strncmp(list->items[i].key, "burr.", 5) == 0;
        if (what & (is_identity ? RIG_IDENTITY : RIG_ATTRIBUTES)) {
            add_value(rig, out, list->items[i].key, &list->items[i].value);
        }
    }
}

static void add_event(struct rig *rig, struct buf *out, const struct golden_event *event, int depth,
                      unsigned what) {
    add(out, "%*s! %s", depth * 2, "", event->name);
    if (what & RIG_TIMES) {
        add(out, " @%g", ms_since(EPOCH.unix_ns, event->unix_ns));
    }
    add_attributes(rig, out, &event->attributes, what);
    buf_append_text(out, "\n");
}

static void add_span(struct rig *rig, struct buf *out, const struct golden_span *span, int depth,
                     unsigned what) {
    add(out, "%*s", depth * 2, "");
    buf_append_text(out, span->name);
    add(out, " %s%s%s", span->status, *span->description ? " " : "", span->description);
    add(out, "%s", span->has_unlisted_parent ? " (parent elsewhere)" : "");
    if (what & RIG_TIMES) {
        add(out, " @%g+%g", ms_since(EPOCH.unix_ns, span->start_ns),
            ms_since(span->start_ns, span->end_ns));
    }
    add_attributes(rig, out, &span->attributes, what);
    buf_append_text(out, "\n");
    for (size_t i = 0; i < span->n_events && what & RIG_EVENTS; i++) {
        add_event(rig, out, &span->events[i], depth + 1, what);
    }
}

/* The child of `parent` that began next after `last`; of equal times the one that ended first. */
static const struct golden_span *next_child(const struct span_list *spans,
                                            const struct golden_span *parent,
                                            const struct golden_span *last) {
    const struct golden_span *best = NULL;
    bool is_behind = last == NULL; /* in the list, and so among equal times */
    for (size_t i = 0; i < spans->n; i++) {
        const struct golden_span *span = spans->items[i];
        bool is_later = last == NULL || span->start_ns > last->start_ns ||
                        (span->start_ns == last->start_ns && is_behind);
        if (span->parent == parent && span != last && is_later &&
            (best == NULL || span->start_ns < best->start_ns)) {
            best = span;
        }
        is_behind = is_behind || span == last;
    }
    return best;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the test nests */
static void add_below(struct rig *rig, struct buf *out, const struct span_list *spans,
                      const struct golden_span *parent, int depth, unsigned what) {
    const struct golden_span *span = NULL;
    while ((span = next_child(spans, parent, span)) != NULL) {
        add_span(rig, out, span, depth, what);
        add_below(rig, out, spans, span, depth + 1, what);
    }
}

const char *rig_tree(struct rig *rig, unsigned what) {
    struct buf CLEANUP(buf_deinit) out;
    buf_init(&out, RIG_TEXT_BYTES);
    struct span_list spans = rig_spans(rig);
    add_below(rig, &out, &spans, NULL, 0, what);
    return arena_copy(&rig->arena, out.data, out.n_bytes);
}

/* ---- files ---- */

const char *rig_file(struct rig *rig, const char *app_id, const char *name) {
    const char *path = arena_format(&rig->arena, "%s/p/%s/%s", rig->dir, app_id, name);
    size_t n_bytes = 0;
    char *bytes = temp_read(path, &n_bytes);
    const char *copy = arena_copy(&rig->arena, bytes, n_bytes);
    free(bytes);
    return copy;
}

const char *rig_records(struct rig *rig, const char *app_id) {
    struct buf CLEANUP(buf_deinit) out;
    buf_init(&out, RIG_TEXT_BYTES);
    const char *line = rig_file(rig, app_id, "log.jsonl");
    while (*line != '\0') {
        size_t n_bytes = strcspn(line, "\n");
        struct json_slice record = {line, n_bytes};
        struct json_slice id = json_tree_member(record, "sequence_id");
        id = id.text != NULL ? id : json_tree_member(record, "action_sequence_id");
        add(&out, "%s%s %.*s", out.n_bytes > 0 ? ", " : "",
            json_tree_text(&rig->arena, json_tree_member(record, "type")), (int)id.n_bytes,
            id.text);
        line += n_bytes + (line[n_bytes] == '\n');
    }
    return arena_copy(&rig->arena, out.data, out.n_bytes);
}
