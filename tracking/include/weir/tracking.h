/*
 * Burr's local tracking files: writing them record by record, and reading them back.
 *
 * Usable without OTLP and without the lifecycle API (which is a caller of this). Times are given by
 * the caller in ns since the Unix epoch; the writer makes Burr's naive local and UTC stamps of
 * them. Files and rules: tracking/README.md.
 *
 * Threads: a tracker and its apps may be used from any thread; records of one app are written in
 * the order of the calls, each by one write(2), never a partial line. A reader is for one thread at
 * a time. After fork() both processes may go on writing: the fork waits for records that are being
 * written, but not for those that a thread writes (`async`).
 */
#pragma once

#include <weir/error.h>
#include <weir/host.h>
#include <weir/value.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_tracker weir_tracker;
typedef struct weir_tracker_app weir_tracker_app;

typedef struct weir_tracker_options {
    size_t size;
    const char
        *directory; /* "~/" is the home directory. NULL: WEIR_TRACKER_DIR, burr_path, ~/.burr */
    const char *project; /* required: [A-Za-z0-9_:-]{1,255} */
    uint32_t file_mode;  /* 0: 0600; folders get the x bits that match */
    bool burr_exact;     /* children.jsonl without the child's partition key, as the reference */
    weir_log_fn *log;    /* NULL: warnings to stderr, one line a cause a minute */
    void *log_data;
    weir_log_level log_level;
    /*
     * Records are written by a thread: a slow disk slows nobody, but what waits is lost when the
     * process is killed, and, over queue_max_bytes, new records are dropped (and counted). What
     * creates an app's folder is still written at once.
     */
    bool async;
    size_t queue_max_bytes; /* 0: 8 MiB. A larger record passes when nothing else waits */
} weir_tracker_options;
#define WEIR_TRACKER_OPTIONS(...)                                                                  \
    ((struct weir_tracker_options){.size = sizeof(struct weir_tracker_options), __VA_ARGS__})

/*
 * Checks the options; writes nothing yet. *out is set last; free with weir_tracker_close.
 * WEIR_E_INVALID (a name that breaks its rule, no home directory; detail names it),
 * WEIR_E_NO_MEMORY.
 */
WEIR_API WEIR_WARN_UNUSED int weir_tracker_open(const weir_tracker_options *options,
                                                weir_tracker **out, weir_error_detail *detail);
/*
 * Waits until the records made before are in their files, or lost. 0, or WEIR_E_TIMEOUT. NULL, or
 * without .async: 0 at once.
 */
WEIR_API int weir_tracker_flush(weir_tracker *tracker, uint32_t timeout_ms);
/* Frees. Its apps must be closed before. With .async the records that wait are written, within 5 s.
 * NULL is fine; returns NULL. */
WEIR_API weir_tracker *weir_tracker_close(weir_tracker *tracker);
/* The same within timeout_ms. 0, or WEIR_E_TIMEOUT: records that were waiting are lost. */
WEIR_API int weir_tracker_close_within(weir_tracker *tracker, uint32_t timeout_ms);

typedef struct weir_tracker_stats {
    size_t size;
    /* Lines of log.jsonl; a graph.json, a metadata.json and a parent's line count as one each. */
    uint64_t records_written;
    uint64_t records_lost; /* disk full, folder not writable, no memory, value refused, dropped */
    uint64_t records_dropped; /* of the lost ones: the queue was full */
    uint64_t bytes_queued;    /* waiting for the thread, or being written by it */
} weir_tracker_stats;
/* Fills *out as far as its .size goes. NULL tracker: zeros. */
WEIR_API void weir_tracker_get_stats(weir_tracker *tracker, weir_tracker_stats *out);

/* Another run that this one came from. sequence_id counts only with has_sequence_id (absent:
 * "latest"). */
typedef struct weir_pointer {
    const char *app_id; /* NULL only when a run resumed itself */
    const char *partition_key;
    bool has_sequence_id;
    int64_t sequence_id;
} weir_pointer;

typedef struct weir_action {
    const char *name;
    const char *const *reads; /* NULL-terminated lists; NULL: none */
    const char *const *writes;
    const char *const *inputs; /* required ones. Burr's files have the two swapped; so have ours */
    const char *const *optional_inputs;
    const char *code; /* NULL: "No source available" */
    bool streams;     /* not in the file */
} weir_action;
typedef struct weir_transition {
    const char *from;
    const char *to;
    const char *condition; /* NULL: "default" */
} weir_transition;
typedef struct weir_graph {
    const char *entrypoint; /* NULL: the first action, or "" without actions */
    const weir_action *actions;
    size_t n_actions;
    const weir_transition *transitions;
    size_t n_transitions;
} weir_graph;

