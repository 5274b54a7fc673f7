#include "bridge/replay/set.h"

#include <string.h>

#include "otlp/common/alloc.h"
#include "otlp/common/macro.h"
#include "tracking/store.h"

enum { SAMPLED = 0x01 };
static const uint64_t NS_PER_HOUR = UINT64_C(3600000000000);

void replay_set_deinit(struct replay_set *set) {
    replay_found_deinit(&set->selected);
    replay_found_deinit(&set->others);
}

/* ---- pointers ---- */

/* The app that a pointer means, in the run's own project. False: it means none. */
static bool app_of(const struct replay_run *run, const struct replay_pointer *pointer,
                   struct folder_path *out) {
    *out = (struct folder_path){run->root, run->project, pointer->app_id};
    return pointer->app_id != NULL && store_name_is_safe(pointer->app_id);
}

static char *folder_of(struct replay_set *set, const struct folder_path *app) {
    char *folder = replay_folder_name(app);
    set->is_short = set->is_short || folder == NULL;
    return folder;
}

/* The run that a pointer means, if it is among those replayed. */
static struct replay_run *find_selected(struct replay_set *set, const struct replay_run *run,
                                        const struct replay_pointer *pointer) {
    struct folder_path app;
    char *folder CLEANUP(mem_cleanup) = app_of(run, pointer, &app) ? folder_of(set, &app) : NULL;
    return folder != NULL ? replay_found_get(&set->selected, folder) : NULL;
}

void replay_set_link(struct replay_set *set) {
    for (size_t i = 0; i < set->selected.n; i++) {
        const struct replay_run *run = set->selected.items[i];
        struct replay_run *origins[] = {find_selected(set, run, &run->parent),
                                        find_selected(set, run, &run->spawner)};
        for (size_t k = 0; k < ARRAY_LENGTH(origins); k++) {
            if (origins[k] != NULL) {
                origins[k]->keeps_marks = true;
            }
        }
    }
}

static struct replay_run *find_other(const struct replay_set *set, const char *folder) {
    for (size_t i = 0; i < set->others.n; i++) {
        if (strcmp(set->others.items[i]->folder, folder) == 0) {
            return set->others.items[i];
        }
    }
    return NULL;
}

/* A run beside those that are replayed, surveyed. NULL: there is none that can be read. */
static struct replay_run *load_other(struct replay_set *set, const struct folder_path *app) {
    char *folder CLEANUP(mem_cleanup) = folder_of(set, app);
    struct replay_run *run = folder != NULL ? find_other(set, folder) : NULL;
    if (run == NULL && folder != NULL) {
        int error = replay_found_add(&set->others, app, &run);
        if (error == 0) {
            run->is_selected = false;
            run->keeps_marks = true;
            error = replay_run_survey(run, NULL);
        }
        set->is_short = set->is_short || error == WEIR_E_NO_MEMORY;
    }
    return run != NULL && run->is_surveyed ? run : NULL;
}

/* The run that a pointer means, replayed or not. */
static struct replay_run *find_origin(struct replay_set *set, const struct replay_run *run,
                                      const struct replay_pointer *pointer) {
    struct folder_path app;
    if (!app_of(run, pointer, &app)) {
        return NULL;
    }
    struct replay_run *found = find_selected(set, run, pointer);
    found = found != NULL ? found : load_other(set, &app);
    return found != NULL && found->first_begin[0] != '\0' ? found : NULL;
}

/* ---- places ---- */

static const struct replay_mark *mark_of(const struct replay_run *run,
                                         const struct replay_run *origin,
                                         const struct replay_pointer *pointer) {
    return origin != NULL ? replay_run_find_mark(origin, pointer, run->first_local_ns) : NULL;
}

/* The run whose step a run's root hangs below: its spawner, if both are replayed (or neither is:
 * then this is how they would be). */
static struct replay_run *trace_parent(struct replay_set *set, const struct replay_run *run) {
    struct replay_run *spawner = find_origin(set, run, &run->spawner);
    bool together = spawner != NULL && (spawner->is_selected || !run->is_selected);
    return together && mark_of(run, spawner, &run->spawner) != NULL ? spawner : NULL;
}

/* The run that the chain of spawners begins with; NULL when the chain bites its tail. */
static const struct replay_run *first_of_chain(struct replay_set *set, struct replay_run *run) {
    struct replay_run *at = run, *next;
    bool is_circle = false;
    while (!is_circle && (next = trace_parent(set, at)) != NULL) {
        at->is_visited = true;
        at = next;
        is_circle = at->is_visited;
    }
    for (struct replay_run *back = run; back != NULL && back->is_visited;
         back = trace_parent(set, back)) {
        back->is_visited = false;
    }
    return is_circle ? NULL : at;
}

