/*
 * The ids of a replayed run. They are derived, never drawn: replaying twice repeats them, and a run
 * that went on meanwhile keeps those it had.
 */
#pragma once

#include <stdint.h>

struct replay_ids {
    uint8_t seed[16];
};

/* The record of a run that a span stands for. */
enum replay_record_kind { REPLAY_RECORD_RUN, REPLAY_RECORD_STEP, REPLAY_RECORD_SPAN };

/* first_begin: the first begin time of the log as it is written there, so that the ids do not
 * depend on the zone it is read in. */
struct replay_ids replay_ids_of(const char *project, const char *app_id, const char *first_begin);

/* Never all zero. */
void replay_ids_trace(const struct replay_ids *ids, uint8_t out[16]);
/* line: of the begin record in its log; 0 for the run itself. */
void replay_ids_span(const struct replay_ids *ids, enum replay_record_kind kind, uint64_t line,
                     uint8_t out[8]);
