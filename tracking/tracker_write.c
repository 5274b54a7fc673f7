/* A record's way to the disk, at once or by way of the queue, and what is said of losses. */
#include "otlp/common/alloc.h"
#include "otlp/common/error.h"
#include "tracking/bounds.h"
#include "tracking/tracker_state.h"

/* ---- loss: counted always, said when it begins and when it ends; no lock is held here ---- */

static void say_loss(weir_tracker_app *app, uint64_t n_before, const char *why) {
    weir_tracker *tracker = app->tracker;
    if (atomic_exchange(&app->is_losing, true) || atomic_fetch_add(&tracker->n_losing, 1) > 0) {
        return;
    }
    atomic_store(&tracker->n_lost_before, n_before);
    logger_say(&tracker->logger, WEIR_LOG_WARN, LOG_CAUSE_TRACKER,
               "tracker: records are being lost: %s", why);
}

static void say_recovery(weir_tracker_app *app) {
    weir_tracker *tracker = app->tracker;
    if (!atomic_exchange(&app->is_losing, false) || atomic_fetch_sub(&tracker->n_losing, 1) > 1) {
        return;
    }
    uint64_t n = atomic_load(&tracker->n_lost) - atomic_load(&tracker->n_lost_before);
    logger_say(&tracker->logger, WEIR_LOG_WARN, LOG_CAUSE_TRACKER,
               "tracker: records are written again; %llu were lost", (unsigned long long)n);
}

/* A value that cannot be written says nothing of the disk. */
static void say_refusal(weir_tracker_app *app, const char *why) {
    if (!atomic_exchange(&app->has_refused, true)) {
        logger_say(&app->tracker->logger, WEIR_LOG_WARN, LOG_CAUSE_VALUE, "tracker: %s", why);
    }
}

int tracker_count(weir_tracker_app *app, int error, const weir_error_detail *detail) {
    if (error == 0) {
        atomic_fetch_add_explicit(&app->tracker->n_written, 1, memory_order_relaxed);
        if (atomic_load_explicit(&app->is_losing, memory_order_relaxed)) {
            say_recovery(app);
        }
        return 0;
    }
    uint64_t n_before = atomic_fetch_add(&app->tracker->n_lost, 1);
    if (error == WEIR_E_SYNTAX || error == WEIR_E_TOO_LARGE) {
        say_refusal(app, detail->message);
    } else {
        say_loss(app, n_before, detail->message);
    }
    return error;
}

/* ---- records ---- */

/* With a queue the thread holds the file's own lock while the disk makes it wait. */
static struct lock *line_lock(weir_tracker_app *app) {
    return app->tracker->async != NULL ? &app->file.line_lock : &app->file.lock;
}

struct record_writer *tracker_begin_record(weir_tracker_app *app) {
    lock_take(line_lock(app));
    buf_clear(&app->line);
    buf_append_byte(&app->line, '\n');
    return &app->writer;
}

/* ---- a full queue: said when dropping begins, and when half of the room is there again ---- */

static int count_drop(weir_tracker *tracker) {
    atomic_fetch_add_explicit(&tracker->n_lost, 1, memory_order_relaxed);
    uint64_t n_before = atomic_fetch_add(&tracker->n_dropped, 1);
    if (!atomic_exchange(&tracker->is_dropping, true)) {
        atomic_store(&tracker->n_dropped_before, n_before);
        logger_say(&tracker->logger, WEIR_LOG_WARN, LOG_CAUSE_TRACKER,
                   "tracker: records are dropped: %zu bytes wait to be written; a faster disk or "
                   "a larger queue_max_bytes helps",
                   async_n_bytes(tracker->async));
    }
    return WEIR_E_TOO_LARGE;
}

static void see_room(weir_tracker *tracker) {
    if (async_n_bytes(tracker->async) > tracker->queue_max_bytes / 2 ||
        !atomic_exchange(&tracker->is_dropping, false)) {
        return;
    }
    uint64_t n = atomic_load(&tracker->n_dropped) - atomic_load(&tracker->n_dropped_before);
    logger_say(&tracker->logger, WEIR_LOG_WARN, LOG_CAUSE_TRACKER,
               "tracker: records are queued again; %llu were dropped", (unsigned long long)n);
}

/* ---- appending ---- */

enum outcome { IS_WRITTEN, IS_QUEUED, IS_UNATTENDED, IS_DROPPED };

/* A queued record's outcome is counted when the thread has written it. */
static int append_record(weir_tracker_app *app, enum outcome *outcome, weir_error_detail *detail) {
    int error = buf_error(&app->line);
    if (error != 0) {
        return error_set(detail, error, "a record of %s is left out: %s", app->id,
                         error == WEIR_E_SYNTAX ? "a value is no JSON" : weir_strerror(error));
    }
    const char *line = (const char *)app->line.data + 1;
    size_t n_bytes = app->line.n_bytes - 1;
    if (app->tracker->async == NULL) {
        return log_file_append(&app->file, line, n_bytes, detail);
    }
    error = async_push(app->tracker->async, app, line, n_bytes);
    switch (error) {
    case 0: *outcome = IS_QUEUED; return 0;
    case ASYNC_UNATTENDED: *outcome = IS_UNATTENDED; return 0;
    case WEIR_E_TOO_LARGE: *outcome = IS_DROPPED; return error;
    default: break;
    }
    return error_set(detail, error, "no memory for a record of %s", app->id);
}

int tracker_finish_record(weir_tracker_app *app) {
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    enum outcome outcome = IS_WRITTEN;
    int error = append_record(app, &outcome, &detail);
    if (app->line.capacity > TRACKER_KEPT_BUFFER_BYTES) {
        buf_deinit(&app->line);
        buf_init(&app->line, TRACKER_MAX_RECORD_BYTES);
    }
    lock_give(line_lock(app));
    if (outcome == IS_DROPPED) {
        return count_drop(app->tracker);
    }
    if (outcome == IS_UNATTENDED) {
        async_write_waiting(app->tracker->async);
    }
    if (outcome == IS_QUEUED || outcome == IS_UNATTENDED) {
        if (atomic_load_explicit(&app->tracker->is_dropping, memory_order_relaxed)) {
            see_room(app->tracker);
        }
        return 0;
    }
    return tracker_count(app, error, &detail);
}

/* ---- on the thread ---- */

static int write_line(weir_tracker_app *app, const char *line, size_t n_bytes,
                      weir_error_detail *detail) {
    lock_take(&app->file.lock);
    int error = log_file_append(&app->file, line, n_bytes, detail);
    lock_give(&app->file.lock);
    return error;
}

void tracker_write_queued(void *owner, const char *line, size_t n_bytes) {
    weir_tracker_app *app = owner;
    struct async *async = app->tracker->async;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    if (n_bytes == 0) {
        tracker_app_free(app);
        return;
    }
    int error = write_line(app, line, n_bytes, &detail);
    if (async_may_talk(async)) { /* else the tracker is closed: nobody counts any more */
        (void)tracker_count(app, error, &detail);
        async_has_talked(async);
    }
}

void tracker_app_free(weir_tracker_app *app) {
    if (atomic_load(&app->is_losing)) { /* its loss ends unsaid */
        atomic_fetch_sub(&app->tracker->n_losing, 1);
    }
    log_file_deinit(&app->file);
    buf_deinit(&app->line);
    mem_free(app);
}
