/* What the four streaming modes make of a stream. */
#include "tests/bridge/stream_play.h"

TestSuite(adapter_otlp_stream);

/* ---- the four modes ---- */

Test(adapter_otlp_stream, single_span_puts_the_summary_on_the_action_span) {
    struct rig *rig CLEANUP(rig_close) = RIG(.streaming_mode = SINGLE);
    play(rig);
    expect_tree(rig, EVERYTHING,
                "run OK @0+39\n"
                "  act OK @0+39 stream.generation_time_ms=33.0 stream.consumer_time_ms=5.0"
                " stream.iteration_count=2 stream.first_item_time_ms=10.0\n");
}

Test(adapter_otlp_stream, event_puts_the_summary_on_the_method_span_when_the_step_ends) {
    struct rig *rig CLEANUP(rig_close) = RIG(.streaming_mode = EVENT);
    play(rig);
    expect_tree(rig, EVERYTHING,
                "run OK @0+39\n"
                "  ! stream_completed @39 stream.generation_time_ms=33.0"
                " stream.consumer_time_ms=5.0 stream.total_time_ms=38.0"
                " stream.iteration_count=2 stream.first_item_time_ms=10.0\n");
}

Test(adapter_otlp_stream, chunk_spans_last_as_long_as_their_pulls) {
    struct rig *rig CLEANUP(rig_close) = RIG(.streaming_mode = CHUNKS);
    play(rig);
    expect_tree(rig, EVERYTHING,
                "run OK @0+39\n"
                "  act::chunk_0 OK @0+10\n"
                "  act::chunk_1 OK @15+20\n");
}

Test(adapter_otlp_stream, single_and_chunk_spans_hang_below_the_action_span) {
    struct rig *rig CLEANUP(rig_close) = RIG(.streaming_mode = BOTH);
    play(rig);
    expect_tree(rig, EVERYTHING,
                "run OK @0+39\n"
                "  act OK @0+39 stream.generation_time_ms=33.0 stream.consumer_time_ms=5.0"
                " stream.iteration_count=2 stream.first_item_time_ms=10.0\n"
                "    act::chunk_0 OK @0+10\n"
                "    act::chunk_1 OK @15+20\n");
}

Test(adapter_otlp_stream, a_step_that_does_not_stream_gets_an_action_span_in_every_mode) {
    for (weir_streaming_mode mode = SINGLE; mode <= BOTH; mode++) {
        struct rig *rig CLEANUP(rig_close) = RIG(.streaming_mode = mode);
        struct rig_run run = rig_begin(rig, NULL);
        weir_set(run.step, "k", 1);
        rig_end(rig, &run);
        expect_tree(rig, EVERYTHING, "run OK @0+0\n  act OK @0+0 k=1\n");
    }
}

/* ---- errors ---- */

/* One value, then an error. */
static void play_failing(struct rig *rig) {
    struct rig_run run = rig_begin(rig, STREAMS);
    weir_stream *stream = weir_stream_begin(run.step);
    pull(rig, stream, 10);
    weir_stream_pull(stream);
    rig_pass(rig, 2);
    weir_stream_failed(stream, &BOOM);
    weir_step_end(run.step, &WEIR_STEP_RESULT(.error = &BOOM));
    weir_call_end(run.call, &BOOM);
    weir_stream_end(stream);
    weir_app_free(run.app);
}

