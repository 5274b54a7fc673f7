#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "otlp/common/macro.h"
#include "otlp/deps/curl.h"
#include "otlp/deps/gzip.h"
#include "otlp/grpc_status.h"
#include "otlp/response.h"
#include "otlp/retry.h"
#include "tests/support/fault.h"
#include "tests/support/grpc_peer.h"
#include "tests/support/peer.h"
#include "tests/support/sending.h"
#include "tests/support/tunnel.h"

#define SERVICE "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

TestSuite(transport_grpc, .init = sending_begin, .timeout = 60);

static const char *const OK[] = {"grpc-status", "0", NULL};

/* ---- a transport to a peer ---- */

static const struct delivery PLAIN = {PLAIN_DELIVERY(WEIR_OTLP_PROTOCOL_GRPC)};

static weir_transport open_with(const char *url, char **header_lines,
                                const struct delivery *delivery) {
    return sending_open(url, SERVICE, header_lines, delivery);
}

/* "body", prepared and posted. */
static struct result call(const weir_transport *transport, uint64_t ns) {
    const uint8_t *body;
    size_t n_bytes;
    cr_assert(eq(
        int, transport->prepare(transport->data, (const uint8_t *)"body", 4, &body, &n_bytes, NULL),
        0));
    return post(transport, body, n_bytes, ns);
}

static struct result post_once(const struct grpc_step *step, uint64_t ns) {
    struct grpc_peer *peer = grpc_peer_start(step, 1);
    weir_transport transport = open_with(grpc_peer_url(peer), NULL, &PLAIN);
    struct result result = call(&transport, ns);
    transport.destroy(transport.data);
    grpc_peer_stop(peer);
    return result;
}

static void expect_header(struct grpc_peer *peer, const char *name, const char *value) {
    const char *got = grpc_peer_header(peer, 0, name);
    expect_text(got != NULL ? got : "(absent)", value);
}

/* ---- what is sent ---- */

Test(transport_grpc, makes_a_unary_call) {
    const struct grpc_step step = {.body = "\0\0\0\0\2\x0a\0", .n_bytes = 7, .trailers = OK};
    struct grpc_peer *peer = grpc_peer_start(&step, 1);
    char one[] = "x-one: 1", bin[] = "key-bin: YQ==";
    char *headers[] = {one, bin, NULL};
    weir_transport transport = open_with(grpc_peer_url(peer), headers, &PLAIN);
    struct result result = call(&transport, S(20));
    cr_assert(eq(int, result.error, 0), "%s", result.detail.message);
    cr_expect(result.response.has_grpc_status);
    cr_expect(eq(int, result.response.grpc_status, GRPC_OK));
    cr_expect(eq(sz, result.response.n_bytes, 2));
    expect_text(result.detail.message, "");

    expect_header(peer, ":method", "POST");
    expect_header(peer, ":path", SERVICE); /* C1 */
    expect_header(peer, ":scheme", "http");
    expect_header(peer, ":authority", grpc_peer_url(peer) + 7);
    expect_header(peer, "te", "trailers"); /* C2 */
    expect_header(peer, "content-type", "application/grpc+proto");
    expect_header(peer, "user-agent", "OTel-OTLP-Exporter-C/" WEIR_VERSION); /* C13 */
    expect_header(peer, "grpc-accept-encoding",
                  gzip_is_built() ? "identity,gzip" : "identity"); /* C6 */
    expect_header(peer, "grpc-encoding", "(absent)");
    expect_header(peer, "accept-encoding", "(absent)");
    expect_header(peer, "x-one", "1"); /* C12 */
    expect_header(peer, "key-bin", "YQ==");
    const char *timeout = grpc_peer_header(peer, 0, "grpc-timeout");
    cr_assert(timeout != NULL); /* C4 */
    long left = strtol(timeout, NULL, 10);
    cr_expect(left > 15000 && left <= 20000 && timeout[strlen(timeout) - 1] == 'm', "%s", timeout);
    const char *names = grpc_peer_names(peer, 0);
    cr_expect(strstr(names, "\n:") != NULL && strstr(names, "\n:") < strstr(names, "\nte\n"));
    size_t n_bytes;
    const uint8_t *body = grpc_peer_body(peer, 0, &n_bytes);
    cr_assert(eq(sz, n_bytes, 9));
    cr_expect(eq(int, memcmp(body, "\0\0\0\0\4body", 9), 0)); /* C3 */
    transport.destroy(transport.data);
    grpc_peer_stop(peer);
}

