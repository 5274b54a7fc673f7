/*
 * The files of a tracker directory, read whole, and how they may differ from recorded ones.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "otlp/common/json_text.h"
#include "tests/golden/arena.h"

struct golden_file {
    const char *app_id;
    const char *name;
    const char *text;
    size_t n_bytes;
};

struct file_list {
    struct golden_file *items; /* by app id, then name */
    size_t n, capacity;
};

/* The files below `root`, laid out as <app>/<name>. A directory that is absent holds none. */
struct file_list files_read(struct arena *arena, const char *root);

/* The `files` member of a recording. */
struct file_list files_parse(struct arena *arena, struct json_slice object);

const struct golden_file *files_find(const struct file_list *list, const char *app_id,
                                     const char *name);

/* The first difference byte for byte, or NULL. */
const char *files_same(struct arena *arena, const struct file_list *a, const struct file_list *b);

/*
 * The first difference that counts, or NULL. Two things may differ: the text of an `exception` (but
 * not whether there is one), and a value that the reference's log has as the text of a Python tuple
 * where weir was given a list. Apps the recording has no files of are passed over (they had no
 * tracker), and so is an empty log that weir makes beside a children.jsonl.
 */
const char *files_difference(struct arena *arena, const struct file_list *expected,
                             const struct file_list *observed);
