#include "examples/sse.h"

#include <string.h>

static bool append(struct sse *sse, struct sse_text *text, const char *bytes, size_t n_bytes) {
    sse->is_too_large = n_bytes > SSE_MAX_BYTES - text->n;
    if (!sse->is_too_large) {
        memcpy(text->bytes + text->n, bytes, n_bytes);
        text->n += n_bytes;
    }
    return !sse->is_too_large;
}

/* An empty line ends the event. */
static bool end_event(struct sse *sse) {
    size_t n_bytes = sse->event.n;
    sse->event.n = 0;
    return n_bytes == 0 || sse->on_event(sse->data, sse->event.bytes, n_bytes);
}

static bool end_line(struct sse *sse) {
    const char *line = sse->line.bytes;
    size_t n_bytes = sse->line.n;
    sse->line.n = 0;
    if (n_bytes == 0) {
        return end_event(sse);
    }
    if (n_bytes < 5 || memcmp(line, "data:", 5) != 0) {
        return true; /* a comment, an id, the name of an event */
    }
    size_t skip = n_bytes > 5 && line[5] == ' ' ? 6 : 5;
    return (sse->event.n == 0 || append(sse, &sse->event, "\n", 1)) &&
           append(sse, &sse->event, line + skip, n_bytes - skip);
}

static bool take_byte(struct sse *sse, char byte) {
    bool ends_again = byte == '\n' && sse->was_cr;
    sse->was_cr = byte == '\r';
    if (ends_again) {
        return true;
    }
    return byte == '\r' || byte == '\n' ? end_line(sse) : append(sse, &sse->line, &byte, 1);
}

bool sse_feed(struct sse *sse, const char *bytes, size_t n_bytes) {
    for (size_t i = 0; i < n_bytes; i++) {
        if (!take_byte(sse, bytes[i])) {
            return false;
        }
    }
    return true;
}
