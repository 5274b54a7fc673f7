/*
 * Plays a recorded run through weir, by one of its two doors, and says what came out.
 */
#pragma once

#include "tests/golden/scenario.h"
#include "tests/golden/span_list.h"
#include "tests/support/clock.h"

enum play_door { PLAY_HANDLES, PLAY_EMIT };

struct play_options {
    weir_streaming_mode mode;
    bool burr_exact;
    enum play_door door;
};

/* What had come out when the last hook had been played: nothing is ended that the run left open. */
struct play_result {
    struct span_list spans;
    struct file_list files;
};

/* NULL, or why the run could not be played or lost something. */
const char *play_scenario(struct arena *arena, const struct scenario *scenario,
                          const struct play_options *options, struct play_result *out);

/* The doors. Both set the clock to each hook's time. */
void play_by_emit(weir *w, struct fake_clock *clock, const struct scenario *scenario);
void play_by_handles(struct arena *arena, weir *w, struct fake_clock *clock,
                     const struct scenario *scenario);