static void set_trace_id(struct replay_set *set, struct replay_run *run, uint8_t out[16]) {
    const struct replay_run *first = first_of_chain(set, run);
    replay_ids_trace(first != NULL ? &first->ids : &run->ids, out);
}

/* The context of the step that a pointer means; of the run's root when there is no such step. */
static weir_otlp_context context_at(struct replay_set *set, const struct replay_run *run,
                                    struct replay_run *origin,
                                    const struct replay_pointer *pointer) {
    weir_otlp_context context = {.trace_flags = SAMPLED};
    const struct replay_mark *mark = mark_of(run, origin, pointer);
    set_trace_id(set, origin, context.trace_id);
    replay_ids_span(&origin->ids, mark != NULL ? REPLAY_RECORD_STEP : REPLAY_RECORD_RUN,
                    mark != NULL ? mark->line : 0, context.span_id);
    return context;
}

static void add_link(struct replay_place *place, weir_otlp_context context, const char *kind) {
    place->links[place->n_links] = context;
    place->link_kinds[place->n_links++] = kind;
}

void replay_set_place(struct replay_set *set, struct replay_run *run, struct replay_place *out) {
    *out = (struct replay_place){.n_links = 0};
    set_trace_id(set, run, out->trace_id);
    struct replay_run *parent = find_origin(set, run, &run->parent);
    if (parent != NULL && parent != run) {
        add_link(out, context_at(set, run, parent, &run->parent), "fork");
    }
    struct replay_run *spawner = find_origin(set, run, &run->spawner);
    if (spawner == NULL || spawner == run) {
        return;
    }
    weir_otlp_context context = context_at(set, run, spawner, &run->spawner);
    if (trace_parent(set, run) != NULL && first_of_chain(set, run) != NULL) {
        out->has_parent = true;
        out->parent = context;
    } else {
        add_link(out, context, "spawn");
    }
}

/* ---- offsets ---- */

static bool is_neighbour(const struct replay_run *run, const struct replay_run *other) {
    return other != run && strcmp(run->project, other->project) == 0 &&
           strcmp(run->root, other->root) == 0;
}

/* The nearest in time of the offsets that the runs of a list tell. */
static bool nearest_of(const struct replay_found *found, const struct replay_run *run,
                       uint64_t local_ns, int64_t *seconds) {
    uint64_t least = UINT64_MAX;
    bool any = false;
    for (size_t i = 0; i < found->n; i++) {
        uint64_t distance_ns;
        int64_t offset;
        if (is_neighbour(run, found->items[i]) &&
            replay_offsets_nearest(&found->items[i]->offsets, local_ns, &offset, &distance_ns) &&
            distance_ns < least) {
            least = distance_ns;
            *seconds = offset;
            any = true;
        }
    }
    return any;
}

static int ask_one(const struct folder_path *app, int app_fd, void *data) {
    struct replay_set *set = data;
    (void)app_fd;
    char *folder CLEANUP(mem_cleanup) = folder_of(set, app);
    if (folder == NULL || replay_found_get(&set->selected, folder) != NULL) {
        return 0; /* asked already */
    }
    const struct replay_run *other = load_other(set, app);
    return other != NULL && other->offsets.n > 0;
}

/* Surveys the logs beside a run that are not replayed, until one tells an offset. */
static bool ask_around(struct replay_set *set, const struct replay_run *run) {
    const struct store_path project = {
        .place = STORE_PROJECT, .root = run->root, .project = run->project};
    return store_walk(&project, ask_one, set, NULL) == 1;
}

bool replay_set_hearsay(struct replay_set *set, const struct replay_run *run, uint64_t local_ns,
                        int64_t *seconds) {
    struct replay_hearsay *hearsay = &set->hearsay;
    bool is_same = hearsay->asker != NULL && is_neighbour(hearsay->asker, run);
    bool is_new = hearsay->asker != run && !is_same;
    if (is_new || hearsay->hour != local_ns / NS_PER_HOUR) {
        hearsay->hour = local_ns / NS_PER_HOUR;
        hearsay->is_found = nearest_of(&set->selected, run, local_ns, &hearsay->seconds) ||
                            nearest_of(&set->others, run, local_ns, &hearsay->seconds) ||
                            (is_new && ask_around(set, run) &&
                             nearest_of(&set->others, run, local_ns, &hearsay->seconds));
    }
    hearsay->asker = run;
    *seconds = hearsay->seconds;
    return hearsay->is_found;
}
