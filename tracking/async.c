#include "tracking/async.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <weir/error.h>

#include "otlp/common/alloc.h"
#include "otlp/common/clock.h"
#include "tracking/bounds.h"

struct async {
    async_write_fn *write;
    void (*free_owner)(void *data);
    void *owner_data;
    size_t max_bytes;

    pthread_mutex_t mutex; /* guards what is below, but for the links */
    pthread_cond_t work;   /* for the thread */
    pthread_cond_t progress;
    struct async_job *first, **last;
    struct async_job *in_hand; /* being written; still counted in n_bytes */
    size_t n_bytes;
    uint64_t n_pushed, n_done;
    uint64_t n_lost; /* lines of the queue at a stop */
    bool has_thread;
    bool is_writing;  /* somebody is: lines go one by one, whoever writes them */
    bool is_stopping; /* the thread ends when nothing is left */
    bool is_quiet;    /* stopped: the host is not to be called any more */
    bool is_talking;
    unsigned n_owners;
    unsigned n_forks; /* behind us */

    struct async *next, **listed_by; /* guarded by the list's mutex */
};

/* ---- all queues of the process ---- */

static pthread_mutex_t list_mutex = PTHREAD_MUTEX_INITIALIZER; /* taken before a queue's own */
static struct async *all;
static pthread_once_t exit_once = PTHREAD_ONCE_INIT;

static void init_conditions(struct async *async) {
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes); /* none of these fails with glibc */
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&async->work, &attributes);
    (void)pthread_cond_init(&async->progress, &attributes);
    (void)pthread_condattr_destroy(&attributes);
}

static struct timespec deadline_in(uint32_t timeout_ms) {
    return clock_timespec(clock_now_ns() + timeout_ms * NS_PER_MS);
}

static bool flush_until(struct async *async, const struct timespec *until);

/* exit() without a close: what waits is written, within a bound that all queues share. */
static void flush_at_exit(void) {
    const struct timespec until = deadline_in(TRACKER_EXIT_MS);
    pthread_mutex_lock(&list_mutex);
    for (struct async *async = all; async != NULL; async = async->next) {
        (void)flush_until(async, &until);
    }
    pthread_mutex_unlock(&list_mutex);
}

static void watch_exit(void) {
    (void)atexit(flush_at_exit);
}

static void enlist(struct async *async) {
    (void)pthread_once(&exit_once, watch_exit);
    pthread_mutex_lock(&list_mutex);
    async->next = all;
    async->listed_by = &all;
    if (all != NULL) {
        all->listed_by = &async->next;
    }
    all = async;
    pthread_mutex_unlock(&list_mutex);
}

static void delist(struct async *async) {
    pthread_mutex_lock(&list_mutex);
    *async->listed_by = async->next;
    if (async->next != NULL) {
        async->next->listed_by = async->listed_by;
    }
    pthread_mutex_unlock(&list_mutex);
}

/* ---- life ---- */

struct async *async_new(size_t max_bytes, async_write_fn *write) {
    struct async *async = mem_zalloc(sizeof *async);
    if (async == NULL) {
        return NULL;
    }
    async->write = write;
    async->max_bytes = max_bytes;
    async->last = &async->first;
    async->n_owners = 1;
    (void)pthread_mutex_init(&async->mutex, NULL);
    init_conditions(async);
    enlist(async);
    return async;
}

void async_set_last(struct async *async, void (*free_owner)(void *data), void *data) {
    async->free_owner = free_owner;
    async->owner_data = data;
}

void async_release(struct async *async) {
    pthread_mutex_lock(&async->mutex);
    bool is_last = --async->n_owners == 0;
    pthread_mutex_unlock(&async->mutex);
    if (!is_last) {
        return;
    }
    delist(async);
    if (async->free_owner != NULL) {
        async->free_owner(async->owner_data);
    }
    pthread_cond_destroy(&async->work);
    pthread_cond_destroy(&async->progress);
    pthread_mutex_destroy(&async->mutex);
    mem_free(async);
}

/* ---- jobs: a line lies behind its job, with the byte that must be before it ---- */

static char *line_of(struct async_job *job) {
    return (char *)(job + 1) + 1;
}

static struct async_job *job_new(void *owner, const char *line, size_t n_bytes) {
    struct async_job *job = mem_alloc(sizeof *job + 1 + n_bytes);
    if (job != NULL) {
        *job = (struct async_job){.owner = owner, .n_bytes = n_bytes};
        memcpy(line_of(job) - 1, line - 1, n_bytes + 1);
    }
    return job;
}

