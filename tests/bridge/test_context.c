/* Contexts: what a span opened below a handle now would have as parent. */
#include <stdio.h>
#include <string.h>

#include "tests/bridge/rig.h"

TestSuite(context);

/* The name of the span that a handle's traceparent stands for, once all have been sent. */
static const char *named_by(struct rig *rig, const char *traceparent) {
    weir_otlp_context context;
    cr_assert(eq(int, weir_otlp_context_parse(traceparent, NULL, &context), 0));
    weir_otlp_tracer *tracer = weir_tracer(rig->w, "test", NULL);
    weir_otlp_span *probe = weir_otlp_span_begin(
        tracer, "probe",
        &(weir_otlp_span_options){.size = sizeof(weir_otlp_span_options), .parent = &context});
    weir_otlp_span_end(probe);
    struct span_list spans = rig_spans(rig);
    const struct golden_span *last = NULL;
    for (size_t i = 0; i < spans.n; i++) {
        last = strcmp(spans.items[i]->name, "probe") == 0 ? spans.items[i] : last;
    }
    cr_assert(last != NULL);
    return last->parent != NULL ? last->parent->name : "none";
}

static void end(weir_stream *stream, struct rig *rig, struct rig_run *run) {
    weir_step_end(run->step, NULL);
    weir_stream_end(stream);
    rig_end(rig, run);
}

Test(context, each_handle_has_one) {
    char of_app[56], of_call[56], of_step[56], of_stream[56], of_span[56];
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    weir_span *span = weir_span_begin(run.step, "inside", NULL);
    weir_stream *stream = weir_stream_begin(run.step);
    cr_assert(not(weir_traceparent(run.app, of_app))); /* a call begun now would be a root */
    expect_text(of_app, "");
    cr_assert(weir_traceparent(run.call, of_call));
    cr_assert(weir_traceparent(run.step, of_step));
    cr_assert(weir_traceparent(stream, of_stream));
    cr_assert(weir_traceparent(span, of_span));
    weir_span_end(span);
    end(stream, rig, &run);
    expect_text(named_by(rig, of_call), "run");
    expect_text(named_by(rig, of_step), "act");
    expect_text(named_by(rig, of_stream), "act");
    expect_text(named_by(rig, of_span), "inside");
}

Test(context, a_step_points_where_a_span_opened_now_would_go) {
    static const struct {
        const char *before, *in_pull, *between;
    } expected[] = {
        [WEIR_STREAMING_SINGLE_SPAN] = {"act", "act", "act"},
        [WEIR_STREAMING_EVENT] = {"run", "run", "run"},
        [WEIR_STREAMING_CHUNK_SPANS] = {"run", "act::chunk_0", "run"},
        [WEIR_STREAMING_SINGLE_AND_CHUNK_SPANS] = {"act", "act::chunk_0", "act"},
    };
    for (weir_streaming_mode mode = WEIR_STREAMING_SINGLE_SPAN;
         mode <= WEIR_STREAMING_SINGLE_AND_CHUNK_SPANS; mode++) {
        char before[56], in_pull[56], between[56];
        struct rig *rig CLEANUP(rig_close) =
            RIG(.streaming_mode = mode, .chunk_span_min_ms = 1000); /* needed all the same */
        struct rig_run run = rig_begin(rig, &WEIR_STEP_OPTIONS(.streams = true));
        weir_stream *stream = weir_stream_begin(run.step);
        cr_assert(weir_traceparent(run.step, before));
        weir_stream_pull(stream);
        cr_assert(weir_traceparent(stream, in_pull));
        weir_stream_yield(stream);
        cr_assert(weir_traceparent(run.step, between));
        end(stream, rig, &run);
        expect_text_at(mode, named_by(rig, before), expected[mode].before);
        expect_text_at(mode, named_by(rig, in_pull), expected[mode].in_pull);
        expect_text_at(mode, named_by(rig, between), expected[mode].between);
    }
}

