/* Spans: named parts of a step that the application opens; they nest. */
#include <string.h>

#include "bridge/lifecycle.h"
#include "bridge/step.h"

static char *put_sequence_id(char *at, int64_t sequence_id) {
    if (sequence_id < 0) {
        *at++ = '-';
        return text_put_uint(at, 0 - (uint64_t)sequence_id);
    }
    return text_put_uint(at, (uint64_t)sequence_id);
}

/* "{sequence_id}:{i}" at the top level, "{parent}.{i}" below; false when it gets too long. */
static bool make_uid(struct step *step, struct span *parent, struct span *span) {
    char *at = span->uid;
    if (parent == NULL) {
        at = put_sequence_id(at, step->sequence_id);
        *at++ = ':';
    } else {
        size_t n_bytes = strlen(parent->uid);
        memcpy(at, parent->uid, n_bytes);
        at += n_bytes;
        *at++ = '.'; /* in place of the parent's NUL */
    }
    char number[TEXT_UINT_BYTES];
    const char *end = text_put_uint(number, parent != NULL ? parent->n_children : step->n_spans);
    size_t n_bytes = (size_t)(end - number) + 1;
    if (n_bytes > (size_t)(span->uid + sizeof span->uid - at)) {
        return false;
    }
    memcpy(at, number, n_bytes);
    return true;
}

static bool take_uid(const char *uid, struct span *span) {
    size_t length = strnlen(uid, sizeof span->uid);
    if (length == sizeof span->uid) {
        return false;
    }
    memcpy(span->uid, uid, length + 1);
    return true;
}

/* false: no memory. */
static bool fill(struct span *span, const struct span_begin_at *start) {
    if (!text_set(&span->name, start->name, WEIR_MAX_NAME_BYTES)) {
        return false;
    }
    span->dependencies = list_copy(start->dependencies);
    return start->dependencies == NULL || span->dependencies != NULL;
}

/* A new span that nobody knows yet; NULL: none can be had (counted). */
static struct span *make(struct step *step, struct span *parent,
                         const struct span_begin_at *start) {
    struct app *app = object_app(&step->head);
    struct counters *counters = &app->weir->counters;
    if (app->is_closing) {
        core_count(&counters->out_of_order);
        return NULL;
    }
    struct span *span = span_take(app);
    if (span == NULL || !fill(span, start)) {
        core_count(&counters->no_memory);
        span_release(span);
        return NULL;
    }
    bool has_uid = start->uid != NULL ? take_uid(start->uid, span) : make_uid(step, parent, span);
    if (!has_uid) {
        core_count(&counters->refused_values);
        span_release(span);
        return NULL;
    }
    return span;
}

static void link_span(struct step *step, struct span *parent, struct span *span) {
    span->step = step;
    span->parent = parent;
    span->next = step->spans;
    step->spans = span;
    step->head.n_refs++;
    if (parent != NULL) {
        parent->head.n_refs++;
        parent->n_children++;
    } else {
        step->n_spans++;
    }
}

struct span *span_open(struct step *step, struct span *parent, struct moment when,
                       const struct span_begin_at *start) {
    struct app *app = object_app(&step->head);
    struct weir *w = app->weir;
    struct span *span = make(step, parent, start);
    if (span == NULL) {
        return NULL;
    }
    link_span(step, parent, span);
    span->head.n_refs++; /* for the caller, while guests run */
    (void)object_begin(&span->head);
    struct scene scene = {.app = app, .call = step->call, .step = step, .span = span};
    weir_lifecycle_event event;
    core_event(&event, WEIR_HOOK_PRE_START_SPAN, &scene, when);
    core_tell(w, &scene, &event);
    lifecycle_note_unheard(&span->head, step, span);
    span_release(span);
    return span;
}

static void unlink_span(struct span *span) {
    for (struct span **at = &span->step->spans; *at != NULL; at = &(*at)->next) {
        if (*at == span) {
            *at = span->next;
            return;
        }
    }
}

void span_close(struct span *span, struct moment when) {
    struct step *step = span->step;
    struct app *app = object_app(&span->head);
    object_end(&span->head);
    unlink_span(span);
    struct scene scene = {.app = app, .call = step->call, .step = step, .span = span};
    weir_lifecycle_event event;
    core_event(&event, WEIR_HOOK_POST_END_SPAN, &scene, when);
    core_tell(app->weir, &scene, &event);
    step->head.n_refs++;
    span_release(span);
    step_unlink_if_done(step);
    step_release(step);
}

/* ---- handles ---- */

static weir_span *begin(struct step *step, struct span *parent, const char *name,
                        const char *const *dependencies) {
    struct app *app = object_app(&step->head);
    struct weir *w = app->weir;
    if (name == NULL) {
        core_count(&w->counters.refused_values);
        return NULL;
    }
    struct span_begin_at start = {.name = name, .dependencies = dependencies};
    struct span *span = span_open(step, parent, core_now(w, &step->anchor), &start);
    return span != NULL ? object_handle(&span->head) : NULL;
}

weir_span *weir_step_span_begin(weir_step *handle, const char *name,
                                const char *const *dependencies) {
    struct step *step = object_enter(HANDLE_STEP, handle);
    if (step == NULL) {
        return NULL;
    }
    struct app *app = object_app(&step->head);
    weir_span *result = begin(step, NULL, name, dependencies);
    object_leave(app);
    return result;
}

weir_span *weir_span_span_begin(weir_span *handle, const char *name,
                                const char *const *dependencies) {
    struct span *parent = object_enter(HANDLE_SPAN, handle);
    if (parent == NULL) {
        return NULL;
    }
    struct app *app = object_app(&parent->head);
    weir_span *result = begin(parent->step, parent, name, dependencies);
    object_leave(app);
    return result;
}

void weir_span_end(weir_span *handle) {
    struct span *span = object_enter(HANDLE_SPAN, handle);
    if (span == NULL) {
        return;
    }
    struct app *app = object_app(&span->head);
    span_close(span, core_now(app->weir, &span->step->anchor));
    object_leave(app);
}
