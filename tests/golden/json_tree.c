#include "tests/golden/json_tree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "otlp/common/json_write.h"

enum { TREE_MAX_TEXT = 64 << 20 };

const char *json_tree_fault(struct arena *arena, struct json_slice text) {
    struct json_cursor cursor = json_cursor_over(text.text, text.n_bytes);
    cursor.allow_nan = true;
    if (json_skip(&cursor, NULL) == 0 && json_at_end(&cursor)) {
        return NULL;
    }
    return arena_format(arena, "%s at byte %zu",
                        cursor.fault ? cursor.fault : "more than one value", cursor.at);
}

static struct json_cursor cursor_in(struct json_slice nested, char bracket) {
    struct json_cursor cursor = json_cursor_over(nested.text, nested.n_bytes);
    cursor.allow_nan = true;
    (void)json_enter(&cursor, bracket);
    return cursor;
}

struct json_slice json_tree_member(struct json_slice object, const char *key) {
    struct json_slice found = {0}, name, value;
    if (json_kind_of(object) != JSON_OBJECT) {
        return found;
    }
    struct json_cursor cursor = cursor_in(object, '{');
    while (json_next_member(&cursor, &name, &value) == 1) {
        if (json_string_is(name, key)) {
            found = value; /* of equal keys the last one counts */
        }
    }
    return found;
}

static weir_value decoded(struct arena *arena, struct json_slice string) {
    struct buf text;
    buf_init(&text, string.n_bytes * 3 + 1);
    json_append_decoded(&text, string);
    if (buf_error(&text) != 0) {
        abort();
    }
    weir_value value =
        weir_value_string_n(arena_copy(arena, text.data, text.n_bytes), text.n_bytes);
    buf_deinit(&text);
    return value;
}

const char *json_tree_text(struct arena *arena, struct json_slice string) {
    return json_kind_of(string) == JSON_STRING ? decoded(arena, string).as.string.bytes : NULL;
}

const char *const *json_tree_texts(struct arena *arena, struct json_slice array) {
    if (json_kind_of(array) != JSON_ARRAY) {
        return NULL;
    }
    size_t n = 0;
    struct json_slice item;
    struct json_cursor counting = cursor_in(array, '[');
    while (json_next_item(&counting, &item) == 1) {
        n++;
    }
    const char **texts =
        arena_alloc(arena, (n + 1) * sizeof *texts); /* cleared: a NULL is behind */
    struct json_cursor cursor = cursor_in(array, '[');
    for (n = 0; json_next_item(&cursor, &item) == 1; n++) {
        texts[n] = json_tree_text(arena, item);
    }
    return texts;
}

bool json_tree_int(struct json_slice number, int64_t *out) {
    return json_kind_of(number) == JSON_NUMBER && json_to_int64(number, out);
}

bool json_tree_true(struct json_slice value) {
    return json_kind_of(value) == JSON_BOOL && value.text[0] == 't';
}

static weir_value build_number(struct arena *arena, struct json_slice slice) {
    int64_t integer;
    double number;
    if (json_to_int64(slice, &integer)) {
        return weir_value_int(integer);
    }
    bool is_double =
        memchr(slice.text, '.', slice.n_bytes) || memchr(slice.text, 'e', slice.n_bytes) ||
        memchr(slice.text, 'E', slice.n_bytes) || memchr(slice.text, 'N', slice.n_bytes) ||
        memchr(slice.text, 'I', slice.n_bytes);
    if (is_double && json_to_double(slice, &number)) {
        return weir_value_double(number);
    }
    return weir_value_json_n(arena_copy(arena, slice.text, slice.n_bytes), slice.n_bytes);
}

static weir_value build_array(struct arena *arena, struct json_slice slice) {
    weir_value *items = NULL;
    size_t n = 0, capacity = 0;
    struct json_slice item;
    struct json_cursor cursor = cursor_in(slice, '[');
    while (json_next_item(&cursor, &item) == 1) {
        items = arena_grow(arena, items, n, &capacity, sizeof *items);
        items[n++] = json_tree_build(arena, item);
    }
    return weir_value_array(items ? items : arena_alloc(arena, sizeof *items), n);
}

