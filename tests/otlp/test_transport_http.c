#include <errno.h>

#include "otlp/common/macro.h"
#include "otlp/deps/gzip.h"
#include "otlp/deps/zstd.h"
#include "otlp/response.h"
#include "tests/support/fault.h"
#include "tests/support/names.h"
#include "tests/support/sending.h"
#include "tests/support/temp.h"

TestSuite(transport_http, .init = sending_begin, .timeout = 60);

static const struct delivery PLAIN = {PLAIN_DELIVERY(WEIR_OTLP_PROTOCOL_HTTP_PROTOBUF)};

/* ---- what is sent ---- */

Test(transport_http, posts_protobuf_with_its_headers) {
    const struct peer_step steps[] = {{.body = "\x0a\x00", .n_bytes = 2}};
    struct peer *peer = peer_start(steps, 1);
    char url[128], one[] = "x-one: 1", empty[] = "x-empty: ";
    char *headers[] = {one, empty, NULL};
    snprintf(url, sizeof url, "%s/v1/traces?a=b", peer_url(peer));
    weir_transport transport = sending_http(url, headers);
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
    weir_transport transport = sending_http(peer_url(peer), NULL);
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
    weir_transport transport = sending_http(peer_url(peer), NULL);
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
    weir_transport transport = sending_http(url, NULL);
    cr_expect(eq(int, post(&transport, "body", 4, S(20)).error, 0));
    cr_expect(peer_head_has(peer_head(peer, 0), "Authorization", "Basic dXNlcjpwdw=="));
    transport.destroy(transport.data);
    peer_stop(peer);
}

Test(transport_http, refuses_a_request_over_the_limit) {
    weir_transport transport = sending_http("http://127.0.0.1:1/", NULL);
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
        struct result result = sending_http_once(&step, S(20));
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
        struct result result = sending_http_once(&(struct peer_step){.status = statuses[i]}, S(20));
        cr_expect(eq(int, result.response.http_status, statuses[i]));
        expect_text(result.detail.message, "");
    }
}

Test(transport_http, reads_retry_after_in_both_forms) {
    struct peer_step step = {.status = 503, .headers = "Retry-After: 7\r\n"};
    cr_expect(eq(i64, sending_http_once(&step, S(20)).response.retry_after_ms, 7000));
    step.headers = "retry-after:  Fri, 31 Dec 9999 23:59:59 GMT \r\n";
    cr_expect(eq(i64, sending_http_once(&step, S(20)).response.retry_after_ms, 86400000));
    step.headers = "RETRY-AFTER: soon\r\n";
    cr_expect(eq(i64, sending_http_once(&step, S(20)).response.retry_after_ms, -1));
}

Test(transport_http, follows_no_redirect_but_names_the_new_address) {
    const struct peer_step steps[] = {{.status = 200}};
    struct peer *other = peer_start(steps, 1);
    char headers[128], said[128];
    snprintf(headers, sizeof headers, "Location: %s/new\r\n", peer_url(other));
    snprintf(said, sizeof said, "moved to %s/new: set the endpoint to it", peer_url(other));
    static const int statuses[] = {301, 302, 303, 307, 308};
    for (size_t i = 0; i < ARRAY_LENGTH(statuses); i++) {
        struct result result = sending_http_once(
            &(struct peer_step){.status = statuses[i], .headers = headers}, S(20));
        cr_expect(eq(int, result.response.http_status, statuses[i]));
        expect_said(&result, said);
    }
    cr_expect(eq(sz, peer_n_connections(other), 0));
    peer_stop(other);
}

Test(transport_http, a_new_address_stays_on_one_line) {
    struct result result = sending_http_once(
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
    *out = sending_open(peer_url(peer), "", NULL, delivery);
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
    weir_transport transport = sending_http(peer_url(peer), NULL);
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
    cr_expect(eq(int, sending_http_once(&step, S(20)).error, WEIR_E_TOO_LARGE)); /* B8 */
    step.n_bytes /= 2;
    step.body = "not gzip at all";
    step.n_bytes = 15;
    struct result result = sending_http_once(&step, S(20));
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
    weir_transport transport =
        sending_open("http://collector.test:4318/v1/traces", "", NULL, &delivery);
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
    weir_transport transport = sending_open("http://collector.test:4318/", "", NULL, &delivery);
    struct result result = post(&transport, "body", 4, S(20));
    cr_expect(eq(int, result.error, WEIR_E_IO));
    cr_expect(strstr(result.detail.message, "secret") == NULL, "%s", result.detail.message);
    transport.destroy(transport.data);
    delivery.proxy = "http://u:secret@unknown.test:1";
    transport = sending_open("http://collector.test:4318/", "", NULL, &delivery);
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
    weir_transport transport = sending_open("http://collector.test/v1/traces", "", NULL, &delivery);
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

/* ---- memory ---- */

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
