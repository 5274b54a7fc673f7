/* Levels and redaction: one walk over a piece of JSON that writes what may be kept of it. */
#include "bridge/capture.h"

#include <stdio.h>
#include <string.h>

#include "bridge/core.h"
#include "bridge/json_input.h"
#include "otlp/common/alloc.h"
#include "otlp/common/bounds.h"
#include "otlp/common/fork.h"
#include "otlp/common/json_text.h"
#include "otlp/common/json_write.h"
#include "otlp/common/macro.h"
#include "otlp/common/utf8.h"

/* ---- memory that lives as long as the event ---- */

struct piece {
    struct piece *next;
    char bytes[];
};

/* A copy that stays where it is; NULL: no memory. */
static char *keep(struct captured *captured, const void *bytes, size_t n_bytes) {
    struct piece *piece = mem_alloc(sizeof *piece + n_bytes + 1);
    if (piece == NULL) {
        return NULL;
    }
    if (n_bytes > 0) {
        memcpy(piece->bytes, bytes, n_bytes);
    }
    piece->bytes[n_bytes] = '\0';
    piece->next = captured->pieces;
    captured->pieces = piece;
    return piece->bytes;
}

void capture_release(struct captured *captured) {
    while (captured->pieces != NULL) {
        struct piece *next = captured->pieces->next;
        mem_free(captured->pieces);
        captured->pieces = next;
    }
}

/* ---- one piece of content on its way to one destination ---- */

struct walk {
    struct weir *w;
    weir_redaction what; /* filled once; path and value change */
    weir_capture level;
    struct buf *out;
    struct buf decoded; /* the text that is being looked at */
    char path[WEIR_MAX_PATH_BYTES];
    size_t n_path;
};

static weir_verdict fault(struct walk *walk) {
    core_count(&walk->w->counters.refused_values);
    return WEIR_DROP;
}

/* Asks the host; whatever makes no sense, or memory that is short, drops. */
static weir_verdict ask(struct walk *walk, const weir_value *value, weir_value *replacement) {
    const struct capture_rules *rules = &walk->w->capture;
    if (rules->redact == NULL) {
        return WEIR_KEEP;
    }
    *replacement = (weir_value){0};
    walk->what.value = value;
    fork_go_abroad();
    weir_verdict verdict = rules->redact(rules->redact_data, &walk->what, replacement);
    fork_come_back();
    if (verdict != WEIR_KEEP && verdict != WEIR_REPLACE && verdict != WEIR_DROP) {
        return fault(walk);
    }
    if (verdict == WEIR_REPLACE && !json_value_is_sound(replacement)) {
        return fault(walk);
    }
    return verdict;
}

static const char ELLIPSIS[] = "\xe2\x80\xa6";

/* ---- walking over JSON ---- */

/* The value as the host sees it; texts decoded into walk->decoded. */
static weir_value view_of(struct walk *walk, struct json_slice value) {
    switch (json_kind_of(value)) {
    case JSON_STRING:
        buf_clear(&walk->decoded);
        json_append_decoded(&walk->decoded, value);
        return buf_error(&walk->decoded) == 0 && walk->decoded.n_bytes > 0
                   ? weir_value_string_n((const char *)walk->decoded.data, walk->decoded.n_bytes)
                   : weir_value_string("");
    case JSON_BOOL: return weir_value_bool(value.text[0] == 't');
    case JSON_NULL: return (weir_value){0};
    default: return weir_value_json_n(value.text, value.n_bytes);
    }
}

static void write_text(struct walk *walk, struct json_slice value) {
    if (walk->level != WEIR_CAPTURE_TRUNCATE || value.n_bytes <= walk->w->capture.max_chars) {
        buf_append(walk->out, value.text, value.n_bytes);
        return;
    }
    buf_clear(&walk->decoded);
    json_append_decoded(&walk->decoded, value);
    const char *text = (const char *)walk->decoded.data;
    size_t n_kept = utf8_prefix_of_chars(text, walk->decoded.n_bytes, walk->w->capture.max_chars);
    if (n_kept == walk->decoded.n_bytes) {
        buf_append(walk->out, value.text, value.n_bytes);
        return;
    }
    buf_truncate(&walk->decoded, n_kept);
    buf_append_text(&walk->decoded, ELLIPSIS);
    json_write_string(walk->out, (const char *)walk->decoded.data, walk->decoded.n_bytes,
                      JSON_COMPACT);
}

