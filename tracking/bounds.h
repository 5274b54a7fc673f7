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
    STORE_MAX_PATH_BYTES = 4096,
};
