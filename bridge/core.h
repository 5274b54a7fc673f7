/*
 * The weir itself: what was chosen at open, the pipelines, the open apps, and the one dispatch that
 * every lifecycle event goes through, whether it came from a handle or from weir_emit.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <weir/weir.h>

#include "bridge/bounds.h"
#include "bridge/capture.h"
#include "bridge/object.h"
#include "otlp/common/lock.h"
#include "otlp/common/log.h"
#include "otlp/common/macro.h"
#include "otlp/common/options.h"

enum { N_HOOKS = WEIR_HOOK_POST_END_STREAM + 1 };

/* The objects that an event is about; those that it has not are NULL. */
struct scene {
    struct app *app;
    struct call *call;
    struct step *step;
    struct span *span;
    struct stream *stream;
};

/* A hook of one of the library's own adapters. Called under the app's lock. */
typedef void core_hook_fn(struct weir *w, const struct scene *scene,
                          const weir_lifecycle_event *event);

/* A host's adapter. */
struct guest {
    weir_adapter table;
    weir_hook_fn *hooks[N_HOOKS];
    atomic_bool has_failed; /* said once */
};

struct counters {
    _Atomic uint64_t out_of_order, refused_json, refused_values, left_open, no_memory;
    _Atomic uint64_t adapter_faults;
    _Atomic uint64_t mirrored, mirror_lost;
    _Atomic uint64_t records_lost; /* of apps whose files could not be opened */
};

/* A message that came up while a lock was held, for core_say_messages. */
enum { CORE_MAX_MESSAGES = 8, CORE_MESSAGE_BYTES = 512 };
struct message {
    weir_log_level level;
    char text[CORE_MESSAGE_BYTES];
};

struct weir {
    atomic_uint n_owners; /* weir_open, and each app */
    char *project;
    weir_streaming_mode mode;
    bool burr_exact;
    uint32_t conventions; /* WEIR_CONVENTIONS_…; 0: Burr's names alone */
    bool has_event_attributes;
    struct capture_rules capture;
    uint64_t chunk_span_every, chunk_span_min_ns, chunk_span_max;
    weir_clock clock;
    weir_otlp *otlp; /* NULL: off */
    weir_otlp_tracer *tracer;
    weir_tracker *tracker; /* NULL: off */
    struct mirror *mirror; /* NULL: off */

    /* Per hook: the library's adapters, then whether any guest listens. Fixed at open. */
    core_hook_fn *own_hooks[N_HOOKS][2];
    weir_destination own_destinations[N_HOOKS][2];
    uint32_t n_own_hooks[N_HOOKS];
    bool has_guest[N_HOOKS];
    struct guest *guests;
    size_t n_guests;
    bool is_otlp_alone; /* nobody else listens, nor is asked about content */

    struct lock lock; /* guards buckets, n_apps, n_shutting and is_closing */
    struct app *buckets[WEIR_APP_BUCKETS];
    size_t n_apps;
    uint64_t bucket_seed; /* of the hash of ids; set at open */
    size_t n_shutting;    /* apps taken off the buckets that are not shut yet */
    bool is_closing;

    struct counters counters;
    struct logger logger; /* says at once; only without a lock */

    bool is_watched; /* and the links to the other weirs: guarded by the lock in fork.c */
    struct weir *next_open, *previous_open;

    struct lock message_lock; /* guards messages */
    struct message messages[CORE_MAX_MESSAGES];
    _Atomic uint32_t n_messages;
};

/* One owner more or less; the last one frees. */
void core_pin(struct weir *w);
void core_release(struct weir *w);

/* A weir that a fork must look after, until its last owner is gone (fork.c). */
void core_watch_forks(struct weir *w);
void core_unwatch_forks(struct weir *w);

