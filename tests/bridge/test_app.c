/* Apps: ids, parents, and the traces that follow from them. */
#include <stdlib.h>
#include <string.h>

#include "tests/bridge/rig.h"
#include "tests/support/temp.h"

TestSuite(app);

static weir_app *app_of(struct rig *rig, const char *app_id) {
    return weir_app_new(rig->w, &WEIR_APP_OPTIONS(.app_id = app_id));
}

/* ---- ids ---- */

Test(app, ids_may_hold_what_a_file_name_may) {
    char long_id[257];
    memset(long_id, 'x', sizeof long_id);
    long_id[255] = '\0';
    const char *const good[] = {"a", "run-1", "A_z:0.9-", "...", ".hidden", long_id};
    struct rig *rig CLEANUP(rig_close) = RIG();
    for (size_t i = 0; i < ARRAY_LENGTH(good); i++) {
        weir_app *app = app_of(rig, good[i]);
        char id[256];
        cr_assert(eq(sz, weir_app_id(app, id, sizeof id), strlen(good[i])));
        expect_text_at(i, id, good[i]);
        weir_app_free(app);
    }
}

Test(app, other_ids_are_refused_and_named) {
    char too_long[300];
    memset(too_long, 'x', sizeof too_long - 1);
    too_long[sizeof too_long - 1] = '\0';
    const char *const bad[] = {"", ".", "..", "a/b", "../a", "a b", "\xc3\xa4", "a\n", too_long};
    struct rig *rig CLEANUP(rig_close) = RIG();
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        cr_assert(eq(ptr, app_of(rig, bad[i]), NULL), "%s", bad[i]);
        cr_assert(eq(uint, rig->log.n, (unsigned)i + 1));
    }
    cr_assert(kept_log_has(&rig->log, "app_id \"../a\" is refused"));
    expect_told(rig, "");
    cr_assert(eq(u64, rig_stats(rig).tracker_written, 0));
}

Test(app, without_an_id_it_gets_a_uuid) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    char first[64], second[64], cut[9];
    weir_app *app = weir_app_new(rig->w, NULL);
    cr_assert(eq(sz, weir_app_id(app, first, sizeof first), 36));
    cr_assert(eq(chr, first[14], '4'));
    (void)weir_app_id(weir_app_new(rig->w, NULL), second, sizeof second);
    cr_assert(ne(int, strcmp(first, second), 0));
    cr_assert(eq(sz, weir_app_id(app, cut, sizeof cut), 36));
    cr_assert(eq(int, strncmp(cut, first, 8), 0));
    cr_assert(eq(sz, strlen(cut), 8));
    cr_assert(eq(sz, weir_app_id(app, NULL, 0), 36));
    cr_assert(eq(sz, weir_app_id(NULL, cut, sizeof cut), 0));
    expect_text(cut, "");
}

Test(app, an_unusable_directory_costs_the_records_alone) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    char *file CLEANUP(temp_path_free) = temp_path(dir, "file");
    temp_write(file, "", 0);
    struct rig *rig CLEANUP(rig_close) = RIG(.tracker_dir = file);
    struct rig_run run = rig_begin(rig, NULL);
    weir_set(run.step, "k", 1);
    rig_end(rig, &run);
    expect_tree(rig, RIG_ATTRIBUTES, "run OK\n  act OK k=1\n");
    cr_assert(eq(u64, rig_stats(rig).tracker_lost, 3));
    cr_assert(kept_log_has(&rig->log, file));
}

/* ---- forks ---- */

Test(app, a_fork_is_a_line_in_its_parents_children) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    weir_app_free(app_of(rig, "parent"));
    const weir_pointer from = {.app_id = "parent", .has_sequence_id = true, .sequence_id = 3};
    weir_app *fork = weir_app_new(rig->w, &WEIR_APP_OPTIONS(.app_id = "fork", .parent = &from));
    weir_call_end(weir_call_begin(fork, WEIR_METHOD_RUN), NULL);
    const char *children = rig_file(rig, "parent", "children.jsonl");
    cr_assert(ne(ptr, strstr(children, "\"app_id\":\"fork\""), NULL), "%s", children);
    cr_assert(ne(ptr, strstr(children, "\"sequence_id\":3"), NULL), "%s", children);
    expect_tree(rig, 0, "run OK\n"); /* a fork is no child in the trace */
}

/* ---- spawned apps ---- */

static void run_in(weir_app *app) {
    weir_call_end(weir_call_begin(app, WEIR_METHOD_RUN), NULL);
}

Test(app, an_app_spawned_by_a_step_is_below_it) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    weir_app *by_handle =
        weir_app_new(rig->w, &WEIR_APP_OPTIONS(.app_id = "h", .spawning_step = run.step));
    weir_app *by_ids = weir_app_new(
        rig->w, &WEIR_APP_OPTIONS(.app_id = "i", .spawning_parent = &(weir_pointer){
                                                     .app_id = "a", .has_sequence_id = true}));
    run_in(by_handle);
    rig_pass(rig, 1);
    run_in(by_ids);
    rig_end(rig, &run);
    expect_tree(rig, RIG_IDENTITY,
                "run OK burr.project=\"p\" burr.app_id=\"a\"\n"
                "  act OK burr.project=\"p\" burr.app_id=\"a\" burr.sequence_id=0\n"
                "    run OK burr.project=\"p\" burr.app_id=\"h\"\n"
                "    run OK burr.project=\"p\" burr.app_id=\"i\"\n");
    const char *children = rig_file(rig, "a", "children.jsonl");
    const char *first = strstr(children, "\"app_id\":\"h\"");
    cr_assert(first != NULL, "%s", children);
    cr_assert(ne(ptr, strstr(first, "\"app_id\":\"i\""), NULL), "%s", children);
}

