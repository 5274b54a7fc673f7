#include "tracking/store_files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "otlp/common/alloc.h"
#include "otlp/common/error.h"
#include "otlp/common/macro.h"
#include "tracking/bounds.h"
#include "tracking/store_json.h"

/* ---- whole files ---- */

static void close_fd(const int *fd) {
    if (*fd >= 0) {
        (void)close(*fd);
    }
}

/* Reads to the end of the file, but no further than n_bytes. -1: errno. */
static ssize_t read_whole(int fd, char *text, size_t n_bytes) {
    size_t done = 0;
    while (done < n_bytes) {
        ssize_t n = read(fd, text + done, n_bytes - done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -1;
        }
        if (n == 0) {
            break;
        }
        done += (size_t)n;
    }
    return (ssize_t)done;
}

int store_read_file(const struct folder_path *app, int app_fd, const char *name, char **out,
                    size_t *n_bytes, weir_error_detail *detail) {
    char path[STORE_MAX_PATH_BYTES];
    folder_file_path(app, name, path, sizeof path);
    struct stat status;
    int fd CLEANUP(close_fd) = openat(app_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0) {
        int code = errno == ENOENT ? WEIR_E_NOT_FOUND : WEIR_E_IO;
        return error_set_os(detail, code, errno, "cannot open %s", path);
    }
    if (!S_ISREG(status.st_mode)) {
        return error_set(detail, WEIR_E_IO, "%s is no regular file", path);
    }
    if (status.st_size > STORE_MAX_FILE_BYTES) {
        return error_set(detail, WEIR_E_TOO_LARGE, "%s is over %d MiB", path,
                         STORE_MAX_FILE_BYTES >> 20);
    }
    char *text = mem_alloc((size_t)status.st_size + 1);
    if (text == NULL) {
        return error_set(detail, WEIR_E_NO_MEMORY, "no memory to read %s", path);
    }
    ssize_t n = read_whole(fd, text, (size_t)status.st_size);
    if (n < 0) {
        int os_error = errno;
        mem_free(text);
        return error_set_os(detail, WEIR_E_IO, os_error, "cannot read %s", path);
    }
    text[n] = '\0';
    *n_bytes = (size_t)n;
    *out = text;
    return 0;
}

/* ---- JSON ---- */

/* Reads a file that holds one JSON object; *object lies in *text. */
static int read_object(const struct folder_path *app, int app_fd, const char *name, char **text,
                       struct json_slice *object, weir_error_detail *detail) {
    size_t n_bytes;
    int error = store_read_file(app, app_fd, name, text, &n_bytes, detail);
    if (error != 0) {
        return error;
    }
    struct json_cursor cursor = json_cursor_over(*text, n_bytes);
    cursor.allow_nan = true;
    error = json_skip(&cursor, object);
    const char *fault = cursor.fault;
    if (error == 0 && !json_at_end(&cursor)) {
        fault = "something follows the object";
    } else if (error == 0 && json_kind_of(*object) != JSON_OBJECT) {
        fault = "not an object";
    }
    if (fault != NULL) {
        mem_free(*text);
        *text = NULL;
        return error_set_at(detail, WEIR_E_SYNTAX, cursor.at, 0, "%s/%s: %s at byte %zu",
                            app->app_id, name, fault, cursor.at);
    }
    return 0;
}

static int short_memory(const struct folder_path *app, const char *name,
                        weir_error_detail *detail) {
    return error_set(detail, WEIR_E_NO_MEMORY, "no memory for %s of %s", name, app->app_id);
}

/* ---- metadata.json ---- */

int store_read_metadata(const struct folder_path *app, int app_fd, struct store_metadata *out,
                        weir_error_detail *detail) {
    char *text CLEANUP(mem_cleanup) = NULL;
    struct json_slice object, key = {0}, parent = {0}, spawning_parent = {0};
    int error = read_object(app, app_fd, "metadata.json", &text, &object, detail);
    if (error != 0) {
        return error;
    }
    store_json_find(object,
                    (const struct store_member[]){{"partition_key", &key},
                                                  {"parent_pointer", &parent},
                                                  {"spawning_parent_pointer", &spawning_parent}},
                    3);
    struct store_metadata metadata = {0};
    metadata.partition_key = store_memory_text(&metadata.memory, key);
    metadata.parent = store_json_pointer(&metadata.memory, parent);
    metadata.spawning_parent = store_json_pointer(&metadata.memory, spawning_parent);
    if (metadata.memory.is_short) {
        store_metadata_deinit(&metadata);
        return short_memory(app, "metadata.json", detail);
    }
    *out = metadata;
    return 0;
}

void store_metadata_deinit(struct store_metadata *metadata) {
    store_memory_free(&metadata->memory);
    *metadata = (struct store_metadata){0};
}

/* ---- graph.json ---- */

