/*
 * A request as text for people: what the console exporter prints (I6).
 *
 * A block a span: name, kind, start, duration and status on the first line, then ids, scope,
 * attributes, events, links and what was dropped. The format is for eyes only and may change. What
 * other formats must call otel.scope.name, otel.status_code and so on (I7) has places of its own
 * here. Names and values come from anywhere, and a terminal obeys what it is sent: controls and
 * marks that turn text are shown as escapes; lengths are bounded.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "otlp/common/buf.h"

/* What is known of the text above: a resource is shown when it changes. */
struct console {
    struct buf resource; /* the last one's bytes */
    bool has_resource;
};

void console_init(struct console *console);
void console_deinit(struct console *console);

/*
 * Appends the spans of an ExportTraceServiceRequest in protobuf. The buffer's error is
 * WEIR_E_SYNTAX for bytes that are none, or its own. Ids and strings may be anything.
 */
void console_write(struct console *console, struct buf *out, const uint8_t *body, size_t n_bytes);
