/*
 * Transports that send to a peer of the test: opened, and posting something.
 */
#pragma once

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/error.h>

#include "otlp/bounds.h"
#include "otlp/transport.h"
#include "tests/support/clock.h"
#include "tests/support/expect.h"
#include "tests/support/peer.h"

/* Without compression and certificates; an initialiser, so that others can follow. */
#define PLAIN_DELIVERY(protocol_)                                                                  \
    .protocol = (protocol_), .compression = WEIR_OTLP_COMPRESSION_NONE,                            \
    .min_tls_version = WEIR_OTLP_TLS_1_2, .max_request_bytes = HTTP_MAX_REQUEST_BYTES,             \
    .max_response_bytes = HTTP_MAX_RESPONSE_BYTES

/* For TestSuite. */
static inline void sending_begin(void) {
    setenv("no_proxy", "*", 1); /* whatever the machine is set up for */
}

/* To `url` followed by `path`; header_lines: NULL-terminated, or NULL. */
static inline weir_transport sending_open(const char *url, const char *path, char **header_lines,
                                          const struct delivery *delivery) {
    weir_transport transport;
    char whole[256], shown[256];
    snprintf(whole, sizeof whole, "%s%s", url, path);
    snprintf(shown, sizeof shown, "%s", url);
    const struct endpoint endpoint = {
        .url = whole, .shown = shown, .headers = {.lines = header_lines}, .delivery = *delivery};
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    int error = delivery->protocol == WEIR_OTLP_PROTOCOL_GRPC
                    ? transport_grpc_open(&endpoint, &transport, &detail)
                    : transport_http_open(&endpoint, &transport, &detail);
    cr_assert(eq(int, error, 0), "%s", detail.message);
    return transport;
}

struct result {
    int error;
    weir_transport_response response;
    weir_error_detail detail;
};

static inline struct result post(const weir_transport *transport, const void *body, size_t n_bytes,
                                 uint64_t ns) {
    struct result result = {.detail = WEIR_ERROR_DETAIL_INIT};
    result.error = transport->post(transport->data, body, n_bytes, clock_now_ns() + ns,
                                   &result.response, &result.detail);
    return result;
}

static inline void expect_said(const struct result *result, const char *part) {
    cr_expect(strstr(result->detail.message, part) != NULL, "\"%s\" is not in \"%s\"", part,
              result->detail.message);
}

/* The transport gave up by its deadline, and the machine was not so loaded as to hide a hang. */
static inline void expect_in_time(const struct result *result, uint64_t began_ns,
                                  uint64_t allowed_ns) {
    uint64_t took = clock_now_ns() - began_ns;
    cr_expect(eq(int, result->error, WEIR_E_TIMEOUT));
    cr_expect(took >= allowed_ns && took < allowed_ns + S(8), "%llu ms",
              (unsigned long long)(took / MS(1)));
}

/* Advances, whenever the descriptor is readable, what was started; how often it was is in *n_turns
 * (may be NULL). */
static inline struct result finish_in_steps(const weir_transport *transport, unsigned *n_turns) {
    struct result result = {.detail = WEIR_ERROR_DETAIL_INIT};
    unsigned n = 0;
    do {
        struct pollfd readable = {.fd = transport->poll_fd(transport->data), .events = POLLIN};
        cr_assert(ge(int, readable.fd, 0));
        cr_assert(eq(int, poll(&readable, 1, 30000), 1), "nothing to do after 30 s");
        n++;
        uint64_t began = clock_now_ns();
        result.error = transport->advance(transport->data, &result.response, &result.detail);
        cr_expect(lt(u64, clock_now_ns() - began, S(2)), "advance waits");
    } while (result.error == WEIR_PENDING);
    if (n_turns != NULL) {
        *n_turns = n;
    }
    return result;
}

/* ---- OTLP/HTTP ---- */

static inline weir_transport sending_http(const char *url, char **header_lines) {
    const struct delivery delivery = {PLAIN_DELIVERY(WEIR_OTLP_PROTOCOL_HTTP_PROTOBUF)};
    return sending_open(url, "", header_lines, &delivery);
}

/* One post of "body" to a new peer that does this step. */
static inline struct result sending_http_once(const struct peer_step *step, uint64_t ns) {
    struct peer *peer = peer_start(step, 1);
    weir_transport transport = sending_http(peer_url(peer), NULL);
    struct result result = post(&transport, "body", 4, ns);
    transport.destroy(transport.data);
    peer_stop(peer);
    return result;
}
