/* Calls inside calls, and what they end with. */
#include <string.h>

#include "tests/bridge/rig.h"

TestSuite(call);

static const weir_error BOOM = {"ValueError", "boom"};

Test(call, methods_name_their_spans) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    weir_app *app = weir_app_new(rig->w, &WEIR_APP_OPTIONS(.app_id = "a"));
    for (weir_method m = WEIR_METHOD_STEP; m <= WEIR_METHOD_ASTREAM_ITERATE; m++) {
        weir_call_end(weir_call_begin(app, m), NULL);
        rig_pass(rig, 1);
    }
    expect_tree(rig, 0,
                "step OK\nastep OK\niterate OK\naiterate OK\nrun OK\narun OK\nstream_result OK\n"
                "stream_result OK\nstream_iterate OK\nastream_iterate OK\n");
}

Test(call, an_unknown_method_begins_nothing) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    weir_app *app = weir_app_new(rig->w, NULL);
    cr_assert(eq(ptr, weir_call_begin(app, (weir_method)0), NULL));
    cr_assert(eq(ptr, weir_call_begin(app, (weir_method)99), NULL));
    cr_assert(eq(ptr, weir_call_begin(NULL, WEIR_METHOD_RUN), NULL));
    cr_assert(eq(u64, rig_stats(rig).refused_values, 2));
}

Test(call, errors_are_told_and_shown) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    weir_app *app = weir_app_new(rig->w, &WEIR_APP_OPTIONS(.app_id = "a"));
    weir_call_end(weir_call_begin(app, WEIR_METHOD_RUN), &BOOM);
    rig_pass(rig, 1);
    weir_call_end(weir_call_begin(app, WEIR_METHOD_STEP), &WEIR_ERROR("KeyError", ""));
    expect_told(rig, "post_application_create a\n"
                     "pre_run_execute_call run\npost_run_execute_call run ValueError\n"
                     "pre_run_execute_call step\npost_run_execute_call step KeyError\n");
    expect_tree(rig, 0, "run ERROR boom\nstep ERROR\n");
}

Test(call, a_failed_step_does_not_fail_its_call) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    weir_step_end(run.step, &WEIR_STEP_RESULT(.error = &BOOM));
    rig_end(rig, &run);
    expect_tree(rig, 0, "run OK\n  act ERROR boom\n");
}

/* ---- calls inside calls ---- */

Test(call, a_call_inside_a_call_of_its_app_is_silent) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    weir_app *app = weir_app_new(rig->w, &WEIR_APP_OPTIONS(.app_id = "a"));
    weir_call *outer = weir_call_begin(app, WEIR_METHOD_RUN);
    weir_call *inner = weir_call_begin(app, WEIR_METHOD_STEP);
    weir_call *innermost = weir_call_begin(app, WEIR_METHOD_STEP);
    (void)rig_told(rig);
    weir_step_end(weir_step_begin(innermost, "act", NULL), NULL);
    weir_call_end(innermost, &BOOM);
    weir_call_end(inner, &BOOM);
    expect_told(rig, "pre_run_step act#0\npost_run_step act#0\n");
    weir_call_end(outer, NULL);
    expect_told(rig, "post_run_execute_call run\n");
    expect_tree(rig, 0, "run OK\n  act OK\n");
}

Test(call, a_silent_call_stays_silent_when_the_outer_one_ends_first) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    weir_app *app = weir_app_new(rig->w, &WEIR_APP_OPTIONS(.app_id = "a"));
    weir_call *outer = weir_call_begin(app, WEIR_METHOD_RUN);
    weir_call *inner = weir_call_begin(app, WEIR_METHOD_STEP);
    rig_pass(rig, 1);
    weir_call_end(outer, NULL);
    (void)rig_told(rig);
    weir_step_end(weir_step_begin(inner, "act", NULL), NULL);
    weir_call_end(inner, NULL);
    expect_told(rig, "pre_run_step act#0\npost_run_step act#0\n");
    expect_tree(rig, 0, "run OK\n  act OK\n");
    cr_assert(eq(u64, rig_stats(rig).left_open, 0));
}