Test(transport_grpc, says_that_its_message_is_packed) {
    if (!gzip_is_built()) {
        cr_skip_test("gzip is not built in");
    }
    const struct grpc_step step = {.trailers = OK};
    struct grpc_peer *peer = grpc_peer_start(&step, 1);
    struct delivery delivery = PLAIN;
    delivery.compression = WEIR_OTLP_COMPRESSION_GZIP;
    weir_transport transport = open_with(grpc_peer_url(peer), NULL, &delivery);
    cr_expect(eq(int, call(&transport, S(20)).error, 0));
    expect_header(peer, "grpc-encoding", "gzip"); /* C5 */
    size_t n_bytes;
    const uint8_t *body = grpc_peer_body(peer, 0, &n_bytes);
    cr_assert(gt(sz, n_bytes, 7));
    cr_expect(eq(int, memcmp(body, "\1\0\0\0", 4), 0));
    cr_expect(eq(int, memcmp(body + 5, "\x1f\x8b", 2), 0));
    transport.destroy(transport.data);
    grpc_peer_stop(peer);
}

Test(transport_grpc, many_calls_in_a_row_all_go_through) {
    const struct grpc_step step = {.body = "\0\0\0\0\0", .n_bytes = 5, .trailers = OK};
    struct grpc_peer *peer = grpc_peer_start(&step, 1);
    weir_transport transport = open_with(grpc_peer_url(peer), NULL, &PLAIN);
    for (int i = 0; i < 10; i++) {
        struct result result = call(&transport, S(20));
        cr_expect(eq(int, result.error, 0), "%s", result.detail.message);
    }
    cr_expect(eq(sz, grpc_peer_n_requests(peer), 10));
    cr_expect(eq(sz, grpc_peer_n_connections(peer), http_keeps_cleartext_http2() ? 1 : 10));
    transport.destroy(transport.data);
    grpc_peer_stop(peer);
}

Test(transport_grpc, sends_a_large_request) {
    const struct grpc_step step = {.trailers = OK};
    struct grpc_peer *peer = grpc_peer_start(&step, 1);
    weir_transport transport = open_with(grpc_peer_url(peer), NULL, &PLAIN);
    size_t n_large = 900000, n_bytes, n_out;
    uint8_t *large = calloc(1, n_large);
    const uint8_t *out;
    struct result result = {.detail = WEIR_ERROR_DETAIL_INIT};
    large[n_large - 1] = 'x';
    cr_assert(eq(int, transport.prepare(transport.data, large, n_large, &out, &n_out, NULL), 0));
    cr_expect(eq(int,
                 transport.post(transport.data, out, n_out, clock_now_ns() + S(20),
                                &result.response, &result.detail),
                 0));
    const uint8_t *body = grpc_peer_body(peer, 0, &n_bytes);
    cr_assert(eq(sz, n_bytes, n_large + 5));
    cr_expect(eq(int, body[n_bytes - 1], 'x'));
    free(large);
    transport.destroy(transport.data);
    grpc_peer_stop(peer);
}

/* ---- what is answered ---- */

/* Each status comes in trailers, and as trailers-only. */
Test(transport_grpc, every_status_comes_out_with_advice) {
    static const struct {
        const char *status, *said;
    } rows[] = {{"1", "CANCELLED"},
                {"2", "UNKNOWN"},
                {"3", "INVALID_ARGUMENT"},
                {"4", "DEADLINE_EXCEEDED"},
                {"7", "PERMISSION_DENIED: check the credentials"},
                {"8", "RESOURCE_EXHAUSTED: it gets more"},
                {"12", "UNIMPLEMENTED: is it an OTLP/gRPC endpoint"},
                {"14", "UNAVAILABLE: it is overloaded"},
                {"16", "UNAUTHENTICATED: check the credentials"}};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        const char *const lines[] = {"grpc-status", rows[i].status, "grpc-message", "no%20way",
                                     NULL};
        for (int is_head = 0; is_head < 2; is_head++) {
            const struct grpc_step step = {.head = is_head ? lines : NULL,
                                           .trailers = is_head ? NULL : lines};
            struct result result = post_once(&step, S(20));
            cr_expect(eq(int, result.error, 0)); /* C7 */
            cr_expect(eq(int, result.response.grpc_status, (int)strtol(rows[i].status, NULL, 10)));
            expect_said(&result, rows[i].said);
            expect_said(&result, "http://127.0.0.1:");
        }
    }
}

