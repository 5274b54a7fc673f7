/*
 * Tracestate: what is valid, reading and changing it (E11, G14-G20).
 */
#include <stdio.h>
#include <string.h>

#include <weir/propagation.h>

#include "otlp/bounds.h"
#include "otlp/trace_state.h"
#include "tests/support/expect.h"

static char *repeated(const char *head, char c, size_t n, const char *tail) {
    static char text[1024];
    size_t at = strlen(head);
    memcpy(text, head, at);
    memset(text + at, c, n);
    snprintf(text + at + n, sizeof text - at - n, "%s", tail);
    return text;
}

Test(trace_state, takes_valid_trace_states) {
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

Test(trace_state, refuses_invalid_trace_states_whole) {
    static const char *const bad[] = {"a",     "=1",      "a=",      "A=1",        "_a=1",  "a b=1",
                                      "a=b=c", "a=\x01",  "a=\x7f",  "a=\xc3\xa4", "a=1,b", "a=\t1",
                                      "a,=1",  "k\xff=1", "a=1,B=2", "@a=1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_assert(not(trace_state_is_valid(bad[i])), "%s", bad[i]);
    }
    cr_assert(not(trace_state_is_valid(repeated("", 'k', 257, "=1"))));
    cr_assert(not(trace_state_is_valid(repeated("a=", 'v', 257, ""))));
}

Test(trace_state, takes_at_most_32_members) {
    char text[256];
    for (size_t i = 0; i < 33; i++) {
        memcpy(text + 4 * i, ",k=1", 5);
        cr_assert(eq(int, trace_state_is_valid(text), i < 32));
    }
}

Test(trace_state, writes_members_without_space_and_empties) {
    struct buf out;
    buf_init(&out, 1024);
    trace_state_append(&out, " a= 1 ,, b=2\t,");
    expect_buf(&out, "a= 1,b=2");
    buf_clear(&out);
    trace_state_append(&out, " , ");
    expect_buf(&out, "");
    buf_deinit(&out);
}

/* ---- reading and changing ---- */

static const char *got(const char *state, const char *key) {
    const char *value;
    size_t n_bytes;
    return weir_trace_state_get(state, key, &value, &n_bytes) ? expect_terminated(value, n_bytes)
                                                              : "none";
}

Test(trace_state, finds_a_value) {
    expect_text(got("a=1,b= two ,c=3", "b"), " two");
    expect_text(got("a=1,b=2", "c"), "none");
    expect_text(got("aa=1", "a"), "none");
    expect_text(got("a=1,B=2", "a"), "none"); /* an invalid one is empty */
    expect_text(got(NULL, "a"), "none");
    expect_text(got("a=1", ""), "none");
    const char *value = "kept";
    size_t n_bytes = 4;
    cr_assert(not(weir_trace_state_get("a=1", "b", &value, &n_bytes)));
    cr_assert(not(weir_trace_state_get("a=1", NULL, &value, &n_bytes)));
    cr_assert(not(weir_trace_state_get("a=1", "a", NULL, &n_bytes)));
    cr_assert(not(weir_trace_state_get("a=1", "a", &value, NULL)));
    expect_text(value, "kept");
}

static char out[WEIR_TRACE_STATE_BYTES];

Test(trace_state, sets_at_the_left) { /* (G18) */
    static const struct {
        const char *state, *key, *value, *expected;
    } rows[] = {
        {NULL, "a", "1", "a=1"},
        {"", "a", "1", "a=1"},
        {"a=1,b=2", "c", "3", "c=3,a=1,b=2"},
        {"a=1,b=2,c=3", "b", "new", "b=new,a=1,c=3"},
        {"a=1, ,b=2 ", "b", " x", "b= x,a=1"},
        {"a=1,a=2,b=3", "a", "4", "a=4,b=3"}, /* no key twice */
        {"no tracestate", "a", "1", "a=1"},
        {"a=1", "0tenant@system", "!\"#~", "0tenant@system=!\"#~,a=1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cr_assert(eq(
            int, weir_trace_state_set(rows[i].state, rows[i].key, rows[i].value, out, sizeof out),
            0));
        expect_text_at(i, out, rows[i].expected);
        cr_assert(trace_state_is_valid(out));
    }
}

Test(trace_state, refuses_what_would_make_it_invalid) { /* (E11, G15, G16) */
    static const char *const keys[] = {"", "A", "_a", "a b", "a=b", "a,b", "\xc3\xa4"};
    static const char *const values[] = {"", "a,b", "a=b", "end ", " ", "\x7f", "\xc3\xa4", "a\nb"};
    memcpy(out, "kept", 5);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        cr_assert(
            eq(int, weir_trace_state_set("a=1", keys[i], "1", out, sizeof out), WEIR_E_INVALID));
    }
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        cr_assert(
            eq(int, weir_trace_state_set("a=1", "k", values[i], out, sizeof out), WEIR_E_INVALID));
    }
    cr_assert(eq(int, weir_trace_state_set("a=1", repeated("", 'k', 257, ""), "1", out, sizeof out),
                 WEIR_E_INVALID));
    cr_assert(eq(int, weir_trace_state_set("a=1", NULL, "1", out, sizeof out), WEIR_E_INVALID));
    cr_assert(eq(int, weir_trace_state_set("a=1", "k", NULL, out, sizeof out), WEIR_E_INVALID));
    cr_assert(eq(int, weir_trace_state_set("a=1", "k", "v", NULL, 0), WEIR_E_INVALID));
    cr_assert(eq(int, weir_trace_state_delete("a=1", NULL, out, sizeof out), WEIR_E_INVALID));
    cr_assert(eq(int, weir_trace_state_delete("a=1", "k", NULL, 0), WEIR_E_INVALID));
    cr_assert(eq(int, weir_trace_state_cut("a=1", 1, NULL, 0), WEIR_E_INVALID));
    expect_text(out, "kept");
}

