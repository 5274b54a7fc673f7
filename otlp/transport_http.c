/*
 * OTLP/HTTP with protobuf bodies (conformance B1-B8, B20-B23, B30, B31, B40).
 */
#include "otlp/transport.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "otlp/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/common/error.h"
#include "otlp/common/macro.h"
#include "otlp/deps/curl.h"
#include "otlp/exporter.h"
#include "otlp/retry.h"

struct http_transport {
    struct http_client *client;
    char *shown; /* the URL, for messages */
};

static void destroy(void *data) {
    struct http_transport *http = data;
    http_client_free(http->client);
    mem_free(http->shown);
    mem_free(http);
}

static void cancel(void *data) {
    http_client_cancel(((struct http_transport *)data)->client);
}

/* ---- what went wrong, and what to do about it ---- */

/* No answer: "<URL> <this>". */
static void describe_trouble(const struct http_transport *http, const struct http_answer *answer,
                             int error, weir_error_detail *detail) {
    static const char *const words[] = {
        [HTTP_NO_TIME] = "gave no answer in time",
        [HTTP_NO_NAME] = "cannot be resolved: is the host's name right "
                         "(OTEL_EXPORTER_OTLP_ENDPOINT)?",
        [HTTP_NO_CONNECTION] = "cannot be reached: does a collector listen there, or somewhere "
                               "else (OTEL_EXPORTER_OTLP_ENDPOINT)?",
        [HTTP_NO_TRUST] = "offers no TLS that can be trusted: is its certificate known here?",
        [HTTP_NO_ANSWER] = "closed the connection before its answer was whole",
        [HTTP_NO_HTTP] = "does not speak HTTP: is it the port of OTLP/gRPC (4317), not of "
                         "OTLP/HTTP (4318)?",
        [HTTP_TOO_MUCH] = "gave an answer that is too large: is it an OTLP endpoint?",
        [HTTP_NO_MEMORY] = "was not asked: out of memory",
        [HTTP_OTHER] = "cannot be used",
    };
    bool says_it_all = answer->trouble == HTTP_NO_TIME || answer->trouble == HTTP_NO_NAME;
    const char *text = says_it_all ? "" : answer->text;
    (void)error_set(detail, error, "%.80s %s%s%.70s%s", http->shown, words[answer->trouble],
                    *text != '\0' ? " (" : "", text, *text != '\0' ? ")" : "");
}

static const char *advice_for(int status) {
    switch (status) {
    case 400: return ": is it an OTLP/HTTP endpoint?";
    case 401:
    case 403: return ": check the credentials (headers, OTEL_EXPORTER_OTLP_HEADERS)";
    case 404:
    case 405: return ": check the path (a base endpoint gets /v1/traces, a traces endpoint not)";
    case 413: return ": make requests smaller (max_export_spans, OTEL_BSP_MAX_EXPORT_BATCH_SIZE)";
    case 415: return ": is it an OTLP/HTTP endpoint that takes protobuf?";
    case 429: return ": it gets more than it wants";
    case 502:
    case 504: return ": a proxy cannot reach the collector behind it";
    case 503: return ": it is overloaded or not ready";
    default: return "";
    }
}

/* An answer that is no success. */
static void describe_answer(const struct http_transport *http, const struct http_answer *answer,
                            weir_error_detail *detail) {
    bool is_redirect = answer->status >= 300 && answer->status < 400;
    struct http_text location = http_line(answer->head, "location");
    if (is_redirect && location.n_bytes > 0) {
        (void)error_set(detail, 0,
                        "%.80s moved to %.*s: set the endpoint to it, redirects are "
                        "not followed",
                        http->shown, (int)MIN(location.n_bytes, 110), location.at);
    } else {
        (void)error_set(detail, 0, "%.80s answered %d%s", http->shown, answer->status,
                        advice_for(answer->status));
    }
}

/* ---- a post ---- */