Test(adapter_otlp_stream, an_error_is_on_the_action_the_event_or_the_chunk) {
    static const char *const expected[] = {
        [WEIR_STREAMING_SINGLE_SPAN] =
            "run ERROR boom\n"
            "  act ERROR boom stream.generation_time_ms=12.0 stream.consumer_time_ms=0.0"
            " stream.iteration_count=1 stream.first_item_time_ms=10.0\n",
        [WEIR_STREAMING_EVENT] =
            "run ERROR boom\n"
            "  ! stream_error stream.generation_time_ms=12.0 stream.consumer_time_ms=0.0"
            " stream.total_time_ms=12.0 stream.iteration_count=1"
            " stream.first_item_time_ms=10.0 stream.error=\"boom\"\n",
        [WEIR_STREAMING_CHUNK_SPANS] = "run ERROR boom\n"
                                       "  act::chunk_0 OK\n"
                                       "  act::chunk_1 ERROR boom\n",
        [WEIR_STREAMING_SINGLE_AND_CHUNK_SPANS] =
            "run ERROR boom\n"
            "  act ERROR boom stream.generation_time_ms=12.0 stream.consumer_time_ms=0.0"
            " stream.iteration_count=1 stream.first_item_time_ms=10.0\n"
            "    act::chunk_0 OK\n"
            "    act::chunk_1 ERROR boom\n",
    };
    for (weir_streaming_mode mode = SINGLE; mode <= BOTH; mode++) {
        struct rig *rig CLEANUP(rig_close) = RIG(.streaming_mode = mode);
        play_failing(rig);
        expect_text_at(mode, rig_tree(rig, RIG_ATTRIBUTES | RIG_EVENTS), expected[mode]);
    }
}

/* ---- improvement 2: nothing was produced ---- */

static void play_nothing(struct rig *rig) {
    struct rig_run run = rig_begin(rig, STREAMS);
    weir_stream *stream = weir_stream_begin(run.step);
    weir_stream_pull(stream);
    rig_pass(rig, 4);
    weir_stream_exhausted(stream);
    weir_stream_end(stream);
    rig_end(rig, &run);
}

Test(adapter_otlp_stream, a_stream_that_produced_nothing_has_no_first_item_time) {
    struct rig *rig CLEANUP(rig_close) = RIG(.streaming_mode = SINGLE);
    play_nothing(rig);
    expect_tree(rig, RIG_ATTRIBUTES,
                "run OK\n  act OK stream.generation_time_ms=4.0 stream.consumer_time_ms=0.0"
                " stream.iteration_count=0\n");
    struct rig *exact CLEANUP(rig_close) = RIG(.streaming_mode = SINGLE, .burr_exact = true);
    play_nothing(exact);
    expect_tree(exact, RIG_ATTRIBUTES,
                "run OK\n  act OK stream.generation_time_ms=4.0 stream.consumer_time_ms=0.0"
                " stream.iteration_count=0 stream.first_item_time_ms=0.0\n");
}

/* ---- improvement 3: clocks and concurrency ---- */

Test(adapter_otlp_stream, a_wall_clock_that_jumps_back_changes_no_duration) {
    struct rig *rig CLEANUP(rig_close) = RIG(.streaming_mode = BOTH);
    struct rig_run run = rig_begin(rig, STREAMS);
    weir_stream *stream = weir_stream_begin(run.step);
    weir_stream_pull(stream);
    rig_pass(rig, 10);
    rig->clock.unix_ns -= UINT64_C(3600000000000);
    weir_stream_yield(stream);
    rig_pass(rig, 5);
    rig->clock.unix_ns += UINT64_C(7200000000000);
    pull(rig, stream, 20);
    weir_step_end(run.step, NULL);
    weir_stream_end(stream);
    rig_end(rig, &run);
    expect_tree(rig, EVERYTHING,
                "run OK @0+35\n"
                "  act OK @0+35 stream.generation_time_ms=30.0 stream.consumer_time_ms=5.0"
                " stream.iteration_count=2 stream.first_item_time_ms=10.0\n"
                "    act::chunk_0 OK @0+10\n"
                "    act::chunk_1 OK @15+20\n");
}

Test(adapter_otlp_stream, the_next_outermost_call_takes_the_wall_clock_anew) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    weir_app *app = weir_app_new(rig->w, NULL);
    weir_call_end(weir_call_begin(app, WEIR_METHOD_STEP), NULL);
    rig->clock.unix_ns += UINT64_C(100000000);
    weir_call_end(weir_call_begin(app, WEIR_METHOD_RUN), NULL);
    weir_app_free(app);
    expect_tree(rig, RIG_TIMES, "step OK @0+0\nrun OK @100+0\n");
}

struct runner {
    weir_app *app;
    weir_call *call;
    weir_step *step;
    weir_stream *stream;
};