Test(context, a_silent_call_points_to_the_outer_one) {
    char outer_text[56], inner_text[56];
    struct rig *rig CLEANUP(rig_close) = RIG();
    weir_app *app = weir_app_new(rig->w, NULL);
    weir_call *outer = weir_call_begin(app, WEIR_METHOD_RUN);
    weir_call *inner = weir_call_begin(app, WEIR_METHOD_STEP);
    cr_assert(weir_traceparent(outer, outer_text));
    cr_assert(weir_traceparent(inner, inner_text));
    expect_text(inner_text, outer_text);
}

Test(context, an_app_points_to_the_parent_of_its_calls) {
    char text[56];
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    weir_app *child = weir_app_new(rig->w, &WEIR_APP_OPTIONS(.spawning_step = run.step));
    cr_assert(weir_traceparent(child, text));
    rig_end(rig, &run);
    expect_text(named_by(rig, text), "act");
    cr_assert(not(weir_traceparent(child, text))); /* the step has ended */
}

Test(context, without_otlp_there_is_none) {
    char text[56] = "untouched";
    weir *w = NULL;
    cr_assert(eq(int, weir_open(&WEIR_OPTIONS(.otlp_off = true), &w, NULL), 0));
    weir_app *app = weir_app_new(w, NULL);
    weir_call *call = weir_call_begin(app, WEIR_METHOD_RUN);
    weir_step *step = weir_step_begin(call, "a", NULL);
    weir_span *span = weir_span_begin(step, "b", NULL);
    cr_assert(not(weir_traceparent(app, text)));
    cr_assert(not(weir_traceparent(call, text)));
    cr_assert(not(weir_traceparent(step, text)));
    cr_assert(not(weir_traceparent(span, text)));
    expect_text(text, "");
    weir_event(step, "e", NULL, 0);
    weir_set_error(step, &WEIR_ERROR("E", "e"));
    cr_assert(eq(ptr, weir_tracer(w, "x", NULL), NULL));
    weir_close(w, 0);
}

Test(context, null_and_stale_handles_have_none) {
    char text[56];
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    rig_end(rig, &run);
    uint64_t before = rig_stats(rig).stale_handles;
    cr_assert(not(weir_traceparent(run.app, text)));
    cr_assert(not(weir_traceparent(run.call, text)));
    cr_assert(not(weir_traceparent(run.step, text)));
    cr_assert(eq(u64, rig_stats(rig).stale_handles, before + 3));
    cr_assert(not(weir_traceparent((weir_app *)NULL, text)));
    cr_assert(eq(u64, rig_stats(rig).stale_handles, before + 3));
    weir_otlp_context context = weir_context(run.step);
    cr_assert(eq(int, context.trace_id[0], 0));
    cr_assert(eq(u64, context.owner, 0));
}

Test(context, the_owner_is_the_handle) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    cr_assert(eq(u64, weir_context(run.step).owner, (uint64_t)(uintptr_t)run.step));
}

/* ---- carriers ---- */

static void collect(void *carrier, const char *name, const char *value) {
    char *text = carrier;
    size_t n = strlen(text);
    snprintf(text + n, 512 - n, "%s: %s\n", name, value);
}

#define REMOTE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

Test(context, comes_in_and_goes_out_by_carriers) {
    static const char *const lines[] = {"Traceparent: " REMOTE, "tracestate: vendor=1",
                                        "baggage: tenant=42", NULL};
    struct rig *rig CLEANUP(rig_close) = RIG();
    weir_propagated in = WEIR_PROPAGATED_INIT;
    cr_assert(eq(
        int, weir_extract(rig->w, weir_carrier_get_line, expect_unconst((const char *)lines), &in),
        0));
    in.context.owner = 77; /* means nothing here */
    weir_app *app = weir_app_new(rig->w, &WEIR_APP_OPTIONS(.remote_parent = &in.context));
    weir_call *call = weir_call_begin(app, WEIR_METHOD_RUN);
    char out[512] = "", expected[512], traceparent[56];
    cr_assert(weir_traceparent(call, traceparent));
    cr_assert(zero(int, strncmp(traceparent, REMOTE, 35)));
    cr_assert(not(zero(int, strncmp(traceparent, REMOTE, 52))));
    weir_inject(call, in.baggage, collect, out);
    weir_propagated_deinit(&in);
    snprintf(expected, sizeof expected,
             "traceparent: %s\ntracestate: vendor=1\nbaggage: tenant=42\n", traceparent);
    expect_text(out, expected);
    weir_call_end(call, NULL);
    expect_tree(rig, 0, "run OK (parent elsewhere)\n");
}

