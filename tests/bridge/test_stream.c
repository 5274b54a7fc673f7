/* The order of a stream's calls, its ends, and what its pulls add up to. */
#include <string.h>

#include "tests/bridge/rig.h"

TestSuite(stream);

#define STREAMS &WEIR_STEP_OPTIONS(.streams = true)

static const weir_error BOOM = {"ValueError", "boom"};

struct fixture {
    struct rig *rig;
    struct rig_run run;
    weir_stream *stream;
};

static struct fixture set_up(void) {
    struct fixture f = {.rig = RIG(.streaming_mode = WEIR_STREAMING_SINGLE_SPAN)};
    f.run = rig_begin(f.rig, STREAMS);
    f.stream = weir_stream_begin(f.run.step);
    (void)rig_told(f.rig);
    return f;
}

static void tear_down(struct fixture *f) {
    rig_close(&f->rig);
}

static uint64_t out_of_order(const struct fixture *f) {
    return rig_stats(f->rig).out_of_order;
}

/* ---- the usual order ---- */

Test(stream, a_stream_that_runs_dry) {
    struct fixture f CLEANUP(tear_down) = set_up();
    weir_stream_pull(f.stream);
    weir_stream_yield(f.stream);
    weir_stream_pull(f.stream);
    weir_stream_exhausted(f.stream);
    weir_step_end(f.run.step, NULL);
    weir_stream_end(f.stream);
    weir_call_end(f.run.call, NULL);
    expect_told(f.rig, "pre_stream_generate 0\n"
                       "post_stream_generate 0\n"
                       "post_stream_item 0\n"
                       "pre_stream_generate 1\n"
                       "post_stream_generate 1\n"
                       "post_run_step act#0\n"
                       "post_end_stream act#0\n"
                       "post_run_execute_call run\n");
    cr_assert(eq(u64, out_of_order(&f), 0));
}

Test(stream, the_end_of_the_stream_may_come_before_that_of_the_step) {
    struct fixture f CLEANUP(tear_down) = set_up();
    weir_stream_end(f.stream);
    expect_told(f.rig, "");
    weir_step_end(f.run.step, NULL);
    expect_told(f.rig, "post_run_step act#0\npost_end_stream act#0\n");
    expect_text(rig_records(f.rig, "a"),
                "begin_entry 0, begin_stream 0, end_entry 0, end_stream 0");
}

Test(stream, the_log_is_the_same_whichever_ends_first) {
    const char *logs[2];
    struct rig *rigs[2];
    for (int i = 0; i < 2; i++) {
        struct rig *rig = rigs[i] = RIG();
        struct rig_run run = rig_begin(rig, STREAMS);
        weir_stream *stream = weir_stream_begin(run.step);
        rig_pass(rig, 3);
        if (i == 0) {
            weir_stream_end(stream);
            weir_step_end(run.step, NULL);
        } else {
            weir_step_end(run.step, NULL);
            weir_stream_end(stream);
        }
        logs[i] = rig_file(rig, "a", "log.jsonl");
    }
    expect_text(logs[0], logs[1]);
    rig_close(&rigs[0]);
    rig_close(&rigs[1]);
}

Test(stream, an_item_may_lag_behind_the_pulls) {
    struct fixture f CLEANUP(tear_down) = set_up();
    weir_stream_pull(f.stream);
    weir_stream_produced(f.stream);
    weir_stream_pull(f.stream);
    weir_stream_produced(f.stream);
    weir_stream_item(f.stream);
    weir_stream_item(f.stream);
    expect_told(f.rig, "pre_stream_generate 0\npost_stream_generate 0\n"
                       "pre_stream_generate 1\npost_stream_generate 1\n"
                       "post_stream_item 0\npost_stream_item 1\n");
    cr_assert(eq(u64, out_of_order(&f), 0));
}

