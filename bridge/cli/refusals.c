#include "bridge/cli/refusals.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "bridge/cli/report.h"
#include "bridge/server/grpc.h"

void refusals_init(struct refusals *refusals) {
    *refusals = (struct refusals){0};
    pthread_mutex_init(&refusals->mutex, NULL);
}

void refusals_deinit(struct refusals *refusals) {
    pthread_mutex_destroy(&refusals->mutex);
}

static struct refusal_kind kind_of(const struct receiver_refusal *refusal) {
    struct refusal_kind kind = {.is_grpc = refusal->is_grpc, .n = 1};
    snprintf(kind.answer, sizeof kind.answer, "%s", refusal->answer);
    if (refusal->path != NULL) {
        bool is_export = strcmp(refusal->path, GRPC_EXPORT_PATH) == 0;
        snprintf(kind.request, sizeof kind.request, "%.10s %s",
                 refusal->method != NULL ? refusal->method : "?",
                 is_export ? "Export" : refusal->path);
    }
    return kind;
}

/* True for the first of its kind. */
static bool count(struct refusals *refusals, const struct refusal_kind *kind) {
    for (size_t i = 0; i < refusals->n_kinds; i++) {
        struct refusal_kind *known = &refusals->kinds[i];
        if (known->is_grpc == kind->is_grpc && strcmp(known->answer, kind->answer) == 0 &&
            strcmp(known->request, kind->request) == 0) {
            known->n++;
            return false;
        }
    }
    if (refusals->n_kinds == REFUSALS_MAX_KINDS) {
        refusals->n_others++;
        return false;
    }
    refusals->kinds[refusals->n_kinds++] = *kind;
    return true;
}

static const char *name_of(const struct refusal_kind *kind) {
    return *kind->request != '\0' ? kind->request
           : kind->is_grpc        ? "what is no HTTP/2"
                                  : "what is no HTTP/1.1";
}

void refusals_add(struct refusals *refusals, const struct receiver_refusal *refusal) {
    struct refusal_kind kind = kind_of(refusal);
    pthread_mutex_lock(&refusals->mutex);
    bool is_first = count(refusals, &kind);
    pthread_mutex_unlock(&refusals->mutex);
    if (is_first) {
        report_note("refused %s (%s): %s; further ones are counted", name_of(&kind), kind.answer,
                    refusal->reason);
    }
}

static void append_part(struct buf *out, uint64_t n, const char *what, const char *more) {
    char text[32];
    snprintf(text, sizeof text, "%s%" PRIu64 "x ", out->n_bytes == 0 ? " (" : ", ", n);
    buf_append_text(out, text);
    buf_append_text(out, what);
    buf_append_text(out, more);
}

void refusals_list(struct refusals *refusals, struct buf *out) {
    pthread_mutex_lock(&refusals->mutex);
    for (size_t i = 0; i < refusals->n_kinds; i++) {
        const struct refusal_kind *kind = &refusals->kinds[i];
        append_part(out, kind->n, kind->answer, ": ");
        buf_append_text(out, name_of(kind));
    }
    if (refusals->n_others > 0) {
        append_part(out, refusals->n_others, "something else", "");
    }
    buf_append_text(out, refusals->n_kinds > 0 ? ")" : "");
    pthread_mutex_unlock(&refusals->mutex);
}
