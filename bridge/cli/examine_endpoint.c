#include "bridge/cli/examine_endpoint.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "otlp/certificates.h"
#include "otlp/common/clock.h"
#include "otlp/common/macro.h"
#include "otlp/deps/curl_probe.h"
#include "otlp/response.h"
#include "otlp/retry.h"

struct examination {
    const struct endpoint *endpoint;
    const struct transport_choice *choice;
    const char *url;            /* without secrets */
    char host[256], place[272]; /* with the port, when the URL has one */
    bool is_tls, has_port;
    bool wants_certificate; /* the handshake asked for one */
    uint64_t begin_ns, timeout_ns;
    size_t pipeline;
    struct findings *findings;
};

/* When a quarter, two … of the time will have passed: no step may take what the next ones need. */
static uint64_t deadline(const struct examination *e, unsigned quarters) {
    return e->begin_ns + e->timeout_ns / 4 * quarters;
}

#define SAY(e, step, kind, ...)                                                                    \
    findings_add((e)->findings, (e)->pipeline, (step), (kind), __VA_ARGS__)
#define FAIL(e, step, ...) (SAY((e), (step), FINDING_FAILED, __VA_ARGS__), false)

/* ---- the URL ---- */

static void take_apart(struct examination *e, const char *url) {
    const char *authority = strstr(url, "://");
    authority = authority != NULL ? authority + 3 : url;
    size_t n_host = *authority == '[' ? strcspn(authority, "]") + 1 : strcspn(authority, ":/?#");
    e->url = url;
    e->is_tls = strncasecmp(url, "https:", 6) == 0;
    e->has_port = authority[MIN(n_host, strlen(authority))] == ':';
    size_t n_place = strcspn(authority, "/?#");
    snprintf(e->host, sizeof e->host, "%.*s", (int)MIN(n_host, sizeof e->host - 1), authority);
    snprintf(e->place, sizeof e->place, "%.*s", (int)MIN(n_place, sizeof e->place - 1), authority);
}

/* The same place with the other scheme; false when its port would be another one. */
static bool other_scheme(const struct examination *e, char *out, size_t n_out) {
    const char *rest = strstr(e->url, "://");
    if (!e->has_port || rest == NULL) {
        return false;
    }
    int n = snprintf(out, n_out, "%s%s", e->is_tls ? "http" : "https", rest);
    return n > 0 && (size_t)n < n_out;
}

static int probe(const struct examination *e, const char *url, enum http_probe_kind kind,
                 bool trusts_anyone, unsigned quarters, struct http_probe *out) {
    struct http_probe_options options = {
        .route = endpoint_route(e->endpoint), .kind = kind, .trusts_anyone = trusts_anyone};
    options.route.url = url;
    return http_probe(&options, deadline(e, quarters), out);
}

/* ---- the first steps ---- */

static double ms_of(uint64_t us) {
    return (double)us / 1000;
}

static bool fail_at_name(const struct examination *e, const struct http_probe *p) {
    const char *what = p->failed_at == HTTP_PROBE_PROXY_NAME ? "the proxy's name" : e->host;
    return p->has_timed_out ? FAIL(e, "resolve",
                                   "%s was not resolved in time: is a name server reachable?", what)
                            : FAIL(e, "resolve", "%s cannot be resolved: is it spelt right (%s)?",
                                   what, p->text);
}

/* Where the proxy's address comes from. */
static const char *proxy_source(const struct examination *e) {
    return endpoint_route(e->endpoint).proxy != NULL ? "the option proxy"
           : e->is_tls                               ? "https_proxy (or all_proxy)"
                                                     : "http_proxy (or all_proxy)";
}

static bool fail_at_connection(const struct examination *e, const struct http_probe *p) {
    const char *peer = p->is_proxied ? "the proxy" : e->place;
    if (p->has_timed_out) {
        return FAIL(e, "connect",
                    "%s does not answer: is the host up, and does a firewall let the port through?",
                    peer);
    }
    if (p->is_proxied) {
        return FAIL(e, "connect",
                    "the proxy cannot be reached (%s): is %s right? no_proxy=%s goes without it",
                    p->text, proxy_source(e), e->host);
    }
    return FAIL(e, "connect", "%s cannot be reached (%s): does a collector listen on this port?",
                peer, p->text);
}

/* Says what the port speaks when it is no TLS. */
static bool fail_at_tls(const struct examination *e, const struct http_probe *p) {
    char url[1024];
    struct http_probe plain;
    if (p->has_timed_out) {
        return FAIL(e, "tls", "%s accepts connections but says nothing: is it the right port?",
                    e->place);
    }
    if (other_scheme(e, url, sizeof url) &&
        probe(e, url, HTTP_PROBE_HTTP_1, false, 4, &plain) == 0 && plain.status != 0) {
        return FAIL(e, "tls", "the port speaks HTTP without TLS: write http:// in the endpoint");
    }
    return FAIL(e, "tls", "the handshake failed (%s): does the port speak TLS, 1.2 or newer?",
                p->text);
}

