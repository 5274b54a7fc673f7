#include "bridge/server/receiver.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "otlp/proto/status.pb-c.h"
#include "tests/support/expect.h"
#include "tests/support/fault.h"

/* A request with one span of a name. */
static const uint8_t one_span[] = {0x0a, 0x07, 0x12, 0x05, 0x12, 0x03, 0x2a, 0x01, 'n'};

/* A sink that remembers what it was given and says what it is told to. */
struct sink {
    int error;
    const char *message;
    size_t n_calls, n_bytes;
    uint64_t n_spans;
};

static int take(void *data, const uint8_t *request, size_t n_bytes,
                const struct decode_counts *counts, weir_error_detail *detail) {
    struct sink *sink = data;
    (void)request;
    sink->n_calls++;
    sink->n_bytes = n_bytes;
    sink->n_spans = counts->n_spans;
    if (sink->error != 0) {
        snprintf(detail->message, sizeof detail->message, "%s", sink->message);
    }
    return sink->error;
}

static struct http_request good_request(void) {
    return (struct http_request){.method = "POST",
                                 .path = "/v1/traces",
                                 .content_type = "application/x-protobuf",
                                 .body = one_span,
                                 .n_bytes = sizeof one_span};
}

/* Answers; the caller frees the body. */
static struct http_response answer(struct sink *sink, const struct http_request *request,
                                   uint64_t *n_spans) {
    struct http_response response = {0};
    buf_init(&response.body, 4096);
    struct receiver_options options = {.max_body_bytes = 1 << 20, .take = take, .data = sink};
    uint64_t n = receiver_answer(&options, request, &response);
    if (n_spans != NULL) {
        *n_spans = n;
    }
    return response;
}

static void expect_refusal(struct http_response *response, int status, const char *message) {
    cr_assert(eq(int, response->status, status));
    Rpc__Status *said = rpc__status__unpack(NULL, response->body.n_bytes, response->body.data);
    cr_assert(said != NULL);
    expect_text(expect_terminated(said->message.data, said->message.len), message);
    cr_assert(ne(int, said->code, 0));
    rpc__status__free_unpacked(said, NULL);
    buf_deinit(&response->body);
}

Test(receiver, hands_good_requests_to_the_sink) {
    struct sink sink = {0};
    struct http_request request = good_request();
    uint64_t n_spans;
    struct http_response response = answer(&sink, &request, &n_spans);
    cr_assert(eq(int, response.status, 200));
    cr_assert(eq(sz, response.body.n_bytes, 0));
    expect_text(response.content_type, "application/x-protobuf");
    cr_assert(eq(sz, sink.n_calls, 1));
    cr_assert(eq(sz, sink.n_bytes, sizeof one_span));
    cr_assert(eq(u64, sink.n_spans, 1));
    cr_assert(eq(u64, n_spans, 1));
    buf_deinit(&response.body);
}

Test(receiver, an_error_of_the_sink_becomes_an_answer) {
    static const struct {
        int error, status;
    } rows[] = {{WEIR_E_SYNTAX, 400},
                {WEIR_E_TOO_LARGE, 413},
                {WEIR_E_IO, 503},
                {WEIR_E_NO_MEMORY, 503},
                {WEIR_E_CLOSED, 503}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sink sink = {.error = rows[i].error, .message = "the disk is full"};
        struct http_request request = good_request();
        uint64_t n_spans;
        struct http_response response = answer(&sink, &request, &n_spans);
        expect_refusal(&response, rows[i].status, "the disk is full");
        cr_assert(eq(u64, n_spans, 0));
    }
}

Test(receiver, the_sink_sees_nothing_that_is_refused) {
    struct sink sink = {0};
    struct http_request request = good_request();
    request.path = "/v1/traces/";
    struct http_response response = answer(&sink, &request, NULL);
    expect_refusal(&response, 404, "no such path; traces go to /v1/traces");
    request = good_request();
    request.n_bytes--;
    response = answer(&sink, &request, NULL);
    expect_refusal(&response, 400, "the request is cut off or no protobuf (near byte 0)");
    request = good_request();
    request.content_encoding = "gzip";
    response = answer(&sink, &request, NULL);
    expect_refusal(&response, 400, "the body is damaged or not gzip");
    cr_assert(eq(sz, sink.n_calls, 0));
}

Test(receiver, bodies_that_were_not_kept_are_refused_and_the_connection_closed) {
    struct sink sink = {0};
    struct http_request request = good_request();
    request.body = NULL;
    request.n_bytes = 0;
    request.is_too_large = true;
    struct http_response response = answer(&sink, &request, NULL);
    expect_text(response.headers[0].name, "Connection");
    expect_refusal(&response, 413, "the request's body is too large");
    request.is_too_large = false;
    request.is_refused = true;
    response = answer(&sink, &request, NULL);
    expect_text(response.headers[0].value, "close");
    expect_refusal(&response, 503, "too many large requests at once; try again");
    cr_assert(eq(sz, sink.n_calls, 0));
}

