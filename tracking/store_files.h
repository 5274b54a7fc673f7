/*
 * The small files of an app's folder: metadata.json, graph.json, children.jsonl.
 *
 * Each is read whole into one owned struct. What is missing or of a wrong kind in them reads as
 * absent; text that is no JSON at all is WEIR_E_SYNTAX.
 */
#pragma once

#include <weir/tracking.h>

#include "tracking/folder.h"
#include "tracking/store_memory.h"

/*
 * A whole file of an app's folder with a NUL behind (mem_free). WEIR_E_NOT_FOUND, WEIR_E_IO,
 * WEIR_E_NO_MEMORY, WEIR_E_TOO_LARGE (64 MiB).
 */
int store_read_file(const struct folder_path *app, int app_fd, const char *name, char **out,
                    size_t *n_bytes, weir_error_detail *detail);

struct store_metadata {
    const char *partition_key;           /* or NULL */
    const weir_pointer *parent;          /* or NULL; its app_id may be NULL */
    const weir_pointer *spawning_parent; /* or NULL */
    struct store_memory memory;
};
/* As store_read_file, and WEIR_E_SYNTAX. */
int store_read_metadata(const struct folder_path *app, int app_fd, struct store_metadata *out,
                        weir_error_detail *detail);
void store_metadata_deinit(struct store_metadata *metadata);

struct store_graph {
    weir_graph graph; /* required and optional inputs changed back: the file has them swapped */
    const char *text; /* the whole object */
    size_t n_bytes;
    struct store_memory memory;
};
/* As store_read_file, and WEIR_E_SYNTAX. */
int store_read_graph(const struct folder_path *app, int app_fd, struct store_graph *out,
                     weir_error_detail *detail);
void store_graph_deinit(struct store_graph *graph);

struct store_child {
    const char *app_id; /* never NULL: lines without it are passed over */
    const char *partition_key;
    bool is_spawned; /* else a fork */
    bool has_sequence_id;
    int64_t sequence_id;    /* of the parent's step */
    const char *event_time; /* as it stands there, without quotes; or NULL */
    const char *line;       /* the whole line */
};
struct store_children {
    struct store_child *children; /* in the file's order */
    size_t n_children;
    uint64_t n_faults; /* lines passed over */
    struct store_memory memory;
};
/* No file: none. WEIR_E_IO, WEIR_E_NO_MEMORY, WEIR_E_TOO_LARGE (1,048,576 lines). */
int store_read_children(const struct folder_path *app, int app_fd, struct store_children *out,
                        weir_error_detail *detail);
void store_children_deinit(struct store_children *children);
