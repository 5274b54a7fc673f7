/*
 * Recorded hooks as the lifecycle events that weir_emit takes.
 */
#pragma once

#include "otlp/common/json_text.h"
#include "tests/golden/scenario.h"

/* Fills out->hooks. Graphs come from the recorded graph.json files. NULL, or what is wrong. */
const char *hooks_parse(struct arena *arena, struct json_slice array, const struct file_list *files,
                        struct scenario *out);
