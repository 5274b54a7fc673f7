/* Dispatch: adapters are told everything, in order, without a lock, and their faults are contained.
 */
#include <stdio.h>
#include <string.h>

#include "bridge/bounds.h"
#include "tests/bridge/rig.h"

TestSuite(core);

#define STREAMS &WEIR_STEP_OPTIONS(.streams = true)

/* A little run with everything in it. */
static void play(struct rig *rig, const weir_graph *graph) {
    static const char *const dependencies[] = {"earlier", NULL};
    weir_app *app = weir_app_new(
        rig->w, &WEIR_APP_OPTIONS(.app_id = "a", .partition_key = "k", .state = "{\"n\":0}",
                                  .graph = graph, .parent = &(weir_pointer){.app_id = "from"},
                                  .spawning_parent = &(weir_pointer){.app_id = "by"}));
    weir_call *call = weir_call_begin(app, WEIR_METHOD_STREAM_RESULT);
    weir_step *step =
        weir_step_begin(call, "s", &WEIR_STEP_OPTIONS(.streams = true, .inputs = "{\"i\":1}"));
    weir_span *outer = weir_span_begin(step, "outer", dependencies);
    weir_span *span = weir_span_begin(outer, "inner", NULL);
    weir_set(span, "key", 7);
    weir_span_end(span);
    weir_span_end(outer);
    weir_stream *stream = weir_stream_begin(step);
    for (int i = 0; i < 2; i++) {
        weir_stream_pull(stream);
        weir_stream_yield(stream);
    }
    weir_stream_pull(stream);
    weir_stream_failed(stream, &WEIR_ERROR("E", ""));
    weir_step_end(step, &WEIR_STEP_RESULT(.result = "[1]", .state = "{\"n\":1}",
                                          .error = &WEIR_ERROR("E", "")));
    weir_stream_end(stream);
    weir_call_end(call, &WEIR_ERROR("E", ""));
    weir_app_free(app);
}

/* What bridge/README.md promises of each hook. */
Test(core, each_hook_fills_its_fields) {
    static const weir_graph graph = {.entrypoint = "s"};
    struct rig *rig CLEANUP(rig_close) = RIG();
    rig->keeps_fields = true;
    play(rig, &graph);
    expect_told(
        rig, "post_application_create app=a key=k state={\"n\": 0} graph forked_from=from "
             "spawned_by=by\n"
             "pre_run_execute_call app=a key=k method=stream_result state={\"n\": 0}\n"
             "pre_run_step app=a key=k method=stream_result action=s#0 streams inputs={\"i\": 1}"
             " state={\"n\": 0}\n"
             "pre_start_span app=a key=k method=stream_result action=s#0 span=0:0 name=outer"
             " dependencies=earlier\n"
             "pre_start_span app=a key=k method=stream_result action=s#0 span=0:0.0 name=inner"
             " parent=0:0\n"
             "do_log_attributes app=a key=k method=stream_result action=s#0 span=0:0.0 name=inner"
             " parent=0:0 key=7\n"
             "post_end_span app=a key=k method=stream_result action=s#0 span=0:0.0 name=inner"
             " parent=0:0\n"
             "post_end_span app=a key=k method=stream_result action=s#0 span=0:0 name=outer"
             " dependencies=earlier\n"
             "pre_start_stream app=a key=k method=stream_result action=s#0\n"
             "pre_stream_generate app=a key=k method=stream_result action=s#0 initialized\n"
             "post_stream_generate app=a key=k method=stream_result action=s#0 outcome=produced"
             " initialized\n"
             "post_stream_item app=a key=k method=stream_result action=s#0 initialized first_item\n"
             "pre_stream_generate app=a key=k method=stream_result action=s#0 index=1 initialized"
             " first_item\n"
             "post_stream_generate app=a key=k method=stream_result action=s#0 index=1"
             " outcome=produced initialized first_item\n"
             "post_stream_item app=a key=k method=stream_result action=s#0 index=1 initialized"
             " first_item\n"
             "pre_stream_generate app=a key=k method=stream_result action=s#0 index=2 initialized"
             " first_item\n"
             "post_stream_generate app=a key=k method=stream_result action=s#0 error=E index=2"
             " outcome=failed initialized first_item\n"
             "post_run_step app=a key=k method=stream_result action=s#0 streams result=[1]"
             " state={\"n\": 1, \"__SEQUENCE_ID\": 0} error=E\n"
             "post_end_stream app=a key=k method=stream_result action=s#0 initialized first_item\n"
             "post_run_execute_call app=a key=k method=stream_result"
             " state={\"n\": 1, \"__SEQUENCE_ID\": 0} error=E\n");
}

/* ---- order ---- */

