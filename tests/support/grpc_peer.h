/*
 * A gRPC server on a free loopback port that behaves, and misbehaves, by a script: one step a
 * request, the last one repeated. It keeps what it was sent. HTTP/2 by nghttp2, without TLS.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum grpc_act {
    GRPC_PEER_ANSWER = 0,  /* head, body and trailers as the step says */
    GRPC_PEER_SILENT,      /* reads the request and says nothing */
    GRPC_PEER_RESET,       /* resets the stream with reset_code */
    GRPC_PEER_GOAWAY,      /* takes no stream any more, and closes */
    GRPC_PEER_GOAWAY_OPEN, /* takes no stream any more, and leaves the connection open */
    GRPC_PEER_GOAWAY_LAST, /* this stream is the last one: answers it */
    GRPC_PEER_CLOSE,       /* closes the connection */
    GRPC_PEER_HALF         /* head and body, then closes without trailers */
};

struct grpc_step {
    enum grpc_act act;
    const char *http_status;  /* NULL: "200" */
    const char *content_type; /* NULL: "application/grpc" */
    const char *const *head;  /* more headers: name, value, … NULL; or NULL */
    const void *body;         /* frames and all */
    size_t n_bytes;
    const char *const *trailers; /* name, value, … NULL; NULL: the head, or the body, ends it */
    uint32_t reset_code;
};

struct grpc_peer;

/* Aborts the test when no port can be had. */
struct grpc_peer *grpc_peer_start(const struct grpc_step *steps, size_t n_steps);
void grpc_peer_stop(struct grpc_peer *peer);

const char *grpc_peer_url(const struct grpc_peer *peer);
size_t grpc_peer_n_requests(struct grpc_peer *peer);
size_t grpc_peer_n_connections(struct grpc_peer *peer);
size_t grpc_peer_n_pings(struct grpc_peer *peer); /* that the client began */

/* A header of the nth request from 0, or NULL; all names in their order, each with a line feed.
 * Until the peer stops. */
const char *grpc_peer_header(struct grpc_peer *peer, size_t nth, const char *name);
const char *grpc_peer_names(struct grpc_peer *peer, size_t nth);
const uint8_t *grpc_peer_body(struct grpc_peer *peer, size_t nth, size_t *n_bytes);