/* A sampler that counts in the trace state how far below the remote parent a span is. */
static void count_depth(void *data, const weir_sampling_params *params,
                        weir_sampling_result *result) {
    static char text[32]; /* stays until the begin returns */
    (void)data;
    const char *above = params->parent != NULL ? params->parent->trace_state : NULL;
    int depth = above != NULL && strncmp(above, "depth=", 6) == 0 ? above[6] - '0' + 1 : 1;
    snprintf(text, sizeof text, "depth=%d", depth);
    result->decision = WEIR_SAMPLING_RECORD_AND_SAMPLE;
    result->trace_state = text;
}

#define expect_depth(handle, depth)                                                                \
    do {                                                                                           \
        char injected[512] = "";                                                                   \
        weir_inject((handle), NULL, collect, injected);                                            \
        cr_assert(strstr(injected, "tracestate: depth=" #depth "\n") != NULL, "%s", injected);     \
    } while (0)

/* What a sampler makes of the trace state is the span's, and goes to its children (E33). */
Test(context, the_trace_state_is_what_the_sampler_made_of_it) {
    for (int with_remote = 0; with_remote < 2; with_remote++) {
        struct rig *rig CLEANUP(rig_close) =
            RIG(.streaming_mode = WEIR_STREAMING_SINGLE_AND_CHUNK_SPANS,
                .otlp = &WEIR_OTLP_OPTIONS(.sampler = &WEIR_SAMPLER(.should_sample = count_depth)));
        weir_otlp_context remote;
        cr_assert(eq(int, weir_otlp_context_parse(REMOTE, "vendor=1", &remote), 0));
        weir_app *app = weir_app_new(
            rig->w, &WEIR_APP_OPTIONS(.remote_parent = with_remote > 0 ? &remote : NULL));
        weir_call *call = weir_call_begin(app, WEIR_METHOD_RUN);
        weir_step *step = weir_step_begin(call, "act", &WEIR_STEP_OPTIONS(.streams = true));
        weir_span *span = weir_span_begin(step, "above", NULL);
        weir_span *below = weir_span_begin(span, "below", NULL);
        expect_depth(call, 1);
        expect_depth(step, 2);
        expect_depth(span, 3);
        expect_depth(below, 4);
        weir_span_end(below);
        weir_span_end(span);
        weir_stream *stream = weir_stream_begin(step);
        for (int i = 0; i < 2; i++) {
            weir_stream_pull(stream);
            expect_depth(stream, 3); /* the chunk's */
            weir_stream_yield(stream);
            expect_depth(stream, 2);
        }
        weir_app *child = weir_app_new(rig->w, &WEIR_APP_OPTIONS(.spawning_step = step));
        weir_call *call_of_child = weir_call_begin(child, WEIR_METHOD_RUN);
        expect_depth(call_of_child, 3);
        weir_call_end(call_of_child, NULL);
        weir_stream_end(stream);
        weir_step_end(step, NULL);
        weir_call_end(call, NULL);
    }
}

Test(context, of_nothing_lets_baggage_pass) {
    weir_baggage *baggage = NULL;
    char out[512] = "";
    cr_assert(eq(int, weir_baggage_set(NULL, "k", "v", NULL, &baggage), 0));
    weir_inject((weir_call *)NULL, baggage, collect, out);
    expect_text(out, "baggage: k=v\n");
    weir_baggage_free(baggage);
    weir_propagated in = WEIR_PROPAGATED_INIT;
    cr_assert(eq(int, weir_extract(NULL, weir_carrier_get_line, NULL, &in), WEIR_E_NOT_FOUND));
}