/* Goes one part down in the path; the result is for leave(). */
static size_t enter_part(struct walk *walk, const char *part, size_t n_bytes) {
    size_t before = walk->n_path;
    size_t room = sizeof walk->path - 1 - before;
    if (before > 0 && room > 0) {
        walk->path[walk->n_path++] = '.';
        room--;
    }
    n_bytes = utf8_valid_prefix(part, MIN(n_bytes, room));
    memcpy(walk->path + walk->n_path, part, n_bytes);
    walk->n_path += n_bytes;
    walk->path[walk->n_path] = '\0';
    return before;
}

static void leave_part(struct walk *walk, size_t before) {
    walk->n_path = before;
    walk->path[before] = '\0';
}

static bool write_value(struct walk *walk, struct json_slice value, int depth);

static void write_list(struct walk *walk, struct json_slice list, int depth) {
    struct json_cursor c = json_cursor_over(list.text, list.n_bytes);
    struct json_slice item;
    bool is_first = true;
    (void)json_enter(&c, '[');
    buf_append_byte(walk->out, '[');
    for (size_t i = 0; json_next_item(&c, &item) == 1; i++) {
        char number[24];
        int n = snprintf(number, sizeof number, "%zu", i);
        size_t before = enter_part(walk, number, (size_t)n), start = walk->out->n_bytes;
        buf_append(walk->out, ",", is_first ? 0 : 1);
        if (write_value(walk, item, depth + 1)) {
            is_first = false;
        } else {
            buf_truncate(walk->out, start);
        }
        leave_part(walk, before);
    }
    buf_append_byte(walk->out, ']');
}

/* True for the framework's keys of a state, which stay so that Burr finds its way. */
static bool is_internal(const struct walk *walk, struct json_slice key, int depth) {
    return walk->what.content == WEIR_CONTENT_STATE && depth == 0 && key.n_bytes >= 4 &&
           memcmp(key.text, "\"__", 3) == 0;
}

static bool write_member(struct walk *walk, struct json_slice key, struct json_slice value,
                         int depth) {
    if (is_internal(walk, key, depth)) {
        buf_append(walk->out, value.text, value.n_bytes);
        return true;
    }
    if (walk->level == WEIR_CAPTURE_NONE) { /* of a state only the internal keys are left */
        return false;
    }
    if (walk->w->capture.redact == NULL) {
        return write_value(walk, value, depth + 1);
    }
    buf_clear(&walk->decoded);
    json_append_decoded(&walk->decoded, key);
    size_t before = enter_part(walk, (const char *)walk->decoded.data,
                               buf_error(&walk->decoded) == 0 ? walk->decoded.n_bytes : 0);
    bool is_kept = write_value(walk, value, depth + 1);
    leave_part(walk, before);
    return is_kept;
}

static void write_object(struct walk *walk, struct json_slice object, int depth) {
    struct json_cursor c = json_cursor_over(object.text, object.n_bytes);
    struct json_slice key, value;
    bool is_first = true;
    (void)json_enter(&c, '{');
    buf_append_byte(walk->out, '{');
    while (json_next_member(&c, &key, &value) == 1) {
        size_t start = walk->out->n_bytes;
        buf_append(walk->out, ",", is_first ? 0 : 1);
        buf_append(walk->out, key.text, key.n_bytes);
        buf_append_byte(walk->out, ':');
        if (write_member(walk, key, value, depth)) {
            is_first = false;
        } else {
            buf_truncate(walk->out, start);
        }
    }
    buf_append_byte(walk->out, '}');
}

/* What may be kept of a value; false, and nothing written: dropped. As deep as JSON is nested. */
/* NOLINTNEXTLINE(misc-no-recursion): bounded by JSON_MAX_DEPTH */
static bool write_value(struct walk *walk, struct json_slice value, int depth) {
    weir_value replacement;
    const weir_value view =
        walk->w->capture.redact != NULL ? view_of(walk, value) : (weir_value){0};
    weir_verdict verdict = ask(walk, &view, &replacement);
    if (verdict == WEIR_DROP || depth > JSON_MAX_DEPTH) {
        return false;
    }
    if (verdict == WEIR_REPLACE) {
        json_write_value(walk->out, &replacement, JSON_COMPACT);
        return true;
    }
    switch (json_kind_of(value)) {
    case JSON_OBJECT: write_object(walk, value, depth); break;
    case JSON_ARRAY: write_list(walk, value, depth); break;
    case JSON_STRING: write_text(walk, value); break;
    default: buf_append(walk->out, value.text, value.n_bytes); break;
    }
    return true;
}

/* ---- inputs, results, states ---- */

