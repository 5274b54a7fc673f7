/*
 * Looking at a server step by step, for people who look for a fault: is its name known, does it
 * accept connections, what TLS and which certificate does it offer, which HTTP does it speak. By
 * libcurl, so that proxies and TLS are those of the exporter. For the program only.
 *
 * No credentials of the exporter are sent: it is told none.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "otlp/deps/http_route.h"

enum http_probe_kind {
    HTTP_PROBE_CONNECT, /* name, connection and, with https, TLS; nothing is sent */
    HTTP_PROBE_HTTP_1,  /* and a GET by HTTP/1.1 */
    HTTP_PROBE_HTTP_2   /* and a GET by HTTP/2 and nothing else */
};

struct http_probe_options {
    struct http_route route; /* its URL without user, password and query */
    enum http_probe_kind kind;
    bool trusts_anyone; /* the certificate is looked at, not judged */
};

/* The steps in their order. */
enum http_probe_step {
    HTTP_PROBE_SETUP = 0, /* libcurl takes the options */
    HTTP_PROBE_PROXY_NAME,
    HTTP_PROBE_NAME,
    HTTP_PROBE_CONNECTION,
    HTTP_PROBE_TLS,
    HTTP_PROBE_TRUST, /* handshake done, certificate refused */
    HTTP_PROBE_ANSWER,
    HTTP_PROBE_DONE
};

/* Why a certificate is not trusted. */
enum http_distrust {
    HTTP_TRUSTED = 0,
    HTTP_CERTIFICATE_EXPIRED,
    HTTP_CERTIFICATE_NOT_YET_VALID,
    HTTP_CERTIFICATE_SELF_SIGNED,
    HTTP_CERTIFICATE_UNKNOWN_ISSUER,
    HTTP_CERTIFICATE_OF_ANOTHER_HOST,
    HTTP_CERTIFICATE_BAD /* something else: see text */
};

struct http_certificate {
    char subject[256], issuer[256]; /* "" when not known */
    char from[64], until[64];
    char names[256]; /* the hosts that it is for */
};

/* Texts are "" when not known; what a peer wrote may hold anything but a NUL. */
struct http_probe {
    enum http_probe_step failed_at; /* HTTP_PROBE_DONE: nothing failed */
    bool has_timed_out;             /* at that step */
    bool is_proxied;
    char address[64]; /* that the connection went to: "127.0.0.1" */
    int port;
    uint64_t name_us, connect_us, tls_us; /* from the beginning to the end of the step */
    bool wants_certificate;               /* it asked for one of ours; known with OpenSSL */
    char tls[96];                         /* "TLSv1.3 / TLS_AES_256_GCM_SHA384" */
    struct http_certificate certificate;
    enum http_distrust distrust;
    int status;     /* of the answer */
    char text[256]; /* what went wrong, in libcurl's or the system's words */
};

/*
 * Probes until deadline_ns of CLOCK_MONOTONIC. *out is always filled. WEIR_E_NO_MEMORY,
 * WEIR_E_UNSUPPORTED (built without libcurl, or libcurl cannot do it); else 0, also when a step
 * failed.
 */
int http_probe(const struct http_probe_options *options, uint64_t deadline_ns,
               struct http_probe *out);
