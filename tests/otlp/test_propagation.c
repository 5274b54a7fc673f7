/*
 * Contexts and baggage in and out of carriers (G1-G13, G17, G22, G23, G31, D24). The table holds
 * the cases of the W3C Trace Context test-suite by their names there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "otlp/context.h"
#include "otlp/propagation.h"
#include "tests/support/fault.h"
#include "tests/support/pipeline.h"

#define TRACE "12345678901234567890123456789012"
#define SPAN "1234567890123456"
#define GOOD "00-" TRACE "-" SPAN "-01"

static int extracted(const weir_otlp *otlp, const char *const *lines, weir_propagated *out) {
    return weir_otlp_extract(otlp, weir_carrier_get_line, expect_unconst((const char *)lines), out);
}

/* ---- in ---- */

struct w3c_case {
    const char *test;
    const char *lines[5];
    const char *traceparent; /* as a child of it would be sent on, NULL: a new trace */
    const char *trace_state;
};

static const struct w3c_case W3C_CASES[] = {
    {"test_both_traceparent_and_tracestate_missing", {NULL}, NULL, NULL},
    {"test_traceparent_included_tracestate_missing", {"traceparent: " GOOD}, GOOD, NULL},
    {"test_traceparent_duplicated", {"traceparent: " GOOD, "traceparent: " GOOD}, NULL, NULL},
    {"test_traceparent_header_name", {"trace-parent: " GOOD}, NULL, NULL},
    {"test_traceparent_header_name_valid_casing", {"TraceParent: " GOOD}, GOOD, NULL},
    {"test_traceparent_version_0x00", {"traceparent: " GOOD "."}, NULL, NULL},
    {"test_traceparent_version_0x00", {"traceparent: " GOOD "-what-the-future"}, NULL, NULL},
    {"test_traceparent_version_0xcc", {"traceparent: cc-" TRACE "-" SPAN "-01"}, GOOD, NULL},
    {"test_traceparent_version_0xcc",
     {"traceparent: cc-" TRACE "-" SPAN "-01-what-the-future-will-be-like"},
     GOOD,
     NULL},
    {"test_traceparent_version_0xcc",
     {"traceparent: cc-" TRACE "-" SPAN "-01.what-the-future-will-not-be-like"},
     NULL,
     NULL},
    {"test_traceparent_version_0xff", {"traceparent: ff-" TRACE "-" SPAN "-01"}, NULL, NULL},
    {"test_traceparent_version_illegal_characters",
     {"traceparent: .0-" TRACE "-" SPAN "-01"},
     NULL,
     NULL},
    {"test_traceparent_version_illegal_characters",
     {"traceparent: 0.-" TRACE "-" SPAN "-01"},
     NULL,
     NULL},
    {"test_traceparent_version_too_long", {"traceparent: 000-" TRACE "-" SPAN "-01"}, NULL, NULL},
    {"test_traceparent_version_too_short", {"traceparent: 0-" TRACE "-" SPAN "-01"}, NULL, NULL},
    {"test_traceparent_trace_id_all_zero",
     {"traceparent: 00-00000000000000000000000000000000-" SPAN "-01"},
     NULL,
     NULL},
    {"test_traceparent_trace_id_illegal_characters",
     {"traceparent: 00-.2345678901234567890123456789012-" SPAN "-01"},
     NULL,
     NULL},
    {"test_traceparent_trace_id_illegal_characters",
     {"traceparent: 00-1234567890123456789012345678901.-" SPAN "-01"},
     NULL,
     NULL},
    {"test_traceparent_trace_id_too_long",
     {"traceparent: 00-123456789012345678901234567890123-" SPAN "-01"},
     NULL,
     NULL},
    {"test_traceparent_trace_id_too_short",
     {"traceparent: 00-1234567890123456789012345678901-" SPAN "-01"},
     NULL,
     NULL},
    {"test_traceparent_parent_id_all_zero",
     {"traceparent: 00-" TRACE "-0000000000000000-01"},
     NULL,
     NULL},
    {"test_traceparent_parent_id_illegal_characters",
     {"traceparent: 00-" TRACE "-.234567890123456-01"},
     NULL,
     NULL},
    {"test_traceparent_parent_id_too_long",
     {"traceparent: 00-" TRACE "-12345678901234567-01"},
     NULL,
     NULL},
    {"test_traceparent_parent_id_too_short",
     {"traceparent: 00-" TRACE "-123456789012345-01"},
     NULL,
     NULL},
    {"test_traceparent_trace_flags_illegal_characters",
     {"traceparent: 00-" TRACE "-" SPAN "-.0"},
     NULL,
     NULL},
    {"test_traceparent_trace_flags_illegal_characters",
     {"traceparent: 00-" TRACE "-" SPAN "-0."},
     NULL,
     NULL},
    {"test_traceparent_trace_flags_too_long",
     {"traceparent: 00-" TRACE "-" SPAN "-001"},
     NULL,
     NULL},
    {"test_traceparent_trace_flags_too_short",
     {"traceparent: 00-" TRACE "-" SPAN "-1"},
     NULL,
     NULL},
    {"test_traceparent_ows_handling", {"traceparent:  " GOOD}, GOOD, NULL},
    {"test_traceparent_ows_handling", {"traceparent: \t" GOOD "\t"}, GOOD, NULL},
    {"test_traceparent_ows_handling", {"traceparent: " GOOD " "}, GOOD, NULL},
    {"test_traceparent_ows_handling", {"traceparent:" GOOD " \t"}, GOOD, NULL},
    {"test_propagates_random_flag",
     {"traceparent: 00-" TRACE "-" SPAN "-03"},
     "00-" TRACE "-" SPAN "-03",
     NULL},
    {"test_propagates_random_flag",
     {"traceparent: 00-" TRACE "-" SPAN "-02"},
     "00-" TRACE "-" SPAN "-02",
     NULL},
    {"test_tracestate_included_traceparent_missing", {"tracestate: foo=1"}, NULL, NULL},
    {"test_tracestate_included_traceparent_included",
     {"traceparent: " GOOD, "tracestate: foo=1,bar=2"},
     GOOD,
     "foo=1,bar=2"},
    {"test_tracestate_header_name", {"traceparent: " GOOD, "trace-state: foo=1"}, GOOD, NULL},
    {"test_tracestate_header_name_valid_casing",
     {"traceparent: " GOOD, "TraceState: foo=1"},
     GOOD,
     "foo=1"},
    {"test_tracestate_empty_header",
     {"traceparent: " GOOD, "tracestate: foo=1", "tracestate: "},
     GOOD,
     "foo=1"},
    {"test_tracestate_empty_header",
     {"traceparent: " GOOD, "tracestate: ", "tracestate: foo=1"},
     GOOD,
     "foo=1"},
    {"test_tracestate_multiple_headers_different_keys",
     {"traceparent: " GOOD, "tracestate: foo=1,bar=2", "tracestate: rojo=1,congo=2",
      "tracestate: baz=3"},
     GOOD,
     "foo=1,bar=2,rojo=1,congo=2,baz=3"},
    {"test_tracestate_duplicated_keys",
     {"traceparent: " GOOD, "tracestate: foo=1,foo=1"},
     GOOD,
     "foo=1,foo=1"},
    {"test_tracestate_duplicated_keys",
     {"traceparent: " GOOD, "tracestate: foo=1", "tracestate: foo=2"},
     GOOD,
     "foo=1,foo=2"},
    {"test_tracestate_all_allowed_characters",
     {"traceparent: " GOOD,
      "tracestate: abcdefghijklmnopqrstuvwxyz0123456789_-*/= "
      "!\"#$%&'()*+-./0123456789:;<>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvw"
      "xyz{|}~"},
     GOOD,
     "abcdefghijklmnopqrstuvwxyz0123456789_-*/= "
     "!\"#$%&'()*+-./0123456789:;<>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwx"
     "yz{|}~"},
    {"test_tracestate_ows_handling",
     {"traceparent: " GOOD, "tracestate: foo=1 \t , \t bar=2, \t baz=3"},
     GOOD,
     "foo=1,bar=2,baz=3"},
    {"test_tracestate_ows_handling", {"traceparent: " GOOD, "tracestate:\tfoo=1\t"}, GOOD, "foo=1"},
    {"test_tracestate_key_illegal_characters",
     {"traceparent: " GOOD, "tracestate: foo =1"},
     GOOD,
     NULL},
    {"test_tracestate_key_illegal_characters",
     {"traceparent: " GOOD, "tracestate: FOO=1"},
     GOOD,
     NULL},
    {"test_tracestate_key_illegal_characters",
     {"traceparent: " GOOD, "tracestate: foo.bar=1"},
     GOOD,
     NULL},
    {"test_tracestate_key_illegal_vendor_format",
     {"traceparent: " GOOD, "tracestate: @foo=1,bar=2"},
     GOOD,
     NULL},
    {"test_tracestate_member_count_limit",
     {"traceparent: " GOOD,
      "tracestate: a=1,b=2,c=3,d=4,e=5,f=6,g=7,h=8,i=9,j=1,k=2,l=3,m=4,n=5,o=6,p=7",
      "tracestate: q=1,r=2,s=3,t=4,u=5,v=6,w=7,x=8,y=9,z=1,0=2,1=3,2=4,3=5,4=6,5=7"},
     GOOD,
     "a=1,b=2,c=3,d=4,e=5,f=6,g=7,h=8,i=9,j=1,k=2,l=3,m=4,n=5,o=6,p=7,"
     "q=1,r=2,s=3,t=4,u=5,v=6,w=7,x=8,y=9,z=1,0=2,1=3,2=4,3=5,4=6,5=7"},
    {"test_tracestate_member_count_limit",
     {"traceparent: " GOOD,
      "tracestate: a=1,b=2,c=3,d=4,e=5,f=6,g=7,h=8,i=9,j=1,k=2,l=3,m=4,n=5,o=6,p=7",
      "tracestate: q=1,r=2,s=3,t=4,u=5,v=6,w=7,x=8,y=9,z=1,0=2,1=3,2=4,3=5,4=6,5=7,6=8"},
     GOOD,
     NULL},
};

