#include "otlp/exporter.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "otlp/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/common/error.h"
#include "otlp/common/macro.h"
#include "otlp/exporter_state.h"

static const uint64_t NS_PER_S = UINT64_C(1000000000);
static const uint64_t NS_PER_MS = 1000000;

/* ---- waiting ---- */

bool exporter_wait(struct exporter *exporter, pthread_cond_t *condition, uint64_t until_ns) {
    if (until_ns == UINT64_MAX) {
        (void)pthread_cond_wait(condition, &exporter->mutex);
        return true;
    }
    struct timespec until = {.tv_sec = (time_t)(until_ns / NS_PER_S),
                             .tv_nsec = (long)(until_ns % NS_PER_S)};
    return pthread_cond_timedwait(condition, &exporter->mutex, &until) != ETIMEDOUT;
}

void exporter_go_outside(struct exporter *exporter) {
    exporter->is_outside = true;
    pthread_cond_broadcast(&exporter->progress); /* exporter_stop may leave us behind now */
    pthread_mutex_unlock(&exporter->mutex);
}

void exporter_come_inside(struct exporter *exporter) {
    pthread_mutex_lock(&exporter->mutex);
    exporter->is_outside = false;
}

/* ---- the queue ---- */

void exporter_push(struct exporter *exporter, struct segment *segment) {
    segment->next = NULL;
    pthread_mutex_lock(&exporter->mutex);
    bool was_empty = exporter->first == NULL;
    *exporter->last = segment;
    exporter->last = &segment->next;
    exporter->n_pushed++;
    if (was_empty) {
        pthread_cond_signal(&exporter->work);
    }
    pthread_mutex_unlock(&exporter->mutex);
}

static void plan_collection(struct exporter *exporter, uint64_t at_ns) {
    if (at_ns < exporter->collect_at_ns) {
        exporter->collect_at_ns = at_ns;
        pthread_cond_signal(&exporter->work);
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
    plan_collection(exporter, exporter_now() + exporter->schedule_delay_ns);
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
    plan_collection(exporter, MAX(exporter_now(), not_before));
    pthread_mutex_unlock(&exporter->mutex);
}

void exporter_collect(struct exporter *exporter) {
    if (exporter->is_stopped) {
        return; /* a late flush: who owns what would be collected may be gone */
    }
    exporter->collect_at_ns = UINT64_MAX;
    exporter->collected_ns = exporter_now();
    atomic_store_explicit(&exporter->is_nudged, false, memory_order_relaxed);
    atomic_store_explicit(&exporter->is_hurried, false, memory_order_relaxed);
    exporter->n_borrowing++;
    pthread_mutex_unlock(&exporter->mutex);
    exporter->collect(exporter->collect_data);
    pthread_mutex_lock(&exporter->mutex);
    exporter->n_borrowing--;
    pthread_cond_broadcast(&exporter->progress);
}

/* ---- the thread ---- */

void exporter_wait_for_borrowers(struct exporter *exporter) {
    while (exporter->n_borrowing > 0) {
        (void)exporter_wait(exporter, &exporter->progress, UINT64_MAX);
    }
}

void exporter_destroy_transport(struct exporter *exporter) {
    if (exporter->transport.destroy != NULL) {
        exporter->transport.destroy(exporter->transport.data);
    }
}

/* The next thing to do, or to wait for. */
static void step(struct exporter *exporter) {
    uint64_t now = exporter_now();
    if (now >= exporter->collect_at_ns) {
        exporter_collect(exporter);
    } else if (exporter->first == NULL) {
        (void)exporter_wait(exporter, &exporter->work, exporter->collect_at_ns);
    } else if (now < exporter->hold_until_ns) {
        (void)exporter_wait(exporter, &exporter->work,
                            MIN(exporter->hold_until_ns, exporter->collect_at_ns));
    } else {
        exporter_send_next(exporter);
    }
}

static void *run(void *data) {
    struct exporter *exporter = data;
    pthread_mutex_lock(&exporter->mutex);
    while (!exporter->is_ending) {
        step(exporter);
    }
    exporter->is_ended = true;
    bool is_abandoned = exporter->is_abandoned;
    pthread_cond_broadcast(&exporter->progress);
    if (is_abandoned) {
        exporter_wait_for_borrowers(exporter);
    }
    pthread_mutex_unlock(&exporter->mutex);
    if (is_abandoned) {
        exporter_destroy_transport(exporter);
    }
    exporter_unref(exporter);
    return NULL;
}

static int start_thread(struct exporter *exporter) {
    sigset_t all, before;
    sigfillset(&all); /* a handler of the host's must not run on our stack */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int os_error = pthread_create(&exporter->thread, NULL, run, exporter);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (os_error == 0) {
        (void)pthread_setname_np(exporter->thread, "weir-export");
    }
    return os_error;
}

/* ---- life ---- */

static void init_conditions(struct exporter *exporter) {
    pthread_condattr_t attributes;
    (void)pthread_mutex_init(&exporter->mutex, NULL); /* none of these fails with glibc */
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&exporter->work, &attributes);
    (void)pthread_cond_init(&exporter->progress, &attributes);
    (void)pthread_condattr_destroy(&attributes);
}

