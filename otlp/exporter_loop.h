/*
 * An exporter without threads of its own: the host's event loop drives it, through one file
 * descriptor and exporter_tick.
 *
 * The descriptor is an epoll of a timer, which stands for deadlines and is set off at once when a
 * thread brings something to do, and of what the transports wait for while a request is under way.
 * So it is silent, and costs no wake-up, while nothing is to be done.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <weir/error.h>

#include "otlp/common/wakeup.h"

struct exporter;
struct pipeline;

struct exporter_loop {
    bool is_open; /* else the exporter has threads */
    pid_t pid;    /* whose descriptors these are; 0: there are none, in a child without room */
    struct wakeup wakeup;
    /* all following: guarded by the exporter's mutex */
    uint64_t alarm_ns; /* when the timer is set off; UINT64_MAX: never */
    bool is_driven;    /* by a thread in exporter_tick, or one that waits for something */
    pthread_t driver;
};

/* This thread is in the middle of driving. */
static inline bool exporter_loop_is_driven_here(const struct exporter_loop *loop) {
    return loop->is_driven && pthread_equal(loop->driver, pthread_self());
}

/* WEIR_E_IO. It may be closed also after a failure. */
int exporter_loop_open(struct exporter_loop *loop, weir_error_detail *detail);
void exporter_loop_close(struct exporter_loop *loop);

/* All following: with the exporter's mutex held. */

/*
 * A forked child has the parent's timer and epoll in its hands, and must not touch them: it opens
 * some of its own, and tries again with each call while it has no room. The parent's are closed if
 * they are still what they were.
 */
void exporter_loop_keep_off_parents(struct exporter_loop *loop);
/* The descriptor, -1 while there is no room for one; a forked child has one of its own from the
 * first call here on. */
int exporter_loop_fd(struct exporter_loop *loop);
/* It is to be readable then, or before. */
void exporter_loop_alarm(struct exporter_loop *loop, uint64_t at_ns);
/* The same when a transport's descriptor is; -1: none. */
void exporter_loop_watch(struct exporter_loop *loop, int *watched_fd, int fd);
/*
 * What a flush does instead of sleeping: drives, and waits for the next thing to do. False when the
 * time has come, or when this thread drives already. Gives the mutex back meanwhile.
 */
bool exporter_loop_wait(struct exporter *exporter, uint64_t until_ns);
