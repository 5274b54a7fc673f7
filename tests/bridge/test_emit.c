/* weir_emit: events that find their objects by ids. */
#include <string.h>

#include "tests/bridge/rig.h"

TestSuite(emit);

#define EMIT(rig, hook_, ...)                                                                      \
    weir_emit((rig)->w, &WEIR_LIFECYCLE_EVENT(.hook = (hook_), .app_id = "a", __VA_ARGS__))

static void begin_step(struct rig *rig, const char *action, int64_t sequence_id, bool streams) {
    EMIT(rig, WEIR_HOOK_PRE_RUN_STEP, .action = action, .sequence_id = sequence_id,
         .streams = streams);
}

static void end_step(struct rig *rig, const char *action, int64_t sequence_id,
                     const weir_error *error) {
    EMIT(rig, WEIR_HOOK_POST_RUN_STEP, .action = action, .sequence_id = sequence_id,
         .error = error);
}

static void begin_call(struct rig *rig, weir_method method) {
    EMIT(rig, WEIR_HOOK_PRE_RUN_EXECUTE_CALL, .method = method);
}

static void end_call(struct rig *rig, weir_method method) {
    EMIT(rig, WEIR_HOOK_POST_RUN_EXECUTE_CALL, .method = method);
}

/* ---- the whole way ---- */

Test(emit, a_run_by_events_is_a_run) {
    const weir_value inputs = weir_value_json("{\"q\":1}"), state = weir_value_json("{\"n\":1}");
    const weir_value item = weir_value_string("token");
    const weir_key_value attribute = {"k", weir_value_int(1)};
    struct rig *rig CLEANUP(rig_close) =
        RIG(.streaming_mode = WEIR_STREAMING_SINGLE_AND_CHUNK_SPANS);
    EMIT(rig, WEIR_HOOK_POST_APPLICATION_CREATE, .partition_key = "user", .state = &state);
    begin_call(rig, WEIR_METHOD_STREAM_RESULT);
    EMIT(rig, WEIR_HOOK_PRE_RUN_STEP, .action = "s", .sequence_id = 3, .streams = true,
         .inputs = &inputs);
    EMIT(rig, WEIR_HOOK_PRE_START_SPAN, .sequence_id = 3, .span_uid = "3:0", .span_name = "outer");
    EMIT(rig, WEIR_HOOK_PRE_START_SPAN, .sequence_id = 3, .span_uid = "3:0.0",
         .parent_span_uid = "3:0", .span_name = "inner");
    EMIT(rig, WEIR_HOOK_DO_LOG_ATTRIBUTES, .sequence_id = 3, .span_uid = "3:0.0",
         .attributes = &attribute, .n_attributes = 1);
    EMIT(rig, WEIR_HOOK_POST_END_SPAN, .sequence_id = 3, .span_uid = "3:0.0");
    EMIT(rig, WEIR_HOOK_POST_END_SPAN, .sequence_id = 3, .span_uid = "3:0");
    EMIT(rig, WEIR_HOOK_PRE_START_STREAM, .sequence_id = 3);
    EMIT(rig, WEIR_HOOK_PRE_STREAM_GENERATE, .sequence_id = 3);
    rig_pass(rig, 5);
    EMIT(rig, WEIR_HOOK_POST_STREAM_GENERATE, .sequence_id = 3, .item = &item);
    EMIT(rig, WEIR_HOOK_POST_STREAM_ITEM, .sequence_id = 3, .item = &item);
    EMIT(rig, WEIR_HOOK_PRE_STREAM_GENERATE, .sequence_id = 3);
    EMIT(rig, WEIR_HOOK_POST_STREAM_GENERATE, .sequence_id = 3);
    end_step(rig, "s", 3, NULL);
    end_call(rig, WEIR_METHOD_STREAM_RESULT);
    EMIT(rig, WEIR_HOOK_POST_END_STREAM, .sequence_id = 3);
    expect_tree(rig, RIG_ATTRIBUTES | RIG_TIMES,
                "stream_result OK @0+5\n"
                "  s OK @0+5 stream.generation_time_ms=5.0 stream.consumer_time_ms=0.0"
                " stream.iteration_count=1 stream.first_item_time_ms=5.0\n"
                "    outer OK @0+0\n"
                "      inner OK @0+0 k=1\n"
                "    s::chunk_0 OK @0+5\n");
    expect_text(rig_records(rig, "a"),
                "begin_entry 3, begin_span 3, begin_span 3, attribute 3, end_span 3, end_span 3, "
                "begin_stream 3, first_item_stream 3, end_entry 3, end_stream 3");
    cr_assert(eq(u64, rig_stats(rig).out_of_order, 0));
}