Test(propagation, passes_the_w3c_suite) {
    const struct w3c_case *rows = W3C_CASES;
    for (size_t i = 0; i < sizeof W3C_CASES / sizeof W3C_CASES[0]; i++) {
        weir_propagated p = WEIR_PROPAGATED_INIT;
        int expected = rows[i].traceparent != NULL ? 0 : WEIR_E_NOT_FOUND;
        cr_assert(eq(int, extracted(NULL, rows[i].lines, &p), expected), "%zu %s", i, rows[i].test);
        if (expected == 0) {
            char text[56];
            cr_assert(weir_otlp_context_format(&p.context, text));
            expect_text_at(i, text, rows[i].traceparent);
            cr_assert(p.context.is_remote); /* (E10) */
            expect_text_at(i, p.context.trace_state != NULL ? p.context.trace_state : "none",
                           rows[i].trace_state != NULL ? rows[i].trace_state : "none");
        }
        weir_propagated_deinit(&p);
    }
}

Test(propagation, a_failed_extraction_leaves_what_is_there) { /* (G12) */
    const char *const good[] = {"traceparent: " GOOD, "tracestate: a=1", "baggage: k=v", NULL};
    const char *const bad[] = {"traceparent: 00-bad", "tracestate: b=2", "baggage: nonsense", NULL};
    const char *const none[] = {NULL};
    weir_propagated p = WEIR_PROPAGATED_INIT;
    cr_assert(eq(int, extracted(NULL, good, &p), 0));
    cr_assert(eq(int, extracted(NULL, bad, &p), WEIR_E_NOT_FOUND));
    cr_assert(eq(int, extracted(NULL, none, &p), WEIR_E_NOT_FOUND));
    cr_assert(eq(u8, p.context.trace_id[0], 0x12));
    expect_text(p.context.trace_state, "a=1");
    cr_assert(eq(sz, weir_baggage_count(p.baggage), 1));
    const char *const next[] = {"traceparent: 00-" TRACE "-2222222222222222-00", "baggage: l=w,m=x",
                                NULL};
    cr_assert(eq(int, extracted(NULL, next, &p), 0)); /* a good one replaces it */
    cr_assert(eq(u8, p.context.span_id[0], 0x22));
    cr_assert(p.context.trace_state == NULL);
    cr_assert(eq(sz, weir_baggage_count(p.baggage), 2));
    weir_propagated_deinit(&p);
    cr_assert(p.baggage == NULL);
    weir_propagated_deinit(&p);
    weir_propagated_deinit(NULL);
}

