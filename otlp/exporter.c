#include "otlp/exporter.h"

#include <assert.h>
#include <errno.h>
#include <unistd.h>

#include "otlp/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/common/error.h"
#include "otlp/common/macro.h"
#include "otlp/exporter_state.h"
#include "otlp/spool.h"

/* ---- waiting ---- */

bool exporter_wait(struct exporter *exporter, pthread_cond_t *condition, uint64_t until_ns) {
    if (until_ns == UINT64_MAX) {
        (void)pthread_cond_wait(condition, &exporter->mutex);
        return true;
    }
    struct timespec until = clock_timespec(until_ns);
    return pthread_cond_timedwait(condition, &exporter->mutex, &until) != ETIMEDOUT;
}

/* ---- the queues ---- */

/* A destination that does not answer must not take the memory of the others. */
static bool has_share_for(const struct pipeline *pipeline, const struct segment *segment) {
    const struct exporter *exporter = pipeline->exporter;
    size_t share = exporter->pool->max_bytes / exporter->n_pipelines;
    return exporter->n_pipelines == 1 || pipeline->first == NULL ||
           pipeline->pinned_bytes + segment->capacity <= share;
}

static void lose_for(struct pipeline *pipeline, const struct segment *segment) {
    pipeline->counts.taken += segment->n_spans;
    pipeline->counts.dropped[WEIR_DROP_QUEUE_FULL] += segment->n_spans;
    if (pipeline->n_overflowed == 0) {
        pipeline_wake(pipeline); /* to say so */
    }
    pipeline->n_overflowed += segment->n_spans;
}

static void enqueue(struct pipeline *pipeline, struct segment *segment) {
    if (pipeline->exporter->is_ending) {
        pipeline_lose_late(pipeline, segment);
        return;
    }
    if (pipeline_keep_if_crowded(pipeline, segment)) {
        pipeline_wake(pipeline); /* to plan when it is taken up again */
        return;
    }
    if (!has_share_for(pipeline, segment)) {
        lose_for(pipeline, segment);
        return;
    }
    segment->next_of[pipeline->index] = NULL;
    struct segment **link =
        pipeline->first == NULL ? &pipeline->first : &pipeline->last->next_of[pipeline->index];
    *link = segment;
    pipeline->last = segment;
    pipeline->n_pushed++;
    pipeline->pinned_bytes += segment->capacity;
    segment->n_holders++;
    pipeline_wake_for(pipeline, segment);
}

struct segment *pipeline_pop(struct pipeline *pipeline) {
    struct segment *segment = pipeline->first;
    if (segment != NULL) {
        pipeline->first = segment->next_of[pipeline->index];
        pipeline->counts.taken += segment->n_spans;
    }
    return segment;
}

static void let_go(struct exporter *exporter, struct segment *segment) {
    if (--segment->n_holders > 0) {
        return;
    }
    if (exporter->is_stopped) {
        segment_free(segment); /* its pool may be gone; a file stays */
    } else {
        exporter_release(exporter, segment);
    }
}

void pipeline_let_go(struct pipeline *pipeline, struct segment *segment) {
    pipeline->pinned_bytes -= segment->capacity;
    let_go(pipeline->exporter, segment);
}

/* One that can do it: we must not wait for a disk. If none can, the first that comes back will. */
static void wake_for_spool(struct exporter *exporter) {
    FOR_EACH_PIPELINE(pipeline, exporter) {
        if (!pipeline->is_outside) {
            pipeline_wake(pipeline);
            return;
        }
    }
}

void exporter_push(struct exporter *exporter, struct segment *segment) {
    segment_seal(segment);
    segment->n_holders = 1; /* this call, while it is handed out */
    pthread_mutex_lock(&exporter->mutex);
    FOR_EACH_PIPELINE(pipeline, exporter) {
        enqueue(pipeline, segment);
    }
    let_go(exporter, segment);
    if (UNLIKELY(exporter->spool != NULL) && spool_has_work(exporter->spool)) {
        wake_for_spool(exporter);
    }
    pthread_mutex_unlock(&exporter->mutex);
}

