/*
 * Holds what weir makes of a scenario against what the reference made of it.
 */
#pragma once

#include "tests/golden/scenario.h"

/*
 * Plays the scenario in one mode: with burr_exact and without, through handles and through
 * weir_emit. NULL, or everything that differs, one line each. A missing improvement is named.
 */
const char *check_scenario(struct arena *arena, const struct scenario *scenario,
                           weir_streaming_mode mode);