static struct runner runner_begin(struct rig *rig, const char *app_id) {
    struct runner runner;
    runner.app = weir_app_new(rig->w, &WEIR_APP_OPTIONS(.app_id = app_id));
    runner.call = weir_call_begin(runner.app, WEIR_METHOD_STREAM_RESULT);
    runner.step = weir_step_begin(runner.call, app_id, STREAMS);
    runner.stream = weir_stream_begin(runner.step);
    return runner;
}

static void runner_end(struct runner *runner) {
    weir_step_end(runner->step, NULL);
    weir_stream_end(runner->stream);
    weir_call_end(runner->call, NULL);
    weir_app_free(runner->app);
}

Test(adapter_otlp_stream, two_apps_interleaved_pull_by_pull_keep_their_own_times) {
    struct rig *rig CLEANUP(rig_close) = RIG(.streaming_mode = BOTH);
    struct runner left = runner_begin(rig, "left"), right = runner_begin(rig, "right");
    for (unsigned i = 0; i < 2; i++) {
        weir_stream_pull(left.stream);
        rig_pass(rig, 10);
        weir_stream_pull(right.stream); /* both are open: 10 ms of the one are 5 of the other */
        weir_span_end(weir_span_begin(right.step, "inside", NULL));
        rig_pass(rig, 5);
        weir_stream_yield(left.stream);
        rig_pass(rig, 1);
        weir_stream_yield(right.stream);
    }
    runner_end(&left);
    runner_end(&right);
    expect_tree(rig, EVERYTHING,
                "stream_result OK @0+32\n"
                "  left OK @0+32 stream.generation_time_ms=30.0 stream.consumer_time_ms=1.0"
                " stream.iteration_count=2 stream.first_item_time_ms=15.0\n"
                "    left::chunk_0 OK @0+15\n"
                "    left::chunk_1 OK @16+15\n"
                "stream_result OK @0+32\n"
                "  right OK @0+32 stream.generation_time_ms=12.0 stream.consumer_time_ms=10.0"
                " stream.iteration_count=2 stream.first_item_time_ms=6.0\n"
                "    right::chunk_0 OK @10+6\n"
                "      inside OK @10+0\n"
                "    right::chunk_1 OK @26+6\n"
                "      inside OK @26+0\n");
}

Test(adapter_otlp_stream, two_steps_of_one_call_stream_at_once) {
    struct rig *rig CLEANUP(rig_close) = RIG(.streaming_mode = CHUNKS);
    weir_app *app = weir_app_new(rig->w, NULL);
    weir_call *call = weir_call_begin(app, WEIR_METHOD_RUN);
    weir_step *a = weir_step_begin(call, "a", STREAMS), *b = weir_step_begin(call, "b", STREAMS);
    weir_stream *of_a = weir_stream_begin(a), *of_b = weir_stream_begin(b);
    weir_stream_pull(of_a);
    weir_stream_pull(of_b);
    weir_set(a, "from", "a");
    weir_set(b, "from", "b");
    rig_pass(rig, 2);
    weir_stream_yield(of_a);
    rig_pass(rig, 3);
    weir_stream_yield(of_b);
    weir_step_end(b, NULL);
    weir_step_end(a, NULL);
    weir_stream_end(of_a);
    weir_stream_end(of_b);
    weir_call_end(call, NULL);
    weir_app_free(app);
    expect_tree(rig, EVERYTHING,
                "run OK @0+5\n"
                "  a::chunk_0 OK @0+2 from=\"a\"\n"
                "  b::chunk_0 OK @0+5 from=\"b\"\n");
}

