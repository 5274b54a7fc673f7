#include "bridge/core.h"

#include <string.h>
#include <time.h>

#include "otlp/common/alloc.h"
#include "otlp/common/fork.h"
#include "otlp/common/hash.h"
#include "otlp/common/macro.h"

void core_pin(struct weir *w) {
    atomic_fetch_add_explicit(&w->n_owners, 1, memory_order_relaxed);
}

void core_release(struct weir *w) {
    if (w == NULL || atomic_fetch_sub_explicit(&w->n_owners, 1, memory_order_acq_rel) > 1) {
        return;
    }
    core_unwatch_forks(w);
    for (size_t i = 0; i < w->n_guests; i++) {
        if (w->guests[i].table.destroy != NULL) {
            w->guests[i].table.destroy(w->guests[i].table.data);
        }
    }
    mem_free(w->guests);
    mem_free(w->project);
    mem_free(w);
}

#ifdef WEIR_TEST_IMPROVEMENTS
/* Bit n: leave improvement n out. Only in the build that proves the golden run sees each of them.
 */
unsigned core_improvements_off;
#else
static const unsigned core_improvements_off = 0;
#endif

bool core_improves(const struct weir *w, unsigned improvement) {
    return !w->burr_exact && !(core_improvements_off >> improvement & 1);
}

void core_count_input(struct weir *w, int error) {
    if (error == WEIR_E_NO_MEMORY) {
        core_count(&w->counters.no_memory);
    } else if (error != 0) {
        core_count(&w->counters.refused_json);
    }
}

/* ---- messages ---- */

static void keep_message(struct weir *w, weir_log_level level, const char *message) {
    lock_take(&w->message_lock);
    uint32_t n = atomic_load_explicit(&w->n_messages, memory_order_relaxed);
    if (n < CORE_MAX_MESSAGES) {
        w->messages[n].level = level;
        size_t length = strnlen(message, CORE_MESSAGE_BYTES - 1);
        memcpy(w->messages[n].text, message, length);
        w->messages[n].text[length] = '\0';
        atomic_store_explicit(&w->n_messages, n + 1, memory_order_relaxed);
    }
    lock_give(&w->message_lock);
}

static void call_log(struct weir *w, weir_log_level level, const char *message) {
    fork_go_abroad();
    w->logger.fn(level, message, w->logger.data);
    fork_come_back();
}

void core_pass_message(weir_log_level level, const char *message, void *data) {
    struct weir *w = data;
    if (object_is_inside()) {
        keep_message(w, level, message);
    } else {
        call_log(w, level, message);
    }
}

void core_say(struct weir *w, weir_log_level level, enum log_cause cause, const char *message) {
    if (w->logger.fn != NULL && level <= w->logger.level) {
        core_pass_message(level, message, w);
    } else {
        logger_say(&w->logger, level, cause, "%s", message); /* to stderr: not foreign code */
    }
}

void core_say_messages(struct weir *w) {
    if (!core_has_messages(w)) {
        return;
    }
    struct message messages[CORE_MAX_MESSAGES];
    lock_take(&w->message_lock);
    uint32_t n = atomic_load_explicit(&w->n_messages, memory_order_relaxed);
    memcpy(messages, w->messages, n * sizeof messages[0]);
    atomic_store_explicit(&w->n_messages, 0, memory_order_relaxed);
    lock_give(&w->message_lock);
    for (uint32_t i = 0; i < n; i++) {
        call_log(w, messages[i].level, messages[i].text);
    }
}

/* ---- open apps ---- */

static struct app **bucket_of(struct weir *w, const char *app_id) {
    return &w->buckets[hash_for_table(app_id, strlen(app_id), w->bucket_seed) % WEIR_APP_BUCKETS];
}

struct app *core_find_app(struct weir *w, const char *app_id) {
    lock_take(&w->lock);
    struct app *app = *bucket_of(w, app_id);
    while (app != NULL && strcmp(app->id, app_id) != 0) {
        app = app->next;
    }
    if (app != NULL) {
        app_pin(app);
    }
    lock_give(&w->lock);
    return app;
}

bool core_add_app(struct weir *w, struct app *app) {
    lock_take(&w->lock);
    bool is_welcome = !w->is_closing && w->n_apps < WEIR_MAX_OPEN_APPS;
    if (is_welcome) {
        struct app **bucket = bucket_of(w, app->id);
        app->next = *bucket;
        *bucket = app;
        app->is_listed = true;
        w->n_apps++;
    }
    lock_give(&w->lock);
    return is_welcome;
}

bool core_remove_app(struct weir *w, struct app *app) {
    bool is_found = false;
    lock_take(&w->lock);
    for (struct app **at = bucket_of(w, app->id); *at != NULL; at = &(*at)->next) {
        if (*at == app) {
            *at = app->next;
            app->is_listed = false;
            app->is_shutting = true;
            w->n_apps--;
            w->n_shutting++;
            is_found = true;
            break;
        }
    }
    lock_give(&w->lock);
    return is_found;
}

