/*
 * fork(): one place where the library's locks are taken before it and given back after it.
 *
 * A forked child has its parent's memory but only the thread that forked. A lock that another
 * thread held would stay held for ever there, and what it guarded would stay half done. So each
 * module with state of the whole process gives a guard: before the fork it takes its locks, in the
 * parent it gives them back, in the child it makes them free and lets go of what is the parent's.
 *
 * Guards run in the order of enum fork_order before the fork, and in the opposite one afterwards,
 * whoever came first. Children made by vfork, posix_spawn or _Fork run no guards, and may do
 * nothing but exec or _exit, as POSIX says.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

/*
 * The order in which locks are taken. Who holds one may wait for those of later modules, and for
 * later ones of the same module, never for those before.
 */
enum fork_order {
    FORK_BRIDGE,    /* weirs, the apps' own, pools of objects */
    FORK_TRACKER,   /* log files */
    FORK_PROVIDERS, /* threads' producers, tracers, span objects */
    FORK_EXPORTERS, /* queues */
    FORK_SEGMENTS,  /* pools of memory for ended spans */
    FORK_HANDLES,   /* the table */
    FORK_IDS        /* no lock: generators are seeded again */
};

struct fork_guard {
    enum fork_order order;
    void (*before)(void);    /* NULL, here and below: nothing to do */
    void (*in_parent)(void); /* on the thread that forked, as all three */
    void (*in_child)(void);  /* the only thread; nobody waits for any lock */
    struct fork_guard *next;
    atomic_bool is_enlisted;
};

void fork_enlist(struct fork_guard *guard);

/* Makes the guard work; cheap when it does already. The guard lives as long as the process. No
 * lock may be held. */
static inline void fork_watch(struct fork_guard *guard) {
    if (!atomic_load_explicit(&guard->is_enlisted, memory_order_acquire)) {
        fork_enlist(guard);
    }
}

/*
 * Around each call of the host's functions (log, hooks) on whatever thread. A fork from inside of
 * one leaves the child with the callers above it, which still use what they hold.
 */
void fork_go_abroad(void);
void fork_come_back(void);
/* True on a thread that is inside such a call. */
bool fork_is_abroad(void);
