#include "otlp/endpoint.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <weir/error.h>

#include "otlp/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/common/error.h"
#include "otlp/common/macro.h"

static const char DEFAULT_ENDPOINT[] = "http://localhost:4318";
static const char DEFAULT_GRPC_ENDPOINT[] = "http://localhost:4317";
static const char GRPC_PATH[] = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/* ---- which URL ---- */

struct choice {
    const char *url;
    const char *source; /* the option or variable, for messages */
    bool is_base;       /* v1/traces is to be added (B37); else the URL is used as it is (B36) */
};

/* An option before any variable; in each, the URL for traces before the base (D10). */
static struct choice choose(const weir_otlp_options *options, const struct config_reader *reader,
                            const char *otherwise) {
    const bool has_option = options->traces_endpoint != NULL || options->endpoint != NULL;
    struct config_origin origin;
    const char *url =
        CONFIG_TEXT(reader, &origin, .option = "traces_endpoint", .given = options->traces_endpoint,
                    .variables = {has_option ? NULL : "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"},
                    .privacy = CONFIG_URL);
    if (url != NULL) {
        return (struct choice){url, origin.name, false};
    }
    url = CONFIG_TEXT(reader, &origin, .option = "endpoint", .given = options->endpoint,
                      .variables = {"OTEL_EXPORTER_OTLP_ENDPOINT"}, .otherwise = otherwise,
                      .privacy = CONFIG_URL);
    return (struct choice){url, origin.name != NULL ? origin.name : "the default endpoint", true};
}

/* ---- its parts ---- */

/* Offsets into the URL: scheme "://" [user "@"] host [":" port] path ["?" query] ["#" fragment] */
struct parts {
    size_t authority;
    size_t host; /* behind the user */
    size_t path;
    size_t query; /* with its "?" */
    size_t end;   /* the fragment is not sent */
};

static size_t find(const char *url, size_t from, size_t end, const char *any_of) {
    size_t at = from;
    while (at < end && strchr(any_of, url[at]) == NULL) {
        at++;
    }
    return at;
}

/* Says where things would be, in good URLs and bad ones alike. */
static struct parts split(const char *url) {
    struct parts parts = {.end = find(url, 0, strlen(url), "#")};
    const char *slashes = strstr(url, "://");
    parts.authority = slashes != NULL ? MIN((size_t)(slashes - url) + 3, parts.end) : 0;
    parts.path = find(url, parts.authority, parts.end, "/?");
    parts.query = find(url, parts.path, parts.end, "?");
    parts.host = parts.authority;
    for (size_t at = parts.authority; at < parts.path; at++) {
        if (url[at] == '@') {
            parts.host = at + 1;
        }
    }
    return parts;
}

/* The scheme, and what is from the host to the query. NULL when memory is short. */
static char *visible(const char *url, const struct parts *parts) {
    size_t n_rest = parts->query - parts->host;
    char *shown = mem_alloc(parts->authority + n_rest + 1);
    if (shown != NULL) {
        memcpy(shown, url, parts->authority);
        memcpy(shown + parts->authority, url + parts->host, n_rest);
        shown[parts->authority + n_rest] = '\0';
    }
    return shown;
}

/* Without what may be secret: "http://host:4318/v1/traces". */
static char *without_secrets(const char *url) {
    struct parts parts = split(url);
    return visible(url, &parts);
}

/* The same of a bad URL, whose '@' may be anywhere: what is before the last one may be a password,
 * and what is behind a '?' a query. */
static char *without_secrets_bad(const char *url) {
    struct parts parts = split(url);
    const char *at = strrchr(url + parts.authority, '@');
    if (at != NULL) {
        parts.host = (size_t)(at - url) + 1;
        size_t query = find(url, parts.authority, strlen(url), "?#");
        parts.query = MAX(query, parts.host);
    }
    return visible(url, &parts);
}

/* ---- its rules (B34) ---- */

static bool has_http_scheme(const char *url) {
    return strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0;
}

static bool is_port(const char *digits, size_t n) {
    unsigned port = 0;
    for (size_t i = 0; i < n; i++) {
        if (digits[i] < '0' || digits[i] > '9' ||
            (port = port * 10 + (unsigned)(digits[i] - '0')) > 65535) {
            return false;
        }
    }
    return port > 0;
}

/* A name or IPv4 address, or an IPv6 address in brackets; *end gets where the host ends. */
static bool is_host(const char *url, const struct parts *parts, size_t *end) {
    if (url[parts->host] == '[') {
        size_t bracket = find(url, parts->host, parts->path, "]");
        size_t n_good = strspn(url + parts->host + 1, "0123456789abcdefABCDEF:.%");
        *end = bracket + 1;
        return bracket < parts->path && n_good > 1 && parts->host + 1 + n_good == bracket;
    }
    *end = find(url, parts->host, parts->path, ":");
    return *end > parts->host && find(url, parts->host, *end, "[]@<>\"\\^`{|}") == *end;
}

