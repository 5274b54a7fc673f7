/* Sequence ids, states and ends of steps. */
#include <string.h>

#include "tests/bridge/rig.h"
#include "tests/support/fault.h"
#include "tests/golden/json_tree.h"

TestSuite(step);

static const weir_error BOOM = {"ValueError", "boom"};

/* The value of a member of the last record, as it is written in the log; "" if it has none. */
static const char *last_record(struct rig *rig, const char *app_id, const char *member) {
    const char *log = rig_file(rig, app_id, "log.jsonl");
    const char *line = log, *next = log;
    while (*next != '\0') {
        line = next;
        next += strcspn(next, "\n");
        next += *next == '\n';
    }
    struct json_slice value =
        json_tree_member((struct json_slice){line, strcspn(line, "\n")}, member);
    return value.text != NULL ? arena_copy(&rig->arena, value.text, value.n_bytes) : "";
}

struct app_of_steps {
    weir_app *app;
    weir_call *call;
};

static struct app_of_steps begin(struct rig *rig, const weir_app_options *options) {
    struct app_of_steps a = {.app = weir_app_new(rig->w, options)};
    a.call = weir_call_begin(a.app, WEIR_METHOD_RUN);
    return a;
}

static int64_t next_id(weir_call *call) {
    weir_step *step = weir_step_begin(call, "s", NULL);
    int64_t id = weir_step_sequence_id(step);
    weir_step_end(step, NULL);
    return id;
}

/* ---- sequence ids ---- */

Test(step, sequence_ids_count_from_0_and_failed_steps_consume_one) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct app_of_steps a = begin(rig, NULL);
    weir_step *failed = weir_step_begin(a.call, "s", NULL);
    cr_assert(eq(i64, weir_step_sequence_id(failed), 0));
    weir_step_end(failed, &WEIR_STEP_RESULT(.error = &BOOM));
    cr_assert(eq(i64, next_id(a.call), 1));
    weir_call_end(a.call, NULL);
    a.call = weir_call_begin(a.app, WEIR_METHOD_STEP);
    cr_assert(eq(i64, next_id(a.call), 2));
    cr_assert(eq(i64, weir_step_sequence_id(failed), -1));
}

Test(step, the_initial_state_says_where_counting_goes_on) {
    static const struct {
        const char *state;
        int64_t first;
    } rows[] = {
        {"{\"__SEQUENCE_ID\":4}", 5},
        {"{\"a\":1,\"__SEQUENCE_ID\":0}", 1},
        {"{\"a\":1}", 0},
        {"{\"__SEQUENCE_ID\":\"4\"}", 0},
        {"{\"__SEQUENCE_ID\":1e400}", 0},
        {"{\"__SEQUENCE_ID\":-1}", 0},
        {"{\"a\":{\"__SEQUENCE_ID\":7}}", 0},
    };
    struct rig *rig CLEANUP(rig_close) = RIG();
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct app_of_steps a = begin(rig, &WEIR_APP_OPTIONS(.state = rows[i].state));
        cr_assert(eq(i64, next_id(a.call), rows[i].first), "row %zu", i);
    }
}

Test(step, an_option_says_it_too_and_wins) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct app_of_steps a =
        begin(rig, &WEIR_APP_OPTIONS(.state = "{\"__SEQUENCE_ID\":4}",
                                     .has_first_sequence_id = true, .first_sequence_id = 100));
    cr_assert(eq(i64, next_id(a.call), 100));
    weir_step *step =
        weir_step_begin(a.call, "s", &WEIR_STEP_OPTIONS(.has_sequence_id = true, .sequence_id = 7));
    cr_assert(eq(i64, weir_step_sequence_id(step), 7));
    weir_step_end(step, NULL);
    cr_assert(eq(i64, next_id(a.call), 8));
}

/* ---- states ---- */

Test(step, a_state_without_a_sequence_id_gets_one_and_the_action) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    weir_step_end(run.step, &WEIR_STEP_RESULT(.state = " { \"n\" : 1.50 } "));
    expect_text(last_record(rig, "a", "state"),
                "{\"n\":1.50,\"__SEQUENCE_ID\":0,\"__PRIOR_STEP\":\"act\"}");
}

Test(step, a_state_with_a_sequence_id_is_written_as_it_is) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    weir_step_end(run.step, &WEIR_STEP_RESULT(.state = "{\"__SEQUENCE_ID\":41,\"n\":1}"));
    expect_text(last_record(rig, "a", "state"), "{\"__SEQUENCE_ID\":41,\"n\":1}");
}

Test(step, a_failed_step_leaves_no_prior_step) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    weir_step_end(run.step, &WEIR_STEP_RESULT(.state = "{\"n\":1}", .error = &BOOM));
    expect_text(last_record(rig, "a", "state"), "{\"n\":1,\"__SEQUENCE_ID\":0}");
    expect_text(last_record(rig, "a", "exception"), "\"ValueError: boom\\n\"");
}