struct named {
    struct rig *rig;
    char name;
    int result;
    unsigned n_calls, n_destroyed;
};

static int say_name(void *data, const weir_lifecycle_event *event) {
    struct named *named = data;
    (void)event;
    named->n_calls++;
    buf_append_byte(&named->rig->told, (uint8_t)named->name);
    return named->result;
}

static void count_destroy(void *data) {
    ((struct named *)data)->n_destroyed++;
}

#define NAMED(named_)                                                                              \
    WEIR_ADAPTER(.data = (named_), .pre_run_execute_call = say_name, .destroy = count_destroy)

static void set_rig(struct named *named, size_t n, struct rig *rig) {
    for (size_t i = 0; i < n; i++) {
        named[i].rig = rig;
    }
    buf_clear(&rig->told);
}

/* Begins and ends a call; the told text. */
static const char *call(struct rig *rig) {
    weir_app *app = weir_app_new(rig->w, &WEIR_APP_OPTIONS(.app_id = "a"));
    (void)rig_told(rig);
    weir_call_end(weir_call_begin(app, WEIR_METHOD_RUN), NULL);
    weir_app_free(app);
    return rig_told(rig);
}

Test(core, adapters_are_called_in_the_order_given) {
    struct named named[3] = {{.name = '1'}, {.name = '2'}, {.name = '3'}};
    const weir_adapter tables[] = {NAMED(&named[0]), NAMED(&named[1]), NAMED(&named[2])};
    const weir_adapter *adapters[] = {&tables[2], &tables[0], &tables[1]};
    struct rig *rig CLEANUP(rig_close) = RIG(.adapters = adapters, .n_adapters = 3);
    set_rig(named, 3, rig);
    expect_text(call(rig), "312pre_run_execute_call run\npost_run_execute_call run\n");
}

Test(core, the_tracker_and_otlp_come_first) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    (void)run;
    expect_text(rig_records(rig, "a"), "begin_entry 0"); /* told after it was written */
    expect_told(rig, "post_application_create a\npre_run_execute_call run\npre_run_step act#0\n");
}

Test(core, tables_are_copied_and_destroyed_once_at_the_close) {
    struct named named = {.name = 'x'};
    weir_adapter table = NAMED(&named);
    const weir_adapter *adapters[] = {&table};
    struct rig *rig CLEANUP(rig_close) = RIG(.adapters = adapters, .n_adapters = 1);
    set_rig(&named, 1, rig);
    memset(&table, 0, sizeof table);
    adapters[0] = NULL;
    expect_text(call(rig), "xpre_run_execute_call run\npost_run_execute_call run\n");
    cr_assert(eq(uint, named.n_destroyed, 0));
    weir_close(rig->w, 5000);
    rig->w = NULL;
    cr_assert(eq(uint, named.n_destroyed, 1));
}

Test(core, as_many_adapters_as_there_may_be) {
    struct named named[WEIR_MAX_ADAPTERS - 1] = {0};
    weir_adapter tables[WEIR_MAX_ADAPTERS - 1];
    const weir_adapter *adapters[WEIR_MAX_ADAPTERS - 1];
    for (size_t i = 0; i < ARRAY_LENGTH(named); i++) {
        named[i].name = '.';
        tables[i] = NAMED(&named[i]);
        adapters[i] = &tables[i];
    }
    struct rig *rig CLEANUP(rig_close) =
        RIG(.adapters = adapters, .n_adapters = ARRAY_LENGTH(adapters)); /* and the recorder */
    set_rig(named, ARRAY_LENGTH(named), rig);
    cr_assert(eq(sz, strspn(call(rig), "."), ARRAY_LENGTH(named)));
}

/* ---- faults ---- */

Test(core, a_fault_is_counted_said_once_and_changes_nothing) {
    struct named named[2] = {{.name = 'x', .result = -5}, {.name = 'y', .result = 5}};
    const weir_adapter tables[] = {NAMED(&named[0]), NAMED(&named[1])};
    const weir_adapter *adapters[] = {&tables[0], &tables[1]};
    struct rig *rig CLEANUP(rig_close) = RIG(.adapters = adapters, .n_adapters = 2);
    set_rig(named, 2, rig);
    for (int i = 0; i < 3; i++) {
        expect_text(call(rig), "xypre_run_execute_call run\npost_run_execute_call run\n");
    }
    cr_assert(eq(u64, rig_stats(rig).adapter_faults, 3));
    cr_assert(eq(uint, rig->log.n, 1));
    cr_assert(kept_log_has(&rig->log, "adapter 0"));
    expect_tree(rig, 0, "run OK\nrun OK\nrun OK\n");
}

/* ---- adapters that call weir ---- */

struct caller {
    struct rig *rig;
    weir_step *step;
    unsigned n_told;
};