Test(stream, a_produced_value_need_not_become_an_item) {
    struct fixture f CLEANUP(tear_down) = set_up();
    weir_stream_pull(f.stream);
    rig_pass(f.rig, 2);
    weir_stream_yield(f.stream);
    weir_stream_pull(f.stream);
    weir_stream_produced(f.stream);
    weir_step_end(f.run.step, NULL);
    weir_stream_end(f.stream);
    cr_assert(ne(ptr, strstr(rig_file(f.rig, "a", "log.jsonl"), "\"items_streamed\":1,"), NULL));
    rig_end(f.rig, &f.run);
    cr_assert(ne(ptr, strstr(rig_tree(f.rig, RIG_ATTRIBUTES), "stream.iteration_count=2"), NULL));
}

Test(stream, a_plain_loop_needs_no_last_pull) {
    struct fixture f CLEANUP(tear_down) = set_up();
    for (int i = 0; i < 3; i++) {
        weir_stream_pull(f.stream);
        weir_stream_yield(f.stream);
    }
    weir_step_end(f.run.step, NULL);
    weir_stream_end(f.stream);
    rig_end(f.rig, &f.run);
    expect_tree(f.rig, 0, "run OK\n  act OK\n");
    cr_assert(eq(u64, out_of_order(&f), 0));
}

/* ---- out of order ---- */

Test(stream, a_pull_ends_an_open_one_as_produced) {
    struct fixture f CLEANUP(tear_down) = set_up();
    f.rig->keeps_fields = true;
    weir_stream_pull(f.stream);
    weir_stream_pull(f.stream);
    const char *told = rig_told(f.rig);
    cr_assert(ne(ptr, strstr(told, "outcome=produced"), NULL), "%s", told);
    cr_assert(eq(u64, out_of_order(&f), 0));
}

typedef void stream_call(weir_stream *stream);

static void fail(weir_stream *stream) {
    weir_stream_failed(stream, &BOOM);
}

Test(stream, what_ends_a_pull_needs_an_open_one) {
    static stream_call *const calls[] = {weir_stream_produced, weir_stream_exhausted, fail,
                                         weir_stream_item, weir_stream_yield};
    for (size_t i = 0; i < ARRAY_LENGTH(calls); i++) {
        struct fixture f CLEANUP(tear_down) = set_up();
        calls[i](f.stream);
        expect_told(f.rig, "");
        cr_assert(eq(u64, out_of_order(&f), 1), "call %zu", i);
    }
}

Test(stream, nothing_comes_after_a_failed_pull) {
    static stream_call *const calls[] = {weir_stream_pull, weir_stream_produced,
                                         weir_stream_exhausted, fail, weir_stream_yield};
    for (size_t i = 0; i < ARRAY_LENGTH(calls); i++) {
        struct fixture f CLEANUP(tear_down) = set_up();
        weir_stream_pull(f.stream);
        weir_stream_failed(f.stream, &BOOM);
        (void)rig_told(f.rig);
        calls[i](f.stream);
        expect_told(f.rig, "");
        cr_assert(eq(u64, out_of_order(&f), 1), "call %zu", i);
    }
}

Test(stream, a_pull_may_come_after_one_that_found_nothing) {
    struct fixture f CLEANUP(tear_down) = set_up();
    weir_stream_pull(f.stream);
    weir_stream_exhausted(f.stream); /* a generator that gave None */
    weir_stream_pull(f.stream);
    weir_stream_yield(f.stream);
    expect_told(f.rig, "pre_stream_generate 0\npost_stream_generate 0\n"
                       "pre_stream_generate 1\npost_stream_generate 1\npost_stream_item 0\n");
    cr_assert(eq(u64, out_of_order(&f), 0));
}

Test(stream, a_yield_without_a_pull_hands_over_no_older_value) {
    struct fixture f CLEANUP(tear_down) = set_up();
    weir_stream_pull(f.stream);
    weir_stream_produced(f.stream);
    (void)rig_told(f.rig);
    weir_stream_yield(f.stream);
    expect_told(f.rig, "");
    cr_assert(eq(u64, out_of_order(&f), 1));
}

