/*
 * A trace as text: its tree, with durations, bars and details.
 */
#pragma once

#include "bridge/server/tree.h"
#include "bridge/server/tree_shape.h"

/* Appends the tree. The buffer's error says when memory was short. */
void tree_layout_append(struct buf *out, const struct tree_trace *trace,
                        const struct tree_options *options);