static inline void core_count(_Atomic uint64_t *counter) {
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* Options of a beginning or an end: those that cannot be read are as none, and counted. */
static inline void core_read_options(struct weir *w, void *own, size_t own_bytes,
                                     const void *given) {
    if (UNLIKELY(!options_read(own, own_bytes, given))) {
        core_count(&w->counters.refused_values);
    }
}

/* Counts what json_input found wrong; 0 is nothing. */
void core_count_input(struct weir *w, int error);

/* True for an improvement of bridge/README.md (by its number) that this weir makes. */
bool core_improves(const struct weir *w, unsigned improvement);
#ifdef WEIR_TEST_IMPROVEMENTS
extern unsigned core_improvements_off;
#endif

/*
 * The layers below log through this when the host gave a callback: foreign code, which must not run
 * while this thread holds an app's lock. Then the message is kept, and said when the lock is given
 * back. (Without a callback they print to stderr themselves, each cause at its own pace.)
 */
void core_pass_message(weir_log_level level, const char *message, void *data);
void core_say_messages(struct weir *w);
/* A message of the bridge's own; with or without a lock held. */
void core_say(struct weir *w, weir_log_level level, enum log_cause cause, const char *message);
static inline bool core_has_messages(const struct weir *w) {
    return atomic_load_explicit(&w->n_messages, memory_order_relaxed) != 0;
}

/* ---- time ---- */

static inline struct moment core_now(const struct weir *w, const struct clock_anchor *anchor) {
    uint64_t monotonic_ns = clock_monotonic(&w->clock);
    return (struct moment){clock_anchor_unix(anchor, monotonic_ns), monotonic_ns};
}

/* ---- apps ---- */

/* The newest open app of that id, pinned; NULL: none. partition_key is not part of the identity, as
 * in Burr's files. */
struct app *core_find_app(struct weir *w, const char *app_id);
/* Puts an app among the open ones; false when the weir is closing or full. */
bool core_add_app(struct weir *w, struct app *app);
/*
 * Takes it off the open ones; false when another thread has done so. True: it counts as being shut
 * until core_app_is_shut, and weir_close waits for that before it frees what apps use.
 */
bool core_remove_app(struct weir *w, struct app *app);
void core_app_is_shut(struct weir *w, struct app *app);
/* Waits, at most so long, until no app is being shut; not on a thread that a guest of w runs on. */
void core_wait_for_apps(struct weir *w, uint64_t timeout_ns);

/* ---- dispatch ---- */

/* True when anybody listens to the hook; else the event need not be made. */
static inline bool core_listens(const struct weir *w, weir_hook hook) {
    return w->n_own_hooks[hook] > 0 || w->has_guest[hook];
}

/* Fills an event with what its objects give; the rest is 0. */
void core_event(weir_lifecycle_event *event, weir_hook hook, const struct scene *scene,
                struct moment when);

/*
 * Tells everybody, in order: the library's adapters under the app's lock, then the guests without
 * it. Called with the lock taken and returns with it taken; the scene's objects stay, but what
 * hangs below the app may have changed meanwhile.
 */
void core_tell(struct weir *w, const struct scene *scene, const weir_lifecycle_event *event);
/* The same of an event with content: the library's adapters see it as it was captured (NULL: as it
 * is). */
void core_tell_captured(struct weir *w, const struct scene *scene,
                        const weir_lifecycle_event *event, const struct captured *captured);

/*
 * What of the event's content the library's adapters may see, for core_tell_captured; NULL: all,
 * which is nearly always so and costs a look at a flag. core_forget_captured in either case.
 */
static inline const struct captured *core_capture(struct weir *w, const struct scene *scene,
                                                  const weir_lifecycle_event *event,
                                                  unsigned destinations, struct captured *out) {
    out->pieces = NULL;
    return LIKELY(w->capture.is_plain) ? NULL : capture_event(w, scene, event, destinations, out);
}
static inline void core_forget_captured(struct captured *captured) {
    if (UNLIKELY(captured->pieces != NULL)) {
        capture_release(captured);
    }
}

/* Gives the app's lock back for foreign code, and takes it again; the scene's objects stay. */
void core_step_outside(const struct scene *scene);
void core_step_inside(const struct scene *scene);

/* ---- the library's own adapters: NULL where a hook does not matter to them ---- */

extern core_hook_fn *const adapter_tracker_hooks[N_HOOKS];
/* The OTLP adapter listens to fewer hooks in some modes. */
void adapter_otlp_hooks(const struct weir *w, core_hook_fn *out[N_HOOKS]);
