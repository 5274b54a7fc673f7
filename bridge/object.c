#include "bridge/object.h"

#include <string.h>

#include "bridge/core.h"
#include "otlp/common/alloc.h"
#include "otlp/common/macro.h"

/* Objects of one kind that wait to be used again. */
struct pool {
    struct lock lock; /* guards first */
    struct object *first;
};
static struct pool pools[N_KINDS];
static struct pool *const apps = &pools[HANDLE_APP];

/* Locks of apps that this thread holds. */
static THREAD_LOCAL_HOT unsigned n_inside;

/* Apps that are not in the pool, newest first; guarded by the lock of their pool. */
static struct app *in_use;

static struct object *pool_pop(struct pool *pool) {
    lock_take(&pool->lock);
    struct object *object = pool->first;
    if (object != NULL) {
        pool->first = object->next_free;
    }
    lock_give(&pool->lock);
    return object;
}

static void pool_push(struct pool *pool, struct object *object) {
    lock_take(&pool->lock);
    object->next_free = pool->first;
    pool->first = object;
    lock_give(&pool->lock);
}

static void *pool_take(enum handle_kind kind, size_t n_bytes) {
    struct object *object = pool_pop(&pools[kind]);
    if (object != NULL) {
        return object;
    }
    object = mem_zalloc(n_bytes);
    if (object == NULL) {
        return NULL;
    }
    object->slot = handle_slot_new(kind, object);
    if (object->slot == NULL) {
        mem_free(object);
        return NULL;
    }
    return object;
}

/* Of an app's own kinds: the one it has at hand, else one of the pool. */
static void *take(struct app *app, enum handle_kind kind, size_t n_bytes) {
    struct object *spare = app->spares[kind];
    app->spares[kind] = NULL;
    return spare != NULL ? spare : pool_take(kind, n_bytes);
}

/* Keeps it at hand if nothing is, for the next of its kind. */
static void give_back(struct object *object, enum handle_kind kind) {
    struct app *app = object_app(object);
    if (app->spares[kind] == NULL) {
        app->spares[kind] = object;
    } else {
        pool_push(&pools[kind], object);
    }
}

static void give_back_spares(struct app *app) {
    for (int kind = 0; kind < N_KINDS; kind++) {
        if (app->spares[kind] != NULL) {
            pool_push(&pools[kind], app->spares[kind]);
            app->spares[kind] = NULL;
        }
    }
}

/* What survives from one life of an object to the next. The app pointer is read by whoever holds a
 * stale handle. */
static void head_renew(struct object *head, struct app *app) {
    head->n_refs = 1;
    object_set_unheard(head, false);
    atomic_store_explicit(&head->app, app, memory_order_relaxed);
}

/* Clears what is between the head and n_kept bytes at the end. (The parameter must not be called
 * `object`: it would be put in place of the struct's name too.) */
#define CLEAR_BEHIND_HEAD(taken, n_kept)                                                           \
    memset((char *)(taken) + sizeof(struct object), 0,                                             \
           sizeof *(taken) - sizeof(struct object) - (n_kept))

static void use(struct app *app) {
    lock_take(&apps->lock);
    app->previous_in_use = NULL;
    app->next_in_use = in_use;
    if (in_use != NULL) {
        in_use->previous_in_use = app;
    }
    in_use = app;
    lock_give(&apps->lock);
}

/* Back into the pool. */
static void disuse(struct app *app) {
    lock_take(&apps->lock);
    *(app->previous_in_use != NULL ? &app->previous_in_use->next_in_use : &in_use) =
        app->next_in_use;
    if (app->next_in_use != NULL) {
        app->next_in_use->previous_in_use = app->previous_in_use;
    }
    app->head.next_free = apps->first;
    apps->first = &app->head;
    lock_give(&apps->lock);
}

struct app *app_take(void) {
    struct app *app = pool_take(HANDLE_APP, sizeof *app);
    if (app == NULL) {
        return NULL;
    }
    head_renew(&app->head, app);
    use(app);
    app->weir = NULL;
    app->next = NULL;
    app->is_listed = app->is_shutting = app->is_closing = false;
    app->n_unpins_due = 0;
    app->state = NULL;
    app->next_sequence_id = 0;
    app->streaming_actions = NULL;
    app->calls = NULL;
    app->steps = NULL;
    app->spawning_step = NULL;
    app->remote_parent = (weir_otlp_context){0};
    app->tracker = NULL;
    (void)text_set(&app->last_action, NULL, 0);
    if (app->scratch.max_bytes == 0) {
        buf_init(&app->scratch, WEIR_MAX_STATE_BYTES);
    }
    atomic_store_explicit(&app->n_owners, 1, memory_order_relaxed);
    return app;
}

struct call *call_take(struct app *app) {
    struct call *call = take(app, HANDLE_CALL, sizeof *call);
    if (call != NULL) {
        struct text trace_state = call->otlp.trace_state;
        CLEAR_BEHIND_HEAD(call, 0);
        call->otlp.trace_state = trace_state;
        head_renew(&call->head, app);
    }
    return call;
}

struct step *step_take(struct app *app) {
    struct step *step = take(app, HANDLE_STEP, sizeof *step);
    if (step != NULL) {
        struct text action = step->action, before = step->action_before;
        struct text own = step->otlp.trace_state, of_chunk = step->chunk.otlp.trace_state;
        CLEAR_BEHIND_HEAD(step, 0);
        step->action = action;
        step->action_before = before;
        step->otlp.trace_state = own;
        step->chunk.otlp.trace_state = of_chunk;
        head_renew(&step->head, app);
    }
    return step;
}

