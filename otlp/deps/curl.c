#include "otlp/deps/curl.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "otlp/common/alloc.h"
#include "otlp/common/buf.h"
#include "otlp/common/clock.h"
#include "otlp/common/error.h"
#include "otlp/common/macro.h"

struct http_client {
    CURLM *multi; /* keeps the connections */
    CURL *easy;
    struct curl_slist *headers;
    size_t max_header_bytes;
    _Atomic bool is_cancelled;
    char error_text[CURL_ERROR_SIZE];

    /* of the post under way */
    struct buf body;
    size_t n_header_bytes;
    bool is_too_much;
    bool has_whole_head;
    struct http_answer *answer;
};

/* ---- the library ---- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode global_result;

/* There is no counterpart: the host may use libcurl too, and the process ends anyhow. */
static void init_library(void) {
    global_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static uint64_t now_ns(void) {
    weir_clock clock = clock_system();
    return clock_monotonic(&clock);
}

/* ---- what comes in ---- */

static size_t take_body(char *bytes, size_t one, size_t n_bytes, void *data) {
    struct http_client *client = data;
    (void)one;
    buf_append(&client->body, bytes, n_bytes);
    return buf_error(&client->body) == 0 ? n_bytes : 0; /* 0 ends the transfer */
}

/* Copies the value if the line is this header; what does not fit is cut. */
static void take_header_value(const char *line, size_t n_bytes, const char *name, char *out,
                              size_t n_out) {
    size_t n_name = strlen(name);
    if (n_bytes <= n_name || strncasecmp(line, name, n_name) != 0 || line[n_name] != ':') {
        return;
    }
    const char *at = line + n_name + 1, *end = line + n_bytes;
    while (at < end && (*at == ' ' || *at == '\t')) {
        at++;
    }
    while (at < end && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' ')) {
        end--;
    }
    size_t n = MIN((size_t)(end - at), n_out - 1);
    memcpy(out, at, n);
    out[n] = '\0';
}

/* An answer's head begins with a line HTTP/… and ends with an empty one; interim answers (100) and
 * those of proxies come before it. */
static void note_line(struct http_client *client, const char *line, size_t n_bytes) {
    struct http_answer *answer = client->answer;
    if (n_bytes >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        answer->retry_after[0] = answer->location[0] = '\0';
        client->has_whole_head = false;
    } else if (n_bytes > 0 && (line[0] == '\r' || line[0] == '\n')) {
        client->has_whole_head = true;
    }
}

static size_t take_header(char *line, size_t one, size_t n_bytes, void *data) {
    struct http_client *client = data;
    struct http_answer *answer = client->answer;
    (void)one;
    client->n_header_bytes += n_bytes;
    if (client->n_header_bytes > client->max_header_bytes) {
        client->is_too_much = true;
        return 0;
    }
    note_line(client, line, n_bytes);
    take_header_value(line, n_bytes, "retry-after", answer->retry_after,
                      sizeof answer->retry_after);
    take_header_value(line, n_bytes, "location", answer->location, sizeof answer->location);
    return n_bytes;
}

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
    char type[128];
    snprintf(type, sizeof type, "Content-Type: %s", options->content_type);
    bool is_added = add_header(client, type) &&
                    add_header(client, "Expect:"); /* else a large body waits a second first */
    for (char *const *line = options->headers; is_added && line != NULL && *line != NULL; line++) {
        is_added = add_user_header(client, *line);
    }
    return is_added;
}

