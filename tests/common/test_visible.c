#include "otlp/common/visible.h"

#include <stdint.h>

#include <weir/error.h>

#include "tests/support/expect.h"
#include "tests/support/fault.h"

static size_t append(struct buf *out, const char *text, size_t max_columns) {
    return visible_append(out, text, strlen(text), max_columns, "…");
}

static void expect_shown(const char *text, const char *shown, size_t columns) {
    struct buf out;
    buf_init(&out, 1 << 16);
    cr_expect(eq(sz, append(&out, text, SIZE_MAX), columns), "%s", shown);
    cr_expect(eq(sz, visible_columns(text, strlen(text)), columns), "%s", shown);
    expect_buf(&out, shown);
    buf_deinit(&out);
}

Test(visible, leaves_plain_text_alone) {
    expect_shown("", "", 0);
    expect_shown("stream_result", "stream_result", 13);
    expect_shown("grüße, мир", "grüße, мир", 10);
    expect_shown("C:\\path", "C:\\path", 7);
}

Test(visible, escapes_what_a_terminal_would_obey) {
    expect_shown("a\nb\tc\r", "a\\nb\\tc\\r", 9);
    expect_shown("\x1b[31mred\x07\x7f", "\\u{1b}[31mred\\u{7}\\u{7f}", 24);
    expect_shown("\xc2\x9b"
                 "2J",
                 "\\u{9b}2J", 8); /* C1: another way to say ESC [ */
}

Test(visible, escapes_what_turns_or_hides_text) {
    expect_shown("user\xe2\x80\xae"
                 "nimda",
                 "user\\u{202e}nimda", 17);
    expect_shown("\xe2\x81\xa6x\xe2\x81\xa9", "\\u{2066}x\\u{2069}", 17);
    expect_shown("a\xe2\x80\x8b"
                 "b\xef\xbb\xbf"
                 "c",
                 "a\\u{200b}b\\u{feff}c", 19);
    expect_shown("\xe2\x80\xa8", "\\u{2028}", 8);
    expect_shown("\xf3\xa0\x81\x81", "\\u{e0041}", 9);
}

Test(visible, measures_as_terminals_do) {
    expect_shown("水流", "水流", 4);
    expect_shown("e\xcc\x81", "e\xcc\x81", 1);
    expect_shown("🌊", "🌊", 2);
    expect_shown("ﾊﾝ", "ﾊﾝ", 2); /* half width */
}

Test(visible, shows_broken_utf8_as_a_mark) {
    struct buf out;
    buf_init(&out, 64);
    cr_assert(eq(sz,
                 visible_append(&out,
                                "a\xff\xfe"
                                "b",
                                4, SIZE_MAX, "…"),
                 4));
    expect_buf(&out, "a\xef\xbf\xbd\xef\xbf\xbd"
                     "b");
    cr_assert(eq(sz,
                 visible_columns("a\xff\xfe"
                                 "b",
                                 4),
                 4));
    buf_deinit(&out);
}

Test(visible, shows_nul) {
    struct buf out;
    buf_init(&out, 64);
    cr_assert(eq(sz, visible_append(&out, "a\0b", 3, SIZE_MAX, "…"), 7));
    expect_buf(&out, "a\\u{0}b");
    buf_deinit(&out);
}

Test(visible, cuts_and_says_so) {
    static const struct {
        const char *text;
        size_t max_columns;
        const char *shown;
    } rows[] = {
        {"measure", 7, "measure"}, {"measure", 6, "measu…"}, {"measure", 1, "…"},
        {"measure", 0, ""},        {"水流水", 5, "水流…"},   {"水流水", 4, "水…"},
        {"a\nb", 2, "a…"}, /* an escape is shown whole or not at all */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf out;
        buf_init(&out, 64);
        size_t columns = append(&out, rows[i].text, rows[i].max_columns);
        cr_expect(le(sz, columns, rows[i].max_columns), "row %zu", i);
        expect_buf_at(i, &out, rows[i].shown);
        buf_deinit(&out);
    }
}

Test(visible, cuts_with_dots_where_there_is_no_utf8) {
    struct buf out;
    buf_init(&out, 64);
    cr_assert(eq(sz, visible_append(&out, "measurement", 11, 8, "..."), 8));
    cr_assert(eq(sz, visible_append(&out, "measurement", 11, 2, "..."), 2));
    expect_buf(&out, "measu.....");
    buf_deinit(&out);
}

Test(visible, a_second_pass_changes_nothing) {
    static const char text[] = "a\x1b\xe2\x80\xae\n水";
    struct buf once, twice;
    buf_init(&once, 256);
    buf_init(&twice, 256);
    append(&once, text, SIZE_MAX);
    visible_append(&twice, (const char *)once.data, once.n_bytes, SIZE_MAX, "…");
    expect_buf(&twice, expect_terminated(once.data, once.n_bytes));
    buf_deinit(&once);
    buf_deinit(&twice);
}

Test(visible, remembers_short_memory) {
    FAULT_FOR_EACH_ALLOCATION(n) {
        struct buf out;
        buf_init(&out, 4096);
        visible_append(&out, "bad \xff text", 10, SIZE_MAX, "…");
        bool has_failed = fault_has_struck();
        fault_disarm();
        cr_assert(eq(int, buf_error(&out), has_failed ? WEIR_E_NO_MEMORY : 0));
        buf_deinit(&out);
    }
}
