#include "otlp/common/macro.h"
#include "tests/support/sending.h"
#include "tests/support/temp.h"
#include "tests/support/tls_peer.h"
#include "tests/support/tunnel.h"

TestSuite(transport_tls, .init = sending_begin, .timeout = 60);

struct files {
    const char *ca, *certificate, *key; /* names in the peer's folder; NULL: none */
};

static struct delivery delivery_of(const struct tls_peer *peer, const struct files *files,
                                   char *paths[3]) {
    const char *const names[] = {files->ca, files->certificate, files->key};
    for (size_t i = 0; i < 3; i++) {
        paths[i] = names[i] != NULL ? temp_path(peer->folder, names[i]) : NULL;
    }
    return (struct delivery){
        PLAIN_DELIVERY(WEIR_OTLP_PROTOCOL_HTTP_PROTOBUF),
        .ca = {paths[0], "ca_file"},
        .client_certificate = {paths[1], "client_certificate_file"},
        .client_key = {paths[2], "client_key_file"},
    };
}

static struct result post_by(const char *url, const struct delivery *delivery, uint64_t ns) {
    struct result result = {.detail = WEIR_ERROR_DETAIL_INIT};
    weir_transport transport;
    char own[64];
    snprintf(own, sizeof own, "%s", url);
    const struct endpoint endpoint = {.url = own, .shown = own, .delivery = *delivery};
    result.error = delivery->protocol == WEIR_OTLP_PROTOCOL_GRPC
                       ? transport_grpc_open(&endpoint, &transport, &result.detail)
                       : transport_http_open(&endpoint, &transport, &result.detail);
    if (result.error == 0) {
        result = post(&transport, "body", 4, ns);
        transport.destroy(transport.data);
    }
    return result;
}

/* One post with these files to a peer of these words; *request gets what the peer saw, when it
 * answered. */
static struct result post_once(const char *words, const struct files *files,
                               weir_otlp_tls_version version, char request[100]) {
    struct tls_peer peer;
    char *paths[3];
    tls_peer_start(&peer, words);
    struct delivery delivery = delivery_of(&peer, files, paths);
    delivery.min_tls_version = version;
    struct result result = post_by(peer.url, &delivery, S(30));
    if (result.error == 0) {
        (void)tls_peer_request(&peer, request, 100);
    }
    for (size_t i = 0; i < 3; i++) {
        free(paths[i]);
    }
    tls_peer_stop(&peer);
    return result;
}

static const struct files KNOWN = {"ca.crt", NULL, NULL};
static const struct files OWN = {"ca.crt", "client.crt", "client.key"};

Test(transport_tls, trusts_the_authority_it_was_given) {
    char request[100];
    struct result result = post_once(NULL, &KNOWN, WEIR_OTLP_TLS_1_2, request);
    cr_assert(eq(int, result.error, 0), "%s", result.detail.message);
    cr_expect(eq(int, result.response.http_status, 200));
    expect_text(request, "- TLSv1.3 /v1/traces"); /* D13, B35 */
}

Test(transport_tls, trusts_nobody_else) {
    static const struct files rows[] = {{NULL, NULL, NULL}, {"other.crt", NULL, NULL}};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        char request[100];
        struct result result = post_once(NULL, &rows[i], WEIR_OTLP_TLS_1_2, request);
        cr_expect(eq(int, result.error, WEIR_E_IO));
        expect_said(&result, "has a certificate that is not trusted here: name its authority by "
                             "ca_file (OTEL_EXPORTER_OTLP_CERTIFICATE)");
    }
}

/* Not what OpenSSL trusts by its own variables either, beside the file or in its place. */
Test(transport_tls, trusts_the_file_alone) {
    struct tls_peer peer;
    tls_peer_start(&peer, NULL);
    char *known CLEANUP(temp_path_free) = temp_path(peer.folder, "ca.crt");
    setenv("SSL_CERT_FILE", known, 1);
    setenv("SSL_CERT_DIR", peer.folder, 1);
    static const struct files other = {"other.crt", NULL, NULL};
    char *paths[3];
    struct delivery delivery = delivery_of(&peer, &other, paths);
    struct result result = post_by(peer.url, &delivery, S(30));
    cr_expect(eq(int, result.error, WEIR_E_IO)); /* D13 */
    expect_said(&result, "has a certificate that is not trusted here");
    delivery.ca.path = known;
    result = post_by(peer.url, &delivery, S(30));
    cr_expect(eq(int, result.error, 0), "%s", result.detail.message);
    free(paths[0]);
    tls_peer_stop(&peer);
}

