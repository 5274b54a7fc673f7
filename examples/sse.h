/*
 * Server-sent events, as they come in: bytes cut anywhere, lines that end with LF, CR or CRLF,
 * comments, several data lines in one event. Only the data of events is handed on.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum {
    SSE_MAX_BYTES = 1 << 20
}; /* of a line, and of an event's data: the peer may send anything */

/* The data of one event; not NUL-terminated. false: stop. */
typedef bool sse_event_fn(void *data, const char *bytes, size_t n_bytes);

struct sse_text {
    char bytes[SSE_MAX_BYTES];
    size_t n;
};

/* Begins all zero but for the first two. */
struct sse {
    sse_event_fn *on_event;
    void *data;
    struct sse_text line, event; /* what has come of them */
    bool was_cr;                 /* a LF that follows belongs to it */
    bool is_too_large;
};

/* false when an event said stop, or a line or event is too large. */
bool sse_feed(struct sse *sse, const char *bytes, size_t n_bytes);