Test(emit, what_is_given_is_told) {
    const weir_value item = weir_value_string("token");
    struct rig *rig CLEANUP(rig_close) = RIG();
    begin_call(rig, WEIR_METHOD_RUN);
    begin_step(rig, "s", 0, true);
    EMIT(rig, WEIR_HOOK_PRE_START_STREAM, .sequence_id = 0);
    EMIT(rig, WEIR_HOOK_PRE_STREAM_GENERATE, .sequence_id = 0);
    (void)rig_told(rig);
    rig->keeps_fields = true;
    EMIT(rig, WEIR_HOOK_POST_STREAM_GENERATE, .sequence_id = 0, .item = &item);
    EMIT(rig, WEIR_HOOK_POST_STREAM_ITEM, .sequence_id = 0, .item = &item);
    expect_told(rig, "post_stream_generate app=a method=run action=s#0 outcome=produced"
                     " item=\"token\" initialized\n"
                     "post_stream_item app=a method=run action=s#0 item=\"token\" initialized"
                     " first_item\n");
}

/* ---- how a pull ended ---- */

Test(emit, the_outcome_follows_from_item_and_error_unless_it_is_given) {
    const weir_value item = weir_value_int(1);
    const weir_error boom = {"E", "boom"};
    const struct {
        weir_lifecycle_event event;
        const char *told;
    } rows[] = {
        {{.item = &item}, "outcome=produced"},
        {{.item = NULL}, "outcome=exhausted"},
        {{.error = &boom}, "outcome=failed"},
        {{.outcome = WEIR_PULL_PRODUCED}, "outcome=produced"},
        {{.outcome = WEIR_PULL_EXHAUSTED, .item = &item}, "outcome=exhausted"},
        {{.outcome = WEIR_PULL_FAILED, .item = &item}, "outcome=failed"},
        {{.outcome = (weir_pull_outcome)77, .item = &item}, "outcome=produced"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct rig *rig CLEANUP(rig_close) = RIG();
        begin_call(rig, WEIR_METHOD_RUN);
        begin_step(rig, "s", 0, true);
        EMIT(rig, WEIR_HOOK_PRE_START_STREAM, .sequence_id = 0);
        EMIT(rig, WEIR_HOOK_PRE_STREAM_GENERATE, .sequence_id = 0);
        (void)rig_told(rig);
        rig->keeps_fields = true;
        EMIT(rig, WEIR_HOOK_POST_STREAM_GENERATE, .outcome = rows[i].event.outcome,
             .item = rows[i].event.item, .error = rows[i].event.error);
        const char *told = rig_told(rig);
        cr_assert(ne(ptr, strstr(told, rows[i].told), NULL), "row %zu: %s", i, told);
    }
}

/* ---- finding ---- */

Test(emit, beginnings_make_what_is_not_there) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    begin_call(rig, WEIR_METHOD_RUN);
    expect_told(rig, "post_application_create a\npre_run_execute_call run\n");
    weir_emit(rig->w, &WEIR_LIFECYCLE_EVENT(.hook = WEIR_HOOK_PRE_RUN_STEP, .app_id = "b",
                                            .action = "s", .sequence_id = 9));
    expect_told(rig, "post_application_create b\npre_run_step s#9\n");
    cr_assert(eq(u64, rig_stats(rig).out_of_order, 0));
}

Test(emit, a_step_outside_of_calls_is_a_root) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    begin_step(rig, "s", 0, false);
    end_step(rig, "s", 0, NULL);
    expect_tree(rig, 0, "s OK\n");
}