static bool must_be_object(weir_content content) {
    return content == WEIR_CONTENT_INPUTS || content == WEIR_CONTENT_STATE;
}

static struct json_slice slice_of(const weir_value *value) {
    return (struct json_slice){value->as.string.bytes, value->as.string.n_bytes};
}

/* Of a state that may not be kept, the tracker still gets what Burr needs to find its way. */
static bool write_internal_keys(struct walk *walk, struct json_slice state) {
    buf_clear(walk->out);
    walk->level = WEIR_CAPTURE_NONE;
    write_object(walk, state, 0);
    return buf_error(walk->out) == 0;
}

static bool needs_internal_keys(const struct walk *walk) {
    return walk->what.content == WEIR_CONTENT_STATE && walk->what.destination == WEIR_TO_TRACKER;
}

static bool write_whole(struct walk *walk, struct json_slice whole) {
    if (walk->level == WEIR_CAPTURE_NONE || !write_value(walk, whole, 0) ||
        buf_error(walk->out) != 0) {
        return false;
    }
    bool fits = !must_be_object(walk->what.content) || walk->out->data[0] == '{';
    return fits || fault(walk) != WEIR_DROP;
}

/* The content's JSON as far as it may be kept, in walk->out; false: not at all. */
static bool write_content(struct walk *walk, const weir_value *value) {
    struct buf CLEANUP(buf_deinit) text; /* of values that are no JSON yet */
    buf_init(&text, WEIR_MAX_STATE_BYTES);
    struct json_slice whole = slice_of(value);
    if (value->kind != WEIR_VALUE_JSON) {
        json_write_value(&text, value, JSON_COMPACT);
        whole = (struct json_slice){(const char *)text.data, text.n_bytes};
    }
    if (buf_error(&text) != 0) {
        return false;
    }
    return write_whole(walk, whole) ||
           (needs_internal_keys(walk) && write_internal_keys(walk, whole));
}

/* The value as it is kept, or NULL. */
static const weir_value *rewrite(struct walk *walk, const weir_value *value,
                                 struct captured *captured, weir_value *room) {
    struct buf CLEANUP(buf_deinit) out;
    buf_init(&out, WEIR_MAX_STATE_BYTES);
    buf_init(&walk->decoded, WEIR_MAX_STATE_BYTES);
    walk->out = &out;
    bool is_kept = write_content(walk, value);
    buf_deinit(&walk->decoded);
    if (buf_error(&out) == WEIR_E_NO_MEMORY) {
        core_count(&walk->w->counters.no_memory);
    }
    const char *text = is_kept ? keep(captured, out.data, out.n_bytes) : NULL;
    if (text == NULL) {
        return NULL;
    }
    *room = weir_value_json_n(text, out.n_bytes);
    return room;
}

static weir_capture level_of(const struct walk *walk) {
    const struct capture_rules *rules = &walk->w->capture;
    if (walk->what.content == WEIR_CONTENT_ITEM) {
        return walk->what.destination == WEIR_TO_OTLP ? rules->items : WEIR_CAPTURE_NONE;
    }
    return walk->what.destination == WEIR_TO_OTLP ? rules->otlp : rules->tracker;
}

/* What a destination may see of the value, NULL: nothing. `room` holds it if it was rewritten. */
static const weir_value *capture_value(struct walk *walk, weir_content content,
                                       const weir_value *value, struct captured *captured) {
    weir_value *room = &captured->values[walk->what.destination][content];
    walk->what.content = content;
    walk->level = level_of(walk);
    leave_part(walk, 0);
    if (value == NULL || (walk->level == WEIR_CAPTURE_NONE && !needs_internal_keys(walk))) {
        return NULL;
    }
    bool is_whole = walk->level == WEIR_CAPTURE_FULL && walk->w->capture.redact == NULL;
    return is_whole ? value : rewrite(walk, value, captured, room);
}

/* ---- attributes ---- */

/* A copy whose memory is ours: a replacement is borrowed until the next question only. */
static bool copy_replacement(struct captured *captured, const weir_value *from, weir_value *to) {
    *to = *from;
    if (from->kind == WEIR_VALUE_ARRAY || from->kind == WEIR_VALUE_MAP) {
        struct buf CLEANUP(buf_deinit) text;
        buf_init(&text, WEIR_MAX_STATE_BYTES);
        json_write_value(&text, from, JSON_COMPACT);
        const char *kept = buf_error(&text) == 0 ? keep(captured, text.data, text.n_bytes) : NULL;
        *to = weir_value_json_n(kept, text.n_bytes);
        return kept != NULL;
    }
    if (from->kind == WEIR_VALUE_BYTES) {
        const char *kept = keep(captured, from->as.bytes.data, from->as.bytes.n_bytes);
        *to = weir_value_bytes(kept, from->as.bytes.n_bytes);
        return kept != NULL;
    }
    if (from->kind == WEIR_VALUE_STRING || from->kind == WEIR_VALUE_JSON) {
        to->as.string.bytes = keep(captured, from->as.string.bytes, from->as.string.n_bytes);
        return to->as.string.bytes != NULL;
    }
    return true;
}