Test(step, without_a_state_the_last_one_known_is_written) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    weir_app *app =
        weir_app_new(rig->w, &WEIR_APP_OPTIONS(.app_id = "a", .state = "{\"initial\":true}"));
    weir_call *call = weir_call_begin(app, WEIR_METHOD_RUN);
    weir_step_end(weir_step_begin(call, "first", NULL), NULL);
    expect_text(last_record(rig, "a", "state"),
                "{\"initial\":true,\"__SEQUENCE_ID\":0,\"__PRIOR_STEP\":\"first\"}");
    weir_step_end(weir_step_begin(call, "second", NULL), &WEIR_STEP_RESULT(.state = "{\"n\":1}"));
    weir_step_end(weir_step_begin(call, "third", NULL), NULL);
    expect_text(last_record(rig, "a", "state"),
                "{\"n\":1,\"__SEQUENCE_ID\":2,\"__PRIOR_STEP\":\"third\"}");
    weir_step_end(weir_step_begin(call, "fourth", NULL), &WEIR_STEP_RESULT(.error = &BOOM));
    expect_text(last_record(rig, "a", "state"),
                "{\"n\":1,\"__SEQUENCE_ID\":3,\"__PRIOR_STEP\":\"third\"}");
}

Test(step, without_any_state_there_are_only_the_internal_keys) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    weir_step_end(run.step, NULL);
    expect_text(last_record(rig, "a", "state"), "{\"__SEQUENCE_ID\":0,\"__PRIOR_STEP\":\"act\"}");
    expect_text(last_record(rig, "a", "result"), "null");
}

Test(step, a_value_does_as_well_as_text) {
    const weir_key_value members[] = {{"n", weir_value_int(1)}, {"d", weir_value_double(0.5)}};
    const weir_value object = weir_value_map(members, 2);
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, &WEIR_STEP_OPTIONS(.inputs_value = &object));
    expect_text(last_record(rig, "a", "inputs"), "{\"n\":1,\"d\":0.5}");
    weir_step_end(run.step, &WEIR_STEP_RESULT(.result_value = &object, .state_value = &object));
    expect_text(last_record(rig, "a", "result"), "{\"n\":1,\"d\":0.5}");
    expect_text(last_record(rig, "a", "state"),
                "{\"n\":1,\"d\":0.5,\"__SEQUENCE_ID\":0,\"__PRIOR_STEP\":\"act\"}");
}

Test(step, text_keeps_its_spelling_of_numbers_and_loses_white_space) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(
        rig, &WEIR_STEP_OPTIONS(.inputs = "{ \"a b\" : [ 1e5 , 123456789012345678901 ] }"));
    expect_text(last_record(rig, "a", "inputs"), "{\"a b\":[1e5,123456789012345678901]}");
    weir_step_end(run.step, &WEIR_STEP_RESULT(.result = "\t[ -0.0 ]\n"));
    expect_text(last_record(rig, "a", "result"), "[-0.0]");
}

/* ---- JSON that is refused ---- */

Test(step, refused_json_costs_that_value_alone) {
    static const char *const objects[] = {
        "",      "nonsense",  "[1]", "1", "null", "{\"a\":NaN}", "{\"a\":Infinity}",
        "{} {}", "{\"a\":1,}"};
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct app_of_steps a = begin(rig, &WEIR_APP_OPTIONS(.app_id = "a", .state = "{\"kept\":1}"));
    for (size_t i = 0; i < ARRAY_LENGTH(objects); i++) {
        weir_step *step = weir_step_begin(a.call, "s", &WEIR_STEP_OPTIONS(.inputs = objects[i]));
        expect_text_at(i, last_record(rig, "a", "inputs"), "{}");
        weir_step_end(step, &WEIR_STEP_RESULT(.result = "{]", .state = objects[i]));
        expect_text_at(i, last_record(rig, "a", "result"), "null");
        cr_assert(ne(ptr, strstr(last_record(rig, "a", "state"), "{\"kept\":1,"), NULL), "%zu", i);
        cr_assert(eq(u64, rig_stats(rig).refused_json, (i + 1) * 3));
    }
    weir_app_free(a.app);
    (void)begin(rig, &WEIR_APP_OPTIONS(.state = "[]"));
    cr_assert(eq(u64, rig_stats(rig).refused_json, ARRAY_LENGTH(objects) * 3 + 1));
}

Test(step, nothing_is_refused_that_is_only_unusual) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, &WEIR_STEP_OPTIONS(.inputs = "{\"a\":\"\\u0000\"}"));
    expect_text(last_record(rig, "a", "inputs"), "{\"a\":\"\\u0000\"}");
    weir_step_end(run.step, &WEIR_STEP_RESULT(.result = "{}", .state = "{\"\":{}}"));
    expect_text(last_record(rig, "a", "result"), "{}");
    cr_assert(eq(u64, rig_stats(rig).refused_json, 0));
}

/* ---- ends in any order ---- */

