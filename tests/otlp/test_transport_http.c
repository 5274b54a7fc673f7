#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/error.h>

#include "otlp/bounds.h"
#include "otlp/common/clock.h"
#include "otlp/common/macro.h"
#include "otlp/deps/gzip.h"
#include "otlp/deps/zstd.h"
#include "otlp/response.h"
#include "otlp/transport.h"
#include "tests/support/clock.h"
#include "tests/support/expect.h"
#include "tests/support/fault.h"
#include "tests/support/names.h"
#include "tests/support/peer.h"
#include "tests/support/temp.h"

static void begin(void) {
    setenv("no_proxy", "*", 1); /* whatever the machine is set up for */
}
TestSuite(transport_http, .init = begin, .timeout = 60);

/* ---- a transport to a peer ---- */

static const struct delivery PLAIN = {
    .protocol = WEIR_OTLP_PROTOCOL_HTTP_PROTOBUF,
    .compression = WEIR_OTLP_COMPRESSION_NONE,
    .min_tls_version = WEIR_OTLP_TLS_1_2,
    .max_request_bytes = HTTP_MAX_REQUEST_BYTES,
    .max_response_bytes = HTTP_MAX_RESPONSE_BYTES,
};

static weir_transport open_with(const char *url, char **header_lines,
                                const struct delivery *delivery) {
    weir_transport transport;
    char own[256], shown[256];
    snprintf(own, sizeof own, "%s", url);
    snprintf(shown, sizeof shown, "%s", url);
    const struct endpoint endpoint = {
        .url = own, .shown = shown, .headers = {.lines = header_lines}, .delivery = *delivery};
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_assert(eq(int, transport_http_open(&endpoint, &transport, &detail), 0), "%s",
              detail.message);
    return transport;
}

static weir_transport open_to(const char *url, char **header_lines) {
    return open_with(url, header_lines, &PLAIN);
}

struct result {
    int error;
    weir_transport_response response;
    weir_error_detail detail;
};

static struct result post(const weir_transport *transport, const void *body, size_t n_bytes,
                          uint64_t ns) {
    struct result result = {.detail = WEIR_ERROR_DETAIL_INIT};
    result.error = transport->post(transport->data, body, n_bytes, clock_now_ns() + ns,
                                   &result.response, &result.detail);
    return result;
}

/* One post of "body" to a new peer that does this step. */
static struct result post_once(const struct peer_step *step, uint64_t ns) {
    struct peer *peer = peer_start(step, 1);
    weir_transport transport = open_to(peer_url(peer), NULL);
    struct result result = post(&transport, "body", 4, ns);
    transport.destroy(transport.data);
    peer_stop(peer);
    return result;
}

static void expect_said(const struct result *result, const char *part) {
    cr_expect(strstr(result->detail.message, part) != NULL, "\"%s\" is not in \"%s\"", part,
              result->detail.message);
}

/* ---- what is sent ---- */

Test(transport_http, posts_protobuf_with_its_headers) {
    const struct peer_step steps[] = {{.body = "\x0a\x00", .n_bytes = 2}};
    struct peer *peer = peer_start(steps, 1);
    char url[128], one[] = "x-one: 1", empty[] = "x-empty: ";
    char *headers[] = {one, empty, NULL};
    snprintf(url, sizeof url, "%s/v1/traces?a=b", peer_url(peer));
    weir_transport transport = open_to(url, headers);
    struct result result = post(&transport, "\0\1\2\3", 4, S(20));
    cr_assert(eq(int, result.error, 0), "%s", result.detail.message);
    cr_expect(eq(int, result.response.http_status, 200));
    cr_expect(eq(i64, result.response.retry_after_ms, -1));
    cr_expect(eq(sz, result.response.n_bytes, 2));
    cr_expect(eq(int, memcmp(result.response.body, "\x0a\x00", 2), 0));

    const char *head = peer_head(peer, 0);
    cr_expect(strncmp(head, "POST /v1/traces?a=b HTTP/1.1\r\n", 30) == 0, "%s", head);
    cr_expect(peer_head_has(head, "Content-Type", "application/x-protobuf"), "%s", head);
    cr_expect(peer_head_has(head, "Content-Length", "4"), "%s", head);
    cr_expect(peer_head_has(head, "User-Agent", "OTel-OTLP-Exporter-C/" WEIR_VERSION), "%s", head);
    cr_expect(peer_head_has(head, "x-one", "1"), "%s", head);
    cr_expect(peer_head_has(head, "x-empty", ""), "%s", head);
    cr_expect(peer_head_has(head, "Expect", NULL), "%s", head);
    cr_expect(peer_head_has(head, "Accept-Encoding", "gzip"), "%s", head); /* B6 */
    cr_expect(peer_head_has(head, "Content-Encoding", NULL), "%s", head);
    size_t n_bytes;
    const uint8_t *body = peer_body(peer, 0, &n_bytes);
    cr_assert(eq(sz, n_bytes, 4));
    cr_expect(eq(int, memcmp(body, "\0\1\2\3", 4), 0));
    transport.destroy(transport.data);
    peer_stop(peer);
}

