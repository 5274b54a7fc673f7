/*
 * What comes in: headers, body and trailers of an answer, within bounds; what it means when none
 * came.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "otlp/common/macro.h"
#include "otlp/deps/curl_client.h"

/* ---- taking it in ---- */

size_t http_take_body(char *bytes, size_t one, size_t n_bytes, void *data) {
    struct http_client *client = data;
    (void)one;
    buf_append(&client->body, bytes, n_bytes);
    return buf_error(&client->body) == 0 ? n_bytes : 0; /* 0 ends the transfer */
}

/*
 * An answer's head begins with a line HTTP/… and ends with an empty one; interim answers (100) and
 * those of proxies come before it. Lines behind it are trailers. One bound holds for all of them.
 */
size_t http_take_header(char *line, size_t one, size_t n_bytes, void *data) {
    struct http_client *client = data;
    (void)one;
    bool is_first = n_bytes >= 5 && memcmp(line, "HTTP/", 5) == 0;
    if (is_first) {
        client->trailers.n_bytes = 0;
        client->has_whole_head = false;
    }
    struct buf *lines = client->has_whole_head ? &client->trailers : &client->head;
    size_t n_bytes_so_far = client->head.n_bytes + client->trailers.n_bytes;
    if (n_bytes > client->max_header_bytes - n_bytes_so_far) {
        client->is_too_much = true;
        return 0;
    }
    buf_append(lines, line, n_bytes);
    if (n_bytes > 0 && (line[0] == '\r' || line[0] == '\n')) {
        client->has_whole_head = true;
    }
    return buf_error(lines) == 0 ? n_bytes : 0;
}

void http_answer_reset(struct http_client *client) {
    client->is_too_much = false;
    client->has_whole_head = false;
    client->error_text[0] = '\0';
    buf_clear(&client->body);
    buf_clear(&client->head);
    buf_clear(&client->trailers);
}

/* ---- finding a header ---- */

static struct http_text value_of(const char *at, const char *end) {
    while (at < end && (*at == ' ' || *at == '\t')) {
        at++;
    }
    while (at < end && (end[-1] == '\r' || end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }
    return (struct http_text){at, (size_t)(end - at)};
}

struct http_text http_line(struct http_text lines, const char *name) {
    struct http_text found = {NULL, 0};
    size_t n_name = strlen(name);
    const char *at = lines.at, *end = at + lines.n_bytes;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *line_end = newline != NULL ? newline : end;
        if ((size_t)(line_end - at) > n_name && strncasecmp(at, name, n_name) == 0 &&
            at[n_name] == ':') {
            found = value_of(at + n_name + 1, line_end);
        }
        at = newline != NULL ? newline + 1 : end;
    }
    return found;
}

/* ---- the end of a transfer ---- */

/* TLS tells much by words alone. */
static enum http_trouble trouble_of_tls(const char *text) {
    if (strstr(text, "wrong version number") != NULL || strstr(text, "packet length") != NULL) {
        return HTTP_PLAIN_PEER;
    }
    bool is_ours_refused = strstr(text, "alert certificate") != NULL ||
                           strstr(text, "alert bad certificate") != NULL ||
                           strstr(text, "alert unknown ca") != NULL ||
                           strstr(text, "alert handshake failure") != NULL;
    return is_ours_refused ? HTTP_WANTS_CERTIFICATE : HTTP_NO_TLS;
}

/* The connection ended; with TLS 1.3 a refusal of our certificate comes as late as here. */
static enum http_trouble trouble_of_end(const char *text) {
    return strstr(text, "alert") != NULL ? trouble_of_tls(text) : HTTP_NO_ANSWER;
}

/* Whatever libcurl calls it, which changed over time. */
static bool is_refused_by_proxy(const struct http_client *client) {
    long status = 0;
    (void)curl_easy_getinfo(client->easy, CURLINFO_HTTP_CONNECTCODE, &status);
    return status >= 300;
}

