/* The tracker: apps' logs, appended to record by record. */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <weir/tracking.h>

#include "otlp/common/alloc.h"
#include "otlp/common/error.h"
#include "otlp/common/options.h"
#include "otlp/common/uncancelled.h"
#include "tracking/bounds.h"
#include "tracking/children.h"
#include "tracking/folder.h"
#include "tracking/graph.h"
#include "tracking/names.h"
#include "tracking/record.h"
#include "tracking/tracker_state.h"

static const mode_t DEFAULT_MODE = 0600;

/* ---- the tracker ---- */

int weir_tracker_open(const weir_tracker_options *options, weir_tracker **out,
                      weir_error_detail *detail) {
    weir_tracker_options full;
    if (out == NULL) {
        return error_set(detail, WEIR_E_INVALID, "out is NULL");
    }
    if (!options_read(&full, sizeof full, options)) {
        return error_set(detail, WEIR_E_INVALID,
                         "weir_tracker_options.size is %zu: use WEIR_TRACKER_OPTIONS(), or a "
                         "library as new as the header",
                         options->size);
    }
    if (!names_project_is_valid(full.project)) {
        return error_set(detail, WEIR_E_INVALID,
                         "project \"%.64s\" is refused: use 1 to 255 of A-Z a-z 0-9 _ - :",
                         full.project != NULL ? full.project : "");
    }
    weir_tracker *tracker = mem_zalloc(sizeof *tracker);
    if (tracker == NULL) {
        return error_set(detail, WEIR_E_NO_MEMORY, "no memory for a tracker");
    }
    int error = folder_root(full.directory, &tracker->root, detail);
    tracker->project = mem_strdup(full.project);
    tracker->mode = full.file_mode != 0 ? (mode_t)(full.file_mode & 0666) : DEFAULT_MODE;
    tracker->burr_exact = full.burr_exact;
    logger_init(&tracker->logger, full.log, full.log_data, full.log_level);
    if (full.async) {
        tracker->queue_max_bytes =
            full.queue_max_bytes != 0 ? full.queue_max_bytes : TRACKER_QUEUE_BYTES;
        tracker->async = async_new(tracker->queue_max_bytes, tracker_write_queued);
    }
    if (error == 0 && (tracker->project == NULL || (full.async && tracker->async == NULL))) {
        error = error_set(detail, WEIR_E_NO_MEMORY, "no memory for a tracker");
    }
    if (error != 0) {
        weir_tracker_close(tracker);
        return error;
    }
    tzset(); /* localtime_r need not do it */
    *out = tracker;
    return 0;
}

static void free_tracker(void *data) {
    weir_tracker *tracker = data;
    mem_free(tracker->root);
    mem_free(tracker->project);
    mem_free(tracker);
}

int weir_tracker_flush(weir_tracker *tracker, uint32_t timeout_ms) {
    UNCANCELLED();
    if (tracker == NULL || tracker->async == NULL) {
        return 0;
    }
    return async_flush(tracker->async, timeout_ms) ? 0 : WEIR_E_TIMEOUT;
}

int weir_tracker_close_within(weir_tracker *tracker, uint32_t timeout_ms) {
    UNCANCELLED();
    if (tracker == NULL) {
        return 0;
    }
    if (tracker->async == NULL) {
        free_tracker(tracker);
        return 0;
    }
    struct async *async = tracker->async;
    uint64_t n_lost = async_stop(async, timeout_ms);
    if (n_lost > 0) {
        logger_say(&tracker->logger, WEIR_LOG_WARN, LOG_CAUSE_TRACKER,
                   "tracker: %llu records were not written in time and are lost",
                   (unsigned long long)n_lost);
    }
    async_set_last(async, free_tracker, tracker); /* the thread may still be writing one */
    async_release(async);
    return n_lost > 0 ? WEIR_E_TIMEOUT : 0;
}

weir_tracker *weir_tracker_close(weir_tracker *tracker) {
    (void)weir_tracker_close_within(tracker, TRACKER_CLOSE_MS);
    return NULL;
}

void weir_tracker_get_stats(weir_tracker *tracker, weir_tracker_stats *out) {
    weir_tracker_stats stats = {.size = sizeof stats};
    if (tracker != NULL) {
        stats.records_written = atomic_load_explicit(&tracker->n_written, memory_order_relaxed);
        stats.records_lost = atomic_load_explicit(&tracker->n_lost, memory_order_relaxed);
        stats.records_dropped = atomic_load_explicit(&tracker->n_dropped, memory_order_relaxed);
        stats.bytes_queued = tracker->async != NULL ? async_n_bytes(tracker->async) : 0;
    }
    options_write(out, &stats, sizeof stats);
}