Test(emit, ends_and_middles_of_nothing_are_counted) {
    const weir_key_value attribute = {"k", weir_value_int(1)};
    struct rig *rig CLEANUP(rig_close) = RIG();
    end_call(rig, WEIR_METHOD_RUN); /* no such app */
    EMIT(rig, WEIR_HOOK_POST_APPLICATION_CREATE, .state = NULL);
    (void)rig_told(rig);
    end_call(rig, WEIR_METHOD_RUN);
    end_step(rig, "s", 0, NULL);
    EMIT(rig, WEIR_HOOK_PRE_START_SPAN, .sequence_id = 0, .span_name = "x");
    EMIT(rig, WEIR_HOOK_POST_END_SPAN, .sequence_id = 0, .span_uid = "0:0");
    EMIT(rig, WEIR_HOOK_DO_LOG_ATTRIBUTES, .sequence_id = 0, .attributes = &attribute,
         .n_attributes = 1);
    EMIT(rig, WEIR_HOOK_PRE_START_STREAM, .sequence_id = 0);
    EMIT(rig, WEIR_HOOK_PRE_STREAM_GENERATE, .sequence_id = 0);
    EMIT(rig, WEIR_HOOK_POST_STREAM_GENERATE, .sequence_id = 0);
    EMIT(rig, WEIR_HOOK_POST_STREAM_ITEM, .sequence_id = 0);
    EMIT(rig, WEIR_HOOK_POST_END_STREAM, .sequence_id = 0);
    expect_told(rig, "");
    cr_assert(eq(u64, rig_stats(rig).out_of_order, 11));
}

Test(emit, events_without_sense_are_refused) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    weir_emit(rig->w, NULL);
    weir_emit(rig->w, &(weir_lifecycle_event){.hook = WEIR_HOOK_POST_APPLICATION_CREATE,
                                              .app_id = "without a size"});
    weir_emit(rig->w, &WEIR_LIFECYCLE_EVENT(.hook = (weir_hook)0, .app_id = "a"));
    weir_emit(rig->w, &WEIR_LIFECYCLE_EVENT(.hook = (weir_hook)99, .app_id = "a"));
    weir_emit(rig->w, &WEIR_LIFECYCLE_EVENT(.hook = (weir_hook)-1, .app_id = "a"));
    weir_emit(rig->w, &WEIR_LIFECYCLE_EVENT(.hook = WEIR_HOOK_PRE_RUN_STEP)); /* no app id */
    EMIT(rig, WEIR_HOOK_PRE_RUN_EXECUTE_CALL, .method = (weir_method)77);
    cr_assert(eq(u64, rig_stats(rig).refused_values, 7));
    expect_told(rig, "post_application_create a\n");
    weir_emit(NULL, NULL);
}

Test(emit, a_step_may_be_ended_while_another_of_its_number_runs) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    begin_call(rig, WEIR_METHOD_RUN);
    begin_step(rig, "first", 0, false);
    rig_pass(rig, 1);
    begin_step(rig, "second", 0, false);
    rig_pass(rig, 1);
    end_step(rig, "second", 0, NULL); /* the newest */
    rig_pass(rig, 1);
    end_step(rig, "first", 0, NULL);
    end_call(rig, WEIR_METHOD_RUN);
    expect_tree(rig, RIG_TIMES, "run OK @0+3\n  first OK @0+3\n  second OK @1+1\n");
}

Test(emit, handles_and_events_meet) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    EMIT(rig, WEIR_HOOK_PRE_START_SPAN, .sequence_id = 0, .span_name = "by event");
    EMIT(rig, WEIR_HOOK_POST_END_SPAN, .sequence_id = 0, .span_uid = "0:0");
    EMIT(rig, WEIR_HOOK_POST_RUN_STEP, .sequence_id = 0);
    cr_assert(eq(i64, weir_step_sequence_id(run.step), -1));
    weir_call_end(run.call, NULL);
    expect_tree(rig, 0, "run OK\n  act OK\n    by event OK\n");
}