static enum http_trouble trouble_of_result(const struct http_client *client, CURLcode result) {
    if (client->easy != NULL && is_refused_by_proxy(client)) {
        return HTTP_PROXY_REFUSES;
    }
    switch (result) {
    case CURLE_OPERATION_TIMEDOUT: return HTTP_NO_TIME;
    case CURLE_COULDNT_RESOLVE_HOST: return HTTP_NO_NAME;
    case CURLE_COULDNT_RESOLVE_PROXY: return HTTP_NO_PROXY;
    case CURLE_COULDNT_CONNECT: return HTTP_NO_CONNECTION;
    case CURLE_SSL_CONNECT_ERROR: return trouble_of_tls(client->error_text);
    case CURLE_PEER_FAILED_VERIFICATION: return HTTP_NO_TRUST;
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE: return HTTP_BAD_CERTIFICATE;
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR: return trouble_of_end(client->error_text);
    case CURLE_HTTP2_STREAM: return HTTP_STREAM_RESET;
    case CURLE_HTTP2: return HTTP_NO_ANSWER; /* also when the peer takes no stream any more */
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY: return HTTP_NO_HTTP;
    case CURLE_BAD_CONTENT_ENCODING: return HTTP_BAD_ENCODING;
    case CURLE_OUT_OF_MEMORY: return HTTP_NO_MEMORY;
    default: return HTTP_OTHER;
    }
}

static bool has_version_asked_for(const struct http_client *client) {
    long version = 0;
    (void)curl_easy_getinfo(client->easy, CURLINFO_HTTP_VERSION, &version);
    return !client->needs_http2 || version >= CURL_HTTP_VERSION_2_0;
}

static enum http_trouble trouble_of(const struct http_client *client, CURLcode result) {
    int head_error = buf_error(&client->head), trailer_error = buf_error(&client->trailers);
    if (client->is_too_much || buf_error(&client->body) == WEIR_E_TOO_LARGE) {
        return HTTP_TOO_MUCH;
    }
    if (buf_error(&client->body) != 0 || head_error != 0 || trailer_error != 0) {
        return HTTP_NO_MEMORY;
    }
    if (result != CURLE_OK) {
        return trouble_of_result(client, result);
    }
    if (!client->has_whole_head) {
        return HTTP_NO_ANSWER; /* the connection ended within the head */
    }
    return has_version_asked_for(client) ? HTTP_NO_TROUBLE : HTTP_NO_HTTP;
}

static int error_of(enum http_trouble trouble) {
    switch (trouble) {
    case HTTP_NO_TROUBLE: return 0;
    case HTTP_NO_TIME: return WEIR_E_TIMEOUT;
    case HTTP_BAD_ENCODING:
    case HTTP_NO_HTTP: return WEIR_E_INVALID;
    case HTTP_TOO_MUCH: return WEIR_E_TOO_LARGE;
    case HTTP_NO_MEMORY: return WEIR_E_NO_MEMORY;
    default: return WEIR_E_IO;
    }
}

/* libcurl gives the code of a reset in words only: "… (err 8)". */
static unsigned reset_code_of(const char *text) {
    const char *at = strstr(text, "(err ");
    return at != NULL ? (unsigned)strtoul(at + 5, NULL, 10) : 0;
}

/* The system's word for a refused connection says more than libcurl's sentence. */
static void describe(struct http_client *client, CURLcode result, struct http_answer *answer) {
    char room[96];
    long os_error = 0;
    if (client->easy != NULL) {
        (void)curl_easy_getinfo(client->easy, CURLINFO_OS_ERRNO, &os_error);
    }
    const char *text = client->error_text;
    if (answer->trouble == HTTP_NO_CONNECTION && os_error != 0) {
        text = strerror_r((int)os_error, room, sizeof room);
    } else if (*text == '\0') {
        text = curl_easy_strerror(result);
    }
    snprintf(answer->text, sizeof answer->text, "%s", text);
}

static struct http_text text_of(const struct buf *lines) {
    return (struct http_text){lines->n_bytes > 0 ? (const char *)lines->data : "", lines->n_bytes};
}

int http_answer_finish(struct http_client *client, CURLcode result, struct http_answer *answer) {
    *answer = (struct http_answer){.trouble = trouble_of(client, result)};
    answer->head = text_of(&client->head);
    answer->trailers = text_of(&client->trailers);
    if (answer->trouble != HTTP_NO_TROUBLE) {
        describe(client, result, answer);
        answer->reset_code = reset_code_of(client->error_text);
        return error_of(answer->trouble);
    }
    long status = 0;
    (void)curl_easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &status);
    answer->status = (int)status;
    answer->body = client->body.data;
    answer->n_bytes = client->body.n_bytes;
    return 0;
}