/* Opens a span and sets an attribute on the step that is being told of. */
static int call_weir(void *data, const weir_lifecycle_event *event) {
    struct caller *caller = data;
    (void)event;
    caller->n_told++;
    if (caller->step != NULL) {
        weir_span *span = weir_span_begin(caller->step, "by adapter", NULL);
        weir_set(span, "k", 1);
        weir_span_end(span);
    }
    return 0;
}

Test(core, what_an_adapter_tells_reaches_the_others_alone) {
    struct caller caller = {0};
    const weir_adapter table =
        WEIR_ADAPTER(.data = &caller, .pre_start_span = call_weir, .do_log_attributes = call_weir);
    const weir_adapter *adapters[] = {&table};
    struct rig *rig CLEANUP(rig_close) = RIG(.adapters = adapters, .n_adapters = 1);
    struct rig_run run = rig_begin(rig, NULL);
    caller.step = run.step;
    (void)rig_told(rig);
    weir_span_end(weir_span_begin(run.step, "mine", NULL));
    cr_assert(eq(uint, caller.n_told, 1));
    expect_told(rig, "pre_start_span 0:1\ndo_log_attributes k\npost_end_span 0:1\n"
                     "pre_start_span 0:0\npost_end_span 0:0\n");
    rig_end(rig, &run);
    expect_tree(rig, 0, "run OK\n  act OK\n    by adapter OK\n    mine OK\n");
}

static int free_app(void *data, const weir_lifecycle_event *event) {
    (void)event;
    weir_app_free(*(weir_app **)data);
    return 0;
}

/* The app goes while weir itself ends a pull: before the next one, or with the stream. */
static void free_app_in_a_pull(bool pull_again) {
    weir_app *app = NULL;
    const weir_adapter table = WEIR_ADAPTER(.data = &app, .post_stream_generate = free_app);
    const weir_adapter *adapters[] = {&table};
    struct rig *rig CLEANUP(rig_close) = RIG(.adapters = adapters, .n_adapters = 1);
    app = weir_app_new(rig->w, &WEIR_APP_OPTIONS(.app_id = "a"));
    weir_step *step = weir_step_begin(weir_call_begin(app, WEIR_METHOD_RUN), "act", STREAMS);
    weir_stream *stream = weir_stream_begin(step);
    weir_stream_pull(stream);
    if (pull_again) {
        weir_stream_pull(stream);
    }
    weir_stream_end(stream);
    app = weir_app_new(rig->w, &WEIR_APP_OPTIONS(.app_id = "b"));
    weir_call *call = weir_call_begin(app, WEIR_METHOD_RUN);
    weir_step *one = weir_step_begin(call, "one", NULL), *two = weir_step_begin(call, "two", NULL);
    cr_assert(one != NULL && two != NULL && one != two);
    cr_assert(eq(i64, weir_step_sequence_id(one), 0));
    cr_assert(eq(i64, weir_step_sequence_id(two), 1));
}

Test(core, an_adapter_may_free_the_app_while_a_pull_ends) {
    free_app_in_a_pull(false);
    free_app_in_a_pull(true);
}

Test(core, an_adapter_may_free_the_app_it_is_told_of) {
    for (int hook = WEIR_HOOK_PRE_RUN_EXECUTE_CALL; hook <= WEIR_HOOK_POST_END_STREAM; hook++) {
        weir_app *app = NULL;
        weir_adapter table = WEIR_ADAPTER(.data = &app);
        weir_hook_fn **const hooks[] = {
            [WEIR_HOOK_PRE_RUN_EXECUTE_CALL] = &table.pre_run_execute_call,
            [WEIR_HOOK_POST_RUN_EXECUTE_CALL] = &table.post_run_execute_call,
            [WEIR_HOOK_PRE_RUN_STEP] = &table.pre_run_step,
            [WEIR_HOOK_POST_RUN_STEP] = &table.post_run_step,
            [WEIR_HOOK_PRE_START_SPAN] = &table.pre_start_span,
            [WEIR_HOOK_POST_END_SPAN] = &table.post_end_span,
            [WEIR_HOOK_DO_LOG_ATTRIBUTES] = &table.do_log_attributes,
            [WEIR_HOOK_PRE_START_STREAM] = &table.pre_start_stream,
            [WEIR_HOOK_PRE_STREAM_GENERATE] = &table.pre_stream_generate,
            [WEIR_HOOK_POST_STREAM_GENERATE] = &table.post_stream_generate,
            [WEIR_HOOK_POST_STREAM_ITEM] = &table.post_stream_item,
            [WEIR_HOOK_POST_END_STREAM] = &table.post_end_stream,
        };
        *hooks[hook] = free_app;
        const weir_adapter *adapters[] = {&table};
        struct rig *rig CLEANUP(rig_close) =
            RIG(.adapters = adapters, .n_adapters = 1,
                .streaming_mode = WEIR_STREAMING_SINGLE_AND_CHUNK_SPANS);
        app = weir_app_new(rig->w, &WEIR_APP_OPTIONS(.app_id = "a"));
        weir_call *call = weir_call_begin(app, WEIR_METHOD_RUN);
        weir_step *step = weir_step_begin(call, "act", STREAMS);
        weir_span *span = weir_span_begin(step, "inside", NULL);
        weir_set(span, "k", 1);
        weir_span_end(span);
        weir_stream *stream = weir_stream_begin(step);
        weir_stream_pull(stream);
        weir_stream_yield(stream);
        weir_step_end(step, NULL);
        weir_stream_end(stream);
        weir_call_end(call, NULL);
        weir_app_free(app);
        const char *tree = rig_tree(rig, 0);
        cr_assert(eq(int, strncmp(tree, "run ", 4), 0), "hook %d: %s", hook, tree);
        weir_otlp_stats stats = rig_otlp_stats(rig);
        cr_assert(eq(u64, stats.live, 0), "hook %d", hook);
        cr_assert(eq(u64, stats.started, stats.acknowledged), "hook %d", hook);
    }
}

