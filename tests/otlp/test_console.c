#include "otlp/console.h"

#include <weir/error.h>

#include "otlp/bounds.h"
#include "otlp/common/macro.h"
#include "otlp/common/utf8.h"
#include "otlp/console_value.h"
#include "tests/support/expect.h"
#include "tests/support/fault.h"
#include "tests/support/vectors.h"

enum { MAX_BYTES = 1 << 20 };

/* A field of protobuf in text: tag and length are written by hand below. */
#define BODY(text) ((const uint8_t *)(text)), (sizeof(text) - 1)

static void expect_value(const char *bytes, size_t n_bytes, const char *shown) {
    struct buf out;
    buf_init(&out, MAX_BYTES);
    console_value(&out, (const uint8_t *)bytes, n_bytes);
    expect_buf(&out, shown);
    buf_deinit(&out);
}
#define EXPECT_VALUE(bytes, shown) expect_value(bytes, sizeof(bytes) - 1, shown)

Test(console, shows_values_of_every_kind) {
    EXPECT_VALUE("", "null");
    EXPECT_VALUE("\x0a\x02hi", "\"hi\"");
    EXPECT_VALUE("\x0a\x00", "\"\"");
    EXPECT_VALUE("\x10\x01", "true");
    EXPECT_VALUE("\x10\x00", "false");
    EXPECT_VALUE("\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "-1");
    EXPECT_VALUE("\x21\0\0\0\0\0\0\xd0\x3f", "0.25");
    EXPECT_VALUE("\x21\0\0\0\0\0\0\xf0\xff", "-Infinity");
    EXPECT_VALUE("\x21\0\0\0\0\0\0\xf8\x7f", "NaN");
    EXPECT_VALUE("\x2a\x00", "[]");
    EXPECT_VALUE("\x2a\x08\x0a\x02\x10\x01\x0a\x00\x0a\x00", "[true, null, null]");
    EXPECT_VALUE("\x32\x0d\x0a\x07\x0a\x01k\x12\x02\x10\x01\x0a\x02\x12\x00",
                 "{\"k\": true, \"\": null}");
    EXPECT_VALUE("\x3a\x03"
                 "abc",
                 "base64:YWJj");
}

Test(console, the_last_member_of_a_value_counts) {
    EXPECT_VALUE("\x10\x01\x18\x05", "5");
}

Test(console, bytes_that_are_no_value_are_shown_as_such) {
    EXPECT_VALUE("\x0a\x05hi", "?");
    EXPECT_VALUE("\x09\0\0\0\0\0\0\0\0", "?"); /* a string of the wrong wire type */
    EXPECT_VALUE("\x2a\x02\x0a\x05", "?");
}

Test(console, long_values_are_cut) {
    static char bytes[3 + MAX_BYTES / 2];
    struct buf out;
    bytes[0] = 0x0a;
    bytes[1] = (char)0x80; /* 10,000 characters */
    bytes[1] = (char)0x90;
    bytes[2] = 0x4e;
    memset(bytes + 3, 'x', 10000);
    buf_init(&out, MAX_BYTES);
    console_value(&out, (const uint8_t *)bytes, 3 + 10000);
    cr_assert(eq(sz, out.n_bytes, CONSOLE_MAX_VALUE_COLUMNS));
    expect_text(expect_terminated(out.data + out.n_bytes - 4, 4), "x...");
    buf_deinit(&out);
}

/* Nested as deep as one likes: no recursion, and an end. */
Test(console, deep_values_are_cut) {
    enum { DEPTH = 5000 };
    static uint8_t bytes[DEPTH * 10];
    struct buf out;
    size_t at = sizeof bytes, n = 0;
    for (int i = 0; i < DEPTH; i++) { /* from the inside: an item, in an array */
        static const uint8_t tags[] = {0x0a, 0x2a};
        for (int k = 0; k < 2; k++) {
            uint8_t length[5];
            size_t n_length = 0;
            for (size_t left = n; n_length == 0 || left > 0; left >>= 7) {
                length[n_length++] = (uint8_t)((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
            }
            at -= n_length + 1;
            bytes[at] = tags[k];
            memcpy(bytes + at + 1, length, n_length);
            n += n_length + 1;
        }
    }
    buf_init(&out, MAX_BYTES);
    console_value(&out, bytes + at, n);
    cr_assert(zero(int, buf_error(&out)));
    cr_assert(eq(sz, out.n_bytes, VALUE_MAX_DEPTH + 3));
    buf_deinit(&out);
}

static void write_body(struct buf *out, const uint8_t *body, size_t n_bytes) {
    struct console console;
    console_init(&console);
    buf_init(out, MAX_BYTES);
    console_write(&console, out, body, n_bytes);
    console_deinit(&console);
}

static void write_everything(const struct vector *vector) {
    struct buf out;
    if (strcmp(vector->name, "span_everything.pb") != 0) {
        return;
    }
    write_body(&out, vector->body, vector->n_bytes);
    expect_buf(&out, "resource\n"
                     "  service.name = \"vectors\"\n"
                     "span span 1  client  2026-01-02 03:04:05.000 UTC  999 ns  ERROR: bad\n"
                     "  trace 01010101010101010101010101010101  span 0101010101010102  "
                     "parent 0303030303030302\n"
                     "  trace state a=1\n"
                     "  scope lib 1.2.3\n"
                     "  s = \"x\"\n"
                     "  i = -5\n"
                     "  d = 0.25\n"
                     "  b = true\n"
                     "  l = [1, 2]\n"
                     "  1 attribute dropped\n"
                     "  event +0 ns e\n"
                     "    k = \"v\"\n"
                     "  link trace 02020202020202020202020202020201 span 0202020202020202\n");
    buf_deinit(&out);
}

/* (I6, I7) */
Test(console, shows_all_of_a_span) {
    cr_assert(ge(sz, vectors_for_each(".", write_everything), 53));
}

static unsigned n_seen;

static void look_for_words(const struct vector *vector) {
    static const char *const rows[][2] = {
        {"span_dropped_counts.pb",
         "  3 attributes dropped\n  300 events dropped\n  70000 links dropped\n"},
        {"span_status_ok.pb", "  OK\n"},
        {"span_status_error_no_text.pb", "  ERROR\n"},
        {"span_minimal.pb", " UTC  999 ns\n"}, /* not set: no word of it */
        {"resource_and_scope_full.pb", "  scope "},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        if (strcmp(vector->name, rows[i][0]) == 0) {
            struct buf out;
            write_body(&out, vector->body, vector->n_bytes);
            const char *text = expect_terminated(out.data, out.n_bytes);
            cr_expect(strstr(text, rows[i][1]) != NULL, "%s: %s", vector->name, text);
            buf_deinit(&out);
            n_seen++;
        }
    }
}

/* (I7) */
Test(console, has_a_word_for_what_is_dropped_and_for_each_status) {
    (void)vectors_for_each(".", look_for_words);
    cr_assert(eq(uint, n_seen, 5));
}

/* One line of a kind where nothing acts on a terminal. */
static void check_vector(const struct vector *vector) {
    struct buf out;
    write_body(&out, vector->body, vector->n_bytes);
    cr_expect(zero(int, buf_error(&out)), "%s", vector->name);
    cr_expect(utf8_is_valid((const char *)out.data, out.n_bytes), "%s", vector->name);
    for (size_t i = 0; i < out.n_bytes; i++) {
        cr_expect(out.data[i] == '\n' || out.data[i] >= 0x20, "%s", vector->name);
    }
    buf_deinit(&out);
}

Test(console, shows_every_recorded_body) {
    cr_assert(ge(sz, vectors_for_each(".", check_vector), 53));
}

/* Name ESC]0;x BEL, key U+009B, value ESC[2J and a line feed. */
static const uint8_t nasty[] =
    "\x0a\x32\x12\x30\x12\x2e\x2a\x07\x1b]0;xy\x07\x4a\x14\x0a\x05\xc2\x9bkey\x12\x0b\x0a\x09"
    "\x1b[2J\na\xe2\x80\xae\x7a\x0d\x12\x09\x1b[31m\x1b[0m\x18\x02";

Test(console, a_terminal_is_never_told_what_to_do) {
    struct buf out;
    write_body(&out, nasty, sizeof nasty - 1);
    cr_assert(zero(int, buf_error(&out)));
    const char *text = expect_terminated(out.data, out.n_bytes);
    cr_assert(strstr(text, "span \\u{1b}]0;xy\\u{7}  ") != NULL, "%s", text);
    cr_assert(strstr(text, "  \\u{9b}key = \"\\u001b[2J\\na\\u{202e}\"\n") != NULL, "%s", text);
    cr_assert(strstr(text, "ERROR: \\u{1b}[31m\\u{1b}[0m\n") != NULL, "%s", text);
    cr_assert(strchr(text, 0x1b) == NULL);
    buf_deinit(&out);
}

Test(console, a_resource_is_shown_when_it_changes) {
    static const char first[] = "\x0a\x08\x0a\x06\x0a\x04\x0a\x02k1";
    static const char second[] = "\x0a\x08\x0a\x06\x0a\x04\x0a\x02k2";
    struct console console;
    struct buf out;
    console_init(&console);
    buf_init(&out, MAX_BYTES);
    console_write(&console, &out, BODY(first));
    console_write(&console, &out, BODY(first));
    console_write(&console, &out, BODY(second));
    console_write(&console, &out, BODY(first));
    expect_buf(&out, "resource\n  k1 = null\nresource\n  k2 = null\nresource\n  k1 = null\n");
    console_deinit(&console);
    buf_deinit(&out);
}

Test(console, an_empty_request_is_no_text) {
    struct buf out;
    write_body(&out, NULL, 0);
    expect_buf(&out, "");
    buf_deinit(&out);
}

Test(console, bytes_that_are_no_request_are_an_error) {
    static const char *const rows[] = {"\x0a\x05", "\x0a\x04\x12\x02\x12\x07", "\x0a\x02\x12\x05"};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct buf out;
        write_body(&out, (const uint8_t *)rows[i], strlen(rows[i]));
        cr_assert(eq(int, buf_error(&out), WEIR_E_SYNTAX), "row %zu", i);
        buf_deinit(&out);
    }
}

Test(console, the_text_is_bounded) {
    struct console console;
    struct buf out;
    console_init(&console);
    buf_init(&out, 10);
    console_write(&console, &out, nasty, sizeof nasty - 1);
    cr_assert(eq(int, buf_error(&out), WEIR_E_TOO_LARGE));
    console_deinit(&console);
    buf_deinit(&out);
}

Test(console, says_when_memory_is_short) {
    FAULT_FOR_EACH_ALLOCATION(n) {
        struct buf out;
        write_body(&out, nasty, sizeof nasty - 1);
        bool has_failed = fault_has_struck();
        fault_disarm();
        /* a resource that cannot be remembered is shown again; a value is cut; the rest is said */
        cr_assert(buf_error(&out) == 0 || (has_failed && buf_error(&out) == WEIR_E_NO_MEMORY));
        buf_deinit(&out);
    }
}
