/* Owned strings of lifecycle objects. */
#include "bridge/text.h"

#include <string.h>

#include "otlp/common/alloc.h"
#include "otlp/common/macro.h"
#include "tests/support/expect.h"
#include "tests/support/fault.h"

TestSuite(text);

Test(text, begins_empty_and_keeps_what_it_is_set_to) {
    struct text CLEANUP(text_deinit) text = {0};
    expect_text(text_get(&text), "");
    char source[] = "word";
    cr_assert(text_set(&text, source, 100));
    source[0] = 'x';
    expect_text(text_get(&text), "word");
    cr_assert(eq(sz, text.n_bytes, 4));
    cr_assert(text_set(&text, NULL, 100));
    expect_text(text_get(&text), "");
}

Test(text, is_cut_between_characters_and_repaired) {
    static const struct {
        const char *source;
        size_t max_bytes;
        const char *expected;
    } rows[] = {
        {"abc", 3, "abc"},
        {"abc", 2, "ab"},
        {"abc", 0, ""},
        {"\xc3\xa4z", 2, "\xc3\xa4"},
        {"\xc3\xa4z", 3, "\xc3\xa4z"},
        {"a\xff", 10, "a\xef\xbf\xbd"},
        {"\xff", 2, ""},
        {"\xc3", 10, "\xef\xbf\xbd"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct text CLEANUP(text_deinit) text = {0};
        cr_assert(text_set(&text, rows[i].source, rows[i].max_bytes));
        expect_text_at(i, text_get(&text), rows[i].expected);
    }
}

Test(text, memory_is_used_again) {
    struct text CLEANUP(text_deinit) text = {0};
    cr_assert(text_set(&text, "a rather long text to begin with", 100));
    size_t before = fault_n_allocations();
    cr_assert(text_set(&text, "a shorter one", 100));
    cr_assert(text_set(&text, "a rather long text again, almost", 100));
    cr_assert(eq(sz, fault_n_allocations(), before));
}

Test(text, short_memory_leaves_the_old_text) {
    FAULT_FOR_EACH_ALLOCATION(n) {
        struct text CLEANUP(text_deinit) text = {0};
        if (text_set(&text, "old", 100) &&
            !text_set(&text, "new, and longer than there is room \xff", 100)) {
            expect_text(text_get(&text), "old");
        }
    }
}

Test(text, blobs_are_shared_by_counting) {
    long before = fault_n_live();
    struct blob *blob = blob_new("a\0b", 3);
    cr_assert(eq(sz, blob->n_bytes, 3));
    cr_assert(eq(chr, blob->bytes[3], '\0'));
    cr_assert(eq(ptr, blob_share(blob), blob));
    blob_release(blob);
    cr_assert(eq(chr, blob->bytes[2], 'b'));
    blob_release(blob);
    blob_release(NULL);
    cr_assert(eq(ptr, blob_share(NULL), NULL));
    cr_assert(eq(ptr, blob_new("", SIZE_MAX - 8), NULL));
    cr_assert(eq(long, fault_n_live(), before));
}

Test(text, lists_are_copied_in_one_piece) {
    const char *list[] = {"one", "", "three", NULL};
    char **copy = list_copy(list);
    expect_text(copy[0], "one");
    expect_text(copy[1], "");
    expect_text(copy[2], "three");
    cr_assert(eq(ptr, copy[3], NULL));
    mem_free(copy);
    const char *none[] = {NULL};
    copy = list_copy(none);
    cr_assert(eq(ptr, copy[0], NULL));
    mem_free(copy);
    cr_assert(eq(ptr, list_copy(NULL), NULL));
}
