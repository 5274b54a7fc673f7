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

/* Reports the lines that are no records, of a log that holds no step and so is not replayed. */
void replay_log_name_faults(struct replay_shared *shared, const struct replay_run *run);

/* Counts a log that cannot be read, and tells of it. */
void replay_log_unreadable(struct replay_shared *shared, const struct replay_run *run,
                           const char *what);

/*
 * Makes the spans of a run that was surveyed and has a step. A log that can no longer be read is
 * counted and told, and what was made of it stays: 0. WEIR_E_IO or WEIR_E_TIMEOUT when the pipeline
 * gave spans up (detail says so); WEIR_E_NO_MEMORY.
 */
int replay_log_run(struct replay_shared *shared, const struct replay_run *run,
                   const struct replay_place *place, weir_error_detail *detail);