/* ---- records ---- */

int weir_tracker_begin_entry(weir_tracker_app *app, uint64_t unix_ns, const char *action,
                             const weir_value *inputs, int64_t sequence_id) {
    if (app == NULL) {
        return WEIR_E_INVALID;
    }
    record_begin_entry(tracker_begin_record(app), unix_ns, action, inputs, sequence_id);
    return tracker_finish_record(app);
}

int weir_tracker_end_entry(weir_tracker_app *app, uint64_t unix_ns, const char *action,
                           const weir_value *result, const char *exception, const weir_value *state,
                           int64_t sequence_id) {
    if (app == NULL) {
        return WEIR_E_INVALID;
    }
    record_end_entry(tracker_begin_record(app), unix_ns, action, result, exception, state,
                     sequence_id);
    return tracker_finish_record(app);
}

int weir_tracker_begin_span(weir_tracker_app *app, uint64_t unix_ns, int64_t sequence_id,
                            const char *span_id, const char *name, const char *parent_span_id,
                            const char *const *dependencies) {
    if (app == NULL) {
        return WEIR_E_INVALID;
    }
    record_begin_span(tracker_begin_record(app), unix_ns, sequence_id, span_id, name,
                      parent_span_id, dependencies);
    return tracker_finish_record(app);
}

int weir_tracker_end_span(weir_tracker_app *app, uint64_t unix_ns, int64_t sequence_id,
                          const char *span_id) {
    if (app == NULL) {
        return WEIR_E_INVALID;
    }
    record_end_span(tracker_begin_record(app), unix_ns, sequence_id, span_id);
    return tracker_finish_record(app);
}

int weir_tracker_attribute(weir_tracker_app *app, uint64_t unix_ns, int64_t sequence_id,
                           const char *span_id, const weir_key_value *attribute) {
    if (app == NULL || attribute == NULL || attribute->key == NULL) {
        return WEIR_E_INVALID;
    }
    record_attribute(tracker_begin_record(app), unix_ns, sequence_id, span_id, attribute);
    return tracker_finish_record(app);
}

int weir_tracker_begin_stream(weir_tracker_app *app, uint64_t unix_ns, int64_t sequence_id) {
    if (app == NULL) {
        return WEIR_E_INVALID;
    }
    record_begin_stream(tracker_begin_record(app), unix_ns, sequence_id);
    return tracker_finish_record(app);
}

int weir_tracker_first_item(weir_tracker_app *app, uint64_t unix_ns, int64_t sequence_id) {
    if (app == NULL) {
        return WEIR_E_INVALID;
    }
    record_first_item(tracker_begin_record(app), unix_ns, sequence_id);
    return tracker_finish_record(app);
}

int weir_tracker_end_stream(weir_tracker_app *app, uint64_t unix_ns, int64_t sequence_id,
                            const weir_stream_times *times) {
    static const weir_stream_times none = {0};
    if (app == NULL) {
        return WEIR_E_INVALID;
    }
    record_end_stream(tracker_begin_record(app), unix_ns, sequence_id,
                      times != NULL ? times : &none);
    return tracker_finish_record(app);
}

/* ---- making an app's folder ---- */

/* One file of the creation: its loss is counted like a record's, and the run goes on. */
static void write_file(weir_tracker_app *app, int folder_fd, const char *name,
                       const struct buf *text) {
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    const struct folder_path *path = &app->file.path;
    int error = buf_error(text);
    if (error != 0) {
        (void)error_set(&detail, error, "%s of %s: %s", name, app->id, weir_strerror(error));
    } else {
        error = folder_write_file(folder_fd, path, name, app->tracker->mode, text->data,
                                  text->n_bytes, &detail);
    }
    (void)tracker_count(app, error, &detail);
}

static void write_graph(weir_tracker_app *app, int folder_fd, const weir_graph *graph) {
    struct buf CLEANUP(buf_deinit) text;
    buf_init(&text, TRACKER_MAX_RECORD_BYTES);
    graph_write(&text, graph);
    write_file(app, folder_fd, "graph.json", &text);
}

static void write_metadata(weir_tracker_app *app, int folder_fd,
                           const weir_tracker_app_options *options) {
    struct buf CLEANUP(buf_deinit) text;
    buf_init(&text, TRACKER_MAX_RECORD_BYTES);
    graph_write_metadata(&text, options->partition_key, options->parent, options->spawning_parent);
    write_file(app, folder_fd, "metadata.json", &text);
}

