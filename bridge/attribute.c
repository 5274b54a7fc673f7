#include "bridge/attribute.h"

#include <stdio.h>

#include "bridge/adapter_otlp.h"
#include "bridge/json_input.h"
#include "bridge/lifecycle.h"
#include "otlp/common/alloc.h"
#include "otlp/common/json_text.h"
#include "otlp/common/json_write.h"

/* ---- what becomes of a value ---- */

enum kind {
    KIND_NULL,
    KIND_STRING,
    KIND_BOOL,
    KIND_INT,
    KIND_DOUBLE,
    KIND_BYTES,
    KIND_LIST,
    KIND_MAP
};

static bool is_integer_text(struct json_slice number) {
    for (size_t i = 0; i < number.n_bytes; i++) {
        if (number.text[i] == '.' || number.text[i] == 'e' || number.text[i] == 'E') {
            return false;
        }
    }
    return true;
}

static enum kind kind_of_json(struct json_slice value) {
    switch (json_kind_of(value)) {
    case JSON_STRING: return KIND_STRING;
    case JSON_BOOL: return KIND_BOOL;
    case JSON_NUMBER: return is_integer_text(value) ? KIND_INT : KIND_DOUBLE;
    case JSON_ARRAY: return KIND_LIST;
    case JSON_OBJECT: return KIND_MAP;
    case JSON_NULL:
    case JSON_NONE:
    default: return KIND_NULL;
    }
}

static struct json_slice leaf_of(const weir_value *value) {
    struct json_cursor c = json_cursor_over(value->as.string.bytes, value->as.string.n_bytes);
    struct json_slice leaf = {0};
    (void)json_skip(&c, &leaf); /* only to leave white space out */
    return leaf;
}

static enum kind kind_of(const weir_value *value) {
    switch (value->kind) {
    case WEIR_VALUE_STRING: return KIND_STRING;
    case WEIR_VALUE_BOOL: return KIND_BOOL;
    case WEIR_VALUE_INT: return KIND_INT;
    case WEIR_VALUE_DOUBLE: return KIND_DOUBLE;
    case WEIR_VALUE_BYTES: return KIND_BYTES;
    case WEIR_VALUE_ARRAY: return KIND_LIST;
    case WEIR_VALUE_MAP: return KIND_MAP;
    case WEIR_VALUE_JSON: return kind_of_json(leaf_of(value));
    case WEIR_VALUE_EMPTY:
    default: return KIND_NULL;
    }
}

/* Python's bool is an int, so a list that starts with an int takes bools too. */
static bool fits(enum kind first, enum kind kind) {
    return kind == first || (first == KIND_INT && kind == KIND_BOOL);
}

static bool json_list_is_homogeneous(struct json_slice list) {
    struct json_cursor c = json_cursor_over(list.text, list.n_bytes);
    struct json_slice item;
    enum kind first = KIND_NULL;
    bool is_first = true;
    if (json_enter(&c, '[') != 0) {
        return false;
    }
    while (json_next_item(&c, &item) == 1) {
        enum kind kind = kind_of_json(item);
        if (!is_first && !fits(first, kind)) {
            return false;
        }
        first = is_first ? kind : first;
        is_first = false;
    }
    return true;
}

static bool list_is_homogeneous(const weir_value *list) {
    if (list->kind == WEIR_VALUE_JSON) {
        return json_list_is_homogeneous(leaf_of(list));
    }
    for (size_t i = 1; i < list->as.array.n_items; i++) {
        if (!fits(kind_of(&list->as.array.items[0]), kind_of(&list->as.array.items[i]))) {
            return false;
        }
    }
    return true;
}

static bool becomes_text(const weir_value *value) {
    enum kind kind = kind_of(value);
    return kind == KIND_NULL || kind == KIND_MAP ||
           (kind == KIND_LIST && !list_is_homogeneous(value));
}

weir_value attribute_for_otlp(const weir_value *value, struct buf *scratch) {
    if (!becomes_text(value)) {
        return *value;
    }
    buf_clear(scratch);
    json_write_value(scratch, value, JSON_PYTHON);
    if (buf_error(scratch) != 0) {
        return (weir_value){0};
    }
    return weir_value_string_n((const char *)scratch->data, scratch->n_bytes);
}

/* ---- the event ---- */

static bool has_key(const weir_key_value *attribute) {
    return attribute->key != NULL && *attribute->key != '\0';
}

static bool is_welcome(struct weir *w, const weir_key_value *attribute) {
    if (!has_key(attribute)) {
        core_count(&w->counters.refused_values);
        return false;
    }
    if (!json_value_is_sound(&attribute->value)) {
        core_count(&w->counters.refused_json);
        return false;
    }
    return true;
}

static bool must_change(const weir_key_value *given, size_t n_given) {
    for (size_t i = 0; i < n_given; i++) {
        if (!has_key(&given[i]) || !json_value_is_sound(&given[i].value) ||
            becomes_text(&given[i].value)) {
            return true;
        }
    }
    return false;
}

