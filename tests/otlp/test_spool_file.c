#include <stdlib.h>
#include <string.h>

#include <weir/error.h>

#include "otlp/bounds.h"
#include "otlp/spool_file.h"
#include "tests/support/expect.h"
#include "tests/support/spool_bytes.h"

enum { N_PLACES = 8, N_SPANS = 6 };

TestSuite(spool_file, .timeout = 60);

/* ---- what can be read ---- */

static void expect_piece(struct scope_piece piece, struct scope_piece wanted) {
    cr_assert(eq(sz, piece.n_bytes, wanted.n_bytes));
    cr_assert(piece.n_bytes == 0 || memcmp(piece.bytes, wanted.bytes, piece.n_bytes) == 0);
}

static void expect_scope(const struct scope *scope, const struct scope *wanted) {
    expect_piece(scope->resource, wanted->resource);
    expect_piece(scope->scope, wanted->scope);
    expect_piece(scope->scope_url, wanted->scope_url);
    expect_piece(scope->resource_url, wanted->resource_url);
}

/* The contents are the first n_spans spans but those in the bits of `missing`, byte by byte. */
static void expect_spans(const struct spool_contents *contents, uint32_t n_spans, uint32_t missing,
                         size_t at) {
    uint8_t wanted[N_SPANS * 128], got[N_SPANS * 128];
    size_t n_wanted = 0;
    uint32_t n_left = 0;
    for (uint32_t i = 0; i < n_spans; i++) {
        if ((missing & 1u << i) == 0) {
            n_wanted += spool_bytes_span(i, wanted + n_wanted);
            n_left++;
        }
    }
    cr_assert(eq(u32, contents->n_spans, n_left), "at %zu", at);
    cr_assert(eq(sz, contents->n_bytes, n_wanted), "at %zu", at);
    spool_file_copy(contents, got);
    cr_assert(memcmp(got, wanted, n_wanted) == 0, "at %zu", at);
}

Test(spool_file, gives_back_what_was_entered) {
    for (uint32_t n = 0; n <= N_SPANS; n++) {
        struct spool_bytes bytes = spool_bytes_new(N_PLACES, n);
        struct spool_contents contents;
        cr_assert(eq(int, spool_file_read(bytes.file, bytes.n_file, &contents), 0));
        expect_spans(&contents, n, 0, n);
        expect_scope(&contents.scope, &SPOOL_BYTES_SCOPE);
        cr_expect(eq(u64, contents.unix_ns, 1704067200000000000));
        cr_expect(eq(u32, contents.n_damaged, 0));
        cr_expect(eq(u32, spool_file_count(bytes.file, bytes.n_file, &bytes.layout), n));
        free(bytes.file);
    }
}

Test(spool_file, takes_all_places_and_none) {
    struct spool_bytes bytes = spool_bytes_new(N_SPANS, N_SPANS);
    struct spool_contents contents;
    cr_assert(eq(int, spool_file_read(bytes.file, bytes.n_file, &contents), 0));
    expect_spans(&contents, N_SPANS, 0, 0);
    free(bytes.file);
    bytes = spool_bytes_new(0, 0);
    cr_assert(eq(int, spool_file_read(bytes.file, bytes.n_file, &contents), 0));
    cr_expect(eq(u32, contents.n_spans, 0));
    free(bytes.file);
}

Test(spool_file, does_without_resource_and_scope) {
    static const struct scope nothing;
    struct spool_layout layout = spool_layout_for(&nothing, 1);
    uint8_t *file = calloc(1, layout.data_at);
    spool_file_begin(file, &layout, &nothing, 7, 1);
    struct spool_contents contents;
    cr_assert(eq(int, spool_file_read(file, layout.data_at, &contents), 0));
    expect_scope(&contents.scope, &nothing);
    cr_expect(spool_layout_fits(&layout, &nothing));
    cr_expect(not(spool_layout_fits(&layout, &SPOOL_BYTES_SCOPE)));
    free(file);
}

/* ---- what a kill leaves ---- */

/* A kill between the stores: any of the place's words may be missing, the later before the earlier.
 */
Test(spool_file, a_torn_place_costs_its_span_alone) {
    for (size_t n_stored = 4; n_stored < 16; n_stored += 4) {
        struct spool_bytes bytes = spool_bytes_new(N_PLACES, 3);
        uint8_t *last = bytes.file + bytes.layout.index_at + 2 * 16;
        memset(last + n_stored, 0, 16 - n_stored);
        struct spool_contents contents;
        cr_assert(eq(int, spool_file_read(bytes.file, bytes.n_file, &contents), 0));
        expect_spans(&contents, 3, 1 << 2, n_stored);
        cr_expect(eq(u32, contents.n_damaged, 1));
        free(bytes.file);
    }
}

