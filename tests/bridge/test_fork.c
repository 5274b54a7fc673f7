/* A forked child: the weir and its apps go on, what was open belongs to the parent. */
#include <string.h>

#include "tests/bridge/rig.h"
#include "tests/support/child.h"
#include "tests/support/settled_fork.h"

TestSuite(fork);

struct scene {
    struct rig *rig;
    weir_app *app;
    weir_call *call, *silent;
    weir_step *step;
    weir_span *outer, *inner;
    weir_stream *stream;
};

static struct scene open_all(struct rig *rig) {
    struct scene s = {.rig = rig};
    s.app = weir_app_new(rig->w, &WEIR_APP_OPTIONS(.app_id = "a"));
    s.call = weir_call_begin(s.app, WEIR_METHOD_STREAM_RESULT);
    s.silent = weir_call_begin(s.app, WEIR_METHOD_STEP);
    s.step = weir_step_begin(s.call, "act", &WEIR_STEP_OPTIONS(.streams = true));
    s.outer = weir_span_begin(s.step, "outer", NULL);
    s.inner = weir_span_begin(s.outer, "inner", NULL);
    s.stream = weir_stream_begin(s.step);
    weir_stream_pull(s.stream);
    return s;
}

static void close_all(struct scene *s) {
    weir_stream_yield(s->stream);
    weir_stream_end(s->stream);
    weir_span_end(s->inner);
    weir_span_end(s->outer);
    weir_step_end(s->step, NULL);
    weir_call_end(s->silent, NULL);
    weir_call_end(s->call, NULL);
}

/* What close_all does, each a use of a stale handle. */
enum { N_STALE = 7 };

static int use_what_was_open(void *data) {
    struct scene *s = data;
    size_t n_log = strlen(rig_file(s->rig, "a", "log.jsonl"));
    (void)rig_told(s->rig);
    CHILD_EXPECT(rig_stats(s->rig).stale_handles == 0);
    close_all(s);
    CHILD_EXPECT(rig_stats(s->rig).stale_handles == N_STALE);
    CHILD_EXPECT(weir_step_begin(s->call, "s", NULL) == NULL);
    CHILD_EXPECT(weir_span_begin(s->step, "s", NULL) == NULL);
    CHILD_EXPECT(weir_span_begin(s->inner, "s", NULL) == NULL);
    CHILD_EXPECT(weir_stream_begin(s->step) == NULL);
    CHILD_EXPECT(*rig_told(s->rig) == '\0');
    CHILD_EXPECT(strlen(rig_file(s->rig, "a", "log.jsonl")) == n_log); /* no records */
    return 0;
}

Test(fork, what_was_open_is_stale_in_the_child) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct scene s = open_all(rig);
    expect_in_child(use_what_was_open, &s);
    close_all(&s); /* and whole in the parent */
    cr_assert(eq(u64, rig_stats(rig).stale_handles, 0));
    expect_tree(rig, 0, "stream_result OK\n  act OK\n    outer OK\n      inner OK\n");
}

static int begin_anew(void *data) {
    struct scene *s = data;
    char id[8];
    CHILD_EXPECT(weir_app_id(s->app, id, sizeof id) == 1 && id[0] == 'a');
    (void)rig_told(s->rig);
    weir_call *call = weir_call_begin(s->app, WEIR_METHOD_RUN); /* not silent below the parent's */
    weir_step *step = weir_step_begin(call, "more", NULL);
    CHILD_EXPECT(weir_step_sequence_id(step) == 1);
    weir_span_end(weir_span_begin(step, "span", NULL));
    weir_step_end(step, NULL);
    weir_call_end(call, NULL);
    CHILD_EXPECT(strcmp(rig_told(s->rig), "pre_run_execute_call run\n"
                                          "pre_run_step more#1\n"
                                          "pre_start_span 1:0\n"
                                          "post_end_span 1:0\n"
                                          "post_run_step more#1\n"
                                          "post_run_execute_call run\n") == 0);
    weir_stats stats = rig_stats(s->rig);
    CHILD_EXPECT(stats.stale_handles == 0 && stats.left_open == 0);
    weir_app_free(s->app);
    CHILD_EXPECT(rig_stats(s->rig).left_open ==
                 0); /* the parent's are not left open by the child */
    CHILD_EXPECT(weir_app_new(s->rig->w, NULL) != NULL);
    return 0;
}

Test(fork, its_app_goes_on_in_the_child) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct scene s = open_all(rig);
    expect_in_child(begin_anew, &s);
    close_all(&s);
}

static int count_anew(void *data) {
    struct scene *s = data;
    weir_stats stats = rig_stats(s->rig);
    CHILD_EXPECT(stats.out_of_order == 0 && stats.refused_json == 0 && stats.refused_values == 0);
    weir_otlp_stats spans = rig_otlp_stats(s->rig);
    CHILD_EXPECT(stats.stale_handles == 0 && spans.stale_handles == 0);
    CHILD_EXPECT(spans.refused_values == 0);
    CHILD_EXPECT(spans.live == 0);
    CHILD_EXPECT(spans.dropped[WEIR_DROP_FORKED_CHILD] == 4);
    CHILD_EXPECT(spans.started == 4);
    return 0;
}