Test(propagation, joins_baggage_headers) {
    const char *const lines[] = {"baggage: a=1", "Baggage: b=2;p", "BAGGAGE:c=3", NULL};
    weir_propagated p = WEIR_PROPAGATED_INIT;
    cr_assert(eq(int, extracted(NULL, lines, &p), WEIR_E_NOT_FOUND)); /* of a context */
    cr_assert(eq(sz, weir_baggage_count(p.baggage), 3));
    weir_propagated_deinit(&p);
}

Test(propagation, checks_its_arguments) {
    weir_propagated p = WEIR_PROPAGATED_INIT, no_size = {0};
    cr_assert(eq(int, weir_otlp_extract(NULL, NULL, NULL, &p), WEIR_E_INVALID));
    cr_assert(eq(int, weir_otlp_extract(NULL, weir_carrier_get_line, NULL, NULL), WEIR_E_INVALID));
    cr_assert(
        eq(int, weir_otlp_extract(NULL, weir_carrier_get_line, NULL, &no_size), WEIR_E_INVALID));
    cr_assert(eq(int, weir_otlp_extract(NULL, weir_carrier_get_line, NULL, &p), WEIR_E_NOT_FOUND));
    weir_otlp_inject(NULL, NULL, NULL, NULL, NULL);
}