Test(transport_grpc, the_message_reaches_the_exporter_as_a_status) {
    const char *const lines[] = {"grpc-status", "3", "grpc-message", "no%20way", NULL};
    struct grpc_peer *peer = grpc_peer_start(&(struct grpc_step){.trailers = lines}, 1);
    weir_transport transport = open_with(grpc_peer_url(peer), NULL, &PLAIN);
    struct result result = call(&transport, S(20));
    struct response_status status;
    cr_assert(
        eq(int, response_read_status(result.response.body, result.response.n_bytes, &status), 0));
    cr_expect(eq(i64, status.code, 3));
    expect_text(expect_terminated(status.message.bytes, status.message.n_bytes), "no way");
    transport.destroy(transport.data);
    grpc_peer_stop(peer);
}

Test(transport_grpc, retry_info_makes_exhaustion_worth_a_retry) {
    const char *const with[] = {
        "grpc-status", "8", "grpc-status-details-bin",
        "CAgaMAoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLlJldHJ5SW5mbxIECgIIBQ", NULL};
    const char *const without[] = {"grpc-status", "8", NULL};
    struct result result = post_once(&(struct grpc_step){.trailers = with}, S(20));
    cr_expect(result.response.has_retry_info); /* C18 */
    cr_expect(eq(i64, result.response.retry_after_ms, 5000));
    cr_expect(eq(int, retry_judge(0, &result.response), RETRY_AGAIN)); /* C17 */
    result = post_once(&(struct grpc_step){.trailers = without}, S(20));
    cr_expect(eq(i64, result.response.retry_after_ms, -1));
    cr_expect(eq(int, retry_judge(0, &result.response), RETRY_GIVE_UP));
}

Test(transport_grpc, an_answer_of_http_alone_is_translated) {
    const struct grpc_step gateway = {
        .http_status = "503", .content_type = "text/html", .body = "<html>", .n_bytes = 6};
    struct result result = post_once(&gateway, S(20));
    cr_expect(eq(int, result.response.grpc_status, GRPC_UNAVAILABLE)); /* C8 */
    expect_said(&result, "answered 503, and not in gRPC");
    const struct grpc_step other = {.content_type = "text/plain", .body = "hello", .n_bytes = 5};
    result = post_once(&other, S(20));
    cr_expect(eq(int, result.response.grpc_status, GRPC_UNKNOWN));
    expect_said(&result, "answered 200, and not in gRPC");
}

/* ---- the limits of an answer ---- */

Test(transport_grpc, limits_the_answer) {
    struct delivery delivery = PLAIN;
    delivery.max_response_bytes = 100;
    char *body = calloc(1, 200);
    body[4] = 96; /* one more than fits with the frame's five */
    struct grpc_step step = {.body = body, .n_bytes = 101, .trailers = OK};
    struct grpc_peer *peer = grpc_peer_start(&step, 1);
    weir_transport transport = open_with(grpc_peer_url(peer), NULL, &delivery);
    struct result result = call(&transport, S(20));
    cr_expect(eq(int, result.error, WEIR_E_TOO_LARGE)); /* C22 */
    expect_said(&result, "too large");
    transport.destroy(transport.data);
    grpc_peer_stop(peer);
    free(body);
}

/* ---- resets, and no answer ---- */

Test(transport_grpc, a_reset_stream_has_its_status) {
    static const struct {
        uint32_t code;
        int status;
    } rows[] = {{0x2, GRPC_INTERNAL},
                {0x8, GRPC_CANCELLED},
                {0xb, GRPC_RESOURCE_EXHAUSTED},
                {0xc, GRPC_PERMISSION_DENIED}};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        const struct grpc_step step = {.act = GRPC_PEER_RESET, .reset_code = rows[i].code};
        struct result result = post_once(&step, S(20));
        cr_expect(eq(int, result.error, 0), "%s", result.detail.message); /* C9 */
        cr_expect(result.response.has_grpc_status);
        cr_expect(eq(int, result.response.grpc_status, rows[i].status), "%s",
                  result.detail.message);
        expect_said(&result, "gave up the request (HTTP/2 error");
    }
}