static int64_t retry_after_ms(const struct http_answer *answer) {
    struct http_text value = http_line(answer->head, "retry-after");
    return retry_after_parse(value.at != NULL ? value.at : "", value.n_bytes, time(NULL));
}

/* What came of a post, for the exporter. */
static int conclude(const struct http_transport *http, int error, const struct http_answer *answer,
                    weir_transport_response *response, weir_error_detail *detail) {
    if (error != 0) {
        describe_trouble(http, answer, error, detail);
        return error;
    }
    if (answer->status < 200 || answer->status >= 300) {
        describe_answer(http, answer, detail);
    }
    *response = (weir_transport_response){
        .http_status = answer->status,
        .retry_after_ms = retry_after_ms(answer),
        .body = answer->body,
        .n_bytes = answer->n_bytes,
    };
    return 0;
}

static int prepare(void *data, const uint8_t *body, size_t n_bytes, const uint8_t **out,
                   size_t *n_out, weir_error_detail *detail) {
    (void)data;
    if (n_bytes > HTTP_MAX_REQUEST_BYTES) {
        return error_set(detail, WEIR_E_TOO_LARGE, "a request of %zu bytes is over the limit",
                         n_bytes);
    }
    *out = body;
    *n_out = n_bytes;
    return 0;
}

static int post(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline_ns,
                weir_transport_response *response, weir_error_detail *detail) {
    struct http_transport *http = data;
    if (n_bytes > HTTP_MAX_REQUEST_BYTES) {
        return error_set(detail, WEIR_E_INVALID, "a request of %zu bytes is over the limit",
                         n_bytes);
    }
    struct http_answer answer;
    const struct http_request request = {.body = body, .n_bytes = n_bytes};
    int error = http_client_post(http->client, &request, deadline_ns, &answer);
    return conclude(http, error, &answer, response, detail);
}

static int start(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline_ns) {
    struct http_transport *http = data;
    const struct http_request request = {.body = body, .n_bytes = n_bytes};
    http_client_begin(http->client, &request, deadline_ns);
    return 0;
}

static int advance(void *data, weir_transport_response *response, weir_error_detail *detail) {
    struct http_transport *http = data;
    struct http_answer answer;
    int error = http_client_advance(http->client, &answer);
    return error == HTTP_PENDING ? WEIR_PENDING : conclude(http, error, &answer, response, detail);
}

static int poll_fd(void *data) {
    return http_client_fd(((struct http_transport *)data)->client);
}

/* ---- opening ---- */

static pthread_once_t once = PTHREAD_ONCE_INIT;

int transport_http_open(const struct endpoint *endpoint, weir_transport *out,
                        weir_error_detail *detail) {
    struct http_transport *http = mem_zalloc(sizeof *http);
    if (http == NULL || (http->shown = mem_strdup(endpoint->shown)) == NULL) {
        mem_free(http);
        return error_set(detail, WEIR_E_NO_MEMORY, "no memory for a transport");
    }
    const struct http_client_options options = {
        .url = endpoint->url,
        .headers = endpoint->headers.lines,
        .content_type = "application/x-protobuf",
        .user_agent = "OTel-OTLP-Exporter-C/" WEIR_VERSION,
        .max_response_bytes = HTTP_MAX_RESPONSE_BYTES,
        .max_header_bytes = HTTP_MAX_RESPONSE_HEADERS,
    };
    int error = http_client_new(&options, &http->client, detail);
    if (error != 0) {
        destroy(http);
        return error;
    }
    (void)pthread_once(&once, exporter_watch_exit); /* behind what TLS has registered for exit */
    *out = (weir_transport){.size = sizeof *out,
                            .post = post,
                            .cancel = cancel,
                            .destroy = destroy,
                            .data = http,
                            .prepare = prepare,
                            .start = start,
                            .advance = advance,
                            .poll_fd = poll_fd};
    return 0;
}
