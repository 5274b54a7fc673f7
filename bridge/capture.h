/*
 * What is kept of content on its way to one of the library's own adapters: by how much, and by the
 * host's redaction function.
 *
 * An event is told once, but the tracker and OTLP may each see other content in it. The host's
 * adapters see the event as it is.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <weir/weir.h>

#include "otlp/common/buf.h"

struct weir;
struct scene;
struct json_slice;

/* Set once, at open. */
struct capture_rules {
    bool is_plain; /* the tracker gets everything, OTLP no content, nobody is asked */
    weir_capture tracker, otlp, items;
    uint32_t max_chars;
    weir_redact_fn *redact;
    void *redact_data;
};

/* The content of one event as the two destinations may see it. */
struct captured {
    weir_lifecycle_event events[WEIR_TO_OTLP + 1]; /* by enum weir_destination */
    weir_value values[WEIR_TO_OTLP + 1][WEIR_CONTENT_ITEM + 1];
    struct piece *pieces; /* owned memory of what was rewritten */
};

enum { CAPTURE_TRACKER = 1, CAPTURE_OTLP = 2, CAPTURE_BOTH = 3 };
/*
 * Fills *out, whose pieces are NULL, from the event for these destinations, and returns it;
 * capture_release. Only core_capture calls it, which leaves it out when nothing is to be changed.
 *
 * Called with the app's lock taken, and returns with it taken; with a redaction function it is
 * given back in between, so afterwards only the scene's objects are sure to be there.
 */
const struct captured *capture_event(struct weir *w, const struct scene *scene,
                                     const weir_lifecycle_event *event, unsigned destinations,
                                     struct captured *out);
void capture_release(struct captured *captured);
