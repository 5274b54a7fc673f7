/*
 * The lifecycle objects behind the handles: app, call, step, span, stream.
 *
 * One lock per app guards its whole tree. An object lives until its handle has ended and nothing
 * below it is left (n_refs). Then its app keeps it at hand for the next of its kind (`spares`), so
 * that releasing and taking one are under the app's lock too; what an app has no room for, or
 * leaves behind, goes to process-wide pools with locks of their own. Their memory is never given
 * back, so a thread that holds a stale handle meets an object, though another one, and tells so by
 * the handle's generation once it has the lock.
 *
 * What the adapters of the library itself keep for an object stands in the object (`otlp`,
 * `tracker`); what it means is theirs alone.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <weir/weir.h>

#include "bridge/bounds.h"
#include "bridge/conventions.h"
#include "bridge/text.h"
#include "otlp/common/buf.h"
#include "otlp/common/clock.h"
#include "otlp/common/handle.h"
#include "otlp/common/lock.h"
#include "otlp/span.h"

struct app;
struct call;
struct step;

/* When something happened, on both clocks. */
struct moment {
    uint64_t unix_ns;
    uint64_t monotonic_ns;
};

/* The head of every object. All but `slot`, `app` and `is_unheard` is guarded by the app's lock. */
struct object {
    struct handle_slot *slot; /* for life */
    struct object *next_free; /* in its pool */
    struct app *_Atomic app;  /* an app's own: itself */
    void *_Atomic handle;     /* the last one given out */
    uint32_t n_refs; /* the live handle, the objects below, whoever runs without the lock */
    /*
     * Of steps and spans: nobody has a use for what is said by the handle (lifecycle_is_unheard),
     * so that it need not be timed nor told. Read without the lock: memory of objects is never
     * given back, and who meets another life of one holds a handle that has just been ended, and is
     * not heard either way. Nothing may be written on the strength of it (see `order` of a stream).
     */
    atomic_bool is_unheard;
};

/* A span that the OTLP adapter made for an object, and its context, which outlives it. */
struct otlp_part {
    struct otlp_span *span;    /* NULL: none, or finished */
    weir_otlp_context context; /* its trace_state: NULL, or the text below */
    struct text trace_state;   /* as the span was given it, which a sampler may have changed */
    bool has_context;
    bool has_error; /* the application set one: an end without error does not take it back */
    struct conventions_part conventions;
};

/* Of objects, by enum handle_kind. */
enum { N_KINDS = HANDLE_STREAM + 1 };

struct app {
    struct object head;
    struct weir *weir;    /* counted */
    atomic_uint n_owners; /* the live handle, apps spawned by it, whoever runs without the lock */
    struct lock lock;     /* guards this app and everything below it */
    struct app *next;     /* in its bucket, newest first; guarded by the weir's lock */
    struct app *next_in_use, *previous_in_use; /* of all weirs, newest first; see objects_hold */
    char id[256];
    struct text partition_key;
    bool has_partition_key;
    bool is_listed;   /* in its bucket; it and is_shutting are guarded by the weir's lock */
    bool is_shutting; /* taken off it, and not shut yet */
    bool is_closing;
    uint32_t n_unpins_due; /* for object_leave */
    struct blob *state; /* the last one known, but the first where nobody sees states; NULL: none */
    int64_t next_sequence_id;
    char **streaming_actions;       /* NULL-terminated; from the graph */
    struct call *calls;             /* open, newest first */
    struct step *steps;             /* live, or with a live span or stream; newest first */
    struct object *spares[N_KINDS]; /* one of each kind at most, to be used again at once */
    struct step *spawning_step;     /* counted there, with its app; of another app */
    weir_otlp_context remote_parent;
    struct text trace_state;
    struct clock_anchor anchor;
    weir_tracker_app *tracker;
    struct text last_action; /* of the step begun last */
    struct buf scratch;      /* text of attributes on their way to OTLP */
};

struct call {
    struct object head;
    struct call *next;  /* in app->calls */
    struct call *outer; /* counted; the call this silent one belongs to; NULL: not silent */
    weir_method method;
    struct clock_anchor anchor;
    bool has_abandoned_stream;
    uint64_t n_chunks_dropped; /* of its steps without an action span */
    struct otlp_part otlp;
};

/* What the pulls of a step add up to; sums are integer nanoseconds. */
struct stream_account {
    uint64_t n_pulls, n_produced, n_items;
    uint64_t generation_ns, consumer_ns, total_ns, first_item_ns;
    uint64_t first_pull_ns, pull_began_ns, pull_ended_ns; /* monotonic */
    uint64_t initialize_unix_ns, first_item_unix_ns, pull_began_unix_ns;
};