Test(trace_state, says_when_there_is_no_room) {
    char small[8] = "kept";
    cr_assert(eq(int, weir_trace_state_set("a=1", "b", "22", small, 8), WEIR_E_TOO_LARGE));
    cr_assert(eq(int, weir_trace_state_delete("a=1,b=22", "c", small, 8), WEIR_E_TOO_LARGE));
    cr_assert(eq(int, weir_trace_state_cut("a=1,b=22", 512, small, 8), WEIR_E_TOO_LARGE));
    cr_assert(eq(int, weir_trace_state_set(NULL, "b", "2", small, 0), WEIR_E_TOO_LARGE));
    expect_text(small, "kept");
    cr_assert(eq(int, weir_trace_state_set("a=1", "b", "2", small, 8), 0));
    expect_text(small, "b=2,a=1");
}

Test(trace_state, deletes) {
    static const struct {
        const char *state, *key, *expected;
    } rows[] = {
        {"a=1,b=2,c=3", "b", "a=1,c=3"},
        {"a=1", "a", ""},
        {"a=1", "b", "a=1"},
        {NULL, "a", ""},
        {"bad", "bad", ""},
        {"a=1,b=2,a=3", "a", "b=2"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cr_assert(eq(int, weir_trace_state_delete(rows[i].state, rows[i].key, out, sizeof out), 0));
        expect_text_at(i, out, rows[i].expected);
    }
}

Test(trace_state, leaves_out_the_last_of_33) { /* (G14) */
    char state[32 * 5 + 1] = "";
    for (size_t i = 0; i < 32; i++) {
        snprintf(state + strlen(state), sizeof state - strlen(state), "%s%c%c=1", i > 0 ? "," : "",
                 (char)('a' + i % 16), (char)('0' + i / 16));
    }
    cr_assert(eq(int, weir_trace_state_set(state, "new", "1", out, sizeof out), 0));
    cr_assert(trace_state_is_valid(out));
    expect_text(got(out, "new"), "1");
    expect_text(got(out, "a0"), "1");
    expect_text(got(out, "o1"), "1");
    expect_text(got(out, "p1"), "none"); /* was the last */
    cr_assert(eq(int, weir_trace_state_set(state, "a0", "2", out, sizeof out), 0));
    expect_text(got(out, "p1"), "1"); /* one out, one in */
}

Test(trace_state, keeps_the_longest_whole) {
    char state[WEIR_TRACE_STATE_BYTES] = "";
    size_t n = 0;
    for (size_t i = 0; i < TRACE_STATE_MAX_MEMBERS; i++) {
        n += (size_t)snprintf(state + n, sizeof state - n, "%s%c%c", i > 0 ? "," : "",
                              (char)('a' + i % 16), (char)('0' + i / 16));
        memset(state + n, 'k', 254);
        state[n + 254] = '=';
        memset(state + n + 255, 'v', 256);
        n += 511;
    }
    state[n] = '\0';
    cr_assert(trace_state_is_valid(state));
    cr_assert(eq(int, weir_trace_state_delete(state, "x", out, sizeof out), 0));
    cr_assert(zero(int, strcmp(state, out)));
}

Test(trace_state, is_cut_by_whole_entries_the_large_ones_first) { /* (G19) */
    char state[4096];
    const char *large = repeated("large=", 'v', 123, "");                 /* 129 characters */
    snprintf(state, sizeof state, "a=1,%s,b=2,%s,c=3", large, large + 1); /* 128: not large */
    char expected[4096];
    cr_assert(eq(int, weir_trace_state_cut(state, strlen(state), out, sizeof out), 0));
    expect_text(out, state);
    snprintf(expected, sizeof expected, "a=1,b=2,%s,c=3", large + 1);
    cr_assert(eq(int, weir_trace_state_cut(state, strlen(state) - 1, out, sizeof out), 0));
    expect_text(out, expected); /* though it is not the last */
    cr_assert(eq(int, weir_trace_state_cut(state, 130, out, sizeof out), 0));
    expect_text(out, "a=1,b=2");
    cr_assert(eq(int, weir_trace_state_cut(state, 7, out, sizeof out), 0));
    expect_text(out, "a=1,b=2");
    cr_assert(eq(int, weir_trace_state_cut(state, 6, out, sizeof out), 0));
    expect_text(out, "a=1");
    cr_assert(eq(int, weir_trace_state_cut(state, 0, out, sizeof out), 0));
    expect_text(out, "");
    cr_assert(eq(int, weir_trace_state_cut("Bad", 512, out, sizeof out), 0));
    expect_text(out, "");
}
