#include <stdint.h>

#include "otlp/common/macro.h"
#include "otlp/common/utf8.h"
#include "tests/support/expect.h"
#include "tests/support/fault.h"

#define FFFD "\xef\xbf\xbd"

/* A text, how much of its beginning is valid, and what it becomes. */
static const struct row {
    const char *text;
    size_t n_bytes;
    size_t valid;
    const char *repaired;
} rows[] = {
    {"", 0, 0, ""},
    {"plain ASCII, longer than a word", 31, 31, "plain ASCII, longer than a word"},
    {"\x7f", 1, 1, "\x7f"},
    /* the first and the last of each length */
    {"\xc2\x80\xdf\xbf", 4, 4, "\xc2\x80\xdf\xbf"},
    {"\xe0\xa0\x80\xef\xbf\xbf", 6, 6, "\xe0\xa0\x80\xef\xbf\xbf"},
    {"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 8, 8, "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"},
    {"\xed\x9f\xbf\xee\x80\x80", 6, 6, "\xed\x9f\xbf\xee\x80\x80"}, /* around the surrogates */
    /* forms that are too long, surrogates, over U+10FFFF: each byte is a piece of its own */
    {"\xc0\x80", 2, 0, FFFD FFFD},
    {"\xc1\xbf", 2, 0, FFFD FFFD},
    {"\xe0\x9f\xbf", 3, 0, FFFD FFFD FFFD},
    {"\xf0\x8f\xbf\xbf", 4, 0, FFFD FFFD FFFD FFFD},
    {"\xed\xa0\x80", 3, 0, FFFD FFFD FFFD},
    {"\xf4\x90\x80\x80", 4, 0, FFFD FFFD FFFD FFFD},
    {"\xf5\x80\x80\x80", 4, 0, FFFD FFFD FFFD FFFD},
    {"\xff", 1, 0, FFFD},
    {"\x80", 1, 0, FFFD},
    /* cut sequences: the maximal subpart is one piece */
    {"\xe2\x82", 2, 0, FFFD},
    {"\xf0\x9f\x92", 3, 0, FFFD},
    {"a\xf0\x9f\x92"
     "b",
     5, 1, "a" FFFD "b"},
    {"\xe2\x82\xe2\x82\xac", 5, 0, FFFD "\xe2\x82\xac"},
    /* Unicode's own example (3.9, table 3-8 ff.) */
    {"\x61\xf1\x80\x80\xe1\x80\xc2\x62\x80\x63\x80\xbf\x64", 13, 1,
     "a" FFFD FFFD FFFD "b" FFFD "c" FFFD FFFD "d"},
    {"12345678\xc3\xa9"
     "12345678\xff",
     19, 18,
     "12345678\xc3\xa9"
     "12345678" FFFD},
};

Test(utf8, finds_the_valid_beginning) {
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        const struct row *row = &rows[i];
        cr_assert(eq(sz, utf8_valid_prefix(row->text, row->n_bytes), row->valid), "row %zu", i);
        cr_assert(eq(int, utf8_is_valid(row->text, row->n_bytes), row->valid == row->n_bytes),
                  "row %zu", i);
    }
}

Test(utf8, repairs_by_maximal_subparts) {
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct buf out CLEANUP(buf_deinit);
        buf_init(&out, 256);
        utf8_append_repaired(&out, rows[i].text, rows[i].n_bytes);
        expect_buf_at(i, &out, rows[i].repaired);
    }
}

/* By the definition: a scalar value's encoding is valid, and nothing else is. */
Test(utf8, agrees_with_the_definition_on_all_short_inputs) {
    char text[4];
    for (unsigned word = 0; word < 1u << 24; word += word < 0x10000 ? 1 : 11) {
        text[0] = (char)(word >> 16);
        text[1] = (char)(word >> 8);
        text[2] = (char)word;
        size_t n_used;
        size_t valid = utf8_valid_prefix(text, 3);
        if (valid == 0 || (text[0] & 0x80) == 0) {
            continue;
        }
        unsigned code_point = utf8_decode(text, &n_used);
        char again[4];
        cr_assert(le(sz, n_used, valid));
        cr_assert(eq(sz, utf8_encode(again, code_point), n_used), "%06x", word);
        cr_assert(zero(int, memcmp(again, text, n_used)), "%06x", word);
    }
}

Test(utf8, every_scalar_value_goes_there_and_back) {
    for (unsigned code_point = 0; code_point <= 0x10ffff; code_point++) {
        if (code_point == 0xd800) {
            code_point = 0xe000;
        }
        char text[4];
        size_t n_used, length = utf8_encode(text, code_point);
        cr_assert(utf8_is_valid(text, length), "U+%04X", code_point);
        cr_assert(eq(uint, utf8_decode(text, &n_used), code_point));
        cr_assert(eq(sz, n_used, length), "U+%04X", code_point);
    }
}

Test(utf8, counts_characters_not_bytes) {
    const char *text = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x92\xa9z"; /* 1, 2, 3, 4, 1 bytes */
    static const size_t ends[] = {0, 1, 3, 6, 10, 11, 11};
    for (size_t chars = 0; chars < ARRAY_LENGTH(ends); chars++) {
        cr_assert(eq(sz, utf8_prefix_of_chars(text, 11, chars), ends[chars]), "%zu", chars);
    }
    cr_assert(eq(sz, utf8_prefix_of_chars(text, 11, SIZE_MAX), 11));
    cr_assert(eq(sz, utf8_prefix_of_chars("", 0, 5), 0));
    cr_assert(eq(sz, utf8_prefix_of_chars(NULL, 0, 0), 0));
}

Test(utf8, repairing_into_a_full_buffer_is_its_error) {
    struct buf out CLEANUP(buf_deinit);
    buf_init(&out, 4);
    utf8_append_repaired(&out, "\xff\xff", 2);
    cr_assert(ne(int, buf_error(&out), 0));
    cr_assert(eq(sz, out.n_bytes, 3));
}
