/* Which pulls get a chunk span, and what stays with the action. */
#include "tests/bridge/stream_play.h"

TestSuite(adapter_otlp_chunks);

/* ---- improvement 1: pulls that only found the end ---- */

Test(adapter_otlp_chunks, an_exhausted_pull_with_a_span_in_it_is_exported) {
    struct rig *rig CLEANUP(rig_close) = RIG(.streaming_mode = BOTH);
    struct rig_run run = rig_begin(rig, STREAMS);
    weir_stream *stream = weir_stream_begin(run.step);
    weir_stream_pull(stream);
    weir_span_end(weir_span_begin(run.step, "look", NULL));
    weir_stream_exhausted(stream);
    weir_stream_end(stream);
    rig_end(rig, &run);
    expect_tree(rig, 0, "run OK\n  act OK\n    act::chunk_0 OK\n      look OK\n");
}

Test(adapter_otlp_chunks, an_exhausted_pull_with_an_attribute_is_exported_in_chunk_spans) {
    struct rig *rig CLEANUP(rig_close) = RIG(.streaming_mode = CHUNKS);
    struct rig_run run = rig_begin(rig, STREAMS);
    weir_stream *stream = weir_stream_begin(run.step);
    weir_stream_pull(stream);
    weir_set(run.step, "tokens", 7);
    weir_stream_exhausted(stream);
    weir_stream_end(stream);
    rig_end(rig, &run);
    expect_tree(rig, RIG_ATTRIBUTES, "run OK\n  act::chunk_0 OK tokens=7\n");
}

Test(adapter_otlp_chunks, burr_exact_keeps_the_exhausted_pull) {
    struct rig *rig CLEANUP(rig_close) = RIG(.streaming_mode = CHUNKS, .burr_exact = true);
    play(rig);
    expect_tree(rig, 0, "run OK\n  act::chunk_0 OK\n  act::chunk_1 OK\n  act::chunk_2 OK\n");
}

/* ---- improvement 5: attributes of the step while a chunk is open ---- */

static const char *attribute_in_pull(struct rig *rig) {
    struct rig_run run = rig_begin(rig, STREAMS);
    weir_stream *stream = weir_stream_begin(run.step);
    weir_stream_pull(stream);
    weir_set(run.step, "k", 1);
    weir_span *span = weir_span_begin(run.step, "inside", NULL);
    weir_stream_yield(stream);
    weir_span_end(span);
    weir_step_end(run.step, NULL);
    weir_stream_end(stream);
    rig_end(rig, &run);
    return without_times(rig_tree(rig, RIG_ATTRIBUTES));
}

Test(adapter_otlp_chunks, attributes_in_a_pull_stay_with_the_action_span) {
    struct rig *rig CLEANUP(rig_close) = RIG(.streaming_mode = BOTH);
    expect_text(attribute_in_pull(rig), "run OK\n"
                                        "  act OK k=1 stream.iteration_count=1\n"
                                        "    act::chunk_0 OK\n"
                                        "      inside OK\n");
    struct rig *exact CLEANUP(rig_close) = RIG(.streaming_mode = BOTH, .burr_exact = true);
    expect_text(attribute_in_pull(exact), "run OK\n"
                                          "  act OK stream.iteration_count=1\n"
                                          "    act::chunk_0 OK k=1\n"
                                          "      inside OK\n");
}

/* The host is asked about an item when its pull has ended, but the chunk is still open. */
static weir_verdict speak_of_item(void *data, const weir_redaction *what, weir_value *replacement) {
    struct rig_run *run = data;
    (void)replacement;
    if (what->content == WEIR_CONTENT_ITEM) {
        weir_set(run->step, "tokens", 7);
        weir_span_end(weir_span_begin(run->step, "count", NULL));
    }
    return WEIR_KEEP;
}

Test(adapter_otlp_chunks, what_is_said_while_the_host_is_asked_about_an_item_is_of_its_chunk) {
    struct rig_run run;
    struct rig *rig CLEANUP(rig_close) =
        RIG(.streaming_mode = CHUNKS, .capture_items = WEIR_CAPTURE_FULL, .redact = speak_of_item,
            .redact_data = &run, .chunk_span_min_ms = 1000);
    run = rig_begin(rig, STREAMS);
    weir_stream *stream = weir_stream_begin(run.step);
    weir_stream_pull(stream);
    weir_stream_produced_value(stream, weir_value_int(1));
    weir_set(run.step, "between", 1);
    weir_stream_end(stream);
    rig_end(rig, &run);
    expect_tree(rig, RIG_ATTRIBUTES,
                "run OK between=1\n  act::chunk_0 OK tokens=7 stream.item=1\n    count OK\n");
}

/* ---- improvement 6: fewer chunk spans ---- */