Test(transport_http, keeps_its_connection) {
    const struct peer_step steps[] = {{.status = 200}, {.status = 503}, {.status = 200}};
    struct peer *peer = peer_start(steps, 3);
    weir_transport transport = open_to(peer_url(peer), NULL);
    for (int i = 0; i < 5; i++) {
        cr_expect(eq(int, post(&transport, "body", 4, S(20)).error, 0));
    }
    cr_expect(eq(sz, peer_n_requests(peer), 5));
    cr_expect(eq(sz, peer_n_connections(peer), 1));
    transport.destroy(transport.data);
    peer_stop(peer);
}

Test(transport_http, sends_large_and_empty_bodies) {
    const struct peer_step steps[] = {{.status = 200}};
    struct peer *peer = peer_start(steps, 1);
    weir_transport transport = open_to(peer_url(peer), NULL);
    size_t n_large = 3 << 20, n_bytes;
    char *large = calloc(1, n_large);
    large[n_large - 1] = 'x';
    cr_expect(eq(int, post(&transport, large, n_large, S(20)).error, 0));
    const uint8_t *body = peer_body(peer, 0, &n_bytes);
    cr_assert(eq(sz, n_bytes, n_large));
    cr_expect(eq(int, body[n_large - 1], 'x'));
    cr_expect(peer_head_has(peer_head(peer, 0), "Expect", NULL));
    cr_expect(eq(int, post(&transport, NULL, 0, S(20)).error, 0));
    cr_expect(peer_head_has(peer_head(peer, 1), "Content-Length", "0"));
    free(large);
    transport.destroy(transport.data);
    peer_stop(peer);
}

Test(transport_http, user_and_password_of_the_url_become_a_header) {
    const struct peer_step steps[] = {{.status = 200}};
    struct peer *peer = peer_start(steps, 1);
    char url[128];
    snprintf(url, sizeof url, "http://user:pw@%s/", peer_url(peer) + 7);
    weir_transport transport = open_to(url, NULL);
    cr_expect(eq(int, post(&transport, "body", 4, S(20)).error, 0));
    cr_expect(peer_head_has(peer_head(peer, 0), "Authorization", "Basic dXNlcjpwdw=="));
    transport.destroy(transport.data);
    peer_stop(peer);
}

Test(transport_http, refuses_a_request_over_the_limit) {
    weir_transport transport = open_to("http://127.0.0.1:1/", NULL);
    struct result result = {.detail = WEIR_ERROR_DETAIL_INIT};
    const uint8_t *out = NULL;
    size_t n_out = 0;
    cr_expect(
        eq(int,
           transport.prepare(transport.data, (const uint8_t *)"",
                             (size_t)HTTP_MAX_REQUEST_BYTES + 1, &out, &n_out, &result.detail),
           WEIR_E_TOO_LARGE));
    cr_expect(out == NULL);
    expect_said(&result, "over max_request_bytes (67108864): make requests smaller");
    transport.destroy(transport.data);
}

/* ---- what is answered ---- */