Test(spool_file, a_span_without_a_place_is_not_there) {
    struct spool_bytes bytes = spool_bytes_new(N_PLACES, 3);
    spool_file_clear(bytes.file + 2 * 16, &bytes.layout, 1);
    struct spool_contents contents;
    cr_assert(eq(int, spool_file_read(bytes.file, bytes.n_file, &contents), 0));
    expect_spans(&contents, 3, 1 << 2, 0);
    cr_expect(eq(u32, contents.n_damaged, 0));
    free(bytes.file);
}

/* The same memory used again: what the former use left is never taken for the new one's. */
Test(spool_file, a_used_file_begins_over) {
    struct spool_bytes bytes = spool_bytes_new(N_PLACES, N_SPANS);
    uint8_t old_place[16];
    memcpy(old_place, bytes.file + bytes.layout.index_at + 3 * 16, sizeof old_place);
    spool_file_clear(bytes.file, &bytes.layout, N_SPANS);
    spool_file_begin(bytes.file, &bytes.layout, &SPOOL_BYTES_SCOPE, 1, bytes.salt + 1);
    struct spool_contents contents;
    cr_assert(eq(int, spool_file_read(bytes.file, bytes.n_file, &contents), 0));
    cr_expect(eq(u32, contents.n_spans, 0));
    cr_expect(eq(u32, contents.n_damaged, 0));
    /* A page of the index that the disk had kept from the former use. */
    memcpy(bytes.file + bytes.layout.index_at + 3 * 16, old_place, sizeof old_place);
    cr_assert(eq(int, spool_file_read(bytes.file, bytes.n_file, &contents), 0));
    cr_expect(eq(u32, contents.n_spans, 0));
    cr_expect(eq(u32, contents.n_damaged, 1));
    free(bytes.file);
}

/* ---- damage ---- */

/* From memory of exactly this size, so that a sanitizer sees the first byte beyond. */
static int read_copy(const uint8_t *file, size_t n_file, uint8_t **copy,
                     struct spool_contents *contents) {
    *copy = malloc(n_file > 0 ? n_file : 1);
    memcpy(*copy, file, n_file);
    return spool_file_read(*copy, n_file, contents);
}

Test(spool_file, cut_anywhere_loses_what_was_cut) {
    struct spool_bytes bytes = spool_bytes_new(N_PLACES, N_SPANS);
    size_t first_piece = SPOOL_HEADS_BYTES + bytes.layout.pieces_room;
    for (size_t n = 0; n <= bytes.n_file; n++) {
        uint8_t *copy;
        struct spool_contents contents;
        int error = read_copy(bytes.file, n, &copy, &contents);
        cr_assert(eq(int, error, n < first_piece ? WEIR_E_SYNTAX : 0), "at %zu", n);
        uint32_t missing = 0;
        size_t end = bytes.layout.data_at + SPOOL_BYTES_ROOM;
        for (uint32_t i = 0; i < N_SPANS; i++) {
            uint8_t span[128];
            end += spool_bytes_span(i, span);
            missing |= n < end ? 1u << i : 0;
        }
        if (error == 0) {
            expect_spans(&contents, N_SPANS, missing, n);
        }
        free(copy);
    }
    free(bytes.file);
}

/* Which span a byte of the file belongs to, as bits. */
static uint32_t span_hit(const struct spool_bytes *bytes, size_t at) {
    size_t index = bytes->layout.index_at, data = bytes->layout.data_at + SPOOL_BYTES_ROOM;
    if (at >= index && at < index + N_SPANS * 16) {
        return 1u << (at - index) / 16;
    }
    for (uint32_t i = 0; i < N_SPANS; i++) {
        uint8_t span[128];
        size_t n_span = spool_bytes_span(i, span);
        if (at >= data && at < data + n_span) {
            return 1u << i;
        }
        data += n_span;
    }
    return 0;
}