/* ---- collecting ---- */

static void plan_collection(struct exporter *exporter, uint64_t at_ns) {
    if (at_ns >= exporter->collect_at_ns) {
        return;
    }
    exporter->collect_at_ns = at_ns;
    if (exporter->loop.is_open) {
        exporter_loop_alarm(&exporter->loop, at_ns);
        return;
    }
    FOR_EACH_PIPELINE(pipeline, exporter) { /* the first one that is idle then does it */
        pipeline_wake_by(pipeline, at_ns);
    }
}

/*
 * The flag is set after the span was put into its segment, and cleared before the segments are
 * looked through, each time under the segment's own lock or the mutex: a span is either found by
 * the collection that clears the flag, or its thread sees the flag cleared and sets it again.
 */
void exporter_nudge(struct exporter *exporter) {
    if (atomic_load_explicit(&exporter->is_nudged, memory_order_relaxed)) {
        return;
    }
    pthread_mutex_lock(&exporter->mutex);
    atomic_store_explicit(&exporter->is_nudged, true, memory_order_relaxed);
    plan_collection(exporter, clock_now_ns() + exporter->schedule_delay_ns);
    pthread_mutex_unlock(&exporter->mutex);
}

void exporter_hurry(struct exporter *exporter) {
    if (atomic_load_explicit(&exporter->is_hurried, memory_order_relaxed)) {
        return;
    }
    pthread_mutex_lock(&exporter->mutex);
    atomic_store_explicit(&exporter->is_hurried, true, memory_order_relaxed);
    /* A collection that freed nothing must not be repeated for every span that is dropped. */
    uint64_t not_before = exporter->collected_ns + EXPORTER_HURRY_SPACING_MS * NS_PER_MS;
    plan_collection(exporter, MAX(clock_now_ns(), not_before));
    pthread_mutex_unlock(&exporter->mutex);
}

void exporter_collect(struct exporter *exporter) {
    if (exporter->is_stopped) {
        return; /* a late flush: who owns what would be collected may be gone */
    }
    exporter->collect_at_ns = UINT64_MAX;
    exporter->collected_ns = clock_now_ns();
    atomic_store_explicit(&exporter->is_nudged, false, memory_order_relaxed);
    atomic_store_explicit(&exporter->is_hurried, false, memory_order_relaxed);
    exporter->n_borrowing++;
    pthread_mutex_unlock(&exporter->mutex);
    exporter->collect(exporter->collect_data);
    pthread_mutex_lock(&exporter->mutex);
    exporter->n_borrowing--;
    pthread_cond_broadcast(&exporter->progress);
}

bool exporter_gives_back_memory(struct exporter *exporter) {
    struct segment_pool *pool = exporter->pool;
    if (exporter->is_stopped || !segment_pool_has_surplus(pool)) {
        return false;
    }
    exporter->n_borrowing++;
    pthread_mutex_unlock(&exporter->mutex);
    segment_pool_trim(pool);
    pthread_mutex_lock(&exporter->mutex);
    exporter->n_borrowing--;
    pthread_cond_broadcast(&exporter->progress);
    return true;
}

void exporter_wait_for_borrowers(struct exporter *exporter) {
    while (exporter->n_borrowing > 0) {
        (void)exporter_wait(exporter, &exporter->progress, UINT64_MAX);
    }
}

/* ---- life ---- */

void exporter_init_conditions(struct exporter *exporter) {
    pthread_condattr_t attributes;
    (void)pthread_mutex_init(&exporter->mutex, NULL); /* none of these fails with glibc */
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&exporter->progress, &attributes);
    FOR_EACH_PIPELINE(pipeline, exporter) {
        (void)pthread_cond_init(&pipeline->work, &attributes);
    }
    (void)pthread_condattr_destroy(&attributes);
}