static struct http_request json_request(const char *text) {
    struct http_request request = good_request();
    request.content_type = "application/json; charset=utf-8";
    request.body = (const uint8_t *)text;
    request.n_bytes = strlen(text);
    return request;
}

/* (B4, B20) */
Test(receiver, takes_json_and_answers_in_json) {
    struct sink sink = {0};
    struct http_request request =
        json_request("{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"name\":\"n\"}]}]}]}");
    uint64_t n_spans;
    struct http_response response = answer(&sink, &request, &n_spans);
    cr_assert(eq(int, response.status, 200));
    expect_text(response.content_type, "application/json");
    expect_buf(&response.body, "{}");
    cr_assert(eq(u64, n_spans, 1));
    cr_assert(eq(sz, sink.n_bytes, sizeof one_span)); /* the sink sees protobuf */
    buf_deinit(&response.body);
}

/* (B23) */
Test(receiver, refuses_json_in_json) {
    static const struct {
        const char *text, *answer;
    } rows[] = {
        {"{", "{\"code\":3,\"message\":\"JSON: a key must be a string at byte 1\"}"},
        {"{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"spanId\":\"xyz\"}]}]}]}",
         "{\"code\":3,\"message\":\"spanId is not 16 hex digits (near byte 58)\"}"},
        {"{\"resourceSpans\":[{\"resource\":{},\"resource\":{}}]}",
         "{\"code\":3,\"message\":\"resource stands twice (near byte 6)\"}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sink sink = {0};
        struct http_request request = json_request(rows[i].text);
        struct http_response response = answer(&sink, &request, NULL);
        cr_assert(eq(int, response.status, 400));
        expect_text(response.content_type, "application/json");
        expect_buf(&response.body, rows[i].answer);
        cr_assert(zero(sz, sink.n_calls));
        buf_deinit(&response.body);
    }
}

Test(receiver, json_that_is_too_large_as_protobuf_is_refused) {
    struct sink sink = {0};
    struct http_request request = json_request("{\"resourceSpans\":[{},{},{}]}");
    struct receiver_options options = {.max_body_bytes = 5, .take = take, .data = &sink};
    struct http_response response = {0};
    buf_init(&response.body, 4096);
    cr_assert(zero(u64, receiver_answer(&options, &request, &response)));
    cr_assert(eq(int, response.status, 413));
    buf_deinit(&response.body);
}

Test(receiver, other_types_and_encodings_are_told_what_is_taken) {
    struct sink sink = {0};
    struct http_request request = good_request();
    request.content_type = "text/plain";
    struct http_response response = answer(&sink, &request, NULL);
    expect_text(response.headers[0].value, "application/x-protobuf, application/json");
    expect_refusal(&response, 415,
                   "the content type must be application/x-protobuf or application/json");
    request = good_request();
    request.content_encoding = "br";
    response = answer(&sink, &request, NULL);
    expect_text(response.headers[0].value, "gzip, zstd");
    expect_refusal(&response, 400, "the content encoding must be one of identity, gzip, zstd");
    request.content_encoding = "ZSTD";
    response = answer(&sink, &request, NULL);
    expect_refusal(&response, 400, "the body is damaged or not zstd");
}

Test(receiver, survives_every_failing_allocation) {
    FAULT_FOR_EACH_ALLOCATION(n) {
        struct sink sink = {.error = WEIR_E_SYNTAX, .message = "no"};
        struct http_request request = good_request();
        struct http_response response = answer(&sink, &request, NULL);
        bool has_failed = fault_has_struck();
        fault_disarm();
        cr_assert(eq(int, response.status, 400));
        cr_assert(eq(int, buf_error(&response.body), has_failed ? WEIR_E_NO_MEMORY : 0));
        buf_deinit(&response.body);
    }
}

/* What was refused last, and how often. */
struct refusals {
    struct sink sink; /* the first member: it is the sink's data too */
    size_t n;
    char answer[16], path[32], reason[128];
};

static void keep_refusal(void *data, const struct receiver_refusal *refusal) {
    struct refusals *kept = data;
    kept->n++;
    snprintf(kept->answer, sizeof kept->answer, "%s", refusal->answer);
    snprintf(kept->path, sizeof kept->path, "%s", refusal->path != NULL ? refusal->path : "none");
    snprintf(kept->reason, sizeof kept->reason, "%s", refusal->reason);
    cr_expect(eq(int, refusal->is_grpc, false));
}

Test(receiver, tells_of_each_refusal_in_the_clients_words) {
    struct refusals kept = {0};
    const struct receiver_options options = {
        .max_body_bytes = 1 << 20, .take = take, .refused = keep_refusal, .data = &kept};
    struct http_request request = good_request();
    struct http_response response = {0};
    buf_init(&response.body, 4096);
    receiver_answer(&options, &request, &response);
    cr_assert(zero(sz, kept.n));
    request.path = "/v1/metrics";
    receiver_answer(&options, &request, &response);
    cr_assert(eq(sz, kept.n, 1));
    expect_text(kept.answer, "404");
    expect_text(kept.path, "/v1/metrics");
    expect_text(kept.reason, "no such path; traces go to /v1/traces");
    kept.sink = (struct sink){.error = WEIR_E_TOO_LARGE, .message = "too much"};
    request = good_request();
    receiver_answer(&options, &request, &response);
    cr_assert(eq(sz, kept.n, 2));
    expect_text(kept.answer, "413");
    expect_text(kept.reason, "too much");
    buf_deinit(&response.body);
}

/* ---- with a network ---- */

static struct receiver *started(struct sink *sink) {
    struct receiver *receiver = NULL;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    struct receiver_options options = {.address = "127.0.0.1", .take = take, .data = sink};
    cr_assert(eq(int, receiver_start(&options, &receiver, &detail), 0), "%s", detail.message);
    return receiver;
}

static int port_of(const struct receiver *receiver) {
    int port = 0;
    cr_assert(eq(int, sscanf(receiver_url(receiver), "http://127.0.0.1:%d", &port), 1));
    return port;
}

/* The first line of the answer to some bytes. */
static void exchange(int port, const char *head, const void *body, size_t n_bytes, char line[64]) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert(zero(int, connect(fd, (struct sockaddr *)&address, sizeof address)));
    cr_assert(eq(sz, (size_t)send(fd, head, strlen(head), 0), strlen(head)));
    cr_assert(eq(sz, (size_t)send(fd, body, n_bytes, 0), n_bytes));
    ssize_t n = recv(fd, line, 63, 0);
    cr_assert(gt(int, (int)n, 0));
    line[n] = '\0';
    line[strcspn(line, "\r")] = '\0';
    close(fd);
}