Test(adapter_otlp_stream, a_sub_app_inside_a_pull_takes_nothing_from_its_parent) {
    static const char *const expected[] = {
        [WEIR_STREAMING_SINGLE_SPAN] = "stream_result OK\n"
                                       "  outer OK stream.iteration_count=2\n"
                                       "    stream_result OK\n"
                                       "      inner OK stream.iteration_count=1\n",
        [WEIR_STREAMING_EVENT] = "stream_result OK\n"
                                 "  ! stream_completed stream.iteration_count=2\n"
                                 "  stream_result OK\n"
                                 "    ! stream_completed stream.iteration_count=1\n",
        [WEIR_STREAMING_CHUNK_SPANS] = "stream_result OK\n"
                                       "  outer::chunk_0 OK\n"
                                       "    stream_result OK\n"
                                       "      inner::chunk_0 OK\n"
                                       "  outer::chunk_1 OK\n",
        [WEIR_STREAMING_SINGLE_AND_CHUNK_SPANS] = "stream_result OK\n"
                                                  "  outer OK stream.iteration_count=2\n"
                                                  "    outer::chunk_0 OK\n"
                                                  "      stream_result OK\n"
                                                  "        inner OK stream.iteration_count=1\n"
                                                  "          inner::chunk_0 OK\n"
                                                  "    outer::chunk_1 OK\n",
    };
    for (weir_streaming_mode mode = SINGLE; mode <= BOTH; mode++) {
        struct rig *rig CLEANUP(rig_close) = RIG(.streaming_mode = mode);
        struct runner outer = runner_begin(rig, "outer");
        weir_stream_pull(outer.stream);
        weir_app *app =
            weir_app_new(rig->w, &WEIR_APP_OPTIONS(.app_id = "inner", .spawning_step = outer.step));
        struct runner inner = {.app = app};
        inner.call = weir_call_begin(app, WEIR_METHOD_STREAM_RESULT);
        inner.step = weir_step_begin(inner.call, "inner", STREAMS);
        inner.stream = weir_stream_begin(inner.step);
        pull(rig, inner.stream, 1);
        runner_end(&inner);
        weir_stream_yield(outer.stream);
        pull(rig, outer.stream, 1);
        runner_end(&outer);
        expect_text_at(mode, without_times(rig_tree(rig, RIG_ATTRIBUTES | RIG_EVENTS)),
                       expected[mode]);
    }
}

/* ---- improvement 4: identity ---- */

static const char *identity(struct rig *rig) {
    weir_app *app = weir_app_new(rig->w, &WEIR_APP_OPTIONS(.app_id = "a", .partition_key = "user"));
    weir_call *call = weir_call_begin(app, WEIR_METHOD_RUN);
    weir_step_end(weir_step_begin(call, "plain", NULL), NULL);
    weir_step *step = weir_step_begin(call, "s", STREAMS);
    weir_stream *stream = weir_stream_begin(step);
    rig_pass(rig, 1);
    pull(rig, stream, 0);
    weir_step_end(step, NULL);
    weir_stream_end(stream);
    weir_call_end(call, NULL);
    weir_app_free(app);
    return rig_tree(rig, RIG_IDENTITY | RIG_EVENTS);
}

#define APP " burr.project=\"p\" burr.app_id=\"a\" burr.partition_key=\"user\""

Test(adapter_otlp_stream, identity_says_which_step_it_was_wherever_there_is_no_action_span) {
    static const char *const expected[] = {
        [WEIR_STREAMING_SINGLE_SPAN] = "run OK" APP "\n"
                                       "  plain OK" APP " burr.sequence_id=0\n"
                                       "  s OK" APP " burr.sequence_id=1\n",
        [WEIR_STREAMING_EVENT] = "run OK" APP "\n"
                                 "  ! stream_completed burr.sequence_id=1\n"
                                 "  plain OK" APP " burr.sequence_id=0\n",
        [WEIR_STREAMING_CHUNK_SPANS] = "run OK" APP "\n"
                                       "  plain OK" APP " burr.sequence_id=0\n"
                                       "  s::chunk_0 OK burr.sequence_id=1\n",
        [WEIR_STREAMING_SINGLE_AND_CHUNK_SPANS] = "run OK" APP "\n"
                                                  "  plain OK" APP " burr.sequence_id=0\n"
                                                  "  s OK" APP " burr.sequence_id=1\n"
                                                  "    s::chunk_0 OK\n",
    };
    for (weir_streaming_mode mode = SINGLE; mode <= BOTH; mode++) {
        struct rig *rig CLEANUP(rig_close) = RIG(.streaming_mode = mode);
        expect_text_at(mode, identity(rig), expected[mode]);
    }
}

