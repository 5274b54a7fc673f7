#include "otlp/deps/zstd_unpack.h"

#include <stdlib.h>

#include <zstd.h>

#include <weir/error.h>

#include "tests/support/expect.h"
#include "tests/support/fault.h"

enum { RATIO = 2048, MEBI = 1 << 20 };

static size_t pack(const void *bytes, size_t n_bytes, uint8_t *room, size_t n_room) {
    size_t n = ZSTD_compress(room, n_room, bytes, n_bytes, 3);
    cr_assert(not(ZSTD_isError(n)));
    return n;
}

static int unpack(const uint8_t *bytes, size_t n_bytes, size_t max_bytes, struct buf *out) {
    buf_init(out, max_bytes);
    return zstd_unpack(bytes, n_bytes, RATIO, out);
}

Test(zstd_unpack, gives_back_what_was_packed) {
    uint8_t packed[256];
    struct buf out;
    size_t n = pack("to be or not to be", 18, packed, sizeof packed);
    cr_assert(zero(int, unpack(packed, n, 100, &out)));
    expect_buf(&out, "to be or not to be");
    buf_deinit(&out);
    n = pack("", 0, packed, sizeof packed);
    cr_assert(zero(int, unpack(packed, n, 100, &out)));
    cr_assert(eq(sz, out.n_bytes, 0));
    buf_deinit(&out);
}

Test(zstd_unpack, takes_several_frames_as_one_stream) {
    uint8_t packed[256];
    struct buf out;
    size_t n = pack("to be ", 6, packed, sizeof packed);
    n += pack("or not", 6, packed + n, sizeof packed - n);
    cr_assert(zero(int, unpack(packed, n, 100, &out)));
    expect_buf(&out, "to be or not");
    buf_deinit(&out);
}

Test(zstd_unpack, refuses_what_is_damaged_cut_off_or_none) {
    uint8_t packed[256];
    struct buf out;
    size_t n = pack("to be or not to be", 18, packed, sizeof packed - 1);
    for (size_t cut = 0; cut < n; cut++) {
        cr_expect(eq(int, unpack(packed, cut, 100, &out), WEIR_E_SYNTAX), "cut at %zu", cut);
        buf_deinit(&out);
    }
    packed[n] = 'x';
    cr_expect(eq(int, unpack(packed, n + 1, 100, &out), WEIR_E_SYNTAX));
    buf_deinit(&out);
    cr_expect(eq(int, unpack((const uint8_t *)"plain text", 10, 100, &out), WEIR_E_SYNTAX));
    buf_deinit(&out);
}

Test(zstd_unpack, stops_at_the_bound_in_bytes) {
    uint8_t packed[256];
    struct buf out;
    size_t n = pack("to be or not to be", 18, packed, sizeof packed);
    cr_expect(zero(int, unpack(packed, n, 18, &out)));
    buf_deinit(&out);
    cr_expect(eq(int, unpack(packed, n, 17, &out), WEIR_E_TOO_LARGE));
    buf_deinit(&out);
}

Test(zstd_unpack, stops_at_the_bound_in_proportion) {
    uint8_t *zeros = calloc(1, 64 * MEBI);
    uint8_t packed[64 << 10];
    struct buf out;
    size_t n = pack(zeros, 64 * MEBI, packed, sizeof packed); /* ten thousand to one */
    cr_expect(eq(int, unpack(packed, n, 64 * MEBI, &out), WEIR_E_TOO_LARGE));
    cr_expect(lt(sz, out.n_bytes, 20 * MEBI));
    buf_deinit(&out);
    n = pack(zeros, MEBI, packed, sizeof packed); /* a MiB is always allowed */
    cr_expect(zero(int, unpack(packed, n, 64 * MEBI, &out)));
    buf_deinit(&out);
    free(zeros);
}

Test(zstd_unpack, a_window_of_gigabytes_is_not_allocated) {
    /* Magic, a descriptor without single segment, a window of 2^30 bytes, an empty last block. */
    const uint8_t wide[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa0, 0x01, 0x00, 0x00};
    struct buf out;
    cr_expect(eq(int, unpack(wide, sizeof wide, MEBI, &out), WEIR_E_TOO_LARGE));
    buf_deinit(&out);
}

Test(zstd_unpack, says_when_memory_is_short) {
    uint8_t packed[256];
    size_t n_packed = pack("to be or not to be", 18, packed, sizeof packed);
    FAULT_FOR_EACH_ALLOCATION(n) {
        struct buf out;
        int error = unpack(packed, n_packed, 100, &out);
        bool has_failed = fault_has_struck();
        fault_disarm();
        cr_assert(eq(int, error, has_failed ? WEIR_E_NO_MEMORY : 0));
        buf_deinit(&out);
    }
}