Test(spool_file, any_byte_changed_costs_the_span_it_is_of) {
    static const uint8_t changes[] = {0x01, 0x80, 0xff, 0x12};
    struct spool_bytes bytes = spool_bytes_new(N_PLACES, N_SPANS);
    for (size_t at = 0; at < bytes.n_file; at++) {
        for (size_t i = 0; i < sizeof changes; i++) {
            uint8_t *copy;
            struct spool_contents contents;
            bytes.file[at] ^= changes[i];
            cr_assert(eq(int, read_copy(bytes.file, bytes.n_file, &copy, &contents), 0));
            bytes.file[at] ^= changes[i];
            uint32_t hit = span_hit(&bytes, at);
            expect_spans(&contents, N_SPANS, hit, at);
            expect_scope(&contents.scope, &SPOOL_BYTES_SCOPE);
            if (hit != 0) {
                cr_assert(eq(u32, contents.n_damaged, 1), "at %zu", at);
            }
            free(copy);
        }
    }
    free(bytes.file);
}

Test(spool_file, both_heads_damaged_is_said) {
    struct spool_bytes bytes = spool_bytes_new(N_PLACES, N_SPANS);
    struct spool_contents contents = {.n_spans = 77};
    struct spool_layout layout;
    uint64_t unix_ns;
    bytes.file[20] ^= 1;
    cr_expect(eq(int, spool_file_read_head(bytes.file, SPOOL_HEADS_BYTES, &layout, &unix_ns), 0));
    cr_expect(eq(u32, layout.data_at, bytes.layout.data_at));
    bytes.file[64 + 20] ^= 1;
    cr_expect(eq(int, spool_file_read_head(bytes.file, SPOOL_HEADS_BYTES, &layout, &unix_ns),
                 WEIR_E_SYNTAX));
    cr_expect(eq(int, spool_file_read(bytes.file, bytes.n_file, &contents), WEIR_E_SYNTAX));
    cr_expect(eq(u32, contents.n_spans, 77)); /* untouched */
    free(bytes.file);
}

Test(spool_file, both_copies_of_the_pieces_damaged_is_said) {
    struct spool_bytes bytes = spool_bytes_new(N_PLACES, N_SPANS);
    struct spool_contents contents;
    bytes.file[SPOOL_HEADS_BYTES + 3] ^= 1;
    bytes.file[SPOOL_HEADS_BYTES + bytes.layout.pieces_room + 5] ^= 1;
    cr_expect(eq(int, spool_file_read(bytes.file, bytes.n_file, &contents), WEIR_E_SYNTAX));
    free(bytes.file);
}

/* ---- files that nobody wrote by accident ---- */

static int read_with_span(const uint8_t *span, size_t n_span, struct spool_contents *contents) {
    static uint8_t file[1024] __attribute__((aligned(16)));
    memset(file, 0, sizeof file);
    struct spool_layout layout = spool_layout_for(&SPOOL_BYTES_SCOPE, 4);
    spool_file_begin(file, &layout, &SPOOL_BYTES_SCOPE, 1, 9);
    memcpy(file + layout.data_at, span, n_span);
    spool_file_enter(file, &layout, 9, 0, 0, n_span);
    return spool_file_read(file, layout.data_at + n_span, contents);
}

/* The checksums are right and still it is no span: it would spoil the request. */
Test(spool_file, what_is_no_span_is_damaged) {
    static const char *const spans[] = {"\x0a\x01y", "\x12\x01xx", "\x12\x02x", "\x12", "x"};
    static const size_t sizes[] = {3, 4, 3, 1, 1};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct spool_contents contents;
        cr_assert(eq(int, read_with_span((const uint8_t *)spans[i], sizes[i], &contents), 0));
        cr_expect(eq(u32, contents.n_spans, 0), "%zu", i);
        cr_expect(eq(u32, contents.n_damaged, 1), "%zu", i);
    }
}

Test(spool_file, places_that_share_bytes_do_not_multiply_them) {
    struct spool_bytes bytes = spool_bytes_new(4000, 1);
    uint8_t span[128];
    size_t n_span = spool_bytes_span(11, span); /* the longest */
    memcpy(bytes.file + bytes.layout.data_at + SPOOL_BYTES_ROOM, span, n_span);
    bytes.n_file += n_span;
    for (uint32_t i = 0; i < 4000; i++) {
        spool_file_enter(bytes.file, &bytes.layout, bytes.salt, i, SPOOL_BYTES_ROOM, n_span);
    }
    struct spool_contents contents;
    cr_assert(eq(int, spool_file_read(bytes.file, bytes.n_file, &contents), 0));
    cr_expect(le(sz, contents.n_bytes, bytes.n_file));
    cr_expect(eq(u32, contents.n_spans + contents.n_damaged, 4000));
    uint8_t *copied = malloc(contents.n_bytes);
    spool_file_copy(&contents, copied);
    free(copied);
    free(bytes.file);
}
