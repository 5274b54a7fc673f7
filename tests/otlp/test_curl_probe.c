#include <stdio.h>
#include <stdlib.h>

#include "otlp/common/clock.h"
#include "otlp/common/macro.h"
#include "otlp/deps/curl_probe.h"
#include "tests/support/expect.h"
#include "tests/support/peer.h"
#include "tests/support/temp.h"

enum { LONG_MS = 60000, SHORT_MS = 300 };

static void start(void) {
    static const char *const names[] = {"no_proxy",    "NO_PROXY",  "http_proxy", "https_proxy",
                                        "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        unsetenv(names[i]);
    }
}

TestSuite(curl_probe, .init = start);

static struct http_probe probed(const struct http_probe_options *options, uint64_t ms) {
    struct http_probe probe;
    memset(&probe, 0xff, sizeof probe);
    uint64_t deadline = clock_now_ns() + ms * NS_PER_MS;
    cr_assert(eq(int, http_probe(options, deadline, &probe), 0), "%s", probe.text);
    return probe;
}

#define PROBE(ms, ...) probed(&(const struct http_probe_options){__VA_ARGS__}, (ms))

static struct http_probe probe_act(enum peer_act act, enum http_probe_kind kind, uint64_t ms) {
    struct peer *peer = peer_start(&(struct peer_step){.act = act, .status = 404}, 1);
    struct http_probe probe = PROBE(ms, .route.url = peer_url(peer), .kind = kind);
    peer_stop(peer);
    return probe;
}

Test(curl_probe, connects_and_sends_nothing) {
    struct peer *peer = peer_start(&(struct peer_step){.status = 200}, 1);
    struct http_probe probe =
        PROBE(LONG_MS, .route.url = peer_url(peer), .kind = HTTP_PROBE_CONNECT);
    cr_expect(eq(int, probe.failed_at, HTTP_PROBE_DONE), "%s", probe.text);
    expect_text(probe.address, "127.0.0.1");
    cr_expect(eq(int, probe.port, (int)strtol(strrchr(peer_url(peer), ':') + 1, NULL, 10)));
    cr_expect(eq(int, probe.status, 0));
    cr_expect(not(probe.is_proxied));
    expect_text(probe.tls, "");
    expect_text(probe.text, "");
    cr_expect(eq(sz, peer_n_requests(peer), 0));
    peer_stop(peer);
}

Test(curl_probe, finds_out_which_http_is_spoken) {
    struct http_probe probe = probe_act(PEER_ANSWER, HTTP_PROBE_HTTP_1, LONG_MS);
    cr_expect(eq(int, probe.status, 404));
    probe = probe_act(PEER_ENDLESS_BODY, HTTP_PROBE_HTTP_1, LONG_MS); /* the head is enough */
    cr_expect(eq(int, probe.status, 200));
    probe = probe_act(PEER_ANSWER, HTTP_PROBE_HTTP_2, LONG_MS);
    cr_expect(eq(int, probe.status, 0));
    cr_expect(eq(int, probe.failed_at, HTTP_PROBE_ANSWER), "%s", probe.text);
    probe = probe_act(PEER_BABBLE, HTTP_PROBE_HTTP_1, LONG_MS);
    cr_expect(eq(int, probe.failed_at, HTTP_PROBE_ANSWER), "%s", probe.text);
    cr_expect(eq(int, probe.status, 0));
}

Test(curl_probe, names_the_step_that_failed) {
    char url[64];
    struct http_probe probe =
        PROBE(LONG_MS, .route.url = "http://no.such.invalid:1", .kind = HTTP_PROBE_CONNECT);
    cr_expect(eq(int, probe.failed_at, HTTP_PROBE_NAME), "%s", probe.text);
    snprintf(url, sizeof url, "http://127.0.0.1:%d", peer_closed_port());
    probe = PROBE(LONG_MS, .route.url = url, .kind = HTTP_PROBE_CONNECT);
    cr_expect(eq(int, probe.failed_at, HTTP_PROBE_CONNECTION));
    expect_text(probe.text, "Connection refused");
    cr_expect(not(probe.has_timed_out));
    probe = PROBE(LONG_MS, .route.url = url, .kind = HTTP_PROBE_CONNECT,
                  .route.proxy = "http://no.such.invalid:1");
    cr_expect(eq(int, probe.failed_at, HTTP_PROBE_PROXY_NAME), "%s", probe.text);
    cr_expect(probe.is_proxied);
    probe = PROBE(LONG_MS, .route.url = "ftp://h", .kind = HTTP_PROBE_CONNECT);
    cr_expect(eq(int, probe.failed_at, HTTP_PROBE_SETUP), "%s", probe.text);
}

Test(curl_probe, ends_by_its_deadline) {
    struct http_probe probe = probe_act(PEER_SILENT, HTTP_PROBE_HTTP_1, SHORT_MS);
    cr_expect(eq(int, probe.failed_at, HTTP_PROBE_ANSWER));
    cr_expect(probe.has_timed_out);
    struct peer *peer = peer_start(&(struct peer_step){.act = PEER_SILENT}, 1);
    char url[64];
    snprintf(url, sizeof url, "https%s", peer_url(peer) + strlen("http"));
    probe = PROBE(SHORT_MS, .route.url = url, .kind = HTTP_PROBE_CONNECT);
    cr_expect(eq(int, probe.failed_at, HTTP_PROBE_TLS), "%s", probe.text);
    cr_expect(probe.has_timed_out);
    peer_stop(peer);
}

Test(curl_probe, tells_a_port_without_tls) {
    struct peer *peer = peer_start(&(struct peer_step){.act = PEER_BABBLE}, 1);
    char url[64];
    snprintf(url, sizeof url, "https%s", peer_url(peer) + strlen("http"));
    struct http_probe probe = PROBE(SHORT_MS, .route.url = url, .kind = HTTP_PROBE_CONNECT);
    cr_expect(eq(int, probe.failed_at, HTTP_PROBE_TLS), "%s", probe.text);
    peer_stop(peer);
}

Test(curl_probe, goes_by_a_unix_socket) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    char *path CLEANUP(temp_path_free) = temp_path(dir, "socket");
    struct peer *peer = peer_start_unix(path, &(struct peer_step){.status = 204}, 1);
    struct http_probe probe = PROBE(LONG_MS, .route.url = "http://h", .kind = HTTP_PROBE_HTTP_1,
                                    .route.unix_socket = path);
    cr_expect(eq(int, probe.status, 204), "%s", probe.text);
    peer_stop(peer);
}
