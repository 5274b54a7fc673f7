/*
 * A call to `weir collect --listen-grpc`. The first byte chooses: 0 to 2 the message of a call,
 * with grpc-encoding identity, gzip or zstd; 3 the bytes of a whole HTTP/2 connection.
 */
#include <string.h>

#include "bridge/server/bounds.h"
#include "bridge/server/grpc.h"
#include "otlp/common/utf8.h"
#include "tests/fuzz/fuzz.h"

enum { MAX_UNPACKED = 4 << 20, MAX_DECODED = 16 << 20, SECOND = 1000000000 };

/* What the receiver lets through must be usable. */
static int take(void *data, const uint8_t *request, size_t n_bytes,
                const struct decode_counts *counts, weir_error_detail *detail) {
    struct decoded *decoded = NULL;
    (void)data;
    (void)counts;
    int error = decode_request(request, n_bytes, MAX_DECODED, &decoded, detail);
    FUZZ_CHECK(error == 0 || error == WEIR_E_TOO_LARGE);
    decoded_free(decoded);
    return error;
}

static const struct receiver_options options = {.max_body_bytes = MAX_UNPACKED, .take = take};

/* Printable ASCII, and every % followed by two hex digits (C11). */
static void check_message(const char *message) {
    for (const char *at = message; *at != '\0'; at++) {
        FUZZ_CHECK(*at >= 0x20 && *at <= 0x7e);
        FUZZ_CHECK(*at != '%' || strspn(at + 1, "0123456789ABCDEF") >= 2);
    }
}

static void answer(void *data, const struct h2_request *request, struct h2_response *response) {
    static struct grpc_answer made;
    bool is_accepted;
    (void)data;
    grpc_answer(&options, request, &made, response, &is_accepted);
    FUZZ_CHECK(response->status == 200 || response->status == 405 || response->status == 415);
    FUZZ_CHECK(is_accepted == (response->n_trailers == 1));
    if (!is_accepted) {
        check_message(made.message);
    }
}

static void run_message(const char *encoding, const uint8_t *bytes, size_t n_bytes) {
    struct h2_request request = {.method = "POST",
                                 .path = GRPC_EXPORT_PATH,
                                 .content_type = "application/grpc",
                                 .grpc_encoding = encoding,
                                 .body = bytes,
                                 .n_bytes = n_bytes};
    struct h2_response response = {0};
    buf_init(&response.body, RECEIVER_MAX_RESPONSE_BYTES);
    answer(NULL, &request, &response);
    FUZZ_CHECK(buf_error(&response.body) == 0);
    buf_deinit(&response.body);
}

/* Whatever comes, the bounds hold, and nothing is left over. */
static void run_connection(const uint8_t *bytes, size_t n_bytes) {
    struct h2_service service = {.options = {.max_body_bytes = 1 << 16,
                                             .max_all_bodies_bytes = 1 << 18,
                                             .max_response_bytes = RECEIVER_MAX_RESPONSE_BYTES,
                                             .max_head_bytes = RECEIVER_MAX_HEAD_BYTES,
                                             .max_streams = RECEIVER_MAX_STREAMS,
                                             .idle_timeout_s = 75,
                                             .request_deadline_s = 60,
                                             .handle = answer}};
    struct h2_connection *connection = h2_connection_new(&service, SECOND);
    const uint8_t *out;
    FUZZ_CHECK(connection != NULL);
    for (size_t at = 0, n; at < n_bytes; at += n) { /* as it may come: in pieces */
        n = n_bytes - at < 100 ? n_bytes - at : 100;
        if (h2_connection_receive(connection, bytes + at, n, SECOND) != 0) {
            break;
        }
        while (h2_connection_pull(connection, &out) > 0) {
        }
    }
    h2_connection_tick(connection, UINT64_C(100) * SECOND);
    h2_connection_tick(connection, UINT64_C(300) * SECOND);
    while (h2_connection_pull(connection, &out) > 0) {
    }
    FUZZ_CHECK(h2_connection_n_streams(connection) <= RECEIVER_MAX_STREAMS);
    h2_connection_free(connection);
    FUZZ_CHECK(service.held_bytes == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    static const char *const encodings[] = {NULL, "gzip", "zstd"};
    unsigned choice = n_bytes > 0 ? bytes[0] % 4 : 0;
    const uint8_t *rest = n_bytes > 0 ? bytes + 1 : NULL;
    size_t n_rest = n_bytes > 0 ? n_bytes - 1 : 0;
    if (choice == 3) {
        run_connection(rest, n_rest);
    } else {
        run_message(encodings[choice], rest, n_rest);
    }
    return 0;
}
