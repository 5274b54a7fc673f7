/*
 * Baggage: the immutable set, and its header (G25-G30).
 */
#include <stdio.h>
#include <string.h>

#include <weir/propagation.h>

#include "otlp/bounds.h"
#include "tests/support/expect.h"
#include "tests/support/fault.h"

static weir_baggage *parsed(const char *header) {
    weir_baggage *baggage = NULL;
    cr_assert(eq(int, weir_baggage_parse(header, &baggage), 0), "%s", header);
    return baggage;
}

static const char *formatted(const weir_baggage *baggage) {
    static char header[WEIR_BAGGAGE_BYTES];
    size_t length = weir_baggage_format(baggage, header, sizeof header);
    cr_assert(eq(sz, length, strlen(header)));
    return header;
}

static weir_baggage_member found(const weir_baggage *baggage, const char *name) {
    weir_baggage_member member = {.name = "none"};
    cr_assert(weir_baggage_get(baggage, name, &member), "%s", name);
    return member;
}

/* Sets, and frees what was before. */
static void set(weir_baggage **baggage, const char *name, const char *value, const char *metadata) {
    weir_baggage *next = NULL;
    cr_assert(eq(int, weir_baggage_set(*baggage, name, value, metadata, &next), 0));
    weir_baggage_free(*baggage);
    *baggage = next;
}

Test(baggage, is_never_changed) { /* (G25, G26) */
    weir_baggage *one = NULL, *two = NULL, *three = NULL, *four = NULL;
    cr_assert(eq(int, weir_baggage_set(NULL, "a", "1", NULL, &one), 0));
    cr_assert(eq(int, weir_baggage_set(one, "b", "2", "p=1;q", &two), 0));
    cr_assert(eq(int, weir_baggage_set(two, "a", "new", NULL, &three), 0));
    cr_assert(eq(int, weir_baggage_remove(three, "b", &four), 0));
    expect_text(formatted(one), "a=1");
    expect_text(formatted(two), "a=1,b=2;p=1;q");
    expect_text(formatted(three), "b=2;p=1;q,a=new");
    expect_text(formatted(four), "a=new");
    weir_baggage_free(one); /* each stands alone */
    weir_baggage_free(two);
    weir_baggage_free(three);
    expect_text(formatted(four), "a=new");
    cr_assert(eq(int, weir_baggage_remove(four, "never there", &one), 0));
    expect_text(formatted(one), "a=new");
    cr_assert(eq(int, weir_baggage_remove(one, "a", &two), 0));
    cr_assert(eq(sz, weir_baggage_count(two), 0));
    expect_text(formatted(two), "");
    weir_baggage_free(one);
    weir_baggage_free(two);
    weir_baggage_free(four);
    weir_baggage_free(NULL);
}

Test(baggage, null_is_empty) {
    weir_baggage_member member = {.name = "kept"};
    weir_baggage *out = NULL;
    expect_text(formatted(NULL), "");
    cr_assert(eq(sz, weir_baggage_count(NULL), 0));
    cr_assert(not(weir_baggage_at(NULL, 0, &member)));
    cr_assert(not(weir_baggage_get(NULL, "a", &member)));
    expect_text(member.name, "kept");
    cr_assert(eq(int, weir_baggage_remove(NULL, "a", &out), 0));
    cr_assert(eq(sz, weir_baggage_count(out), 0));
    weir_baggage_free(out);
}

Test(baggage, names_and_values_are_case_sensitive) { /* (G25) */
    weir_baggage *baggage = parsed("user=A,User=B,USER=c");
    cr_assert(eq(sz, weir_baggage_count(baggage), 3));
    expect_text(found(baggage, "User").value, "B");
    expect_text(found(baggage, "USER").value, "c");
    weir_baggage_member member;
    cr_assert(not(weir_baggage_get(baggage, "uSER", &member)));
    cr_assert(not(weir_baggage_get(baggage, NULL, &member)));
    cr_assert(not(weir_baggage_at(baggage, 3, &member)));
    cr_assert(not(weir_baggage_at(baggage, 0, NULL)));
    cr_assert(weir_baggage_at(baggage, 2, &member));
    expect_text(member.name, "USER");
    weir_baggage_free(baggage);
}

Test(baggage, any_text_comes_back) { /* (G25, G28) */
    static const char *const values[] = {
        "",     "plain", "a b",         " spaces ",         "a,b;c=d\\\"%",
        "100%", "%41",   "caf\xc3\xa9", "\xf0\x9f\x90\x9f", "line\nfeed\tand\x01",
        "=",    "a=b=c"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        weir_baggage *baggage = NULL;
        set(&baggage, "k", values[i], NULL);
        weir_baggage *again = parsed(formatted(baggage));
        expect_text_at(i, found(again, "k").value, values[i]);
        cr_assert(eq(sz, found(again, "k").value_bytes, strlen(values[i])));
        weir_baggage_free(again);
        weir_baggage_free(baggage);
    }
}

