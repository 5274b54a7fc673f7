/*
 * Replay: runs that Burr, or weir's tracker, logged become spans with their original times.
 *
 * A run is one trace: a root span for the app, an action span for each step, below them the spans
 * that the application opened. Ids are derived (bridge/replay_ids.h), so replaying again repeats
 * them. What a log cannot know (calls, pulls) is not made up.
 *
 * One thread. Messages and progress go to the caller's functions; nothing is printed here.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <weir/weir.h>

/* What was read, and what of it was left out. */
struct replay_counts {
    uint64_t n_runs, n_steps, n_spans, n_attributes, n_streams, n_links;
    uint64_t n_records, n_bytes;
    uint64_t n_runs_without_steps; /* left out: nothing in them has a beginning */
    uint64_t n_broken_lines;       /* no JSON, or without what their type needs; reported */
    uint64_t n_torn_logs;          /* that end inside a line */
    uint64_t n_unreadable_logs;    /* reported */
    uint64_t n_other_records;      /* of a type unknown to this version */
    uint64_t n_ends_without_begin; /* end_entry */
    uint64_t n_span_ends_without_begin;
    uint64_t n_unknown_parents; /* spans whose parent never began: children of their step instead */
    uint64_t n_unfinished_steps; /* without an end_entry */
    uint64_t n_unfinished_spans;
    uint64_t n_without_step;    /* spans and attributes of a step that never began */
    uint64_t n_backward_times;  /* ends before their begin: they end when they begin */
    uint64_t n_lost_attributes; /* over 64 MiB, or memory was short */
    uint64_t
        n_runs_by_fallback; /* no log of the project tells the zone: options or reader's zone */
};

struct replay_options {
    weir_streaming_mode
        mode;        /* event: stream data as an event on the root; any other: on actions */
    weir_otlp *otlp; /* borrowed */
    weir_otlp_tracer *tracer;
    bool has_utc_offset; /* for logs that do not tell; else the process's zone */
    int64_t utc_offset_seconds;
    /* A broken line, or with line 0 a log that cannot be read; borrowed for the call. */
    void (*report)(void *data, const char *path, uint64_t line, const char *what);
    /* How many bytes of the logs are done; each log is read twice. */
    void (*progress)(void *data, uint64_t done, uint64_t total);
    void *data;
};

struct replay;

/* NULL: no memory. */
struct replay *replay_new(void);

/*
 * Adds what a path holds: a log, the folder of an app, of a project, or a storage directory. An app
 * that was added before is not added twice. 0; WEIR_E_NOT_FOUND (no such path, or nothing in it;
 * detail says which); WEIR_E_IO; WEIR_E_NO_MEMORY.
 */
int replay_add(struct replay *replay, const char *path, weir_error_detail *detail);

/* How many runs were added, and the project of all of them; NULL when there are several. */
size_t replay_n_runs(const struct replay *replay);
const char *replay_only_project(const struct replay *replay);

/*
 * Reads the logs and ends their spans; whoever calls it flushes. Waits for the pipeline when it is
 * full, so that nothing is dropped for want of room. 0; WEIR_E_TIMEOUT or WEIR_E_IO when the
 * pipeline gave spans up (what follows is not read); WEIR_E_NO_MEMORY. A log that cannot be read is
 * reported and passed over.
 */
int replay_run_all(struct replay *replay, const struct replay_options *options,
                   weir_error_detail *detail);

const struct replay_counts *replay_counts(const struct replay *replay);

/* NULL is fine; returns NULL. */
struct replay *replay_free(struct replay *replay);
