/*
 * A streaming mode on the command line, for the commands that have --mode.
 */
#pragma once

#include <stdbool.h>

#include <weir/weir.h>

/* For .expected of the option, and its help. */
#define STREAMING_MODES "single_span, event, chunk_spans or single_and_chunk_spans (or both)"

/* For .parse of an OPTION_WORD; `out` is a weir_streaming_mode. */
bool streaming_mode_parse(const char *text, void *out);

/* The mode itself, or, for WEIR_STREAMING_DEFAULT, the one that is in force by WEIR_STREAMING_MODE
 * or without it. */
weir_streaming_mode streaming_mode_in_force(weir_streaming_mode mode);
