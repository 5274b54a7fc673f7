/*
 * Bytes as a spool file: as they are, and once more with the checksums put right, so that what lies
 * behind them is reached too.
 */
#include <string.h>

#include <weir/error.h>

#include "otlp/common/crc32c.h"
#include "otlp/common/macro.h"
#include "otlp/spool_file.h"
#include "otlp/wire_read.h"
#include "tests/fuzz/fuzz.h"

static bool is_within(const void *piece, size_t n_piece, const uint8_t *bytes, size_t n_bytes) {
    const uint8_t *at = piece;
    return n_piece == 0 || (at >= bytes && n_piece <= n_bytes && at + n_piece <= bytes + n_bytes);
}

/* What would be sent is `spans` fields and nothing else. */
static void check_spans(const uint8_t *spans, size_t n_bytes, uint32_t n_spans) {
    struct wire_reader reader = wire_reader_over(spans, n_bytes);
    struct wire_field field;
    for (; n_spans > 0; n_spans--) {
        FUZZ_CHECK(wire_read(&reader, &field) == 1);
        FUZZ_CHECK(field.number == 2 && field.type == WIRE_LEN);
    }
    FUZZ_CHECK(wire_read(&reader, &field) == 0);
}

static void read_file(const uint8_t *bytes, size_t n_bytes) {
    struct spool_contents contents;
    struct spool_layout layout;
    uint64_t unix_ns;
    int error = spool_file_read(bytes, n_bytes, &contents);
    FUZZ_CHECK(error == 0 || error == WEIR_E_SYNTAX);
    if (spool_file_read_head(bytes, n_bytes, &layout, &unix_ns) != 0) {
        FUZZ_CHECK(error != 0);
        return;
    }
    uint32_t n_used = spool_file_count(bytes, n_bytes, &layout);
    FUZZ_CHECK(n_used <= layout.n_places);
    if (error != 0) {
        return;
    }
    const struct scope *scope = &contents.scope;
    FUZZ_CHECK(contents.n_spans + contents.n_damaged == n_used);
    FUZZ_CHECK(contents.n_bytes <= n_bytes);
    FUZZ_CHECK(is_within(scope->resource.bytes, scope->resource.n_bytes, bytes, n_bytes));
    FUZZ_CHECK(is_within(scope->scope.bytes, scope->scope.n_bytes, bytes, n_bytes));
    FUZZ_CHECK(is_within(scope->scope_url.bytes, scope->scope_url.n_bytes, bytes, n_bytes));
    FUZZ_CHECK(is_within(scope->resource_url.bytes, scope->resource_url.n_bytes, bytes, n_bytes));
    uint8_t *spans = malloc(contents.n_bytes + 1);
    FUZZ_CHECK(spans != NULL);
    spool_file_copy(&contents, spans);
    check_spans(spans, contents.n_bytes, contents.n_spans);
    free(spans);
}

static uint32_t word_at(const uint8_t *bytes) {
    uint32_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

static void put_word(uint8_t *to, uint32_t word) {
    memcpy(to, &word, sizeof word);
}

/* The head's last word, and of each place the last two; see spool_file.c. */
static void put_right(uint8_t *file, size_t n_file) {
    struct spool_layout layout;
    uint64_t unix_ns;
    put_word(file + 60, crc32c(0, file, 60));
    if (spool_file_read_head(file, n_file, &layout, &unix_ns) != 0) {
        return;
    }
    uint64_t n_pieces = 0;
    for (size_t i = 0; i < 4; i++) {
        n_pieces += word_at(file + 28 + 4 * i);
    }
    if (SPOOL_HEADS_BYTES + n_pieces <= n_file) {
        put_word(file + 44, crc32c(0, file + SPOOL_HEADS_BYTES, n_pieces));
        put_word(file + 60, crc32c(0, file, 60));
    }
    for (uint32_t i = 0; i < layout.n_places && layout.index_at + 16 * (i + 1) <= n_file; i++) {
        uint8_t *place = file + layout.index_at + 16 * i;
        uint32_t at = word_at(place), n = word_at(place + 4);
        uint64_t begin = (uint64_t)layout.data_at + at;
        if (begin + n <= n_file) {
            put_word(place + 8, crc32c(0, file + begin, n));
        }
        uint32_t words[] = {word_at(file + 16), i, at, n, word_at(place + 8)};
        put_word(place + 12, crc32c(0, words, sizeof words));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    read_file(bytes, n_bytes);
    if (n_bytes >= SPOOL_HEADS_BYTES) {
        uint8_t *file = malloc(n_bytes);
        FUZZ_CHECK(file != NULL);
        memcpy(file, bytes, n_bytes);
        put_right(file, n_bytes);
        read_file(file, n_bytes);
        free(file);
    }
    return 0;
}