static bool capture_attribute(struct walk *walk, const weir_key_value *from,
                              struct captured *captured, weir_key_value *to) {
    weir_value replacement;
    leave_part(walk, 0);
    walk->what.path = from->key;
    weir_verdict verdict = ask(walk, &from->value, &replacement);
    walk->what.path = walk->path;
    *to = *from;
    if (verdict != WEIR_REPLACE) {
        return verdict == WEIR_KEEP;
    }
    if (!copy_replacement(captured, &replacement, &to->value)) {
        core_count(&walk->w->counters.no_memory);
        return false;
    }
    return true;
}

static void capture_attributes(struct walk *walk, struct captured *captured,
                               weir_lifecycle_event *event) {
    if (walk->w->capture.redact == NULL || event->n_attributes == 0) {
        return;
    }
    const weir_key_value *all = event->attributes;
    size_t n_all = event->n_attributes;
    event->n_attributes = 0;
    struct piece *piece = mem_alloc(sizeof *piece + n_all * sizeof *all);
    if (piece == NULL) {
        core_count(&walk->w->counters.no_memory);
        return;
    }
    piece->next = captured->pieces;
    captured->pieces = piece;
    weir_key_value *kept = (weir_key_value *)(void *)piece->bytes;
    walk->what.content = WEIR_CONTENT_ATTRIBUTE;
    for (size_t i = 0; i < n_all; i++) {
        if (capture_attribute(walk, &all[i], captured, &kept[event->n_attributes])) {
            event->n_attributes++;
        }
    }
    event->attributes = kept;
}
_Static_assert(sizeof(struct piece) % _Alignof(weir_key_value) == 0, "attributes are aligned");

/* ---- events ---- */

static void capture_for(struct weir *w, weir_destination destination,
                        const weir_lifecycle_event *event, struct captured *captured) {
    struct walk walk;
    walk.w = w;
    walk.n_path = 0;
    walk.what = (weir_redaction){.size = sizeof walk.what,
                                 .destination = destination,
                                 .app_id = event->app_id,
                                 .action = event->action,
                                 .sequence_id = event->sequence_id,
                                 .path = walk.path};
    weir_lifecycle_event *seen = &captured->events[destination];
    *seen = *event;
    seen->inputs = capture_value(&walk, WEIR_CONTENT_INPUTS, event->inputs, captured);
    seen->result = capture_value(&walk, WEIR_CONTENT_RESULT, event->result, captured);
    bool is_step_end = event->hook == WEIR_HOOK_POST_RUN_STEP;
    seen->state = is_step_end ? capture_value(&walk, WEIR_CONTENT_STATE, event->state, captured)
                              : NULL; /* nobody of ours looks at the one before a step */
    seen->item = capture_value(&walk, WEIR_CONTENT_ITEM, event->item, captured);
    capture_attributes(&walk, captured, seen);
}

/* Those that there are. With the app's lock: a close may end them while the host is asked. */
static unsigned present(const struct weir *w, unsigned destinations) {
    unsigned all =
        (w->tracker != NULL ? CAPTURE_TRACKER : 0U) | (w->otlp != NULL ? CAPTURE_OTLP : 0U);
    return destinations & all;
}

static void capture_all(struct weir *w, const weir_lifecycle_event *event, unsigned destinations,
                        struct captured *captured) {
    if (destinations & CAPTURE_TRACKER) {
        capture_for(w, WEIR_TO_TRACKER, event, captured);
    }
    if (destinations & CAPTURE_OTLP) {
        capture_for(w, WEIR_TO_OTLP, event, captured);
    }
}

const struct captured *capture_event(struct weir *w, const struct scene *scene,
                                     const weir_lifecycle_event *event, unsigned destinations,
                                     struct captured *out) {
    destinations = present(w, destinations);
    if (w->capture.redact == NULL) {
        capture_all(w, event, destinations, out);
        return out;
    }
    core_step_outside(scene);
    capture_all(w, event, destinations, out);
    core_step_inside(scene);
    return out;
}