/* libcurl itself tries a refused stream again, on another connection. */
Test(transport_grpc, a_refused_stream_is_tried_again) {
    const struct grpc_step steps[] = {{.act = GRPC_PEER_RESET, .reset_code = 0x7},
                                      {.trailers = OK}};
    struct grpc_peer *peer = grpc_peer_start(steps, 2);
    weir_transport transport = open_with(grpc_peer_url(peer), NULL, &PLAIN);
    struct result result = call(&transport, S(20));
    bool is_again = result.error == 0 ? result.response.grpc_status == GRPC_OK ||
                                            retry_judge(0, &result.response) == RETRY_AGAIN
                                      : result.error == WEIR_E_IO;
    cr_expect(is_again, "%d %s", result.error, result.detail.message);
    transport.destroy(transport.data);
    grpc_peer_stop(peer);
}

Test(transport_grpc, broken_connections_are_worth_a_retry) {
    static const enum grpc_act acts[] = {GRPC_PEER_GOAWAY, GRPC_PEER_CLOSE, GRPC_PEER_HALF};
    for (size_t i = 0; i < ARRAY_LENGTH(acts); i++) { /* C10 */
        struct result result =
            post_once(&(struct grpc_step){.act = acts[i], .body = "\0\0", .n_bytes = 2}, S(20));
        cr_expect(eq(int, retry_judge(result.error, &result.response), RETRY_AGAIN), "%zu: %d %s",
                  i, result.error, result.detail.message);
    }
}

/* The connection stays open: it is not its end that tells. libcurl, or who asks again, has the
 * answer over a new one; or the error is one to retry. */
Test(transport_grpc, a_stream_above_the_last_one_is_not_waited_for) {
    const struct grpc_step steps[] = {
        {.act = GRPC_PEER_GOAWAY_OPEN},
        {.body = "\0\0\0\0\0", .n_bytes = 5, .trailers = OK},
    };
    struct grpc_peer *peer = grpc_peer_start(steps, 2);
    weir_transport transport = open_with(grpc_peer_url(peer), NULL, &PLAIN);
    uint64_t began = clock_now_ns();
    struct result result = call(&transport, S(50));
    if (retry_judge(result.error, &result.response) == RETRY_AGAIN) {
        result = call(&transport, S(50));
    }
    cr_assert(eq(int, result.error, 0), "%s", result.detail.message);
    cr_expect(eq(int, result.response.grpc_status, GRPC_OK));
    cr_expect(clock_now_ns() - began < S(40)); /* the first one was no time-out (C10) */
    cr_expect(eq(sz, grpc_peer_n_connections(peer), 2));
    transport.destroy(transport.data);
    grpc_peer_stop(peer);
}

/* Where libcurl loses the trailers behind a GOAWAY, what was sent is not given up. */
Test(transport_grpc, the_last_stream_may_finish) {
    const struct grpc_step step = {
        .act = GRPC_PEER_GOAWAY_LAST, .body = "\0\0\0\0\0", .n_bytes = 5, .trailers = OK};
    struct grpc_peer *peer = grpc_peer_start(&step, 1);
    for (size_t i = 1; i <= 2; i++) { /* each by a connection of its own (C10) */
        weir_transport transport = open_with(grpc_peer_url(peer), NULL, &PLAIN);
        struct result result = call(&transport, S(50));
        bool is_delivered = result.error == 0 && result.response.grpc_status == GRPC_OK;
        cr_expect(is_delivered || result.error == WEIR_E_IO, "%d %s", result.error,
                  result.detail.message);
        cr_expect(ne(int, retry_judge(result.error, &result.response), RETRY_GIVE_UP));
        cr_expect(eq(sz, grpc_peer_n_requests(peer), i));
        cr_expect(eq(sz, grpc_peer_n_connections(peer), i));
        transport.destroy(transport.data);
    }
    grpc_peer_stop(peer);
}

