#include <stdio.h>
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

/* ---- tracestate ---- */

static char *repeated(const char *head, char c, size_t n, const char *tail) {
    static char text[1024];
    size_t at = strlen(head);
    memcpy(text, head, at);
    memset(text + at, c, n);
    snprintf(text + at + n, sizeof text - at - n, "%s", tail);
    return text;
}

Test(context, takes_valid_trace_states) {
    static const char *const good[] = {"",
                                       "a=1",
                                       "a=1,b=2",
                                       "a=1, b=2 ,\tc=3",
                                       ",a=1,,",
                                       "0key=value",
                                       "k_-*/@x=!\"#$%&'()*+-./:;<>?@[\\]^_`{|}~",
                                       "a= leading space",
                                       "tenant@system=1",
                                       "a=1,a=2",
                                       "a=1;"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        cr_assert(trace_state_is_valid(good[i]), "%s", good[i]);
    }
    cr_assert(trace_state_is_valid(repeated("", 'k', 256, "=1")));
    cr_assert(trace_state_is_valid(repeated("a=", 'v', 256, "")));
}

Test(context, refuses_invalid_trace_states_whole) {
    static const char *const bad[] = {"a",     "=1",      "a=",      "A=1",        "_a=1",  "a b=1",
                                      "a=b=c", "a=\x01",  "a=\x7f",  "a=\xc3\xa4", "a=1,b", "a=\t1",
                                      "a,=1",  "k\xff=1", "a=1,B=2", "@a=1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_assert(not(trace_state_is_valid(bad[i])), "%s", bad[i]);
        weir_otlp_context context = parsed("00-" TRACE "-" SPAN "-01", bad[i]);
        cr_assert(context.trace_state == NULL, "%s", bad[i]); /* the traceparent counts (G11) */
    }
    cr_assert(not(trace_state_is_valid(repeated("", 'k', 257, "=1"))));
    cr_assert(not(trace_state_is_valid(repeated("a=", 'v', 257, ""))));
}

Test(context, takes_at_most_32_members) {
    char text[256];
    for (size_t i = 0; i < 33; i++) {
        memcpy(text + 4 * i, ",k=1", 5);
        cr_assert(eq(int, trace_state_is_valid(text), i < 32));
    }
}

Test(context, borrows_the_trace_state) {
    const char *text = "a=1, b=2";
    weir_otlp_context context = parsed("00-" TRACE "-" SPAN "-01", text);
    cr_assert(context.trace_state == text);
    context = parsed("00-" TRACE "-" SPAN "-01", "");
    cr_assert(context.trace_state == NULL);
}

Test(context, writes_members_without_space_and_empties) {
    struct buf out;
    buf_init(&out, 1024);
    trace_state_append(&out, " a= 1 ,, b=2\t,");
    expect_buf(&out, "a= 1,b=2");
    buf_clear(&out);
    trace_state_append(&out, " , ");
    expect_buf(&out, "");
    buf_deinit(&out);
}
