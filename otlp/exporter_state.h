/*
 * The exporter's insides, shared by exporter.c (queues, collection, flush, life), exporter_send.c
 * (one segment's way out), exporter_spool.c (what waits on disk), exporter_tell.c (what is said),
 * exporter_thread.c and exporter_loop.c (who drives), exporter_stop.c (the end of an exporter),
 * exporter_exit.c (the end of the process) and exporter_fork.c.
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
#include "otlp/exporter_loop.h"

enum { EXPORTER_TROUBLE_BYTES = 400 };

/* Where a pipeline is with its segment. */
enum pipeline_state {
    PIPELINE_IDLE,   /* with none; the next one begins when there is one, after hold_until_ns */
    PIPELINE_TRYING, /* an attempt is due, or under way */
    PIPELINE_WAITING /* until again_ns, for the next attempt */
};

/* The way to one destination. All is guarded by the exporter's mutex but what never changes. */
struct pipeline {
    /* set at start, never changed */
    struct exporter *exporter;
    size_t index;
    weir_transport transport;
    uint64_t timeout_ns;
    pthread_t thread; /* if has_thread */

    struct logger logger; /* a copy: the thread may outlive its provider */
    pthread_cond_t work;  /* for the thread: there is something to do, or to stop doing */

    struct segment *first; /* the queue, linked by next_of[index] */
    struct segment *last;
    uint64_t n_pushed;    /* segments that came into the queue */
    uint64_t n_concluded; /* of those, in the same order */
    size_t pinned_bytes;  /* memory of what is queued or being sent */

    enum pipeline_state state;
    struct segment *current; /* being sent */
    const uint8_t *body;     /* what each attempt posts */
    size_t n_body_bytes;
    uint64_t begun_ns;
    uint64_t deadline_ns;        /* of all attempts; UINT64_MAX: none */
    uint64_t again_ns;           /* the next attempt */
    uint64_t hold_until_ns;      /* the peer asked not to be sent anything before */
    unsigned n_failed;           /* attempts */
    struct export_result result; /* of the last one */
    bool is_under_way;           /* one was started that has to be advanced; without threads only */
    int watched_fd;              /* the transport's then, or -1 */

    uint64_t spool_at_ns;    /* take something from the spool; UINT64_MAX: nothing waits there */
    uint64_t spool_pause_ns; /* while the endpoint does not answer */
    bool is_spooled;         /* current is from there; or was the last one */
    bool is_taking;          /* something from the spool, just now */
    bool is_waiting_told;    /* that spans go to the spool */

    bool has_thread;      /* one was started; in a forked child not before there is work */
    bool has_worked;      /* since it last slept at all */
    uint64_t looks_at_ns; /* it sleeps, or has no thread yet, and looks again then; 0: it is up */
    bool is_outside;      /* in foreign code, or waiting for the spool's disk: it may hang … */
    bool is_telling;      /* … namely in the logger */
    bool is_answering;    /* the last export arrived; true before the first one */
    bool is_ended;        /* the thread has ended, or none was started */
    bool is_abandoned;    /* nobody waits for the thread any more: it frees what is left */

    struct exporter_counts counts;
    char trouble[EXPORTER_TROUBLE_BYTES]; /* why the last attempt failed, written by the driver */
    uint64_t n_lost;                      /* spans, since the loss began; 0: none is going on */
    uint64_t n_overflowed;                /* spans beyond its share, since that began … */
    bool is_overflow_told;                /* … which was said */
    uint64_t tell_partial_at_ns;          /* partial successes are not told of before */
    uint64_t n_rejected_untold;
    bool is_strange_answer_told; /* that an answer was no OTLP */
};

struct exporter {
    /* set at start, never changed */
    struct segment_pool *pool; /* not to be touched once is_stopped */
    struct spool *spool;       /* NULL: none; with a reference: threads left behind use it */
    uint64_t schedule_delay_ns;
    void (*collect)(void *data);
    void *collect_data;
    pid_t pid; /* a child forked without handlers has this memory but not the threads */

    _Atomic bool is_nudged;  /* a collection is planned, by exporter_nudge … */
    _Atomic bool is_hurried; /* … or by exporter_hurry */

