/*
 * The end of a process that did not close its exporters: they are flushed within a bound, and their
 * threads ended, before the libraries that these use are torn down: a thread inside of one, where a
 * close may have left it, would read what is freed there.
 */
#include <stdlib.h>
#include <unistd.h>

#include "otlp/bounds.h"
#include "otlp/exporter_state.h"

static pthread_mutex_t list_mutex = PTHREAD_MUTEX_INITIALIZER; /* guards the list and its links */
static struct exporter *list;
static _Atomic pid_t list_pid; /* of the process that last added to it */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void unlink_listed(struct exporter *exporter) {
    if (exporter->listed_by != NULL) {
        *exporter->listed_by = exporter->next_listed;
        if (exporter->next_listed != NULL) {
            exporter->next_listed->listed_by = exporter->listed_by;
        }
        exporter->listed_by = NULL;
    }
}

void exporter_list_hold(void) {
    pthread_mutex_lock(&list_mutex);
}

void exporter_list_let_go(bool is_child) {
    if (is_child) {
        list_pid = getpid();
    }
    pthread_mutex_unlock(&list_mutex);
}

struct exporter *exporter_list_first(void) {
    return list;
}

void exporter_list_add(struct exporter *exporter) {
    (void)pthread_once(&once, exporter_watch_exit);
    exporter_watch_forks();
    pthread_mutex_lock(&list_mutex);
    exporter->next_listed = list;
    exporter->listed_by = &list;
    if (list != NULL) {
        list->listed_by = &exporter->next_listed;
    }
    list = exporter;
    list_pid = exporter->pid;
    pthread_mutex_unlock(&list_mutex);
}

void exporter_list_remove(struct exporter *exporter) {
    pthread_mutex_lock(&list_mutex);
    unlink_listed(exporter);
    pthread_mutex_unlock(&list_mutex);
}

/* Not for a child that was forked without handlers, nor for an exit by the log callback. */
static bool is_ours(struct exporter *exporter) {
    bool is_driven_here = false;
    FOR_EACH_PIPELINE(pipeline, exporter) {
        is_driven_here |= pipeline_is_driven_here(pipeline);
    }
    return exporter->pid == getpid() && !is_driven_here;
}

/* The next one that is ours, with a reference: another thread may be about to stop it. */
static struct exporter *take_listed(struct exporter_guest *guest) {
    struct exporter *exporter = NULL;
    pthread_mutex_lock(&list_mutex);
    while (exporter == NULL && list != NULL) {
        struct exporter *first = list;
        unlink_listed(first);
        if (is_ours(first)) {
            exporter = first;
            exporter_enter(exporter, guest);
        }
    }
    pthread_mutex_unlock(&list_mutex);
    return exporter;
}

static void halt_all(void) {
    if (list_pid != getpid()) {
        return; /* a child of _Fork: the list's mutex may have been held then */
    }
    uint64_t deadline_ns = clock_now_ns() + EXPORTER_EXIT_MS * NS_PER_MS;
    struct exporter *exporter;
    struct exporter_guest guest;
    while ((exporter = take_listed(&guest)) != NULL) {
        exporter_halt(exporter, deadline_ns);
        exporter_leave(&guest);
    }
    exporter_wait_for_threads(clock_now_ns() + EXPORTER_EXIT_GRACE_MS * NS_PER_MS);
}

void exporter_watch_exit(void) {
    (void)atexit(halt_all); /* without room for it, exit does without the flush */
}
