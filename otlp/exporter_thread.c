/*
 * The threads of an exporter, one a pipeline: each drives its pipeline step by step and sleeps
 * while nothing is due.
 */
#include <signal.h>
#include <time.h>

#include "otlp/common/error.h"
#include "otlp/common/macro.h"
#include "otlp/exporter_state.h"

bool pipeline_is_driven_here(const struct pipeline *pipeline) {
    if (pipeline->exporter->loop.is_open) {
        return exporter_loop_is_driven_here(&pipeline->exporter->loop);
    }
    return pipeline->has_thread && pthread_equal(pipeline->thread, pthread_self());
}

void pipeline_go_outside(struct pipeline *pipeline) {
    pipeline->is_outside = true;
    pthread_cond_broadcast(&pipeline->exporter->progress); /* exporter_stop may leave us behind */
    pthread_mutex_unlock(&pipeline->exporter->mutex);
}

void pipeline_come_inside(struct pipeline *pipeline) {
    pthread_mutex_lock(&pipeline->exporter->mutex);
    pipeline->is_outside = false;
    pthread_cond_broadcast(&pipeline->exporter->progress); /* or wait for what we had to find out */
}

/*
 * Who has just worked looks once more soon, unasked: while spans keep coming, no producer has to
 * wake him for each segment, which costs it 5 to 10 us, up to a sixth of its time. Who then finds
 * nothing sleeps for good.
 */
static void sleep_until(struct pipeline *pipeline, uint64_t due_ns, uint64_t now_ns) {
    struct exporter *exporter = pipeline->exporter;
    uint64_t until_ns = due_ns;
    if (pipeline->has_worked) {
        until_ns = MIN(due_ns, now_ns + EXPORTER_DOZE_US * NS_PER_US);
    } else if (exporter_gives_back_memory(exporter)) {
        return; /* there may be news */
    }
    pipeline->has_worked = false;
    pipeline->looks_at_ns = until_ns;
    (void)exporter_wait(exporter, &pipeline->work, until_ns);
    pipeline->looks_at_ns = 0;
}

/* The next thing to do, or to wait for. What is open is collected when it could be sent at once. */
static void drive(struct pipeline *pipeline) {
    struct exporter *exporter = pipeline->exporter;
    uint64_t now = clock_now_ns();
    bool is_idle = pipeline->state == PIPELINE_IDLE;
    if (is_idle && now >= exporter->collect_at_ns) {
        exporter_collect(exporter);
        return;
    }
    uint64_t due = pipeline_step(pipeline, now);
    if (due <= now) {
        pipeline->has_worked = true;
    } else if (!exporter->is_ending) {
        sleep_until(pipeline, is_idle ? MIN(due, exporter->collect_at_ns) : due, now);
    }
}

static _Atomic unsigned n_threads; /* of all exporters, also of those that were closed */
static _Thread_local bool is_one;

static void *run(void *data) {
    struct pipeline *pipeline = data;
    struct exporter *exporter = pipeline->exporter;
    is_one = true;
    pthread_mutex_lock(&exporter->mutex);
    while (!exporter->is_ending) {
        drive(pipeline);
    }
    pipeline->is_ended = true;
    bool is_abandoned = pipeline->is_abandoned;
    pthread_cond_broadcast(&exporter->progress);
    if (is_abandoned) {
        exporter_wait_for_borrowers(exporter);
        if (pipeline->current != NULL) {
            pipeline_let_go(pipeline, pipeline->current); /* counted by exporter_stop */
        }
    }
    pthread_mutex_unlock(&exporter->mutex);
    if (is_abandoned) {
        pipeline_destroy_transport(pipeline);
    }
    exporter_unref(exporter);
    atomic_fetch_sub(&n_threads, 1);
    return NULL;
}

/* ---- those that are in foreign code when the process ends ---- */

void exporter_count_threads(unsigned n) {
    atomic_store(&n_threads, n);
}

