#include "tests/golden/check.h"

#include <string.h>

#include "tests/golden/improve.h"
#include "tests/golden/play.h"

/* One scenario in one mode, exact or improved. */
struct check {
    struct arena *arena;
    const struct scenario *scenario;
    weir_streaming_mode mode;
    unsigned wanted; /* improvements; 0: as the reference */
};

/* Against what the recording says with these improvements. NULL, or the first difference. */
static const char *difference(const struct check *check, unsigned wanted,
                              const struct play_result *result) {
    struct span_list spans;
    const char *fault =
        span_list_parse(check->arena, scenario_spans(check->scenario, check->mode), &spans);
    if (fault != NULL) {
        return fault;
    }
    struct timeline timeline = timeline_build(check->arena, check->scenario);
    timeline_match(check->arena, &timeline, check->scenario, &spans, check->mode);
    improve_spans(check->arena, check->scenario, &timeline, check->mode, wanted, &spans);
    struct file_list files = improve_files(check->arena, check->scenario, wanted);
    fault = span_list_difference(check->arena, &spans, &result->spans, timeline_leaks(&timeline));
    return fault ? fault : files_difference(check->arena, &files, &result->files);
}

/* Says which improvement is not there, when leaving it out explains everything. */
static const char *missing_improvement(const struct check *check,
                                       const struct play_result *result) {
    for (const int *number = improvement_numbers; *number != 0; number++) {
        unsigned without = check->wanted & ~IMPROVEMENT_BIT(*number);
        if (without != check->wanted && difference(check, without, result) == NULL) {
            return arena_format(check->arena, "improvement %d is missing: %s", *number,
                                improvement_name(*number));
        }
    }
    return NULL;
}

static const char *play_and_compare(const struct check *check, enum play_door door,
                                    struct play_result *result) {
    const struct play_options options = {check->mode, check->wanted == 0, door};
    const char *fault = play_scenario(check->arena, check->scenario, &options, result);
    fault = fault ? fault : difference(check, check->wanted, result);
    if (fault == NULL) {
        return NULL;
    }
    const char *missing = missing_improvement(check, result);
    return arena_format(check->arena, "  %s, %s: %s%s%s\n", check->wanted ? "improved" : "exact",
                        door == PLAY_HANDLES ? "handles" : "weir_emit", missing ? missing : "",
                        missing ? "; " : "", fault);
}

static const char *check_both_doors(const struct check *check) {
    struct play_result handles = {0}, emit = {0};
    const char *first = play_and_compare(check, PLAY_HANDLES, &handles);
    const char *second = play_and_compare(check, PLAY_EMIT, &emit);
    const char *third = NULL;
    if (first == NULL && second == NULL) {
        third = files_same(check->arena, &handles.files, &emit.files);
    }
    if (third != NULL) {
        third = arena_format(check->arena, "  the two ways differ: %s\n", third);
    }
    return first || second || third ? arena_format(check->arena, "%s%s%s", first ? first : "",
                                                   second ? second : "", third ? third : "")
                                    : NULL;
}

const char *check_scenario(struct arena *arena, const struct scenario *scenario,
                           weir_streaming_mode mode) {
    const char *exact = check_both_doors(&(struct check){arena, scenario, mode, 0});
    const char *improved =
        check_both_doors(&(struct check){arena, scenario, mode, IMPROVEMENTS_ALL});
    return exact || improved
               ? arena_format(arena, "%s%s", exact ? exact : "", improved ? improved : "")
               : NULL;
}
