/*
 * The server's side of one HTTP/2 connection: nghttp2 behind names of ours. For the program only.
 *
 * Bytes go in, bytes come out; sockets, threads and the clock are the caller's. It reads whole
 * request bodies within bounds and asks one function for the answer, which may have trailers. It
 * knows nothing of gRPC or OTLP. Every bound is the caller's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "otlp/common/buf.h"

/* Borrowed for the call. Absent headers are NULL. */
struct h2_request {
    const char *method;
    const char *path;
    const char *content_type;
    const char *grpc_encoding;
    const uint8_t *body;
    size_t n_bytes;
    bool is_too_large; /* over max_body_bytes: there is no body */
    bool is_refused;   /* other bodies hold all the memory there is for them: there is no body */
    bool is_late;      /* it did not come whole within request_deadline_s: there is no body */
};

struct h2_header {
    const char *name; /* lower case; a constant */
    const char *value;
};

enum { H2_MAX_HEADERS = 4, H2_MAX_VALUE_BYTES = 1024 };

/*
 * What is to be answered: status, headers, body, trailers. Without a body and without trailers the
 * headers end the stream. Values are borrowed until the handler's next call.
 */
struct h2_response {
    int status;
    struct h2_header headers[H2_MAX_HEADERS];
    size_t n_headers;
    struct h2_header trailers[H2_MAX_HEADERS];
    size_t n_trailers;
    struct buf body; /* empty, with a bound; freed by the caller of the handler */
};

/* Called for one request at a time, by h2_connection_receive and h2_connection_tick. */
typedef void h2_handler(void *data, const struct h2_request *request, struct h2_response *response);

struct h2_options {
    size_t max_body_bytes;
    size_t max_all_bodies_bytes; /* memory of the bodies of all connections */
    size_t max_response_bytes;
    size_t max_head_bytes;       /* names and values of a request's headers */
    unsigned max_streams;        /* requests at once on a connection */
    unsigned idle_timeout_s;     /* a connection without a request under way */
    unsigned request_deadline_s; /* from the head of a request to the last byte of its answer */
    h2_handler *handle;
    void *data;
};

/* What connections share; their caller keeps it longer than they live. One thread. */
struct h2_service {
    struct h2_options options;
    size_t held_bytes; /* of all bodies */
};

struct h2_connection;

/* NULL when memory is short. `now_ns` is of the monotonic clock, here and below. */
struct h2_connection *h2_connection_new(struct h2_service *service, uint64_t now_ns);
/* NULL is fine; returns NULL. */
struct h2_connection *h2_connection_free(struct h2_connection *connection);

/*
 * Takes what the peer sent. 0; WEIR_E_SYNTAX: its first bytes are not HTTP/2; WEIR_E_CLOSED: the
 * connection is broken beyond what a GOAWAY could tell; WEIR_E_NO_MEMORY.
 */
int h2_connection_receive(struct h2_connection *connection, const uint8_t *bytes, size_t n_bytes,
                          uint64_t now_ns);

/*
 * What is to be sent next, borrowed until the next call: *out and its size; 0 when there is
 * nothing. Each call gives new bytes.
 */
size_t h2_connection_pull(struct h2_connection *connection, const uint8_t **out);

/* True when there is something to send. */
bool h2_connection_wants_write(const struct h2_connection *connection);

/* Asks the peer to begin no more requests (GOAWAY); those under way are finished. */
void h2_connection_shutdown(struct h2_connection *connection);

/* Requests begun and not answered to the end. */
size_t h2_connection_n_streams(const struct h2_connection *connection);

/* True when nothing more will be read or written: after a GOAWAY, when all streams have ended. */
bool h2_connection_is_done(const struct h2_connection *connection);

/* Ends requests whose deadline has passed, and shuts down a connection that was idle too long. */
void h2_connection_tick(struct h2_connection *connection, uint64_t now_ns);