static bool fail_at_trust(const struct examination *e, const struct http_probe *p) {
    struct http_probe seen = {0}; /* the certificate, which was refused before it could be read */
    (void)probe(e, e->url, HTTP_PROBE_CONNECT, true, 3, &seen);
    const struct http_certificate *c = &seen.certificate;
    static const char give_ca[] =
        "give its issuer's by --ca-file (ca_file, OTEL_EXPORTER_OTLP_CERTIFICATE)";
    switch (p->distrust) {
    case HTTP_CERTIFICATE_EXPIRED:
        return FAIL(e, "tls", "the certificate of %s expired on %s: the server needs a new one",
                    c->subject, c->until);
    case HTTP_CERTIFICATE_NOT_YET_VALID:
        return FAIL(e, "tls", "the certificate of %s is not valid before %s: is a clock wrong?",
                    c->subject, c->from);
    case HTTP_CERTIFICATE_SELF_SIGNED:
        return FAIL(e, "tls",
                    "the certificate of %s is self-signed: give it by --ca-file (ca_file, "
                    "OTEL_EXPORTER_OTLP_CERTIFICATE)",
                    c->subject);
    case HTTP_CERTIFICATE_UNKNOWN_ISSUER:
        return FAIL(e, "tls",
                    "the certificate of %s is issued by %s, which is not trusted here: %s",
                    c->subject, c->issuer, give_ca);
    case HTTP_CERTIFICATE_OF_ANOTHER_HOST:
        return FAIL(e, "tls",
                    "the certificate is for %s, not for %s: use such a name in the endpoint",
                    *c->names != '\0' ? c->names : c->subject, e->host);
    default:
        return FAIL(e, "tls", "the certificate of %s is not trusted (%s): %s", c->subject, p->text,
                    give_ca);
    }
}

/* The address is not told of a peer that could not be connected to. */
static void say_name(const struct examination *e, const struct http_probe *p) {
    const char *proxy = p->is_proxied ? "by a proxy, " : "";
    SAY(e, "resolve", FINDING_OK, "%s%s %s%s (%.1f ms)", proxy, p->is_proxied ? "which" : e->host,
        *p->address != '\0' ? "is " : "has an address", p->address, ms_of(p->name_us));
}

static void say_connection(const struct examination *e, const struct http_probe *p) {
    bool is_v6 = strchr(p->address, ':') != NULL;
    SAY(e, "connect", FINDING_OK, "%s%s%s:%d (%.1f ms)", is_v6 ? "[" : "", p->address,
        is_v6 ? "]" : "", p->port, ms_of(p->connect_us));
}

static void say_tls(const struct examination *e, const struct http_probe *p) {
    const struct http_certificate *c = &p->certificate;
    SAY(e, "tls", FINDING_OK, "%s, trusted: %s, issued by %s, valid until %s",
        *p->tls != '\0' ? p->tls : "TLS", c->subject, c->issuer, c->until);
}

/* True when a request can be tried. */
static bool connect_to(struct examination *e) {
    struct http_probe p;
    if (probe(e, e->url, HTTP_PROBE_CONNECT, false, 2, &p) != 0) {
        return FAIL(e, "connect", "nothing can be tested: %s", p.text);
    }
    if (p.failed_at >= HTTP_PROBE_CONNECTION) {
        say_name(e, &p);
    }
    if (p.failed_at > HTTP_PROBE_CONNECTION) {
        say_connection(e, &p);
    }
    switch (p.failed_at) {
    case HTTP_PROBE_SETUP:
        return FAIL(e, "files",
                    "a file of ca_file, client_certificate_file or client_key_file "
                    "cannot be used (%s)",
                    p.text);
    case HTTP_PROBE_PROXY_NAME:
    case HTTP_PROBE_NAME: return fail_at_name(e, &p);
    case HTTP_PROBE_CONNECTION: return fail_at_connection(e, &p);
    case HTTP_PROBE_TLS: return fail_at_tls(e, &p);
    case HTTP_PROBE_TRUST: return fail_at_trust(e, &p);
    case HTTP_PROBE_ANSWER: return FAIL(e, "connect", "the connection broke (%s)", p.text);
    case HTTP_PROBE_DONE:
    default: break;
    }
    e->wants_certificate = p.wants_certificate;
    if (e->is_tls) {
        say_tls(e, &p);
    }
    return true;
}

/* ---- the export ---- */

/* A peer may refuse after the handshake, and by hanging up; NULL: it did not ask. */
static const char *certificate_trouble(const struct examination *e) {
    bool has_one = e->endpoint->delivery.client_certificate.path != NULL;
    return !e->wants_certificate ? NULL
           : has_one
               ? "the client certificate is refused: is it signed by whom the endpoint trusts?"
               : "the endpoint wants a client certificate: give it and its key by "
                 "--client-certificate and --client-key (client_certificate_file, "
                 "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE)";
}

