/*
 * The end of an exporter: by the deadline, with exact counts, whatever the peer does.
 */
#include <string.h>
#include <unistd.h>

#include "otlp/bounds.h"
#include "otlp/common/macro.h"
#include "otlp/common/signal_guard.h"
#include "otlp/exporter_state.h"

/* ---- ending the threads ---- */

/* With the mutex held, which is given back meanwhile. */
static void cancel_post(struct pipeline *pipeline) {
    struct exporter *exporter = pipeline->exporter;
    if (pipeline->transport.cancel == NULL || exporter->is_stopped) {
        return;
    }
    exporter->n_borrowing++;
    pthread_mutex_unlock(&exporter->mutex);
    pipeline->transport.cancel(pipeline->transport.data);
    pthread_mutex_lock(&exporter->mutex);
    exporter->n_borrowing--;
    pthread_cond_broadcast(&exporter->progress);
}

/*
 * With the mutex held. Waits for the thread's end; in foreign code only until the deadline, and a
 * moment longer, so that a cancelled post can come back.
 */
static void wait_for_end(struct pipeline *pipeline, uint64_t until_ns) {
    while (!pipeline->is_ended && !(pipeline->is_outside && clock_now_ns() >= until_ns)) {
        (void)exporter_wait(pipeline->exporter, &pipeline->exporter->progress,
                            pipeline->is_outside ? until_ns : UINT64_MAX);
    }
}

/* Nobody steps any more. */
static void end_driving(struct exporter *exporter) {
    FOR_EACH_PIPELINE(pipeline, exporter) {
        exporter_loop_watch(&exporter->loop, &pipeline->watched_fd, -1);
        pipeline->is_ended = true;
    }
}

static void end_threads(struct exporter *exporter, uint64_t deadline_ns) {
    exporter->is_ending = true;
    if (exporter->loop.is_open) {
        end_driving(exporter);
        return;
    }
    FOR_EACH_PIPELINE(pipeline, exporter) {
        pipeline_wake(pipeline);
        if (pipeline->is_outside) {
            cancel_post(pipeline);
        }
    }
    uint64_t grace_ns = clock_now_ns() + EXPORTER_GRACE_MS * NS_PER_MS;
    FOR_EACH_PIPELINE(pipeline, exporter) {
        wait_for_end(pipeline, MAX(deadline_ns, grace_ns));
    }
}

/* ---- what is left ---- */

/* Lost, unless the spool has them. How many. */
static uint32_t count_undelivered(struct pipeline *pipeline, struct segment *segment) {
    uint32_t n = pipeline_keep(pipeline, segment) ? 0 : segment->n_spans;
    pipeline->counts.dropped[WEIR_DROP_SHUTDOWN_DEADLINE] += n;
    return n;
}

void pipeline_lose_late(struct pipeline *pipeline, struct segment *segment) {
    pipeline->counts.taken += segment->n_spans;
    pipeline->counts.late += count_undelivered(pipeline, segment);
}

/* With the mutex held; the thread sends no more. */
static void drop_what_is_left(struct pipeline *pipeline) {
    struct segment *segment = pipeline->current;
    pipeline->is_abandoned = !pipeline->is_ended;
    if (segment != NULL) {
        pipeline->counts.in_flight -= segment->n_spans;
        (void)count_undelivered(pipeline, segment);
        if (!pipeline->is_abandoned) { /* else a post may still read it: the thread lets it go */
            pipeline->current = NULL;
            pipeline_let_go(pipeline, segment);
        }
    }
    while ((segment = pipeline_pop(pipeline)) != NULL) {
        pipeline->counts.late += count_undelivered(pipeline, segment);
        pipeline_let_go(pipeline, segment);
    }
    pipeline->n_concluded = pipeline->n_pushed;
}

static void wake_all(struct exporter *exporter) {
    FOR_EACH_PIPELINE(pipeline, exporter) {
        if (!pipeline->is_ended) {
            pipeline_wake(pipeline);
        }
    }
}

/*
 * Flushes and gives up what is left. Afterwards nobody uses what belongs to the owner.
 *
 * Whoever pushes meanwhile (a flush of another thread) is accounted for: once is_ending is set,
 * which is before anything is given up, a push counts its spans as late itself; the mutex is not
 * given back from the first spans that are given up to is_stopped; and the counters are read when
 * the last one who borrows has pushed.
 */
static void wind_up(struct exporter *exporter, uint64_t deadline_ns) {
    exporter->stop_by_ns = deadline_ns;
    wake_all(exporter); /* a retry beyond the deadline is not waited for */
    exporter_collect(exporter);
    (void)exporter_wait_concluded(exporter, deadline_ns);
    exporter_wait_drained(exporter, deadline_ns);
    end_threads(exporter, deadline_ns);
    FOR_EACH_PIPELINE(pipeline, exporter) {
        drop_what_is_left(pipeline);
    }
    pthread_cond_broadcast(&exporter->progress); /* to those that flush */
    exporter->is_stopped = true;
    exporter_wait_for_borrowers(exporter);
}

/* ---- stop ---- */

void pipeline_destroy_transport(struct pipeline *pipeline) {
    if (pipeline->transport.destroy != NULL) {
        pipeline->transport.destroy(pipeline->transport.data);
    }
}

