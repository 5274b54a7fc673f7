/*
 * An exporter around a fork: the child has its pipelines and nothing in them. Their threads begin
 * when there is something to do (pipeline_wake); connections are forgotten without a word to the
 * peer, who goes on talking with the parent.
 */
#include <string.h>
#include <unistd.h>

#include "otlp/common/fork.h"
#include "otlp/common/macro.h"
#include "otlp/exporter_state.h"

/* ---- before, and in the parent ---- */

static void before_fork(void) {
    exporter_list_hold();
    for (struct exporter *e = exporter_list_first(); e != NULL; e = e->next_listed) {
        pthread_mutex_lock(&e->mutex);
    }
}

static void after_fork_in_parent(void) {
    for (struct exporter *e = exporter_list_first(); e != NULL; e = e->next_listed) {
        pthread_mutex_unlock(&e->mutex);
    }
    exporter_list_let_go(false);
}

/* Threads that waited in the parent do not wait here. */
static void after_fork_in_child(void) {
    for (struct exporter *e = exporter_list_first(); e != NULL; e = e->next_listed) {
        pthread_mutex_unlock(&e->mutex);
        exporter_init_conditions(e);
        e->pid = getpid();
    }
    exporter_count_threads(0);
    exporter_list_let_go(true);
}

static struct fork_guard fork_guard = {.order = FORK_EXPORTERS,
                                       .before = before_fork,
                                       .in_parent = after_fork_in_parent,
                                       .in_child = after_fork_in_child};

void exporter_watch_forks(void) {
    fork_watch(&fork_guard);
}

/* ---- the child begins ---- */

static void leave(struct pipeline *pipeline, struct segment *segment) {
    if (--segment->n_holders == 0) {
        segment_leave(pipeline->exporter->pool, segment);
    }
}

static void leave_queue(struct pipeline *pipeline) {
    struct segment *segment;
    while ((segment = pipeline_pop(pipeline)) != NULL) {
        pipeline->n_pushed--;
        pipeline->pinned_bytes -= segment->capacity;
        leave(pipeline, segment);
    }
}

static void empty(struct pipeline *pipeline) {
    struct segment *segment = pipeline->current;
    if (segment != NULL) {
        pipeline->current = NULL;
        leave(pipeline, segment);
    }
    pipeline->pinned_bytes = 0;
    pipeline->n_concluded = pipeline->n_pushed;
    pipeline->state = PIPELINE_IDLE;
    pipeline->is_under_way = false;
    pipeline->watched_fd = -1;
    pipeline->n_lost = pipeline->n_overflowed = pipeline->n_rejected_untold = 0;
    pipeline->is_overflow_told = false;
    pipeline->trouble[0] = '\0';
    if (pipeline->transport.after_fork != NULL) {
        pipeline->transport.after_fork(pipeline->transport.data);
    }
}

/*
 * The child's only thread may be in the middle of this pipeline's step, if foreign code that it had
 * called forked. Then it goes on: with what it is sending if that code is its transport.
 */
static void begin_pipeline(struct pipeline *pipeline) {
    bool is_ours = pipeline->is_outside && pipeline_is_driven_here(pipeline);
    leave_queue(pipeline);
    pipeline->spool_at_ns = UINT64_MAX;
    pipeline->spool_pause_ns = 0;
    pipeline->is_spooled = pipeline->is_waiting_told = pipeline->is_taking = false;
    pipeline->is_answering = true;
    if (!is_ours || pipeline->is_telling) {
        empty(pipeline);
    }
    if (pipeline->current != NULL) {
        pipeline->current->origin = NULL; /* the file is the parent's */
    }
    pipeline->is_outside = is_ours;
    pipeline->is_telling = pipeline->is_telling && is_ours;
    pipeline->has_thread = pipeline->has_thread && is_ours;
    pipeline->is_ended = !pipeline->exporter->loop.is_open && !pipeline->has_thread;
    pipeline->looks_at_ns = pipeline->is_ended ? UINT64_MAX : 0; /* for all time, if not started */
    if (pipeline->has_thread) {
        pipeline->exporter->n_references++;
        exporter_count_threads(1); /* ours, the only one */
    }
    uint64_t n_spans = pipeline->current != NULL ? pipeline->current->n_spans : 0;
    memset(&pipeline->counts, 0, sizeof pipeline->counts);
    pipeline->counts.taken = pipeline->counts.in_flight = pipeline->counts.processed = n_spans;
}

void exporter_begin_anew(struct exporter *exporter) {
    struct exporter_loop *loop = &exporter->loop;
    loop->is_driven = exporter_loop_is_driven_here(loop);
    exporter->n_references = 1 + exporter_n_guests_here(exporter); /* the owner's, and ours */
    exporter->n_borrowing = 0;
    exporter->n_reported = exporter->n_kept_before = 0;
    exporter->collect_at_ns = UINT64_MAX;
    atomic_store_explicit(&exporter->is_nudged, false, memory_order_relaxed);
    atomic_store_explicit(&exporter->is_hurried, false, memory_order_relaxed);
    FOR_EACH_PIPELINE(pipeline, exporter) {
        begin_pipeline(pipeline);
    }
    if (loop->is_open) { /* timer and epoll are shared with the parent until then */
        exporter_loop_keep_off_parents(loop);
    }
}

uint64_t exporter_n_in_hand(struct exporter *exporter) {
    uint64_t n_spans = 0;
    FOR_EACH_PIPELINE(pipeline, exporter) {
        n_spans = MAX(n_spans, pipeline->counts.in_flight);
    }
    return n_spans;
}
