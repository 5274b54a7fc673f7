/*
 * HTTP POST by libcurl, behind names of our own.
 *
 * No call of libcurl decides how long we take: a post is begun and then advanced whenever one file
 * descriptor is readable, with our clock and our deadline; nothing here waits but http_client_post,
 * which is made of these two. Signals are never used, redirects never followed, connections kept
 * between posts. It knows nothing of OTLP.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/error.h>

#include "otlp/deps/http_route.h"

struct http_client;

enum http_version {
    HTTP_VERSION_ANY, /* HTTP/2 where TLS agrees on it, else HTTP/1.1 */
    HTTP_VERSION_2    /* nothing else: without TLS by prior knowledge */
};

/* Texts are copied. */
struct http_client_options {
    struct http_route route;
    const char *const *own_headers; /* "name: value", NULL-terminated; NULL: none */
    char *const *headers;           /* the user's, the same */
    const char *user_agent;         /* unless the headers have one */
    enum http_version version;
    bool takes_gzip;           /* answers may come so, if libcurl can unpack it */
    size_t max_response_bytes; /* of a body, unpacked */
    size_t max_header_bytes;   /* of all headers of one answer */
};

/* What was wrong when there was no answer. */
enum http_trouble {
    HTTP_NO_TROUBLE = 0,
    HTTP_NO_TIME,       /* the deadline, or cancelled */
    HTTP_NO_NAME,       /* the host cannot be resolved */
    HTTP_NO_PROXY,      /* the proxy cannot be resolved */
    HTTP_PROXY_REFUSES, /* it answered, and opens no tunnel */
    HTTP_NO_CONNECTION,
    HTTP_NO_TLS,            /* the handshake failed */
    HTTP_PLAIN_PEER,        /* … because the peer speaks no TLS */
    HTTP_NO_TRUST,          /* the peer's certificate does not stand the test */
    HTTP_BAD_CERTIFICATE,   /* ours, or its key, or the CA file, cannot be used */
    HTTP_WANTS_CERTIFICATE, /* the peer refuses ours, or wants one */
    HTTP_NO_ANSWER,         /* closed before the answer was whole */
    HTTP_NO_HTTP,           /* an answer in another protocol, or another version */
    HTTP_STREAM_RESET,      /* HTTP/2: the peer ended this request; see http_answer.reset_code */
    HTTP_TOO_MUCH,          /* an answer over the bounds */
    HTTP_BAD_ENCODING,      /* an answer that cannot be unpacked */
    HTTP_NO_MEMORY,
    HTTP_OTHER
};

/* Text inside an answer; at is NULL when there is none. */
struct http_text {
    const char *at;
    size_t n_bytes;
};

struct http_request {
    const uint8_t *body; /* borrowed until the answer has come, or the client is freed */
    size_t n_bytes;
    const char *header; /* one more, "name: value", for this request alone; NULL: none */
};

/* What it points to is borrowed until the next post begins. */
struct http_answer {
    int status;
    const uint8_t *body;
    size_t n_bytes;
    struct http_text head;     /* lines of the answer's headers */
    struct http_text trailers; /* lines that came behind the body */
    enum http_trouble trouble;
    unsigned reset_code; /* of HTTP_STREAM_RESET: the error code of RFC 9113, 7 */
    char text[256];      /* of the trouble, in libcurl's words */
};

/* The value of the last line of this name (any case), without the blanks around it. */
struct http_text http_line(struct http_text lines, const char *name);

/*
 * *out is set last; free it with http_client_free. WEIR_E_NO_MEMORY, WEIR_E_INVALID (libcurl cannot
 * take the URL, a header or another option), WEIR_E_UNSUPPORTED (libcurl cannot be initialised, or
 * was built without HTTP/2), WEIR_E_IO (no file descriptors).
 */
int http_client_new(const struct http_client_options *options, struct http_client **out,
                    weir_error_detail *detail);
/* NULL is fine. Closes the connections; waits for nothing. */
void http_client_free(struct http_client *client);

/* One thread at a time: all but http_client_cancel. */

/*
 * Begins to send; gives up a post that is under way. deadline_ns is of CLOCK_MONOTONIC (UINT64_MAX:
 * none). What goes wrong is told by the next http_client_advance.
 */
void http_client_begin(struct http_client *client, const struct http_request *request,
                       uint64_t deadline_ns);

enum { HTTP_PENDING = 1 };

/*
 * Does what can be done without waiting. HTTP_PENDING while the post is under way; then, once,
 * *answer is filled: 0 with an answer of any status; else WEIR_E_TIMEOUT, WEIR_E_IO,
 * WEIR_E_TOO_LARGE, WEIR_E_INVALID, WEIR_E_NO_MEMORY. A post must have been begun.
 */
int http_client_advance(struct http_client *client, struct http_answer *answer);

/*
 * To be watched for reading: readable when http_client_advance has something to do, also at the
 * deadline and after a cancel; silent while no post is under way. It changes when the client starts
 * anew; -1: call http_client_advance again soon. Owned by the client.
 */
int http_client_fd(const struct http_client *client);

/* Begins, waits and advances until the answer has come: as http_client_advance, without
 * HTTP_PENDING. */
int http_client_post(struct http_client *client, const struct http_request *request,
                     uint64_t deadline_ns, struct http_answer *answer);

/* A post under way, and every later one, gives up at once. Any thread. */
void http_client_cancel(struct http_client *client);

/* False for a libcurl before 8.0, which fails every second cleartext HTTP/2 request on a kept
 * connection: there each request of HTTP_VERSION_2 to http:// has a connection of its own. */
bool http_keeps_cleartext_http2(void);

/*
 * For the child of a fork: closes its copies of the sockets without a byte on the wire, leaves
 * libcurl's memory behind and starts anew. A post under way ends in WEIR_E_IO. Waits for nothing
 * and takes no lock.
 */
void http_client_forget(struct http_client *client);