Test(stream, a_failed_pull_without_an_error_is_still_one) {
    struct fixture f CLEANUP(tear_down) = set_up();
    weir_stream_pull(f.stream);
    weir_stream_failed(f.stream, NULL);
    expect_told(f.rig, "pre_stream_generate 0\npost_stream_generate 0 Error\n");
}

Test(stream, an_ended_stream_takes_no_calls) {
    struct fixture f CLEANUP(tear_down) = set_up();
    weir_stream_end(f.stream);
    uint64_t before = rig_stats(f.rig).stale_handles;
    weir_stream_pull(f.stream);
    weir_stream_produced(f.stream);
    weir_stream_item(f.stream);
    weir_stream_yield(f.stream);
    weir_stream_exhausted(f.stream);
    weir_stream_failed(f.stream, &BOOM);
    weir_stream_abandon(f.stream);
    weir_stream_end(f.stream);
    expect_told(f.rig, "");
    cr_assert(eq(u64, rig_stats(f.rig).stale_handles, before + 8));
}

/* ---- one at a time ---- */

Test(stream, a_step_has_one_stream_at_a_time) {
    struct fixture f CLEANUP(tear_down) = set_up();
    cr_assert(eq(ptr, weir_stream_begin(f.run.step), NULL));
    cr_assert(eq(u64, out_of_order(&f), 1));
}

Test(stream, a_second_stream_goes_on_with_index_and_sums) {
    struct fixture f CLEANUP(tear_down) = set_up();
    weir_stream_pull(f.stream);
    rig_pass(f.rig, 10);
    weir_stream_yield(f.stream);
    weir_stream_pull(f.stream);
    weir_stream_exhausted(f.stream);
    weir_stream_end(f.stream);
    (void)rig_told(f.rig);
    weir_stream *second = weir_stream_begin(f.run.step);
    rig_pass(f.rig, 5);
    weir_stream_pull(second);
    rig_pass(f.rig, 20);
    weir_stream_yield(second);
    expect_told(f.rig, "post_end_stream act#0\n"
                       "pre_start_stream act#0\n"
                       "pre_stream_generate 2\n"
                       "post_stream_generate 2\n"
                       "post_stream_item 1\n");
    weir_step_end(f.run.step, NULL);
    weir_stream_end(second);
    rig_end(f.rig, &f.run);
    expect_tree(f.rig, RIG_ATTRIBUTES,
                "run OK\n"
                "  act OK stream.generation_time_ms=30.0 stream.consumer_time_ms=5.0"
                " stream.iteration_count=2 stream.first_item_time_ms=10.0\n");
}

Test(stream, a_stream_after_an_abandoned_one_is_measured_too) {
    struct fixture f CLEANUP(tear_down) = set_up();
    weir_stream_pull(f.stream);
    weir_stream_yield(f.stream);
    weir_stream_abandon(f.stream);
    weir_stream_end(f.stream);
    weir_stream *second = weir_stream_begin(f.run.step);
    weir_stream_pull(second);
    weir_stream_yield(second);
    weir_step_end(f.run.step, NULL);
    weir_stream_end(second);
    rig_end(f.rig, &f.run);
    cr_assert(eq(u64, out_of_order(&f), 0));
    const char *tree = rig_tree(f.rig, RIG_ATTRIBUTES);
    cr_assert(ne(ptr, strstr(tree, "stream.iteration_count=2"), NULL), "%s", tree);
    cr_assert(ne(ptr, strstr(tree, "act ERROR abandoned"), NULL), "%s", tree);
}

/* ---- abandonment ---- */