Test(transport_http, passes_every_status_on_with_advice) {
    static const struct {
        int status;
        const char *said;
    } rows[] = {
        {400, "answered 400: is it an OTLP/HTTP endpoint?"},
        {401, "answered 401: check the credentials"},
        {403, "answered 403: check the credentials"},
        {404, "answered 404: check the path"},
        {413, "answered 413: make requests smaller"},
        {418, "answered 418"},
        {429, "answered 429: it gets more"},
        {500, "answered 500"},
        {502, "answered 502: a proxy"},
        {503, "answered 503: it is overloaded"},
        {504, "answered 504: a proxy"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        const struct peer_step step = {.status = rows[i].status, .body = "\x08\x03", .n_bytes = 2};
        struct result result = post_once(&step, S(20));
        cr_expect(eq(int, result.error, 0));
        cr_expect(eq(int, result.response.http_status, rows[i].status));
        cr_expect(eq(sz, result.response.n_bytes, 2));
        expect_said(&result, rows[i].said);
        expect_said(&result, "http://127.0.0.1:");
    }
}

Test(transport_http, a_success_says_nothing) {
    static const int statuses[] = {200, 202, 204};
    for (size_t i = 0; i < ARRAY_LENGTH(statuses); i++) {
        struct result result = post_once(&(struct peer_step){.status = statuses[i]}, S(20));
        cr_expect(eq(int, result.response.http_status, statuses[i]));
        expect_text(result.detail.message, "");
    }
}

Test(transport_http, reads_retry_after_in_both_forms) {
    struct peer_step step = {.status = 503, .headers = "Retry-After: 7\r\n"};
    cr_expect(eq(i64, post_once(&step, S(20)).response.retry_after_ms, 7000));
    step.headers = "retry-after:  Fri, 31 Dec 9999 23:59:59 GMT \r\n";
    cr_expect(eq(i64, post_once(&step, S(20)).response.retry_after_ms, 86400000));
    step.headers = "RETRY-AFTER: soon\r\n";
    cr_expect(eq(i64, post_once(&step, S(20)).response.retry_after_ms, -1));
}

Test(transport_http, follows_no_redirect_but_names_the_new_address) {
    const struct peer_step steps[] = {{.status = 200}};
    struct peer *other = peer_start(steps, 1);
    char headers[128], said[128];
    snprintf(headers, sizeof headers, "Location: %s/new\r\n", peer_url(other));
    snprintf(said, sizeof said, "moved to %s/new: set the endpoint to it", peer_url(other));
    static const int statuses[] = {301, 302, 303, 307, 308};
    for (size_t i = 0; i < ARRAY_LENGTH(statuses); i++) {
        struct result result =
            post_once(&(struct peer_step){.status = statuses[i], .headers = headers}, S(20));
        cr_expect(eq(int, result.response.http_status, statuses[i]));
        expect_said(&result, said);
    }
    cr_expect(eq(sz, peer_n_connections(other), 0));
    peer_stop(other);
}

Test(transport_http, a_new_address_stays_on_one_line) {
    struct result result = post_once(
        &(struct peer_step){.status = 301, .headers = "Location: http://x/\x1b[31m\tz\r\n"}, S(20));
    cr_expect(eq(int, result.error, 0));
    cr_expect(strpbrk(result.detail.message, "\x1b\t\r\n") == NULL);
}

/* ---- JSON ---- */

static const char JSON_PARTIAL[] =
    "{\"partialSuccess\":{\"rejectedSpans\":\"7\",\"errorMessage\":\"quota\"}}";

/* One post of a transport with this delivery, prepared, to a new peer. */
static struct result prepare_and_post(const struct peer_step *step, const struct delivery *delivery,
                                      struct peer **out_peer, weir_transport *out) {
    struct peer *peer = peer_start(step, 1);
    struct result result = {.detail = WEIR_ERROR_DETAIL_INIT};
    const uint8_t *body;
    size_t n_bytes;
    *out = open_with(peer_url(peer), NULL, delivery);
    cr_assert(eq(int,
                 out->prepare(out->data, (const uint8_t *)"\x0a\x02\x0a\x00", 4, &body, &n_bytes,
                              &result.detail),
                 0));
    result = post(out, body, n_bytes, S(20));
    *out_peer = peer;
    return result;
}

static struct delivery json_delivery(void) {
    struct delivery delivery = PLAIN;
    delivery.protocol = WEIR_OTLP_PROTOCOL_HTTP_JSON;
    return delivery;
}

Test(transport_http, posts_json_and_reads_its_answer) {
    struct peer *peer;
    weir_transport transport;
    struct response_partial partial;
    const struct delivery delivery = json_delivery();
    const struct peer_step step = {.body = JSON_PARTIAL, .n_bytes = sizeof JSON_PARTIAL - 1};
    struct result result = prepare_and_post(&step, &delivery, &peer, &transport);
    cr_assert(eq(int, result.error, 0));
    cr_assert(peer_head_has(peer_head(peer, 0), "Content-Type", "application/json")); /* B4 */
    size_t n_bytes;
    const uint8_t *body = peer_body(peer, 0, &n_bytes);
    expect_text(expect_terminated((const char *)body, n_bytes),
                "{\"resourceSpans\":[{\"resource\":{}}]}");
    cr_assert(
        eq(int, response_read_partial(result.response.body, result.response.n_bytes, &partial), 0));
    cr_expect(eq(i64, partial.n_rejected, 7)); /* B12, B20 */
    expect_text(expect_terminated(partial.message.bytes, partial.message.n_bytes), "quota");
    transport.destroy(transport.data);
    peer_stop(peer);
}

Test(transport_http, reads_a_status_in_json) {
    struct peer *peer;
    weir_transport transport;
    struct response_status status;
    const struct delivery delivery = json_delivery();
    const struct peer_step step = {
        .status = 400, .body = "{\"code\":3,\"message\":\"bad\"}", .n_bytes = 26};
    struct result result = prepare_and_post(&step, &delivery, &peer, &transport);
    cr_expect(eq(int, result.response.http_status, 400));
    cr_assert(eq(int, response_read_status(result.response.body, result.response.n_bytes, &status),
                 0)); /* B23 */
    cr_expect(eq(i64, status.code, 3));
    expect_text(expect_terminated(status.message.bytes, status.message.n_bytes), "bad");
    transport.destroy(transport.data);
    peer_stop(peer);
}

Test(transport_http, an_answer_that_is_no_json_stays_strange) {
    struct peer *peer;
    weir_transport transport;
    struct response_partial partial;
    const struct delivery delivery = json_delivery();
    const struct peer_step step = {.body = "<html>", .n_bytes = 6};
    struct result result = prepare_and_post(&step, &delivery, &peer, &transport);
    cr_expect(response_read_partial(result.response.body, result.response.n_bytes, &partial) != 0);
    transport.destroy(transport.data);
    peer_stop(peer);
}

/* ---- compression ---- */

Test(transport_http, says_how_the_body_is_compressed) {
    static const struct {
        weir_otlp_compression compression;
        const char *name, *magic;
        size_t n_magic;
    } rows[] = {{WEIR_OTLP_COMPRESSION_GZIP, "gzip", "\x1f\x8b", 2},
                {WEIR_OTLP_COMPRESSION_ZSTD, "zstd", "\x28\xb5\x2f\xfd", 4}};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        if (i == 0 ? !gzip_is_built() : !zstd_is_built()) {
            continue;
        }
        struct peer *peer;
        weir_transport transport;
        struct delivery delivery = PLAIN;
        delivery.compression = rows[i].compression;
        (void)prepare_and_post(&(struct peer_step){.status = 200}, &delivery, &peer, &transport);
        cr_expect(peer_head_has(peer_head(peer, 0), "Content-Encoding", rows[i].name)); /* B5 */
        cr_expect(peer_head_has(peer_head(peer, 0), "Content-Type", "application/x-protobuf"));
        size_t n_bytes;
        const uint8_t *body = peer_body(peer, 0, &n_bytes);
        cr_assert(gt(sz, n_bytes, 4));
        cr_expect(eq(int, memcmp(body, rows[i].magic, rows[i].n_magic), 0));
        transport.destroy(transport.data);
        peer_stop(peer);
    }
}