/* What the port speaks instead, and what to write; NULL: no better word than the transport's. */
static const char *misunderstanding(const struct examination *e, int status) {
    char url[1024];
    struct http_probe p;
    if (status == 404 && strstr(e->url, "/v1/traces/v1/traces") != NULL) {
        return "the endpoint answered 404: drop /v1/traces from the endpoint, or name the whole "
               "URL by OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    }
    bool may_be_tls = !e->is_tls && (status == 0 || status == 400);
    if (may_be_tls && other_scheme(e, url, sizeof url) &&
        probe(e, url, HTTP_PROBE_CONNECT, true, 4, &p) == 0 && p.failed_at == HTTP_PROBE_DONE) {
        return "the port speaks TLS: write https:// in the endpoint";
    }
    bool is_grpc = e->endpoint->delivery.protocol == WEIR_OTLP_PROTOCOL_GRPC;
    enum http_probe_kind other = is_grpc ? HTTP_PROBE_HTTP_1 : HTTP_PROBE_HTTP_2;
    if (status != 0 || probe(e, e->url, other, false, 4, &p) != 0 || p.status == 0) {
        return NULL;
    }
    return is_grpc ? "the port speaks HTTP/1.1, so no gRPC: use the protocol http/protobuf, or the "
                     "port of OTLP/gRPC (4317)"
                   : "the port speaks HTTP/2 alone, as OTLP/gRPC does: use the protocol grpc, or "
                     "the port of OTLP/HTTP (4318)";
}

static void say_delivered(const struct examination *e, const weir_transport_response *response,
                          uint64_t took_ns) {
    struct response_partial partial = {0};
    (void)response_read_partial(response->body, response->n_bytes, &partial);
    SAY(e, "export", FINDING_OK, "an empty request was taken (%.1f ms)%s%.*s",
        ms_of(took_ns / 1000), partial.message.n_bytes > 0 ? "; it says: " : "",
        (int)MIN(partial.message.n_bytes, 200),
        partial.message.bytes != NULL ? partial.message.bytes : "");
}

static void say_undelivered(const struct examination *e, int error,
                            const weir_transport_response *response, const char *text) {
    int status = error == 0 ? response->http_status : 0;
    const char *better = status == 0 ? certificate_trouble(e) : NULL;
    if (better == NULL && error != WEIR_E_TIMEOUT) {
        better = misunderstanding(e, status);
    }
    if (better != NULL) {
        SAY(e, "export", FINDING_FAILED, "%s", better);
    } else if (*text != '\0') {
        SAY(e, "export", FINDING_FAILED, "%s", text);
    } else {
        SAY(e, "export", FINDING_FAILED, "%s answered %d", e->url, response->http_status);
    }
}

/* A request without spans (A53 keeps exporters from sending one; a test may), in the transport's
 * own form. */
static int post_nothing(const weir_transport *transport, uint64_t deadline_ns,
                        weir_transport_response *response, weir_error_detail *detail) {
    static const uint8_t nothing[1];
    const uint8_t *body = nothing;
    size_t n_bytes = 0;
    int error = transport->prepare == NULL
                    ? 0
                    : transport->prepare(transport->data, nothing, 0, &body, &n_bytes, detail);
    return error != 0
               ? error
               : transport->post(transport->data, body, n_bytes, deadline_ns, response, detail);
}

static void export_nothing(const struct examination *e) {
    weir_transport transport = WEIR_TRANSPORT_INIT;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    if (transport_open(e->choice, &transport, &detail) != 0) {
        SAY(e, "export", FINDING_FAILED, "%s", detail.message);
        return;
    }
    weir_transport_response response = {.size = sizeof response, .retry_after_ms = -1};
    uint64_t begin = clock_now_ns();
    int error = post_nothing(&transport, deadline(e, 3), &response, &detail);
    if (retry_judge(error, &response) == RETRY_DELIVERED) {
        say_delivered(e, &response, clock_now_ns() - begin);
    } else {
        say_undelivered(e, error, &response, detail.message);
    }
    if (transport.destroy != NULL) {
        transport.destroy(transport.data);
    }
}

void examine_endpoint(const struct transport_choice *choice, uint64_t timeout_ns, size_t pipeline,
                      struct findings *findings) {
    struct examination e = {.choice = choice,
                            .endpoint = &choice->endpoint,
                            .begin_ns = clock_now_ns(),
                            .timeout_ns = timeout_ns,
                            .pipeline = pipeline,
                            .findings = findings};
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    take_apart(&e, choice->endpoint.shown);
    if (certificates_check(&choice->endpoint.delivery, &detail) != 0) {
        SAY(&e, "files", FINDING_FAILED, "%s", detail.message);
    } else if (connect_to(&e)) {
        export_nothing(&e);
    }
}
