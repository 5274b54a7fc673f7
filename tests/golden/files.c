#include "tests/golden/files.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "otlp/common/macro.h"
#include "tests/golden/json_tree.h"
#include "tests/golden/python_text.h"
#include "tests/support/temp.h"

/* ---- lists ---- */

static void add_file(struct arena *arena, struct file_list *list, struct golden_file file) {
    list->items = arena_grow(arena, list->items, list->n, &list->capacity, sizeof *list->items);
    list->items[list->n++] = file;
}

static int by_place(const void *a, const void *b) {
    const struct golden_file *left = a, *right = b;
    int order = strcmp(left->app_id, right->app_id);
    return order != 0 ? order : strcmp(left->name, right->name);
}

static void sort_files(struct file_list *list) {
    if (list->n > 0) {
        qsort(list->items, list->n, sizeof *list->items, by_place);
    }
}

const struct golden_file *files_find(const struct file_list *list, const char *app_id,
                                     const char *name) {
    for (size_t i = 0; i < list->n; i++) {
        if (strcmp(list->items[i].app_id, app_id) == 0 && strcmp(list->items[i].name, name) == 0) {
            return &list->items[i];
        }
    }
    return NULL;
}

static bool has_app(const struct file_list *list, const char *app_id) {
    bool found = false;
    for (size_t i = 0; i < list->n && !found; i++) {
        found = strcmp(list->items[i].app_id, app_id) == 0;
    }
    return found;
}

/* ---- where files come from ---- */

static void close_directory(DIR **directory) {
    if (*directory != NULL) {
        (void)closedir(*directory);
    }
}

static bool is_hidden(const char *name) {
    return name[0] == '.';
}

static void read_app(struct arena *arena, const char *directory, const char *app_id,
                     struct file_list *list) {
    DIR *open CLEANUP(close_directory) = opendir(directory);
    const struct dirent *entry;
    while (open != NULL && (entry = readdir(open)) != NULL) {
        if (is_hidden(entry->d_name)) {
            continue;
        }
        size_t n_bytes;
        char *path CLEANUP(temp_path_free) = temp_path(directory, entry->d_name);
        char *text CLEANUP(temp_path_free) = temp_read(path, &n_bytes);
        if (text != NULL) {
            add_file(arena, list,
                     (struct golden_file){app_id,
                                          arena_copy(arena, entry->d_name, strlen(entry->d_name)),
                                          arena_copy(arena, text, n_bytes), n_bytes});
        }
    }
}

struct file_list files_read(struct arena *arena, const char *root) {
    struct file_list list = {0};
    DIR *open CLEANUP(close_directory) = opendir(root);
    const struct dirent *entry;
    while (open != NULL && (entry = readdir(open)) != NULL) {
        if (!is_hidden(entry->d_name)) {
            char *path CLEANUP(temp_path_free) = temp_path(root, entry->d_name);
            read_app(arena, path, arena_copy(arena, entry->d_name, strlen(entry->d_name)), &list);
        }
    }
    sort_files(&list);
    return list;
}

static void parse_app(struct arena *arena, const char *app_id, struct json_slice object,
                      struct file_list *list) {
    weir_value files = json_tree_build(arena, object);
    for (size_t i = 0; files.kind == WEIR_VALUE_MAP && i < files.as.map.n_items; i++) {
        const weir_key_value *file = &files.as.map.items[i];
        if (file->value.kind == WEIR_VALUE_STRING) {
            add_file(arena, list,
                     (struct golden_file){app_id, file->key, file->value.as.string.bytes,
                                          file->value.as.string.n_bytes});
        }
    }
}

struct file_list files_parse(struct arena *arena, struct json_slice object) {
    struct file_list list = {0};
    if (json_kind_of(object) != JSON_OBJECT) {
        return list;
    }
    struct json_slice app_id, files;
    struct json_cursor cursor = json_cursor_over(object.text, object.n_bytes);
    (void)json_enter(&cursor, '{');
    while (json_next_member(&cursor, &app_id, &files) == 1) {
        parse_app(arena, json_tree_text(arena, app_id), files, &list);
    }
    sort_files(&list);
    return list;
}

