/*
 * What weir does better than the reference, as rules on the recorded spans: the numbered list of
 * bridge/README.md. A rule looks at spans and hooks alone, never at the name of a scenario.
 */
#pragma once

#include "tests/golden/timeline.h"

enum improvement {
    IMPROVE_EXHAUSTED_PULLS = 1, /* no chunk span for a pull that only found the end */
    IMPROVE_FIRST_ITEM = 2,      /* no stream.first_item_time_ms when nothing was produced */
    IMPROVE_IDENTITY = 4,        /* burr.project, burr.app_id … */
    IMPROVE_ATTRIBUTES = 5,      /* attributes of the step go to its action span */
    IMPROVE_NO_STREAM = 7,       /* a streaming action that began no stream: a plain action span */
    IMPROVE_CHILDREN = 8,        /* children.jsonl carries the child's partition key */
    IMPROVE_ABANDONED = 9,       /* "abandoned" in place of nothing */
};

/* The numbers above, and 0 behind them. */
extern const int improvement_numbers[];
/* What it is, for a message. */
const char *improvement_name(int number);

#define IMPROVEMENT_BIT(number) (1U << (number))
#define IMPROVEMENTS_ALL (~0U)

/* Applies the wanted ones (a set of bits) to the recorded spans of a mode. */
void improve_spans(struct arena *arena, const struct scenario *scenario, struct timeline *timeline,
                   weir_streaming_mode mode, unsigned wanted, struct span_list *spans);

/* The recorded files with the wanted improvements. */
struct file_list improve_files(struct arena *arena, const struct scenario *scenario,
                               unsigned wanted);
