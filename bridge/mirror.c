#include "bridge/mirror.h"

#include <stdio.h>
#include <string.h>

#include "bridge/capture.h"
#include "bridge/core.h"
#include "otlp/common/alloc.h"
#include "otlp/common/json_write.h"
#include "otlp/common/macro.h"
#include "otlp/processor.h"

/* An open span that is recorded. */
struct entry {
    struct entry *next; /* in its bucket */
    uint8_t span_id[8];
    atomic_uint n_owners; /* the table, whoever holds it without the lock */
    struct app *app;      /* counted */
    struct step *step;    /* counted, under the app's lock */
    uint32_t n_children;  /* guarded by the app's lock */
    char uid[WEIR_MAX_UID_BYTES];
};

/* Guarded by the weir's lock, which may be taken under an app's. */
struct mirror {
    struct entry *buckets[WEIR_MIRROR_BUCKETS];
    size_t n;
};

struct mirror *mirror_new(void) {
    return mem_zalloc(sizeof(struct mirror));
}

/* ---- the table ---- */

static struct entry **bucket_of(struct weir *w, const uint8_t span_id[8]) {
    size_t n = (size_t)span_id[7] << 8 | span_id[6]; /* ids are random */
    return &w->mirror->buckets[n % WEIR_MIRROR_BUCKETS];
}

/* No lock may be held. */
static void release(struct entry *entry) {
    if (entry == NULL || atomic_fetch_sub_explicit(&entry->n_owners, 1, memory_order_acq_rel) > 1) {
        return;
    }
    struct app *app = entry->app;
    app_lock(app);
    step_release(entry->step);
    object_leave(app);
    app_unpin(app);
    mem_free(entry);
}

/* One owner more. */
static struct entry *find(struct weir *w, const uint8_t span_id[8]) {
    lock_take(&w->lock);
    struct entry *entry = *bucket_of(w, span_id);
    while (entry != NULL && memcmp(entry->span_id, span_id, sizeof entry->span_id) != 0) {
        entry = entry->next;
    }
    if (entry != NULL) {
        atomic_fetch_add_explicit(&entry->n_owners, 1, memory_order_relaxed);
    }
    lock_give(&w->lock);
    return entry;
}

/* Takes it off the table, whose share of it goes to the caller. */
static struct entry *take(struct weir *w, const uint8_t span_id[8]) {
    lock_take(&w->lock);
    struct entry **at = bucket_of(w, span_id);
    while (*at != NULL && memcmp((*at)->span_id, span_id, sizeof(*at)->span_id) != 0) {
        at = &(*at)->next;
    }
    struct entry *entry = *at;
    if (entry != NULL) {
        *at = entry->next;
        w->mirror->n--;
    }
    lock_give(&w->lock);
    return entry;
}

/* false: the table is full. */
static bool put(struct weir *w, struct entry *entry) {
    lock_take(&w->lock);
    bool has_room = w->mirror->n < WEIR_MAX_MIRRORED;
    if (has_room) {
        struct entry **bucket = bucket_of(w, entry->span_id);
        entry->next = *bucket;
        *bucket = entry;
        w->mirror->n++;
    }
    lock_give(&w->lock);
    return has_room;
}

/* Any one, off the table. */
static struct entry *take_any(struct weir *w) {
    struct entry *entry = NULL;
    lock_take(&w->lock);
    for (size_t i = 0; i < WEIR_MIRROR_BUCKETS && entry == NULL; i++) {
        entry = w->mirror->buckets[i];
        if (entry != NULL) {
            w->mirror->buckets[i] = entry->next;
            w->mirror->n--;
        }
    }
    lock_give(&w->lock);
    return entry;
}

/* ---- begins ---- */

/* Where a new span goes. */
struct place {
    struct step *step;
    const char *parent_uid; /* NULL: at the top level of the step */
    uint32_t *n_children;
};

