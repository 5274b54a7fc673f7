/*
 * What single rules of tracing ask of whole pipelines, where no test of a part shows it.
 */
#include <string.h>

#include "otlp/context.h"
#include "tests/support/pipeline.h"

static weir_otlp_context context_of_new(weir_otlp_tracer *tracer, const weir_otlp_context *parent) {
    weir_otlp_span *span =
        weir_otlp_span_begin(tracer, "span", &WEIR_OTLP_SPAN_OPTIONS(.parent = parent));
    weir_otlp_context context = weir_otlp_span_context(span);
    context.trace_state = NULL; /* was borrowed */
    weir_otlp_span_end(span);
    return context;
}

Test(rules, keys_of_a_links_attributes_are_unique) { /* (A27) */
    struct pipeline p;
    pipeline_open(&p, NULL);
    weir_key_value attributes[] = {
        {"a", weir_value_int(1)}, {"b", weir_value_int(2)}, {"a", weir_value_int(3)}};
    weir_otlp_link link = {{.trace_id = {1}, .span_id = {1}}, attributes, 3};
    weir_otlp_span *span = weir_otlp_span_begin(p.tracer, "span", NULL);
    weir_otlp_span_add_link(span, &link);
    weir_otlp_span_end(span);
    const Otlp__Span__Link *sent = pipeline_span(&p)->links[0];
    cr_assert(eq(sz, sent->n_attributes, 2));
    cr_assert(eq(i64, pipeline_find(sent->attributes, 2, "a")->int_value, 3));
    cr_assert(eq(i64, pipeline_find(sent->attributes, 2, "b")->int_value, 2));
    pipeline_close(&p);
}

Test(rules, a_span_is_nobodys_parent_by_itself) { /* (E13, E16) */
    struct pipeline p;
    pipeline_open(&p, NULL);
    weir_otlp_span *open = weir_otlp_span_begin(p.tracer, "open", NULL);
    weir_otlp_context first = weir_otlp_span_context(open);
    weir_otlp_context next = context_of_new(p.tracer, NULL);
    cr_assert(not(zero(int, memcmp(next.trace_id, first.trace_id, 16))));
    cr_assert(eq(sz, pipeline_span(&p)->parent_span_id.len, 0));
    weir_otlp_span_end(open);
    pipeline_close(&p);
}

Test(rules, a_span_that_has_ended_can_be_a_parent) { /* (E27) */
    struct pipeline p;
    pipeline_open(&p, NULL);
    weir_otlp_context ended = context_of_new(p.tracer, NULL);
    (void)context_of_new(p.tracer, &ended);
    const Otlp__Span *span = pipeline_span(&p);
    cr_assert(zero(int, memcmp(span->trace_id.data, ended.trace_id, 16)));
    cr_assert(eq(sz, span->parent_span_id.len, 8));
    cr_assert(zero(int, memcmp(span->parent_span_id.data, ended.span_id, 8)));
    pipeline_close(&p);
}

Test(rules, an_explicit_randomness_is_kept) { /* (E42) */
    static const char state[] = "ot=th:8;rv:6e6d1a75832a2f,a=1";
    struct pipeline p;
    pipeline_open(&p, NULL);
    weir_otlp_context parent = {
        .trace_id = {1}, .span_id = {2}, .trace_flags = 1, .is_remote = true, .trace_state = state};
    (void)context_of_new(p.tracer, &parent);
    expect_data(pipeline_span(&p)->trace_state, state);
    pipeline_close(&p);
}

static void draw_ones(void *data, uint8_t out[16]) {
    (void)data;
    memset(out, 1, 16);
}

static void count(void *data, const weir_otlp_view *span) {
    (void)span;
    ++*(unsigned *)data;
}

/* Sampler, ids, processors and limits are of one provider, whatever another one has (E4). */
Test(rules, providers_have_settings_of_their_own) {
    unsigned n_ended = 0;
    weir_sampler inner = weir_sampler_always_off(), sampler;
    cr_assert(eq(int, weir_sampler_always_record(&inner, &sampler), 0));
    weir_id_generator ids = WEIR_ID_GENERATOR(.new_trace_id = draw_ones);
    weir_processor processor = WEIR_PROCESSOR(.data = &n_ended, .on_end = count);
    const weir_processor *all[] = {&processor};
    struct pipeline a, b;
    pipeline_open(&a, &WEIR_OTLP_OPTIONS(.sampler = &sampler, .id_generator = &ids,
                                         .processors = all, .n_processors = 1));
    pipeline_open(&b, &WEIR_OTLP_OPTIONS(.limits = {.has_max_events = true, .max_events = 0}));
    weir_otlp_context of_a = context_of_new(a.tracer, NULL);
    cr_assert(eq(u8, of_a.trace_flags, 0));
    cr_assert(eq(u8, of_a.trace_id[0] & of_a.trace_id[15], 1));
    cr_assert(eq(uint, n_ended, 1));
    weir_otlp_span *span = weir_otlp_span_begin(b.tracer, "span", NULL);
    weir_otlp_span_add_event(span, "e", NULL, 0);
    cr_assert(eq(u8, weir_otlp_span_context(span).trace_flags, 3));
    weir_otlp_span_end(span);
    cr_assert(eq(uint, n_ended, 1));
    cr_assert(eq(u32, pipeline_span(&b)->dropped_events_count, 1));
    pipeline_close(&a);
    pipeline_close(&b);
}

Test(rules, resources_know_no_limits) { /* (E50) */
    weir_key_value given[] = {{"first", weir_value_string("a long text")},
                              {"second", weir_value_string("another long text")}};
    struct pipeline p;
    pipeline_open(&p, &WEIR_OTLP_OPTIONS(.resource = given, .n_resource = 2,
                                         .limits = {.has_max_attributes = true,
                                                    .max_attributes = 1,
                                                    .has_max_value_chars = true,
                                                    .max_value_chars = 1}));
    (void)context_of_new(p.tracer, NULL);
    const Otlp__Resource *resource = pipeline_resource(&p)->resource;
    cr_assert(gt(sz, resource->n_attributes, 2));
    cr_assert(eq(u32, resource->dropped_attributes_count, 0));
    expect_data(pipeline_find(resource->attributes, resource->n_attributes, "first")->string_value,
                "a long text");
    expect_data(pipeline_find(resource->attributes, resource->n_attributes, "second")->string_value,
                "another long text");
    pipeline_close(&p);
}
