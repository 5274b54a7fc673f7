/*
 * What a thread, or a host's event loop, waits for: a timer and other descriptors behind one
 * descriptor of epoll, which is readable as soon as one of them is.
 *
 * A host may close descriptors that it does not know (3 to 1023, before it becomes a daemon) and
 * get the same numbers for files of its own. So nothing is read from these or written to them:
 * epoll_ctl and timerfd_settime fail on what is no epoll or timer descriptor, and only what is
 * still ours is closed.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct wakeup {
    int epoll_fd;         /* -1: not open */
    _Atomic int timer_fd; /* its events have it as data.fd */
};

#define WAKEUP_INIT                                                                                \
    { -1, -1 }

/* Of one that is not open. False, with errno: it is not open then. */
bool wakeup_open(struct wakeup *wakeup);
/* Nothing when it is not open. What is not ours any more is left alone. */
void wakeup_close(struct wakeup *wakeup);
/* True while the one descriptor watches the other, which no two files of a host do. */
bool wakeup_is_ours(const struct wakeup *wakeup);
/* To be readable from that monotonic time on, at once when it has passed; UINT64_MAX: never.
 * Another thread may call it. */
void wakeup_set(const struct wakeup *wakeup, uint64_t at_ns);