static bool make_uid(const struct place *place, char uid[WEIR_MAX_UID_BYTES]) {
    uint32_t nth = *place->n_children;
    int n = place->parent_uid != NULL
                ? snprintf(uid, WEIR_MAX_UID_BYTES, "%s.%u", place->parent_uid, nth)
                : snprintf(uid, WEIR_MAX_UID_BYTES, "%lld:%u", (long long)place->step->sequence_id,
                           nth);
    return n > 0 && n < WEIR_MAX_UID_BYTES;
}

static weir_lifecycle_event event_of(weir_hook hook, const struct scene *scene, const char *uid) {
    struct moment now = core_now(scene->app->weir, &scene->step->anchor);
    weir_lifecycle_event event;
    core_event(&event, hook, scene, now);
    event.span_uid = uid;
    return event;
}

static void record(const struct scene *scene, const weir_lifecycle_event *event) {
    adapter_tracker_hooks[event->hook](scene->app->weir, scene, event);
}

static void record_begin(const struct place *place, const char *uid, const char *name) {
    struct app *app = object_app(&place->step->head);
    struct scene scene = {.app = app, .call = place->step->call, .step = place->step};
    weir_lifecycle_event event = event_of(WEIR_HOOK_PRE_START_SPAN, &scene, uid);
    event.span_name = name;
    event.parent_span_uid = place->parent_uid;
    record(&scene, &event);
}

/* A new span's entry, in the table, its begin recorded; the app's lock is taken. false: none. */
static bool add(struct weir *w, const struct place *place, const uint8_t span_id[8],
                const char *name) {
    struct entry *entry = mem_zalloc(sizeof *entry);
    if (entry == NULL) {
        core_count(&w->counters.no_memory);
        return false;
    }
    memcpy(entry->span_id, span_id, sizeof entry->span_id);
    entry->app = object_app(&place->step->head);
    entry->step = place->step;
    atomic_init(&entry->n_owners, 1);
    if (!object_is_live(&place->step->head) || !make_uid(place, entry->uid) || !put(w, entry)) {
        mem_free(entry);
        return false;
    }
    ++*place->n_children;
    app_pin(entry->app);
    entry->step->head.n_refs++;
    record_begin(place, entry->uid, name);
    return true;
}

/* Below a span that is mirrored itself. */
static bool begin_below(struct weir *w, struct entry *above, const uint8_t span_id[8],
                        const char *name) {
    const struct place place = {above->step, above->uid, &above->n_children};
    app_lock(above->app);
    bool is_added = add(w, &place, span_id, name);
    object_leave(above->app);
    return is_added;
}

static struct place place_of(enum handle_kind kind, void *object) {
    if (kind == HANDLE_SPAN) {
        struct span *span = object;
        return (struct place){span->step, span->uid, &span->n_children};
    }
    struct step *step = kind == HANDLE_STREAM ? ((struct stream *)object)->step : object;
    return (struct place){step, NULL, &step->n_spans};
}

/* Below the step, span or stream whose context it came from; other handles belong to no step. */
static bool begin_at(struct weir *w, void *owner, const uint8_t span_id[8], const char *name) {
    enum handle_kind kind = handle_kind_of(owner);
    if (kind == HANDLE_APP || kind == HANDLE_CALL) {
        return true; /* nothing is missing */
    }
    void *object = kind != HANDLE_FREE ? object_enter(kind, owner) : NULL;
    if (object == NULL) {
        return false;
    }
    struct app *app = object_app(object);
    const struct place place = place_of(kind, object);
    bool is_added = app->weir == w && add(w, &place, span_id, name);
    object_leave(app);
    return is_added;
}

/* The name as a string of its own, cut at the bridge's limit; NULL: no memory. */
static char *name_of(const struct weir_otlp_view *view) {
    weir_view_text name = weir_otlp_view_name(view);
    size_t n_bytes = MIN(name.n_bytes, (size_t)WEIR_MAX_NAME_BYTES);
    char *copy = mem_alloc(n_bytes + 1);
    if (copy != NULL) {
        memcpy(copy, name.bytes, n_bytes);
        copy[n_bytes] = '\0';
    }
    return copy;
}