/* Copies, the texts without their place: the buffer may still move. */
static void convert(struct weir *w, const weir_key_value *given, size_t n_given,
                    struct otlp_attributes *out) {
    for (size_t i = 0; i < n_given; i++) {
        if (!is_welcome(w, &given[i])) {
            continue;
        }
        weir_key_value *item = &out->own[out->n_items++];
        *item = given[i];
        if (becomes_text(&given[i].value)) {
            size_t start = out->texts.n_bytes;
            json_write_value(&out->texts, &given[i].value, JSON_PYTHON);
            item->value = (weir_value){.kind = WEIR_VALUE_STRING};
            item->value.as.string.n_bytes = out->texts.n_bytes - start;
        }
    }
}

static void place_texts(struct otlp_attributes *out) {
    const char *at = (const char *)out->texts.data;
    for (size_t i = 0; i < out->n_items; i++) {
        weir_value *value = &out->own[i].value;
        if (value->kind == WEIR_VALUE_STRING && value->as.string.bytes == NULL) {
            value->as.string.bytes = at;
            at += value->as.string.n_bytes;
        }
    }
}

void attributes_for_otlp(struct weir *w, const weir_key_value *given, size_t n_given,
                         struct otlp_attributes *out) {
    *out = (struct otlp_attributes){.items = given, .n_items = n_given};
    buf_init(&out->texts, WEIR_MAX_STATE_BYTES);
    if (!must_change(given, n_given)) {
        return;
    }
    out->n_items = 0;
    out->own = mem_array(n_given, sizeof *out->own);
    if (out->own != NULL) {
        convert(w, given, n_given, out);
        place_texts(out);
    }
    if (out->own == NULL || buf_error(&out->texts) != 0) {
        core_count(&w->counters.no_memory);
        out->n_items = 0;
    }
    out->items = out->own;
}

void attributes_forget(struct otlp_attributes *attributes) {
    mem_free(attributes->own);
    buf_deinit(&attributes->texts);
}

static void tell(struct step *step, struct span *span, struct moment when,
                 const weir_key_value *attributes, size_t n_attributes) {
    struct weir *w = object_app(&step->head)->weir;
    struct scene scene = {object_app(&step->head), step->call, step, span, NULL};
    weir_lifecycle_event event;
    core_event(&event, WEIR_HOOK_DO_LOG_ATTRIBUTES, &scene, when);
    event.attributes = attributes;
    event.n_attributes = n_attributes;
    struct captured captured;
    const struct captured *seen = core_capture(w, &scene, &event, CAPTURE_BOTH, &captured);
    const struct object *target = span != NULL ? &span->head : &step->head;
    if (seen == NULL || object_is_live(target)) {
        core_tell_captured(w, &scene, &event, seen);
    }
    core_forget_captured(&captured);
}

static void pass_on(struct weir *w, struct step *step, struct span *span,
                    const weir_key_value *attributes, size_t n_attributes) {
    for (size_t i = 0; i < n_attributes; i++) {
        if (is_welcome(w, &attributes[i])) {
            adapter_otlp_attributes(w, step, span, &attributes[i], 1);
        }
    }
}

void attributes_log(struct step *step, struct span *span, const struct moment *when,
                    const weir_key_value *attributes, size_t n_attributes) {
    struct weir *w = object_app(&step->head)->weir;
    if (w->is_otlp_alone) { /* an event and its time were a third of the cost of an attribute */
        pass_on(w, step, span, attributes, n_attributes);
        return;
    }
    struct moment moment = when != NULL ? *when : core_now(w, &step->anchor);
    struct object *target = span != NULL ? &span->head : &step->head;
    step->head.n_refs++; /* guests may end both while they are told */
    if (span != NULL) {
        span->head.n_refs++;
    }
    size_t start = 0; /* of the run of welcome ones that is not told yet */
    for (size_t i = 0; i < n_attributes && object_is_live(target); i++) {
        if (!is_welcome(w, &attributes[i])) {
            if (i > start) {
                tell(step, span, moment, attributes + start, i - start);
            }
            start = i + 1;
        }
    }
    if (n_attributes > start && object_is_live(target)) {
        tell(step, span, moment, attributes + start, n_attributes - start);
    }
    span_release(span);
    step_release(step);
}

/* ---- handles ---- */

/* The step and, if the handle is one, the span; the app's lock is taken. false: stale. */
struct target {
    struct app *app;
    struct step *step;
    struct span *span;
};

/* The live step or span, without the lock; NULL: stale (counted). */
static struct object *resolve(const weir_handle *handle, bool *is_span) {
    struct object *step = handle_peek(HANDLE_STEP, handle);
    *is_span = step == NULL;
    return step != NULL ? step : handle_resolve(HANDLE_SPAN, handle);
}