Test(app, a_parent_that_has_ended_is_no_parent_in_the_trace) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    weir_app *child =
        weir_app_new(rig->w, &WEIR_APP_OPTIONS(.app_id = "c", .spawning_step = run.step));
    run_in(child);
    rig_pass(rig, 1);
    weir_step_end(run.step, NULL);
    run_in(child); /* the step is gone: a root */
    weir_call_end(run.call, NULL);
    rig_pass(rig, 1);
    const weir_pointer ids = {.app_id = "a", .has_sequence_id = true};
    run_in(weir_app_new(rig->w, &WEIR_APP_OPTIONS(.app_id = "d", .spawning_parent = &ids)));
    expect_tree(rig, 0, "run OK\n  act OK\n    run OK\nrun OK\nrun OK\n");
}

Test(app, a_stale_step_spawns_by_the_ids_that_are_given_too) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    weir_step_end(run.step, NULL);
    const weir_pointer ids = {.app_id = "a", .has_sequence_id = true};
    (void)rig_told(rig);
    rig->keeps_fields = true;
    weir_app_free(weir_app_new(rig->w, &WEIR_APP_OPTIONS(.app_id = "c", .spawning_step = run.step,
                                                         .spawning_parent = &ids)));
    expect_told(rig, "post_application_create app=c state={} spawned_by=a\n");
}

Test(app, a_step_of_another_weir_spawns_nothing) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig *other CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(other, NULL);
    run_in(weir_app_new(rig->w, &WEIR_APP_OPTIONS(.spawning_step = run.step)));
    expect_tree(rig, 0, "run OK\n");
    cr_assert(eq(u64, rig_stats(rig).refused_values, 1));
}

Test(app, a_parent_may_be_freed_before_its_child) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    weir_app *child = weir_app_new(rig->w, &WEIR_APP_OPTIONS(.spawning_step = run.step));
    rig_end(rig, &run);
    struct rig_run next = rig_begin(rig, NULL); /* takes what was given back, if it was */
    run_in(child);
    weir_app_free(child);
    rig_end(rig, &next);
    cr_assert(eq(u64, rig_stats(rig).left_open, 0));
}

/* ---- remote parents ---- */

#define TRACEPARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

Test(app, calls_are_below_a_remote_parent) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    weir_app *app = weir_app_new(
        rig->w, &WEIR_APP_OPTIONS(.traceparent = TRACEPARENT, .tracestate = "vendor=1"));
    weir_call *call = weir_call_begin(app, WEIR_METHOD_RUN);
    weir_otlp_context context = weir_context(call);
    cr_assert(eq(int, context.trace_id[0], 0x0a));
    expect_text(context.trace_state, "vendor=1");
    weir_call_end(call, NULL);
    expect_tree(rig, 0, "run OK (parent elsewhere)\n");
}

Test(app, a_bad_remote_parent_begins_a_new_trace_and_is_counted) {
    static const char *const bad[] = {"", "nonsense", "00-0-0-0",
                                      "00-00000000000000000000000000000000-b7ad6b7169203331-01"};
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        struct rig *rig CLEANUP(rig_close) = RIG();
        run_in(weir_app_new(rig->w, &WEIR_APP_OPTIONS(.traceparent = bad[i])));
        expect_tree(rig, 0, "run OK\n");
        cr_assert(eq(u64, rig_stats(rig).refused_values, 1));
    }
}

Test(app, a_spawning_step_comes_before_a_remote_parent) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    run_in(weir_app_new(rig->w,
                        &WEIR_APP_OPTIONS(.spawning_step = run.step, .traceparent = TRACEPARENT)));
    rig_end(rig, &run);
    expect_tree(rig, 0, "run OK\n  act OK\n    run OK\n");
}

/* ---- ends ---- */

Test(app, freeing_twice_is_fine) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    weir_app *app = weir_app_new(rig->w, NULL);
    weir_app_free(app);
    uint64_t before = rig_stats(rig).stale_handles;
    weir_app_free(app);
    cr_assert(eq(ptr, weir_call_begin(app, WEIR_METHOD_RUN), NULL));
    cr_assert(eq(u64, rig_stats(rig).stale_handles, before + 2));
    weir_app_free(NULL);
    cr_assert(eq(ptr, weir_app_new(NULL, NULL), NULL));
}

Test(app, options_of_an_older_caller_are_taken_as_far_as_they_go) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    weir_app_options old =
        WEIR_APP_OPTIONS(.app_id = "old", .has_first_sequence_id = true, .first_sequence_id = 100);
    old.size = offsetof(weir_app_options, has_first_sequence_id);
    weir_app *app = weir_app_new(rig->w, &old);
    weir_step *step = weir_step_begin(weir_call_begin(app, WEIR_METHOD_RUN), "s", NULL);
    cr_assert(eq(i64, weir_step_sequence_id(step), 0));
}

/* Their fields may be anything: nothing of them is believed. */
Test(app, options_without_a_size_are_as_none_and_counted) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    weir_app *app = weir_app_new(
        rig->w, &(weir_app_options){.has_first_sequence_id = true, .first_sequence_id = 100});
    weir_call *call = weir_call_begin_with(app, WEIR_METHOD_RUN, &(weir_call_options){0});
    weir_step *step =
        weir_step_begin(call, "s", &(weir_step_options){.has_sequence_id = true, .sequence_id = 7});
    cr_assert(eq(i64, weir_step_sequence_id(step), 0));
    weir_step_end(step, &(weir_step_result){0});
    weir_call_end(call, NULL);
    weir_app_free(app);
    cr_assert(eq(u64, rig_stats(rig).refused_values, 4));
    expect_tree(rig, 0, "run OK\n  s OK\n");
}
