/*
 * The limits of this folder, in one place.
 */
#pragma once

enum {
    TRACKER_MAX_RECORD_BYTES =
        64 << 20, /* one line of log.jsonl; a larger one is lost and counted */
    TRACKER_KEPT_BUFFER_BYTES = 1 << 20, /* of an app's line buffer between records */
    TRACKER_MAX_OPEN_FILES = 128, /* logs kept open in one tracker; more are opened per record */
    TRACKER_LOCK_TRIES = 50,      /* for children.jsonl, 2 ms apart; then it is written without */
    READER_WINDOW_BYTES = 256 << 10,    /* read at once */
    READER_KEPT_WINDOW_BYTES = 4 << 20, /* given back when a long line has made it larger */
    READER_MAX_LINE_BYTES = 256 << 20,  /* a longer line is passed over */
    STORE_MAX_PATH_BYTES = 4096,
};
