#include "otlp/deps/curl.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "otlp/common/alloc.h"
#include "otlp/common/clock.h"
#include "otlp/common/error.h"
#include "otlp/common/macro.h"
#include "otlp/deps/curl_client.h"
#include "otlp/deps/curl_settings.h"

enum { POST_LOOKS_UP_MS = 1000 }; /* should the host have closed what a post waits for */

/* ---- making a client ---- */

static bool add_header(struct http_client *client, const char *line) {
    struct curl_slist *longer = curl_slist_append(client->headers, line);
    if (longer != NULL) {
        client->headers = longer;
    }
    return longer != NULL;
}

/* libcurl takes "name:" as an order to leave the header out, and "name;" for an empty one. */
static bool add_user_header(struct http_client *client, const char *line) {
    size_t n = strlen(line);
    if (n < 2 || strcmp(line + n - 2, ": ") != 0) {
        return add_header(client, line);
    }
    char *empty = mem_strndup(line, n - 1);
    if (empty == NULL) {
        return false;
    }
    empty[n - 2] = ';';
    bool is_added = add_header(client, empty);
    mem_free(empty);
    return is_added;
}

static bool add_headers(struct http_client *client, const struct http_client_options *options) {
    bool is_added = add_header(client, "Expect:"); /* else a large body waits a second first */
    const char *const *own = options->own_headers;
    for (; is_added && own != NULL && *own != NULL; own++) {
        is_added = add_header(client, *own);
    }
    for (char *const *line = options->headers; is_added && line != NULL && *line != NULL; line++) {
        is_added = add_user_header(client, *line);
    }
    return is_added;
}

static void set_manners(struct http_settings *settings, struct http_client *client) {
    CURL *easy = settings->easy;
    http_set_long(settings, CURLOPT_POST, 1);
    http_set_long(settings, CURLOPT_FOLLOWLOCATION, 0);
    http_set_long(settings, CURLOPT_TCP_KEEPALIVE, 1); /* a peer that vanished is noticed … */
    http_set_pointer(settings, CURLOPT_WRITEDATA, client);
    http_set_pointer(settings, CURLOPT_HEADERDATA, client);
    http_set_pointer(settings, CURLOPT_HTTPHEADER, client->headers);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, http_take_body);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, http_take_header);
}

static bool has_scheme_http(const char *url) {
    return strncasecmp(url, "http:", 5) == 0;
}

bool http_keeps_cleartext_http2(void) {
    return curl_version_info(CURLVERSION_NOW)->version_num >= 0x080000;
}

/* HTTP/2 alone passes through a proxy only as through a tunnel. */
static void set_version(struct http_settings *settings, const struct http_client_options *options) {
    bool is_cleartext = has_scheme_http(options->route.url);
    if (options->version == HTTP_VERSION_ANY) {
        http_set_long(settings, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS);
        return;
    }
    http_set_long(settings, CURLOPT_HTTP_VERSION,
                  is_cleartext ? CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE : CURL_HTTP_VERSION_2TLS);
    http_set_long(settings, CURLOPT_HTTPPROXYTUNNEL, 1);
    if (is_cleartext && !http_keeps_cleartext_http2()) {
        http_set_long(settings, CURLOPT_FRESH_CONNECT, 1);
        http_set_long(settings, CURLOPT_FORBID_REUSE, 1);
    }
}

static bool can_unpack_gzip(void) {
    return (curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_LIBZ) != 0;
}

static CURLcode set_up(struct http_client *client, const struct http_client_options *options) {
    struct http_settings settings = {client->model, CURLE_OK};
    http_set_route(&settings, &options->route, client->error_text);
    set_manners(&settings, client);
    set_version(&settings, options);
    http_set_pointer(&settings, CURLOPT_USERAGENT, options->user_agent);
    http_set_pointer(&settings, CURLOPT_ACCEPT_ENCODING,
                     options->takes_gzip && can_unpack_gzip() ? "gzip" : NULL);
    return settings.code;
}

static int fail_to_make(struct http_client *client, CURLcode code, weir_error_detail *detail) {
    http_client_free(client);
    return error_set(detail, code == CURLE_OUT_OF_MEMORY ? WEIR_E_NO_MEMORY : WEIR_E_INVALID,
                     "libcurl: %s", curl_easy_strerror(code));
}

int http_client_new(const struct http_client_options *options, struct http_client **out,
                    weir_error_detail *detail) {
    CURLcode library = http_library();
    if (library != CURLE_OK) {
        return error_set(detail, WEIR_E_UNSUPPORTED, "libcurl cannot be initialised: %s",
                         curl_easy_strerror(library));
    }
    bool has_http2 = (curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_HTTP2) != 0;
    if (options->version == HTTP_VERSION_2 && !has_http2) {
        return error_set(detail, WEIR_E_UNSUPPORTED,
                         "libcurl was built without HTTP/2, which gRPC needs: use http/protobuf");
    }
    struct http_client *client = mem_zalloc(sizeof *client);
    if (client == NULL) {
        return error_set(detail, WEIR_E_NO_MEMORY, "no memory for an HTTP client");
    }
    buf_init(&client->body, options->max_response_bytes);
    buf_init(&client->head, options->max_header_bytes);
    buf_init(&client->trailers, options->max_header_bytes);
    client->max_header_bytes = options->max_header_bytes;
    client->needs_http2 = options->version == HTTP_VERSION_2;
    client->wakeup = (struct wakeup)WAKEUP_INIT;
    client->model = curl_easy_init();
    bool is_whole = client->model != NULL && add_headers(client, options);
    CURLcode code = is_whole ? set_up(client, options) : CURLE_OUT_OF_MEMORY;
    if (code != CURLE_OK) {
        return fail_to_make(client, code, detail);
    }
    int error = http_wire_open(client);
    if (error != 0) {
        int os_error = errno;
        http_client_free(client);
        return error == WEIR_E_IO
                   ? error_set_os(detail, error, os_error, "no file descriptors for HTTP")
                   : error_set(detail, error, "no memory for an HTTP client");
    }
    *out = client;
    return 0;
}

