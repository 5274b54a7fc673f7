#include <string.h>

#include <weir/error.h>
#include <weir/otlp.h>

#include "otlp/context.h"
#include "tests/support/expect.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN "b7ad6b7169203331"

static weir_otlp_context parsed(const char *traceparent, const char *trace_state) {
    weir_otlp_context context;
    cr_assert(eq(int, weir_otlp_context_parse(traceparent, trace_state, &context), 0), "%s",
              traceparent);
    return context;
}

Test(context, reads_what_it_writes) {
    weir_otlp_context context = parsed("00-" TRACE "-" SPAN "-01", NULL);
    cr_assert(eq(u8, context.trace_id[0], 0x0a));
    cr_assert(eq(u8, context.trace_id[15], 0x9c));
    cr_assert(eq(u8, context.span_id[0], 0xb7));
    cr_assert(eq(u8, context.trace_flags, 1));
    cr_assert(context.is_remote);
    cr_assert(context.trace_state == NULL);
    char text[56];
    cr_assert(weir_otlp_context_format(&context, text));
    expect_text(text, "00-" TRACE "-" SPAN "-01");
}

Test(context, keeps_known_flags_only) {
    static const struct {
        const char *traceparent;
        uint8_t flags;
    } rows[] = {
        {"00-" TRACE "-" SPAN "-00", 0},
        {"00-" TRACE "-" SPAN "-02", 2},
        {"00-" TRACE "-" SPAN "-ff", 3},
        {"cc-" TRACE "-" SPAN "-fd", 1},
        {"cc-" TRACE "-" SPAN "-03-what-the-future-says", 3}, /* a higher version (G4, G5) */
        {" \t00-" TRACE "-" SPAN "-01\t ", 1},                /* white space around it (G10) */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        weir_otlp_context context = parsed(rows[i].traceparent, NULL);
        cr_assert(eq(u8, context.trace_flags, rows[i].flags), "%s", rows[i].traceparent);
        char text[56];
        cr_assert(weir_otlp_context_format(&context, text));
        cr_assert(zero(int, memcmp(text, "00-", 3)));
    }
    weir_otlp_context own = parsed(rows[0].traceparent, NULL);
    own.trace_flags = 0xff;
    char text[56];
    cr_assert(weir_otlp_context_format(&own, text));
    expect_text(text + 53, "03");
}

Test(context, refuses_what_is_no_traceparent) {
    static const char *const bad[] = {
        "",
        "00",
        "00-" TRACE "-" SPAN,
        "00-" TRACE "-" SPAN "-0",
        "00-" TRACE "-" SPAN "-01-",                                   /* version 00 ends there */
        "00-" TRACE "-" SPAN "-011",                                   /* too long */
        "cc-" TRACE "-" SPAN "-01.more",                               /* no dash */
        "ff-" TRACE "-" SPAN "-01",                                    /* never a version */
        "0x-" TRACE "-" SPAN "-01",                                    /* no hex */
        "00-" TRACE "-" SPAN "-0g",                                    /* no hex */
        "00-0AF7651916CD43DD8448EB211C80319C-" SPAN "-01",             /* upper case */
        "00-00000000000000000000000000000000-" SPAN "-01",             /* all zero */
        "00-" TRACE "-0000000000000000-01",                            /* all zero */
        "00_" TRACE "_" SPAN "_01",                                    /* no dashes */
        "00-" TRACE "-" SPAN " 01",                                    /* no dash */
        "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01-00000" /* shifted */
    };
    weir_otlp_context context = {.trace_flags = 77};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_assert(eq(int, weir_otlp_context_parse(bad[i], "a=1", &context), WEIR_E_SYNTAX), "%s",
                  bad[i]);
    }
    cr_assert(eq(int, weir_otlp_context_parse(NULL, NULL, &context), WEIR_E_SYNTAX));
    cr_assert(eq(u8, context.trace_flags, 77)); /* untouched */
}

Test(context, writes_nothing_of_an_invalid_context) {
    char text[56] = "untouched?";
    weir_otlp_context context = {.trace_id = {1}};
    cr_assert(not(weir_otlp_context_format(&context, text)));
    expect_text(text, "");
    cr_assert(not(weir_otlp_context_format(NULL, text)));
    cr_assert(not(context_is_valid(&(weir_otlp_context){.span_id = {1}})));
    cr_assert(context_is_valid(&(weir_otlp_context){.trace_id = {0, 1}, .span_id = {1}}));
}

Test(context, borrows_the_trace_state) {
    const char *text = "a=1, b=2";
    weir_otlp_context context = parsed("00-" TRACE "-" SPAN "-01", text);
    cr_assert(context.trace_state == text);
    context = parsed("00-" TRACE "-" SPAN "-01", "");
    cr_assert(context.trace_state == NULL);
    context = parsed("00-" TRACE "-" SPAN "-01", "Bad=1"); /* the traceparent counts (G11) */
    cr_assert(context.trace_state == NULL);
}
