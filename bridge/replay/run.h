/*
 * One logged run, before its spans are made: where it lies, whom it came from, and what a first
 * reading of its log tells (its beginning, the offset of its clock, its steps).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/tracking.h>

#include "bridge/replay/ids.h"
#include "bridge/replay/times.h"
#include "tracking/folder.h"

/* Where another run came from. */
struct replay_pointer {
    char *app_id; /* NULL: nowhere */
    char *partition_key;
    bool has_sequence_id; /* false: the latest step */
    int64_t sequence_id;
};

/* A step that another run may point to. */
struct replay_mark {
    int64_t sequence_id;
    uint64_t line;
    uint64_t local_ns; /* its begin */
};

enum { REPLAY_STAMP_BYTES = 48 };

struct replay_run {
    struct replay_run *next;
    char *folder; /* <storage>/<project>/<app>: its name among other runs */
    char *root;
    char *project;
    char *app_id;
    char *log_path; /* for messages */
    bool is_loose;  /* the log was given by its own path, whatever it is called */
    char *partition_key;
    struct replay_pointer parent, spawner;
    bool is_selected; /* in what is replayed; else it is only pointed to */
    bool is_surveyed;
    bool keeps_marks;                     /* another run points to it */
    bool is_visited;                      /* while a chain of spawners is followed */
    char first_begin[REPLAY_STAMP_BYTES]; /* as the log spells it; "": it has no step */
    uint64_t first_local_ns;
    uint64_t n_bytes; /* of its log */
    struct replay_offsets offsets;
    struct replay_ids ids; /* once it is surveyed */
    struct replay_mark *marks;
    size_t n_marks, marks_capacity;
};

/* The name of an app's folder; owned. NULL: no memory, or too long. */
char *replay_folder_name(const struct folder_path *app);

/*
 * Reads metadata.json; a run without one, or with a broken one, has no pointers. log_path NULL: the
 * log in its folder, which is opened without following links. NULL: no memory.
 */
struct replay_run *replay_run_new(const struct folder_path *app, int app_fd, const char *log_path);
struct replay_run *replay_run_free(struct replay_run *run);

/* Opens its log. As weir_reader_open. */
int replay_run_open(const struct replay_run *run, weir_reader **out, weir_error_detail *detail);

/* The first reading. 0, or why the log cannot be read. */
int replay_run_survey(struct replay_run *run, weir_error_detail *detail);

/* The step that a pointer of a run that began at local_ns means: the last one of that sequence id,
 * or of any, that had begun by then. NULL: none. */
const struct replay_mark *replay_run_find_mark(const struct replay_run *run,
                                               const struct replay_pointer *pointer,
                                               uint64_t local_ns);

/* The stamp in a record's raw time; false when it is none. */
struct time_stamp;
bool replay_stamp_of(weir_slice time, struct time_stamp *out);