Test(adapter_otlp_stream, burr_exact_has_no_identity) {
    for (weir_streaming_mode mode = SINGLE; mode <= BOTH; mode++) {
        struct rig *rig CLEANUP(rig_close) = RIG(.streaming_mode = mode, .burr_exact = true);
        cr_assert(eq(ptr, strstr(identity(rig), "burr."), NULL));
    }
}

Test(adapter_otlp_stream, identity_comes_first_and_behind_the_values_of_an_event) {
    struct rig *rig CLEANUP(rig_close) = RIG(.streaming_mode = EVENT);
    struct rig_run run = rig_begin(rig, STREAMS);
    weir_set(run.step, "k", 1);
    weir_stream_end(weir_stream_begin(run.step));
    rig_end(rig, &run);
    expect_tree(rig, RIG_ATTRIBUTES | RIG_IDENTITY | RIG_EVENTS,
                "run OK burr.project=\"p\" burr.app_id=\"a\" k=1\n"
                "  ! stream_completed stream.generation_time_ms=0.0 stream.consumer_time_ms=0.0"
                " stream.total_time_ms=0.0 stream.iteration_count=0 burr.sequence_id=0\n");
}

/* ---- improvement 7: a streaming action that was merely run ---- */

static const char *no_stream(struct rig *rig) {
    struct rig_run run = rig_begin(rig, STREAMS);
    rig_pass(rig, 1);
    weir_set(run.step, "k", 1);
    weir_span_end(weir_span_begin(run.step, "inside", NULL));
    rig_pass(rig, 1);
    rig_end(rig, &run);
    return rig_tree(rig, EVERYTHING);
}

Test(adapter_otlp_stream, a_step_without_its_stream_is_a_plain_step) {
    static const char *const expected[] = {
        [WEIR_STREAMING_SINGLE_SPAN] = "run OK @0+2\n  act OK @0+2 k=1\n    inside OK @1+0\n",
        [WEIR_STREAMING_EVENT] = "run OK @0+2 k=1\n  act OK @0+2\n  inside OK @1+0\n",
        [WEIR_STREAMING_CHUNK_SPANS] = "run OK @0+2 k=1\n  act OK @0+2\n  inside OK @1+0\n",
        [WEIR_STREAMING_SINGLE_AND_CHUNK_SPANS] =
            "run OK @0+2\n  act OK @0+2 k=1\n    inside OK @1+0\n",
    };
    for (weir_streaming_mode mode = SINGLE; mode <= BOTH; mode++) {
        struct rig *rig CLEANUP(rig_close) = RIG(.streaming_mode = mode);
        expect_text_at(mode, no_stream(rig), expected[mode]);
    }
}

/* ---- improvement 9: abandoned ---- */

static const char *abandoned(struct rig *rig) {
    struct rig_run run = rig_begin(rig, STREAMS);
    weir_stream *stream = weir_stream_begin(run.step);
    pull(rig, stream, 1);
    weir_stream_abandon(stream);
    weir_stream_end(stream);
    rig_end(rig, &run);
    return without_times(rig_tree(rig, RIG_ATTRIBUTES | RIG_EVENTS));
}

Test(adapter_otlp_stream, abandonment_is_said_in_words) {
    static const char *const expected[] = {
        [WEIR_STREAMING_SINGLE_SPAN] = "run ERROR abandoned\n"
                                       "  act ERROR abandoned stream.iteration_count=1\n",
        [WEIR_STREAMING_EVENT] = "run ERROR abandoned\n"
                                 "  ! stream_error stream.iteration_count=1"
                                 " stream.error=\"abandoned\"\n",
        [WEIR_STREAMING_CHUNK_SPANS] = "run ERROR abandoned\n  act::chunk_0 OK\n",
        [WEIR_STREAMING_SINGLE_AND_CHUNK_SPANS] = "run ERROR abandoned\n"
                                                  "  act ERROR abandoned stream.iteration_count=1\n"
                                                  "    act::chunk_0 OK\n",
    };
    for (weir_streaming_mode mode = SINGLE; mode <= BOTH; mode++) {
        struct rig *rig CLEANUP(rig_close) = RIG(.streaming_mode = mode);
        expect_text_at(mode, abandoned(rig), expected[mode]);
    }
    struct rig *exact CLEANUP(rig_close) = RIG(.streaming_mode = EVENT, .burr_exact = true);
    expect_text(abandoned(exact), "run ERROR\n"
                                  "  ! stream_error stream.iteration_count=1 stream.error=\"\"\n");
}

