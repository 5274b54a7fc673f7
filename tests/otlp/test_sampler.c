/*
 * Samplers and id generators (E31-E43, D25, D26).
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "otlp/bounds.h"
#include "otlp/context.h"
#include "otlp/sampler.h"
#include "tests/support/fault.h"
#include "tests/support/locale.h"
#include "tests/support/pipeline.h"

static const weir_otlp_context PARENTS[] = {
    {.trace_id = {1}, .span_id = {1}, .trace_flags = 1, .is_remote = true},
    {.trace_id = {1}, .span_id = {1}, .trace_flags = 0, .is_remote = true},
    {.trace_id = {1}, .span_id = {1}, .trace_flags = 1},
    {.trace_id = {1}, .span_id = {1}, .trace_flags = 0},
};

static weir_sampling_result ask(const weir_sampler *sampler, const weir_otlp_context *parent,
                                const uint8_t *trace_id) {
    static const uint8_t some[16] = {1};
    weir_sampling_params params = {.size = sizeof params,
                                   .parent = parent,
                                   .trace_id = trace_id != NULL ? trace_id : some,
                                   .name = "n"};
    weir_sampling_result result = {.size = sizeof result};
    sampler->should_sample(sampler->data, &params, &result);
    return result;
}

static int decision(const weir_sampler *sampler, const weir_otlp_context *parent,
                    const uint8_t *trace_id) {
    return (int)ask(sampler, parent, trace_id).decision;
}

static void expect_description(const weir_sampler *sampler, const char *expected) {
    char text[512];
    cr_assert(eq(sz, weir_sampler_describe(sampler, text, sizeof text), strlen(expected)));
    expect_text(text, expected);
}

/* ---- built-in ---- */

Test(sampler, always_on_and_off) { /* (E34) */
    weir_sampler on = weir_sampler_always_on(), off = weir_sampler_always_off();
    for (size_t i = 0; i < 4; i++) {
        cr_assert(eq(int, decision(&on, &PARENTS[i], NULL), WEIR_SAMPLING_RECORD_AND_SAMPLE));
        cr_assert(eq(int, decision(&off, &PARENTS[i], NULL), WEIR_SAMPLING_DROP));
    }
    expect_description(&on, "AlwaysOnSampler");
    expect_description(&off, "AlwaysOffSampler");
    weir_sampler_free(&on);
    weir_sampler_free(&on); /* nothing is left to free */
    weir_sampler_free(NULL);
}

static void put_randomness(uint8_t trace_id[16], uint64_t number) {
    memset(trace_id, 0xff, 16);
    for (int i = 15; i >= 9; i--, number >>= 8) {
        trace_id[i] = (uint8_t)number;
    }
}

Test(sampler, ratio_counts_the_last_seven_bytes) { /* (E35) */
    const uint64_t half = UINT64_C(1) << 55;
    static const double ratios[] = {0.0, 1e-9, 0.25, 0.5, 0.75, 1.0};
    uint8_t id[16];
    weir_sampler sampler = weir_sampler_trace_id_ratio(0.5);
    put_randomness(id, half - 1);
    cr_assert(eq(int, decision(&sampler, NULL, id), WEIR_SAMPLING_RECORD_AND_SAMPLE));
    cr_assert(eq(int, decision(&sampler, &PARENTS[1], id), WEIR_SAMPLING_RECORD_AND_SAMPLE));
    put_randomness(id, half);
    cr_assert(eq(int, decision(&sampler, NULL, id), WEIR_SAMPLING_DROP));
    cr_assert(eq(int, decision(&sampler, &PARENTS[0], id), WEIR_SAMPLING_DROP));
    for (uint64_t i = 0; i < 4096; i++) { /* a higher ratio samples a superset */
        put_randomness(id, i << 44 | i);
        int before = WEIR_SAMPLING_DROP;
        for (size_t r = 0; r < sizeof ratios / sizeof ratios[0]; r++) {
            sampler = weir_sampler_trace_id_ratio(ratios[r]);
            int now = decision(&sampler, NULL, id);
            cr_assert(ge(int, now, before));
            before = now;
        }
        cr_assert(eq(int, before, WEIR_SAMPLING_RECORD_AND_SAMPLE));
    }
    put_randomness(id, 0);
    sampler = weir_sampler_trace_id_ratio(0);
    cr_assert(eq(int, decision(&sampler, NULL, id), WEIR_SAMPLING_DROP));
    put_randomness(id, UINT64_MAX);
    sampler = weir_sampler_trace_id_ratio(1);
    cr_assert(eq(int, decision(&sampler, NULL, id), WEIR_SAMPLING_RECORD_AND_SAMPLE));
}