static weir_value build_map(struct arena *arena, struct json_slice slice) {
    weir_key_value *items = NULL;
    size_t n = 0, capacity = 0;
    struct json_slice name, value;
    struct json_cursor cursor = cursor_in(slice, '{');
    while (json_next_member(&cursor, &name, &value) == 1) {
        items = arena_grow(arena, items, n, &capacity, sizeof *items);
        items[n].key = json_tree_text(arena, name);
        items[n++].value = json_tree_build(arena, value);
    }
    return weir_value_map(items ? items : arena_alloc(arena, sizeof *items), n);
}

/* NOLINTNEXTLINE(misc-no-recursion): the scanner bounds the depth */
weir_value json_tree_build(struct arena *arena, struct json_slice slice) {
    switch (json_kind_of(slice)) {
    case JSON_BOOL: return weir_value_bool(json_tree_true(slice));
    case JSON_NUMBER: return build_number(arena, slice);
    case JSON_STRING: return decoded(arena, slice);
    case JSON_ARRAY: return build_array(arena, slice);
    case JSON_OBJECT: return build_map(arena, slice);
    case JSON_NONE:
    case JSON_NULL: break;
    }
    return (weir_value){.kind = WEIR_VALUE_EMPTY};
}

static bool same_text(const weir_value *a, const weir_value *b) {
    return a->as.string.n_bytes == b->as.string.n_bytes &&
           (a->as.string.n_bytes == 0 ||
            memcmp(a->as.string.bytes, b->as.string.bytes, a->as.string.n_bytes) == 0);
}

static bool same_map(const weir_value *a, const weir_value *b) {
    bool same = a->as.map.n_items == b->as.map.n_items;
    for (size_t i = 0; same && i < a->as.map.n_items; i++) {
        const weir_key_value *left = &a->as.map.items[i], *right = &b->as.map.items[i];
        same = strcmp(left->key, right->key) == 0 && json_tree_equal(&left->value, &right->value);
    }
    return same;
}

static bool same_array(const weir_value *a, const weir_value *b) {
    bool same = a->as.array.n_items == b->as.array.n_items;
    for (size_t i = 0; same && i < a->as.array.n_items; i++) {
        same = json_tree_equal(&a->as.array.items[i], &b->as.array.items[i]);
    }
    return same;
}

bool json_tree_equal(const weir_value *a, const weir_value *b) {
    if (a->kind == WEIR_VALUE_JSON && b->kind == WEIR_VALUE_STRING) {
        return same_text(a, b);
    }
    if (a->kind != b->kind) {
        return false;
    }
    switch (a->kind) {
    case WEIR_VALUE_EMPTY: return true;
    case WEIR_VALUE_STRING:
    case WEIR_VALUE_JSON: return same_text(a, b);
    case WEIR_VALUE_BOOL: return a->as.boolean == b->as.boolean;
    case WEIR_VALUE_INT: return a->as.integer == b->as.integer;
    case WEIR_VALUE_DOUBLE:
        return memcmp(&a->as.number, &b->as.number, sizeof(double)) == 0 ||
               (isnan(a->as.number) && isnan(b->as.number));
    case WEIR_VALUE_BYTES:
        return a->as.bytes.n_bytes == b->as.bytes.n_bytes &&
               memcmp(a->as.bytes.data, b->as.bytes.data, a->as.bytes.n_bytes) == 0;
    case WEIR_VALUE_ARRAY: return same_array(a, b);
    case WEIR_VALUE_MAP: return same_map(a, b);
    }
    return false;
}

const char *json_tree_print(struct arena *arena, const weir_value *value) {
    struct buf text;
    buf_init(&text, TREE_MAX_TEXT);
    json_write_value(&text, value, JSON_PYTHON);
    if (buf_error(&text) != 0) {
        abort();
    }
    char *copy = arena_copy(arena, text.data, text.n_bytes);
    buf_deinit(&text);
    return copy;
}
