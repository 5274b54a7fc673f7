/*
 * What a fork leaves the child of the weirs of its parent: they and their apps go on; calls, steps,
 * spans and streams that were open are the parent's to end, and their handles are stale.
 *
 * Threads that were in the middle of a call do not exist in the child, so what they had counted as
 * theirs is counted anew, unless the fork came from inside the host's own code that the library
 * had called: then those calls are still on the stack, and return in the child too.
 */
#include "bridge/core.h"
#include "bridge/mirror.h"
#include "otlp/common/fork.h"
#include "otlp/common/macro.h"

/* Taken before every other lock of the bridge. */
static struct lock list_lock; /* guards the links */
static struct weir *first;

/* ---- before, and in the parent ---- */

static void before_fork(void) {
    lock_take(&list_lock);
    objects_hold_apps();
    for (struct weir *w = first; w != NULL; w = w->next_open) {
        lock_take(&w->lock);
        lock_take(&w->message_lock);
    }
    objects_hold_pools();
}

static void let_go(bool is_child) {
    objects_let_go(is_child);
    for (struct weir *w = first; w != NULL; w = w->next_open) {
        lock_drop(&w->message_lock, is_child);
        lock_drop(&w->lock, is_child);
    }
    lock_drop(&list_lock, is_child);
}

static void after_fork_in_parent(void) {
    let_go(false);
}

/* ---- in the child ---- */

/* The handle is stale; the app's list no longer counts the object. */
static void leave_stream(struct stream *stream) {
    object_end(&stream->head);
    stream_release(stream);
}

static void leave_step(struct step *step) {
    while (step->spans != NULL) {
        struct span *span = step->spans;
        step->spans = span->next;
        object_end(&span->head);
        span_release(span);
    }
    struct stream *stream = step->stream;
    step->stream = NULL;
    if (stream != NULL) {
        leave_stream(stream);
    }
    object_end(&step->head);
    step_release(step);
}

/* What hangs below the app. The spans that the OTLP side made for it are left there. */
static void leave_open_objects(struct app *app) {
    while (app->steps != NULL) {
        struct step *step = app->steps;
        app->steps = step->next;
        leave_step(step);
    }
    while (app->calls != NULL) {
        struct call *call = app->calls;
        app->calls = call->next;
        object_end(&call->head);
        call_release(call);
    }
}

/* The step that spawned it is the parent's too. */
static void leave_spawning_step(struct app *app) {
    struct step *step = app->spawning_step;
    if (step != NULL) {
        struct app *other = object_app(&step->head);
        app->spawning_step = NULL;
        step_release(step);
        app_unpin(other);
    }
}

static void reset_counters(struct counters *c) {
    _Atomic uint64_t *all[] = {&c->out_of_order, &c->refused_json, &c->refused_values,
                               &c->left_open,    &c->no_memory,    &c->adapter_faults,
                               &c->records_lost, &c->mirrored,     &c->mirror_lost};
    for (size_t i = 0; i < ARRAY_LENGTH(all); i++) {
        atomic_store_explicit(all[i], 0, memory_order_relaxed);
    }
}

static void begin_anew(struct weir *w) {
    w->n_shutting = 0;
    atomic_store_explicit(&w->n_messages, 0, memory_order_relaxed);
    reset_counters(&w->counters);
    if (!fork_is_abroad()) {
        atomic_store_explicit(&w->n_owners, 1, memory_order_relaxed);
    }
}

/* An open app has one owner, its handle, and is one of its weir's. */
static void count_owner(struct app *app) {
    if (!fork_is_abroad()) {
        app->n_unpins_due = 0;
        atomic_store_explicit(&app->n_owners, 1, memory_order_relaxed);
        core_pin(app->weir);
    }
}

/* Apps that a thread was just making or freeing are listed nowhere and stay as they are, unused. */
static void after_fork_in_child(void) {
    let_go(true);
    for (struct weir *w = first; w != NULL; w = w->next_open) {
        mirror_forget(w);
    }
    for (struct app *app = objects_newest_app(); app != NULL; app = app->next_in_use) {
        app->is_shutting = false;
        if (app->is_listed) {
            leave_open_objects(app);
        }
    }
    for (struct app *app = objects_newest_app(); app != NULL; app = app->next_in_use) {
        if (app->is_listed) {
            leave_spawning_step(app);
        }
    }
    for (struct weir *w = first; w != NULL; w = w->next_open) {
        begin_anew(w);
    }
    for (struct app *app = objects_newest_app(); app != NULL; app = app->next_in_use) {
        if (app->is_listed) {
            count_owner(app);
        }
    }
}

static struct fork_guard fork_guard = {.order = FORK_BRIDGE,
                                       .before = before_fork,
                                       .in_parent = after_fork_in_parent,
                                       .in_child = after_fork_in_child};

/* ---- which weirs there are ---- */

void core_watch_forks(struct weir *w) {
    fork_watch(&fork_guard);
    lock_take(&list_lock);
    w->next_open = first;
    if (first != NULL) {
        first->previous_open = w;
    }
    first = w;
    w->is_watched = true;
    lock_give(&list_lock);
}

void core_unwatch_forks(struct weir *w) {
    lock_take(&list_lock);
    if (w->is_watched) {
        *(w->previous_open != NULL ? &w->previous_open->next_open : &first) = w->next_open;
        if (w->next_open != NULL) {
            w->next_open->previous_open = w->previous_open;
        }
        w->is_watched = false;
    }
    lock_give(&list_lock);
}
