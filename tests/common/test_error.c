#include <errno.h>
#include <weir/error.h>

#include "otlp/common/error.h"
#include "otlp/common/macro.h"
#include "otlp/common/utf8.h"
#include "tests/support/expect.h"

Test(error, every_code_has_a_text_of_its_own) {
    for (int code = 0; code >= WEIR_E_CLOSED; code--) {
        cr_assert(gt(sz, strlen(weir_strerror(code)), 0));
        cr_assert(ne(int, strcmp(weir_strerror(code), "unknown error"), 0), "%d", code);
        for (int other = 0; other > code; other--) {
            cr_assert(ne(int, strcmp(weir_strerror(code), weir_strerror(other)), 0), "%d", code);
        }
    }
    static const int unknown[] = {1, WEIR_E_CLOSED - 1, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < ARRAY_LENGTH(unknown); i++) {
        expect_text_at(i, weir_strerror(unknown[i]), "unknown error");
    }
}

Test(error, set_fills_the_detail_and_returns_the_code) {
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    detail.os_error = 7;
    detail.position = 8;
    detail.line = 9;
    cr_assert(eq(int, error_set(&detail, WEIR_E_INVALID, "name %s", "x"), WEIR_E_INVALID));
    cr_assert(eq(int, detail.code, WEIR_E_INVALID));
    cr_assert(eq(int, detail.os_error, 0));
    cr_assert(eq(u64, detail.position, 0));
    cr_assert(eq(u64, detail.line, 0));
    expect_text(detail.message, "name x");
}

Test(error, set_os_keeps_errno_and_says_its_text) {
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_assert(eq(int, error_set_os(&detail, WEIR_E_IO, ENOSPC, "/var/log"), WEIR_E_IO));
    cr_assert(eq(int, detail.os_error, ENOSPC));
    expect_text(detail.message, "/var/log: No space left on device");
}

Test(error, set_os_with_an_errno_nobody_knows) {
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_assert(eq(int, error_set_os(&detail, WEIR_E_IO, 99999, "f"), WEIR_E_IO));
    expect_text(detail.message, "f: Unknown error 99999");
}

Test(error, set_at_tells_the_place) {
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    int code = error_set_at(&detail, WEIR_E_SYNTAX, UINT64_MAX, 12, "no colon");
    cr_assert(eq(int, code, WEIR_E_SYNTAX));
    cr_assert(eq(u64, detail.position, UINT64_MAX));
    cr_assert(eq(u64, detail.line, 12));
}

Test(error, without_a_detail_only_the_code_is_returned) {
    cr_assert(eq(int, error_set(NULL, WEIR_E_IO, "x"), WEIR_E_IO));
    cr_assert(eq(int, error_set_os(NULL, WEIR_E_IO, EIO, "x"), WEIR_E_IO));
    cr_assert(eq(int, error_set_at(NULL, WEIR_E_IO, 1, 2, "x"), WEIR_E_IO));
}

Test(error, a_smaller_struct_is_filled_as_far_as_it_goes) {
    weir_error_detail detail = {.size = offsetof(weir_error_detail, line), .code = 5, .line = 6};
    cr_assert(eq(int, error_set_at(&detail, WEIR_E_IO, 1, 2, "x"), WEIR_E_IO));
    cr_assert(eq(int, detail.code, WEIR_E_IO));
    cr_assert(eq(u64, detail.position, 1));
    cr_assert(eq(u64, detail.line, 6));
    expect_text(detail.message, "");
    cr_assert(eq(sz, detail.size, offsetof(weir_error_detail, line)));
    detail.size = 0;
    cr_assert(eq(int, error_set(&detail, WEIR_E_SYNTAX, "x"), WEIR_E_SYNTAX));
    cr_assert(eq(int, detail.code, WEIR_E_IO));
}

Test(error, a_long_message_is_cut_between_characters) {
    char euros[601] = "";
    for (size_t i = 0; i < 600; i += 3) {
        memcpy(euros + i, "\xe2\x82\xac", 4);
    }
    for (size_t shift = 0; shift < 3; shift++) {
        weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
        (void)error_set_os(&detail, WEIR_E_IO, ENOENT, "%s%s", &"xx"[shift], euros);
        size_t length = strlen(detail.message);
        cr_assert(utf8_is_valid(detail.message, length));
        cr_assert(ge(sz, length, sizeof detail.message - 3));
    }
}

Test(error, a_message_is_one_line_of_utf8_whatever_is_in_it) {
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    (void)error_set(&detail, WEIR_E_IO, "%s",
                    "a\nb\rc\x1b[31md\x7f"
                    "e\xc2\x9b"
                    "f\xff|\xc3(\xc3\xa9\xe2\x82");
    expect_text(detail.message, "a b c [31md e  f?|?(\xc3\xa9");
}