static void free_exporter(struct exporter *exporter) {
    pthread_cond_destroy(&exporter->work);
    pthread_cond_destroy(&exporter->progress);
    pthread_mutex_destroy(&exporter->mutex);
    mem_free(exporter);
}

void exporter_ref(struct exporter *exporter) {
    pthread_mutex_lock(&exporter->mutex);
    exporter->n_references++;
    pthread_mutex_unlock(&exporter->mutex);
}

void exporter_unref(struct exporter *exporter) {
    pthread_mutex_lock(&exporter->mutex);
    bool is_last = --exporter->n_references == 0;
    pthread_mutex_unlock(&exporter->mutex);
    if (is_last) {
        free_exporter(exporter);
    }
}

static struct exporter *new_exporter(const struct exporter_options *options) {
    struct exporter *exporter = mem_zalloc(sizeof *exporter);
    if (exporter == NULL) {
        return NULL;
    }
    exporter->transport = options->transport;
    exporter->pool = options->pool;
    exporter->timeout_ns = options->timeout_ns;
    exporter->schedule_delay_ns = options->schedule_delay_ns;
    exporter->collect = options->collect;
    exporter->collect_data = options->collect_data;
    exporter->pid = getpid();
    logger_init(&exporter->logger, options->logger->fn, options->logger->data,
                options->logger->level);
    exporter->last = &exporter->first;
    exporter->collect_at_ns = UINT64_MAX;
    exporter->stop_by_ns = UINT64_MAX;
    exporter->n_references = 2; /* the owner's and the thread's */
    init_conditions(exporter);
    return exporter;
}

int exporter_start(const struct exporter_options *options, struct exporter **out,
                   weir_error_detail *detail) {
    assert(options->transport.post != NULL && options->collect != NULL);
    struct exporter *exporter = new_exporter(options);
    if (exporter == NULL) {
        return error_set(detail, WEIR_E_NO_MEMORY, "out of memory");
    }
    int os_error = start_thread(exporter);
    if (os_error != 0) {
        free_exporter(exporter);
        return error_set_os(detail, WEIR_E_IO, os_error, "the exporter's thread cannot be started");
    }
    exporter_list_add(exporter);
    *out = exporter;
    return 0;
}

/* ---- flush ---- */

/* The peer wants no request before the deadline, and none is under way. */
static bool is_hopeless(const struct exporter *exporter, uint64_t deadline_ns) {
    return exporter->current == NULL && deadline_ns != UINT64_MAX &&
           exporter->hold_until_ns >= deadline_ns;
}

bool exporter_wait_concluded(struct exporter *exporter, uint64_t n_segments, uint64_t deadline_ns) {
    while (exporter->n_concluded < n_segments && !exporter->is_ended &&
           !is_hopeless(exporter, deadline_ns)) {
        if (!exporter_wait(exporter, &exporter->progress, deadline_ns)) {
            break;
        }
    }
    return exporter->n_concluded >= n_segments;
}

static uint64_t n_given_up(const struct exporter *exporter) {
    uint64_t n = exporter->counts.rejected;
    for (size_t i = 0; i < WEIR_N_DROP_CAUSES; i++) {
        n += exporter->counts.dropped[i];
    }
    return n;
}

int exporter_flush(struct exporter *exporter, uint64_t deadline_ns) {
    if (exporter->pid != getpid()) {
        return WEIR_E_TIMEOUT; /* a forked child: there is no thread to wait for */
    }
    pthread_mutex_lock(&exporter->mutex);
    exporter->n_references++; /* exporter_stop may come in between */
    exporter_collect(exporter);
    bool is_done = exporter_wait_concluded(exporter, exporter->n_pushed, deadline_ns);
    bool is_whole = n_given_up(exporter) == exporter->n_reported;
    exporter->n_reported = n_given_up(exporter);
    pthread_mutex_unlock(&exporter->mutex);
    exporter_unref(exporter);
    return !is_done ? WEIR_E_TIMEOUT : !is_whole ? WEIR_E_IO : 0;
}

void exporter_get_counts(struct exporter *exporter, struct exporter_counts *out) {
    pthread_mutex_lock(&exporter->mutex);
    *out = exporter->counts;
    pthread_mutex_unlock(&exporter->mutex);
}