/* A peer that sends without end. */
static const char *endless(void *carrier, const char *name, size_t nth) {
    (void)carrier, (void)nth;
    if (strcmp(name, "traceparent") == 0) {
        return nth == 0 ? GOOD : NULL;
    }
    return "aaaaaaaaaaaaaaaa=1,bbbbbbbbbbbbbbbb=2";
}

Test(propagation, reads_no_more_than_its_bounds) {
    weir_propagated p = WEIR_PROPAGATED_INIT;
    cr_assert(eq(int, weir_otlp_extract(NULL, endless, NULL, &p), 0));
    cr_assert(p.context.trace_state == NULL);
    cr_assert(p.baggage == NULL);
    weir_propagated_deinit(&p);
}

Test(propagation, survives_short_memory) {
    const char *const lines[] = {"traceparent: " GOOD, "tracestate: a=1", "tracestate: b=2",
                                 "baggage: k=v",       "baggage: l=w",    NULL};
    FAULT_FOR_EACH_ALLOCATION(n) {
        weir_propagated p = WEIR_PROPAGATED_INIT;
        int error = extracted(NULL, lines, &p);
        cr_assert(error == 0 || error == WEIR_E_NO_MEMORY);
        fault_disarm();
        weir_propagated_deinit(&p);
    }
}

/* ---- out ---- */

static void collect(void *carrier, const char *name, const char *value) {
    char *text = carrier;
    size_t n = strlen(text);
    snprintf(text + n, 512 - n, "%s: %s\n", name, value);
}

/* The tracestate alone. */
static void collect_long(void *carrier, const char *name, const char *value) {
    if (strcmp(name, "tracestate") == 0) {
        snprintf(carrier, 1024, "%s", value);
    }
}

