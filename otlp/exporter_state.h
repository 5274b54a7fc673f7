/*
 * The exporter's insides, shared by exporter.c (queue, thread, flush), exporter_send.c (one
 * segment's way out), exporter_stop.c (the end of an exporter) and exporter_exit.c (the end of the
 * process).
 *
 * Unless it says otherwise, a function here is called with the mutex held; one that calls foreign
 * code or waits gives it back meanwhile.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "otlp/common/clock.h"
#include "otlp/exporter.h"

enum { EXPORTER_TROUBLE_BYTES = 400 };

struct exporter {
    /* set at start, never changed */
    weir_transport transport;
    struct segment_pool *pool; /* not to be touched once is_abandoned */
    uint64_t timeout_ns;
    uint64_t schedule_delay_ns;
    void (*collect)(void *data);
    void *collect_data;
    pthread_t thread;
    pid_t pid; /* a forked child has this memory but not the thread */

    struct logger logger;    /* a copy: the thread may outlive its provider */
    _Atomic bool is_nudged;  /* a collection is planned, by exporter_nudge … */
    _Atomic bool is_hurried; /* … or by exporter_hurry */

    pthread_mutex_t mutex; /* guards everything below */
    pthread_cond_t work;   /* for the thread: there is something to do, or to stop doing */
    pthread_cond_t
        progress;          /* for the others: a segment is done with, or the thread's state changed
                            */
    struct segment *first; /* the queue */
    struct segment **last;
    struct segment *current; /* being sent */
    uint64_t n_pushed;       /* segments */
    uint64_t n_concluded;    /* of those, in the same order */
    uint64_t collect_at_ns;  /* UINT64_MAX: nothing is open */
    uint64_t collected_ns;   /* the last time */
    uint64_t hold_until_ns;  /* the peer asked not to be sent anything before */
    uint64_t stop_by_ns;     /* UINT64_MAX until exporter_stop */
    unsigned n_borrowing;    /* threads in collect or cancel: what these use must stay */
    bool is_outside;         /* the thread is in foreign code, which may hang */
    bool is_ending;          /* the thread is to give up and end */
    bool is_ended;           /* it has */
    bool is_abandoned;       /* nobody waits for it any more: it frees what is left */
    bool is_stopped;         /* exporter_stop is over: pool and collect are not to be touched */
    unsigned n_references;

    struct exporter_counts counts;
    uint64_t n_reported;                  /* spans lost or rejected, as of the last flush */
    char trouble[EXPORTER_TROUBLE_BYTES]; /* why the last attempt failed, written by the thread */
    uint64_t n_lost;                      /* spans, since the loss began; 0: none is going on */
    uint64_t tell_partial_at_ns;          /* partial successes are not told of before */
    uint64_t n_rejected_untold;
    bool is_strange_answer_told; /* that an answer was no OTLP */

    struct exporter *next_listed; /* guarded by the list's own mutex, in exporter_exit.c */
    struct exporter **listed_by;  /* what points to this one; NULL: not in the list */
};

static inline uint64_t exporter_now(void) {
    weir_clock clock = clock_system();
    return clock_monotonic(&clock);
}

/* False when the time has come (UINT64_MAX: never). */
bool exporter_wait(struct exporter *exporter, pthread_cond_t *condition, uint64_t until_ns);
/* True when that many segments are done with; false at the deadline, or when it is no use waiting.
 */
bool exporter_wait_concluded(struct exporter *exporter, uint64_t n_segments, uint64_t deadline_ns);
/* Until nobody uses what is about to be freed. */
void exporter_wait_for_borrowers(struct exporter *exporter);

/* Around each call of foreign code by the thread, which is made without the mutex. */
void exporter_go_outside(struct exporter *exporter);
void exporter_come_inside(struct exporter *exporter);

/* Calls options.collect, unless the exporter was stopped. */
void exporter_collect(struct exporter *exporter);

/* Takes the first segment of the queue to its end. */
void exporter_send_next(struct exporter *exporter);

/* All following: without the mutex. */

void exporter_destroy_transport(struct exporter *exporter);

/* Flushes by the deadline, then ends the thread, unless foreign code holds it. Nothing is freed. */
void exporter_halt(struct exporter *exporter, uint64_t deadline_ns);

void exporter_ref(struct exporter *exporter);
void exporter_unref(struct exporter *exporter);

/* The list of those that exit must look after. */
void exporter_list_add(struct exporter *exporter);
void exporter_list_remove(struct exporter *exporter);
