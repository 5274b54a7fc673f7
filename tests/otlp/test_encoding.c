#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#ifdef HAS_ZSTD
#include <zstd.h>
#endif

#include "otlp/common/alloc.h"
#include "otlp/encoding.h"
#include "tests/support/expect.h"
#include "tests/support/fault.h"

/* A request with a resource that has nothing in it. */
static const uint8_t REQUEST[] = {0x0a, 0x02, 0x0a, 0x00};

static struct encoding encoding_of(weir_otlp_protocol protocol, weir_otlp_compression compression) {
    struct encoding encoding;
    cr_assert(eq(int, encoding_init(&encoding, protocol, compression, 1 << 20), 0));
    return encoding;
}

struct bytes {
    const uint8_t *at;
    size_t n;
};

static struct bytes prepared(struct encoding *encoding, const void *body, size_t n_bytes) {
    struct bytes out = {NULL, 0};
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_assert(eq(int, encoding_prepare(encoding, body, n_bytes, &out.at, &out.n, &detail), 0), "%s",
              detail.message);
    return out;
}

/* zlib is the judge of our gzip. */
static size_t gunzipped(struct bytes packed, uint8_t *out, size_t n_out) {
    uint8_t copy[4096];
    z_stream stream = {.next_out = out, .avail_out = (unsigned)n_out};
    cr_assert(packed.n <= sizeof copy);
    memcpy(copy, packed.at, packed.n);
    stream.next_in = copy;
    stream.avail_in = (unsigned)packed.n;
    cr_assert(eq(int, inflateInit2(&stream, 15 + 16), Z_OK));
    cr_assert(eq(int, inflate(&stream, Z_FINISH), Z_STREAM_END));
    cr_assert(eq(uint, stream.avail_in, 0));
    inflateEnd(&stream);
    return n_out - stream.avail_out;
}

Test(encoding, plain_protobuf_is_the_body_itself) {
    struct encoding encoding =
        encoding_of(WEIR_OTLP_PROTOCOL_HTTP_PROTOBUF, WEIR_OTLP_COMPRESSION_NONE);
    struct bytes out = prepared(&encoding, REQUEST, sizeof REQUEST);
    cr_expect(out.at == REQUEST);
    cr_expect(eq(sz, out.n, sizeof REQUEST));
    encoding_deinit(&encoding);
}

Test(encoding, json_is_one_object) {
    struct encoding encoding =
        encoding_of(WEIR_OTLP_PROTOCOL_HTTP_JSON, WEIR_OTLP_COMPRESSION_NONE);
    for (int i = 0; i < 2; i++) { /* the second does not stand behind the first */
        struct bytes out = prepared(&encoding, REQUEST, sizeof REQUEST);
        expect_text(expect_terminated((const char *)out.at, out.n),
                    "{\"resourceSpans\":[{\"resource\":{}}]}");
    }
    encoding_deinit(&encoding);
}

Test(encoding, a_frame_has_a_flag_and_a_big_endian_length) {
    struct encoding encoding = encoding_of(WEIR_OTLP_PROTOCOL_GRPC, WEIR_OTLP_COMPRESSION_NONE);
    struct bytes out = prepared(&encoding, REQUEST, sizeof REQUEST); /* C3 */
    cr_assert(eq(sz, out.n, 5 + sizeof REQUEST));
    cr_expect(eq(int, memcmp(out.at, "\0\0\0\0\4", 5), 0)); /* C5: not packed, flag 0 */
    cr_expect(eq(int, memcmp(out.at + 5, REQUEST, sizeof REQUEST), 0));
    uint8_t *large = calloc(1, 0x20304);
    out = prepared(&encoding, large, 0x20304);
    cr_expect(eq(int, memcmp(out.at, "\0\0\2\3\4", 5), 0));
    out = prepared(&encoding, NULL, 0);
    cr_assert(eq(sz, out.n, 5));
    cr_expect(eq(int, memcmp(out.at, "\0\0\0\0\0", 5), 0));
    free(large);
    encoding_deinit(&encoding);
}