Test(transport_tls, shows_its_own_certificate) {
    char request[100];
    struct result result = post_once("mutual", &OWN, WEIR_OTLP_TLS_1_2, request);
    cr_assert(eq(int, result.error, 0), "%s", result.detail.message);
    expect_text(request, "client TLSv1.3 /v1/traces"); /* D14 */
}

Test(transport_tls, names_the_certificate_that_the_peer_wants) {
    char request[100];
    struct result result = post_once("mutual", &KNOWN, WEIR_OTLP_TLS_1_2, request);
    cr_expect(eq(int, result.error, WEIR_E_IO));
    expect_said(&result, "client_certificate_file");
}

Test(transport_tls, a_key_that_is_not_the_certificates) {
    static const struct files files = {"ca.crt", "client.crt", "server.key"};
    char request[100];
    struct result result = post_once("mutual", &files, WEIR_OTLP_TLS_1_2, request);
    cr_expect(result.error != 0);
    expect_said(&result, "a certificate or key of ours cannot be used");
}

Test(transport_tls, takes_1_2_unless_1_3_is_asked_for) {
    char request[100];
    struct result result = post_once("tls1.2", &KNOWN, WEIR_OTLP_TLS_1_2, request);
    cr_assert(eq(int, result.error, 0), "%s", result.detail.message);
    expect_text(request, "- TLSv1.2 /v1/traces");
    result = post_once("tls1.2", &KNOWN, WEIR_OTLP_TLS_1_3, request);
    cr_expect(eq(int, result.error, WEIR_E_IO));
    expect_said(&result, "cannot agree on TLS with us");
    result = post_once(NULL, &KNOWN, WEIR_OTLP_TLS_1_3, request);
    expect_text(request, "- TLSv1.3 /v1/traces");
}

/* HTTP/2 begins with "PRI * HTTP/2.0"; what the peer then says is none. */
Test(transport_tls, speaks_http_2_where_the_peer_agrees_to_it) {
    struct tls_peer peer;
    char *paths[3], room[100];
    tls_peer_start(&peer, "h2");
    struct delivery delivery = delivery_of(&peer, &KNOWN, paths);
    struct result result = post_by(peer.url, &delivery, S(30));
    cr_expect(result.error != 0);
    expect_text(tls_peer_request(&peer, room, sizeof room), "- TLSv1.3 *"); /* B2 */
    free(paths[0]);
    tls_peer_stop(&peer);
}

Test(transport_tls, falls_back_to_http_1_1) {
    char request[100];
    struct result result = post_once("http/1.1", &KNOWN, WEIR_OTLP_TLS_1_2, request);
    cr_assert(eq(int, result.error, 0), "%s", result.detail.message);
    cr_expect(eq(int, result.response.http_status, 200));
    expect_text(request, "- TLSv1.3 /v1/traces"); /* B2 */
}

Test(transport_tls, a_handshake_that_stalls_lasts_until_the_deadline) {
    struct tls_peer peer;
    char *paths[3];
    tls_peer_start(&peer, "stall");
    struct delivery delivery = delivery_of(&peer, &KNOWN, paths);
    uint64_t began = clock_now_ns();
    struct result result = post_by(peer.url, &delivery, MS(300));
    uint64_t took = clock_now_ns() - began;
    cr_expect(eq(int, result.error, WEIR_E_TIMEOUT));
    cr_expect(took >= MS(300) && took < S(8));
    free(paths[0]);
    tls_peer_stop(&peer);
}

