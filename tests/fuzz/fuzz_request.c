/*
 * A request to `weir collect`, from HTTP body to tree and JSON line. Bits of the first byte choose:
 * 1 gzip, 4 zstd, else plain; 2 JSON, else protobuf. The rest is the body.
 */
#include <string.h>

#include <weir/value.h>

#include "bridge/server/receiver.h"
#include "bridge/server/tree.h"
#include "otlp/common/utf8.h"
#include "otlp/json_lines.h"
#include "tests/fuzz/fuzz.h"

enum { MAX_UNPACKED = 4 << 20, MAX_DECODED = 16 << 20, MAX_TEXT = 64 << 20 };

/* One line of valid JSON. */
static void check_line(const uint8_t *request, size_t n_bytes) {
    struct buf line;
    buf_init(&line, MAX_TEXT);
    json_lines_write(&line, request, n_bytes);
    FUZZ_CHECK(buf_error(&line) == 0);
    FUZZ_CHECK(weir_json_check((const char *)line.data, line.n_bytes, NULL) != WEIR_E_SYNTAX);
    FUZZ_CHECK(memchr(line.data, '\n', line.n_bytes) == NULL);
    buf_deinit(&line);
}

/* UTF-8 without anything that a terminal obeys but line feeds: no controls of either kind, no marks
 * that turn text. */
static void check_text(const struct buf *text) {
    FUZZ_CHECK(utf8_is_valid((const char *)text->data, text->n_bytes));
    for (size_t i = 0, n_used; i < text->n_bytes; i += n_used) {
        unsigned c = utf8_decode((const char *)text->data + i, &n_used);
        FUZZ_CHECK(c == '\n' || (c >= 0x20 && c != 0x7f));
        FUZZ_CHECK(!(c >= 0x80 && c < 0xa0) && !(c >= 0x202a && c <= 0x202e) &&
                   !(c >= 0x2066 && c <= 0x2069));
    }
}

static void check_tree(const Otlp__ExportTraceServiceRequest *request) {
    struct tree *tree = tree_new(&(struct tree_options){.has_details = true, .columns = 80});
    struct buf text;
    buf_init(&text, MAX_TEXT);
    FUZZ_CHECK(tree_add(tree, request, 0, &text) == 0);
    tree_flush(tree, &text);
    FUZZ_CHECK(tree_n_waiting(tree) == 0);
    check_text(&text);
    buf_deinit(&text);
    tree_free(tree);
}

/* What the receiver lets through must be usable. */
static int take(void *data, const uint8_t *request, size_t n_bytes,
                const struct decode_counts *counts, weir_error_detail *detail) {
    (void)data;
    (void)counts;
    struct decoded *decoded = NULL;
    int error = decode_request(request, n_bytes, MAX_DECODED, &decoded, detail);
    FUZZ_CHECK(error == 0 || error == WEIR_E_TOO_LARGE);
    if (error == 0) {
        check_tree(decoded_request(decoded));
        check_line(request, n_bytes);
    }
    decoded_free(decoded);
    return error;
}

static const char *encoding_of(unsigned bits) {
    return (bits & 1) != 0 ? "gzip" : (bits & 4) != 0 ? "zstd" : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    unsigned bits = n_bytes > 0 ? bytes[0] : 0;
    struct receiver_options options = {.max_body_bytes = MAX_UNPACKED, .take = take};
    struct http_request request = {
        .method = "POST",
        .path = "/v1/traces",
        .content_type = (bits & 2) != 0 ? "application/json" : "application/x-protobuf",
        .content_encoding = encoding_of(bits),
        .body = n_bytes > 0 ? bytes + 1 : NULL,
        .n_bytes = n_bytes > 0 ? n_bytes - 1 : 0,
    };
    struct http_response response = {0};
    buf_init(&response.body, 4096);
    receiver_answer(&options, &request, &response);
    FUZZ_CHECK(response.status == 200 || response.status == 400 || response.status == 413);
    FUZZ_CHECK(buf_error(&response.body) == 0);
    buf_deinit(&response.body);
    return 0;
}