static CURLcode restrict_protocols(CURL *easy) {
#if LIBCURL_VERSION_NUM >= 0x075500 /* 7.85 */
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

/* A name that never resolves: its thread is left behind instead of being waited for. */
static void leave_resolver_behind(CURL *easy) {
#if LIBCURL_VERSION_NUM >= 0x075700 /* 7.87; an older library at run time says no */
    (void)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#else
    (void)easy;
#endif
}

static CURLcode set_up(struct http_client *client, const struct http_client_options *options) {
    CURL *easy = client->easy;
    CURLcode first = CURLE_OK, code;
    leave_resolver_behind(easy);
#define SET(option, value)                                                                         \
    do {                                                                                           \
        code = curl_easy_setopt(easy, option, value);                                              \
        first = first != CURLE_OK ? first : code;                                                  \
    } while (0)
    SET(CURLOPT_ERRORBUFFER, client->error_text);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_POST, 1L);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_TCP_KEEPALIVE, 1L); /* a peer that vanished is noticed even without a timeout */
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L); /* a proxy's are not the endpoint's */
    SET(CURLOPT_WRITEFUNCTION, take_body);
    SET(CURLOPT_WRITEDATA, client);
    SET(CURLOPT_HEADERFUNCTION, take_header);
    SET(CURLOPT_HEADERDATA, client);
    SET(CURLOPT_HTTPHEADER, client->headers);
    SET(CURLOPT_USERAGENT, options->user_agent);
    SET(CURLOPT_URL, options->url);
#undef SET
    code = restrict_protocols(easy);
    return first != CURLE_OK ? first : code;
}

int http_client_new(const struct http_client_options *options, struct http_client **out,
                    weir_error_detail *detail) {
    (void)pthread_once(&once, init_library);
    if (global_result != CURLE_OK) {
        return error_set(detail, WEIR_E_UNSUPPORTED, "libcurl cannot be initialised: %s",
                         curl_easy_strerror(global_result));
    }
    struct http_client *client = mem_zalloc(sizeof *client);
    if (client == NULL) {
        return error_set(detail, WEIR_E_NO_MEMORY, "no memory for an HTTP client");
    }
    buf_init(&client->body, options->max_response_bytes);
    client->max_header_bytes = options->max_header_bytes;
    client->multi = curl_multi_init();
    client->easy = curl_easy_init();
    bool is_whole = client->multi != NULL && client->easy != NULL && add_headers(client, options);
    CURLcode code = is_whole ? set_up(client, options) : CURLE_OUT_OF_MEMORY;
    if (code != CURLE_OK) {
        http_client_free(client);
        return error_set(detail, code == CURLE_OUT_OF_MEMORY ? WEIR_E_NO_MEMORY : WEIR_E_INVALID,
                         "libcurl: %s", curl_easy_strerror(code));
    }
    *out = client;
    return 0;
}

void http_client_free(struct http_client *client) {
    if (client == NULL) {
        return;
    }
    curl_easy_cleanup(client->easy);
    (void)curl_multi_cleanup(client->multi);
    curl_slist_free_all(client->headers);
    buf_deinit(&client->body);
    mem_free(client);
}

void http_client_cancel(struct http_client *client) {
    client->is_cancelled = true;
    (void)curl_multi_wakeup(client->multi);
}

/* ---- one post ---- */

static CURLcode begin(struct http_client *client, const uint8_t *body, size_t n_bytes,
                      struct http_answer *answer) {
    *answer = (struct http_answer){0};
    client->answer = answer;
    client->n_header_bytes = 0;
    client->is_too_much = false;
    client->has_whole_head = false;
    client->error_text[0] = '\0';
    buf_clear(&client->body);
    (void)curl_easy_setopt(client->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)n_bytes);
    (void)curl_easy_setopt(client->easy, CURLOPT_POSTFIELDS, n_bytes > 0 ? (const char *)body : "");
    CURLMcode code = curl_multi_add_handle(client->multi, client->easy);
    return code == CURLM_OK ? CURLE_OK : CURLE_OUT_OF_MEMORY;
}

/* True when the transfer has ended; *result gets how. */
static bool has_ended(struct http_client *client, CURLcode *result) {
    CURLMsg *message;
    int n_left;
    while ((message = curl_multi_info_read(client->multi, &n_left)) != NULL) {
        if (message->msg == CURLMSG_DONE) {
            *result = message->data.result;
            return true;
        }
    }
    return false;
}

