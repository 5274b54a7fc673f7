/*
 * Shorter assertions on text: criterion's str compares non-const, NUL-terminated strings.
 */
#pragma once

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "otlp/common/buf.h"

/* A const string as criterion wants it; it never writes there. */
static inline char *expect_unconst(const char *text) {
    char *same;
    memcpy(&same, &text, sizeof same);
    return same;
}

/* The bytes with a NUL behind, for comparing; good until called four times more. */
static inline char *expect_terminated(const void *bytes, size_t n_bytes) {
    static char copies[4][1 << 16];
    static unsigned next;
    char *copy = copies[next++ % 4];
    cr_assert(lt(sz, n_bytes, sizeof copies[0]));
    if (n_bytes > 0) {
        memcpy(copy, bytes, n_bytes);
    }
    copy[n_bytes] = '\0';
    return copy;
}

/* The two texts are equal; `at` (a row of a table, say) is named when they are not. */
#define expect_text_at(at, actual, expected)                                                       \
    cr_assert(eq(str, expect_unconst(actual), expect_unconst(expected)), "at %zu", (size_t)(at))
#define expect_text(actual, expected) expect_text_at(0, actual, expected)

/* The buffer has no error and holds exactly this text. */
#define expect_buf_at(at, buf, expected)                                                           \
    do {                                                                                           \
        cr_assert(eq(int, buf_error(buf), 0), "at %zu", (size_t)(at));                             \
        expect_text_at(at, expect_terminated((buf)->data, (buf)->n_bytes), expected);              \
        cr_assert(eq(sz, (buf)->n_bytes, strlen(expected)), "at %zu", (size_t)(at));               \
    } while (0)
#define expect_buf(buf, expected) expect_buf_at(0, buf, expected)