/* Not for ever: one gateway strips them all. */
Test(transport_grpc, trailers_that_never_come_are_a_status) { /* (C7, B33) */
    const struct grpc_step step = {.body = "\0\0\0\0\0", .n_bytes = 5};
    struct grpc_peer *peer = grpc_peer_start(&step, 1);
    weir_transport transport = open_with(grpc_peer_url(peer), NULL, &PLAIN);
    cr_expect(eq(int, call(&transport, S(50)).error, WEIR_E_IO));
    for (int i = 0; i < 2; i++) {
        struct result result = call(&transport, S(50));
        cr_expect(eq(int, result.error, 0));
        cr_expect(eq(int, retry_judge(result.error, &result.response), RETRY_GIVE_UP));
    }
    transport.destroy(transport.data);
    grpc_peer_stop(peer);
}

/* The peer's count of pings is one that counts. */
static void expect_ping_counted(struct grpc_peer *peer) {
    static const char hello[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                                "\0\0\0\4\0\0\0\0\0"            /* SETTINGS */
                                "\0\0\x08\6\0\0\0\0\0_ping_it"; /* PING */
    enum { ANSWER_BYTES = 9 + 9 + 17 }; /* SETTINGS, its acknowledgement, and that of the PING */
    char answer[ANSWER_BYTES];
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)strtol(strrchr(grpc_peer_url(peer), ':') + 1, NULL, 10)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert(eq(int, connect(fd, (struct sockaddr *)&address, sizeof address), 0));
    cr_assert(eq(sz, (size_t)send(fd, hello, sizeof hello - 1, 0), sizeof hello - 1));
    cr_assert(eq(sz, (size_t)recv(fd, answer, sizeof answer, MSG_WAITALL), sizeof answer));
    cr_expect(eq(sz, grpc_peer_n_pings(peer), 1));
    close(fd);
}

/* Not with a call, not while its answer does not come (C26). */
Test(transport_grpc, never_pings) {
    const struct grpc_step steps[] = {{.body = "\0\0\0\0\0", .n_bytes = 5, .trailers = OK},
                                      {.act = GRPC_PEER_SILENT}};
    struct grpc_peer *peer = grpc_peer_start(steps, 2);
    weir_transport transport = open_with(grpc_peer_url(peer), NULL, &PLAIN);
    cr_expect(eq(int, call(&transport, S(20)).error, 0));
    cr_expect(eq(int, call(&transport, MS(500)).error, WEIR_E_TIMEOUT));
    transport.destroy(transport.data);
    cr_expect(eq(sz, grpc_peer_n_requests(peer), 2));
    cr_expect(eq(sz, grpc_peer_n_pings(peer), 0));
    expect_ping_counted(peer);
    grpc_peer_stop(peer);
}

Test(transport_grpc, silence_lasts_until_the_deadline) {
    uint64_t began = clock_now_ns();
    struct result result = post_once(&(struct grpc_step){.act = GRPC_PEER_SILENT}, MS(200));
    expect_in_time(&result, began, MS(200));
}

Test(transport_grpc, a_server_of_http_1_is_told_apart) {
    const struct peer_step step = {.act = PEER_ANSWER, .status = 400};
    struct peer *peer = peer_start(&step, 1);
    weir_transport transport = open_with(peer_url(peer), NULL, &PLAIN);
    struct result result = call(&transport, S(5));
    cr_expect(result.error != 0);
    expect_said(&result, "does it speak gRPC (4317)? The port of OTLP/HTTP (4318) wants");
    transport.destroy(transport.data);
    peer_stop(peer);
}

Test(transport_grpc, a_grpc_server_is_told_apart_by_http) {
    const struct grpc_step step = {.trailers = OK};
    struct grpc_peer *peer = grpc_peer_start(&step, 1);
    struct delivery delivery = PLAIN;
    char url[128];
    delivery.protocol = WEIR_OTLP_PROTOCOL_HTTP_PROTOBUF;
    snprintf(url, sizeof url, "%s/v1/traces", grpc_peer_url(peer));
    const struct endpoint endpoint = {.url = url, .shown = url, .delivery = delivery};
    weir_transport transport;
    cr_assert(eq(int, transport_http_open(&endpoint, &transport, NULL), 0));
    struct result result = call(&transport, S(5));
    cr_expect(eq(int, result.error, WEIR_E_INVALID));
    expect_said(&result, "is it the port of OTLP/gRPC (4317)");
    transport.destroy(transport.data);
    grpc_peer_stop(peer);
}

/* ---- in steps ---- */