/* A last call's job is its owner's. */
static void job_free(struct async_job *job) {
    if (job->n_bytes > 0) {
        mem_free(job);
    }
}

/* ---- the thread; called with the mutex taken, as all below that says nothing else ---- */

static void append(struct async *async, struct async_job *job) {
    job->next = NULL;
    *async->last = job;
    async->last = &job->next;
    async->n_bytes += job->n_bytes;
    async->n_pushed++;
}

static struct async_job *pop(struct async *async) {
    struct async_job *job = async->first;
    async->first = job->next;
    if (async->first == NULL) {
        async->last = &async->first;
    }
    return job;
}

/*
 * Writes the first one, the mutex given back meanwhile. False in a child that the host forked when
 * the write called it: what was in hand is the parent's, and begin_anew has settled it.
 */
static bool write_one(struct async *async) {
    struct async_job *job = pop(async);
    size_t n_bytes = job->n_bytes; /* of a last call the owner, and the job with it, is gone then */
    unsigned n_forks = async->n_forks;
    async->in_hand = n_bytes > 0 ? job : NULL;
    async->is_writing = true;
    pthread_mutex_unlock(&async->mutex);
    async->write(job->owner, n_bytes > 0 ? line_of(job) : NULL, n_bytes);
    pthread_mutex_lock(&async->mutex);
    if (async->n_forks != n_forks) {
        return false;
    }
    async->in_hand = NULL;
    async->is_writing = false;
    if (n_bytes > 0) {
        job_free(job);
    }
    async->n_bytes -= n_bytes;
    async->n_done++;
    pthread_cond_broadcast(&async->progress);
    return true;
}

/* Until the queue is stopped. False in a child that was forked on this thread: it serves none. */
static bool serve(struct async *async) {
    while (async->first != NULL || !async->is_stopping) {
        if (async->first == NULL || async->is_writing) {
            (void)pthread_cond_wait(&async->work, &async->mutex);
        } else if (!write_one(async)) {
            return false;
        }
    }
    return true;
}

static void *run(void *data) {
    struct async *async = data;
    pthread_mutex_lock(&async->mutex);
    if (!serve(async)) {
        pthread_mutex_unlock(&async->mutex);
        return NULL;
    }
    async->has_thread = false;
    pthread_cond_broadcast(&async->progress);
    pthread_mutex_unlock(&async->mutex);
    async_release(async);
    return NULL;
}

/* Nobody joins it: a write may hang for longer than anybody wants to wait. */
static bool start_thread(struct async *async) {
    sigset_t every, before;
    pthread_t thread;
    pthread_attr_t attributes;
    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    (void)sigfillset(&every); /* a handler of the host's must not run on our stack */
    (void)pthread_sigmask(SIG_SETMASK, &every, &before);
    async->n_owners++;
    async->has_thread = pthread_create(&thread, &attributes, run, async) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    if (!async->has_thread) {
        async->n_owners--;
    } else {
        (void)pthread_setname_np(thread, "weir-tracker");
    }
    return async->has_thread;
}

/* False: no thread can be had, and what waits is the caller's to write. */
static bool wake_thread(struct async *async) {
    if (async->has_thread) {
        pthread_cond_signal(&async->work);
    }
    return async->has_thread || start_thread(async);
}

/* In the thread's place. Where somebody else is at it, he goes on with what we brought. */
static void write_waiting(struct async *async) {
    while (async->first != NULL && !async->has_thread && !async->is_writing) {
        (void)write_one(async);
    }
    pthread_cond_signal(&async->work); /* a thread that came meanwhile has waited for us */
}

/* ---- pushing ---- */

static bool has_room(const struct async *async, size_t n_bytes) {
    return async->n_bytes == 0 ||
           (n_bytes <= async->max_bytes && async->n_bytes <= async->max_bytes - n_bytes);
}

int async_push(struct async *async, void *owner, const char *line, size_t n_bytes) {
    struct async_job *job = job_new(owner, line, n_bytes);
    if (job == NULL) {
        return WEIR_E_NO_MEMORY;
    }
    pthread_mutex_lock(&async->mutex);
    bool fits = has_room(async, n_bytes), has_thread = true;
    if (fits) {
        append(async, job);
        has_thread = wake_thread(async);
    }
    pthread_mutex_unlock(&async->mutex);
    if (!fits) {
        job_free(job);
        return WEIR_E_TOO_LARGE;
    }
    return has_thread ? 0 : ASYNC_UNATTENDED;
}

void async_write_waiting(struct async *async) {
    pthread_mutex_lock(&async->mutex);
    write_waiting(async);
    pthread_mutex_unlock(&async->mutex);
}

