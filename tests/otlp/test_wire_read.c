#include <string.h>

#include <weir/error.h>

#include "otlp/wire_read.h"
#include "tests/support/expect.h"
#include "tests/support/vectors.h"

#define READER(bytes) wire_reader_over((const uint8_t *)(bytes), sizeof(bytes) - 1)

Test(wire_read, reads_each_wire_type) {
    struct wire_reader reader = READER("\x08\x96\x01"                         /* 1: varint 150 */
                                       "\x11\x01\x02\x03\x04\x05\x06\x07\x08" /* 2: I64 */
                                       "\x1a\x03"
                                       "abc"                        /* 3: LEN */
                                       "\xa5\x01\x01\x00\x00\x80"); /* 20: I32 */
    struct wire_field field;
    cr_assert(eq(int, wire_read(&reader, &field), 1));
    cr_expect(eq(u32, field.number, 1));
    cr_expect(eq(int, field.type, WIRE_VARINT));
    cr_expect(eq(u64, field.value, 150));
    cr_assert(eq(int, wire_read(&reader, &field), 1));
    cr_expect(eq(int, field.type, WIRE_I64));
    cr_expect(eq(u64, field.value, UINT64_C(0x0807060504030201)));
    cr_assert(eq(int, wire_read(&reader, &field), 1));
    cr_expect(eq(int, field.type, WIRE_LEN));
    expect_text(expect_terminated(field.bytes, field.n_bytes), "abc");
    cr_assert(eq(int, wire_read(&reader, &field), 1));
    cr_expect(eq(u32, field.number, 20));
    cr_expect(eq(int, field.type, WIRE_I32));
    cr_expect(eq(u64, field.value, 0x80000001));
    cr_expect(eq(int, wire_read(&reader, &field), 0));
    cr_expect(eq(int, wire_read(&reader, &field), 0));
}

Test(wire_read, reads_the_largest_varint_and_tag) {
    struct wire_reader reader = READER("\xf8\xff\xff\xff\x0f" /* field 2^29 - 1 */
                                       "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    struct wire_field field;
    cr_assert(eq(int, wire_read(&reader, &field), 1));
    cr_expect(eq(u32, field.number, (1 << 29) - 1));
    cr_expect(eq(u64, field.value, UINT64_MAX));
}

Test(wire_read, an_empty_message_and_an_empty_field_are_fine) {
    struct wire_reader reader = wire_reader_over(NULL, 0);
    struct wire_field field;
    cr_expect(eq(int, wire_read(&reader, &field), 0));
    reader = READER("\x0a\x00");
    cr_assert(eq(int, wire_read(&reader, &field), 1));
    cr_expect(eq(sz, field.n_bytes, 0));
    cr_expect(field.bytes != NULL);
}

#define FAULT(bytes)                                                                               \
    { bytes, sizeof(bytes) - 1 }
static const struct fault {
    const char *bytes;
    size_t n_bytes;
} faults[] = {
    FAULT("\x80"),                                             /* cut tag */
    FAULT("\x08"),                                             /* no value */
    FAULT("\x08\x80\x80"),                                     /* cut varint */
    FAULT("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), /* eleven bytes */
    FAULT("\x11\x01\x02\x03\x04\x05\x06\x07"),                 /* seven of eight */
    FAULT("\x15\x01\x02\x03"),                                 /* three of four */
    FAULT("\x0a\x02x"),                                        /* one of two */
    FAULT("\x0a"),                                             /* no length */
    FAULT("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),     /* a length that would wrap */
    FAULT("\x00\x01"),                                         /* field 0 */
    FAULT("\x80\x80\x80\x80\x10\x01"),                         /* field 2^29 */
    FAULT("\x0b\x0c"),                                         /* a group */
    FAULT("\x0e"),                                             /* wire type 6 */
    FAULT("\x0f"),                                             /* wire type 7 */
};

Test(wire_read, refuses_ill_formed_bytes_again_and_again) {
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        struct wire_reader reader =
            wire_reader_over((const uint8_t *)faults[i].bytes, faults[i].n_bytes);
        struct wire_field field = {.number = 77};
        cr_expect(eq(int, wire_read(&reader, &field), WEIR_E_SYNTAX), "fault %zu", i);
        cr_expect(eq(int, wire_read(&reader, &field), WEIR_E_SYNTAX), "fault %zu", i);
        cr_expect(eq(u32, field.number, 77), "fault %zu", i);
    }
}

static void read_every_cut(const struct vector *vector) {
    for (size_t n = 0; n <= vector->n_bytes; n++) {
        struct wire_reader reader = wire_reader_over(vector->body, n);
        struct wire_field field;
        int got;
        while ((got = wire_read(&reader, &field)) == 1) {
            cr_assert(field.n_bytes <= n);
        }
        /* a request is one field or several, so almost every cut is a fault; the whole is none */
        cr_assert(got == WEIR_E_SYNTAX || got == 0);
        cr_assert(n < vector->n_bytes || got == 0, "%s", vector->name);
    }
}

Test(wire_read, reads_recorded_requests_cut_anywhere) {
    cr_assert(ge(sz, vectors_for_each(".", read_every_cut), 53));
}
