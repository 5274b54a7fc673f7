#include "tests/golden/span_list.h"

#include <string.h>

#include "tests/golden/json_tree.h"

/* ---- building ---- */

void span_list_insert(struct arena *arena, struct span_list *list, size_t at,
                      struct golden_span *span) {
    list->items =
        arena_grow(arena, list->items, list->n, &list->capacity, sizeof(struct golden_span *));
    memmove(list->items + at + 1, list->items + at, (list->n - at) * sizeof *list->items);
    list->items[at] = span;
    list->n++;
}

void span_list_remove(struct span_list *list, size_t at) {
    list->n--;
    memmove(list->items + at, list->items + at + 1, (list->n - at) * sizeof *list->items);
}

size_t span_list_find(const struct span_list *list, const struct golden_span *span) {
    size_t at = 0;
    while (at < list->n && list->items[at] != span) {
        at++;
    }
    return at;
}

bool attribute_list_remove(struct attribute_list *list, const char *key) {
    for (size_t i = 0; i < list->n; i++) {
        if (strcmp(list->items[i].key, key) == 0) {
            list->n--;
            memmove(list->items + i, list->items + i + 1, (list->n - i) * sizeof *list->items);
            return true;
        }
    }
    return false;
}

static void insert_attribute(struct arena *arena, struct attribute_list *list, size_t at,
                             const char *key, const weir_value *value) {
    weir_key_value *items = arena_alloc(arena, (list->n + 1) * sizeof *items);
    for (size_t i = 0; i < list->n; i++) {
        items[i < at ? i : i + 1] = list->items[i];
    }
    items[at] = (weir_key_value){.key = key, .value = *value};
    list->items = items;
    list->n++;
}

void attribute_list_set(struct arena *arena, struct attribute_list *list, const char *key,
                        const weir_value *value) {
    weir_value kept = *value; /* may lie in the list itself */
    (void)attribute_list_remove(list, key);
    insert_attribute(arena, list, list->n, key, &kept);
}

void attribute_list_prepend(struct arena *arena, struct attribute_list *list, const char *key,
                            const weir_value *value) {
    insert_attribute(arena, list, 0, key, value);
}

const weir_value *attribute_list_find(const struct attribute_list *list, const char *key) {
    for (size_t i = 0; i < list->n; i++) {
        if (strcmp(list->items[i].key, key) == 0) {
            return &list->items[i].value;
        }
    }
    return NULL;
}

/* ---- reading a recording ---- */

static struct attribute_list parse_attributes(struct arena *arena, struct json_slice object) {
    weir_value map = json_tree_build(arena, object);
    if (map.kind != WEIR_VALUE_MAP) {
        return (struct attribute_list){0};
    }
    weir_key_value *items = arena_alloc(arena, (map.as.map.n_items + 1) * sizeof *items);
    for (size_t i = 0; i < map.as.map.n_items; i++) {
        items[i] = map.as.map.items[i];
    }
    return (struct attribute_list){items, map.as.map.n_items};
}

static const char *text_or(const char *text, const char *otherwise) {
    return text != NULL ? text : otherwise;
}

static uint64_t parse_ns(struct json_slice number) {
    int64_t ns = 0;
    (void)json_tree_int(number, &ns);
    return (uint64_t)ns;
}

static void parse_events(struct arena *arena, struct json_slice array, struct golden_span *span) {
    struct json_slice event;
    size_t capacity = 0;
    if (json_kind_of(array) != JSON_ARRAY) {
        return;
    }
    struct json_cursor cursor = json_cursor_over(array.text, array.n_bytes);
    cursor.allow_nan = true;
    (void)json_enter(&cursor, '[');
    while (json_next_item(&cursor, &event) == 1) {
        span->events =
            arena_grow(arena, span->events, span->n_events, &capacity, sizeof *span->events);
        span->events[span->n_events++] = (struct golden_event){
            .name = text_or(json_tree_text(arena, json_tree_member(event, "name")), ""),
            .unix_ns = parse_ns(json_tree_member(event, "t_ns")),
            .attributes = parse_attributes(arena, json_tree_member(event, "attributes")),
        };
    }
}

static struct golden_span *parse_span(struct arena *arena, struct json_slice object) {
    struct golden_span *span = arena_alloc(arena, sizeof *span);
    *span = (struct golden_span){
        .name = text_or(json_tree_text(arena, json_tree_member(object, "name")), ""),
        .kind = text_or(json_tree_text(arena, json_tree_member(object, "kind")), "INTERNAL"),
        .status = text_or(json_tree_text(arena, json_tree_member(object, "status")), "UNSET"),
        .description =
            text_or(json_tree_text(arena, json_tree_member(object, "status_description")), ""),
        .start_ns = parse_ns(json_tree_member(object, "start_ns")),
        .end_ns = parse_ns(json_tree_member(object, "end_ns")),
        .attributes = parse_attributes(arena, json_tree_member(object, "attributes")),
    };
    (void)json_tree_int(json_tree_member(object, "trace"), &span->trace);
    parse_events(arena, json_tree_member(object, "events"), span);
    return span;
}