Test(stream, abandoning_only_marks) {
    struct fixture f CLEANUP(tear_down) = set_up();
    weir_stream_pull(f.stream);
    weir_stream_yield(f.stream);
    (void)rig_told(f.rig);
    weir_stream_abandon(f.stream);
    expect_told(f.rig, "");
    weir_step_end(f.run.step, NULL);
    weir_call_end(f.run.call, NULL);
    weir_stream_end(f.stream);
    expect_told(f.rig, "post_run_step act#0 GeneratorExit\n"
                       "post_run_execute_call run GeneratorExit\n"
                       "post_end_stream act#0\n");
}

Test(stream, no_pull_comes_after_abandoning) {
    struct fixture f CLEANUP(tear_down) = set_up();
    weir_stream_abandon(f.stream);
    weir_stream_pull(f.stream);
    expect_told(f.rig, "");
    cr_assert(eq(u64, out_of_order(&f), 1));
}

Test(stream, an_open_pull_that_was_abandoned_may_still_produce) {
    struct fixture f CLEANUP(tear_down) = set_up();
    weir_stream_pull(f.stream);
    weir_stream_abandon(f.stream);
    weir_stream_yield(f.stream);
    weir_stream_pull(f.stream);
    expect_told(f.rig, "pre_stream_generate 0\npost_stream_generate 0\npost_stream_item 0\n");
    cr_assert(eq(u64, out_of_order(&f), 1));
}

Test(stream, a_stream_that_ran_dry_cannot_be_abandoned) {
    struct fixture f CLEANUP(tear_down) = set_up();
    weir_stream_pull(f.stream);
    weir_stream_exhausted(f.stream);
    weir_stream_abandon(f.stream);
    weir_step_end(f.run.step, NULL);
    weir_stream_end(f.stream);
    rig_end(f.rig, &f.run);
    expect_tree(f.rig, 0, "run OK\n  act OK\n");
}

Test(stream, a_stream_of_an_ended_step_cannot_be_abandoned) {
    struct fixture f CLEANUP(tear_down) = set_up();
    weir_step_end(f.run.step, NULL);
    weir_stream_abandon(f.stream);
    weir_stream_end(f.stream);
    rig_end(f.rig, &f.run);
    expect_tree(f.rig, 0, "run OK\n  act OK\n");
}

static void leave_scope(weir_step *step, bool finishes) {
    WEIR_SCOPED_STREAM *stream = weir_stream_begin(step);
    weir_stream_pull(stream);
    weir_stream_yield(stream);
    if (finishes) {
        weir_stream_end(stream);
    }
}

Test(stream, a_stream_that_leaves_its_scope_is_abandoned_unless_it_was_ended) {
    for (int finishes = 0; finishes < 2; finishes++) {
        struct rig *rig CLEANUP(rig_close) = RIG();
        struct rig_run run = rig_begin(rig, STREAMS);
        leave_scope(run.step, finishes);
        rig_end(rig, &run);
        expect_tree(rig, 0,
                    finishes ? "run OK\n  act OK\n"
                             : "run ERROR abandoned\n  act ERROR abandoned\n");
    }
}

static void leave_other_scopes(weir_app *app) {
    WEIR_SCOPED_CALL *call = weir_call_begin(app, WEIR_METHOD_RUN);
    WEIR_SCOPED_STEP *step = weir_step_begin(call, "act", NULL);
    WEIR_SCOPED_SPAN *span = weir_span_begin(step, "inside", NULL);
    (void)span;
}

Test(stream, the_other_scopes_end_without_error) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    weir_app *app = weir_app_new(rig->w, NULL);
    leave_other_scopes(app);
    weir_app_free(app);
    expect_tree(rig, 0, "run OK\n  act OK\n    inside OK\n");
    cr_assert(eq(u64, rig_stats(rig).left_open, 0));
}

/* ---- pulls that are open at an end ---- */