/* ---- comparing ---- */

static bool same_bytes(const struct golden_file *a, const struct golden_file *b) {
    return a->n_bytes == b->n_bytes && memcmp(a->text, b->text, a->n_bytes) == 0;
}

const char *files_same(struct arena *arena, const struct file_list *a, const struct file_list *b) {
    for (size_t i = 0; i < a->n; i++) {
        const struct golden_file *file = &a->items[i];
        const struct golden_file *twin = files_find(b, file->app_id, file->name);
        if (twin == NULL || !same_bytes(file, twin)) {
            return arena_format(arena, "%s/%s %s", file->app_id, file->name,
                                twin ? "differs" : "is there once only");
        }
    }
    return a->n == b->n ? NULL : "there are more files the second time";
}

static bool same_value(struct arena *arena, struct json_slice expected, struct json_slice observed);

static bool is_text_of_exception(struct json_slice key, struct json_slice expected,
                                 struct json_slice observed) {
    return json_string_is(key, "exception") && json_kind_of(expected) == JSON_STRING &&
           json_kind_of(observed) == JSON_STRING && !json_string_is(observed, "");
}

static bool same_members(struct arena *arena, struct json_slice expected,
                         struct json_slice observed) {
    struct json_cursor left = json_cursor_over(expected.text, expected.n_bytes);
    struct json_cursor right = json_cursor_over(observed.text, observed.n_bytes);
    (void)json_enter(&left, '{');
    (void)json_enter(&right, '{');
    for (;;) {
        struct json_slice left_key, right_key, left_value, right_value;
        int more = json_next_member(&left, &left_key, &left_value);
        if (more != json_next_member(&right, &right_key, &right_value)) {
            return false;
        }
        if (more != 1) {
            return more == 0;
        }
        bool same_key = left_key.n_bytes == right_key.n_bytes &&
                        memcmp(left_key.text, right_key.text, left_key.n_bytes) == 0;
        if (!same_key || !(same_value(arena, left_value, right_value) ||
                           is_text_of_exception(left_key, left_value, right_value))) {
            return false;
        }
    }
}

static bool same_items(struct arena *arena, struct json_slice expected,
                       struct json_slice observed) {
    struct json_cursor left = json_cursor_over(expected.text, expected.n_bytes);
    struct json_cursor right = json_cursor_over(observed.text, observed.n_bytes);
    (void)json_enter(&left, '[');
    (void)json_enter(&right, '[');
    for (;;) {
        struct json_slice left_item, right_item;
        int more = json_next_item(&left, &left_item);
        if (more != json_next_item(&right, &right_item)) {
            return false;
        }
        if (more != 1) {
            return more == 0;
        }
        if (!same_value(arena, left_item, right_item)) {
            return false;
        }
    }
}

/* The reference's log says "(7,)" where weir was given the list [7]. */
static bool is_tuple_of_list(struct arena *arena, struct json_slice expected,
                             struct json_slice observed) {
    if (json_kind_of(expected) != JSON_STRING || json_kind_of(observed) != JSON_ARRAY) {
        return false;
    }
    weir_value list = json_tree_build(arena, observed);
    return strcmp(json_tree_text(arena, expected), python_text_of_tuple(arena, &list)) == 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): the scanner bounds the depth */
static bool same_value(struct arena *arena, struct json_slice expected,
                       struct json_slice observed) {
    enum json_kind kind = json_kind_of(expected);
    if (kind == JSON_OBJECT && json_kind_of(observed) == JSON_OBJECT) {
        return same_members(arena, expected, observed);
    }
    if (kind == JSON_ARRAY && json_kind_of(observed) == JSON_ARRAY) {
        return same_items(arena, expected, observed);
    }
    return (expected.n_bytes == observed.n_bytes &&
            memcmp(expected.text, observed.text, expected.n_bytes) == 0) ||
           is_tuple_of_list(arena, expected, observed);
}

