/*
 * A storage directory as readers see it: its projects, their apps, and what lies in an app's
 * folder.
 *
 * Listing opens no log, so that ten thousand apps are listed at once. Other writers' names are
 * taken as they are, as far as they are safe in a path; names that begin with a point, stray files
 * and symbolic links are passed over. The directory itself may be reached through links; below it
 * none is followed. For the program: the library reads by tracking.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/tracking.h>

#include "tracking/folder.h"

/* ---- where a path leads ---- */

enum store_place { STORE_ROOT, STORE_PROJECT, STORE_APP, STORE_LOG };

/* What a user's path is. Owned: store_path_deinit. */
struct store_path {
    enum store_place place;
    char *root;    /* the storage directory, absolute */
    char *project; /* NULL for a root */
    char *app_id;  /* NULL for a root or project */
    char *log;     /* STORE_LOG: the file itself, whatever it is called; else NULL */
};

/*
 * Tells whether a path is a storage directory, a project, an app or a log, by what lies in it.
 * WEIR_E_NOT_FOUND (no such path, or nothing of Burr's in it; detail says which), WEIR_E_IO,
 * WEIR_E_NO_MEMORY.
 */
int store_find(const char *path, struct store_path *out, weir_error_detail *detail);
void store_path_deinit(struct store_path *path);

/* One app on a walk; 0 goes on, anything else ends the walk and is returned. */
typedef int store_visit_fn(const struct folder_path *app, int app_fd, void *data);

/*
 * Visits the apps of a place in the order of their names; folders without a log too. What cannot
 * be opened is passed over. STORE_LOG: WEIR_E_INVALID. WEIR_E_NOT_FOUND, WEIR_E_IO,
 * WEIR_E_NO_MEMORY; else what the visitor returned last.
 */
int store_walk(const struct store_path *place, store_visit_fn *visit, void *data,
               weir_error_detail *detail);

/* ---- folders ---- */

/* True for a name that may be a part of a path: not empty, no "." or "..", no slash, 255 bytes. */
bool store_name_is_safe(const char *name);

/*
 * Opens a folder for reading; project or app_id NULL: the one above it. A descriptor to close, or
 * WEIR_E_INVALID (an unsafe name), WEIR_E_NOT_FOUND, WEIR_E_IO.
 */
int store_open(const struct folder_path *path, weir_error_detail *detail);
/* The same for a folder in one that is open: -1 when there is none (or a link). */
int store_open_below(int folder_fd, const char *name);

struct store_list {
    char **names; /* sorted by their bytes */
    size_t n_names;
};
/* The projects of a root, or the apps of a project. WEIR_E_IO, WEIR_E_NO_MEMORY, WEIR_E_TOO_LARGE.
 */
int store_list_folders(int folder_fd, struct store_list *out, weir_error_detail *detail);
void store_list_deinit(struct store_list *list);

/* ---- an app's folder ---- */

/* Times and sizes without opening a file. Changed is ctime, modified is mtime. */
struct store_look {
    uint64_t folder_changed_ns, folder_modified_ns;
    bool has_log, has_graph;
    uint64_t log_n_bytes, log_changed_ns, log_modified_ns;
};
void store_look_at(int app_fd, struct store_look *out);

/* Opens the log (or another file of records) in an app's folder. As weir_reader_open. */
int store_open_records(const struct folder_path *app, int app_fd, const char *name,
                       weir_reader **out, weir_error_detail *detail);

/*
 * One more than the last sequence id in the log: Burr's number of steps; 0 when it has none. Reads
 * backwards from the log's end no further than it must. WEIR_E_NOT_FOUND, WEIR_E_IO,
 * WEIR_E_NO_MEMORY, WEIR_E_TOO_LARGE (256 MiB without a step).
 */
int store_count_steps(const struct folder_path *app, int app_fd, int64_t *out,
                      weir_error_detail *detail);
