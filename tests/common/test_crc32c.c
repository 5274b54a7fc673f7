#include <stdint.h>
#include <string.h>

#include "otlp/common/crc32c.h"
#include "tests/support/expect.h"

/* RFC 3720, B.4. */
Test(crc32c, gives_the_published_values) {
    uint8_t bytes[32];
    cr_expect(eq(u32, crc32c(0, "123456789", 9), 0xe3069283));
    memset(bytes, 0, sizeof bytes);
    cr_expect(eq(u32, crc32c(0, bytes, sizeof bytes), 0x8a9136aa));
    memset(bytes, 0xff, sizeof bytes);
    cr_expect(eq(u32, crc32c(0, bytes, sizeof bytes), 0x62a8ab43));
    for (uint8_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = i;
    }
    cr_expect(eq(u32, crc32c(0, bytes, sizeof bytes), 0x46dd794e));
}

Test(crc32c, of_nothing_changes_nothing) {
    cr_expect(eq(u32, crc32c(0, NULL, 0), 0));
    cr_expect(eq(u32, crc32c(0x12345678, NULL, 0), 0x12345678));
    cr_expect(eq(u32, crc32c_by_table(0x12345678, NULL, 0), 0x12345678));
}

/* At every alignment and length, in one piece and in two. */
Test(crc32c, instruction_and_table_agree) {
    uint8_t bytes[80];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 167 + 13);
    }
    for (size_t from = 0; from < 9; from++) {
        for (size_t n = 0; from + n <= sizeof bytes; n++) {
            uint32_t whole = crc32c_by_table(7, bytes + from, n);
            cr_assert(eq(u32, crc32c(7, bytes + from, n), whole), "%zu bytes from %zu", n, from);
            uint32_t half = crc32c(7, bytes + from, n / 3);
            cr_assert(eq(u32, crc32c(half, bytes + from + n / 3, n - n / 3), whole));
        }
    }
}