Test(step, a_step_may_end_after_its_call) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    weir_span *span = weir_span_begin(run.step, "inside", NULL);
    rig_pass(rig, 1);
    weir_call_end(run.call, NULL);
    expect_tree(rig, RIG_TIMES, "run OK @0+1\n  act UNSET @0+1\n    inside UNSET @0+1\n");
    rig_pass(rig, 1);
    weir_set(run.step, "late", 1);
    weir_span_end(span);
    weir_step_end(run.step, &WEIR_STEP_RESULT(.error = &BOOM));
    expect_tree(rig, RIG_TIMES | RIG_ATTRIBUTES,
                "run OK @0+1\n  act UNSET @0+1\n    inside UNSET @0+1\n");
    expect_text(rig_records(rig, "a"),
                "begin_entry 0, begin_span 0, attribute 0, end_span 0, end_entry 0");
}

Test(step, a_span_may_end_after_its_step) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    weir_span *span = weir_span_begin(run.step, "inside", NULL);
    weir_step_end(run.step, NULL);
    weir_set(span, "late", 1);
    weir_span_end(span);
    rig_end(rig, &run);
    expect_tree(rig, RIG_ATTRIBUTES, "run OK\n  act OK\n    inside UNSET\n");
    expect_text(rig_records(rig, "a"),
                "begin_entry 0, begin_span 0, end_entry 0, attribute 0, end_span 0");
    cr_assert(eq(u64, rig_stats(rig).left_open, 0));
}

Test(step, what_is_left_open_is_ended_with_its_app_and_counted) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    (void)weir_span_begin(weir_span_begin(run.step, "outer", NULL), "inner", NULL);
    (void)rig_told(rig);
    weir_app_free(run.app);
    expect_told(rig, "post_end_span 0:0.0\npost_end_span 0:0\npost_run_step act#0\n"
                     "post_run_execute_call run\n");
    expect_tree(rig, 0, "run OK\n  act OK\n    outer OK\n      inner OK\n");
    cr_assert(eq(u64, rig_stats(rig).left_open, 4));
}

Test(step, closing_the_weir_frees_the_apps) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    (void)rig_told(rig);
    weir_close(rig->w, 5000);
    rig->w = NULL;
    expect_told(rig, "post_run_step act#0\npost_run_execute_call run\n");
    expect_tree(rig, 0, "run OK\n  act OK\n");
    weir_step_end(run.step, NULL);
    weir_call_end(run.call, NULL);
    weir_app_free(run.app);
    expect_told(rig, "");
}

Test(step, an_ended_step_takes_no_calls) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    weir_step_end(run.step, NULL);
    (void)rig_told(rig);
    uint64_t before = rig_stats(rig).stale_handles;
    char traceparent[56];
    weir_set(run.step, "k", 1);
    weir_set_error(run.step, &BOOM);
    weir_event(run.step, "e", NULL, 0);
    cr_assert(eq(ptr, weir_span_begin(run.step, "s", NULL), NULL));
    cr_assert(eq(ptr, weir_stream_begin(run.step), NULL));
    cr_assert(not(weir_traceparent(run.step, traceparent)));
    weir_step_end(run.step, NULL);
    expect_told(rig, "");
    cr_assert(eq(u64, rig_stats(rig).stale_handles, before + 7));
}

Test(step, a_step_needs_an_action_and_an_open_call) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    cr_assert(eq(ptr, weir_step_begin(run.call, NULL, NULL), NULL));
    cr_assert(eq(u64, rig_stats(rig).refused_values, 1));
    cr_assert(eq(ptr, weir_step_begin(NULL, "s", NULL), NULL));
    weir_call_end(run.call, NULL);
    cr_assert(eq(ptr, weir_step_begin(run.call, "s", NULL), NULL));
    cr_assert(eq(i64, weir_step_sequence_id(NULL), -1));
    weir_step_end(NULL, NULL);
}

Test(step, long_and_broken_names_are_cut_and_repaired) {
    static char long_name[70000];
    memset(long_name, 'x', sizeof long_name - 1);
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct app_of_steps a = begin(rig, &WEIR_APP_OPTIONS(.app_id = "a"));
    weir_step_end(weir_step_begin(a.call, long_name, NULL), NULL);
    weir_step_end(weir_step_begin(a.call, "a\xff", NULL), NULL);
    weir_app_free(a.app);
    struct span_list spans = rig_spans(rig);
    cr_assert(eq(sz, strlen(spans.items[0]->name), 65536));
    expect_text(spans.items[1]->name, "a\xef\xbf\xbd");
}

/* ---- short memory ---- */

Test(step, a_state_that_finds_no_memory_is_counted) {
    FAULT_FOR_EACH_ALLOCATION(n) {
        fault_disarm();
        struct rig *rig = RIG();
        struct rig_run run = rig_begin(rig, NULL);
        (void)fault_arm(n, false);
        weir_step_end(run.step, &WEIR_STEP_RESULT(.state = "{\"new\":1}"));
        bool has_struck = fault_has_struck();
        fault_disarm();
        rig_end(rig, &run);
        weir_stats stats = rig_stats(rig);
        bool is_written = strstr(rig_file(rig, "a", "log.jsonl"), "\"new\":1") != NULL;
        cr_assert(is_written || stats.no_memory + stats.tracker_lost > 0, "allocation %zu", n);
        cr_assert(eq(u64, stats.refused_json, 0));
        rig_close(&rig);
        if (!has_struck) {
            break;
        }
    }
}