/* `n_zeros` of them in gzip; to be freed by buf_deinit. */
static struct buf packed_zeros(size_t n_zeros) {
    struct buf packed;
    struct gzip *gzip = gzip_new();
    uint8_t *zeros = calloc(1, n_zeros);
    buf_init(&packed, 2 * n_zeros);
    cr_assert(eq(int, gzip_pack(gzip, zeros, n_zeros, &packed), 0));
    free(zeros);
    gzip_free(gzip);
    return packed;
}

Test(transport_http, unpacks_an_answer_within_the_bound) {
    if (!gzip_is_built()) {
        cr_skip_test("gzip is not built in");
    }
    struct buf packed = packed_zeros(HTTP_MAX_RESPONSE_BYTES);
    struct peer_step step = {
        .headers = "Content-Encoding: gzip\r\n", .body = packed.data, .n_bytes = packed.n_bytes};
    struct peer *peer = peer_start(&step, 1);
    weir_transport transport = open_to(peer_url(peer), NULL);
    struct result result = post(&transport, "body", 4, S(20));
    cr_expect(eq(int, result.error, 0));
    cr_expect(eq(sz, result.response.n_bytes, HTTP_MAX_RESPONSE_BYTES)); /* B6 */
    transport.destroy(transport.data);
    peer_stop(peer);
    buf_deinit(&packed);
}

Test(transport_http, a_small_answer_that_unpacks_to_much_is_too_much) {
    if (!gzip_is_built()) {
        cr_skip_test("gzip is not built in");
    }
    struct buf bomb = packed_zeros((size_t)HTTP_MAX_RESPONSE_BYTES + 1);
    cr_expect(lt(sz, bomb.n_bytes, 1 << 16));
    struct peer_step step = {
        .headers = "Content-Encoding: gzip\r\n", .body = bomb.data, .n_bytes = bomb.n_bytes};
    cr_expect(eq(int, post_once(&step, S(20)).error, WEIR_E_TOO_LARGE)); /* B8 */
    step.n_bytes /= 2;
    step.body = "not gzip at all";
    step.n_bytes = 15;
    struct result result = post_once(&step, S(20));
    cr_expect(eq(int, result.error, WEIR_E_INVALID));
    expect_said(&result, "cannot be unpacked");
    buf_deinit(&bomb);
}

