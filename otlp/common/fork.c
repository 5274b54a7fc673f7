#include "otlp/common/fork.h"

#include <pthread.h>
#include <stddef.h>

#include "otlp/common/lock.h"
#include "otlp/common/macro.h"

static struct lock list_lock; /* guards the links; taken before every lock of a guard */
static struct fork_guard *first;
static THREAD_LOCAL_HOT unsigned n_abroad;

static void run_before(void) {
    lock_take(&list_lock);
    for (struct fork_guard *guard = first; guard != NULL; guard = guard->next) {
        if (guard->before != NULL) {
            guard->before();
        }
    }
}

/* The last one first; they are few. */
static void run_after(struct fork_guard *guard, bool is_child) {
    if (guard == NULL) {
        return;
    }
    run_after(guard->next, is_child);
    void (*after)(void) = is_child ? guard->in_child : guard->in_parent;
    if (after != NULL) {
        after();
    }
}

static void run_in_parent(void) {
    run_after(first, false);
    lock_give(&list_lock);
}

static void run_in_child(void) {
    run_after(first, true);
    list_lock = (struct lock){0};
}

/*
 * As early as can be, because handlers registered later run earlier before a fork: a host that
 * takes locks of its own there, under which its threads call this library, then takes them before
 * ours, as those threads do.
 */
__attribute__((constructor)) static void watch_forks(void) {
    (void)pthread_atfork(run_before, run_in_parent, run_in_child);
}

void fork_enlist(struct fork_guard *guard) {
    lock_take(&list_lock);
    if (!atomic_load_explicit(&guard->is_enlisted, memory_order_relaxed)) {
        struct fork_guard **link = &first;
        while (*link != NULL && (*link)->order < guard->order) {
            link = &(*link)->next;
        }
        guard->next = *link;
        *link = guard;
        atomic_store_explicit(&guard->is_enlisted, true, memory_order_release);
    }
    lock_give(&list_lock);
}

void fork_go_abroad(void) {
    n_abroad++;
}

void fork_come_back(void) {
    n_abroad--;
}

bool fork_is_abroad(void) {
    return n_abroad > 0;
}