static void tell_parent(weir_tracker_app *app, const weir_tracker_app_options *options,
                        const char *event_type, const weir_pointer *parent) {
    if (parent == NULL || parent->app_id == NULL) {
        return;
    }
    weir_tracker *tracker = app->tracker;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    struct buf CLEANUP(buf_deinit) line;
    buf_init(&line, TRACKER_MAX_RECORD_BYTES);
    buf_append_byte(&line, '\n'); /* the reserve of append_line */
    struct record_writer writer = {.out = &line};
    record_child(&writer, options->unix_ns, app->id,
                 tracker->burr_exact ? NULL : options->partition_key, event_type, parent);
    int error = buf_error(&line);
    if (error != 0) {
        (void)error_set(&detail, error, "children.jsonl of %s: %s", parent->app_id,
                        weir_strerror(error));
    } else {
        error = children_add(tracker->root, tracker->project, tracker->mode, parent,
                             (const char *)line.data + 1, line.n_bytes - 1, &detail);
    }
    (void)tracker_count(app, error, &detail);
}

/* Burr's order: the log first, then each file unless an earlier life of the app has left it. */
static void write_creation(weir_tracker_app *app, int folder_fd,
                           const weir_tracker_app_options *options) {
    if (folder_has(folder_fd, "graph.json")) {
        return;
    }
    write_graph(app, folder_fd, options->graph);
    if (folder_has(folder_fd, "metadata.json")) {
        return;
    }
    write_metadata(app, folder_fd, options);
    tell_parent(app, options, "fork", options->parent);
    tell_parent(app, options, "spawn_start", options->spawning_parent);
}

static int open_folder(weir_tracker_app *app, weir_error_detail *detail) {
    const struct folder_path *path = &app->file.path;
    int fd = folder_open(path, app->tracker->mode, detail);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE) &&
        log_file_spare(LOG_FILE_SPARE_TO_OPEN) > 0) {
        fd = folder_open(path, app->tracker->mode, detail);
    }
    return fd;
}

static int create(weir_tracker_app *app, const weir_tracker_app_options *options,
                  weir_error_detail *detail) {
    int folder_fd = open_folder(app, detail);
    if (folder_fd < 0) {
        return WEIR_E_IO;
    }
    int error = log_file_create(&app->file, folder_fd, detail);
    if (error == 0) {
        write_creation(app, folder_fd, options);
    }
    (void)close(folder_fd);
    return error;
}

int weir_tracker_app_open(weir_tracker *tracker, const weir_tracker_app_options *options,
                          weir_tracker_app **out, weir_error_detail *detail) {
    UNCANCELLED();
    weir_tracker_app_options full;
    if (tracker == NULL || out == NULL) {
        return error_set(detail, WEIR_E_INVALID, "tracker or out is NULL");
    }
    if (!options_read(&full, sizeof full, options)) {
        return error_set(detail, WEIR_E_INVALID,
                         "weir_tracker_app_options.size is %zu: use WEIR_TRACKER_APP_OPTIONS(), or "
                         "a library as new as the header",
                         options->size);
    }
    if (!names_app_id_is_valid(full.app_id)) {
        return error_set(detail, WEIR_E_INVALID,
                         "app_id \"%.64s\" is refused: use 1 to 255 of A-Z a-z 0-9 _ - : . and "
                         "neither \".\" nor \"..\"",
                         full.app_id != NULL ? full.app_id : "");
    }
    weir_tracker_app *app = mem_zalloc(sizeof *app);
    if (app == NULL) {
        return error_set(detail, WEIR_E_NO_MEMORY, "no memory for the app's log");
    }
    app->tracker = tracker;
    memcpy(app->id, full.app_id, strlen(full.app_id) + 1);
    log_file_init(&app->file, (struct folder_path){tracker->root, tracker->project, app->id},
                  tracker->mode, tracker->async != NULL);
    buf_init(&app->line, TRACKER_MAX_RECORD_BYTES);
    app->writer.out = &app->line;
    int error = create(app, &full, detail);
    if (error != 0) {
        tracker_app_free(app);
        return error;
    }
    *out = app;
    return 0;
}

weir_tracker_app *weir_tracker_app_close(weir_tracker_app *app) {
    UNCANCELLED();
    if (app != NULL && app->tracker->async != NULL) {
        async_push_last(app->tracker->async, app, &app->last_job); /* behind its records */
    } else if (app != NULL) {
        tracker_app_free(app);
    }
    return NULL;
}
