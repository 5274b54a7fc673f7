#include "otlp/sender.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <weir/error.h>

#include "otlp/bounds.h"
#include "otlp/certificates.h"
#include "otlp/common/alloc.h"
#include "otlp/common/buf.h"
#include "otlp/common/error.h"
#include "otlp/common/macro.h"
#include "otlp/exporter.h"

/* ---- opening ---- */

/* "product/1 OTel-OTLP-Exporter-C/0.1" (B40, C13) */
static char *user_agent_of(const struct delivery *delivery) {
    static const char own[] = "OTel-OTLP-Exporter-C/" WEIR_VERSION;
    const char *product = delivery->product != NULL ? delivery->product : "";
    size_t n = strlen(product) + 1 + sizeof own;
    char *text = mem_alloc(n);
    if (text != NULL) {
        snprintf(text, n, "%s%s%s", product, *product != '\0' ? " " : "", own);
    }
    return text;
}

static int open_client(struct sender *sender, const struct endpoint *endpoint,
                       const char *const *own_headers, weir_error_detail *detail) {
    const struct delivery *delivery = &endpoint->delivery;
    char *user_agent CLEANUP(mem_cleanup) = user_agent_of(delivery);
    if (user_agent == NULL) {
        return error_set(detail, WEIR_E_NO_MEMORY, "no memory for a transport");
    }
    bool is_grpc = delivery->protocol == WEIR_OTLP_PROTOCOL_GRPC;
    const struct http_client_options options = {
        .route = endpoint_route(endpoint),
        .own_headers = own_headers,
        .headers = endpoint->headers.lines,
        .user_agent = user_agent,
        .version = is_grpc ? HTTP_VERSION_2 : HTTP_VERSION_ANY,
        .takes_gzip = !is_grpc, /* gRPC has its own way (C6) */
        .max_response_bytes = delivery->max_response_bytes,
        .max_header_bytes = HTTP_MAX_RESPONSE_HEADERS,
    };
    return http_client_new(&options, &sender->client, detail);
}

static int open_parts(struct sender *sender, const struct endpoint *endpoint,
                      const char *const *own_headers, weir_error_detail *detail) {
    const struct delivery *delivery = &endpoint->delivery;
    int error = certificates_check(delivery, detail);
    if (error != 0) {
        return error;
    }
    sender->is_tls_guess = endpoint->is_tls_guess;
    sender->has_no_certificate =
        strncasecmp(endpoint->url, "https:", 6) == 0 && delivery->client_certificate.path == NULL;
    sender->shown = mem_strdup(endpoint->shown);
    if (sender->shown == NULL ||
        encoding_init(&sender->encoding, delivery->protocol, delivery->compression,
                      delivery->max_request_bytes) != 0) {
        return error_set(detail, WEIR_E_NO_MEMORY, "no memory for a transport");
    }
    return open_client(sender, endpoint, own_headers, detail);
}

void sender_close(struct sender *sender) {
    http_client_free(sender->client);
    encoding_deinit(&sender->encoding);
    mem_free(sender->shown);
}

/* ---- words ---- */

static const char *words_for(const struct sender *sender, enum http_trouble trouble) {
    static const char *const words[] = {
        [HTTP_NO_TIME] = "gave no answer in time",
        [HTTP_NO_NAME] = "cannot be resolved: is the host's name right "
                         "(OTEL_EXPORTER_OTLP_ENDPOINT)?",
        [HTTP_NO_PROXY] = "cannot be reached by the proxy: is its name right (proxy, http_proxy, "
                          "https_proxy)?",
        [HTTP_PROXY_REFUSES] =
            "was not asked: the proxy opens no tunnel to it; does it want a user "
            "and password (proxy, https_proxy)?",
        [HTTP_NO_CONNECTION] = "cannot be reached: does a collector listen there, or somewhere "
                               "else (OTEL_EXPORTER_OTLP_ENDPOINT)?",
        [HTTP_NO_TLS] = "cannot agree on TLS with us",
        [HTTP_PLAIN_PEER] = "speaks no TLS: write http:// instead of https://, if that is meant",
        [HTTP_NO_TRUST] = "has a certificate that is not trusted here: name its authority by "
                          "ca_file (OTEL_EXPORTER_OTLP_CERTIFICATE)",
        [HTTP_BAD_CERTIFICATE] = "was not asked: a certificate or key of ours cannot be used "
                                 "(ca_file, client_certificate_file, client_key_file)",
        [HTTP_WANTS_CERTIFICATE] =
            "refuses our certificate: set client_certificate_file and client_key_file "
            "(OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE, …_CLIENT_KEY)",
        [HTTP_NO_ANSWER] = "closed the connection before its answer was whole",
        [HTTP_NO_HTTP] =
            "does not speak HTTP: is it the port of OTLP/gRPC (4317), not of OTLP/HTTP "
            "(4318)?",
        [HTTP_STREAM_RESET] = "gave up the request",
        [HTTP_TOO_MUCH] = "gave an answer that is too large: is it an OTLP endpoint?",
        [HTTP_BAD_ENCODING] = "gave an answer that cannot be unpacked",
        [HTTP_NO_MEMORY] = "was not asked: out of memory",
        [HTTP_OTHER] = "cannot be used",
    };
    if (trouble == HTTP_PLAIN_PEER && sender->is_tls_guess) {
        return "speaks no TLS: write http:// in front of the endpoint, or set "
               "OTEL_EXPORTER_OTLP_INSECURE=true";
    }
    if (trouble == HTTP_NO_ANSWER && sender->has_no_certificate) { /* TLS 1.3 may not say more */
        return "closed the connection before its answer was whole: does it want a client "
               "certificate (client_certificate_file, client_key_file)?";
    }
    if (sender->encoding.is_framed && trouble == HTTP_NO_HTTP) {
        return "does not speak HTTP/2, as gRPC must: is it the port of OTLP/HTTP (4318), not of "
               "OTLP/gRPC (4317)?";
    }
    if (sender->encoding.is_framed && trouble == HTTP_NO_ANSWER) { /* HTTP/1 looks like this too */
        return "closed the connection before its answer was whole: does it speak gRPC (4317)? The "
               "port of OTLP/HTTP (4318) wants the protocol http/protobuf";
    }
    return words[trouble];
}

