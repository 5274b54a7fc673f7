/* Spans: their uids, nesting and ends. */
#include <string.h>

#include "tests/bridge/rig.h"

TestSuite(span);

Test(span, uids_count_siblings_below_each_parent) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    (void)rig_told(rig);
    weir_span *a = weir_span_begin(run.step, "a", NULL);
    weir_span_end(weir_span_begin(a, "b", NULL));
    weir_span *c = weir_span_begin(a, "c", NULL);
    weir_span_end(weir_span_begin(c, "d", NULL));
    weir_span_end(c);
    weir_span_end(a);
    weir_span_end(weir_span_begin(run.step, "e", NULL));
    weir_step_end(run.step, NULL);
    weir_step *next = weir_step_begin(run.call, "next", NULL);
    weir_span_end(weir_span_begin(next, "f", NULL));
    expect_told(rig, "pre_start_span 0:0\n"
                     "pre_start_span 0:0.0\npost_end_span 0:0.0\n"
                     "pre_start_span 0:0.1\n"
                     "pre_start_span 0:0.1.0\npost_end_span 0:0.1.0\n"
                     "post_end_span 0:0.1\n"
                     "post_end_span 0:0\n"
                     "pre_start_span 0:1\npost_end_span 0:1\n"
                     "post_run_step act#0\n"
                     "pre_run_step next#1\n"
                     "pre_start_span 1:0\npost_end_span 1:0\n");
}

Test(span, the_end_of_a_parent_ends_the_data_of_what_is_below) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    weir_span *a = weir_span_begin(run.step, "a", NULL);
    weir_span *b = weir_span_begin(a, "b", NULL);
    weir_span *c = weir_span_begin(b, "c", NULL);
    rig_pass(rig, 1);
    weir_span_end(a);
    rig_pass(rig, 1);
    (void)rig_told(rig);
    weir_set(c, "late", 1);
    weir_span_end(c);
    weir_span_end(b);
    expect_told(rig, "do_log_attributes late\npost_end_span 0:0.0.0\npost_end_span 0:0.0\n");
    rig_end(rig, &run);
    expect_tree(rig, RIG_TIMES | RIG_ATTRIBUTES,
                "run OK @0+2\n  act OK @0+2\n    a OK @0+1\n      b UNSET @0+1\n"
                "        c UNSET @0+1\n");
    expect_text(rig_records(rig, "a"),
                "begin_entry 0, begin_span 0, begin_span 0, begin_span 0, end_span 0, "
                "attribute 0, end_span 0, end_span 0, end_entry 0");
}

Test(span, siblings_may_overlap) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    weir_span *a = weir_span_begin(run.step, "a", NULL);
    rig_pass(rig, 1);
    weir_span *b = weir_span_begin(run.step, "b", NULL);
    rig_pass(rig, 1);
    weir_span_end(a);
    rig_pass(rig, 1);
    weir_span_end(b);
    rig_end(rig, &run);
    expect_tree(rig, RIG_TIMES, "run OK @0+3\n  act OK @0+3\n    a OK @0+2\n    b OK @1+2\n");
}

Test(span, dependencies_are_told_and_written) {
    static const char *const dependencies[] = {"first", "second", NULL};
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    weir_span_end(weir_span_begin(run.step, "a", dependencies));
    const char *log = rig_file(rig, "a", "log.jsonl");
    cr_assert(ne(ptr, strstr(log, "\"span_dependencies\":[\"first\",\"second\"]"), NULL));
}

Test(span, a_span_needs_a_name_and_an_open_parent) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    cr_assert(eq(ptr, weir_span_begin(run.step, NULL, NULL), NULL));
    cr_assert(eq(u64, rig_stats(rig).refused_values, 1));
    cr_assert(eq(ptr, weir_step_span_begin(NULL, "a", NULL), NULL));
    cr_assert(eq(ptr, weir_span_span_begin(NULL, "a", NULL), NULL));
    weir_span *a = weir_span_begin(run.step, "a", NULL);
    weir_span_end(a);
    uint64_t before = rig_stats(rig).stale_handles;
    cr_assert(eq(ptr, weir_span_begin(a, "b", NULL), NULL));
    weir_set(a, "late", 1);
    weir_span_end(a);
    weir_span_end(NULL);
    cr_assert(eq(u64, rig_stats(rig).stale_handles, before + 3));
}

Test(span, an_empty_name_is_a_name) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    weir_span_end(weir_span_begin(run.step, "", NULL));
    rig_end(rig, &run);
    expect_tree(rig, 0, "run OK\n  act OK\n     OK\n");
}

Test(span, nesting_ends_where_the_uid_gets_too_long) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    weir_span *deepest = weir_span_begin(run.step, "s", NULL);
    unsigned depth = 0;
    for (weir_span *span = deepest; span != NULL; depth++) {
        deepest = span;
        span = weir_span_begin(deepest, "s", NULL);
    }
    cr_assert(gt(uint, depth, 200));
    cr_assert(lt(uint, depth, 300));
    weir_set(deepest, "k", 1); /* the one above it is untouched */
    weir_app_free(run.app);
    struct span_list spans = rig_spans(rig);
    cr_assert(eq(sz, spans.n, depth + 2));
    cr_assert(eq(u64, rig_stats(rig).refused_values, 1));
    cr_assert(eq(u64, rig_stats(rig).no_memory, 0));
}

/* ---- events and errors ---- */

Test(span, an_event_is_on_its_span) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    weir_span *span = weir_span_begin(run.step, "a", NULL);
    rig_pass(rig, 2);
    const weir_key_value attributes[] = {{"n", weir_value_int(3)}};
    weir_event(span, "cache miss", attributes, 1);
    weir_event(run.step, "bare", NULL, 0);
    weir_span_end(span);
    rig_end(rig, &run);
    expect_tree(rig, RIG_EVENTS | RIG_ATTRIBUTES | RIG_TIMES,
                "run OK @0+2\n  act OK @0+2\n    ! bare @2\n    a OK @0+2\n"
                "      ! cache miss @2 n=3\n");
}

Test(span, an_error_that_was_set_outlives_an_end_without_one) {
    const weir_error boom = {"ValueError", "boom"};
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    weir_span *span = weir_span_begin(run.step, "a", NULL);
    weir_set_error(span, &boom);
    weir_span_end(span);
    weir_set_error(run.step, &boom);
    weir_set_error(run.step, NULL);
    rig_end(rig, &run);
    expect_tree(rig, 0, "run OK\n  act ERROR boom\n    a ERROR boom\n");
}

Test(span, the_error_of_the_end_wins) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    weir_set_error(run.step, &WEIR_ERROR("A", "first"));
    weir_step_end(run.step, &WEIR_STEP_RESULT(.error = &WEIR_ERROR("B", "last")));
    rig_end(rig, &run);
    expect_tree(rig, 0, "run OK\n  act ERROR last\n");
}

Test(span, an_event_needs_a_name) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    weir_event(run.step, NULL, NULL, 0);
    weir_event(run.step, "e", NULL, 3);
    rig_end(rig, &run);
    expect_tree(rig, RIG_EVENTS, "run OK\n  act OK\n    ! e\n");
    cr_assert(eq(u64, rig_stats(rig).refused_values, 1));
}