Test(transport_grpc, calls_in_steps) {
    const struct grpc_step step = {.trailers = OK};
    struct grpc_peer *peer = grpc_peer_start(&step, 1);
    weir_transport transport = open_with(grpc_peer_url(peer), NULL, &PLAIN);
    for (int i = 0; i < 3; i++) {
        const uint8_t *body;
        size_t n_bytes;
        cr_assert(
            eq(int,
               transport.prepare(transport.data, (const uint8_t *)"body", 4, &body, &n_bytes, NULL),
               0));
        cr_assert(eq(int, transport.start(transport.data, body, n_bytes, UINT64_MAX), 0));
        struct result result = finish_in_steps(&transport, NULL);
        cr_expect(eq(int, result.error, 0), "%s", result.detail.message);
        cr_expect(eq(int, result.response.grpc_status, GRPC_OK));
    }
    cr_expect(grpc_peer_header(peer, 0, "grpc-timeout") == NULL); /* there is no deadline */
    transport.destroy(transport.data);
    grpc_peer_stop(peer);
}

Test(transport_grpc, opening_survives_failing_allocation_at_every_step) {
    char url[] = "http://127.0.0.1:1/x";
    const struct endpoint endpoint = {.url = url, .shown = url, .delivery = PLAIN};
    FAULT_FOR_EACH_ALLOCATION(n) {
        weir_transport transport;
        int error = transport_grpc_open(&endpoint, &transport, NULL);
        cr_assert(eq(int, error, fault_has_struck() ? WEIR_E_NO_MEMORY : 0));
        if (error == 0) {
            transport.destroy(transport.data);
        }
    }
}

/* ---- through a proxy ---- */

/* Without TLS too: HTTP/2 passes through a proxy as through a tunnel only. What is for the endpoint
 * is not for the proxy. */
Test(transport_grpc, goes_through_a_tunnel) {
    const struct grpc_step step = {.body = "\0\0\0\0\0", .n_bytes = 5, .trailers = OK};
    struct grpc_peer *peer = grpc_peer_start(&step, 1);
    struct tunnel *tunnel = tunnel_start(200);
    char proxy[64], secret[] = "Authorization: Bearer secret";
    char *headers[] = {secret, NULL};
    struct delivery delivery = PLAIN;
    unsetenv("no_proxy");
    snprintf(proxy, sizeof proxy, "http://u:pw@%s", tunnel_url(tunnel) + 7);
    delivery.proxy = proxy;
    weir_transport transport = open_with(grpc_peer_url(peer), headers, &delivery);
    for (size_t i = 0; i < 2; i++) {
        struct result result = call(&transport, S(20));
        cr_assert(eq(int, result.error, 0), "%s", result.detail.message);
        cr_expect(eq(int, result.response.grpc_status, GRPC_OK));
    }
    expect_header(peer, "authorization", "Bearer secret");
    cr_expect(grpc_peer_header(peer, 0, "proxy-authorization") == NULL);
    char line[64];
    int n = snprintf(line, sizeof line, "CONNECT %s HTTP/1.1\r\n", grpc_peer_url(peer) + 7);
    const char *head = tunnel_head(tunnel);
    cr_expect(strncmp(head, line, (size_t)n) == 0, "%s", head);
    cr_expect(strstr(head, "Proxy-Authorization: Basic dTpwdw==\r\n") != NULL, "%s", head);
    cr_expect(strstr(head, "secret") == NULL, "%s", head);
    transport.destroy(transport.data);
    tunnel_stop(tunnel);
    grpc_peer_stop(peer);
}

Test(transport_grpc, a_proxy_that_opens_no_tunnel_is_named) {
    struct tunnel *tunnel = tunnel_start(407);
    char proxy[64];
    struct delivery delivery = PLAIN;
    unsetenv("no_proxy");
    snprintf(proxy, sizeof proxy, "%s", tunnel_url(tunnel));
    delivery.proxy = proxy;
    weir_transport transport = open_with("http://127.0.0.1:1", NULL, &delivery);
    struct result result = call(&transport, S(20));
    cr_expect(eq(int, result.error, WEIR_E_IO));
    expect_said(&result, "407");
    expect_said(&result, "the proxy opens no tunnel to it");
    transport.destroy(transport.data);
    tunnel_stop(tunnel);
}
