/*
 * An HTTP/1.1 server: libmicrohttpd behind names of ours. For the program only.
 *
 * It listens, reads whole request bodies within bounds, and asks one function for the answer. It
 * knows nothing of OTLP. Every bound is the caller's: the size of a body, of all bodies being read
 * at once, the number of connections, the time a request may take.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/error.h>

#include "otlp/common/buf.h"

/* Borrowed for the call. Absent headers are NULL. */
struct http_request {
    const char *method;
    const char *path; /* without the query */
    const char *content_type;
    const char *content_encoding;
    const uint8_t *body;
    size_t n_bytes;
    bool is_too_large; /* over max_body_bytes: there is no body */
    bool is_refused;   /* other bodies hold all the memory there is for them: there is no body */
};

struct http_header {
    const char *name;
    const char *value;
};

enum { HTTP_SERVER_MAX_HEADERS = 4 };

/* What is to be answered. Strings are borrowed until the handler's next call: constants. */
struct http_response {
    int status;
    const char *content_type; /* NULL: none */
    struct http_header headers[HTTP_SERVER_MAX_HEADERS];
    size_t n_headers;
    struct buf body; /* empty, with a bound; freed by the caller of the handler */
};

/* Adds a header. The strings are constants. */
void http_response_add_header(struct http_response *response, const char *name, const char *value);

/* Called on the server's one thread, for one request at a time, with no lock held. */
typedef void http_handler(void *data, const struct http_request *request,
                          struct http_response *response);

/* A request that the handler never sees, as its head cannot be read: what it was answered, such as
 * 400 or 505. On the server's thread, with no lock held. */
typedef void http_unread(void *data, int status);

struct http_server_options {
    const char *address; /* a name or number; "localhost" */
    uint16_t port;       /* 0: a free one */
    size_t max_body_bytes;
    size_t max_all_bodies_bytes; /* memory of the bodies of all connections */
    size_t max_response_bytes;
    unsigned max_connections;
    unsigned idle_timeout_s;     /* a connection on which nothing happens */
    unsigned request_deadline_s; /* from the head of a request to the end of its body */
    http_handler *handle;
    http_unread *unread; /* NULL: nobody wants to know */
    void *data;
};

struct http_server;

/*
 * Listens and starts the thread. *out is set last; stop it with http_server_stop. All signals are
 * blocked in the thread. WEIR_E_IO (the address cannot be listened on; detail says why),
 * WEIR_E_NO_MEMORY.
 */
int http_server_start(const struct http_server_options *options, struct http_server **out,
                      weir_error_detail *detail);

/* "http://ADDRESS:PORT" as it is listened on. Borrowed from the server. */
const char *http_server_url(const struct http_server *server);

/* Stops listening, waits a second at most for requests that have begun, closes every connection and
 * frees. NULL is fine; returns NULL. */
struct http_server *http_server_stop(struct http_server *server);