Test(call, a_parallel_call_is_its_own) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    weir_app *app = weir_app_new(rig->w, &WEIR_APP_OPTIONS(.app_id = "a"));
    weir_call *first = weir_call_begin(app, WEIR_METHOD_RUN);
    rig_pass(rig, 1);
    weir_call *second =
        weir_call_begin_with(app, WEIR_METHOD_STEP, &WEIR_CALL_OPTIONS(.parallel = true));
    weir_step_end(weir_step_begin(first, "a", NULL), NULL);
    weir_step_end(weir_step_begin(second, "b", NULL), NULL);
    weir_call_end(first, NULL);
    weir_call_end(second, NULL);
    expect_tree(rig, 0, "run OK\n  a OK\nstep OK\n  b OK\n");
}

Test(call, calls_of_other_apps_are_not_inside) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    weir_call *a = weir_call_begin(weir_app_new(rig->w, NULL), WEIR_METHOD_RUN);
    rig_pass(rig, 1);
    weir_call *b = weir_call_begin(weir_app_new(rig->w, NULL), WEIR_METHOD_STEP);
    weir_call_end(b, NULL);
    weir_call_end(a, NULL);
    expect_tree(rig, 0, "run OK\nstep OK\n");
}

Test(call, iterate_ends_before_its_steps_begin) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    weir_app *app = weir_app_new(rig->w, &WEIR_APP_OPTIONS(.app_id = "a"));
    weir_call_end(weir_call_begin(app, WEIR_METHOD_ITERATE), NULL);
    for (int i = 0; i < 2; i++) {
        rig_pass(rig, 1);
        weir_call *call = weir_call_begin(app, WEIR_METHOD_STEP);
        weir_step_end(weir_step_begin(call, "act", NULL), NULL);
        weir_call_end(call, NULL);
    }
    expect_tree(rig, 0, "iterate OK\nstep OK\n  act OK\nstep OK\n  act OK\n");
}

/* ---- ends ---- */

Test(call, the_second_end_does_nothing) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    weir_app *app = weir_app_new(rig->w, &WEIR_APP_OPTIONS(.app_id = "a"));
    weir_call *call = weir_call_begin(app, WEIR_METHOD_RUN);
    weir_call_end(call, NULL);
    (void)rig_told(rig);
    uint64_t before = rig_stats(rig).stale_handles;
    weir_call_end(call, &BOOM);
    weir_call_end(NULL, NULL);
    expect_told(rig, "");
    cr_assert(eq(u64, rig_stats(rig).stale_handles, before + 1));
}

Test(call, an_open_stream_is_summed_up_when_the_call_ends_first) {
    struct rig *rig CLEANUP(rig_close) = RIG(.streaming_mode = WEIR_STREAMING_EVENT);
    struct rig_run run = rig_begin(rig, &WEIR_STEP_OPTIONS(.streams = true));
    weir_stream *stream = weir_stream_begin(run.step);
    weir_stream_pull(stream);
    rig_pass(rig, 3);
    weir_stream_yield(stream);
    weir_call_end(run.call, NULL);
    rig_pass(rig, 1);
    weir_step_end(run.step, NULL);
    weir_stream_end(stream);
    expect_tree(rig, RIG_EVENTS | RIG_ATTRIBUTES | RIG_TIMES,
                "run OK @0+3\n"
                "  ! stream_completed @3 stream.generation_time_ms=3.0"
                " stream.consumer_time_ms=0.0 stream.total_time_ms=3.0 stream.iteration_count=1"
                " stream.first_item_time_ms=3.0\n");
    expect_text(rig_records(rig, "a"), "begin_entry 0, begin_stream 0, first_item_stream 0, "
                                       "end_entry 0, end_stream 0");
}
