#include <string.h>

#include "otlp/common/base64.h"
#include "otlp/common/json_write.h"
#include "otlp/common/macro.h"
#include "tests/support/expect.h"

static void expect_decoded(const char *text, const char *bytes, size_t n_bytes) {
    struct buf out;
    buf_init(&out, 100);
    buf_append_byte(&out, 'x'); /* it appends */
    cr_assert(eq(int, base64_append_decoded(&out, text, strlen(text)), true), "%s", text);
    cr_assert(eq(sz, out.n_bytes, n_bytes + 1), "%s", text);
    cr_expect(eq(int, memcmp(out.data + 1, bytes, n_bytes), 0), "%s", text);
    buf_deinit(&out);
}

Test(base64, reads_both_alphabets_with_and_without_padding) {
    expect_decoded("", "", 0);
    expect_decoded("YQ==", "a", 1); /* B15 */
    expect_decoded("YQ", "a", 1);
    expect_decoded("YWI=", "ab", 2);
    expect_decoded("YWI", "ab", 2);
    expect_decoded("YWJj", "abc", 3);
    expect_decoded("-_8", "\xfb\xff", 2);
    expect_decoded("+/8=", "\xfb\xff", 2);
    expect_decoded("AAAA", "\0\0\0", 3);
}

Test(base64, refuses_what_is_none) {
    static const char *const texts[] = {
        "Y", "=", "==", "Y===", "YQ=", "YWJj=", "Y Q=", "YQ\n=", "YW=j", "Y\x80==", "YQ==YQ=="};
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        struct buf out;
        buf_init(&out, 100);
        buf_append_byte(&out, 'x');
        cr_expect(eq(int, base64_append_decoded(&out, texts[i], strlen(texts[i])), false), "%s",
                  texts[i]);
        cr_expect(eq(sz, out.n_bytes, 1), "%s", texts[i]);
        buf_deinit(&out);
    }
}

Test(base64, reads_what_we_write) {
    uint8_t bytes[256];
    for (size_t n = 0; n < sizeof bytes; n++) {
        bytes[n] = (uint8_t)(n * 167);
        struct buf text, back;
        buf_init(&text, 1000);
        buf_init(&back, 1000);
        json_write_base64(&text, bytes, n);
        cr_assert(base64_append_decoded(&back, (const char *)text.data, text.n_bytes));
        cr_assert(eq(sz, back.n_bytes, n));
        cr_assert(n == 0 || memcmp(back.data, bytes, n) == 0);
        buf_deinit(&text);
        buf_deinit(&back);
    }
}

Test(base64, stops_at_the_bound_of_the_buffer) {
    struct buf out;
    buf_init(&out, 2);
    (void)base64_append_decoded(&out, "YWJj", 4);
    cr_expect(eq(int, buf_error(&out), WEIR_E_TOO_LARGE));
    buf_deinit(&out);
}