typedef struct weir_tracker_app_options {
    size_t size;
    const char *app_id; /* required: [A-Za-z0-9_:.-]{1,255}, not "." or ".." */
    const char *partition_key;
    const weir_graph *graph;    /* NULL: entrypoint "" and empty lists */
    const weir_pointer *parent; /* fork */
    const weir_pointer *spawning_parent;
    uint64_t unix_ns; /* when the app was created: event_time of children.jsonl */
} weir_tracker_app_options;
#define WEIR_TRACKER_APP_OPTIONS(...)                                                              \
    ((struct weir_tracker_app_options){.size = sizeof(struct weir_tracker_app_options),            \
                                       __VA_ARGS__})

/*
 * Creates or reopens the app's folder: log.jsonl first; then, unless graph.json exists already,
 * graph.json, metadata.json and the lines in its parents' children.jsonl, in Burr's order.
 * A torn last line of an existing log is cut off. *out is set last; free with
 * weir_tracker_app_close. WEIR_E_INVALID (id; detail names it), WEIR_E_IO (detail has the path),
 * WEIR_E_NO_MEMORY.
 */
WEIR_API WEIR_WARN_UNUSED int weir_tracker_app_open(weir_tracker *tracker,
                                                    const weir_tracker_app_options *options,
                                                    weir_tracker_app **out,
                                                    weir_error_detail *detail);
/* Closes the file and frees. NULL is fine; returns NULL. */
WEIR_API weir_tracker_app *weir_tracker_app_close(weir_tracker_app *app);

/*
 * One record each (fields: tracking/README.md). Strings are NUL-terminated and copied; NULL where
 * Burr writes null. Invalid UTF-8 becomes U+FFFD. 0; WEIR_E_SYNTAX (a JSON value that does not
 * parse); WEIR_E_TOO_LARGE (64 MiB a record, or the queue is full); WEIR_E_IO; WEIR_E_NO_MEMORY. A
 * record that failed is wholly absent and counted. NULL app: WEIR_E_INVALID.
 */
WEIR_API int weir_tracker_begin_entry(weir_tracker_app *app, uint64_t unix_ns, const char *action,
                                      const weir_value *inputs /* NULL: {} */, int64_t sequence_id);
WEIR_API int weir_tracker_end_entry(weir_tracker_app *app, uint64_t unix_ns, const char *action,
                                    const weir_value *result /* NULL: null */,
                                    const char *exception, const weir_value *state /* NULL: {} */,
                                    int64_t sequence_id);
WEIR_API int
weir_tracker_begin_span(weir_tracker_app *app, uint64_t unix_ns, int64_t sequence_id,
                        const char *span_id, const char *name, const char *parent_span_id,
                        const char *const *dependencies /* NULL-terminated; NULL: none */);
WEIR_API int weir_tracker_end_span(weir_tracker_app *app, uint64_t unix_ns, int64_t sequence_id,
                                   const char *span_id);
WEIR_API int weir_tracker_attribute(weir_tracker_app *app, uint64_t unix_ns, int64_t sequence_id,
                                    const char *span_id, const weir_key_value *attribute);
WEIR_API int weir_tracker_begin_stream(weir_tracker_app *app, uint64_t unix_ns,
                                       int64_t sequence_id);
WEIR_API int weir_tracker_first_item(weir_tracker_app *app, uint64_t unix_ns, int64_t sequence_id);

typedef struct weir_stream_times {
    uint64_t items_streamed;
    bool has_pulls;      /* false: the three times are null */
    bool has_first_item; /* false: first_item_time_ms is null */
    uint64_t generation_ns, consumer_ns, first_item_ns;
} weir_stream_times;
WEIR_API int weir_tracker_end_stream(weir_tracker_app *app, uint64_t unix_ns, int64_t sequence_id,
                                     const weir_stream_times *times);

/* ---- reading ---- */

typedef struct weir_reader weir_reader;