Test(propagation, injects_what_there_is) { /* (G1, G13) */
    weir_baggage *baggage = NULL;
    cr_assert(eq(int, weir_baggage_set(NULL, "k", "a b", "p", &baggage), 0));
    weir_otlp_context context;
    cr_assert(eq(int, weir_otlp_context_parse(GOOD, " a=1,, b=2 ", &context), 0));
    char text[512] = "";
    weir_otlp_inject(NULL, &context, baggage, collect, text);
    expect_text(text, "traceparent: " GOOD "\ntracestate: a=1,b=2\nbaggage: k=a%20b;p\n");
    static const struct {
        const char *trace_state;
        bool has_id;
        const char *expected;
    } rows[] = {
        {NULL, true, "traceparent: " GOOD "\n"},  {"", true, "traceparent: " GOOD "\n"},
        {" , ", true, "traceparent: " GOOD "\n"}, /* never an empty one (G17) */
        {"Bad", true, "traceparent: " GOOD "\n"}, {"a=1", false, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        weir_otlp_context one = context;
        one.trace_state = rows[i].trace_state;
        if (!rows[i].has_id) {
            memset(one.span_id, 0, sizeof one.span_id);
        }
        text[0] = '\0';
        weir_otlp_inject(NULL, &one, NULL, collect, text);
        expect_text_at(i, text, rows[i].expected);
    }
    weir_baggage *empty = NULL;
    cr_assert(eq(int, weir_baggage_remove(baggage, "k", &empty), 0));
    text[0] = '\0';
    weir_otlp_inject(NULL, NULL, empty, collect, text);
    expect_text(text, "");
    weir_baggage_free(empty);
    weir_baggage_free(baggage);
}

/* A child's own parent-id goes out with its parent's trace state (G8, G13, E16). */
Test(propagation, a_span_passes_on_what_came_in) {
    const char *const lines[] = {"traceparent: 00-" TRACE "-" SPAN "-02", "tracestate: a=1", NULL};
    weir_propagated in = WEIR_PROPAGATED_INIT;
    struct pipeline p;
    pipeline_open(&p, NULL);
    cr_assert(eq(int, extracted(p.otlp, lines, &in), 0));
    weir_otlp_span *span =
        weir_otlp_span_begin(p.tracer, "s", &WEIR_OTLP_SPAN_OPTIONS(.parent = &in.context));
    weir_propagated_deinit(&in);
    weir_otlp_context context = weir_otlp_span_context(span);
    char text[512] = "";
    weir_otlp_inject(p.otlp, &context, NULL, collect, text);
    cr_assert(zero(int, strncmp(text, "traceparent: 00-" TRACE "-", 49)));
    cr_assert(not(zero(int, strncmp(text + 49, SPAN, 16))));
    expect_text(text + 65, "-02\ntracestate: a=1\n");
    weir_otlp_span_end(span);
    pipeline_close(&p);
}

/* However many headers they come in (G19). */
Test(propagation, passes_on_512_characters_and_more) {
    char first[320], second[320], expected[700], text[1024] = "";
    snprintf(first, sizeof first, "tracestate: a=%0200d,b=%096d", 1, 2);
    snprintf(second, sizeof second, "tracestate: c=%0200d,d=%096d", 3, 4);
    snprintf(expected, sizeof expected, "%s,%s", first + 12, second + 12);
    cr_assert(gt(sz, strlen(expected), 512));
    const char *const lines[] = {"traceparent: " GOOD, first, second, NULL};
    weir_propagated p = WEIR_PROPAGATED_INIT;
    cr_assert(eq(int, extracted(NULL, lines, &p), 0));
    weir_otlp_inject(NULL, &p.context, NULL, collect_long, text);
    expect_text(text, expected);
    weir_propagated_deinit(&p);
}

/* ---- which propagators (G23, D24) ---- */

static void expect_fields(const weir_otlp *otlp, const char *expected, size_t row) {
    char text[128] = "";
    const char *const *fields = weir_otlp_propagation_fields(otlp);
    for (size_t i = 0; fields[i] != NULL; i++) {
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s ", fields[i]);
    }
    expect_text_at(row, text, expected);
}

Test(propagation, propagators_are_chosen_by_variable_or_option) {
    static const char both[] = "traceparent tracestate baggage ",
                      context[] = "traceparent tracestate ";
    static const struct {
        const char *variable, *option, *fields, *warning;
        enum propagator first;
    } rows[] = {
        {NULL, NULL, both, NULL, PROPAGATE_TRACE_CONTEXT},
        {"", NULL, both, NULL, PROPAGATE_TRACE_CONTEXT},
        {"tracecontext", NULL, context, NULL, PROPAGATE_TRACE_CONTEXT},
        {" TraceContext ", NULL, context, NULL, PROPAGATE_TRACE_CONTEXT},
        {"baggage", NULL, "baggage ", NULL, PROPAGATE_BAGGAGE},
        {"baggage,tracecontext,baggage", NULL, both, NULL, PROPAGATE_BAGGAGE},
        {"none", NULL, "", NULL, PROPAGATE_TRACE_CONTEXT},
        {"none,baggage", NULL, "", NULL, PROPAGATE_TRACE_CONTEXT},
        {"b3,tracecontext", NULL, context, "b3 is not available", PROPAGATE_TRACE_CONTEXT},
        {"jaeger", NULL, both, "jaeger is not available", PROPAGATE_TRACE_CONTEXT},
        {"tracecontext", "baggage", "baggage ", NULL, PROPAGATE_BAGGAGE},
        {"tracecontext", "none", "", NULL, PROPAGATE_TRACE_CONTEXT},
        {"jaeger", "", "", NULL, PROPAGATE_TRACE_CONTEXT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        unsetenv("OTEL_PROPAGATORS");
        if (rows[i].variable != NULL) {
            setenv("OTEL_PROPAGATORS", rows[i].variable, 1);
        }
        struct pipeline p;
        pipeline_open(&p, &WEIR_OTLP_OPTIONS(.propagators = rows[i].option));
        expect_fields(p.otlp, rows[i].fields, i);
        cr_assert(eq(uint, p.log.n, rows[i].warning != NULL), "%zu %s", i, p.log.text);
        cr_assert(rows[i].warning == NULL || strstr(p.log.text, rows[i].warning) != NULL);

        const char *const lines[] = {"traceparent: " GOOD, "baggage: k=v", NULL};
        weir_propagated in = WEIR_PROPAGATED_INIT;
        bool has_context = strstr(rows[i].fields, "traceparent") != NULL;
        cr_assert(eq(int, extracted(p.otlp, lines, &in), has_context ? 0 : WEIR_E_NOT_FOUND));
        bool has_baggage = strstr(rows[i].fields, "baggage") != NULL;
        cr_assert(eq(int, in.baggage != NULL, has_baggage));
        weir_otlp_context given;
        weir_baggage *baggage = NULL;
        cr_assert(eq(int, weir_otlp_context_parse(GOOD, NULL, &given), 0));
        cr_assert(eq(int, weir_baggage_parse("k=v", &baggage), 0));
        char text[512] = "";
        weir_otlp_inject(p.otlp, &given, baggage, collect, text);
        cr_assert(eq(int, strstr(text, "traceparent") != NULL, has_context));
        cr_assert(eq(int, strstr(text, "baggage") != NULL, has_baggage));
        if (*rows[i].fields != '\0') { /* the first to run */
            bool is_baggage = strncmp(text, "baggage", 7) == 0;
            cr_assert(is_baggage == (rows[i].first == PROPAGATE_BAGGAGE), "%zu %s", i, text);
        }
        weir_baggage_free(baggage);
        weir_propagated_deinit(&in);
        pipeline_close(&p);
    }
}

Test(propagation, an_unknown_propagator_in_code_is_an_error) {
    weir_otlp *otlp = NULL;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_assert(eq(int,
                 weir_otlp_open(&WEIR_OTLP_OPTIONS(.propagators = "baggage,b3"), &otlp, &detail),
                 WEIR_E_INVALID));
    cr_assert(strstr(detail.message, "b3") != NULL);
}

/* Contexts still travel when all else is switched off (D20). */
Test(propagation, works_when_the_sdk_is_disabled) {
    const char *const lines[] = {"traceparent: " GOOD, "tracestate: a=1", NULL};
    weir_propagated in = WEIR_PROPAGATED_INIT;
    struct pipeline p;
    pipeline_open(&p, &WEIR_OTLP_OPTIONS(.has_disabled = true, .disabled = true));
    cr_assert(eq(int, extracted(p.otlp, lines, &in), 0));
    weir_otlp_span *span =
        weir_otlp_span_begin(p.tracer, "s", &WEIR_OTLP_SPAN_OPTIONS(.parent = &in.context));
    weir_otlp_context context = weir_otlp_span_context(span);
    char text[512] = "";
    weir_otlp_inject(p.otlp, &context, NULL, collect, text);
    expect_text(text, "traceparent: " GOOD "\ntracestate: a=1\n");
    weir_otlp_span_end(span);
    weir_propagated_deinit(&in);
    pipeline_close(&p);
}