static void free_exporter(struct exporter *exporter) {
    FOR_EACH_PIPELINE(pipeline, exporter) {
        pthread_cond_destroy(&pipeline->work);
    }
    pthread_cond_destroy(&exporter->progress);
    pthread_mutex_destroy(&exporter->mutex);
    exporter_loop_close(&exporter->loop);
    spool_unref(exporter->spool);
    mem_free(exporter);
}

void exporter_unref(struct exporter *exporter) {
    pthread_mutex_lock(&exporter->mutex);
    bool is_last = --exporter->n_references == 0;
    pthread_mutex_unlock(&exporter->mutex);
    if (is_last) {
        free_exporter(exporter);
    }
}

static _Thread_local struct exporter_guest *guests; /* the innermost first */

void exporter_enter(struct exporter *exporter, struct exporter_guest *guest) {
    *guest = (struct exporter_guest){exporter, guests};
    guests = guest;
    pthread_mutex_lock(&exporter->mutex);
    exporter->n_references++;
    pthread_mutex_unlock(&exporter->mutex);
}

void exporter_leave(struct exporter_guest *guest) {
    guests = guest->next;
    exporter_unref(guest->exporter);
}

unsigned exporter_n_guests_here(const struct exporter *exporter) {
    unsigned n = 0;
    for (const struct exporter_guest *guest = guests; guest != NULL; guest = guest->next) {
        n += guest->exporter == exporter;
    }
    return n;
}

static void init_pipeline(struct pipeline *pipeline, struct exporter *exporter, size_t index,
                          const struct exporter_options *options) {
    pipeline->exporter = exporter;
    pipeline->index = index;
    pipeline->transport = options->destinations[index].transport;
    pipeline->timeout_ns = options->destinations[index].timeout_ns;
    pipeline->watched_fd = -1;
    pipeline->is_answering = true;
    pipeline->spool_at_ns = UINT64_MAX;
    if (options->pool->spool != NULL && spool_has_waiting(options->pool->spool, index)) {
        pipeline->spool_at_ns = 0; /* what earlier processes left */
    }
    logger_init(&pipeline->logger, options->logger->fn, options->logger->data,
                options->logger->level);
}

static struct exporter *new_exporter(const struct exporter_options *options) {
    size_t n = options->n_destinations;
    struct exporter *exporter = mem_zalloc(sizeof *exporter + n * sizeof exporter->pipelines[0]);
    if (exporter == NULL) {
        return NULL;
    }
    exporter->pool = options->pool;
    exporter->spool = options->pool->spool;
    if (exporter->spool != NULL) {
        spool_ref(exporter->spool);
    }
    exporter->schedule_delay_ns = options->schedule_delay_ns;
    exporter->collect = options->collect;
    exporter->collect_data = options->collect_data;
    exporter->pid = getpid();
    exporter->collect_at_ns = UINT64_MAX;
    exporter->stop_by_ns = UINT64_MAX;
    exporter->n_references = 1; /* the owner's */
    exporter->n_pipelines = n;
    for (size_t i = 0; i < n; i++) {
        init_pipeline(&exporter->pipelines[i], exporter, i, options);
    }
    exporter_init_conditions(exporter);
    return exporter;
}

int exporter_start(const struct exporter_options *options, struct exporter **out,
                   weir_error_detail *detail) {
    assert(options->n_destinations > 0 && options->n_destinations <= OTLP_MAX_PIPELINES);
    struct exporter *exporter = new_exporter(options);
    if (exporter == NULL) {
        return error_set(detail, WEIR_E_NO_MEMORY, "out of memory");
    }
    int error = options->has_no_thread ? exporter_loop_open(&exporter->loop, detail)
                                       : exporter_start_threads(exporter, detail);
    if (error != 0) {
        exporter_unref(exporter);
        return error;
    }
    exporter_list_add(exporter);
    *out = exporter;
    return 0;
}

/* ---- flush ---- */

static bool wait_for_progress(struct exporter *exporter, uint64_t deadline_ns) {
    return exporter->loop.is_open ? exporter_loop_wait(exporter, deadline_ns)
                                  : exporter_wait(exporter, &exporter->progress, deadline_ns);
}