void sender_describe(const struct sender *sender, const struct http_answer *answer, int error,
                     weir_error_detail *detail) {
    enum http_trouble trouble = answer->trouble;
    bool says_it_all = trouble == HTTP_NO_TIME || trouble == HTTP_NO_NAME ||
                       trouble == HTTP_PLAIN_PEER || trouble == HTTP_WANTS_CERTIFICATE;
    const char *text = says_it_all ? "" : answer->text;
    (void)error_set(detail, error, "%.80s %s%s%.70s%s", sender->shown, words_for(sender, trouble),
                    *text != '\0' ? " (" : "", text, *text != '\0' ? ")" : "");
}

/* ---- the transport ---- */

/* With its own header in the room of the caller. */
static struct http_request request_of(const struct sender *sender, const uint8_t *body,
                                      size_t n_bytes, uint64_t deadline_ns,
                                      char header[SENDER_HEADER_BYTES]) {
    *header = '\0';
    if (sender->protocol->format_header != NULL) {
        sender->protocol->format_header(header, deadline_ns);
    }
    return (struct http_request){
        .body = body, .n_bytes = n_bytes, .header = *header != '\0' ? header : NULL};
}

static int post(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline_ns,
                weir_transport_response *response, weir_error_detail *detail) {
    struct sender *sender = data;
    struct http_answer answer;
    char header[SENDER_HEADER_BYTES];
    const struct http_request request = request_of(sender, body, n_bytes, deadline_ns, header);
    int error = http_client_post(sender->client, &request, deadline_ns, &answer);
    return sender->protocol->conclude(data, error, &answer, response, detail);
}

static int start(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline_ns) {
    struct sender *sender = data;
    char header[SENDER_HEADER_BYTES];
    const struct http_request request = request_of(sender, body, n_bytes, deadline_ns, header);
    http_client_begin(sender->client, &request, deadline_ns);
    return 0;
}

static int advance(void *data, weir_transport_response *response, weir_error_detail *detail) {
    struct sender *sender = data;
    struct http_answer answer;
    int error = http_client_advance(sender->client, &answer);
    return error == HTTP_PENDING
               ? WEIR_PENDING
               : sender->protocol->conclude(data, error, &answer, response, detail);
}

static void cancel(void *data) {
    http_client_cancel(((struct sender *)data)->client);
}

static int prepare(void *data, const uint8_t *body, size_t n_bytes, const uint8_t **out,
                   size_t *n_out, weir_error_detail *detail) {
    struct sender *sender = data;
    sender->is_preparing = true;
    int error = encoding_prepare(&sender->encoding, body, n_bytes, out, n_out, detail);
    sender->is_preparing = false;
    return error;
}

static void after_fork(void *data) {
    struct sender *sender = data;
    if (sender->is_preparing) {
        sender->is_preparing = false;
        encoding_begin_anew(&sender->encoding);
    }
    http_client_forget(sender->client);
}

static int poll_fd(void *data) {
    return http_client_fd(((struct sender *)data)->client);
}

int sender_open(struct sender *sender, const struct sender_protocol *protocol,
                const struct endpoint *endpoint, const char *const *own_headers,
                weir_transport *out, weir_error_detail *detail) {
    int error = open_parts(sender, endpoint, own_headers, detail);
    if (error != 0) {
        protocol->destroy(sender);
        return error;
    }
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, exporter_watch_exit); /* behind what TLS has registered for exit */
    sender->protocol = protocol;
    *out = (weir_transport){.size = sizeof *out,
                            .post = post,
                            .cancel = cancel,
                            .destroy = protocol->destroy,
                            .data = sender,
                            .prepare = prepare,
                            .start = start,
                            .advance = advance,
                            .poll_fd = poll_fd,
                            .after_fork = after_fork};
    return 0;
}
