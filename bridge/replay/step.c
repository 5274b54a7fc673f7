#include "bridge/replay/step.h"

#include <string.h>

#include "otlp/common/alloc.h"

void replay_span_free(struct replay_span *span) {
    mem_free(span->uid);
    mem_free(span);
}

struct replay_step *replay_step_free(struct replay_step *step) {
    if (step == NULL) {
        return NULL;
    }
    while (step->spans != NULL) {
        struct replay_span *span = step->spans;
        step->spans = span->next;
        replay_span_free(span);
    }
    mem_free(step->action);
    mem_free(step->exception);
    mem_free(step);
    return NULL;
}

struct replay_step *replay_steps_add(struct replay_steps *steps, int64_t sequence_id,
                                     const char *action) {
    struct replay_step *step = mem_zalloc(sizeof *step);
    if (step == NULL) {
        return NULL;
    }
    step->sequence_id = sequence_id;
    step->action = mem_strdup(action);
    if (step->action == NULL) {
        return replay_step_free(step);
    }
    step->next = steps->newest;
    steps->newest = step;
    steps->n++;
    return step;
}

void replay_steps_remove(struct replay_steps *steps, struct replay_step *step) {
    struct replay_step **at = &steps->newest;
    while (*at != NULL && *at != step) {
        at = &(*at)->next;
    }
    if (*at != NULL) {
        *at = step->next;
        steps->n--;
    }
}

struct replay_step *replay_steps_find(const struct replay_steps *steps, int64_t sequence_id) {
    struct replay_step *step = steps->newest;
    while (step != NULL && step->sequence_id != sequence_id) {
        step = step->next;
    }
    return step;
}

struct replay_step *replay_steps_find_open(const struct replay_steps *steps, int64_t sequence_id,
                                           const char *action) {
    struct replay_step *step = steps->newest;
    while (step != NULL && (step->has_end || step->sequence_id != sequence_id ||
                            strcmp(step->action, action) != 0)) {
        step = step->next;
    }
    return step;
}

struct replay_step *replay_steps_oldest(const struct replay_steps *steps, bool with_end) {
    struct replay_step *found = NULL;
    for (struct replay_step *step = steps->newest; step != NULL; step = step->next) {
        if (!with_end || step->has_end) {
            found = step;
        }
    }
    return found;
}

struct replay_span *replay_step_add_span(struct replay_step *step, const char *uid) {
    struct replay_span *span = mem_zalloc(sizeof *span);
    char *copy = mem_strdup(uid);
    if (span == NULL || copy == NULL) {
        mem_free(span);
        mem_free(copy);
        return NULL;
    }
    span->uid = copy;
    span->next = step->spans;
    step->spans = span;
    step->n_spans++;
    return span;
}

struct replay_span *replay_step_find_span(const struct replay_step *step, const char *uid) {
    struct replay_span *span = step->spans;
    while (span != NULL && strcmp(span->uid, uid) != 0) {
        span = span->next;
    }
    return span;
}

struct replay_span *replay_step_find_open_span(const struct replay_step *step, const char *uid) {
    struct replay_span *span = step->spans;
    while (span != NULL && (span->has_end || strcmp(span->uid, uid) != 0)) {
        span = span->next;
    }
    return span;
}
