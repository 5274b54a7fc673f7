/*
 * Streams that tests of the OTLP side play, and how what came of them is looked at.
 */
#pragma once

#include <string.h>

#include "tests/bridge/rig.h"

static const weir_streaming_mode SINGLE = WEIR_STREAMING_SINGLE_SPAN;
static const weir_streaming_mode EVENT = WEIR_STREAMING_EVENT;
static const weir_streaming_mode CHUNKS = WEIR_STREAMING_CHUNK_SPANS;
static const weir_streaming_mode BOTH = WEIR_STREAMING_SINGLE_AND_CHUNK_SPANS;

static const weir_error BOOM = {"ValueError", "boom"};

enum { EVERYTHING = RIG_ATTRIBUTES | RIG_EVENTS | RIG_TIMES };

#define STREAMS &WEIR_STEP_OPTIONS(.streams = true)

/* The text without the attributes that tell times. */
static inline const char *without_times(const char *text) {
    static char copy[1 << 14];
    size_t n = 0;
    while (*text != '\0') {
        const char *end = text + 1 + strcspn(text + 1, " \n");
        const char *times = strstr(text, "_time_ms=");
        bool is_time = *text == ' ' && times != NULL && times < end;
        if (!is_time) {
            memcpy(copy + n, text, (size_t)(end - text));
            n += (size_t)(end - text);
        }
        text = end;
    }
    copy[n] = '\0';
    return copy;
}

/* A pull that takes so long. */
static inline void pull(struct rig *rig, weir_stream *stream, unsigned ms) {
    weir_stream_pull(stream);
    rig_pass(rig, ms);
    weir_stream_yield(stream);
}

/* Two values, 10 and 20 ms of generation with 5 ms of consumption between, then 3 ms to the end. */
static inline void play(struct rig *rig) {
    struct rig_run run = rig_begin(rig, STREAMS);
    weir_stream *stream = weir_stream_begin(run.step);
    pull(rig, stream, 10);
    rig_pass(rig, 5);
    pull(rig, stream, 20);
    weir_stream_pull(stream);
    rig_pass(rig, 3);
    weir_stream_exhausted(stream);
    rig_pass(rig, 1);
    weir_step_end(run.step, NULL);
    weir_stream_end(stream);
    rig_end(rig, &run);
}