Test(receiver, serves_on_a_free_port_and_counts, .timeout = 60) {
    struct sink sink = {0};
    struct receiver *receiver = started(&sink);
    char line[64];
    exchange(port_of(receiver),
             "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
             "Content-Length: 9\r\n\r\n",
             one_span, sizeof one_span, line);
    expect_text(line, "HTTP/1.1 200 OK");
    exchange(port_of(receiver), "GET /v1/traces HTTP/1.1\r\nHost: x\r\n\r\n", "", 0, line);
    expect_text(line, "HTTP/1.1 405 Method Not Allowed");
    struct receiver_counts counts;
    cr_assert(eq(ptr, receiver_stop(receiver, &counts), NULL));
    cr_assert(eq(u64, counts.n_accepted, 1));
    cr_assert(eq(u64, counts.n_spans, 1));
    cr_assert(eq(u64, counts.n_refused, 1));
}

Test(receiver, counts_and_tells_of_what_cannot_be_read, .timeout = 60) {
    struct refusals kept = {0};
    struct receiver *receiver = NULL;
    struct receiver_options options = {
        .address = "127.0.0.1", .take = take, .refused = keep_refusal, .data = &kept};
    struct receiver_counts counts;
    char line[64];
    cr_assert(zero(int, receiver_start(&options, &receiver, NULL)));
    exchange(port_of(receiver), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "", 0, line);
    cr_assert(zero(int, strncmp(line, "HTTP/1.1 505 ", 13)), "%s", line);
    receiver_stop(receiver, &counts);
    cr_assert(eq(u64, counts.n_refused, 1));
    cr_assert(eq(sz, kept.n, 1));
    expect_text(kept.answer, "505");
    expect_text(kept.path, "none");
    cr_expect(strstr(kept.reason, "--listen-grpc") != NULL);
}

Test(receiver, two_cannot_have_one_port, .timeout = 60) {
    struct sink sink = {0};
    struct receiver *first = started(&sink), *second = NULL;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    struct receiver_options options = {
        .address = "127.0.0.1", .port = (uint16_t)port_of(first), .take = take, .data = &sink};
    cr_assert(eq(int, receiver_start(&options, &second, &detail), WEIR_E_IO));
    cr_assert(strstr(detail.message, "Address already in use") != NULL);
    cr_assert(eq(ptr, second, NULL));
    receiver_stop(first, NULL);
}

Test(receiver, says_when_memory_is_short) {
    struct sink sink = {0};
    struct receiver_options options = {.address = "127.0.0.1", .take = take, .data = &sink};
    for (size_t n = 1; n <= 2; n++) { /* the receiver's and the server's own */
        struct receiver *receiver = NULL;
        fault_arm(n, false);
        int error = receiver_start(&options, &receiver, NULL);
        bool has_failed = fault_has_struck();
        fault_disarm();
        cr_assert(eq(int, error, has_failed ? WEIR_E_NO_MEMORY : 0));
        receiver_stop(receiver, NULL);
    }
}

Test(receiver, stop_takes_null) {
    cr_assert(eq(ptr, receiver_stop(NULL, NULL), NULL));
}