/* ---- roads and names ---- */

Test(transport_http, has_a_product_in_front_of_its_name) {
    struct peer *peer;
    weir_transport transport;
    struct delivery delivery = PLAIN;
    delivery.product = "shop/1.2";
    (void)prepare_and_post(&(struct peer_step){.status = 200}, &delivery, &peer, &transport);
    cr_expect(peer_head_has(peer_head(peer, 0), "User-Agent",
                            "shop/1.2 OTel-OTLP-Exporter-C/" WEIR_VERSION)); /* B40 */
    transport.destroy(transport.data);
    peer_stop(peer);
}

Test(transport_http, takes_the_bounds_it_was_given) {
    struct peer *peer;
    weir_transport transport;
    struct delivery delivery = PLAIN;
    delivery.max_response_bytes = 3;
    struct result result = prepare_and_post(&(struct peer_step){.body = "abcd", .n_bytes = 4},
                                            &delivery, &peer, &transport);
    cr_expect(eq(int, result.error, WEIR_E_TOO_LARGE)); /* D19 */
    transport.destroy(transport.data);
    peer_stop(peer);
}

Test(transport_http, goes_through_a_proxy) {
    const struct peer_step steps[] = {{.status = 200}};
    struct peer *proxy = peer_start(steps, 1);
    struct delivery delivery = PLAIN;
    char url[128];
    unsetenv("no_proxy");
    snprintf(url, sizeof url, "http://u:secret@%s", peer_url(proxy) + 7);
    delivery.proxy = url;
    weir_transport transport = open_with("http://collector.test:4318/v1/traces", NULL, &delivery);
    cr_expect(eq(int, post(&transport, "body", 4, S(20)).error, 0));
    const char *head = peer_head(proxy, 0);
    cr_expect(strncmp(head, "POST http://collector.test:4318/v1/traces HTTP/1.1\r\n", 52) == 0,
              "%s", head);
    cr_expect(peer_head_has(head, "Proxy-Authorization", "Basic dTpzZWNyZXQ="));
    transport.destroy(transport.data);
    peer_stop(proxy);
}

Test(transport_http, a_proxy_that_is_not_there_shows_no_secret) {
    struct delivery delivery = PLAIN;
    char url[128];
    unsetenv("no_proxy");
    snprintf(url, sizeof url, "http://u:secret@127.0.0.1:%d", peer_closed_port());
    delivery.proxy = url;
    weir_transport transport = open_with("http://collector.test:4318/", NULL, &delivery);
    struct result result = post(&transport, "body", 4, S(20));
    cr_expect(eq(int, result.error, WEIR_E_IO));
    cr_expect(strstr(result.detail.message, "secret") == NULL, "%s", result.detail.message);
    transport.destroy(transport.data);
    delivery.proxy = "http://u:secret@unknown.test:1";
    transport = open_with("http://collector.test:4318/", NULL, &delivery);
    result = post(&transport, "body", 4, S(20));
    cr_expect(eq(int, result.error, WEIR_E_IO));
    expect_said(&result, "cannot be reached by the proxy: is its name right");
    cr_expect(strstr(result.detail.message, "secret") == NULL, "%s", result.detail.message);
    transport.destroy(transport.data);
}

Test(transport_http, connects_to_a_unix_socket) {
    const struct peer_step steps[] = {{.status = 200}};
    char *folder CLEANUP(temp_dir_remove) = temp_dir_new();
    char *path CLEANUP(temp_path_free) = temp_path(folder, "s");
    struct peer *peer = peer_start_unix(path, steps, 1);
    struct delivery delivery = PLAIN;
    delivery.unix_socket = path;
    weir_transport transport = open_with("http://collector.test/v1/traces", NULL, &delivery);
    struct result result = post(&transport, "body", 4, S(20));
    cr_expect(eq(int, result.error, 0), "%s", result.detail.message);
    cr_expect(peer_head_has(peer_head(peer, 0), "Host", "collector.test"));
    transport.destroy(transport.data);
    peer_stop(peer);
}

/* ---- files of certificates ---- */

