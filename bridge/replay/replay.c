#include "bridge/replay/replay.h"

#include <string.h>

#include "bridge/replay/log.h"
#include "bridge/replay/set.h"
#include "bridge/replay/zone.h"
#include "otlp/common/alloc.h"
#include "otlp/common/error.h"

struct replay {
    struct replay_options options;
    struct replay_counts counts;
    struct replay_scratch scratch;
    struct replay_set set;
    struct replay_shared shared;
    const struct replay_run *current;
    bool is_fallback_counted; /* for the current run */
};

struct replay *replay_new(void) {
    struct replay *replay = mem_zalloc(sizeof *replay);
    if (replay != NULL) {
        replay_scratch_init(&replay->scratch);
    }
    return replay;
}

struct replay *replay_free(struct replay *replay) {
    if (replay != NULL) {
        replay_set_deinit(&replay->set);
        replay_scratch_deinit(&replay->scratch);
        mem_free(replay);
    }
    return NULL;
}

int replay_add(struct replay *replay, const char *path, weir_error_detail *detail) {
    int error = replay_find(&replay->set.selected, path, detail);
    replay_found_sort(&replay->set.selected);
    return error;
}

size_t replay_n_runs(const struct replay *replay) {
    return replay->set.selected.n;
}

const char *replay_only_project(const struct replay *replay) {
    const struct replay_found *runs = &replay->set.selected;
    const char *project = runs->n > 0 ? runs->items[0]->project : NULL;
    for (size_t i = 1; i < runs->n && project != NULL; i++) {
        project = strcmp(runs->items[i]->project, project) == 0 ? project : NULL;
    }
    return project;
}

const struct replay_counts *replay_counts(const struct replay *replay) {
    return &replay->counts;
}

/* ---- times that a log does not tell ---- */

static uint64_t resolve(void *data, uint64_t local_ns, uint64_t not_before_ns) {
    struct replay *replay = data;
    int64_t seconds;
    if (replay_set_hearsay(&replay->set, replay->current, local_ns, &seconds)) {
        return replay_utc_of(local_ns, seconds);
    }
    replay->counts.n_runs_by_fallback += !replay->is_fallback_counted;
    replay->is_fallback_counted = true;
    return replay->options.has_utc_offset
               ? replay_utc_of(local_ns, replay->options.utc_offset_seconds)
               : replay_zone_utc(local_ns, not_before_ns);
}

/* ---- the two readings ---- */

static void add_done(struct replay *replay, uint64_t n_bytes) {
    struct replay_shared *shared = &replay->shared;
    shared->done_bytes += n_bytes;
    if (replay->options.progress != NULL) {
        replay->options.progress(replay->options.data, shared->done_bytes, shared->total_bytes);
    }
}

static int survey_all(struct replay *replay) {
    for (size_t i = 0; i < replay->set.selected.n; i++) {
        struct replay_run *run = replay->set.selected.items[i];
        weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
        int error = replay_run_survey(run, &detail);
        if (error == WEIR_E_NO_MEMORY) {
            return error;
        }
        if (error != 0) {
            replay_log_unreadable(&replay->shared, run, detail.message);
        }
        add_done(replay, run->n_bytes);
    }
    return 0;
}

static int replay_one(struct replay *replay, struct replay_run *run, weir_error_detail *detail) {
    if (!run->is_surveyed) {
        return 0; /* reported */
    }
    if (run->first_begin[0] == '\0') {
        replay->counts.n_runs_without_steps++;
        replay_log_name_faults(&replay->shared, run);
        return 0;
    }
    struct replay_place place;
    replay_set_place(&replay->set, run, &place);
    replay->current = run;
    replay->is_fallback_counted = false;
    int error = replay->set.is_short ? WEIR_E_NO_MEMORY
                                     : replay_log_run(&replay->shared, run, &place, detail);
    return error == 0 && replay->set.is_short ? WEIR_E_NO_MEMORY : error;
}

int replay_run_all(struct replay *replay, const struct replay_options *options,
                   weir_error_detail *detail) {
    replay->options = *options;
    replay->shared = (struct replay_shared){.options = &replay->options,
                                            .counts = &replay->counts,
                                            .scratch = &replay->scratch,
                                            .resolve = resolve,
                                            .resolve_data = replay};
    for (size_t i = 0; i < replay->set.selected.n; i++) {
        replay->shared.total_bytes += 2 * replay->set.selected.items[i]->n_bytes;
    }
    replay_set_link(&replay->set);
    int error = survey_all(replay);
    for (size_t i = 0; i < replay->set.selected.n && error == 0; i++) {
        struct replay_run *run = replay->set.selected.items[i];
        error = replay_one(replay, run, detail);
        add_done(replay, run->n_bytes);
    }
    return error == WEIR_E_NO_MEMORY ? error_set(detail, error, "no memory to go on") : error;
}