/* What is wrong with the URL and what to write instead, or NULL. */
static const char *fault_of(const char *url) {
    if (*url == '\0') {
        return "is empty: write a URL such as http://localhost:4318";
    }
    if (strlen(url) > ENDPOINT_MAX_URL) {
        return "is too long";
    }
    for (const char *c = url; *c != '\0'; c++) {
        if ((unsigned char)*c <= 0x20 || *c == 0x7f) {
            return "has a space or control character: remove it, or write it as %XX";
        }
    }
    if (!has_http_scheme(url)) {
        return "must begin with http:// or https://, as in http://localhost:4318";
    }
    struct parts parts = split(url);
    size_t host_end;
    if (!is_host(url, &parts, &host_end)) {
        return "has no valid host: write a name or address, as in http://localhost:4318 or "
               "http://[::1]:4318";
    }
    if (host_end < parts.path &&
        (url[host_end] != ':' || !is_port(url + host_end + 1, parts.path - host_end - 1))) {
        return "has no valid port: write a number from 1 to 65535 behind the colon";
    }
    return NULL;
}

static int refuse(const struct choice *choice, const char *fault, weir_error_detail *detail) {
    char *shown CLEANUP(mem_cleanup) = without_secrets_bad(choice->url);
    return error_set(detail, WEIR_E_INVALID, "%s \"%.80s\" %s", choice->source,
                     shown != NULL ? shown : "", fault);
}

/* ---- the URL of the requests ---- */

/* A base gets v1/traces behind its path; a URL for traces only a missing "/" (B36-B38). */
static char *request_url(const struct choice *choice) {
    const char *url = choice->url;
    struct parts parts = split(url);
    bool has_slash = parts.query > parts.path && url[parts.query - 1] == '/';
    bool has_path = parts.query > parts.path;
    const char *added = choice->is_base ? (has_slash ? "v1/traces" : "/v1/traces")
                        : has_path      ? ""
                                        : "/";
    size_t n_added = strlen(added), n_query = parts.end - parts.query;
    char *out = mem_alloc(parts.query + n_added + n_query + 1);
    if (out != NULL) {
        memcpy(out, url, parts.query);
        memcpy(out + parts.query, added, n_added);
        memcpy(out + parts.query + n_added, url + parts.query, n_query);
        out[parts.query + n_added + n_query] = '\0';
    }
    return out;
}

static int resolve_http_url(const weir_otlp_options *options, const struct config_reader *reader,
                            struct endpoint *endpoint, weir_error_detail *detail) {
    struct choice choice = choose(options, reader, DEFAULT_ENDPOINT);
    const char *fault = fault_of(choice.url);
    if (fault != NULL) {
        return refuse(&choice, fault, detail);
    }
    endpoint->url = request_url(&choice);
    endpoint->shown = endpoint->url != NULL ? without_secrets(endpoint->url) : NULL;
    return endpoint->shown != NULL ? 0 : error_set(detail, WEIR_E_NO_MEMORY, "out of memory");
}

/* ---- gRPC ---- */

static char *joined(const char *first, const char *text, size_t n_text, const char *last) {
    size_t n_first = strlen(first), n_last = strlen(last);
    char *out = mem_alloc(n_first + n_text + n_last + 1);
    if (out != NULL) {
        memcpy(out, first, n_first);
        memcpy(out + n_first, text, n_text);
        memcpy(out + n_first + n_text, last, n_last + 1);
    }
    return out;
}

/* The URL with its scheme, to be freed: what has none gets one by `insecure` (D12, C25). */
static char *with_scheme(const char *url, struct endpoint *endpoint) {
    static const char dns[] = "dns:///"; /* gRPC's way to write a plain name */
    if (strstr(url, "://") != NULL && strncmp(url, dns, sizeof dns - 1) != 0) {
        return mem_strdup(url);
    }
    url += strncmp(url, dns, sizeof dns - 1) == 0 ? sizeof dns - 1 : 0;
    endpoint->is_tls_guess = !endpoint->delivery.is_insecure;
    return joined(endpoint->is_tls_guess ? "https://" : "http://", url, strlen(url), "");
}

/* "unix:path" and "unix:///path" of gRPC; NULL: it is none. */
static const char *unix_path(const char *url) {
    if (strncmp(url, "unix:", 5) != 0) {
        return NULL;
    }
    return strncmp(url + 5, "///", 3) == 0 ? url + 7 : url + 5;
}

static int take_unix_socket(const struct choice *choice, const char *path,
                            struct endpoint *endpoint, weir_error_detail *detail) {
    if (*path == '\0') {
        return refuse(choice, "has no path: write unix:///run/collector.sock", detail);
    }
    endpoint->unix_socket = mem_strdup(path);
    endpoint->url = joined("http://localhost", "", 0, GRPC_PATH);
    endpoint->shown = mem_strdup(choice->url);
    bool is_whole =
        endpoint->unix_socket != NULL && endpoint->url != NULL && endpoint->shown != NULL;
    return is_whole ? 0 : error_set(detail, WEIR_E_NO_MEMORY, "out of memory");
}

