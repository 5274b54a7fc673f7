/*
 * Carriers: header lines and the environment (G22, G31).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/propagation.h>

#include "otlp/bounds.h"
#include "tests/support/expect.h"
#include "tests/support/fault.h"

static const char *line(const char *const *lines, const char *name, size_t nth) {
    const char *value = weir_carrier_get_line(expect_unconst((const char *)lines), name, nth);
    return value != NULL ? value : "none";
}

Test(carrier, finds_lines_in_any_case_and_order) { /* (G22) */
    const char *const lines[] = {"A: 1", "b:2", "a:\t 3", "broken", "ab: 4", ":5", NULL};
    expect_text(line(lines, "a", 0), "1");
    expect_text(line(lines, "A", 1), "3");
    expect_text(line(lines, "a", 2), "none");
    expect_text(line(lines, "b", 0), "2");
    expect_text(line(lines, "broken", 0), "none");
    expect_text(line(lines, "", 0), "none");
    expect_text(line(lines, NULL, 0), "none");
    expect_text(line(NULL, "a", 0), "none");
}

Test(carrier, variables_are_named_by_rule) { /* (G31) */
    static const struct {
        const char *name, *variable;
    } rows[] = {{"traceparent", "TRACEPARENT"},
                {"x-b3.Trace id", "X_B3_TRACE_ID"},
                {"1st", "_1ST"},
                {"a\xc3\xa9", "A__"},
                {"", ""},
                {NULL, ""}};
    char out[32];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cr_assert(eq(sz, weir_env_name(rows[i].name, out, sizeof out), strlen(rows[i].variable)));
        expect_text_at(i, out, rows[i].variable);
    }
    cr_assert(eq(sz, weir_env_name("1st", out, 3), 4));
    expect_text(out, "_1");
    cr_assert(eq(sz, weir_env_name("abc", NULL, 0), 3));
}

Test(carrier, reads_this_processs_environment) { /* (G31) */
    setenv("TRACEPARENT", "00-12345678901234567890123456789012-1234567890123456-01", 1);
    setenv("TRACESTATE", "a=1", 1);
    setenv("BAGGAGE", "k=v", 1);
    weir_propagated p = WEIR_PROPAGATED_INIT;
    cr_assert(eq(int, weir_otlp_extract(NULL, weir_carrier_get_env, NULL, &p), 0));
    cr_assert(eq(u8, p.context.span_id[7], 0x56));
    expect_text(p.context.trace_state, "a=1");
    cr_assert(eq(sz, weir_baggage_count(p.baggage), 1));
    weir_propagated_deinit(&p);
    cr_assert(weir_carrier_get_env(NULL, "traceparent", 1) == NULL);
    cr_assert(weir_carrier_get_env(NULL, "no such variable", 0) == NULL);
    cr_assert(weir_carrier_get_env(NULL, "", 0) == NULL);
    char long_name[ENV_MAX_NAME + 1];
    memset(long_name, 'a', ENV_MAX_NAME);
    long_name[ENV_MAX_NAME] = '\0';
    cr_assert(weir_carrier_get_env(NULL, long_name, 0) == NULL);
}

static size_t count(char *const *list) {
    size_t n = 0;
    while (list[n] != NULL) {
        n++;
    }
    return n;
}

Test(carrier, makes_the_environment_of_a_child) { /* (G31) */
    char path[] = "PATH=/bin", old[] = "TRACEPARENT=old", similar[] = "TRACEPARENT2=x";
    char *const mother[] = {path, old, similar, NULL};
    weir_env *env = weir_env_new(mother);
    weir_otlp_context context;
    cr_assert(eq(int,
                 weir_otlp_context_parse("00-12345678901234567890123456789012-1234567890123456-01",
                                         "a=1", &context),
                 0));
    weir_baggage *baggage = NULL;
    cr_assert(eq(int, weir_baggage_parse("k=v", &baggage), 0));
    weir_otlp_inject(NULL, &context, baggage, weir_carrier_set_env, env);
    char *const *list = weir_env_list(env);
    cr_assert(eq(sz, count(list), 5));
    expect_text(list[0], "PATH=/bin");
    expect_text(list[1], "TRACEPARENT=00-12345678901234567890123456789012-1234567890123456-01");
    expect_text(list[2], "TRACEPARENT2=x");
    expect_text(list[3], "TRACESTATE=a=1");
    expect_text(list[4], "BAGGAGE=k=v");
    expect_text(weir_carrier_get_env(env, "tracestate", 0), "a=1");
    cr_assert(weir_carrier_get_env(env, "trace", 0) == NULL);
    weir_carrier_set_env(env, "", "x");
    weir_carrier_set_env(env, "x", NULL);
    weir_carrier_set_env(NULL, "x", "y");
    cr_assert(eq(sz, count(weir_env_list(env)), 5));
    weir_baggage_free(baggage);
    weir_env_free(env);
    weir_env_free(NULL);
    cr_assert(weir_env_list(NULL) == NULL);
    expect_text(old, "TRACEPARENT=old"); /* a copy was changed */
}

Test(carrier, copies_this_processs_environment) {
    setenv("OF_THIS_TEST", "1", 1);
    weir_env *env = weir_env_new(NULL);
    expect_text(weir_carrier_get_env(env, "of_this_test", 0), "1");
    weir_carrier_set_env(env, "of_this_test", "2");
    expect_text(getenv("OF_THIS_TEST"), "1");
    weir_env_free(env);
}

Test(carrier, survives_short_memory) {
    char one[] = "A=1", two[] = "B=2";
    char *const mother[] = {one, two, NULL};
    FAULT_FOR_EACH_ALLOCATION(n) {
        weir_env *env = weir_env_new(mother);
        weir_carrier_set_env(env, "c", "3");
        weir_carrier_set_env(env, "a", "4");
        if (env != NULL) {
            cr_assert(ge(sz, count(weir_env_list(env)), 2));
            cr_assert(weir_carrier_get_env(env, "a", 0) != NULL);
        }
        fault_disarm();
        weir_env_free(env);
    }
}