static int milliseconds_left(uint64_t deadline_ns, uint64_t now) {
    uint64_t left_ms = (deadline_ns - now) / 1000000 + 1;
    return (int)MIN(left_ms, (uint64_t)INT_MAX);
}

/* Until the transfer has ended, the deadline has passed, or somebody cancelled. */
static CURLcode transfer(struct http_client *client, uint64_t deadline_ns) {
    CURLcode result;
    for (;;) {
        int n_running;
        if (curl_multi_perform(client->multi, &n_running) != CURLM_OK) {
            return CURLE_OUT_OF_MEMORY;
        }
        if (has_ended(client, &result)) {
            return result;
        }
        uint64_t now = now_ns();
        if (client->is_cancelled || now >= deadline_ns) {
            return CURLE_OPERATION_TIMEDOUT;
        }
        if (curl_multi_poll(client->multi, NULL, 0, milliseconds_left(deadline_ns, now), NULL) !=
            CURLM_OK) {
            return CURLE_OUT_OF_MEMORY;
        }
    }
}

static enum http_trouble trouble_of(const struct http_client *client, CURLcode result) {
    if (client->is_too_much || buf_error(&client->body) == WEIR_E_TOO_LARGE) {
        return HTTP_TOO_MUCH;
    }
    if (buf_error(&client->body) != 0) {
        return HTTP_NO_MEMORY;
    }
    switch (result) {
    case CURLE_OK: /* also when the connection ended within the head */
        return client->has_whole_head ? HTTP_NO_TROUBLE : HTTP_NO_ANSWER;
    case CURLE_OPERATION_TIMEDOUT: return HTTP_NO_TIME;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY: return HTTP_NO_NAME;
    case CURLE_COULDNT_CONNECT: return HTTP_NO_CONNECTION;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE: return HTTP_NO_TRUST;
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR: return HTTP_NO_ANSWER;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY: return HTTP_NO_HTTP;
    case CURLE_OUT_OF_MEMORY: return HTTP_NO_MEMORY;
    default: return HTTP_OTHER;
    }
}

static int error_of(enum http_trouble trouble) {
    switch (trouble) {
    case HTTP_NO_TROUBLE: return 0;
    case HTTP_NO_TIME: return WEIR_E_TIMEOUT;
    case HTTP_NO_HTTP: return WEIR_E_INVALID;
    case HTTP_TOO_MUCH: return WEIR_E_TOO_LARGE;
    case HTTP_NO_MEMORY: return WEIR_E_NO_MEMORY;
    default: return WEIR_E_IO;
    }
}

/* The system's word for a refused connection says more than libcurl's sentence. */
static void describe(struct http_client *client, CURLcode result, struct http_answer *answer) {
    char room[96];
    long os_error = 0;
    (void)curl_easy_getinfo(client->easy, CURLINFO_OS_ERRNO, &os_error);
    const char *text = client->error_text;
    if (answer->trouble == HTTP_NO_CONNECTION && os_error != 0) {
        text = strerror_r((int)os_error, room, sizeof room);
    } else if (*text == '\0') {
        text = curl_easy_strerror(result);
    }
    snprintf(answer->text, sizeof answer->text, "%s", text);
}

int http_client_post(struct http_client *client, const uint8_t *body, size_t n_bytes,
                     uint64_t deadline_ns, struct http_answer *answer) {
    CURLcode result = begin(client, body, n_bytes, answer);
    if (result == CURLE_OK) {
        result = transfer(client, deadline_ns);
        (void)curl_multi_remove_handle(client->multi, client->easy);
    }
    answer->trouble = trouble_of(client, result);
    if (answer->trouble != HTTP_NO_TROUBLE) {
        describe(client, result, answer);
        return error_of(answer->trouble);
    }
    long status = 0;
    (void)curl_easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &status);
    answer->status = (int)status;
    answer->body = client->body.data;
    answer->n_bytes = client->body.n_bytes;
    return 0;
}