Test(transport_http, says_at_once_which_file_cannot_be_used) {
    weir_transport transport;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    char url[] = "https://127.0.0.1:1/";
    struct endpoint endpoint = {.url = url, .shown = url, .delivery = PLAIN};
    endpoint.delivery.ca = (struct delivery_file){"/nowhere/ca.pem", "ca_file"};
    cr_expect(eq(int, transport_http_open(&endpoint, &transport, &detail), WEIR_E_INVALID));
    cr_expect(strstr(detail.message, "ca_file: /nowhere/ca.pem cannot be read") != NULL, "%s",
              detail.message);
    cr_expect(eq(int, detail.os_error, ENOENT));
    endpoint.delivery.ca = (struct delivery_file){"/dev/null", "OTEL_EXPORTER_OTLP_CERTIFICATE"};
    cr_expect(eq(int, transport_http_open(&endpoint, &transport, &detail), WEIR_E_INVALID));
    cr_expect(strstr(detail.message, "OTEL_EXPORTER_OTLP_CERTIFICATE: /dev/null is no PEM") != NULL,
              "%s", detail.message);
    endpoint.delivery.ca = (struct delivery_file){"/", "ca_file"};
    cr_expect(eq(int, transport_http_open(&endpoint, &transport, &detail), WEIR_E_INVALID));
}

/* ---- no answer ---- */

Test(transport_http, limits_the_answer) {
    struct result result = post_once(&(struct peer_step){.act = PEER_ENDLESS_BODY}, S(20));
    cr_expect(eq(int, result.error, WEIR_E_TOO_LARGE)); /* B8 */
    expect_said(&result, "too large");
    result = post_once(&(struct peer_step){.act = PEER_ENDLESS_HEADERS}, S(20));
    cr_expect(eq(int, result.error, WEIR_E_TOO_LARGE));
    char *most = calloc(1, HTTP_MAX_RESPONSE_BYTES + 1);
    struct peer_step step = {.body = most, .n_bytes = HTTP_MAX_RESPONSE_BYTES};
    cr_expect(eq(int, post_once(&step, S(20)).error, 0));
    step.n_bytes++;
    cr_expect(eq(int, post_once(&step, S(20)).error, WEIR_E_TOO_LARGE));
    free(most);
}

Test(transport_http, broken_connections_are_worth_a_retry) {
    static const enum peer_act acts[] = {PEER_CLOSE, PEER_CLOSE_IN_HEAD, PEER_CLOSE_IN_BODY,
                                         PEER_RESET};
    for (size_t i = 0; i < ARRAY_LENGTH(acts); i++) {
        struct result result = post_once(
            &(struct peer_step){.act = acts[i], .body = "0123456789", .n_bytes = 10}, S(20));
        cr_expect(eq(int, result.error, WEIR_E_IO), "%zu", i);
        expect_said(&result, "http://127.0.0.1:");
    }
}

Test(transport_http, works_again_after_a_broken_connection) {
    const struct peer_step steps[] = {{.status = 200}, {.act = PEER_CLOSE}, {.status = 200}};
    struct peer *peer = peer_start(steps, 3);
    weir_transport transport = open_to(peer_url(peer), NULL);
    cr_expect(eq(int, post(&transport, "body", 4, S(20)).error, 0));
    (void)post(&transport, "body", 4, S(20)); /* libcurl may have tried it once more by itself */
    cr_expect(eq(int, post(&transport, "body", 4, S(20)).error, 0));
    transport.destroy(transport.data);
    peer_stop(peer);
}

Test(transport_http, what_is_no_http_is_given_up) {
    struct result result = post_once(&(struct peer_step){.act = PEER_BABBLE}, S(20));
    cr_expect(eq(int, result.error, WEIR_E_INVALID));
    expect_said(&result, "4317");
}

Test(transport_http, nobody_there) {
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", peer_closed_port());
    weir_transport transport = open_to(url, NULL);
    struct result result = post(&transport, "body", 4, S(20));
    cr_expect(eq(int, result.error, WEIR_E_IO));
    expect_said(&result, "cannot be reached: does a collector listen there");
    transport.destroy(transport.data);
}

Test(transport_http, a_name_nobody_knows) {
    weir_transport transport = open_to("http://unknown.test:4318/", NULL);
    struct result result = post(&transport, "body", 4, S(20));
    cr_expect(eq(int, result.error, WEIR_E_IO));
    expect_said(&result, "cannot be resolved: is the host's name right");
    transport.destroy(transport.data);
}

/* The transport gave up by its deadline, and the machine was not so loaded as to hide a hang. */
static void expect_in_time(const struct result *result, uint64_t began_ns, uint64_t allowed_ns) {
    uint64_t took = clock_now_ns() - began_ns;
    cr_expect(eq(int, result->error, WEIR_E_TIMEOUT));
    cr_expect(took >= allowed_ns && took < allowed_ns + S(8), "%llu ms",
              (unsigned long long)(took / MS(1)));
}