Test(encoding, gzip_is_what_zlib_reads) {
    static const weir_otlp_protocol protocols[] = {
        WEIR_OTLP_PROTOCOL_HTTP_PROTOBUF, WEIR_OTLP_PROTOCOL_HTTP_JSON, WEIR_OTLP_PROTOCOL_GRPC};
    if (!gzip_is_built()) {
        cr_skip_test("gzip is not built in");
    }
    for (size_t i = 0; i < 3; i++) {
        struct encoding encoding = encoding_of(protocols[i], WEIR_OTLP_COMPRESSION_GZIP);
        for (int again = 0; again < 2; again++) {
            uint8_t back[100];
            struct bytes out = prepared(&encoding, REQUEST, sizeof REQUEST);
            if (i == 2) {
                cr_expect(eq(int, out.at[0], 1)); /* C5 */
                cr_expect(eq(sz, out.at[4], out.n - 5));
                out = (struct bytes){out.at + 5, out.n - 5};
            }
            size_t n = gunzipped(out, back, sizeof back); /* B5 */
            if (i == 1) {
                expect_text(expect_terminated((const char *)back, n),
                            "{\"resourceSpans\":[{\"resource\":{}}]}");
            } else {
                cr_assert(eq(sz, n, sizeof REQUEST));
                cr_expect(eq(int, memcmp(back, REQUEST, n), 0));
            }
        }
        encoding_deinit(&encoding);
    }
}

#ifdef HAS_ZSTD
Test(encoding, zstd_is_what_libzstd_reads) {
    struct encoding encoding =
        encoding_of(WEIR_OTLP_PROTOCOL_HTTP_PROTOBUF, WEIR_OTLP_COMPRESSION_ZSTD);
    for (int again = 0; again < 2; again++) {
        uint8_t back[100];
        struct bytes out = prepared(&encoding, REQUEST, sizeof REQUEST);
        cr_assert(eq(sz, ZSTD_decompress(back, sizeof back, out.at, out.n), sizeof REQUEST));
        cr_expect(eq(int, memcmp(back, REQUEST, sizeof REQUEST), 0));
    }
    encoding_deinit(&encoding);
}
#endif

Test(encoding, bytes_that_do_not_compress_fit_too) {
    static const weir_otlp_compression compressions[] = {WEIR_OTLP_COMPRESSION_GZIP,
                                                         WEIR_OTLP_COMPRESSION_ZSTD};
    uint8_t *noise = malloc(1 << 20);
    uint32_t state = 1;
    for (size_t i = 0; i < 1 << 20; i++) {
        state = state * 1664525 + 1013904223;
        noise[i] = (uint8_t)(state >> 24);
    }
    for (size_t i = 0; i < 2; i++) {
        if (i == 0 ? !gzip_is_built() : !zstd_is_built()) {
            continue;
        }
        struct encoding encoding = encoding_of(WEIR_OTLP_PROTOCOL_HTTP_PROTOBUF, compressions[i]);
        cr_expect(gt(sz, prepared(&encoding, noise, 1 << 20).n, 1 << 20));
        encoding_deinit(&encoding);
    }
    free(noise);
}

Test(encoding, limits_the_request_before_compression) {
    static const weir_otlp_compression compressions[] = {WEIR_OTLP_COMPRESSION_NONE,
                                                         WEIR_OTLP_COMPRESSION_GZIP};
    for (size_t i = 0; i < 2; i++) {
        if (i == 1 && !gzip_is_built()) {
            continue;
        }
        struct encoding encoding = encoding_of(WEIR_OTLP_PROTOCOL_GRPC, compressions[i]);
        uint8_t *zeros = calloc(1, (1 << 20) + 1);
        struct bytes out = {NULL, 7};
        weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
        cr_expect(eq(int,
                     encoding_prepare(&encoding, zeros, (1 << 20) + 1, &out.at, &out.n, &detail),
                     WEIR_E_TOO_LARGE)); /* B7, C21 */
        cr_expect(out.at == NULL && out.n == 7);
        cr_expect(strstr(detail.message, "over max_request_bytes (1048576)") != NULL, "%s",
                  detail.message);
        (void)prepared(&encoding, zeros, 1 << 20); /* the largest goes */
        free(zeros);
        encoding_deinit(&encoding);
    }
}

