/*
 * Bytes as a protobuf message: the reader, the answers' readers, and the request's way to JSON.
 */
#include <string.h>

#include <weir/error.h>
#include <weir/value.h>

#include "otlp/common/buf.h"
#include "otlp/common/utf8.h"
#include "otlp/json_lines.h"
#include "otlp/response.h"
#include "otlp/wire_read.h"
#include "tests/fuzz/fuzz.h"

static bool is_within(const void *piece, size_t n_piece, const uint8_t *bytes, size_t n_bytes) {
    const uint8_t *at = piece;
    return n_piece == 0 || (at >= bytes && n_piece <= n_bytes && at + n_piece <= bytes + n_bytes);
}

static void read_fields(const uint8_t *bytes, size_t n_bytes) {
    struct wire_reader reader = wire_reader_over(bytes, n_bytes);
    struct wire_field field;
    size_t n_fields = 0;
    int got;
    while ((got = wire_read(&reader, &field)) == 1) {
        FUZZ_CHECK(field.number >= 1 && field.number < 1 << 29);
        FUZZ_CHECK(is_within(field.bytes, field.n_bytes, bytes, n_bytes));
        FUZZ_CHECK(++n_fields <= n_bytes / 2); /* each takes two bytes at least: it ends */
    }
    FUZZ_CHECK(got == 0 || got == WEIR_E_SYNTAX);
    FUZZ_CHECK(wire_read(&reader, &field) == got); /* and stays so */
}

static void read_answers(const uint8_t *bytes, size_t n_bytes) {
    struct response_partial partial;
    struct response_status status;
    if (response_read_partial(bytes, n_bytes, &partial) == 0) {
        FUZZ_CHECK(is_within(partial.message.bytes, partial.message.n_bytes, bytes, n_bytes));
    }
    if (response_read_status(bytes, n_bytes, &status) == 0) {
        FUZZ_CHECK(is_within(status.message.bytes, status.message.n_bytes, bytes, n_bytes));
    }
}

static void write_line(const uint8_t *bytes, size_t n_bytes) {
    struct buf line;
    buf_init(&line, 64 << 20);
    json_lines_write(&line, bytes, n_bytes);
    if (buf_error(&line) == 0) {
        const char *text = (const char *)line.data;
        int error = weir_json_check(text, line.n_bytes, NULL);
        FUZZ_CHECK(error == 0 || error == WEIR_E_TOO_LARGE); /* deeper than our own reader goes */
        FUZZ_CHECK(utf8_is_valid(text, line.n_bytes));
        FUZZ_CHECK(memchr(text, '\n', line.n_bytes) == NULL);
    }
    buf_deinit(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    read_fields(bytes, n_bytes);
    read_answers(bytes, n_bytes);
    write_line(bytes, n_bytes);
    return 0;
}