Test(fork, counters_begin_anew_in_the_child) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct scene s = open_all(rig); /* stream_result, act, outer, inner */
    weir_stream_pull(s.stream);
    weir_stream_item(s.stream);
    weir_stream_item(s.stream);
    weir_event(s.step, NULL, NULL, 0);
    weir_step_end((weir_step *)s.call, NULL);
    weir_stats before = rig_stats(rig);
    cr_assert(gt(u64, before.out_of_order + before.refused_values, 0));
    cr_assert(gt(u64, before.stale_handles, 0));
    expect_in_child(count_anew, &s);
    close_all(&s);
}

static int begin_root(void *data) {
    weir_app *spawned = data;
    char text[56];
    weir_call *call = weir_call_begin(spawned, WEIR_METHOD_RUN);
    CHILD_EXPECT(call != NULL && weir_traceparent(call, text));
    CHILD_EXPECT(!weir_traceparent(spawned, text)); /* a call on it would be a root */
    weir_app_free(spawned);
    return 0;
}

Test(fork, a_step_that_spawned_an_app_is_no_parent_in_the_child) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct scene s = open_all(rig);
    char text[56];
    weir_app *spawned = weir_app_new(rig->w, &WEIR_APP_OPTIONS(.spawning_step = s.step));
    cr_assert(weir_traceparent(spawned, text));
    expect_in_child(begin_root, spawned);
    cr_assert(weir_traceparent(spawned, text));
    weir_app_free(spawned);
    close_all(&s);
}

static unsigned n_destroyed;

static void count_destroy(void *data) {
    (void)data;
    n_destroyed++;
}

static int close_in_child(void *data) {
    struct scene *s = data;
    CHILD_EXPECT(weir_close(s->rig->w, 1000) == 0);
    CHILD_EXPECT(n_destroyed == 1);
    weir_set(s->step, "key", 1);
    weir_app_free(s->app);
    CHILD_EXPECT(weir_call_begin(s->app, WEIR_METHOD_RUN) == NULL);
    return 0;
}

Test(fork, the_child_closes_its_copy) {
    weir_adapter adapter = {.size = sizeof adapter, .destroy = count_destroy};
    const weir_adapter *const adapters[] = {&adapter};
    struct rig *rig CLEANUP(rig_close) = RIG(.adapters = adapters, .n_adapters = 1);
    struct scene s = open_all(rig);
    expect_in_child(close_in_child, &s);
    close_all(&s);
    expect_tree(rig, 0, "stream_result OK\n  act OK\n    outer OK\n      inner OK\n");
    cr_assert(eq(uint, n_destroyed, 0));
}

/* ---- from inside a hook ---- */

static struct {
    pid_t child;
    int fd;
    bool is_child;
} forked;

static int fork_here(void *data, const weir_lifecycle_event *event) {
    int fds[2];
    (void)data, (void)event;
    if (forked.child != 0 || forked.is_child) {
        return 0;
    }
    cr_assert(zero(int, pipe(fds)));
    pid_t child = settled_fork();
    if (child == 0) {
        alarm(CHILD_PATIENCE_S);
        forked.is_child = true;
        forked.fd = fds[1];
        close(fds[0]);
        return 0;
    }
    forked.child = child;
    forked.fd = fds[0];
    close(fds[1]);
    return 0;
}

static int go_on(struct scene *s) {
    CHILD_EXPECT(weir_step_sequence_id(s->step) == -1);
    close_all(s);
    weir_call *call = weir_call_begin(s->app, WEIR_METHOD_RUN);
    CHILD_EXPECT(weir_step_sequence_id(weir_step_begin(call, "s", NULL)) == 1);
    weir_call_end(call, NULL);
    CHILD_EXPECT(weir_close(s->rig->w, 1000) == 0);
    return 0;
}

static void fork_in(weir_adapter *adapter) {
    const weir_adapter *const adapters[] = {adapter};
    struct rig *rig CLEANUP(rig_close) = RIG(.adapters = adapters, .n_adapters = 1);
    struct scene s = open_all(rig);
    close_all(&s);
    if (forked.is_child) {
        child_tell(forked.fd, go_on(&s));
    }
    cr_assert(gt(int, forked.child, 0));
    cr_assert(eq(int, child_result(forked.child, forked.fd), 0));
    expect_tree(rig, 0, "stream_result OK\n  act OK\n    outer OK\n      inner OK\n");
}

/* The calls above it return in both processes. */
Test(fork, from_a_hook_of_a_begin) {
    fork_in(&WEIR_ADAPTER(.pre_run_step = fork_here));
}
Test(fork, from_a_hook_of_an_end) {
    fork_in(&WEIR_ADAPTER(.post_run_step = fork_here));
}
Test(fork, from_a_hook_of_a_span) {
    fork_in(&WEIR_ADAPTER(.post_end_span = fork_here));
}
Test(fork, from_a_hook_of_a_pull) {
    fork_in(&WEIR_ADAPTER(.post_stream_generate = fork_here));
}
Test(fork, from_a_hook_of_a_stream) {
    fork_in(&WEIR_ADAPTER(.pre_start_stream = fork_here));
}
Test(fork, from_a_hook_of_a_call) {
    fork_in(&WEIR_ADAPTER(.post_run_execute_call = fork_here));
}