static void on_start(void *data, weir_otlp_span *handle, const weir_otlp_context *parent) {
    struct weir *w = data;
    if (parent == NULL || parent->owner == 0) {
        return; /* the lifecycle's own, or from elsewhere */
    }
    const struct weir_otlp_view view = {handle_peek(HANDLE_OTLP_SPAN, handle), 0};
    if (view.span == NULL) {
        return;
    }
    weir_otlp_context own = weir_otlp_view_context(&view);
    char *name = name_of(&view);
    if (name == NULL) {
        core_count(&w->counters.no_memory);
        return;
    }
    struct entry *above = find(w, parent->span_id);
    bool is_added = above != NULL
                        ? begin_below(w, above, own.span_id, name)
                        : begin_at(w, (void *)(uintptr_t)parent->owner, own.span_id, name);
    release(above);
    mem_free(name);
    if (!is_added) {
        core_count(&w->counters.mirror_lost);
    }
}

/* ---- ends ---- */

/* A view's attributes as the lifecycle has them: offsets into `text` until it stays where it is. */
struct attributes {
    weir_key_value *items;
    size_t n;
    struct buf text;
};

static const char *offset_in(const struct buf *text) {
    return (const char *)(uintptr_t)text->n_bytes;
}

static void put_view_value(struct buf *out, const weir_view_value *value);

static void put_view_list(struct buf *out, weir_view_list list) {
    weir_view_value item;
    buf_append_byte(out, '[');
    for (bool is_first = true; weir_view_next_value(&list, &item); is_first = false) {
        buf_append(out, ",", is_first ? 0 : 1);
        put_view_value(out, &item);
    }
    buf_append_byte(out, ']');
}

static void put_view_map(struct buf *out, weir_view_list list) {
    weir_view_attribute member;
    buf_append_byte(out, '{');
    for (bool is_first = true; weir_view_next_attribute(&list, &member); is_first = false) {
        buf_append(out, ",", is_first ? 0 : 1);
        json_write_string(out, member.key.bytes, member.key.n_bytes, JSON_COMPACT);
        buf_append_byte(out, ':');
        put_view_value(out, &member.value);
    }
    buf_append_byte(out, '}');
}

/* NOLINTNEXTLINE(misc-no-recursion): values were nested within the bound when they were set */
static void put_view_value(struct buf *out, const weir_view_value *value) {
    switch (value->value.kind) {
    case WEIR_VALUE_ARRAY: put_view_list(out, value->items); break;
    case WEIR_VALUE_MAP: put_view_map(out, value->items); break;
    default: json_write_value(out, &value->value, JSON_COMPACT); break;
    }
}

static void convert(struct attributes *to, const weir_view_attribute *from) {
    weir_key_value *item = &to->items[to->n++];
    item->key = offset_in(&to->text);
    buf_append(&to->text, from->key.bytes, from->key.n_bytes);
    buf_append_byte(&to->text, '\0');
    item->value = from->value.value;
    if (item->value.kind == WEIR_VALUE_ARRAY || item->value.kind == WEIR_VALUE_MAP) {
        item->value = (weir_value){.kind = WEIR_VALUE_JSON};
        item->value.as.string.bytes = offset_in(&to->text);
        size_t before = to->text.n_bytes;
        put_view_value(&to->text, &from->value);
        item->value.as.string.n_bytes = to->text.n_bytes - before;
    }
}

static void place_texts(struct attributes *attributes) {
    const char *base = (const char *)attributes->text.data;
    for (size_t i = 0; i < attributes->n; i++) {
        weir_key_value *item = &attributes->items[i];
        item->key = base + (uintptr_t)item->key;
        if (item->value.kind == WEIR_VALUE_JSON) {
            item->value.as.string.bytes = base + (uintptr_t)item->value.as.string.bytes;
        }
    }
}

