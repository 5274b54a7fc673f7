/*
 * A tracker and its apps from the inside, for the files that make them up: tracker.c (the API),
 * tracker_write.c (a record's way to the disk, and what is said of losses).
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <weir/tracking.h>

#include "otlp/common/buf.h"
#include "otlp/common/log.h"
#include "tracking/async.h"
#include "tracking/log_file.h"
#include "tracking/record.h"

struct weir_tracker {
    char *root;
    char *project;
    mode_t mode;
    bool burr_exact;
    struct logger logger;
    struct async *async; /* NULL: records are written at once */
    _Atomic uint64_t n_written, n_lost, n_dropped;
    size_t queue_max_bytes;
    atomic_bool is_dropping;
    _Atomic uint64_t n_dropped_before; /* n_dropped when the present dropping began */
    _Atomic uint64_t n_lost_before;    /* n_lost when the present loss began */
    _Atomic uint32_t n_losing;         /* apps that lose records at present */
};

struct weir_tracker_app {
    weir_tracker *tracker;
    char id[256];
    atomic_bool is_losing;
    atomic_bool has_refused; /* a value of the caller's; said once */
    struct log_file file;
    /* Guarded by the file's lock, with a queue by its line_lock: */
    struct buf line; /* begins with a line feed of reserve: append_line */
    struct record_writer writer;
    struct async_job last_job;
};

/* The buffer of a new record, locked until tracker_finish_record, which writes or queues it, and
 * counts. */
struct record_writer *tracker_begin_record(weir_tracker_app *app);
int tracker_finish_record(weir_tracker_app *app);
/* Counts a record, or a file, and says what must be said. No lock may be held. Returns `error`. */
int tracker_count(weir_tracker_app *app, int error, const weir_error_detail *detail);
async_write_fn tracker_write_queued;

void tracker_app_free(weir_tracker_app *app);