/* The peer wants no request before the deadline, and none is under way. */
static bool is_hopeless(const struct pipeline *pipeline, uint64_t deadline_ns) {
    return pipeline->state == PIPELINE_IDLE && !pipeline->is_outside && deadline_ns != UINT64_MAX &&
           pipeline->hold_until_ns >= deadline_ns;
}

static bool wait_concluded(struct pipeline *pipeline, uint64_t n_segments, uint64_t deadline_ns) {
    while (pipeline->n_concluded < n_segments && !pipeline->is_ended &&
           !is_hopeless(pipeline, deadline_ns)) {
        if (!wait_for_progress(pipeline->exporter, deadline_ns)) {
            break;
        }
    }
    return pipeline->n_concluded >= n_segments;
}

bool exporter_wait_concluded(struct exporter *exporter, uint64_t deadline_ns) {
    uint64_t n_pushed[OTLP_MAX_PIPELINES];
    bool is_done = true;
    FOR_EACH_PIPELINE(pipeline, exporter) {
        n_pushed[pipeline->index] = pipeline->n_pushed;
        if (pipeline->first != NULL) {
            pipeline_wake_by(pipeline, 0); /* out of a doze */
        }
    }
    FOR_EACH_PIPELINE(pipeline, exporter) { /* they all send meanwhile */
        is_done &= wait_concluded(pipeline, n_pushed[pipeline->index], deadline_ns);
    }
    return is_done;
}

void exporter_wait_drained(struct exporter *exporter, uint64_t deadline_ns) {
    FOR_EACH_PIPELINE(pipeline, exporter) { /* they all send meanwhile */
        while (pipeline_is_draining(pipeline, deadline_ns) &&
               wait_for_progress(exporter, deadline_ns)) {
        }
    }
}

static uint64_t n_kept(struct exporter *exporter) {
    uint64_t n = 0;
    FOR_EACH_PIPELINE(pipeline, exporter) {
        n += pipeline->counts.kept;
    }
    return n;
}

uint64_t exporter_n_given_up(struct exporter *exporter) {
    uint64_t n = 0;
    FOR_EACH_PIPELINE(pipeline, exporter) {
        n += pipeline->counts.rejected;
        for (size_t i = 0; i < WEIR_N_DROP_CAUSES; i++) {
            n += pipeline->counts.dropped[i];
        }
    }
    return n;
}

int exporter_flush(struct exporter *exporter, uint64_t deadline_ns) {
    if (exporter->pid != getpid()) {
        return WEIR_E_TIMEOUT; /* a child of _Fork: there are no threads to wait for */
    }
    struct exporter_guest guest;
    exporter_enter(exporter, &guest); /* exporter_stop may come in between */
    pthread_mutex_lock(&exporter->mutex);
    exporter_collect(exporter);
    bool is_done = exporter_wait_concluded(exporter, deadline_ns);
    is_done &= n_kept(exporter) == exporter->n_kept_before;
    exporter->n_kept_before = n_kept(exporter);
    bool is_whole = exporter_n_given_up(exporter) == exporter->n_reported;
    exporter->n_reported = exporter_n_given_up(exporter);
    pthread_mutex_unlock(&exporter->mutex);
    exporter_leave(&guest);
    return !is_done ? WEIR_E_TIMEOUT : !is_whole ? WEIR_E_IO : 0;
}

void exporter_get_counts(struct exporter *exporter, size_t index, struct exporter_counts *out) {
    pthread_mutex_lock(&exporter->mutex);
    pipeline_read_counts(&exporter->pipelines[index], out);
    pthread_mutex_unlock(&exporter->mutex);
}

size_t exporter_pinned_bytes(struct exporter *exporter, size_t index) {
    pthread_mutex_lock(&exporter->mutex);
    size_t n_bytes = exporter->pipelines[index].pinned_bytes;
    pthread_mutex_unlock(&exporter->mutex);
    return n_bytes;
}