/* ---- streams that were not announced ---- */

static const char *unannounced(struct rig *rig) {
    struct rig_run run = rig_begin(rig, NULL);
    weir_stream *stream = weir_stream_begin(run.step);
    pull(rig, stream, 1);
    weir_set(run.step, "k", 1);
    weir_step_end(run.step, NULL);
    weir_stream_end(stream);
    rig_end(rig, &run);
    return without_times(rig_tree(rig, RIG_ATTRIBUTES | RIG_EVENTS));
}

Test(adapter_otlp_stream, a_stream_nobody_announced_leaves_the_action_span) {
    static const char *const expected[] = {
        [WEIR_STREAMING_SINGLE_SPAN] = "run OK\n  act OK k=1 stream.iteration_count=1\n",
        [WEIR_STREAMING_EVENT] = "run OK\n"
                                 "  ! stream_completed stream.iteration_count=1\n"
                                 "  act OK k=1\n",
        [WEIR_STREAMING_CHUNK_SPANS] = "run OK\n  act OK k=1\n    act::chunk_0 OK\n",
        [WEIR_STREAMING_SINGLE_AND_CHUNK_SPANS] =
            "run OK\n  act OK k=1 stream.iteration_count=1\n    act::chunk_0 OK\n",
    };
    for (weir_streaming_mode mode = SINGLE; mode <= BOTH; mode++) {
        struct rig *rig CLEANUP(rig_close) = RIG(.streaming_mode = mode);
        expect_text_at(mode, unannounced(rig), expected[mode]);
    }
}

Test(adapter_otlp_stream, the_graph_may_say_that_an_action_streams) {
    static const weir_action actions[] = {{.name = "plain"}, {.name = "act", .streams = true}};
    static const weir_graph graph = {.actions = actions, .n_actions = 2};
    struct rig *rig CLEANUP(rig_close) = RIG(.streaming_mode = EVENT);
    weir_app *app = weir_app_new(rig->w, &WEIR_APP_OPTIONS(.graph = &graph));
    weir_call *call = weir_call_begin(app, WEIR_METHOD_RUN);
    weir_step *step = weir_step_begin(call, "act", NULL);
    weir_stream_end(weir_stream_begin(step));
    weir_step_end(step, NULL);
    weir_step_end(weir_step_begin(call, "plain", NULL), NULL);
    weir_call_end(call, NULL);
    weir_app_free(app);
    expect_tree(rig, 0, "run OK\n  plain OK\n");
}

/* ---- whose child ---- */

Test(adapter_otlp_stream, spans_keep_the_parent_they_were_opened_under) {
    struct rig *rig CLEANUP(rig_close) = RIG(.streaming_mode = CHUNKS);
    struct rig_run run = rig_begin(rig, STREAMS);
    weir_stream *stream = weir_stream_begin(run.step);
    weir_span *before = weir_span_begin(run.step, "before", NULL);
    rig_pass(rig, 1);
    weir_stream_pull(stream);
    weir_span *during = weir_span_begin(run.step, "during", NULL);
    weir_span_end(weir_span_begin(before, "below", NULL));
    rig_pass(rig, 1);
    weir_stream_yield(stream);
    weir_span_end(weir_span_begin(run.step, "between", NULL));
    weir_set(during, "late", 1);
    rig_pass(rig, 1);
    weir_span_end(during);
    weir_span_end(before);
    weir_step_end(run.step, NULL);
    weir_stream_end(stream);
    rig_end(rig, &run);
    expect_tree(rig, RIG_TIMES | RIG_ATTRIBUTES,
                "run OK @0+3\n"
                "  before OK @0+3\n"
                "    below OK @1+0\n"
                "  act::chunk_0 OK @1+1\n"
                "    during OK @1+2 late=1\n"
                "  between OK @2+0\n");
}