Test(transport_http, silence_lasts_until_the_deadline) {
    static const enum peer_act acts[] = {PEER_SILENT, PEER_DRIP};
    for (size_t i = 0; i < ARRAY_LENGTH(acts); i++) {
        uint64_t began = clock_now_ns();
        struct result result = post_once(&(struct peer_step){.act = acts[i]}, MS(200));
        expect_in_time(&result, began, MS(200));
    }
}

Test(transport_http, a_black_hole_lasts_until_the_deadline) {
    struct black_hole hole;
    char url[64];
    black_hole_open(&hole);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", hole.port);
    weir_transport transport = open_to(url, NULL);
    uint64_t began = clock_now_ns();
    struct result result = post(&transport, "body", 4, MS(200));
    expect_in_time(&result, began, MS(200));
    transport.destroy(transport.data);
    black_hole_close(&hole);
}

Test(transport_http, a_name_that_hangs_lasts_until_the_deadline) {
    weir_transport transport = open_to("http://hangs.test:4318/", NULL);
    uint64_t began = clock_now_ns();
    struct result result = post(&transport, "body", 4, MS(200));
    expect_in_time(&result, began, MS(200));
    cr_expect(eq(sz, names_n_hanging(), 1));
    result = post(&transport, "body", 4, MS(100)); /* and again */
    cr_expect(eq(int, result.error, WEIR_E_TIMEOUT));
    transport.destroy(transport.data);
    cr_expect(lt(u64, clock_now_ns() - began, S(8)));
}

Test(transport_http, a_deadline_that_is_over) {
    struct result result = {.detail = WEIR_ERROR_DETAIL_INIT};
    const struct peer_step steps[] = {{.act = PEER_SILENT}};
    struct peer *peer = peer_start(steps, 1);
    weir_transport transport = open_to(peer_url(peer), NULL);
    result.error = transport.post(transport.data, (const uint8_t *)"x", 1, 0, &result.response,
                                  &result.detail);
    cr_expect(eq(int, result.error, WEIR_E_TIMEOUT));
    transport.destroy(transport.data);
    peer_stop(peer);
}

/* ---- in steps ---- */

/* Advances whenever the descriptor is readable; how often it was is in *n_turns. */
static struct result step_through(const weir_transport *transport, const char *body, uint64_t ns,
                                  unsigned *n_turns) {
    struct result result = {.detail = WEIR_ERROR_DETAIL_INIT};
    cr_assert(eq(
        int,
        transport->start(transport->data, (const uint8_t *)body, strlen(body), clock_now_ns() + ns),
        0));
    *n_turns = 0;
    for (;;) {
        struct pollfd readable = {.fd = transport->poll_fd(transport->data), .events = POLLIN};
        cr_assert(ge(int, readable.fd, 0));
        cr_assert(eq(int, poll(&readable, 1, 30000), 1), "nothing to do after 30 s");
        ++*n_turns;
        uint64_t began = clock_now_ns();
        result.error = transport->advance(transport->data, &result.response, &result.detail);
        cr_expect(lt(u64, clock_now_ns() - began, S(2)), "advance waits");
        if (result.error != WEIR_PENDING) {
            return result;
        }
    }
}

/* Nothing to do for the host while nothing is sent. */
static void expect_silent(const weir_transport *transport) {
    struct pollfd readable = {.fd = transport->poll_fd(transport->data), .events = POLLIN};
    cr_expect(eq(int, poll(&readable, 1, 0), 0));
}

Test(transport_http, posts_in_steps_that_wait_for_nothing) {
    const struct peer_step steps[] = {
        {.status = 200, .body = "\x0a\x00", .n_bytes = 2}, {.act = PEER_CLOSE}, {.status = 503}};
    struct peer *peer = peer_start(steps, 3);
    weir_transport transport = open_to(peer_url(peer), NULL);
    unsigned n_turns;
    expect_silent(&transport);
    struct result result = step_through(&transport, "body", S(20), &n_turns);
    cr_expect(eq(int, result.error, 0));
    cr_expect(eq(int, result.response.http_status, 200));
    cr_expect(eq(sz, result.response.n_bytes, 2));
    cr_expect(lt(uint, n_turns, 50)); /* it does not spin */
    expect_silent(&transport);
    (void)step_through(&transport, "body", S(20), &n_turns);
    result = step_through(&transport, "body", S(20), &n_turns);
    cr_expect(eq(int, result.response.http_status, 503));
    transport.destroy(transport.data);
    peer_stop(peer);
}