/* A weir inside an adapter of another one: its own adapters are all told. */
static int run_in_other(void *data, const weir_lifecycle_event *event) {
    (void)event;
    weir *other = data;
    weir_app_free(weir_app_new(other, &WEIR_APP_OPTIONS(.app_id = "inner")));
    return 0;
}

Test(core, two_weirs_do_not_hide_each_others_events) {
    struct rig *inner CLEANUP(rig_close) = RIG();
    const weir_adapter table =
        WEIR_ADAPTER(.data = inner->w, .post_application_create = run_in_other);
    const weir_adapter *adapters[] = {&table};
    struct rig *outer CLEANUP(rig_close) = RIG(.adapters = adapters, .n_adapters = 1);
    weir_app_free(weir_app_new(outer->w, &WEIR_APP_OPTIONS(.app_id = "outer")));
    expect_told(inner, "post_application_create inner\n");
    expect_told(outer, "post_application_create outer\n");
}

/* ---- time and messages ---- */

static int keep_time(void *data, const weir_lifecycle_event *event) {
    uint64_t **next = data;
    *(*next)++ = event->unix_ns;
    *(*next)++ = event->monotonic_ns;
    return 0;
}

Test(core, every_adapter_sees_one_time) {
    uint64_t times[4] = {0}, *next = times;
    const weir_adapter table = WEIR_ADAPTER(.data = &next, .pre_run_execute_call = keep_time);
    const weir_adapter *adapters[] = {&table, &table};
    struct rig *rig CLEANUP(rig_close) = RIG(.adapters = adapters, .n_adapters = 2);
    weir_app *app = weir_app_new(rig->w, NULL);
    weir_call_end(weir_call_begin(app, WEIR_METHOD_RUN), NULL);
    cr_assert(eq(u64, times[0], rig->clock.unix_ns));
    cr_assert(eq(u64, times[1], rig->clock.monotonic_ns));
    cr_assert(eq(int, memcmp(times, times + 2, 2 * sizeof *times), 0));
}

/* A log callback that calls weir would hang if a lock were held. */
struct echo {
    weir_app *app;
    unsigned n_said;
};

static void ask_weir(weir_log_level level, const char *message, void *data) {
    struct echo *echo = data;
    char id[64];
    (void)level;
    (void)message;
    echo->n_said++;
    (void)weir_app_id(echo->app, id, sizeof id);
}

static int refuse(void *data, const weir_lifecycle_event *event) {
    (void)data;
    (void)event;
    return -1;
}

Test(core, messages_come_without_a_lock) {
    struct echo echo = {0};
    const weir_adapter table = WEIR_ADAPTER(.pre_run_step = refuse);
    const weir_adapter *adapters[] = {&table};
    weir *w = NULL;
    cr_assert(
        eq(int,
           weir_open(&WEIR_OPTIONS(.otlp_off = true, .adapters = adapters, .n_adapters = 1,
                                   .tracker_dir = "/proc/none", .log = ask_weir, .log_data = &echo),
                     &w, NULL),
           0));
    echo.app = weir_app_new(w, NULL);
    weir_call *call = weir_call_begin(echo.app, WEIR_METHOD_RUN);
    weir_step_end(weir_step_begin(call, "a", NULL), NULL);
    weir_call_end(call, NULL);
    weir_app_free(echo.app);
    weir_close(w, 0);
    cr_assert(ge(uint, echo.n_said, 2)); /* no files, and the fault */
}