Test(baggage, writes_what_is_no_baggage_octet_as_percent) { /* (G28) */
    weir_baggage *baggage = NULL;
    char all[128];
    for (int c = 1; c < 128; c++) {
        all[c - 1] = (char)c;
    }
    all[127] = '\0';
    set(&baggage, "k", all + 31, NULL); /* from the space on */
    expect_text(formatted(baggage),
                "k=%20!%22#$%25&'()*+%2C-./0123456789:%3B<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[%5C]^_`"
                "abcdefghijklmnopqrstuvwxyz{|}~%7F");
    weir_baggage_free(baggage);
}

Test(baggage, reads_headers) { /* (G27, G28, G30) */
    static const struct {
        const char *header, *expected;
    } rows[] = {
        {"a=1", "a=1"},
        {" a = 1 ,\tb\t=\t2\t", "a=1,b=2"},
        {"a=1;p=1;q;r = 2 ", "a=1;p=1;q;r = 2"}, /* one opaque text */
        {"a=1 ; p", "a=1;p"},
        {"a=1;", "a=1"},
        {"a=1,,b=2,", "a=1,b=2"},
        {"a=b=c", "a=b=c"}, /* the first = counts */
        {"a=", "a="},
        {"a=%41%2c", "a=A%2C"},
        {"a=%c3%A9", "a=%C3%A9"},
        {"a=%ff", "a=%EF%BF%BD"},   /* not UTF-8: U+FFFD */
        {"a=%4", "a=%254"},         /* a stray % is itself */
        {"a=1,a=2", "a=2"},         /* the last one */
        {"a=1,b=2,a=3", "b=2,a=3"}, /* and it is the newest */
        {"a=1,nothing,=2,b=3", "a=1,b=3"},
        {"a b=1,b=2", "b=2"},
        {"a=x y,b=2", "b=2"}, /* a space inside */
        {"a=\xc3\xa9,b=2", "b=2"},
        {"a=\"x\",b=2", "b=2"},
        {"a=1;\x01,b=2", "b=2"},
        {"!#$%&'*+-.^_`|~09azAZ=1", "!#$%&'*+-.^_`|~09azAZ=1"},
        {"a;b=1,c=2", "c=2"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        weir_baggage *baggage = parsed(rows[i].header);
        expect_text_at(i, formatted(baggage), rows[i].expected);
        weir_baggage_free(baggage);
    }
}

Test(baggage, keeps_a_zero_byte_from_outside) {
    weir_baggage *baggage = parsed("a=x%00y");
    weir_baggage_member member = found(baggage, "a");
    cr_assert(eq(sz, member.value_bytes, 3));
    cr_assert(zero(int, memcmp(member.value, "x\0y", 4)));
    expect_text(formatted(baggage), "a=x%00y");
    weir_baggage_free(baggage);
}

Test(baggage, refuses_headers_without_a_member) {
    static const char *const bad[] = {"", " ", ",", ";", "a", "=", "=1", "a;b=1", "\xff=1"};
    weir_baggage *out = (weir_baggage *)&out;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_assert(eq(int, weir_baggage_parse(bad[i], &out), WEIR_E_SYNTAX), "%s", bad[i]);
    }
    cr_assert(eq(int, weir_baggage_parse(NULL, &out), WEIR_E_SYNTAX));
    cr_assert(out == (weir_baggage *)&out);
    cr_assert(eq(int, weir_baggage_parse("a=1", NULL), WEIR_E_INVALID));
}

Test(baggage, refuses_what_cannot_be_a_member) {
    weir_baggage *out = (weir_baggage *)&out;
    static const char *const names[] = {"", "a b", "a=b", "a,b", "a;b", "\xc3\xa9", "a\n"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        cr_assert(eq(int, weir_baggage_set(NULL, names[i], "1", NULL, &out), WEIR_E_INVALID));
    }
    cr_assert(eq(int, weir_baggage_set(NULL, NULL, "1", NULL, &out), WEIR_E_INVALID));
    cr_assert(eq(int, weir_baggage_set(NULL, "a", NULL, NULL, &out), WEIR_E_INVALID));
    cr_assert(eq(int, weir_baggage_set(NULL, "a", "\xff", NULL, &out), WEIR_E_INVALID));
    cr_assert(eq(int, weir_baggage_set(NULL, "a", "1", "p,b=2", &out), WEIR_E_INVALID));
    cr_assert(eq(int, weir_baggage_set(NULL, "a", "1", "p\r\nx: y", &out), WEIR_E_INVALID));
    cr_assert(eq(int, weir_baggage_set(NULL, "a", "1", NULL, NULL), WEIR_E_INVALID));
    cr_assert(eq(int, weir_baggage_remove(NULL, NULL, &out), WEIR_E_INVALID));
    cr_assert(eq(int, weir_baggage_remove(NULL, "a", NULL), WEIR_E_INVALID));
    cr_assert(out == (weir_baggage *)&out);
}

