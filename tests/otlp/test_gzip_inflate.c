#include "otlp/deps/gzip_inflate.h"

#include <stdlib.h>

#include <weir/error.h>
#include <zlib.h>

#include "tests/support/expect.h"
#include "tests/support/fault.h"

enum { NO_RATIO = 1 << 20, ROOM = 16 << 20 };

/* A gzip member of these bytes, made by zlib itself. free() it. */
static uint8_t *packed(const void *bytes, size_t n_bytes, size_t *n_packed) {
    z_stream stream = {0};
    cr_assert(eq(int, deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK));
    size_t bound = deflateBound(&stream, n_bytes) + 64;
    uint8_t *out = malloc(bound);
    stream.next_in = (Bytef *)expect_unconst(bytes);
    stream.avail_in = (unsigned)n_bytes;
    stream.next_out = out;
    stream.avail_out = (unsigned)bound;
    cr_assert(eq(int, deflate(&stream, Z_FINISH), Z_STREAM_END));
    *n_packed = stream.total_out;
    deflateEnd(&stream);
    return out;
}

static uint8_t *packed_zeros(size_t n_bytes, size_t *n_packed) {
    uint8_t *zeros = calloc(1, n_bytes);
    uint8_t *out = packed(zeros, n_bytes, n_packed);
    free(zeros);
    return out;
}

Test(gzip_inflate, gives_back_what_was_packed) {
    static const char text[] = "to be or not to be, to be or not to be";
    size_t n_packed;
    uint8_t *bytes = packed(text, sizeof text - 1, &n_packed);
    struct buf out;
    buf_init(&out, ROOM);
    cr_assert(eq(int, gzip_inflate(bytes, n_packed, NO_RATIO, &out), 0));
    expect_buf(&out, text);
    buf_deinit(&out);
    free(bytes);
}

Test(gzip_inflate, takes_several_members_as_one_stream) {
    size_t n_first, n_second;
    uint8_t *first = packed("abc", 3, &n_first), *second = packed("def", 3, &n_second);
    uint8_t *both = malloc(n_first + n_second);
    memcpy(both, first, n_first);
    memcpy(both + n_first, second, n_second);
    struct buf out;
    buf_init(&out, ROOM);
    cr_assert(eq(int, gzip_inflate(both, n_first + n_second, NO_RATIO, &out), 0));
    expect_buf(&out, "abcdef");
    buf_deinit(&out);
    free(first);
    free(second);
    free(both);
}

Test(gzip_inflate, refuses_what_is_damaged_cut_off_or_no_gzip) {
    size_t n_packed;
    uint8_t *bytes = packed("some text that is packed", 24, &n_packed);
    struct buf out;
    for (size_t n_bytes = 0; n_bytes < n_packed; n_bytes++) {
        buf_init(&out, ROOM);
        cr_assert(eq(int, gzip_inflate(bytes, n_bytes, NO_RATIO, &out), WEIR_E_SYNTAX), "at %zu",
                  n_bytes);
        buf_deinit(&out);
    }
    bytes[n_packed - 6] ^= 1; /* the checksum */
    buf_init(&out, ROOM);
    cr_assert(eq(int, gzip_inflate(bytes, n_packed, NO_RATIO, &out), WEIR_E_SYNTAX));
    cr_assert(eq(int, gzip_inflate((const uint8_t *)"plain", 5, NO_RATIO, &out), WEIR_E_SYNTAX));
    buf_deinit(&out);
    free(bytes);
}

Test(gzip_inflate, refuses_bytes_behind_the_end) {
    size_t n_packed;
    uint8_t *bytes = packed("text", 4, &n_packed);
    bytes = realloc(bytes, n_packed + 4);
    memcpy(bytes + n_packed, "more", 4);
    struct buf out;
    buf_init(&out, ROOM);
    cr_assert(eq(int, gzip_inflate(bytes, n_packed + 4, NO_RATIO, &out), WEIR_E_SYNTAX));
    buf_deinit(&out);
    free(bytes);
}

Test(gzip_inflate, stops_at_the_buffers_bound) {
    size_t n_packed;
    uint8_t *bytes = packed_zeros(100000, &n_packed);
    struct buf out;
    buf_init(&out, 100000);
    cr_assert(eq(int, gzip_inflate(bytes, n_packed, NO_RATIO, &out), 0));
    buf_deinit(&out);
    buf_init(&out, 99999);
    cr_assert(eq(int, gzip_inflate(bytes, n_packed, NO_RATIO, &out), WEIR_E_TOO_LARGE));
    cr_assert(le(sz, out.n_bytes, 99999));
    buf_deinit(&out);
    free(bytes);
}

/* 8 MiB of zeros pack into 8 kB: a thousand to one. */
Test(gzip_inflate, stops_at_the_bound_in_proportion) {
    size_t n_packed;
    uint8_t *bytes = packed_zeros(8 << 20, &n_packed);
    struct buf out;
    buf_init(&out, ROOM);
    cr_assert(eq(int, gzip_inflate(bytes, n_packed, 512, &out), WEIR_E_TOO_LARGE));
    cr_assert(le(sz, out.n_bytes, n_packed * 512 + (64 << 10))); /* one piece beyond */
    buf_deinit(&out);
    buf_init(&out, ROOM);
    cr_assert(eq(int, gzip_inflate(bytes, n_packed, 2000, &out), 0));
    cr_assert(eq(sz, out.n_bytes, 8 << 20));
    buf_deinit(&out);
    free(bytes);
}

Test(gzip_inflate, lets_short_bodies_be_as_repetitive_as_they_like) {
    size_t n_packed;
    uint8_t *bytes = packed_zeros(1 << 20, &n_packed);
    struct buf out;
    buf_init(&out, ROOM);
    cr_assert(eq(int, gzip_inflate(bytes, n_packed, 10, &out), 0));
    buf_deinit(&out);
    free(bytes);
}

Test(gzip_inflate, survives_every_failing_allocation) {
    size_t n_packed;
    uint8_t *bytes = packed_zeros(10000, &n_packed);
    FAULT_FOR_EACH_ALLOCATION(n) {
        struct buf out;
        buf_init(&out, ROOM);
        int error = gzip_inflate(bytes, n_packed, NO_RATIO, &out);
        bool has_failed = fault_has_struck();
        fault_disarm();
        buf_deinit(&out);
        cr_assert(eq(int, error, has_failed ? WEIR_E_NO_MEMORY : 0));
    }
    free(bytes);
}