static const char *end_in_pull(weir_streaming_mode mode, bool by_step, const weir_error *error,
                               struct rig **out) {
    struct rig *rig = *out = RIG(.streaming_mode = mode);
    struct rig_run run = rig_begin(rig, STREAMS);
    weir_stream *stream = weir_stream_begin(run.step);
    weir_stream_pull(stream);
    rig_pass(rig, 7);
    if (!by_step) {
        weir_stream_end(stream);
    }
    weir_step_end(run.step, &WEIR_STEP_RESULT(.error = error));
    weir_stream_end(stream);
    weir_call_end(run.call, error);
    weir_app_free(run.app);
    return rig_tree(rig, RIG_ATTRIBUTES);
}

Test(stream, a_pull_open_at_the_end_is_abandoned_and_counts_as_generation) {
    for (int by_step = 0; by_step < 2; by_step++) {
        struct rig *rig CLEANUP(rig_close) = NULL;
        expect_text_at(by_step,
                       end_in_pull(WEIR_STREAMING_SINGLE_AND_CHUNK_SPANS, by_step, NULL, &rig),
                       "run ERROR abandoned\n"
                       "  act ERROR abandoned stream.generation_time_ms=7.0"
                       " stream.consumer_time_ms=0.0 stream.iteration_count=0\n"
                       "    act::chunk_0 ERROR abandoned\n");
    }
}

Test(stream, a_pull_open_when_its_step_fails_fails_with_it) {
    struct rig *rig CLEANUP(rig_close) = NULL;
    expect_text(end_in_pull(WEIR_STREAMING_CHUNK_SPANS, true, &BOOM, &rig),
                "run ERROR boom\n  act::chunk_0 ERROR boom\n");
}

/* ---- ends that never came ---- */

Test(stream, the_end_is_told_at_the_latest_when_the_app_is_freed) {
    struct fixture f CLEANUP(tear_down) = set_up();
    weir_stream_pull(f.stream);
    weir_stream_yield(f.stream);
    (void)rig_told(f.rig);
    weir_app_free(f.run.app);
    expect_told(f.rig, "post_run_step act#0 GeneratorExit\n"
                       "post_end_stream act#0\n"
                       "post_run_execute_call run GeneratorExit\n");
    expect_tree(f.rig, 0, "run ERROR abandoned\n  act ERROR abandoned\n");
    cr_assert(eq(u64, rig_stats(f.rig).left_open, 3));
}

Test(stream, a_stream_left_open_after_its_step_ended_is_finished) {
    struct fixture f CLEANUP(tear_down) = set_up();
    weir_step_end(f.run.step, NULL);
    weir_call_end(f.run.call, NULL);
    (void)rig_told(f.rig);
    weir_app_free(f.run.app);
    expect_told(f.rig, "post_end_stream act#0\n");
    expect_tree(f.rig, 0, "run OK\n  act OK\n");
    cr_assert(eq(u64, rig_stats(f.rig).left_open, 1));
}

Test(stream, an_item_may_come_after_the_step_has_ended) {
    struct fixture f CLEANUP(tear_down) = set_up();
    weir_stream_pull(f.stream);
    weir_stream_produced(f.stream);
    weir_step_end(f.run.step, NULL);
    (void)rig_told(f.rig);
    weir_stream_item(f.stream);
    weir_stream_pull(f.stream);
    weir_stream_end(f.stream);
    expect_told(f.rig, "post_stream_item 0\npost_end_stream act#0\n");
    cr_assert(eq(u64, out_of_order(&f), 1)); /* the pull */
}

Test(stream, null_is_no_stream) {
    uint64_t before;
    weir_stats stats = {.size = sizeof stats};
    weir_get_stats(NULL, &stats);
    before = stats.stale_handles;
    weir_stream_pull(weir_stream_begin(NULL));
    weir_stream_produced(NULL);
    weir_stream_item(NULL);
    weir_stream_yield(NULL);
    weir_stream_exhausted(NULL);
    weir_stream_failed(NULL, NULL);
    weir_stream_abandon(NULL);
    weir_stream_end(NULL);
    weir_get_stats(NULL, &stats);
    cr_assert(eq(u64, stats.stale_handles, before));
}