static bool is_compact_object(struct arena *arena, struct json_slice line) {
    if (json_tree_fault(arena, line) != NULL || json_kind_of(line) != JSON_OBJECT) {
        return false;
    }
    struct buf compact;
    buf_init(&compact, line.n_bytes * 3 + 1);
    json_append_compact(&compact, line);
    bool is_compact = compact.n_bytes == line.n_bytes;
    buf_deinit(&compact);
    return is_compact;
}

/* White space outside of strings is part of what must be equal: members are compared only where
 * there is none. */
static bool same_line(struct arena *arena, struct json_slice expected, struct json_slice observed) {
    return (expected.n_bytes == observed.n_bytes &&
            memcmp(expected.text, observed.text, expected.n_bytes) == 0) ||
           (is_compact_object(arena, expected) && is_compact_object(arena, observed) &&
            same_value(arena, expected, observed));
}

static struct json_slice next_line(struct json_slice *rest) {
    const char *end = memchr(rest->text, '\n', rest->n_bytes);
    size_t length = end ? (size_t)(end - rest->text) + 1 : rest->n_bytes;
    struct json_slice line = {rest->text, length};
    *rest = (struct json_slice){rest->text + length, rest->n_bytes - length};
    bool is_whole = length > 0 && line.text[length - 1] == '\n';
    line.n_bytes -= is_whole;
    return line;
}

static const char *lines_difference(struct arena *arena, const struct golden_file *expected,
                                    const struct golden_file *observed) {
    struct json_slice left = {expected->text, expected->n_bytes};
    struct json_slice right = {observed->text, observed->n_bytes};
    for (size_t number = 1; left.n_bytes > 0 || right.n_bytes > 0; number++) {
        bool is_one_longer = left.n_bytes == 0 || right.n_bytes == 0;
        struct json_slice want = next_line(&left), got = next_line(&right);
        if (is_one_longer || !same_line(arena, want, got)) {
            return arena_format(arena, "%s/%s line %zu is\n  %.*s\nexpected\n  %.*s",
                                expected->app_id, expected->name, number, (int)got.n_bytes,
                                got.text, (int)want.n_bytes, want.text);
        }
    }
    /* the last line feed, which next_line passes over */
    char want = expected->n_bytes ? expected->text[expected->n_bytes - 1] : 0;
    char got = observed->n_bytes ? observed->text[observed->n_bytes - 1] : 0;
    return (want == '\n') == (got == '\n')
               ? NULL
               : arena_format(arena, "%s/%s differs in its last line feed", expected->app_id,
                              expected->name);
}

static bool may_be_extra(const struct file_list *expected, const struct golden_file *file) {
    return !has_app(expected, file->app_id) ||
           (strcmp(file->name, "log.jsonl") == 0 && file->n_bytes == 0);
}

const char *files_difference(struct arena *arena, const struct file_list *expected,
                             const struct file_list *observed) {
    for (size_t i = 0; i < expected->n; i++) {
        const struct golden_file *file = &expected->items[i];
        const struct golden_file *twin = files_find(observed, file->app_id, file->name);
        if (twin == NULL) {
            return arena_format(arena, "%s/%s was not written", file->app_id, file->name);
        }
        const char *what = lines_difference(arena, file, twin);
        if (what != NULL) {
            return what;
        }
    }
    for (size_t i = 0; i < observed->n; i++) {
        const struct golden_file *file = &observed->items[i];
        if (files_find(expected, file->app_id, file->name) == NULL &&
            !may_be_extra(expected, file)) {
            return arena_format(arena, "%s/%s was written, and should not be", file->app_id,
                                file->name);
        }
    }
    return NULL;
}