/* In a forked child an app that was being shut before is not counted any more. */
void core_app_is_shut(struct weir *w, struct app *app) {
    lock_take(&w->lock);
    if (app->is_shutting) {
        app->is_shutting = false;
        w->n_shutting--;
    }
    lock_give(&w->lock);
}

static size_t n_shutting(struct weir *w) {
    lock_take(&w->lock);
    size_t n = w->n_shutting;
    lock_give(&w->lock);
    return n;
}

/* ---- dispatch ---- */

/*
 * Which guests of which weir are running on this thread, so that what they tell weir does not come
 * back to them.
 */
struct running {
    const struct weir *weir;
    uint64_t guests;
};
static THREAD_LOCAL_HOT struct running running;

_Static_assert(WEIR_MAX_ADAPTERS < 64, "a guest is a bit of a word");

void core_wait_for_apps(struct weir *w, uint64_t timeout_ns) {
    const struct timespec pause = clock_timespec(NS_PER_MS);
    if (running.weir == w) {
        return; /* from inside a hook: the app being shut may be this thread's own */
    }
    for (uint64_t waited = 0; n_shutting(w) > 0 && waited < timeout_ns; waited += NS_PER_MS) {
        (void)nanosleep(&pause, NULL);
    }
}

static const char *key_or_null(const struct app *app) {
    return app->has_partition_key ? text_get(&app->partition_key) : NULL;
}

void core_event(weir_lifecycle_event *event, weir_hook hook, const struct scene *scene,
                struct moment when) {
    memset(event, 0, sizeof *event);
    event->size = sizeof *event;
    event->hook = hook;
    event->unix_ns = when.unix_ns;
    event->monotonic_ns = when.monotonic_ns;
    event->app_id = scene->app->id;
    event->partition_key = key_or_null(scene->app);
    if (scene->call != NULL) {
        event->method = scene->call->method;
    }
    if (scene->step != NULL) {
        event->action = text_get(&scene->step->action);
        event->sequence_id = scene->step->sequence_id;
    }
    if (scene->span != NULL) {
        event->span_uid = scene->span->uid;
        event->span_name = text_get(&scene->span->name);
        event->parent_span_uid = scene->span->parent != NULL ? scene->span->parent->uid : NULL;
        event->span_dependencies = (const char *const *)scene->span->dependencies;
    }
}

static void scene_pin(const struct scene *scene) {
    app_pin(scene->app);
    struct object *objects[] = {(struct object *)scene->call, (struct object *)scene->step,
                                (struct object *)scene->span, (struct object *)scene->stream};
    for (size_t i = 0; i < ARRAY_LENGTH(objects); i++) {
        if (objects[i] != NULL) {
            objects[i]->n_refs++;
        }
    }
}

static void scene_unpin(const struct scene *scene) {
    stream_release(scene->stream);
    span_release(scene->span);
    step_release(scene->step);
    call_release(scene->call);
    scene->app->n_unpins_due++; /* the last unpin needs the lock given back: object_leave */
}

static COLD void note_fault(struct weir *w, size_t nth, weir_hook hook) {
    core_count(&w->counters.adapter_faults);
    if (!atomic_exchange(&w->guests[nth].has_failed, true)) {
        logger_say(&w->logger, WEIR_LOG_WARN, LOG_CAUSE_ADAPTER,
                   "adapter %zu reported a fault in hook %d; later ones are only counted", nth,
                   (int)hook);
    }
}

static void tell_guests(struct weir *w, const weir_lifecycle_event *event) {
    struct running before = running;
    uint64_t busy = before.weir == w ? before.guests : 0;
    fork_go_abroad();
    for (size_t i = 0; i < w->n_guests; i++) {
        const struct guest *guest = &w->guests[i];
        weir_hook_fn *hook = guest->hooks[event->hook];
        if (hook == NULL || busy >> i & 1) {
            continue;
        }
        running = (struct running){w, busy | UINT64_C(1) << i};
        if (UNLIKELY(hook(guest->table.data, event) < 0)) {
            note_fault(w, i, event->hook);
        }
    }
    fork_come_back();
    running = before;
}

void core_step_outside(const struct scene *scene) {
    scene_pin(scene);
    app_unlock(scene->app);
}

void core_step_inside(const struct scene *scene) {
    app_lock(scene->app);
    scene_unpin(scene);
}

void core_tell(struct weir *w, const struct scene *scene, const weir_lifecycle_event *event) {
    core_tell_captured(w, scene, event, NULL);
}

void core_tell_captured(struct weir *w, const struct scene *scene,
                        const weir_lifecycle_event *event, const struct captured *captured) {
    for (uint32_t i = 0; i < w->n_own_hooks[event->hook]; i++) {
        weir_destination to = w->own_destinations[event->hook][i];
        w->own_hooks[event->hook][i](w, scene, captured != NULL ? &captured->events[to] : event);
    }
    if (w->has_guest[event->hook]) {
        core_step_outside(scene);
        tell_guests(w, event);
        core_step_inside(scene);
    }
}
