/*
 * A progress bar on a terminal; nothing at all when stderr is no terminal.
 *
 * It is drawn at most ten times a second, on one line of stderr, and removed at the end, so what
 * the command prints is the same with and without it. No colour with NO_COLOR (no-color.org) or
 * TERM=dumb.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *label; /* what is counted: "files"; borrowed */
    uint64_t total;    /* 0: not known, only the count is shown */
    uint64_t drawn_ns; /* when it was last drawn */
    bool is_shown;     /* stderr is a terminal */
    bool is_drawn;     /* there is a line to remove */
};

void progress_begin(struct progress *progress, const char *label, uint64_t total);
/* Says how far it is; cheap enough to be called for every item. */
void progress_update(struct progress *progress, uint64_t done);
/* Removes the bar, so that a message can be printed; the next update draws it again. */
void progress_hide(struct progress *progress);
/* The end: the same as hiding it. */
void progress_end(struct progress *progress);
