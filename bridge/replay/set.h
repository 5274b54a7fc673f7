/*
 * The runs of a replay, those around them, and what they know of each other: who came from whom,
 * and which offset to UTC a run that tells none shares with its neighbours.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bridge/replay/find.h"
#include "bridge/replay/trace.h"

/* The offset that the other logs of a project tell, for one hour of local time. */
struct replay_hearsay {
    const struct replay_run *asker; /* NULL: not asked yet */
    uint64_t hour;
    bool is_found;
    int64_t seconds;
};

struct replay_set {
    struct replay_found selected; /* sorted */
    struct replay_found others;   /* pointed to, or asked for their offset; not replayed */
    struct replay_hearsay hearsay;
    bool is_short; /* memory was: what was found is not to be relied on */
};

void replay_set_deinit(struct replay_set *set);

/* Makes the runs that others point to keep their steps' marks. Before the survey. */
void replay_set_link(struct replay_set *set);

/* Where the spans of a surveyed run belong. */
void replay_set_place(struct replay_set *set, struct replay_run *run, struct replay_place *out);

/* The offset in force at a local time, by the other logs of the run's project. False: they tell
 * none. */
bool replay_set_hearsay(struct replay_set *set, const struct replay_run *run, uint64_t local_ns,
                        int64_t *seconds);
