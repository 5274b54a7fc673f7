/*
 * SIGPIPE and SIGXFSZ held back: a peer that has gone, or a limit for files, must not end the host.
 *
 * For work on the host's own threads (a close, a tick); ours have all signals blocked for life. No
 * handler is installed and none of the host's is touched.
 */
#pragma once

#include <signal.h>

struct signal_guard {
    sigset_t before; /* the thread's mask */
    sigset_t ours;   /* signals that were not pending: those that come are our doing */
};

/* Blocks both on this thread. */
void signal_guard_begin(struct signal_guard *guard);
/* Takes away what was raised meanwhile, and puts the mask back. errno stays. */
void signal_guard_end(struct signal_guard *guard);