void async_push_last(struct async *async, void *owner, struct async_job *job) {
    *job = (struct async_job){.owner = owner};
    pthread_mutex_lock(&async->mutex);
    append(async, job);
    if (!wake_thread(async)) {
        write_waiting(async);
    }
    pthread_mutex_unlock(&async->mutex);
}

/* ---- waiting ---- */

static bool wait_for_progress(struct async *async, const struct timespec *until) {
    return pthread_cond_timedwait(&async->progress, &async->mutex, until) == 0;
}

static bool flush_until(struct async *async, const struct timespec *until) {
    pthread_mutex_lock(&async->mutex);
    uint64_t target = async->n_pushed;
    bool has_time = true;
    if (async->first != NULL && !wake_thread(async)) { /* last calls in a forked child */
        write_waiting(async);
    }
    while (async->n_done < target && has_time) {
        has_time = wait_for_progress(async, until);
    }
    bool is_done = async->n_done >= target;
    pthread_mutex_unlock(&async->mutex);
    return is_done;
}

bool async_flush(struct async *async, uint32_t timeout_ms) {
    const struct timespec until = deadline_in(timeout_ms);
    return flush_until(async, &until);
}

/* Lines go; last calls stay in their order. Returns how many lines went. */
static uint64_t drop_lines(struct async *async) {
    struct async_job *job = async->first;
    uint64_t n = 0;
    async->first = NULL;
    async->last = &async->first;
    async->n_bytes = async->in_hand != NULL ? async->in_hand->n_bytes : 0;
    while (job != NULL) {
        struct async_job *next = job->next;
        if (job->n_bytes > 0) {
            job_free(job);
            n++;
        } else {
            job->next = NULL;
            *async->last = job;
            async->last = &job->next;
        }
        job = next;
    }
    async->n_done += n;
    return n;
}

uint64_t async_stop(struct async *async, uint32_t timeout_ms) {
    const struct timespec until = deadline_in(timeout_ms);
    pthread_mutex_lock(&async->mutex);
    async->is_stopping = true;
    pthread_cond_signal(&async->work);
    bool has_time = true;
    while (async->has_thread && has_time) {
        has_time = wait_for_progress(async, &until);
    }
    async->is_quiet = true;
    uint64_t n_lost = 0;
    if (async->has_thread) {
        n_lost = drop_lines(async) + (async->in_hand != NULL);
    }
    while (async->is_talking) { /* to the host, whose function may use what is about to go */
        (void)pthread_cond_wait(&async->progress, &async->mutex);
    }
    write_waiting(async); /* of a forked child: last calls */
    pthread_mutex_unlock(&async->mutex);
    return n_lost;
}

bool async_may_talk(struct async *async) {
    pthread_mutex_lock(&async->mutex);
    bool may = !async->is_quiet;
    async->is_talking = may;
    pthread_mutex_unlock(&async->mutex);
    return may;
}

void async_has_talked(struct async *async) {
    pthread_mutex_lock(&async->mutex);
    async->is_talking = false;
    pthread_cond_broadcast(&async->progress);
    pthread_mutex_unlock(&async->mutex);
}

size_t async_n_bytes(struct async *async) {
    pthread_mutex_lock(&async->mutex);
    size_t n = async->n_bytes;
    pthread_mutex_unlock(&async->mutex);
    return n;
}

/* ---- fork ---- */

void async_hold_all(void) {
    pthread_mutex_lock(&list_mutex);
    for (struct async *async = all; async != NULL; async = async->next) {
        pthread_mutex_lock(&async->mutex);
    }
}

/*
 * The parent writes its lines; the child has neither them nor the thread. If that is the one that
 * forked, from inside of a function of the host's, it ends when that returns.
 */
static void begin_anew(struct async *async) {
    (void)drop_lines(async);
    if (async->in_hand != NULL) { /* a line: last calls are never in hand */
        mem_free(async->in_hand);
        async->in_hand = NULL;
    }
    async->n_bytes = 0;
    async->n_done = async->n_pushed;
    for (struct async_job *job = async->first; job != NULL; job = job->next) {
        async->n_done--;
    }
    async->n_owners -= async->has_thread;
    async->has_thread = false;
    async->is_writing = false;
    async->is_talking = false;
    async->n_forks++;
    init_conditions(async); /* whoever waited on the old ones is not here */
}

void async_let_go_all(bool is_child) {
    for (struct async *async = all; async != NULL; async = async->next) {
        if (is_child) {
            begin_anew(async);
        }
        pthread_mutex_unlock(&async->mutex);
    }
    pthread_mutex_unlock(&list_mutex);
}