    pthread_mutex_t mutex;   /* guards everything below, and the pipelines */
    pthread_cond_t progress; /* a segment is done with, or a thread's state changed */
    uint64_t collect_at_ns;  /* UINT64_MAX: nothing is open */
    uint64_t collected_ns;   /* the last time */
    uint64_t stop_by_ns;     /* UINT64_MAX until exporter_stop */
    unsigned n_borrowing;    /* threads in collect or cancel, or reading back: what these use must
                                stay */
    bool is_ending;          /* the threads are to give up and end */
    bool is_stopped;         /* exporter_stop is over: pool and collect are not to be touched */
    unsigned n_references;   /* the owner's, one a thread, and passing ones */
    uint64_t n_reported;     /* spans lost or rejected, as of the last flush */
    uint64_t n_kept_before;  /* spans left to the spool, as of then */

    struct exporter_loop loop; /* without threads */

    struct exporter *next_listed; /* guarded by the list's own mutex, in exporter_exit.c */
    struct exporter **listed_by;  /* what points to this one; NULL: not in the list */

    size_t n_pipelines;
    struct pipeline pipelines[];
};

#define FOR_EACH_PIPELINE(pipeline, exporter)                                                      \
    for (struct pipeline *pipeline = (exporter)->pipelines;                                        \
         pipeline < (exporter)->pipelines + (exporter)->n_pipelines; pipeline++)

/* ---- exporter.c ---- */

/* False when the time has come (UINT64_MAX: never). The thread does nothing meanwhile. */
bool exporter_wait(struct exporter *exporter, pthread_cond_t *condition, uint64_t until_ns);
/*
 * True when every pipeline is done with all that was pushed before the call; false at the deadline,
 * or when it is no use waiting.
 */
bool exporter_wait_concluded(struct exporter *exporter, uint64_t deadline_ns);
/* Waits while what is in the spool goes on arriving. */
void exporter_wait_drained(struct exporter *exporter, uint64_t deadline_ns);
/* Spans that an exporter lost, or its peers rejected. */
uint64_t exporter_n_given_up(struct exporter *exporter);
/* Until nobody uses what is about to be freed. */
void exporter_wait_for_borrowers(struct exporter *exporter);

/* Frees memory that is of no use while nothing comes. False when there was none; else the mutex was
 * given back meanwhile. */
bool exporter_gives_back_memory(struct exporter *exporter);

/* Calls options.collect, unless the exporter was stopped. */
void exporter_collect(struct exporter *exporter);

/* The first segment of the queue, taken out; NULL when it is empty. */
struct segment *pipeline_pop(struct pipeline *pipeline);
/* The pipeline is done with a segment that it took out. The last one gives it back to its pool. */
void pipeline_let_go(struct pipeline *pipeline, struct segment *segment);

/* The mutex and all conditions, with nobody waiting. Without the mutex, as those below. */
void exporter_init_conditions(struct exporter *exporter);
void exporter_unref(struct exporter *exporter);
/* A reference while a call lasts, on this thread: a child that is forked in the middle of it gives
 * it back as well, while those of other threads have nobody there. */
struct exporter_guest {
    struct exporter *exporter;
    struct exporter_guest *next; /* further out */
};
void exporter_enter(struct exporter *exporter, struct exporter_guest *guest);
void exporter_leave(struct exporter_guest *guest);
unsigned exporter_n_guests_here(const struct exporter *exporter);

/* ---- exporter_send.c ---- */

/*
 * Does the next thing that is due, if any, and says when it is to be called again: not later than
 * now when there is more to do at once, UINT64_MAX when only a push brings something. One thread at
 * a time.
 */
uint64_t pipeline_step(struct pipeline *pipeline, uint64_t now_ns);

/* What became of a segment. */
struct outcome {
    uint32_t n_spans;
    bool is_delivered;
    bool is_kept;          /* when not delivered: it waits in the spool */
    weir_drop_cause cause; /* when not delivered */
    uint32_t n_rejected;   /* when delivered: of its spans */
    bool is_strange;       /* when delivered: the answer was no OTLP */
    char message[192];     /* when delivered: the peer's, or "" */
};

