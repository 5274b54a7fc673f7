#include "bridge/replay/set.h"

#include <string.h>

#include "otlp/common/alloc.h"
#include "otlp/common/macro.h"

enum { SAMPLED = 0x01 };
static const uint64_t NS_PER_HOUR = UINT64_C(3600000000000);

void replay_set_deinit(struct replay_set *set) {
    replay_found_deinit(&set->selected);
    replay_found_deinit(&set->others);
}

/* ---- pointers ---- */

/* The run that a pointer means, if it is among those replayed. */
static struct replay_run *find_selected(const struct replay_set *set, const struct replay_run *run,
                                        const struct replay_pointer *pointer) {
    char *directory CLEANUP(mem_cleanup) =
        pointer->app_id != NULL ? replay_sibling(run, pointer->app_id) : NULL;
    return directory != NULL ? replay_found_get(&set->selected, directory) : NULL;
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

static struct replay_run *find_other(const struct replay_set *set, const char *directory) {
    for (size_t i = 0; i < set->others.n; i++) {
        if (strcmp(set->others.items[i]->directory, directory) == 0) {
            return set->others.items[i];
        }
    }
    return NULL;
}

/* A run beside those that are replayed, surveyed. NULL: there is none that can be read. */
static struct replay_run *load_other(struct replay_set *set, const char *directory) {
    struct replay_run *run = find_other(set, directory);
    if (run == NULL && replay_found_add(&set->others, directory) == 0) {
        run = set->others.items[set->others.n - 1];
        run->is_selected = false;
        run->keeps_marks = true;
        (void)replay_run_survey(run, NULL);
    }
    return run != NULL && run->is_surveyed ? run : NULL;
}

/* The run that a pointer means, replayed or not. */
static struct replay_run *find_origin(struct replay_set *set, const struct replay_run *run,
                                      const struct replay_pointer *pointer) {
    char *directory CLEANUP(mem_cleanup) =
        pointer->app_id != NULL ? replay_sibling(run, pointer->app_id) : NULL;
    if (directory == NULL) {
        return NULL;
    }
    struct replay_run *found = replay_found_get(&set->selected, directory);
    found = found != NULL ? found : load_other(set, directory);
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
    char *own CLEANUP(mem_cleanup) = replay_project_folder(run);
    size_t length = own != NULL ? strlen(own) : 0;
    return other != run && length > 0 && strncmp(other->directory, own, length) == 0 &&
           other->directory[length] == '/' && strchr(other->directory + length + 1, '/') == NULL;
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

/* Surveys the logs beside a run that are not replayed, until one tells an offset. */
static bool ask_around(struct replay_set *set, const struct replay_run *run) {
    struct replay_found around = {0};
    char *project CLEANUP(mem_cleanup) = replay_project_folder(run);
    bool is_told = false;
    if (project != NULL && replay_find(&around, project, NULL) == 0) {
        replay_found_sort(&around);
        for (size_t i = 0; i < around.n && !is_told; i++) {
            const char *directory = around.items[i]->directory;
            const struct replay_run *other = replay_found_get(&set->selected, directory) == NULL
                                                 ? load_other(set, directory)
                                                 : NULL;
            is_told = other != NULL && other->offsets.n > 0;
        }
    }
    replay_found_deinit(&around);
    return is_told;
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