Test(sampler, ratio_is_described_as_a_decimal) { /* (E36) */
    static const struct {
        double ratio;
        const char *text;
    } rows[] = {
        {0.0001, "TraceIdRatioBased{0.000100}"},
        {0.0, "TraceIdRatioBased{0.000000}"},
        {1.0, "TraceIdRatioBased{1.000000}"},
        {0.25, "TraceIdRatioBased{0.250000}"},
        {1.0 / 1024, "TraceIdRatioBased{0.0009765625}"},
        {0.00000001, "TraceIdRatioBased{0.00000001}"},
        {-1.0, "TraceIdRatioBased{0.000000}"},
        {7.0, "TraceIdRatioBased{1.000000}"},
        {NAN, "TraceIdRatioBased{0.000000}"},
        {INFINITY, "TraceIdRatioBased{1.000000}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        weir_sampler sampler = weir_sampler_trace_id_ratio(rows[i].ratio);
        expect_description(&sampler, rows[i].text);
    }
    char a[64], b[64]; /* neighbours are told apart */
    weir_sampler third = weir_sampler_trace_id_ratio(1.0 / 3),
                 next = weir_sampler_trace_id_ratio(1.0 / 3 + DBL_EPSILON / 4);
    (void)weir_sampler_describe(&third, a, sizeof a);
    (void)weir_sampler_describe(&next, b, sizeof b);
    cr_assert(ne(str, a, b));
}

Test(sampler, descriptions_are_cut_to_their_room) {
    weir_sampler sampler;
    cr_assert(eq(int, weir_sampler_parent_based(NULL, &sampler), 0));
    char whole[512], part[512];
    size_t length = weir_sampler_describe(&sampler, whole, sizeof whole);
    cr_assert(eq(sz, length, strlen(whole)));
    for (size_t n = 1; n <= length + 1; n++) {
        memset(part, 'x', sizeof part);
        cr_assert(eq(sz, weir_sampler_describe(&sampler, part, n), length));
        cr_assert(eq(sz, strlen(part), n - 1));
        cr_assert(zero(int, strncmp(part, whole, n - 1)));
        cr_assert(eq(chr, part[n], 'x'));
    }
    cr_assert(eq(sz, weir_sampler_describe(&sampler, NULL, 0), length));
    weir_sampler_free(&sampler);
    weir_sampler own = WEIR_SAMPLER(.should_sample = sampler.should_sample);
    expect_description(&own, "Sampler");
    expect_description(NULL, "");
}

Test(sampler, parent_based_asks_a_delegate_by_the_parent) { /* (E38) */
    weir_sampler sampler;
    cr_assert(eq(int, weir_sampler_parent_based(NULL, &sampler), 0));
    static const int usual[] = {2, 0, 2, 0};
    cr_assert(eq(int, decision(&sampler, NULL, NULL), 2));
    for (size_t i = 0; i < 4; i++) {
        cr_assert(eq(int, decision(&sampler, &PARENTS[i], NULL), usual[i]), "%zu", i);
    }
    expect_description(&sampler,
                       "ParentBased{root:AlwaysOnSampler,remoteParentSampled:AlwaysOnSampler,"
                       "remoteParentNotSampled:AlwaysOffSampler,localParentSampled:AlwaysOnSampler,"
                       "localParentNotSampled:AlwaysOffSampler}");
    weir_sampler_free(&sampler);

    for (size_t changed = 0; changed < 5; changed++) { /* each delegate can be another one */
        weir_sampler_delegates all = WEIR_SAMPLER_DELEGATES(.root = {0});
        weir_sampler *const each[] = {&all.remote_sampled, &all.remote_not_sampled,
                                      &all.local_sampled, &all.local_not_sampled, &all.root};
        *each[changed] =
            changed == 1 || changed == 3 ? weir_sampler_always_on() : weir_sampler_always_off();
        cr_assert(eq(int, weir_sampler_parent_based(&all, &sampler), 0));
        for (size_t i = 0; i < 5; i++) {
            int expected = i < 4 ? usual[i] : 2;
            expected = i == changed ? 2 - expected : expected;
            cr_assert(eq(int, decision(&sampler, i < 4 ? &PARENTS[i] : NULL, NULL), expected));
        }
        weir_sampler_free(&sampler);
    }
}

Test(sampler, always_record_turns_drop_into_record_only) { /* (E39) */
    weir_sampler off = weir_sampler_always_off(), on = weir_sampler_always_on(), sampler, twice;
    cr_assert(eq(int, weir_sampler_always_record(&off, &sampler), 0));
    cr_assert(eq(int, decision(&sampler, NULL, NULL), WEIR_SAMPLING_RECORD_ONLY));
    expect_description(&sampler, "AlwaysRecordSampler{AlwaysOffSampler}");
    cr_assert(eq(int, weir_sampler_always_record(&sampler, &twice), 0));
    cr_assert(eq(int, decision(&twice, NULL, NULL), WEIR_SAMPLING_RECORD_ONLY));
    weir_sampler_free(&twice); /* the inner one too */
    cr_assert(eq(int, weir_sampler_always_record(&on, &sampler), 0));
    cr_assert(eq(int, decision(&sampler, NULL, NULL), WEIR_SAMPLING_RECORD_AND_SAMPLE));
    weir_sampler_free(&sampler);
}

Test(sampler, constructors_refuse_what_is_none) {
    weir_sampler on = weir_sampler_always_on(), none = WEIR_SAMPLER(NULL);
    weir_sampler out = {.data = &on};
    weir_sampler_delegates no_size = {0};
    cr_assert(eq(int, weir_sampler_parent_based(&no_size, &out), WEIR_E_INVALID));
    cr_assert(eq(int, weir_sampler_parent_based(NULL, NULL), WEIR_E_INVALID));
    cr_assert(eq(int, weir_sampler_always_record(NULL, &out), WEIR_E_INVALID));
    cr_assert(eq(int, weir_sampler_always_record(&on, NULL), WEIR_E_INVALID));
    cr_assert(eq(int, weir_sampler_always_record(&none, &out), WEIR_E_INVALID));
    cr_assert(out.data == &on);
}

Test(sampler, constructors_survive_short_memory) {
    long n_live = fault_n_live();
    FAULT_FOR_EACH_ALLOCATION(n) {
        weir_sampler sampler, outer;
        weir_sampler on = weir_sampler_always_on();
        int error = weir_sampler_parent_based(&WEIR_SAMPLER_DELEGATES(.root = on), &sampler);
        if (error == 0) {
            error = weir_sampler_always_record(&sampler, &outer);
            weir_sampler_free(error == 0 ? &outer : &sampler);
        }
        cr_assert(error == 0 || error == WEIR_E_NO_MEMORY);
        cr_assert(eq(long, fault_n_live(), n_live));
    }
}

/* ---- a sampler of the host's own ---- */

struct own {
    weir_sampling_result answer;
    bool sets_trace_state;
    const char *trace_state;
    unsigned n_calls, n_destroyed;
    weir_sampling_params seen;
    uint8_t seen_trace_id[16];
    char inherited[64];
};

static void own_should_sample(void *data, const weir_sampling_params *params,
                              weir_sampling_result *result) {
    struct own *own = data;
    own->n_calls++;
    own->seen = *params;
    memcpy(own->seen_trace_id, params->trace_id, 16);
    cr_assert(eq(int, result->decision, WEIR_SAMPLING_DROP));
    snprintf(own->inherited, sizeof own->inherited, "%s",
             result->trace_state != NULL ? result->trace_state : "none");
    const char *inherited = result->trace_state;
    *result = own->answer;
    result->trace_state = own->sets_trace_state ? own->trace_state : inherited;
}

static void own_destroy(void *data) {
    ((struct own *)data)->n_destroyed++;
}

static weir_sampler sampler_of(struct own *own) {
    return WEIR_SAMPLER(.data = own, .should_sample = own_should_sample, .destroy = own_destroy);
}

Test(sampler, is_told_all_that_is_known_at_the_begin) { /* (E17, E18, E33) */
    struct own own = {.answer = {.decision = WEIR_SAMPLING_RECORD_AND_SAMPLE}};
    weir_sampler sampler = sampler_of(&own);
    struct pipeline p;
    pipeline_open(&p, &WEIR_OTLP_OPTIONS(.sampler = &sampler));
    weir_key_value attribute = {"k", weir_value_int(1)};
    weir_otlp_link link = {.context = {.trace_id = {7}, .span_id = {7}}};
    weir_otlp_context parent = PARENTS[1];
    parent.trace_state = "a=1";
    weir_otlp_span *span = weir_otlp_span_begin(
        p.tracer, "name",
        &WEIR_OTLP_SPAN_OPTIONS(.parent = &parent, .kind = WEIR_OTLP_KIND_SERVER,
                                .attributes = &attribute, .n_attributes = 1, .links = &link,
                                .n_links = 1));
    cr_assert(eq(uint, own.n_calls, 1));
    cr_assert(own.seen.parent == &parent);
    cr_assert(eq(u8, own.seen_trace_id[0], 1));
    cr_assert(eq(int, own.seen.kind, WEIR_OTLP_KIND_SERVER));
    cr_assert(own.seen.attributes == &attribute);
    cr_assert(eq(sz, own.seen.n_attributes, 1));
    cr_assert(own.seen.links == &link);
    cr_assert(eq(sz, own.seen.n_links, 1));
    expect_text(own.inherited, "a=1");
    cr_assert(eq(u8, weir_otlp_span_context(span).trace_flags, 1)); /* though the parent is not */
    weir_otlp_span_set_name(span, "other");                         /* is not asked again (E25) */
    weir_otlp_span_end(span);
    cr_assert(eq(uint, own.n_calls, 1));

    weir_otlp_span_end(weir_otlp_span_begin(p.tracer, NULL, NULL));
    cr_assert(own.seen.parent == NULL);
    expect_text(own.seen.name, "");
    cr_assert(eq(int, own.seen.kind, WEIR_OTLP_KIND_INTERNAL));
    cr_assert(eq(sz, own.seen.n_attributes + own.seen.n_links, 0));
    expect_text(own.inherited, "none");
    pipeline_close(&p);
    cr_assert(eq(uint, own.n_destroyed, 1));
}

Test(sampler, decides_what_is_recorded_and_what_is_sampled) { /* (E31, E32) */
    static const struct {
        int decision;
        bool is_recording;
        uint8_t flags;
        size_t n_exported;
    } rows[] = {
        {WEIR_SAMPLING_DROP, false, 2, 0},
        {WEIR_SAMPLING_RECORD_ONLY, true, 2, 0},
        {WEIR_SAMPLING_RECORD_AND_SAMPLE, true, 3, 1},
        {77, false, 2, 0},
        {-1, false, 2, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct own own = {.answer = {.decision = (weir_sampling_decision)rows[i].decision}};
        weir_sampler sampler = sampler_of(&own);
        struct pipeline p;
        pipeline_open(&p, &WEIR_OTLP_OPTIONS(.sampler = &sampler));
        weir_otlp_span *span = weir_otlp_span_begin(p.tracer, "s", NULL);
        weir_otlp_context context = weir_otlp_span_context(span);
        cr_assert(weir_otlp_span_is_recording(span) == rows[i].is_recording, "%zu", i);
        cr_assert(eq(u8, context.trace_flags, rows[i].flags), "%zu", i);
        cr_assert(context_is_valid(&context)); /* dropped ones have ids too (E18) */
        weir_otlp_span_end(span);
        cr_assert(eq(int, weir_otlp_flush(p.otlp, 1000), 0));
        cr_assert(eq(sz, fake_exporter.n_bodies, rows[i].n_exported), "%zu", i);
        weir_otlp_stats stats = pipeline_stats(&p);
        cr_assert(eq(u64, stats.started, 1));
        cr_assert(eq(u64, stats.not_sampled, 1 - rows[i].n_exported));
        pipeline_close(&p);
    }
}

Test(sampler, sets_attributes_that_the_caller_may_beat) {
    weir_key_value by_sampler[] = {{"rule", weir_value_string("r1")},
                                   {"both", weir_value_string("sampler")}};
    weir_key_value by_caller = {"both", weir_value_string("caller")};
    struct own own = {.answer = {.decision = WEIR_SAMPLING_RECORD_AND_SAMPLE,
                                 .attributes = by_sampler,
                                 .n_attributes = 2}};
    weir_sampler sampler = sampler_of(&own);
    struct pipeline p;
    pipeline_open(&p, &WEIR_OTLP_OPTIONS(.sampler = &sampler));
    weir_otlp_span_end(weir_otlp_span_begin(
        p.tracer, "s", &WEIR_OTLP_SPAN_OPTIONS(.attributes = &by_caller, .n_attributes = 1)));
    const Otlp__Span *span = pipeline_span(&p);
    cr_assert(eq(sz, span->n_attributes, 2));
    expect_data(pipeline_find(span->attributes, 2, "rule")->string_value, "r1");
    expect_data(pipeline_find(span->attributes, 2, "both")->string_value, "caller");
    own.answer.attributes = NULL; /* a number without a list */
    weir_otlp_span_end(weir_otlp_span_begin(p.tracer, "s", NULL));
    cr_assert(eq(sz, pipeline_span(&p)->n_attributes, 0));
    pipeline_close(&p);
}

Test(sampler, may_change_the_trace_state) { /* (E33) */
    static const struct {
        const char *returned, *expected;
    } rows[] = {
        {"b=2,a=1", "b=2,a=1"}, {"", NULL}, {NULL, NULL}, {"Bad=\xff", NULL}, {"a=1", "a=1"}};
    struct own own = {.answer = {.decision = WEIR_SAMPLING_RECORD_AND_SAMPLE},
                      .sets_trace_state = true};
    weir_sampler sampler = sampler_of(&own);
    struct pipeline p;
    pipeline_open(&p, &WEIR_OTLP_OPTIONS(.sampler = &sampler));
    weir_otlp_context parent = PARENTS[0];
    parent.trace_state = "a=1";
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        own.trace_state = rows[i].returned;
        weir_otlp_span *span =
            weir_otlp_span_begin(p.tracer, "s", &WEIR_OTLP_SPAN_OPTIONS(.parent = &parent));
        const char *text = weir_otlp_span_context(span).trace_state;
        expect_text_at(i, text != NULL ? text : "none",
                       rows[i].expected != NULL ? rows[i].expected : "none");
        weir_otlp_span_end(span);
        expect_data(pipeline_span(&p)->trace_state,
                    rows[i].expected != NULL ? rows[i].expected : "");
    }
    pipeline_close(&p);
}

Test(sampler, stays_the_hosts_when_open_fails) {
    struct own own = {0};
    weir_sampler sampler = sampler_of(&own), none = WEIR_SAMPLER(NULL);
    weir_otlp *otlp = NULL;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_assert(eq(int, weir_otlp_open(&WEIR_OTLP_OPTIONS(.sampler = &none), &otlp, &detail),
                 WEIR_E_INVALID));
    cr_assert(strstr(detail.message, "sampler") != NULL);
    fake_exporter.start_error = WEIR_E_IO;
    cr_assert(
        eq(int, weir_otlp_open(&WEIR_OTLP_OPTIONS(.sampler = &sampler), &otlp, NULL), WEIR_E_IO));
    cr_assert(eq(uint, own.n_destroyed, 0));
    cr_assert(otlp == NULL);
}

/* ---- by the environment ---- */

static bool samples(struct pipeline *p, const weir_otlp_context *parent) {
    weir_otlp_span *span =
        weir_otlp_span_begin(p->tracer, "s", &WEIR_OTLP_SPAN_OPTIONS(.parent = parent));
    bool is_sampled = (weir_otlp_span_context(span).trace_flags & TRACE_FLAG_SAMPLED) != 0;
    weir_otlp_span_end(span);
    return is_sampled;
}

Test(sampler, is_chosen_by_the_environment) { /* (D25, D26) */
    static const struct {
        const char *name, *argument;
        const char *decisions; /* root, then the four parents */
        const char *warning;
    } rows[] = {
        {"always_on", NULL, "11111", NULL},
        {"always_off", NULL, "00000", NULL},
        {"ALWAYS_OFF", NULL, "00000", NULL},                        /* (D8) */
        {"traceidratio", "0", "00000", "parentbased_traceidratio"}, /* (E37) */
        {"traceidratio", NULL, "11111", "parentbased_traceidratio"},
        {"parentbased_always_on", NULL, "11010", NULL},
        {"parentbased_always_off", NULL, "01010", NULL},
        {"parentbased_traceidratio", "0.0", "01010", NULL},
        {"parentbased_traceidratio", "1", "11010", NULL},
        {"parentbased_traceidratio", NULL, "11010", NULL},
        {"parentbased_traceidratio", "1.5", "11010", "OTEL_TRACES_SAMPLER_ARG=1.5"},
        {"parentbased_traceidratio", "-1", "11010", "OTEL_TRACES_SAMPLER_ARG=-1"},
        {"parentbased_traceidratio", "x", "11010", "OTEL_TRACES_SAMPLER_ARG=x"},
        {"parentbased_traceidratio", "nan", "11010", "OTEL_TRACES_SAMPLER_ARG=nan"},
        {"parentbased_traceidratio", "", "11010", NULL}, /* (D2) */
        {NULL, "0", "11010", NULL}, /* the argument counts only with the name (D26) */
        {"", "0", "11010", NULL},
        {"jaeger_remote", NULL, "11010", "OTEL_TRACES_SAMPLER=jaeger_remote"},
        {"parentbased_jaeger_remote", NULL, "11010",
         "OTEL_TRACES_SAMPLER=parentbased_jaeger_remote"},
        {"xray", NULL, "11010", "OTEL_TRACES_SAMPLER=xray"},
        {"nonsense", NULL, "11010", "OTEL_TRACES_SAMPLER=nonsense"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        unsetenv("OTEL_TRACES_SAMPLER");
        unsetenv("OTEL_TRACES_SAMPLER_ARG");
        if (rows[i].name != NULL) {
            setenv("OTEL_TRACES_SAMPLER", rows[i].name, 1);
        }
        if (rows[i].argument != NULL) {
            setenv("OTEL_TRACES_SAMPLER_ARG", rows[i].argument, 1);
        }
        struct pipeline p;
        pipeline_open(&p, NULL);
        for (size_t k = 0; k < 5; k++) {
            cr_assert(samples(&p, k > 0 ? &PARENTS[k - 1] : NULL) == (rows[i].decisions[k] == '1'),
                      "row %zu, parent %zu", i, k);
        }
        if (rows[i].warning != NULL) {
            cr_assert(eq(uint, p.log.n, 1), "row %zu: %s", i, p.log.text);
            cr_assert(strstr(p.log.text, rows[i].warning) != NULL, "row %zu: %s", i, p.log.text);
        } else {
            cr_assert(eq(uint, p.log.n, 0), "row %zu: %s", i, p.log.text);
        }
        pipeline_close(&p);
    }
}

Test(sampler, of_the_code_beats_the_environment) {
    setenv("OTEL_TRACES_SAMPLER", "always_off", 1);
    weir_sampler on = weir_sampler_always_on();
    struct pipeline p;
    pipeline_open(&p, &WEIR_OTLP_OPTIONS(.sampler = &on));
    cr_assert(samples(&p, NULL));
    pipeline_close(&p);
}

Test(sampler, default_spelt_out_is_asked_nothing) {
    weir_sampler usual, other, off = weir_sampler_always_off();
    cr_assert(eq(int, weir_sampler_parent_based(NULL, &usual), 0));
    cr_assert(sampler_is_default(&usual));
    cr_assert(not(sampler_is_default(&off)));
    cr_assert(eq(int, weir_sampler_parent_based(&WEIR_SAMPLER_DELEGATES(.root = off), &other), 0));
    cr_assert(not(sampler_is_default(&other)));
    weir_sampler_free(&other);
    struct pipeline p;
    pipeline_open(&p, &WEIR_OTLP_OPTIONS(.sampler = &usual));
    cr_assert(samples(&p, NULL));
    cr_assert(not(samples(&p, &PARENTS[1])));
    pipeline_close(&p);
}

Test(sampler, reads_and_writes_ratios_in_any_locale) {
    double ratio = 7;
    if (!locale_enter("de_DE")) {
        cr_skip_test("the locale cannot be made");
    }
    weir_sampler sampler = weir_sampler_trace_id_ratio(0.25);
    expect_description(&sampler, "TraceIdRatioBased{0.250000}");
    cr_assert(sampler_parse_ratio("0.25", &ratio));
    cr_assert(eq(dbl, ratio, 0.25));
    cr_assert(sampler_parse_ratio("1e-3", &ratio));
    cr_assert(eq(dbl, ratio, 0.001));
    static const char *const bad[] = {"", " 1", "1 ", "0,5", "0x1", "inf", "1e", "-0.1", "1.0001"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_assert(not(sampler_parse_ratio(bad[i], &ratio)), "%s", bad[i]);
    }
    cr_assert(eq(dbl, ratio, 0.001));
}

Test(sampler, open_survives_short_memory) {
    setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off", 1);
    FAULT_FOR_EACH_ALLOCATION(n) {
        weir_otlp *otlp = NULL;
        int error = weir_otlp_open(NULL, &otlp, NULL);
        cr_assert(error == 0 || error == WEIR_E_NO_MEMORY);
        fault_disarm();
        cr_assert(eq(int, weir_otlp_close(otlp, 1000), 0));
    }
}

/* ---- ids ---- */

struct numbers {
    uint8_t trace, span;
    unsigned n_zeros; /* before each id */
    unsigned n_drawn;
};

static void count_trace(void *data, uint8_t out[16]) {
    struct numbers *n = data;
    if (n->n_drawn++ >= n->n_zeros) {
        n->n_drawn = 0;
        out[15] = ++n->trace;
    }
}

static void count_span(void *data, uint8_t out[8]) {
    struct numbers *n = data;
    if (n->n_drawn++ >= n->n_zeros) {
        n->n_drawn = 0;
        out[7] = ++n->span;
    }
}

Test(sampler, ids_come_from_the_hosts_generator) { /* (E41, E43, G9) */
    for (int is_random = 0; is_random < 2; is_random++) {
        for (unsigned n_zeros = 0; n_zeros < ID_MAX_DRAWS; n_zeros++) {
            struct numbers numbers = {.n_zeros = n_zeros};
            weir_id_generator ids = WEIR_ID_GENERATOR(.data = &numbers, .new_trace_id = count_trace,
                                                      .new_span_id = count_span,
                                                      .trace_ids_are_random = is_random != 0);
            struct pipeline p;
            pipeline_open(&p, &WEIR_OTLP_OPTIONS(.id_generator = &ids));
            weir_otlp_span *root = weir_otlp_span_begin(p.tracer, "r", NULL);
            weir_otlp_context context = weir_otlp_span_context(root);
            cr_assert(eq(u8, context.trace_id[15], 1));
            cr_assert(eq(u8, context.span_id[7], 1));
            cr_assert(eq(u8, context.trace_flags, is_random ? 3 : 1));
            weir_otlp_span *child =
                weir_otlp_span_begin(p.tracer, "c", &WEIR_OTLP_SPAN_OPTIONS(.parent = &context));
            context = weir_otlp_span_context(child);
            cr_assert(eq(u8, context.trace_id[15], 1)); /* the trace's */
            cr_assert(eq(u8, context.span_id[7], 2));
            cr_assert(eq(u8, context.trace_flags, is_random ? 3 : 1));
            weir_otlp_span_end(child);
            weir_otlp_span_end(root);
            pipeline_close(&p);
        }
    }
}

Test(sampler, ids_of_zeros_are_replaced) { /* (E43) */
    struct numbers numbers = {.n_zeros = UINT32_MAX};
    weir_id_generator ids =
        WEIR_ID_GENERATOR(.data = &numbers, .new_trace_id = count_trace, .new_span_id = count_span);
    struct pipeline p;
    pipeline_open(&p, &WEIR_OTLP_OPTIONS(.id_generator = &ids));
    weir_otlp_span *span = weir_otlp_span_begin(p.tracer, "r", NULL);
    weir_otlp_context context = weir_otlp_span_context(span);
    cr_assert(context_is_valid(&context));
    cr_assert(eq(u8, context.trace_flags, 3)); /* our own is random */
    cr_assert(eq(uint, numbers.n_drawn, 2 * ID_MAX_DRAWS));
    weir_otlp_span_end(span);
    pipeline_close(&p);
}

Test(sampler, generator_without_a_size_is_refused) {
    weir_id_generator ids = {.new_span_id = count_span};
    weir_otlp *otlp = NULL;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_assert(eq(int, weir_otlp_open(&WEIR_OTLP_OPTIONS(.id_generator = &ids), &otlp, &detail),
                 WEIR_E_INVALID));
    cr_assert(strstr(detail.message, "WEIR_ID_GENERATOR()") != NULL);
}
