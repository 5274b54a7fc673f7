#include "tests/golden/timeline.h"

#include <string.h>

bool mode_has_chunks(weir_streaming_mode mode) {
    return mode == WEIR_STREAMING_CHUNK_SPANS || mode == WEIR_STREAMING_SINGLE_AND_CHUNK_SPANS;
}

bool mode_has_action(weir_streaming_mode mode) {
    return mode == WEIR_STREAMING_SINGLE_SPAN || mode == WEIR_STREAMING_SINGLE_AND_CHUNK_SPANS;
}

static bool is_open_at(const struct life *life, const weir_lifecycle_event *hook) {
    return life->begin <= hook && (life->end == NULL || life->end > hook);
}

static bool same_app(const struct life *life, const weir_lifecycle_event *hook) {
    return strcmp(life->begin->app_id, hook->app_id) == 0;
}

static bool same_step(const struct life *life, const weir_lifecycle_event *hook) {
    return same_app(life, hook) && life->begin->sequence_id == hook->sequence_id;
}

static bool same_uid(const struct life *life, const weir_lifecycle_event *hook) {
    return life->begin->span_uid && hook->span_uid &&
           strcmp(life->begin->span_uid, hook->span_uid) == 0;
}

/* The newest open thing of a kind that the hook speaks of. */
static struct life *find_open(const struct timeline *timeline, enum life_kind kind,
                              const weir_lifecycle_event *hook) {
    for (size_t i = timeline->n; i-- > 0;) {
        struct life *life = &timeline->items[i];
        bool fits = life->kind == kind && is_open_at(life, hook);
        switch (kind) {
        case LIFE_CALL:
            fits = fits && same_app(life, hook) &&
                   (hook->method == 0 || life->begin->method == hook->method);
            break;
        case LIFE_SPAN: fits = fits && same_step(life, hook) && same_uid(life, hook); break;
        case LIFE_STEP:
        case LIFE_PULL: fits = fits && same_step(life, hook); break;
        }
        if (fits) {
            return life;
        }
    }
    return NULL;
}

const struct life *timeline_step_of(const struct timeline *timeline,
                                    const weir_lifecycle_event *hook) {
    return find_open(timeline, LIFE_STEP, hook);
}

struct life *timeline_pull_at(const struct timeline *timeline, const struct life *step,
                              const weir_lifecycle_event *hook) {
    for (size_t i = timeline->n; step != NULL && i-- > 0;) {
        struct life *life = &timeline->items[i];
        if (life->kind == LIFE_PULL && life->owner == step && is_open_at(life, hook)) {
            return life;
        }
    }
    return NULL;
}

/* ---- building ---- */

static void begin_life(struct timeline *timeline, enum life_kind kind,
                       const weir_lifecycle_event *hook) {
    const struct life *owner = kind == LIFE_CALL   ? NULL
                               : kind == LIFE_STEP ? find_open(timeline, LIFE_CALL, hook)
                                                   : find_open(timeline, LIFE_STEP, hook);
    timeline->items[timeline->n++] = (struct life){.kind = kind, .begin = hook, .owner = owner};
}

static void end_life(const struct timeline *timeline, enum life_kind kind,
                     const weir_lifecycle_event *hook) {
    struct life *life = find_open(timeline, kind, hook);
    if (life != NULL) {
        life->end = hook;
    }
}

static void mark_pull(const struct timeline *timeline, const struct life *step,
                      const weir_lifecycle_event *hook, bool opens_span) {
    struct life *pull = timeline_pull_at(timeline, step, hook);
    if (pull != NULL) {
        pull->holds_span |= opens_span;
        pull->holds_attribute |= !opens_span;
    }
}

/* A call of a spawned app opens below the step that spawned it, while that step is open. */
static void mark_spawner(const struct timeline *timeline, const struct scenario *scenario,
                         const weir_lifecycle_event *call) {
    const weir_lifecycle_event *hook = call;
    while (hook-- > scenario->hooks) {
        if (hook->hook == WEIR_HOOK_POST_APPLICATION_CREATE &&
            strcmp(hook->app_id, call->app_id) == 0) {
            break;
        }
    }
    const weir_pointer *spawner = hook >= scenario->hooks ? hook->spawning_parent : NULL;
    if (spawner == NULL || spawner->app_id == NULL || !spawner->has_sequence_id) {
        return;
    }
    for (size_t i = timeline->n; i-- > 0;) {
        const struct life *step = &timeline->items[i];
        if (step->kind == LIFE_STEP && is_open_at(step, call) &&
            strcmp(step->begin->app_id, spawner->app_id) == 0 &&
            step->begin->sequence_id == spawner->sequence_id) {
            mark_pull(timeline, step, call, true);
            return;
        }
    }
}