const char *span_list_parse(struct arena *arena, struct json_slice array, struct span_list *out) {
    *out = (struct span_list){0};
    if (json_kind_of(array) != JSON_ARRAY) {
        return "the recording holds no spans for this mode";
    }
    int64_t *parents = NULL;
    size_t capacity = 0;
    struct json_slice object;
    struct json_cursor cursor = json_cursor_over(array.text, array.n_bytes);
    cursor.allow_nan = true;
    (void)json_enter(&cursor, '[');
    while (json_next_item(&cursor, &object) == 1) {
        parents = arena_grow(arena, parents, out->n, &capacity, sizeof *parents);
        parents[out->n] = -1;
        (void)json_tree_int(json_tree_member(object, "parent"), &parents[out->n]);
        span_list_insert(arena, out, out->n, parse_span(arena, object));
    }
    for (size_t i = 0; i < out->n; i++) {
        if (parents[i] >= (int64_t)out->n) {
            return "a span of the recording has a parent that is not in its list";
        }
        out->items[i]->parent = parents[i] >= 0 ? out->items[parents[i]] : NULL;
    }
    return NULL;
}

/* ---- comparing ---- */

static const char *attributes_difference(struct arena *arena, const struct attribute_list *expected,
                                         const struct attribute_list *observed) {
    for (size_t i = 0; i < expected->n || i < observed->n; i++) {
        const weir_key_value *want = i < expected->n ? &expected->items[i] : NULL;
        const weir_key_value *got = i < observed->n ? &observed->items[i] : NULL;
        if (want && got && strcmp(want->key, got->key) == 0 &&
            json_tree_equal(&want->value, &got->value)) {
            continue;
        }
        return arena_format(
            arena, "attribute %zu is %s = %s, expected %s = %s", i, got ? got->key : "absent",
            got ? json_tree_print(arena, &got->value) : "nothing", want ? want->key : "none",
            want ? json_tree_print(arena, &want->value) : "nothing");
    }
    return NULL;
}

static const char *text_difference(struct arena *arena, const char *what, const char *expected,
                                   const char *observed) {
    if (strcmp(expected, observed) == 0) {
        return NULL;
    }
    return arena_format(arena, "%s is \"%s\", expected \"%s\"", what, observed, expected);
}

static const char *time_difference(struct arena *arena, const char *what, uint64_t expected,
                                   uint64_t observed) {
    if (expected == observed) {
        return NULL;
    }
    return arena_format(arena, "%s is %llu, expected %llu", what, (unsigned long long)observed,
                        (unsigned long long)expected);
}

static const char *events_difference(struct arena *arena, const struct golden_span *expected,
                                     const struct golden_span *observed) {
    if (expected->n_events != observed->n_events) {
        return arena_format(arena, "%zu events, expected %zu", observed->n_events,
                            expected->n_events);
    }
    for (size_t i = 0; i < expected->n_events; i++) {
        const struct golden_event *want = &expected->events[i], *got = &observed->events[i];
        const char *what = text_difference(arena, "its name", want->name, got->name);
        what = what ? what : time_difference(arena, "its time", want->unix_ns, got->unix_ns);
        what = what ? what : attributes_difference(arena, &want->attributes, &got->attributes);
        if (what != NULL) {
            return arena_format(arena, "event %zu: %s", i, what);
        }
    }
    return NULL;
}

static const char *fields_difference(struct arena *arena, const struct golden_span *expected,
                                     const struct golden_span *observed) {
    const char *what = text_difference(arena, "the kind", expected->kind, observed->kind);
    what = what ? what : text_difference(arena, "the status", expected->status, observed->status);
    what = what ? what
                : text_difference(arena, "the description", expected->description,
                                  observed->description);
    what =
        what ? what : time_difference(arena, "the start", expected->start_ns, observed->start_ns);
    what = what ? what : time_difference(arena, "the end", expected->end_ns, observed->end_ns);
    what = what ? what : attributes_difference(arena, &expected->attributes, &observed->attributes);
    return what ? what : events_difference(arena, expected, observed);
}

/* The place where the trace of span `at` shows first: the same in both lists when traces are cut
 * alike. */
static size_t first_of_trace(const struct span_list *list, size_t at) {
    size_t first = 0;
    while (list->items[first]->trace != list->items[at]->trace) {
        first++;
    }
    return first;
}

static size_t place_of(const struct span_list *list, const struct golden_span *span) {
    return span != NULL ? span_list_find(list, span) : SIZE_MAX;
}

static const char *place_difference(struct arena *arena, const struct span_list *expected,
                                    const struct span_list *observed, size_t at, bool may_leak) {
    const struct golden_span *want = expected->items[at], *got = observed->items[at];
    size_t want_parent = place_of(expected, want->parent);
    size_t got_parent = place_of(observed, got->parent);
    if (want_parent != got_parent || (got->has_unlisted_parent && !may_leak)) {
        return arena_format(arena, "its parent is %s, expected %s",
                            got->parent ? got->parent->name
                                        : (got->has_unlisted_parent ? "not exported" : "none"),
                            want->parent ? want->parent->name : "none");
    }
    if (first_of_trace(expected, at) != first_of_trace(observed, at)) {
        return "it is in another trace than expected";
    }
    return NULL;
}

const char *span_list_difference(struct arena *arena, const struct span_list *expected,
                                 const struct span_list *observed, bool may_leak) {
    for (size_t i = 0; i < expected->n || i < observed->n; i++) {
        const char *want = i < expected->n ? expected->items[i]->name : "no more";
        const char *got = i < observed->n ? observed->items[i]->name : "no more";
        if (i >= expected->n || i >= observed->n || strcmp(want, got) != 0) {
            return arena_format(arena, "span %zu is \"%s\", expected \"%s\"", i, got, want);
        }
        const char *what = fields_difference(arena, expected->items[i], observed->items[i]);
        what = what ? what : place_difference(arena, expected, observed, i, may_leak);
        if (what != NULL) {
            return arena_format(arena, "span %zu \"%s\": %s", i, want, what);
        }
    }
    return NULL;
}