static size_t count_attributes(weir_view_list list) {
    weir_view_attribute attribute;
    size_t n = 0;
    while (weir_view_next_attribute(&list, &attribute)) {
        n++;
    }
    return n;
}

static void attributes_deinit(struct attributes *attributes) {
    mem_free(attributes->items);
    buf_deinit(&attributes->text);
}

/* Borrows scalars and texts from the view. Without memory there are none (counted). */
static void attributes_of(struct weir *w, const weir_otlp_view *view, struct attributes *out) {
    weir_view_list list = weir_otlp_view_attributes(view);
    size_t n = count_attributes(list);
    *out = (struct attributes){0};
    buf_init(&out->text, WEIR_MAX_STATE_BYTES);
    if (n == 0) {
        return;
    }
    out->items = mem_array(n, sizeof *out->items);
    weir_view_attribute attribute;
    while (out->items != NULL && out->n < n && weir_view_next_attribute(&list, &attribute)) {
        convert(out, &attribute);
    }
    if (out->items == NULL || buf_error(&out->text) != 0) {
        core_count(&w->counters.no_memory);
        out->n = 0;
    }
    place_texts(out);
}

/* The reference's order: the end, then what the span said. The app's lock is taken. */
static bool record_end(struct weir *w, struct entry *entry, const struct attributes *attributes) {
    struct step *step = entry->step;
    struct scene scene = {.app = entry->app, .call = step->call, .step = step};
    if (!object_is_live(&step->head)) {
        return false;
    }
    weir_lifecycle_event event = event_of(WEIR_HOOK_DO_LOG_ATTRIBUTES, &scene, entry->uid);
    event.attributes = attributes->items;
    event.n_attributes = attributes->n;
    struct captured captured;
    const struct captured *seen = core_capture(w, &scene, &event, CAPTURE_TRACKER, &captured);
    bool is_live = object_is_live(&step->head); /* the host may have been asked in between */
    if (is_live) {
        weir_lifecycle_event end = event_of(WEIR_HOOK_POST_END_SPAN, &scene, entry->uid);
        record(&scene, &end);
        record(&scene, seen != NULL ? &seen->events[WEIR_TO_TRACKER] : &event);
        core_count(&w->counters.mirrored);
    }
    core_forget_captured(&captured);
    return is_live;
}

static void on_end(void *data, const weir_otlp_view *view) {
    struct weir *w = data;
    weir_otlp_context own = weir_otlp_view_context(view);
    struct entry *entry = own.owner != 0 ? take(w, own.span_id) : NULL;
    if (entry == NULL) {
        return;
    }
    struct attributes CLEANUP(attributes_deinit) attributes;
    attributes_of(w, view, &attributes);
    app_lock(entry->app);
    bool is_recorded = record_end(w, entry, &attributes);
    object_leave(entry->app);
    release(entry);
    if (!is_recorded) {
        core_count(&w->counters.mirror_lost);
    }
}

weir_processor mirror_processor(struct weir *w) {
    return (weir_processor){
        .size = sizeof(weir_processor), .data = w, .on_start = on_start, .on_end = on_end};
}

/* ---- the end of all ---- */

void mirror_free(struct weir *w) {
    if (w->mirror == NULL) {
        return;
    }
    for (struct entry *entry; (entry = take_any(w)) != NULL;) {
        core_count(&w->counters.mirror_lost);
        release(entry);
    }
    mem_free(w->mirror);
    w->mirror = NULL;
}

void mirror_forget(struct weir *w) {
    if (w->mirror == NULL) {
        return;
    }
    for (size_t i = 0; i < WEIR_MIRROR_BUCKETS; i++) {
        while (w->mirror->buckets[i] != NULL) {
            struct entry *entry = w->mirror->buckets[i];
            w->mirror->buckets[i] = entry->next;
            step_release(entry->step);
            app_unpin(entry->app);
            mem_free(entry);
        }
    }
    w->mirror->n = 0;
}