/* ---- exporter_spool.c ---- */

/*
 * Leaves spans to the spool, and counts them there; then the segment is to be let go of. False:
 * there is none, or it has no file for them.
 */
bool pipeline_keep(struct pipeline *pipeline, struct segment *segment);
/* The same for a segment that was never queued, when the queue holds its share of memory. */
bool pipeline_keep_if_crowded(struct pipeline *pipeline, struct segment *segment);
/* Nobody holds it any more. */
void exporter_release(struct exporter *exporter, struct segment *segment);
/* What there is to be done on the spool's disk; the driver's, as the next one. Outside meanwhile:
 * afterwards we may have been left behind. */
void pipeline_tend_spool(struct pipeline *pipeline);
/* What waits in the spool, as a segment; NULL: spool_at_ns says when to look again. Outside
 * meanwhile, too. */
struct segment *pipeline_take_spooled(struct pipeline *pipeline);
/* True while a close is to wait for what the spool has: the endpoint answers, and something is on
 * its way or due. */
bool pipeline_is_draining(const struct pipeline *pipeline, uint64_t deadline_ns);
/* Plans when to look again, by what became of a segment. */
void pipeline_plan_spool(struct pipeline *pipeline, const struct outcome *outcome,
                         bool was_spooled);
void pipeline_read_counts(const struct pipeline *pipeline, struct exporter_counts *out);

/* ---- exporter_tell.c ---- */

/* Says what is worth saying of it: each loss once when it begins and once when it ends. */
void pipeline_tell(struct pipeline *pipeline, const struct outcome *outcome);
/* The same of spans that the queue had no room for. */
void pipeline_tell_of_overflow(struct pipeline *pipeline);
/* Without the mutex: spans were lost because time was over. */
void pipeline_say_undelivered(struct pipeline *pipeline, uint64_t n_spans, const char *when,
                              const char *trouble);

/* The same of spans that are in the spool. */
void pipeline_say_kept(struct pipeline *pipeline, uint64_t n_spans, const char *trouble);

/* ---- exporter_thread.c ---- */

/* All or none. WEIR_E_IO. Without the mutex. */
int exporter_start_threads(struct exporter *exporter, weir_error_detail *detail);
/* There is something to do. Starts the thread if a fork has left it behind. */
void pipeline_wake(struct pipeline *pipeline);
/* The same for what can wait until then: nobody is woken who looks before by himself. */
void pipeline_wake_by(struct pipeline *pipeline, uint64_t at_ns);
/* The same for a segment that has come into its queue. */
void pipeline_wake_for(struct pipeline *pipeline, const struct segment *segment);

/* By this thread: its own, or the one that drives them all. */
bool pipeline_is_driven_here(const struct pipeline *pipeline);

/* Around each call of foreign code by the driver, which is made without the mutex. */
void pipeline_go_outside(struct pipeline *pipeline);
void pipeline_come_inside(struct pipeline *pipeline);

/* Until no exporter, closed or not, has a thread but this one. Without the mutex. */
void exporter_wait_for_threads(uint64_t until_ns);
/* In a forked child: how many threads of exporters there are. */
void exporter_count_threads(unsigned n);

/* ---- exporter_stop.c; without the mutex ---- */

void pipeline_destroy_transport(struct pipeline *pipeline);
/* With the mutex held: spans that come when nothing is exported any more. */
void pipeline_lose_late(struct pipeline *pipeline, struct segment *segment);
/* Flushes by the deadline, then ends the threads, unless foreign code holds one. Nothing is freed.
 */
void exporter_halt(struct exporter *exporter, uint64_t deadline_ns);

/* ---- exporter_exit.c: the list of those that exit must look after; without the mutex ---- */

void exporter_list_add(struct exporter *exporter);
void exporter_list_remove(struct exporter *exporter);
/* Around a fork: nobody changes the list, whose links are next_listed. */
void exporter_list_hold(void);
void exporter_list_let_go(bool is_child);
struct exporter *exporter_list_first(void);

/* ---- exporter_fork.c ---- */

/* A fork looks after all that are in the list. */
void exporter_watch_forks(void);
