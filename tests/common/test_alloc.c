#include <stdint.h>

#include "otlp/common/alloc.h"
#include "otlp/common/macro.h"
#include "tests/support/expect.h"
#include "tests/support/fault.h"

Test(alloc, size_0_gives_a_block_to_free) {
    void *blocks[] = {mem_alloc(0), mem_zalloc(0), mem_array(0, 8), mem_array(8, 0),
                      mem_realloc(NULL, 0)};
    for (size_t i = 0; i < ARRAY_LENGTH(blocks); i++) {
        cr_assert(ne(ptr, blocks[i], NULL), "%zu", i);
        mem_free(blocks[i]);
    }
    mem_free(NULL);
}

Test(alloc, zalloc_clears) {
    uint64_t *words CLEANUP(mem_cleanup) = mem_zalloc(64 * sizeof *words);
    for (size_t i = 0; i < 64; i++) {
        cr_assert(eq(u64, words[i], 0));
    }
}

Test(alloc, an_array_too_large_to_count_is_refused) {
    size_t before = fault_n_allocations();
    cr_assert(eq(ptr, mem_array(SIZE_MAX / 2 + 1, 2), NULL));
    cr_assert(eq(ptr, mem_array(SIZE_MAX, SIZE_MAX), NULL));
    cr_assert(eq(sz, fault_n_allocations(), before));
}

Test(alloc, realloc_keeps_the_bytes_and_on_failure_the_block) {
    char *block = mem_strdup("kept");
    block = mem_realloc(block, 100);
    expect_text(block, "kept");
    if (fault_is_available()) {
        (void)fault_arm(1, false);
        cr_assert(eq(ptr, mem_realloc(block, 1 << 20), NULL));
        expect_text(block, "kept");
    }
    mem_free(block);
}

Test(alloc, copies_text) {
    char *whole CLEANUP(mem_cleanup) = mem_strdup("text");
    char *part CLEANUP(mem_cleanup) = mem_strndup("text", 2);
    char *none CLEANUP(mem_cleanup) = mem_strndup("text", 0);
    expect_text(whole, "text");
    expect_text(part, "te");
    expect_text(none, "");
    cr_assert(eq(ptr, mem_strdup(NULL), NULL));
    cr_assert(eq(ptr, mem_strndup(NULL, 3), NULL));
}

Test(alloc, copies_bytes_behind_a_nul_too) {
    char *copy CLEANUP(mem_cleanup) = mem_strndup("a\0b", 3);
    cr_assert(zero(int, memcmp(copy, "a\0b", 4)));
}

Test(alloc, each_says_when_memory_is_short) {
    if (!fault_is_available()) {
        cr_skip_test("needs a build without sanitizers");
    }
    void *(*const makers[])(size_t) = {mem_alloc, mem_zalloc};
    for (size_t i = 0; i < ARRAY_LENGTH(makers); i++) {
        (void)fault_arm(1, false);
        cr_assert(eq(ptr, makers[i](8), NULL));
        cr_assert(fault_has_struck());
    }
    (void)fault_arm(1, true);
    cr_assert(eq(ptr, mem_array(2, 8), NULL));
    cr_assert(eq(ptr, mem_strdup("x"), NULL));
    cr_assert(eq(ptr, mem_strndup("x", 1), NULL));
}