struct span *span_take(struct app *app) {
    struct span *span = take(app, HANDLE_SPAN, sizeof *span);
    if (span != NULL) {
        struct text name = span->name, trace_state = span->otlp.trace_state;
        CLEAR_BEHIND_HEAD(span, sizeof span->uid);
        span->name = name;
        span->otlp.trace_state = trace_state;
        head_renew(&span->head, app);
    }
    return span;
}

struct stream *stream_take(struct app *app) {
    struct stream *stream = take(app, HANDLE_STREAM, sizeof *stream);
    if (stream != NULL) {
        CLEAR_BEHIND_HEAD(stream, sizeof stream->order); /* a stale handle may be reading it */
        atomic_store_explicit(&stream->order, 0, memory_order_relaxed);
        head_renew(&stream->head, app);
    }
    return stream;
}

void call_release(struct call *call) {
    if (call == NULL || --call->head.n_refs > 0) {
        return;
    }
    call_release(call->outer); /* one level: an outer call is never silent itself */
    give_back(&call->head, HANDLE_CALL);
}

void step_release(struct step *step) {
    if (step == NULL || --step->head.n_refs > 0) {
        return;
    }
    call_release(step->call);
    blob_release(step->inputs_sent);
    give_back(&step->head, HANDLE_STEP);
}

void span_release(struct span *span) {
    while (span != NULL && --span->head.n_refs == 0) {
        struct span *parent = span->parent;
        step_release(span->step);
        mem_free(span->dependencies);
        give_back(&span->head, HANDLE_SPAN);
        span = parent; /* a loop, not a recursion: nesting is the user's */
    }
}

void stream_release(struct stream *stream) {
    if (stream == NULL || --stream->head.n_refs > 0) {
        return;
    }
    step_release(stream->step);
    give_back(&stream->head, HANDLE_STREAM);
}

void app_lock(struct app *app) {
    lock_take(&app->lock);
    n_inside++;
}

void app_unlock(struct app *app) {
    n_inside--;
    lock_give(&app->lock);
}

bool object_is_inside(void) {
    return n_inside > 0;
}

void app_pin(struct app *app) {
    atomic_fetch_add_explicit(&app->n_owners, 1, memory_order_relaxed);
}

static void release_spawning_step(struct step *step) {
    struct app *parent = object_app(&step->head);
    app_lock(parent);
    step_release(step);
    app_unlock(parent);
    app_unpin(parent);
}

void app_unpin(struct app *app) {
    if (atomic_fetch_sub_explicit(&app->n_owners, 1, memory_order_acq_rel) > 1) {
        return;
    }
    blob_release(app->state);
    mem_free(app->streaming_actions);
    if (app->scratch.n_allocated > WEIR_KEPT_SCRATCH_BYTES) {
        buf_deinit(&app->scratch);
    }
    struct step *spawning_step = app->spawning_step;
    struct weir *w = app->weir;
    give_back_spares(app);
    disuse(app);
    if (spawning_step != NULL) {
        release_spawning_step(
            spawning_step); /* as deep as apps are nested, which is the host's call depth */
    }
    core_release(w);
}

void *object_begin(struct object *object) {
    void *handle = handle_begin(object->slot);
    atomic_store_explicit(&object->handle, handle, memory_order_relaxed);
    return handle;
}

void *object_handle(const struct object *object) {
    return atomic_load_explicit(&object->handle, memory_order_relaxed);
}

void object_end(struct object *object) {
    handle_end(object->slot);
}

bool object_lock(struct object *object, const void *handle) {
    struct app *app = object_app(object);
    app_lock(app);
    /* A slot is its object's for life, so the generation in the handle says all. */
    if (UNLIKELY(handle_current(object->slot) != handle || object_app(object) != app)) {
        app_unlock(app); /* ended by another thread meanwhile */
        handle_count_stale();
        return false;
    }
    return true;
}

void *object_enter(enum handle_kind kind, const void *handle) {
    struct object *object = handle_resolve(kind, handle);
    return object != NULL && object_lock(object, handle) ? object : NULL;
}

/* What must wait until the lock is given back. */
static COLD void leave_with_work(struct app *app) {
    struct weir *w = app->weir;
    uint32_t n_unpins = app->n_unpins_due;
    app->n_unpins_due = 0;
    bool has_messages = core_has_messages(w);
    if (has_messages) {
        core_pin(w);
    }
    app_unlock(app);
    while (n_unpins-- > 0) {
        app_unpin(app);
    }
    if (has_messages) {
        core_say_messages(w);
        core_release(w);
    }
}

void object_leave(struct app *app) {
    if (LIKELY(app->n_unpins_due == 0 && !core_has_messages(app->weir))) {
        app_unlock(app);
    } else {
        leave_with_work(app);
    }
}

/* ---- around a fork ---- */

struct app *objects_newest_app(void) {
    return in_use;
}

void objects_hold_apps(void) {
    lock_take(&apps->lock);
    for (struct app *app = in_use; app != NULL; app = app->next_in_use) {
        lock_take(&app->lock);
    }
}

enum { FIRST_LOWER_KIND = HANDLE_APP + 1 };

void objects_hold_pools(void) {
    for (int kind = FIRST_LOWER_KIND; kind < N_KINDS; kind++) {
        lock_take(&pools[kind].lock);
    }
}

void objects_let_go(bool is_child) {
    for (int kind = FIRST_LOWER_KIND; kind < N_KINDS; kind++) {
        lock_drop(&pools[kind].lock, is_child);
    }
    for (struct app *app = in_use; app != NULL; app = app->next_in_use) {
        lock_drop(&app->lock, is_child);
    }
    lock_drop(&apps->lock, is_child);
}
