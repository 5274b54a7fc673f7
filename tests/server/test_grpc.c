#include "bridge/server/grpc.h"

#include <stdio.h>

#include "bridge/server/bounds.h"
#include "tests/support/expect.h"
#include "tests/support/fault.h"

/* A message, in its frame: a request with one span of a name. */
static const uint8_t one_span[] = {0,    0,    0,    0,    9,    0x0a, 0x07,
                                   0x12, 0x05, 0x12, 0x03, 0x2a, 0x01, 'n'};
enum { MAX_BODY = 1 << 16 };

struct sink {
    int error;
    const char *message;
    size_t n_calls, n_bytes;
};

static int take(void *data, const uint8_t *request, size_t n_bytes,
                const struct decode_counts *counts, weir_error_detail *detail) {
    struct sink *sink = data;
    (void)request;
    (void)counts;
    sink->n_calls++;
    sink->n_bytes = n_bytes;
    if (sink->error != 0) {
        snprintf(detail->message, sizeof detail->message, "%s", sink->message);
    }
    return sink->error;
}

/* One call and its answer. */
struct round {
    struct sink sink;
    struct grpc_answer answer;
    struct h2_response response;
    uint64_t n_spans;
    bool is_accepted;
};

static struct h2_request good_request(void) {
    return (struct h2_request){.method = "POST",
                               .path = GRPC_EXPORT_PATH,
                               .content_type = "application/grpc",
                               .body = one_span,
                               .n_bytes = sizeof one_span};
}

static void play(struct round *round, const struct h2_request *request) {
    struct receiver_options options = {
        .max_body_bytes = MAX_BODY, .take = take, .data = &round->sink};
    buf_init(&round->response.body, RECEIVER_MAX_RESPONSE_BYTES);
    round->n_spans =
        grpc_answer(&options, request, &round->answer, &round->response, &round->is_accepted);
}

static void keep_refusal(void *data, const struct receiver_refusal *refusal) {
    cr_expect(refusal->is_grpc);
    expect_text(refusal->answer, "INTERNAL");
    expect_text(refusal->path, GRPC_EXPORT_PATH);
    expect_text(refusal->reason, "the content type must be application/grpc");
    ++*(int *)data;
}

Test(grpc, tells_of_each_refusal) {
    int n = 0;
    const struct receiver_options options = {
        .max_body_bytes = MAX_BODY, .take = take, .refused = keep_refusal, .data = &n};
    struct h2_request request = good_request();
    struct round round = {0};
    request.content_type = "text/plain";
    buf_init(&round.response.body, RECEIVER_MAX_RESPONSE_BYTES);
    grpc_answer(&options, &request, &round.answer, &round.response, &round.is_accepted);
    cr_assert(eq(int, n, 1));
    cr_assert(eq(int, round.is_accepted, false));
    buf_deinit(&round.response.body);
}

static const char *header(const struct round *round, const char *name) {
    for (size_t i = 0; i < round->response.n_headers; i++) {
        if (strcmp(round->response.headers[i].name, name) == 0) {
            return round->response.headers[i].value;
        }
    }
    return "";
}

/* Trailers-only (C7). */
static void expect_refusal(const struct h2_request *request, int status, const char *grpc_status,
                           const char *message) {
    struct round round = {0};
    play(&round, request);
    cr_expect(eq(int, round.response.status, status), "%s", message);
    expect_text(header(&round, "grpc-status"), grpc_status);
    expect_text(header(&round, "grpc-message"), message);
    expect_text(header(&round, "content-type"), "application/grpc");
    cr_expect(zero(sz, round.response.n_trailers + round.response.body.n_bytes));
    cr_expect(zero(sz, round.sink.n_calls));
    cr_expect(not(round.is_accepted));
    cr_expect(zero(u64, round.n_spans));
}

/* (C1, C2, C7) */
Test(grpc, hands_good_calls_to_the_sink) {
    static const char *const types[] = {"application/grpc", "application/grpc+proto",
                                        "Application/gRPC;charset=utf-8"};
    for (size_t i = 0; i < 3; i++) {
        struct h2_request request = good_request();
        struct round round = {0};
        request.content_type = types[i];
        play(&round, &request);
        cr_assert(eq(int, round.response.status, 200));
        cr_assert(round.is_accepted);
        cr_assert(eq(u64, round.n_spans, 1));
        cr_assert(eq(sz, round.sink.n_bytes, 9));
        expect_text(header(&round, "content-type"), "application/grpc");
        expect_text(header(&round, "grpc-status"), ""); /* in the trailers */
        cr_assert(eq(sz, round.response.n_trailers, 1));
        expect_text(round.response.trailers[0].value, "0");
        cr_assert(eq(sz, round.response.body.n_bytes, GRPC_FRAME_HEAD_BYTES));
        cr_assert(zero(int, memcmp(round.response.body.data, "\0\0\0\0\0", 5)));
        buf_deinit(&round.response.body);
    }
}

/* (C1, C2) */
Test(grpc, other_methods_types_and_paths_are_refused) {
    struct h2_request request = good_request();
    request.method = "GET";
    expect_refusal(&request, 405, "13", "gRPC calls are sent with POST");
    request.method = NULL;
    expect_refusal(&request, 405, "13", "gRPC calls are sent with POST");
    static const char *const types[] = {NULL, "", "application/json", "application/grpcx",
                                        "application/grpc-web"};
    for (size_t i = 0; i < 5; i++) {
        request = good_request();
        request.content_type = types[i];
        expect_refusal(&request, 415, "13", "the content type must be application/grpc");
    }
    request.content_type = "application/grpc+json";
    expect_refusal(&request, 200, "12", "messages must be protobuf (application/grpc+proto)");
    static const char *const paths[] = {
        NULL, "/", "/v1/traces", "/opentelemetry.proto.collector.trace.v1.TraceService/export",
        "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"};
    for (size_t i = 0; i < 5; i++) {
        request = good_request();
        request.path = paths[i];
        expect_refusal(&request, 200, "12", "no such method; traces go to " GRPC_EXPORT_PATH);
    }
}