typedef enum weir_record_type {
    WEIR_RECORD_OTHER = 0, /* a type unknown to this version: passed over, not an error */
    WEIR_RECORD_BEGIN_ENTRY,
    WEIR_RECORD_END_ENTRY,
    WEIR_RECORD_BEGIN_SPAN,
    WEIR_RECORD_END_SPAN,
    WEIR_RECORD_ATTRIBUTE,
    WEIR_RECORD_BEGIN_STREAM,
    WEIR_RECORD_FIRST_ITEM,
    WEIR_RECORD_END_STREAM
} weir_record_type;

/* A raw piece of the line: JSON text as it stands there (strings with their quotes). Absent: text
 * NULL. */
typedef struct weir_slice {
    const char *text;
    size_t n_bytes;
} weir_slice;

typedef struct weir_record {
    size_t size;
    weir_record_type type;
    uint64_t line;       /* number from 1 */
    int64_t sequence_id; /* of sequence_id or action_sequence_id; -1: absent or not an integer */
    weir_slice time; /* start_time, end_time, time_logged, stream_init_time or first_item_time */
    weir_slice action, inputs, result, exception, state;
    weir_slice span_id, span_name, parent_span_id, span_dependencies;
    weir_slice key, value, tags;
    weir_slice items_streamed, generation_time_ms, consumer_time_ms, first_item_time_ms;
    weir_slice whole; /* the line without its line feed */
} weir_record;
#define WEIR_RECORD_INIT                                                                           \
    { .size = sizeof(struct weir_record) }

/* Opens a log for reading. WEIR_E_NOT_FOUND, WEIR_E_IO (detail has the path), WEIR_E_NO_MEMORY. */
WEIR_API WEIR_WARN_UNUSED int weir_reader_open(const char *log_path, weir_reader **out,
                                               weir_error_detail *detail);
/*
 * The next record; its slices are borrowed until the next call. 1: one record; 0: no whole line yet
 * (a torn last line stays unread; call again when the file has grown); WEIR_E_SYNTAX: a broken
 * line, detail has its number and what is wrong, and reading goes on behind it; WEIR_E_TOO_LARGE: a
 * line over 256 MiB, passed over in the same way; WEIR_E_IO; WEIR_E_NO_MEMORY. Blank lines are
 * passed over.
 */
WEIR_API int weir_reader_next(weir_reader *reader, weir_record *out, weir_error_detail *detail);
/* Bytes behind the last line feed, seen when weir_reader_next returned 0: a torn last line. */
WEIR_API size_t weir_reader_torn_bytes(const weir_reader *reader);
/* NULL is fine; returns NULL. */
WEIR_API weir_reader *weir_reader_close(weir_reader *reader);

/* ---- loading a run ---- */

/* A run as it was at a sequence id. Owned by the caller: weir_loaded_free. */
typedef struct weir_loaded {
    size_t size; /* set by weir_load */
    char *app_id;
    char *partition_key; /* as given, or NULL */
    int64_t sequence_id;
    char *position;     /* action name */
    bool is_completed;  /* false: that step failed */
    char *state;        /* JSON: internal keys removed, __SEQUENCE_ID added */
    char *resume_state; /* the same, and __PRIOR_STEP = position when completed: give it to the next
                           app */
    uint64_t created_unix_ns; /* change time of the log */
} weir_loaded;

typedef struct weir_load_options {
    size_t size;
    const char *directory; /* as in weir_tracker_options */
    const char *project;
    const char *app_id;
    const char *partition_key;
    bool has_sequence_id; /* false: the last end_entry of the log */
    int64_t sequence_id;
} weir_load_options;
#define WEIR_LOAD_OPTIONS(...)                                                                     \
    ((struct weir_load_options){.size = sizeof(struct weir_load_options), __VA_ARGS__})

/*
 * Reads the state that the last end_entry (of that sequence id) holds. Its values keep their
 * spelling, but NaN and infinities, which are no JSON, are null. Values with __burr_serde__ are
 * data, never deserialised. Broken lines are passed over. Any name that is safe in a path is taken:
 * Burr does not check its app ids.
 * 0; WEIR_E_NOT_FOUND (no such run, or no such sequence id; detail says which); WEIR_E_INVALID (a
 * name, or no home directory); WEIR_E_IO; WEIR_E_TOO_LARGE; WEIR_E_NO_MEMORY. *out is set last.
 */
WEIR_API WEIR_WARN_UNUSED int weir_load(const weir_load_options *options, weir_loaded **out,
                                        weir_error_detail *detail);
/* NULL is fine; returns NULL. */
WEIR_API weir_loaded *weir_loaded_free(weir_loaded *loaded);

#ifdef __cplusplus
}
#endif