Test(transport_tls, a_peer_without_tls_is_told_apart) {
    char request[100];
    struct result result = post_once("plain", &KNOWN, WEIR_OTLP_TLS_1_2, request);
    cr_expect(eq(int, result.error, WEIR_E_IO));
    expect_said(&result, "speaks no TLS: write http:// instead of https://");
}

/* A server that agrees to HTTP/1.1 only is none of gRPC's, whatever it answers. */
Test(transport_tls, grpc_needs_http_2) {
    struct tls_peer peer;
    char *paths[3];
    tls_peer_start(&peer, NULL);
    struct delivery delivery = delivery_of(&peer, &KNOWN, paths);
    delivery.protocol = WEIR_OTLP_PROTOCOL_GRPC;
    struct result result = post_by(peer.url, &delivery, S(30));
    cr_expect(eq(int, result.error, WEIR_E_INVALID));
    expect_said(&result, "does not speak HTTP/2, as gRPC must");
    free(paths[0]);
    tls_peer_stop(&peer);
}

/* ---- through a proxy ---- */

static struct result post_through(struct tunnel *tunnel, const struct tls_peer *peer,
                                  struct delivery *delivery) {
    unsetenv("no_proxy");
    char proxy[64];
    snprintf(proxy, sizeof proxy, "%s", tunnel_url(tunnel));
    delivery->proxy = proxy;
    return post_by(peer->url, delivery, S(30));
}

static void expect_connect(struct tunnel *tunnel, const struct tls_peer *peer) {
    char line[64];
    int n = snprintf(line, sizeof line, "CONNECT %.*s ", (int)strcspn(peer->url + 8, "/"),
                     peer->url + 8);
    cr_expect(strncmp(tunnel_head(tunnel), line, (size_t)n) == 0, "%s", tunnel_head(tunnel));
    cr_expect(strcasestr(tunnel_head(tunnel), "authorization") == NULL, "%s", tunnel_head(tunnel));
}

/* The proxy sees an address, and nothing of what is for the endpoint. */
Test(transport_tls, a_proxy_is_a_tunnel_that_sees_no_headers) {
    struct tls_peer peer;
    char *paths[3], room[100];
    tls_peer_start(&peer, NULL);
    struct tunnel *tunnel = tunnel_start(200);
    struct delivery delivery = delivery_of(&peer, &KNOWN, paths);
    struct result result = post_through(tunnel, &peer, &delivery);
    cr_assert(eq(int, result.error, 0), "%s", result.detail.message);
    expect_text(tls_peer_request(&peer, room, sizeof room), "- TLSv1.3 /v1/traces");
    expect_connect(tunnel, &peer);
    tunnel_stop(tunnel);
    free(paths[0]);
    tls_peer_stop(&peer);
}

/* TLS and its ALPN are agreed on with the endpoint, not with the proxy. */
Test(transport_tls, grpc_goes_through_a_tunnel_to_the_endpoint) {
    struct tls_peer peer;
    char *paths[3];
    tls_peer_start(&peer, NULL);
    struct tunnel *tunnel = tunnel_start(200);
    struct delivery delivery = delivery_of(&peer, &KNOWN, paths);
    delivery.protocol = WEIR_OTLP_PROTOCOL_GRPC;
    struct result result = post_through(tunnel, &peer, &delivery);
    cr_expect(eq(int, result.error, WEIR_E_INVALID));
    expect_said(&result, "does not speak HTTP/2, as gRPC must");
    expect_connect(tunnel, &peer);
    tunnel_stop(tunnel);
    free(paths[0]);
    tls_peer_stop(&peer);
}

Test(transport_tls, a_proxy_that_opens_no_tunnel_is_named) {
    struct tls_peer peer;
    char *paths[3];
    tls_peer_start(&peer, NULL);
    struct tunnel *tunnel = tunnel_start(403);
    struct delivery delivery = delivery_of(&peer, &KNOWN, paths);
    struct result result = post_through(tunnel, &peer, &delivery);
    cr_expect(eq(int, result.error, WEIR_E_IO));
    expect_said(&result, "403");
    expect_said(&result, "the proxy opens no tunnel to it");
    tunnel_stop(tunnel);
    free(paths[0]);
    tls_peer_stop(&peer);
}
