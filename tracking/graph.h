/*
 * graph.json and metadata.json, in the spelling of Python's json.dump. Pure: structs in, text out.
 */
#pragma once

#include <weir/tracking.h>

#include "otlp/common/buf.h"

/* NULL graph: entrypoint "" and empty lists. Required and optional inputs come out swapped, as in
 * Burr's files. */
void graph_write(struct buf *out, const weir_graph *graph);

/* Pointers and partition key may be NULL. */
void graph_write_metadata(struct buf *out, const char *partition_key, const weir_pointer *parent,
                          const weir_pointer *spawning_parent);
