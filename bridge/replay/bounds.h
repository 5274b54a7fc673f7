/*
 * The limits of this folder, in one place.
 */
#pragma once

enum {
    REPLAY_FLUSH_MS = 120 * 1000, /* how long a full pipeline is waited for */
    REPLAY_MAX_METADATA_BYTES = 1 << 20,
    REPLAY_MAX_MARKS = 1 << 22,    /* steps of a run that another run may point to */
    REPLAY_MAX_OFFSETS = 4096,     /* changes of a log's offset to UTC */
    REPLAY_MAX_OPEN_STEPS = 256,   /* begun in a log and not finished; then the oldest is closed */
    REPLAY_MAX_HELD_SPANS = 16384, /* of one step: attributes may follow a span's end */
    REPLAY_MAX_VALUE_BYTES = 64 << 20, /* of one attribute; a larger one is lost */
};