static bool enter_resolved(struct object *object, bool is_span, const weir_handle *handle,
                           struct target *out) {
    if (object == NULL || !object_lock(object, handle)) {
        return false;
    }
    out->app = object_app(object);
    out->span = is_span ? (struct span *)object : NULL;
    out->step = is_span ? out->span->step : (struct step *)object;
    return true;
}

static bool enter(const weir_handle *handle, struct target *out) {
    bool is_span;
    struct object *object = resolve(handle, &is_span);
    return enter_resolved(object, is_span, handle, out);
}

/* True when nobody listens, and there is nothing to count either. */
static bool leave_no_trace(const struct object *object, const weir_key_value *attributes,
                           size_t n_attributes) {
    if (!object_is_unheard(object)) {
        return false;
    }
    for (size_t i = 0; i < n_attributes && attributes != NULL; i++) {
        if (!has_key(&attributes[i]) || !json_value_is_sound(&attributes[i].value)) {
            return false;
        }
    }
    return true;
}

void weir_set_all_(weir_handle *handle, const weir_key_value *attributes, size_t n_attributes) {
    bool is_span;
    struct object *object = resolve(handle, &is_span);
    struct target target;
    if (object == NULL || leave_no_trace(object, attributes, n_attributes) ||
        !enter_resolved(object, is_span, handle, &target)) {
        return;
    }
    if (attributes != NULL) {
        attributes_log(target.step, target.span, NULL, attributes, n_attributes);
    }
    object_leave(target.app);
}

static void set_one(weir_handle *target, const char *key, weir_value value) {
    const weir_key_value attribute = {key, value};
    weir_set_all_(target, &attribute, 1);
}

void weir_set_string_(weir_handle *target, const char *key, const char *value) {
    set_one(target, key, weir_value_string(value));
}

void weir_set_bool_(weir_handle *target, const char *key, bool value) {
    set_one(target, key, weir_value_bool(value));
}

void weir_set_int_(weir_handle *target, const char *key, int64_t value) {
    set_one(target, key, weir_value_int(value));
}

void weir_set_uint_(weir_handle *target, const char *key, uint64_t value) {
    if (value <= INT64_MAX) {
        set_one(target, key, weir_value_int((int64_t)value));
        return;
    }
    char digits[24];
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
    set_one(target, key,
            weir_value_json(digits)); /* beyond int64: raw digits in files, text in OTLP */
}

void weir_set_double_(weir_handle *target, const char *key, double value) {
    set_one(target, key, weir_value_double(value));
}

void weir_set_value_(weir_handle *target, const char *key, weir_value value) {
    set_one(target, key, value);
}

void weir_set_json_(weir_handle *target, const char *key, const char *json) {
    set_one(target, key, json != NULL ? weir_value_json(json) : (weir_value){0});
}

/* Only OTLP has a place for events. */
static void add_event(const struct target *target, const char *name,
                      const weir_key_value *attributes, size_t n_attributes) {
    struct weir *w = target->app->weir;
    struct scene scene = {target->app, target->step->call, target->step, target->span, NULL};
    struct moment when = core_now(w, &target->step->anchor);
    weir_lifecycle_event event;
    core_event(&event, WEIR_HOOK_DO_LOG_ATTRIBUTES, &scene, when);
    event.attributes = attributes;
    event.n_attributes = attributes != NULL ? n_attributes : 0;
    struct captured captured;
    const struct captured *seen = core_capture(w, &scene, &event, CAPTURE_OTLP, &captured);
    const weir_lifecycle_event *kept = seen != NULL ? &seen->events[WEIR_TO_OTLP] : &event;
    adapter_otlp_event(w, scene.step, scene.span, when.unix_ns, name, kept->attributes,
                       kept->n_attributes);
    core_forget_captured(&captured);
}

void weir_event_(weir_handle *handle, const char *name, const weir_key_value *attributes,
                 size_t n_attributes) {
    struct target target;
    if (!enter(handle, &target)) {
        return;
    }
    struct weir *w = target.app->weir;
    if (name == NULL) {
        core_count(&w->counters.refused_values);
    } else if (w->otlp != NULL) {
        target.step->head.n_refs++; /* the host may be asked, without the lock */
        if (target.span != NULL) {
            target.span->head.n_refs++;
        }
        add_event(&target, name, attributes, n_attributes);
        span_release(target.span);
        step_release(target.step);
    }
    object_leave(target.app);
}

void weir_set_error_(weir_handle *handle, const weir_error *error) {
    struct target target;
    if (!enter(handle, &target)) {
        return;
    }
    if (error != NULL) {
        struct weir *w = target.app->weir;
        uint64_t unix_ns = core_now(w, &target.step->anchor).unix_ns;
        adapter_otlp_error(w, target.step, target.span, unix_ns, error);
    }
    object_leave(target.app);
}