static void take_hook(struct timeline *timeline, const struct scenario *scenario,
                      const weir_lifecycle_event *hook) {
    struct life *step;
    switch (hook->hook) {
    case WEIR_HOOK_PRE_RUN_EXECUTE_CALL:
        mark_spawner(timeline, scenario, hook);
        begin_life(timeline, LIFE_CALL, hook);
        break;
    case WEIR_HOOK_POST_RUN_EXECUTE_CALL: end_life(timeline, LIFE_CALL, hook); break;
    case WEIR_HOOK_PRE_RUN_STEP: begin_life(timeline, LIFE_STEP, hook); break;
    case WEIR_HOOK_POST_RUN_STEP: end_life(timeline, LIFE_STEP, hook); break;
    case WEIR_HOOK_PRE_START_SPAN:
        if (hook->parent_span_uid == NULL) {
            mark_pull(timeline, find_open(timeline, LIFE_STEP, hook), hook, true);
        }
        begin_life(timeline, LIFE_SPAN, hook);
        break;
    case WEIR_HOOK_POST_END_SPAN: end_life(timeline, LIFE_SPAN, hook); break;
    case WEIR_HOOK_DO_LOG_ATTRIBUTES:
        if (hook->span_uid == NULL) {
            mark_pull(timeline, find_open(timeline, LIFE_STEP, hook), hook, false);
        }
        break;
    case WEIR_HOOK_PRE_START_STREAM:
        step = find_open(timeline, LIFE_STEP, hook);
        if (step != NULL) {
            step->began_stream = true;
        }
        break;
    case WEIR_HOOK_PRE_STREAM_GENERATE: begin_life(timeline, LIFE_PULL, hook); break;
    case WEIR_HOOK_POST_STREAM_GENERATE: end_life(timeline, LIFE_PULL, hook); break;
    default: break;
    }
}

struct timeline timeline_build(struct arena *arena, const struct scenario *scenario) {
    struct timeline timeline = {0};
    timeline.items = arena_alloc(arena, scenario->n_hooks * sizeof *timeline.items);
    for (size_t i = 0; i < scenario->n_hooks; i++) {
        take_hook(&timeline, scenario, &scenario->hooks[i]);
    }
    return timeline;
}

bool timeline_leaks(const struct timeline *timeline) {
    bool leaks = false;
    for (size_t i = 0; i < timeline->n && !leaks; i++) {
        leaks = timeline->items[i].end == NULL;
    }
    return leaks;
}

/* ---- matching ---- */

static const char *span_name(struct arena *arena, const struct life *life) {
    switch (life->kind) {
    case LIFE_CALL: return weir_method_name(life->begin->method);
    case LIFE_STEP: return life->begin->action;
    case LIFE_SPAN: return life->begin->span_name ? life->begin->span_name : "";
    case LIFE_PULL: break;
    }
    return arena_format(arena, "%s::chunk_%llu", life->begin->action,
                        (unsigned long long)life->begin->item_index);
}

static bool has_span(const struct life *life, weir_streaming_mode mode) {
    if (life->kind == LIFE_STEP) {
        return mode_has_action(mode) || !life->begin->streams;
    }
    return life->kind != LIFE_PULL || mode_has_chunks(mode);
}

static void match_one(struct arena *arena, struct life *life, const struct span_list *spans) {
    const char *name = span_name(arena, life);
    for (size_t i = 0; i < spans->n; i++) {
        struct golden_span *span = spans->items[i];
        if (span->life == NULL && span->start_ns == life->begin->unix_ns &&
            span->end_ns == life->end->unix_ns && strcmp(span->name, name) == 0) {
            span->life = life;
            life->span = span;
            return;
        }
    }
}

/* In the event mode each streaming step that ends adds one event to the span of its call. */
static void match_events(const struct life *step, size_t n_earlier) {
    struct golden_span *span = step->owner ? step->owner->span : NULL;
    if (span != NULL && n_earlier < span->n_events) {
        span->events[n_earlier].step = step;
    }
}

static bool ended_before(const struct life *a, const struct life *b) {
    return a->end != NULL && a->end < b->end;
}

/* How many streaming steps of the same call ended before this one. */
static size_t n_streams_before(const struct timeline *timeline, const struct life *step) {
    size_t n = 0;
    for (size_t i = 0; i < timeline->n; i++) {
        const struct life *other = &timeline->items[i];
        n += other->kind == LIFE_STEP && other->begin->streams && other->owner == step->owner &&
             ended_before(other, step);
    }
    return n;
}

/* The life that ends with this hook, or NULL. */
static struct life *ending_at(const struct timeline *timeline, const weir_lifecycle_event *hook) {
    for (size_t i = 0; i < timeline->n; i++) {
        if (timeline->items[i].end == hook) {
            return &timeline->items[i];
        }
    }
    return NULL;
}

void timeline_match(struct arena *arena, struct timeline *timeline, const struct scenario *scenario,
                    struct span_list *spans, weir_streaming_mode mode) {
    for (size_t i = 0; i < timeline->n; i++) {
        timeline->items[i].span = NULL;
    }
    /* in the order of ends, so that equal names and times fall to the one that ended first */
    for (size_t i = 0; i < scenario->n_hooks; i++) {
        struct life *life = ending_at(timeline, &scenario->hooks[i]);
        if (life != NULL && has_span(life, mode)) {
            match_one(arena, life, spans);
        }
    }
    for (size_t i = 0; mode == WEIR_STREAMING_EVENT && i < timeline->n; i++) {
        const struct life *step = &timeline->items[i];
        if (step->kind == LIFE_STEP && step->begin->streams && step->end != NULL) {
            match_events(step, n_streams_before(timeline, step));
        }
    }
}