Test(emit, the_newest_app_of_an_id_is_meant) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    weir_app *older = weir_app_new(rig->w, &WEIR_APP_OPTIONS(.app_id = "a", .partition_key = "1"));
    weir_app *newer = weir_app_new(rig->w, &WEIR_APP_OPTIONS(.app_id = "a", .partition_key = "2"));
    (void)rig_told(rig);
    rig->keeps_fields = true;
    begin_call(rig, WEIR_METHOD_RUN);
    end_call(rig, WEIR_METHOD_RUN);
    cr_assert(ne(ptr, strstr(rig_told(rig), "key=2"), NULL));
    weir_app_free(newer);
    (void)rig_told(rig);
    begin_call(rig, WEIR_METHOD_RUN);
    cr_assert(ne(ptr, strstr(rig_told(rig), "key=1"), NULL));
    weir_app_free(older);
}

/* ---- times ---- */

Test(emit, times_that_are_given_are_taken) {
    const uint64_t base = UINT64_C(1000000000000);
    struct rig *rig CLEANUP(rig_close) = RIG();
    EMIT(rig, WEIR_HOOK_PRE_RUN_EXECUTE_CALL, .method = WEIR_METHOD_RUN, .unix_ns = base);
    EMIT(rig, WEIR_HOOK_PRE_RUN_STEP, .action = "s", .unix_ns = base + 1);
    EMIT(rig, WEIR_HOOK_POST_RUN_STEP, .unix_ns = base + 5);
    EMIT(rig, WEIR_HOOK_POST_RUN_EXECUTE_CALL, .method = WEIR_METHOD_RUN, .unix_ns = base + 9);
    struct span_list spans = rig_spans(rig);
    cr_assert(eq(u64, spans.items[0]->start_ns, base + 1));
    cr_assert(eq(u64, spans.items[0]->end_ns, base + 5));
    cr_assert(eq(u64, spans.items[1]->start_ns, base));
    cr_assert(eq(u64, spans.items[1]->end_ns, base + 9));
}

Test(emit, durations_follow_the_monotonic_time_when_both_are_given) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    begin_call(rig, WEIR_METHOD_RUN);
    begin_step(rig, "s", 0, true);
    EMIT(rig, WEIR_HOOK_PRE_START_STREAM, .sequence_id = 0);
    EMIT(rig, WEIR_HOOK_PRE_STREAM_GENERATE, .unix_ns = 5000, .monotonic_ns = 1000);
    EMIT(rig, WEIR_HOOK_POST_STREAM_GENERATE, .unix_ns = 100, .monotonic_ns = 2001000,
         .outcome = WEIR_PULL_PRODUCED);
    end_step(rig, "s", 0, NULL);
    end_call(rig, WEIR_METHOD_RUN);
    cr_assert(ne(ptr, strstr(rig_tree(rig, RIG_ATTRIBUTES), "generation_time_ms=2.0 "), NULL));
}

/* ---- parents ---- */

Test(emit, a_spawning_parent_is_found_by_its_ids) {
    const weir_pointer parent = {.app_id = "a", .has_sequence_id = true, .sequence_id = 4};
    struct rig *rig CLEANUP(rig_close) = RIG();
    begin_call(rig, WEIR_METHOD_RUN);
    begin_step(rig, "s", 4, false);
    weir_emit(rig->w, &WEIR_LIFECYCLE_EVENT(.hook = WEIR_HOOK_POST_APPLICATION_CREATE,
                                            .app_id = "child", .spawning_parent = &parent));
    weir_emit(rig->w, &WEIR_LIFECYCLE_EVENT(.hook = WEIR_HOOK_PRE_RUN_EXECUTE_CALL,
                                            .app_id = "child", .method = WEIR_METHOD_ARUN));
    weir_emit(rig->w, &WEIR_LIFECYCLE_EVENT(.hook = WEIR_HOOK_POST_RUN_EXECUTE_CALL,
                                            .app_id = "child", .method = WEIR_METHOD_ARUN));
    end_step(rig, "s", 4, NULL);
    end_call(rig, WEIR_METHOD_RUN);
    expect_tree(rig, 0, "run OK\n  s OK\n    arun OK\n");
}