/* (C5, C6) */
Test(grpc, an_encoding_that_is_not_known_is_told_what_is) {
    struct h2_request request = good_request();
    request.grpc_encoding = "snappy";
    expect_refusal(&request, 200, "12", "the message encoding must be one of identity, gzip, zstd");
    struct round round = {0};
    play(&round, &request);
    expect_text(header(&round, "grpc-accept-encoding"), "identity, gzip, zstd");
}

/* (C3) */
Test(grpc, a_call_has_one_whole_message) {
    struct h2_request request = good_request();
    request.n_bytes = 0;
    expect_refusal(&request, 200, "12", "the call has no message; Export takes one");
    for (size_t n = 1; n < sizeof one_span; n++) {
        request.n_bytes = n;
        expect_refusal(&request, 200, "13", "the message is cut off");
    }
    uint8_t two[2 * sizeof one_span];
    memcpy(two, one_span, sizeof one_span);
    memcpy(two + sizeof one_span, one_span, sizeof one_span);
    request.body = two;
    request.n_bytes = sizeof two;
    expect_refusal(&request, 200, "12", "more than one message; Export takes one");
    request.n_bytes = sizeof one_span + 1;
    expect_refusal(&request, 200, "12", "more than one message; Export takes one");
}

/* (C5) */
Test(grpc, the_compressed_flag_must_fit_the_headers) {
    uint8_t message[sizeof one_span];
    memcpy(message, one_span, sizeof message);
    struct h2_request request = good_request();
    request.body = message;
    message[0] = 1;
    expect_refusal(&request, 200, "13", "the message is compressed, but no grpc-encoding says how");
    request.grpc_encoding = "identity";
    expect_refusal(&request, 200, "13", "the message is compressed, but no grpc-encoding says how");
    request.grpc_encoding = "gzip";
    expect_refusal(&request, 200, "13", "the body is damaged or not gzip");
    request.grpc_encoding = "zstd";
    expect_refusal(&request, 200, "13", "the body is damaged or not zstd");
    message[0] = 2;
    expect_refusal(&request, 200, "13", "the message's compressed flag is neither 0 nor 1");
    message[0] = 0; /* a message of its own may be plain */
    struct round round = {0};
    play(&round, &request);
    cr_assert(round.is_accepted);
    buf_deinit(&round.response.body);
}

/* (C21's other side) */
Test(grpc, sizes_are_bounded_as_announced_and_as_they_come) {
    uint8_t message[GRPC_FRAME_HEAD_BYTES] = {0, 0xff, 0xff, 0xff, 0xff};
    struct h2_request request = good_request();
    request.body = message;
    request.n_bytes = sizeof message;
    expect_refusal(&request, 200, "8", "the message is too large");
    request = good_request();
    request.is_too_large = true;
    expect_refusal(&request, 200, "8", "the message is too large");
    request = good_request();
    request.is_refused = true;
    expect_refusal(&request, 200, "14", "too many large requests at once; try again");
    request = good_request();
    request.is_late = true;
    expect_refusal(&request, 200, "4", "the request did not come to its end in time");
}

Test(grpc, what_is_no_protobuf_is_an_invalid_argument) {
    uint8_t message[sizeof one_span];
    memcpy(message, one_span, sizeof message);
    message[6]++; /* a length beyond the end */
    struct h2_request request = good_request();
    request.body = message;
    expect_refusal(&request, 200, "3", "the request is cut off or no protobuf (near byte 0)");
}

Test(grpc, an_error_of_the_sink_becomes_a_status) {
    static const struct {
        int error;
        const char *status;
    } rows[] = {{WEIR_E_SYNTAX, "3"},
                {WEIR_E_TOO_LARGE, "8"},
                {WEIR_E_IO, "14"},
                {WEIR_E_NO_MEMORY, "14"},
                {WEIR_E_CLOSED, "14"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct round round = {.sink = {.error = rows[i].error, .message = "no"}};
        struct h2_request request = good_request();
        play(&round, &request);
        expect_text(header(&round, "grpc-status"), rows[i].status);
        expect_text(header(&round, "grpc-message"), "no");
        cr_assert(not(round.is_accepted));
    }
}

/* (C11) */
Test(grpc, messages_are_percent_encoded) {
    struct round round = {.sink = {.error = WEIR_E_IO,
                                   .message = "50% of /tmp/gr\xc3\xbc\xc3\x9f"
                                              "e\n~ "}};
    struct h2_request request = good_request();
    play(&round, &request);
    expect_text(header(&round, "grpc-message"), "50%25 of /tmp/gr%C3%BC%C3%9Fe%0A~ ");
}

Test(grpc, a_refusal_needs_no_memory) {
    FAULT_FOR_EACH_SHORTAGE(n) {
        struct round round = {0};
        struct h2_request request = good_request();
        play(&round, &request);
        bool has_failed = fault_has_struck();
        fault_disarm();
        cr_assert(eq(int, buf_error(&round.response.body), has_failed ? WEIR_E_NO_MEMORY : 0));
        buf_deinit(&round.response.body);
    }
}