/* ---- limits (G29) ---- */

Test(baggage, holds_64_members) {
    char header[1024] = "";
    size_t n = 0;
    for (int i = 0; i < 70; i++) {
        n += (size_t)snprintf(header + n, sizeof header - n, "%sk%d=%d", i > 0 ? "," : "", i, i);
    }
    weir_baggage *baggage = parsed(header), *more = NULL;
    cr_assert(eq(sz, weir_baggage_count(baggage), 64));
    expect_text(found(baggage, "k63").value, "63");
    cr_assert(eq(int, weir_baggage_set(baggage, "new", "1", NULL, &more), WEIR_E_TOO_LARGE));
    cr_assert(more == NULL);
    cr_assert(eq(int, weir_baggage_set(baggage, "k5", "replaced", NULL, &more), 0));
    cr_assert(eq(sz, weir_baggage_count(more), 64));
    expect_text(found(more, "k5").value, "replaced");
    weir_baggage_free(more);
    weir_baggage_free(baggage);
}

Test(baggage, holds_8192_bytes_as_a_header) {
    static char value[8192 + 1];
    memset(value, 'v', sizeof value - 1);
    weir_baggage *baggage = NULL, *more = NULL;
    value[8192 - strlen("a=,b=x")] = '\0';
    set(&baggage, "a", value, NULL);
    cr_assert(eq(int, weir_baggage_set(baggage, "b", "xy", NULL, &more), WEIR_E_TOO_LARGE));
    cr_assert(eq(int, weir_baggage_set(baggage, "b", "%", NULL, &more), WEIR_E_TOO_LARGE));
    cr_assert(eq(int, weir_baggage_set(baggage, "b", "", "pq", &more), WEIR_E_TOO_LARGE));
    cr_assert(more == NULL);
    cr_assert(eq(int, weir_baggage_set(baggage, "b", "x", NULL, &more), 0));
    cr_assert(eq(sz, strlen(formatted(more)), 8192));
    weir_baggage *again = parsed(formatted(more)); /* and all of it is read back */
    cr_assert(eq(sz, weir_baggage_count(again), 2));
    weir_baggage_free(again);
    weir_baggage_free(more);
    weir_baggage_free(baggage);
}

Test(baggage, drops_whole_members_of_a_header_that_is_too_long) {
    static char header[3 * BAGGAGE_MAX_BYTES];
    size_t n = (size_t)snprintf(header, sizeof header, "small=1,large=");
    memset(header + n, 'v', 2 * BAGGAGE_MAX_BYTES);
    memcpy(header + n + 2 * BAGGAGE_MAX_BYTES, ",last=2", 8);
    weir_baggage *baggage = parsed(header);
    expect_text(formatted(baggage), "small=1,last=2");
    weir_baggage_free(baggage);
}

/* One name over and over: what was replaced takes no room. */
Test(baggage, reads_a_long_header_in_bounded_memory) {
    static char header[1 << 20];
    size_t n = 0;
    for (int i = 0; i < 200; i++) {
        n += (size_t)snprintf(header + n, sizeof header - n, "a=%d", i);
        memset(header + n, 'x', 4000);
        n += 4000;
        n += (size_t)snprintf(header + n, sizeof header - n, ",b=%d,", i);
    }
    weir_baggage *baggage = parsed(header);
    cr_assert(eq(sz, weir_baggage_count(baggage), 2));
    expect_text(found(baggage, "b").value, "199");
    cr_assert(zero(int, strncmp(found(baggage, "a").value, "199x", 4)));
    weir_baggage_free(baggage);
}

Test(baggage, format_is_cut_to_its_room) {
    weir_baggage *baggage = parsed("a=%20;p,b=2");
    char whole[32], part[32];
    size_t length = weir_baggage_format(baggage, whole, sizeof whole);
    for (size_t n = 0; n <= length + 1; n++) {
        memset(part, '#', sizeof part);
        cr_assert(eq(sz, weir_baggage_format(baggage, part, n), length));
        if (n > 0) {
            cr_assert(eq(sz, strlen(part), n - 1));
            cr_assert(zero(int, strncmp(part, whole, n - 1)));
        }
        cr_assert(eq(chr, part[n], '#'));
    }
    weir_baggage_free(baggage);
}

Test(baggage, survives_short_memory) {
    FAULT_FOR_EACH_ALLOCATION(n) {
        weir_baggage *one = NULL, *two = NULL, *three = NULL;
        int error = weir_baggage_parse("a=1;p,b=%ff,c=3", &one);
        error = error ? error : weir_baggage_set(one, "d", "4", "q", &two);
        error = error ? error : weir_baggage_remove(two, "a", &three);
        cr_assert(error == 0 || error == WEIR_E_NO_MEMORY);
        fault_disarm();
        weir_baggage_free(one);
        weir_baggage_free(two);
        weir_baggage_free(three);
    }
}