/* What is to be said of a pipeline, and done about its thread, without the mutex. */
struct farewell {
    bool is_abandoned;
    uint64_t n_lost;
    uint64_t n_kept;
    char trouble[EXPORTER_TROUBLE_BYTES];
};

/* Counters as of before the stop. */
struct before {
    uint64_t n_dropped;
    uint64_t n_kept;
};

static void read_farewell(struct pipeline *pipeline, const struct before *before,
                          struct farewell *out) {
    pthread_mutex_lock(&pipeline->exporter->mutex);
    out->is_abandoned = pipeline->is_abandoned;
    out->n_lost = pipeline->counts.dropped[WEIR_DROP_SHUTDOWN_DEADLINE] - before->n_dropped;
    out->n_kept = pipeline->counts.kept - before->n_kept;
    memcpy(out->trouble, pipeline->trouble, sizeof out->trouble);
    pthread_mutex_unlock(&pipeline->exporter->mutex);
}

/* How many spans the close lost there. */
static uint64_t part_from(struct pipeline *pipeline, const struct before *before) {
    struct farewell farewell;
    read_farewell(pipeline, before, &farewell);
    if (farewell.is_abandoned) {
        (void)pthread_detach(pipeline->thread);
    } else {
        if (pipeline->has_thread) {
            (void)pthread_join(pipeline->thread, NULL);
        }
        pipeline_destroy_transport(pipeline);
    }
    if (farewell.n_lost > 0) {
        pipeline_say_undelivered(pipeline, farewell.n_lost, "before the close", farewell.trouble);
    }
    if (farewell.n_kept > 0) {
        pipeline_say_kept(pipeline, farewell.n_kept, farewell.trouble);
    }
    return farewell.n_lost;
}

static int stop_whole(struct exporter *exporter, uint64_t deadline_ns,
                      struct exporter_counts *counts) {
    struct before before[OTLP_MAX_PIPELINES];
    uint64_t n_lost = 0;
    exporter_list_remove(exporter);
    pthread_mutex_lock(&exporter->mutex);
    FOR_EACH_PIPELINE(pipeline, exporter) {
        const struct exporter_counts *now = &pipeline->counts;
        before[pipeline->index] = (struct before){
            .n_dropped = now->dropped[WEIR_DROP_SHUTDOWN_DEADLINE] - now->late, /* not told yet */
            .n_kept = now->kept};
    }
    wind_up(exporter, deadline_ns);
    FOR_EACH_PIPELINE(pipeline, exporter) {
        if (counts != NULL) {
            pipeline_read_counts(pipeline, &counts[pipeline->index]);
        }
    }
    bool is_whole = exporter_n_given_up(exporter) == exporter->n_reported;
    pthread_mutex_unlock(&exporter->mutex);
    FOR_EACH_PIPELINE(pipeline, exporter) {
        n_lost += part_from(pipeline, &before[pipeline->index]);
    }
    exporter_unref(exporter);
    return n_lost > 0 ? WEIR_E_TIMEOUT : is_whole ? 0 : WEIR_E_IO;
}

int exporter_stop(struct exporter *exporter, uint64_t deadline_ns, struct exporter_counts *counts) {
    if (exporter->pid != getpid()) { /* a child of _Fork: nothing of it is ours */
        if (counts != NULL) {
            memset(counts, 0, exporter->n_pipelines * sizeof *counts);
        }
        return 0;
    }
    struct signal_guard guard;
    signal_guard_begin(&guard); /* a connection's last words are written on this thread */
    int error = stop_whole(exporter, deadline_ns, counts);
    signal_guard_end(&guard);
    return error;
}

/* ---- at exit ---- */

/* Spans that end with the process: those that are in a file of the spool do not. */
static uint64_t n_ending(const struct segment *segment) {
    bool has_file = segment->mapped != NULL || segment->origin != NULL;
    return has_file ? 0 : segment->n_spans;
}

static uint64_t n_waiting(const struct pipeline *pipeline) {
    uint64_t n = pipeline->current != NULL ? n_ending(pipeline->current) : 0;
    for (const struct segment *segment = pipeline->first; segment != NULL;
         segment = segment->next_of[pipeline->index]) {
        n += n_ending(segment);
    }
    return n;
}

/* To stderr only: what the host's callback needs may be gone by now. */
static void say_halted(struct pipeline *pipeline) {
    char trouble[EXPORTER_TROUBLE_BYTES];
    pthread_mutex_lock(&pipeline->exporter->mutex);
    uint64_t n_lost = n_waiting(pipeline);
    memcpy(trouble, pipeline->trouble, sizeof trouble);
    pthread_mutex_unlock(&pipeline->exporter->mutex);
    if (n_lost > 0 && pipeline->logger.fn == NULL) {
        pipeline_say_undelivered(pipeline, n_lost, "before the exit, without a close", trouble);
    }
}

void exporter_halt(struct exporter *exporter, uint64_t deadline_ns) {
    struct signal_guard guard;
    signal_guard_begin(&guard);
    (void)exporter_flush(exporter, deadline_ns);
    pthread_mutex_lock(&exporter->mutex);
    end_threads(exporter, 0);
    pthread_mutex_unlock(&exporter->mutex);
    signal_guard_end(&guard);
    FOR_EACH_PIPELINE(pipeline, exporter) {
        say_halted(pipeline);
    }
}