/* Later than any time-out of libcurl that would make a step due by itself. */
Test(transport_http, a_step_comes_at_the_deadline) {
    static const char *const urls[] = {NULL, "http://hangs.test:4318/"};
    const struct peer_step step = {.act = PEER_SILENT};
    struct peer *peer = peer_start(&step, 1);
    for (size_t i = 0; i < ARRAY_LENGTH(urls); i++) {
        weir_transport transport = open_to(urls[i] != NULL ? urls[i] : peer_url(peer), NULL);
        unsigned n_turns;
        uint64_t began = clock_now_ns();
        struct result result = step_through(&transport, "body", MS(700), &n_turns);
        expect_in_time(&result, began, MS(700));
        cr_expect(lt(uint, n_turns, 100));
        expect_silent(&transport);
        transport.destroy(transport.data);
    }
    peer_stop(peer);
}

Test(transport_http, a_new_start_gives_up_what_is_under_way) {
    const struct peer_step steps[] = {{.act = PEER_SILENT}, {.status = 202}};
    struct peer *peer = peer_start(steps, 2);
    weir_transport transport = open_to(peer_url(peer), NULL);
    struct result result = {.detail = WEIR_ERROR_DETAIL_INIT};
    cr_assert(eq(int, transport.start(transport.data, (const uint8_t *)"a", 1, UINT64_MAX), 0));
    while (peer_n_requests(peer) == 0) {
        struct pollfd readable = {.fd = transport.poll_fd(transport.data), .events = POLLIN};
        cr_assert(eq(int, poll(&readable, 1, 50) >= 0, 1));
        cr_assert(eq(int, transport.advance(transport.data, &result.response, &result.detail),
                     WEIR_PENDING));
    }
    unsigned n_turns;
    result = step_through(&transport, "b", S(20), &n_turns);
    cr_expect(eq(int, result.response.http_status, 202));
    transport.destroy(transport.data);
    peer_stop(peer);
}

static void *cancel_when_asked(void *data) {
    const weir_transport *transport = data;
    transport->cancel(transport->data);
    return NULL;
}

Test(transport_http, cancel_makes_a_step_due) {
    const struct peer_step step = {.act = PEER_SILENT};
    struct peer *peer = peer_start(&step, 1);
    weir_transport transport = open_to(peer_url(peer), NULL);
    struct result result = {.detail = WEIR_ERROR_DETAIL_INIT};
    pthread_t thread;
    cr_assert(eq(int, transport.start(transport.data, (const uint8_t *)"a", 1, UINT64_MAX), 0));
    pthread_create(&thread, NULL, cancel_when_asked, &transport);
    do {
        struct pollfd readable = {.fd = transport.poll_fd(transport.data), .events = POLLIN};
        cr_assert(eq(int, poll(&readable, 1, 30000), 1));
        result.error = transport.advance(transport.data, &result.response, &result.detail);
    } while (result.error == WEIR_PENDING);
    cr_expect(eq(int, result.error, WEIR_E_TIMEOUT));
    pthread_join(thread, NULL);
    transport.destroy(transport.data);
    peer_stop(peer);
}

/* ---- cancelled ---- */

static void *cancel_later(void *data) {
    const weir_transport *transport = data;
    names_wait_hanging();
    transport->cancel(transport->data);
    return NULL;
}

Test(transport_http, cancel_ends_a_post_without_deadline) {
    pthread_t thread;
    weir_transport transport = open_to("http://hangs.test:4318/", NULL);
    pthread_create(&thread, NULL, cancel_later, &transport);
    struct result result = {.detail = WEIR_ERROR_DETAIL_INIT};
    result.error = transport.post(transport.data, (const uint8_t *)"x", 1, UINT64_MAX,
                                  &result.response, &result.detail);
    cr_expect(eq(int, result.error, WEIR_E_TIMEOUT));
    pthread_join(thread, NULL);
    cr_expect(eq(int, post(&transport, "x", 1, S(60)).error, WEIR_E_TIMEOUT)); /* for good */
    transport.destroy(transport.data);
}

Test(transport_http, opening_survives_failing_allocation_at_every_step) {
    char url[] = "http://127.0.0.1:1/", empty[] = "x-empty: ";
    char *lines[] = {empty, NULL};
    const struct endpoint endpoint = {
        .url = url, .shown = url, .headers = {.lines = lines, .n = 1}, .delivery = PLAIN};
    FAULT_FOR_EACH_ALLOCATION(n) {
        weir_transport transport;
        int error = transport_http_open(&endpoint, &transport, NULL);
        cr_assert(eq(int, error, fault_has_struck() ? WEIR_E_NO_MEMORY : 0));
        if (error == 0) {
            transport.destroy(transport.data);
        }
    }
}
