/*
 * The second reading of a log: its records are joined to steps and spans.
 */
#pragma once

#include <stdint.h>

#include <weir/otlp.h>

#include "bridge/replay/trace.h"

/* What all logs of a replay share. */
struct replay_shared {
    const struct replay_options *options;
    struct replay_counts *counts;
    struct replay_scratch *scratch;
    /* UTC of a local stamp that its own log does not place. */
    uint64_t (*resolve)(void *data, uint64_t local_ns, uint64_t not_before_ns);
    void *resolve_data;
    uint64_t done_bytes, total_bytes; /* for options->progress */
};

/*
 * Makes the spans of a run that was surveyed and has a step. 0; WEIR_E_IO or WEIR_E_TIMEOUT when
 * the pipeline gave spans up or the log could not be read on (detail says which);
 * WEIR_E_NO_MEMORY.
 */
int replay_log_run(struct replay_shared *shared, const struct replay_run *run,
                   const struct replay_place *place, weir_error_detail *detail);