Test(encoding, what_is_no_protobuf_has_no_json) {
    struct encoding encoding =
        encoding_of(WEIR_OTLP_PROTOCOL_HTTP_JSON, WEIR_OTLP_COMPRESSION_NONE);
    struct bytes out;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_expect(eq(int,
                 encoding_prepare(&encoding, (const uint8_t *)"\x0a", 1, &out.at, &out.n, &detail),
                 WEIR_E_SYNTAX));
    cr_expect(strstr(detail.message, "cannot be encoded") != NULL);
    encoding_deinit(&encoding);
}

Test(encoding, gives_back_the_memory_of_a_large_request) {
    struct encoding encoding = encoding_of(WEIR_OTLP_PROTOCOL_GRPC, WEIR_OTLP_COMPRESSION_NONE);
    uint8_t *large = calloc(1, 1 << 20);
    (void)prepared(&encoding, large, 1 << 20);
    cr_expect(ge(sz, encoding.out.n_allocated, 1 << 20));
    (void)prepared(&encoding, REQUEST, sizeof REQUEST);
    cr_expect(lt(sz, encoding.out.n_allocated, 1 << 16));
    free(large);
    encoding_deinit(&encoding);
}

Test(encoding, survives_failing_allocation_at_every_step) {
    static const weir_otlp_protocol protocols[] = {WEIR_OTLP_PROTOCOL_HTTP_JSON,
                                                   WEIR_OTLP_PROTOCOL_GRPC};
    for (size_t i = 0; i < 2; i++) {
        FAULT_FOR_EACH_ALLOCATION(n) {
            struct encoding encoding = encoding_of(protocols[i], WEIR_OTLP_COMPRESSION_NONE);
            struct bytes out;
            int error = encoding_prepare(&encoding, REQUEST, sizeof REQUEST, &out.at, &out.n, NULL);
            cr_assert(eq(int, error, fault_has_struck() ? WEIR_E_NO_MEMORY : 0));
            encoding_deinit(&encoding);
        }
    }
}

/* ---- unpacking ---- */

static int unpacked(const void *bytes, size_t n_bytes, size_t max_bytes, size_t *n_out) {
    struct buf out;
    buf_init(&out, max_bytes);
    int error = gzip_unpack(bytes, n_bytes, &out);
    *n_out = out.n_bytes;
    buf_deinit(&out);
    return error;
}

Test(encoding, unpacks_gzip_within_the_bound) {
    if (!gzip_is_built()) {
        cr_skip_test("gzip is not built in");
    }
    uint8_t *zeros = calloc(1, 1 << 20);
    struct buf packed;
    size_t n;
    struct gzip *gzip = gzip_new();
    buf_init(&packed, 1 << 21);
    cr_assert(eq(int, gzip_pack(gzip, zeros, 1 << 20, &packed), 0));
    cr_expect(eq(int, unpacked(packed.data, packed.n_bytes, 1 << 20, &n), 0));
    cr_expect(eq(sz, n, 1 << 20));
    cr_expect(eq(int, unpacked(packed.data, packed.n_bytes, (1 << 20) - 1, &n), /* C22 */
                 WEIR_E_TOO_LARGE));
    cr_expect(eq(sz, n, 0));
    for (size_t cut = 0; cut < packed.n_bytes; cut += 1 + cut / 8) {
        int error = unpacked(packed.data, cut, 1 << 20, &n);
        cr_expect(error == WEIR_E_SYNTAX || error == WEIR_E_TOO_LARGE, "cut at %zu: %d", cut,
                  error);
    }
    packed.data[packed.n_bytes - 4] = 1; /* a false claim of the size */
    packed.data[packed.n_bytes - 2] = 0;
    cr_expect(eq(int, unpacked(packed.data, packed.n_bytes, 1 << 20, &n), WEIR_E_SYNTAX));
    cr_expect(eq(int, unpacked("no gzip at all, but long", 24, 1 << 30, &n) != 0, 1));
    buf_truncate(&packed, 0);
    cr_assert(eq(int, gzip_pack(gzip, zeros, 0, &packed), 0));
    cr_expect(eq(int, unpacked(packed.data, packed.n_bytes, 10, &n), 0));
    cr_expect(eq(sz, n, 0));
    buf_append_byte(&packed, 0);
    cr_expect(eq(int, unpacked(packed.data, packed.n_bytes, 10, &n), WEIR_E_SYNTAX));
    gzip_free(gzip);
    buf_deinit(&packed);
    free(zeros);
}
