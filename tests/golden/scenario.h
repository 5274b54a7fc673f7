/*
 * A recorded run: its hooks as lifecycle events, and what the reference made of them.
 *
 * The form of the files is described in tests/data/burr-reference/README.md.
 */
#pragma once

#include <weir/weir.h>

#include "otlp/common/json_text.h"
#include "tests/golden/arena.h"
#include "tests/golden/files.h"

#define SCENARIO_PROJECT "scenario" /* of every recording */

struct scenario {
    const char *name; /* of its file, without directory and ".json" */
    const weir_lifecycle_event *hooks;
    size_t n_hooks;
    struct json_slice spans; /* by mode; absent: none recorded */
    struct file_list files;  /* what the reference's tracker wrote */
};

/* Reads one file into the arena. NULL, or what is wrong with it. */
const char *scenario_read(struct arena *arena, const char *path, struct scenario *out);

/* The recorded spans of a mode. */
struct json_slice scenario_spans(const struct scenario *scenario, weir_streaming_mode mode);