static size_t count_items(struct json_slice array) {
    struct json_cursor cursor = json_cursor_over(array.text, array.n_bytes);
    struct json_slice item;
    size_t n_items = 0;
    cursor.allow_nan = true;
    if (json_kind_of(array) == JSON_ARRAY && json_enter(&cursor, '[') == 0) {
        while (json_next_item(&cursor, &item) == 1) {
            n_items++;
        }
    }
    return n_items;
}

/* A cursor in front of the first of the array's items, which were counted before. */
static struct json_cursor items_of(struct json_slice array) {
    struct json_cursor cursor = json_cursor_over(array.text, array.n_bytes);
    cursor.allow_nan = true;
    (void)json_enter(&cursor, '[');
    return cursor;
}

/* A NULL-terminated list of the array's strings; its other items are left out. */
static const char *const *take_list(struct store_memory *memory, struct json_slice array) {
    size_t n_items = count_items(array), n = 0;
    const char **list = store_memory_take(memory, n_items + 1, sizeof *list);
    struct json_cursor cursor = items_of(array);
    struct json_slice item;
    for (size_t i = 0; i < n_items && list != NULL && json_next_item(&cursor, &item) == 1; i++) {
        const char *text = store_memory_text(memory, item);
        if (text != NULL) {
            list[n++] = text;
        }
    }
    return list;
}

static void take_action(struct store_memory *memory, struct json_slice object, weir_action *out) {
    struct json_slice name = {0}, reads = {0}, writes = {0}, code = {0}, inputs = {0}, others = {0};
    store_json_find(object,
                    (const struct store_member[]){{"name", &name},
                                                  {"reads", &reads},
                                                  {"writes", &writes},
                                                  {"code", &code},
                                                  {"inputs", &inputs},
                                                  {"optional_inputs", &others}},
                    6);
    out->name = store_memory_text(memory, name);
    out->reads = take_list(memory, reads);
    out->writes = take_list(memory, writes);
    out->code = store_memory_text(memory, code);
    out->inputs = take_list(memory, others); /* the file has the two swapped */
    out->optional_inputs = take_list(memory, inputs);
}

static void take_transition(struct store_memory *memory, struct json_slice object,
                            weir_transition *out) {
    struct json_slice from = {0}, to = {0}, condition = {0};
    store_json_find(
        object,
        (const struct store_member[]){{"from_", &from}, {"to", &to}, {"condition", &condition}}, 3);
    out->from = store_memory_text(memory, from);
    out->to = store_memory_text(memory, to);
    out->condition = store_memory_text(memory, condition);
}

static void take_actions(struct store_graph *graph, struct json_slice array) {
    size_t n_items = count_items(array);
    weir_action *actions = store_memory_take(&graph->memory, n_items, sizeof *actions);
    struct json_cursor cursor = items_of(array);
    struct json_slice item;
    for (size_t i = 0; i < n_items && actions != NULL && json_next_item(&cursor, &item) == 1; i++) {
        take_action(&graph->memory, item, &actions[i]);
    }
    graph->graph.actions = actions;
    graph->graph.n_actions = actions != NULL ? n_items : 0;
}

static void take_transitions(struct store_graph *graph, struct json_slice array) {
    size_t n_items = count_items(array);
    weir_transition *transitions = store_memory_take(&graph->memory, n_items, sizeof *transitions);
    struct json_cursor cursor = items_of(array);
    struct json_slice item;
    for (size_t i = 0; i < n_items && transitions != NULL && json_next_item(&cursor, &item) == 1;
         i++) {
        take_transition(&graph->memory, item, &transitions[i]);
    }
    graph->graph.transitions = transitions;
    graph->graph.n_transitions = transitions != NULL ? n_items : 0;
}

int store_read_graph(const struct folder_path *app, int app_fd, struct store_graph *out,
                     weir_error_detail *detail) {
    char *text CLEANUP(mem_cleanup) = NULL;
    struct json_slice object, entrypoint = {0}, actions = {0}, transitions = {0};
    int error = read_object(app, app_fd, "graph.json", &text, &object, detail);
    if (error != 0) {
        return error;
    }
    store_json_find(object,
                    (const struct store_member[]){{"entrypoint", &entrypoint},
                                                  {"actions", &actions},
                                                  {"transitions", &transitions}},
                    3);
    struct store_graph graph = {.n_bytes = object.n_bytes};
    graph.text = store_memory_copy(&graph.memory, object.text, object.n_bytes);
    graph.graph.entrypoint = store_memory_text(&graph.memory, entrypoint);
    take_actions(&graph, actions);
    take_transitions(&graph, transitions);
    if (graph.memory.is_short) {
        store_graph_deinit(&graph);
        return short_memory(app, "graph.json", detail);
    }
    *out = graph;
    return 0;
}

void store_graph_deinit(struct store_graph *graph) {
    store_memory_free(&graph->memory);
    *graph = (struct store_graph){0};
}