/* The chunk span of the open pull. It is made only when something needs it, or when the pull ends;
 * then nothing of it is left for the next one. */
struct chunk {
    struct otlp_part otlp;
    bool is_ending; /* its pull has ended, but otlp_on_pulled has not run: the host may be asked */
    bool has_span_below;
    bool has_attribute;
};

struct stream;

struct step {
    struct object head;
    struct step *next; /* in app->steps */
    struct call *call; /* counted; never silent; NULL: none was open (weir_emit) */
    struct text action;
    struct text action_before; /* the app's last one when this began; only for conventions */
    struct blob *inputs_sent;  /* as OTLP may have them, kept for messages; NULL: none */
    int64_t sequence_id;
    bool said_streams;
    bool is_ending;    /* in step_close, which takes it off the app's list itself */
    bool has_streamed; /* a stream was begun */
    bool is_abandoned;
    bool is_pulling;
    bool is_exhausted; /* the last pull found no more; another may (a generator can yield None) */
    bool is_finished;  /* failed, abandoned or ended: no more pulls */
    struct clock_anchor anchor;
    uint64_t began_unix_ns;
    uint32_t n_spans;      /* top-level ones so far */
    struct span *spans;    /* live handles, newest first */
    struct stream *stream; /* the one whose post_end_stream is due */
    struct stream_account account;
    struct otlp_part otlp; /* the action span */
    bool is_otlp_finished;
    struct chunk chunk;
    uint64_t n_chunks_made, n_chunks_dropped;
};

struct span {
    struct object head;
    struct span *next;   /* in step->spans */
    struct step *step;   /* counted */
    struct span *parent; /* counted; NULL: top level */
    struct text name;
    uint32_t n_children;
    char **dependencies;
    struct otlp_part otlp;
    char uid[WEIR_MAX_UID_BYTES]; /* last: span_take does not clear it */
};

struct stream {
    struct object head;
    struct step *step;      /* counted */
    _Atomic uint64_t order; /* where the pulls of an unheard stream are, moved without the lock; see
                               stream.c. 0: not unheard. Last: only ever stored as an atomic */
};

/*
 * A cleared object with one reference and no handle yet; NULL: no memory. It keeps its slot and the
 * memory of its texts from its last life.
 */
struct app *app_take(void);
struct call *call_take(struct app *app);
struct step *step_take(struct app *app);
struct span *span_take(struct app *app);
struct stream *stream_take(struct app *app);

/*
 * One reference less; with the last, the object gives back what it counted and returns to its pool.
 * Under the app's lock. NULL is fine.
 */
void call_release(struct call *call);
void step_release(struct step *step);
void span_release(struct span *span);
void stream_release(struct stream *stream);

/* One owner more or less. No lock may be held for the second. */
void app_pin(struct app *app);
void app_unpin(struct app *app);

/* The app's lock, for whoever did not come through object_enter. */
void app_lock(struct app *app);
void app_unlock(struct app *app);
/* True while this thread holds an app's lock. */
bool object_is_inside(void);

/* Gives a new object its handle. */
void *object_begin(struct object *object);
/* The handle it was given. */
void *object_handle(const struct object *object);
/* Makes its handle stale. */
void object_end(struct object *object);
/* True while its handle is live. */
static inline bool object_is_live(const struct object *object) {
    return atomic_load_explicit(&object->slot->generation, memory_order_relaxed) & 1;
}

/*
 * The live object of a handle with its app's lock taken, or NULL (a stale handle is counted). Every
 * enter is followed by an object_leave with the object's app.
 */
void *object_enter(enum handle_kind kind, const void *handle);
/* The second half, for who has resolved the handle (and counted it, if it was stale): takes the
 * lock. false: it was ended meanwhile (counted), and nothing is taken. */
bool object_lock(struct object *object, const void *handle);
void object_leave(struct app *app);

/*
 * Around a fork, for bridge/fork.c. All apps that are not in the pool stay where they are, and all
 * of their locks are taken; then those of the pools, by a call of its own, because more locks come
 * in between. In a child nobody waits for a lock, nor holds one.
 */
void objects_hold_apps(void);
void objects_hold_pools(void);
void objects_let_go(bool is_child);
/* The newest app in use; the others follow by next_in_use. With the apps held. */
struct app *objects_newest_app(void);

/* True when what is said by its handle need not be told. */
static inline bool object_is_unheard(const struct object *object) {
    return atomic_load_explicit(&object->is_unheard, memory_order_relaxed);
}
static inline void object_set_unheard(struct object *object, bool is_unheard) {
    atomic_store_explicit(&object->is_unheard, is_unheard, memory_order_relaxed);
}

/* The app of an object. */
static inline struct app *object_app(const struct object *object) {
    return atomic_load_explicit(&object->app, memory_order_relaxed);
}
