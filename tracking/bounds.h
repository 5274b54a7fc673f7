/*
 * The limits of this folder, in one place.
 */
#pragma once

enum {
    TRACKER_MAX_RECORD_BYTES =
        64 << 20, /* one line of log.jsonl; a larger one is lost and counted */
    TRACKER_KEPT_BUFFER_BYTES = 1 << 20, /* of an app's line buffer between records */
    TRACKER_QUEUE_BYTES = 8 << 20,       /* of records that wait for the thread, by default */
    TRACKER_CLOSE_MS = 5000,             /* that weir_tracker_close waits for them */
    TRACKER_EXIT_MS = 1000,              /* that an exit without a close waits, for all at once */
    LOG_FILE_MAX_OPEN = 128,    /* logs kept open in a process; more are opened when written to */
    LOG_FILE_MAX_STEPS = 1024,  /* of a search for one to close */
    LOG_FILE_SPARE_TO_OPEN = 4, /* descriptors that making an app's folder needs at once */
    TRACKER_LOCK_TRIES = 50,    /* for children.jsonl, 2 ms apart; then it is written without */
    READER_WINDOW_BYTES = 256 << 10,    /* read at once */
    READER_KEPT_WINDOW_BYTES = 4 << 20, /* given back when a long line has made it larger */
    READER_MAX_LINE_BYTES = 256 << 20,  /* a longer line is passed over */
    LOAD_MAX_STATE_BYTES = 512 << 20,   /* a state as given back */
    STORE_MAX_NAMES = 1 << 20,          /* of apps in a project, or lines in children.jsonl */
    STORE_MAX_FILE_BYTES = 64 << 20,    /* graph.json, metadata.json */
    STORE_MAX_TAIL_BYTES = 256 << 20,   /* read backwards for the last step of a log */
    STORE_MAX_PATH_BYTES = 4096,
};