/* ---- one post ---- */

static void end_post(struct http_client *client) {
    if (client->is_under_way && client->multi != NULL) {
        (void)curl_multi_remove_handle(client->multi, client->easy);
        http_wire_settle(client);
    }
    client->is_under_way = false;
    if (client->own_header != NULL) {
        client->own_header->next = NULL; /* the others are not its own */
        curl_slist_free_all(client->own_header);
        client->own_header = NULL;
    }
}

void http_client_free(struct http_client *client) {
    if (client == NULL) {
        return;
    }
    if (client->multi != NULL && !http_wire_is_ours(client)) {
        http_wire_leave(client);
    }
    end_post(client);
    http_wire_close(client);
    curl_easy_cleanup(client->model);
    curl_slist_free_all(client->headers);
    buf_deinit(&client->body);
    buf_deinit(&client->head);
    buf_deinit(&client->trailers);
    mem_free(client);
}

/* The request's own header stands in front of those of all requests. */
static bool set_headers(struct http_client *client, const char *header) {
    struct curl_slist *list = client->headers;
    if (header != NULL) {
        client->own_header = curl_slist_append(NULL, header);
        if (client->own_header == NULL) {
            return false;
        }
        client->own_header->next = client->headers;
        list = client->own_header;
    }
    return curl_easy_setopt(client->easy, CURLOPT_HTTPHEADER, list) == CURLE_OK;
}

static CURLcode start(struct http_client *client, const struct http_request *request) {
    int error = http_wire_open(client);
    if (error != 0) {
        return error == WEIR_E_IO ? CURLE_FAILED_INIT : CURLE_OUT_OF_MEMORY;
    }
    const char *body = request->n_bytes > 0 ? (const char *)request->body : "";
    CURL *easy = client->easy;
    bool is_set = set_headers(client, request->header) &&
                  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                                   (curl_off_t)request->n_bytes) == CURLE_OK &&
                  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body) == CURLE_OK &&
                  curl_multi_add_handle(client->multi, easy) == CURLM_OK;
    return is_set ? CURLE_OK : CURLE_OUT_OF_MEMORY;
}

void http_client_begin(struct http_client *client, const struct http_request *request,
                       uint64_t deadline_ns) {
    if (client->multi != NULL && !http_wire_is_ours(client)) {
        http_wire_leave(client);
    }
    end_post(client);
    http_answer_reset(client);
    client->deadline_ns = deadline_ns;
    client->early = start(client, request);
    client->is_under_way = true;
    if (client->early != CURLE_OK) {
        client->deadline_ns = 0; /* readable at once, if there is something to read */
    }
    http_wire_set_timer(client);
}

/* True when the post is over; *result gets how. */
static bool turn(struct http_client *client, CURLcode *result) {
    *result = client->early;
    if (client->early != CURLE_OK) {
        return true;
    }
    *result = CURLE_RECV_ERROR;
    if (client->multi == NULL || client->is_broken || !http_wire_is_ours(client)) {
        http_wire_leave(client); /* the next post starts anew */
        return true;
    }
    http_wire_turn(client);
    if (http_transfer_has_ended(client->multi, result)) {
        return true;
    }
    *result = CURLE_OPERATION_TIMEDOUT;
    return client->is_cancelled || clock_now_ns() >= client->deadline_ns;
}

int http_client_advance(struct http_client *client, struct http_answer *answer) {
    CURLcode result;
    if (!turn(client, &result)) {
        http_wire_set_timer(client);
        return HTTP_PENDING;
    }
    int error = http_answer_finish(client, result, answer);
    end_post(client);
    http_wire_set_timer(client);
    return error;
}

int http_client_fd(const struct http_client *client) {
    return client->wakeup.epoll_fd;
}

int http_client_post(struct http_client *client, const struct http_request *request,
                     uint64_t deadline_ns, struct http_answer *answer) {
    http_client_begin(client, request, deadline_ns);
    int error;
    while ((error = http_client_advance(client, answer)) == HTTP_PENDING) {
        struct pollfd readable = {.fd = client->wakeup.epoll_fd, .events = POLLIN};
        (void)poll(&readable, 1, (int)MIN(clock_ms_until(deadline_ns), POST_LOOKS_UP_MS));
    }
    return error;
}

void http_client_forget(struct http_client *client) {
    bool was_under_way = client->is_under_way;
    if (was_under_way) { /* another thread may have been in the middle of these */
        buf_init(&client->body, client->body.max_bytes);
        buf_init(&client->head, client->head.max_bytes);
        buf_init(&client->trailers, client->trailers.max_bytes);
    }
    http_wire_leave(client);
    end_post(client);
    client->is_under_way = was_under_way;
    client->early = CURLE_RECV_ERROR;
    (void)http_wire_open(client); /* or by the next post */
    client->deadline_ns = 0;
    http_wire_set_timer(client);
}