/* The method's path is fixed (C1): one in the URL counts for nothing. */
static void warn_of_path(const struct choice *choice, const char *url, const struct parts *parts,
                         const struct config_reader *reader) {
    if (parts->end - parts->path > 1 || (parts->end > parts->path && url[parts->path] != '/')) {
        logger_say(reader->logger, WEIR_LOG_WARN, LOG_CAUSE_CONFIG,
                   "%s: gRPC makes no use of the path and query of a URL: write it without, or set "
                   "another protocol",
                   choice->source);
    }
}

static int resolve_grpc_url(const weir_otlp_options *options, const struct config_reader *reader,
                            struct endpoint *endpoint, weir_error_detail *detail) {
    struct choice choice = choose(options, reader, DEFAULT_GRPC_ENDPOINT);
    const char *path = unix_path(choice.url);
    if (path != NULL) {
        return take_unix_socket(&choice, path, endpoint, detail);
    }
    char *url CLEANUP(mem_cleanup) =
        *choice.url != '\0' ? with_scheme(choice.url, endpoint) : mem_strdup("");
    if (url == NULL) {
        return error_set(detail, WEIR_E_NO_MEMORY, "out of memory");
    }
    const char *fault = fault_of(url);
    if (fault != NULL) {
        return refuse(&choice, fault, detail);
    }
    struct parts parts = split(url);
    warn_of_path(&choice, url, &parts, reader);
    endpoint->url = joined("", url, parts.path, GRPC_PATH);
    url[parts.path] = '\0';
    endpoint->shown = without_secrets(url);
    bool is_whole = endpoint->url != NULL && endpoint->shown != NULL;
    return is_whole ? 0 : error_set(detail, WEIR_E_NO_MEMORY, "out of memory");
}

/* ---- the whole ---- */

static int resolve_headers(const weir_otlp_options *options, const struct config_reader *reader,
                           struct headers *headers, weir_error_detail *detail) {
    const char *variable = "OTEL_EXPORTER_OTLP_TRACES_HEADERS"; /* beats the other one (D10) */
    if (config_variable(reader, variable) == NULL) {
        variable = "OTEL_EXPORTER_OTLP_HEADERS";
    }
    int error = headers_add_list(headers, reader, variable, config_variable(reader, variable));
    if (error != 0) {
        return error_set(detail, error, "%s: %s", variable, weir_strerror(error));
    }
    return headers_add_lines(headers, reader, options->headers, detail);
}

int endpoint_resolve(const weir_otlp_options *options, const struct config_reader *reader,
                     struct endpoint *out, weir_error_detail *detail) {
    struct endpoint endpoint CLEANUP(endpoint_deinit) = {0};
    int error = delivery_resolve(options, reader, &endpoint.delivery, detail);
    if (error == 0) {
        bool is_grpc = endpoint.delivery.protocol == WEIR_OTLP_PROTOCOL_GRPC;
        endpoint.headers.is_metadata = is_grpc;
        error = is_grpc ? resolve_grpc_url(options, reader, &endpoint, detail)
                        : resolve_http_url(options, reader, &endpoint, detail);
    }
    if (error == 0) {
        error = resolve_headers(options, reader, &endpoint.headers, detail);
    }
    if (error != 0) {
        return error;
    }
    *out = endpoint;
    endpoint = (struct endpoint){0};
    return 0;
}

/* ---- whom it is sent to ---- */

static void copy_address(char *out, size_t n_out, const char *text, size_t n) {
    n = n < n_out ? n : 0;
    memcpy(out, text, n);
    out[n] = '\0';
}

unsigned endpoint_server(const struct endpoint *endpoint, char *address, size_t n_address) {
    const char *url = endpoint->url, *path = endpoint->unix_socket;
    path = path != NULL ? path : endpoint->delivery.unix_socket;
    if (path != NULL) {
        copy_address(address, n_address, path, strlen(path));
        return 0;
    }
    struct parts parts = split(url);
    size_t end;
    bool has_brackets = url[parts.host] == '[';
    (void)is_host(url, &parts, &end);
    copy_address(address, n_address, url + parts.host + has_brackets,
                 end - parts.host - 2 * has_brackets);
    if (end + 1 < parts.path) {
        return (unsigned)strtoul(url + end + 1, NULL, 10);
    }
    return strncasecmp(url, "https", 5) == 0 ? 443 : 80;
}

void endpoint_deinit(struct endpoint *endpoint) {
    mem_free(endpoint->url);
    mem_free(endpoint->shown);
    mem_free(endpoint->unix_socket);
    headers_deinit(&endpoint->headers);
    *endpoint = (struct endpoint){0};
}

struct http_route endpoint_route(const struct endpoint *endpoint) {
    const struct delivery *delivery = &endpoint->delivery;
    return (struct http_route){
        .url = endpoint->url,
        .ca_file = delivery->ca.path,
        .client_certificate_file = delivery->client_certificate.path,
        .client_key_file = delivery->client_key.path,
        .needs_tls_1_3 = delivery->min_tls_version == WEIR_OTLP_TLS_1_3,
        .proxy = delivery->proxy,
        .unix_socket =
            endpoint->unix_socket != NULL ? endpoint->unix_socket : delivery->unix_socket,
    };
}