void exporter_wait_for_threads(uint64_t until_ns) {
    while (atomic_load(&n_threads) > is_one && clock_now_ns() < until_ns) {
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

/* ---- start ---- */

/* With the mutex held. */
static int start_thread(struct pipeline *pipeline) {
    pipeline->exporter->n_references++;
    atomic_fetch_add(&n_threads, 1);
    int os_error = pthread_create(&pipeline->thread, NULL, run, pipeline);
    pipeline->has_thread = os_error == 0;
    pipeline->is_ended = os_error != 0;
    if (os_error != 0) {
        pipeline->exporter->n_references--;
        atomic_fetch_sub(&n_threads, 1);
        return os_error;
    }
    (void)pthread_setname_np(pipeline->thread, "weir-export");
    return 0;
}

/* A handler of the host's must not run on our stacks. */
static void block_signals(sigset_t *before) {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, before);
}

/* In a forked child. If the system has no thread for us, the next one who has something tries
 * again: nobody is up, and nobody looks by himself. */
static void start_late(struct pipeline *pipeline) {
    sigset_t before;
    block_signals(&before);
    (void)start_thread(pipeline);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void pipeline_wake(struct pipeline *pipeline) {
    if (pipeline->exporter->loop.is_open) {
        exporter_loop_alarm(&pipeline->exporter->loop, 0);
        return;
    }
    if (UNLIKELY(pipeline->is_ended) && !pipeline->exporter->is_ending) {
        start_late(pipeline);
    }
    pipeline->looks_at_ns = pipeline->is_ended ? UINT64_MAX : 0;
    pthread_cond_signal(&pipeline->work);
}

void pipeline_wake_by(struct pipeline *pipeline, uint64_t at_ns) {
    if (pipeline->exporter->loop.is_open) {
        exporter_loop_alarm(&pipeline->exporter->loop, at_ns);
    } else if (pipeline->looks_at_ns > at_ns) {
        pipeline_wake(pipeline);
    }
}

/* A queue that gets long is a reason to wake anybody, but a single time; so is its first segment
 * where room for spans is short, and for a host's loop. Without a thread each is like the first. */
void pipeline_wake_for(struct pipeline *pipeline, const struct segment *segment) {
    const struct exporter *exporter = pipeline->exporter;
    size_t most = exporter->pool->max_bytes / 4 / exporter->n_pipelines;
    bool was_long = pipeline->pinned_bytes - segment->capacity > most;
    bool is_long = pipeline->pinned_bytes > most;
    bool is_first = pipeline->first == segment || pipeline->is_ended;
    bool may_wait = exporter->pool->max_spans == 0 && !exporter->loop.is_open;
    if ((is_long && !was_long) || (is_first && !may_wait)) {
        pipeline_wake_by(pipeline, 0);
    } else if (is_first) {
        pipeline_wake_by(pipeline, clock_now_ns() + EXPORTER_DOZE_US * NS_PER_US);
    }
}

/* Those before this one have nothing to do yet, and end at once. With the mutex held, which is
 * given back meanwhile. */
static void end_threads_before(struct pipeline *end) {
    struct exporter *exporter = end->exporter;
    exporter->is_ending = true;
    for (struct pipeline *pipeline = exporter->pipelines; pipeline < end; pipeline++) {
        pipeline_wake(pipeline);
    }
    pthread_mutex_unlock(&exporter->mutex);
    for (struct pipeline *pipeline = exporter->pipelines; pipeline < end; pipeline++) {
        (void)pthread_join(pipeline->thread, NULL);
    }
    pthread_mutex_lock(&exporter->mutex);
}

int exporter_start_threads(struct exporter *exporter, weir_error_detail *detail) {
    sigset_t before;
    int os_error = 0;
    block_signals(&before);
    pthread_mutex_lock(&exporter->mutex);
    FOR_EACH_PIPELINE(pipeline, exporter) {
        os_error = start_thread(pipeline);
        if (os_error != 0) {
            end_threads_before(pipeline);
            break;
        }
    }
    pthread_mutex_unlock(&exporter->mutex);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return os_error == 0 ? 0
                         : error_set_os(detail, WEIR_E_IO, os_error,
                                        "an exporter's thread cannot be started");
}