/* Pulls of 10, 1, 1, 10, 1 and 10 ms. */
static const char *many_pulls(struct rig *rig) {
    static const unsigned lengths[] = {10, 1, 1, 10, 1, 10};
    struct rig_run run = rig_begin(rig, STREAMS);
    weir_stream *stream = weir_stream_begin(run.step);
    for (size_t i = 0; i < ARRAY_LENGTH(lengths); i++) {
        pull(rig, stream, lengths[i]);
    }
    weir_step_end(run.step, NULL);
    weir_stream_end(stream);
    rig_end(rig, &run);
    return without_times(rig_tree(rig, RIG_ATTRIBUTES));
}

Test(adapter_otlp_chunks, chunk_span_every_keeps_each_kth) {
    struct rig *rig CLEANUP(rig_close) = RIG(.streaming_mode = CHUNKS, .chunk_span_every = 3);
    expect_text(many_pulls(rig), "run OK stream.chunk_spans_dropped=4\n"
                                 "  act::chunk_0 OK\n"
                                 "  act::chunk_3 OK\n");
}

Test(adapter_otlp_chunks, chunk_span_min_ms_keeps_the_long_ones) {
    struct rig *rig CLEANUP(rig_close) = RIG(.streaming_mode = BOTH, .chunk_span_min_ms = 10);
    expect_text(many_pulls(rig), "run OK\n"
                                 "  act OK stream.iteration_count=6 stream.chunk_spans_dropped=3\n"
                                 "    act::chunk_0 OK\n"
                                 "    act::chunk_3 OK\n"
                                 "    act::chunk_5 OK\n");
}

Test(adapter_otlp_chunks, chunk_span_max_keeps_the_first) {
    struct rig *rig CLEANUP(rig_close) = RIG(.streaming_mode = CHUNKS, .chunk_span_max = 2);
    expect_text(many_pulls(rig), "run OK stream.chunk_spans_dropped=4\n"
                                 "  act::chunk_0 OK\n"
                                 "  act::chunk_1 OK\n");
}

Test(adapter_otlp_chunks, limits_go_together) {
    struct rig *rig CLEANUP(rig_close) = RIG(.streaming_mode = CHUNKS, .chunk_span_every = 3,
                                             .chunk_span_min_ms = 5, .chunk_span_max = 1);
    expect_text(many_pulls(rig), "run OK stream.chunk_spans_dropped=5\n  act::chunk_0 OK\n");
}

Test(adapter_otlp_chunks, nothing_is_said_of_limits_that_dropped_nothing) {
    struct rig *rig CLEANUP(rig_close) =
        RIG(.streaming_mode = SINGLE, .chunk_span_every = 100, .chunk_span_max = 1);
    expect_text(many_pulls(rig), "run OK\n  act OK stream.iteration_count=6\n");
}

Test(adapter_otlp_chunks, limits_spare_failed_pulls_and_pulls_with_spans) {
    struct rig *rig CLEANUP(rig_close) = RIG(.streaming_mode = CHUNKS, .chunk_span_min_ms = 1000);
    struct rig_run run = rig_begin(rig, STREAMS);
    weir_stream *stream = weir_stream_begin(run.step);
    pull(rig, stream, 1);
    weir_stream_pull(stream);
    weir_span_end(weir_span_begin(run.step, "inside", NULL));
    weir_stream_yield(stream);
    rig_pass(rig, 1);
    weir_stream_pull(stream);
    weir_stream_failed(stream, &BOOM);
    weir_step_end(run.step, &WEIR_STEP_RESULT(.error = &BOOM));
    weir_stream_end(stream);
    weir_call_end(run.call, &BOOM);
    weir_app_free(run.app);
    expect_tree(rig, RIG_ATTRIBUTES,
                "run ERROR boom stream.chunk_spans_dropped=1\n"
                "  act::chunk_1 OK\n"
                "    inside OK\n"
                "  act::chunk_2 ERROR boom\n");
}

Test(adapter_otlp_chunks, an_exhausted_pull_is_not_counted_as_dropped) {
    struct rig *rig CLEANUP(rig_close) = RIG(.streaming_mode = CHUNKS, .chunk_span_min_ms = 4);
    play(rig);
    expect_tree(rig, RIG_ATTRIBUTES, "run OK\n  act::chunk_0 OK\n  act::chunk_1 OK\n");
}

Test(adapter_otlp_chunks, dropped_chunks_of_several_steps_add_up_on_the_method_span) {
    struct rig *rig CLEANUP(rig_close) = RIG(.streaming_mode = CHUNKS, .chunk_span_max = 1);
    weir_app *app = weir_app_new(rig->w, NULL);
    weir_call *call = weir_call_begin(app, WEIR_METHOD_RUN);
    for (unsigned i = 0; i < 2; i++) {
        weir_step *step = weir_step_begin(call, "s", STREAMS);
        weir_stream *stream = weir_stream_begin(step);
        pull(rig, stream, 1);
        pull(rig, stream, 1);
        pull(rig, stream, 1);
        weir_step_end(step, NULL);
        weir_stream_end(stream);
    }
    weir_call_end(call, NULL);
    weir_app_free(app);
    expect_tree(rig, RIG_ATTRIBUTES,
                "run OK stream.chunk_spans_dropped=4\n  s::chunk_0 OK\n  s::chunk_0 OK\n");
}
