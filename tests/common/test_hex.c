#include "otlp/common/hex.h"

#include "tests/support/expect.h"

Test(hex, reads_digits_of_either_case_and_nothing_else) {
    static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";
    for (int i = 0; i < 16; i++) {
        cr_expect(eq(int, hex_digit(lower[i]), i));
        cr_expect(eq(int, hex_digit(upper[i]), i));
    }
    int n = 0;
    for (int c = -128; c < 128; c++) {
        n += hex_digit((char)c) >= 0;
    }
    cr_expect(eq(int, n, 22));
}

Test(hex, reads_bytes_and_words) {
    cr_expect(eq(int, hex_byte("00"), 0));
    cr_expect(eq(int, hex_byte("fF"), 255));
    cr_expect(eq(int, hex_word("0000"), 0));
    cr_expect(eq(int, hex_word("D83d"), 0xd83d));
    static const char *const bad[] = {"", "0", "g0", "0g", "000g", "00g0", "0 00"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_expect(eq(int, hex_word(bad[i]), -1), "%s", bad[i]);
    }
    cr_expect(eq(int, hex_byte(""), -1)); /* and nothing is read behind the end */
    cr_expect(eq(int, hex_byte("0"), -1));
}
