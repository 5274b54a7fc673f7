#include "tests/golden/scenario.h"

#include <stdio.h>
#include <string.h>

#include "otlp/common/alloc.h"
#include "otlp/common/macro.h"
#include "tests/golden/hooks.h"
#include "tests/golden/json_tree.h"
#include "tests/support/temp.h"

/* The file's name without its directory and ".json". */
static const char *name_of(struct arena *arena, const char *path) {
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    size_t length = strlen(name);
    bool has_suffix = length > 5 && strcmp(name + length - 5, ".json") == 0;
    return arena_copy(arena, name, has_suffix ? length - 5 : length);
}

const char *scenario_read(struct arena *arena, const char *path, struct scenario *out) {
    size_t n_bytes;
    char *text CLEANUP(temp_path_free) = temp_read(path, &n_bytes);
    if (text == NULL) {
        return "cannot be read";
    }
    struct json_slice whole = {arena_copy(arena, text, n_bytes), n_bytes};
    const char *fault = json_tree_fault(arena, whole);
    if (fault != NULL) {
        return arena_format(arena, "no JSON: %s", fault);
    }
    while (whole.n_bytes > 0 && strchr(" \t\r\n", whole.text[0]) != NULL) {
        whole = (struct json_slice){whole.text + 1, whole.n_bytes - 1};
    }
    struct json_slice hooks = json_tree_member(whole, "hooks");
    if (json_kind_of(hooks) != JSON_ARRAY) {
        return "holds no array of hooks";
    }
    *out = (struct scenario){
        .name = name_of(arena, path),
        .spans = json_tree_member(whole, "spans"),
        .files = files_parse(arena, json_tree_member(whole, "files")),
    };
    return hooks_parse(arena, hooks, &out->files, out);
}

struct json_slice scenario_spans(const struct scenario *scenario, weir_streaming_mode mode) {
    return json_tree_member(scenario->spans, weir_streaming_mode_name(mode));
}
