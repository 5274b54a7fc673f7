/*
 * An HTTP server on a free loopback port that behaves, and misbehaves, by a script: one step a
 * request, the last one repeated. It keeps what it was sent.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum peer_act {
    PEER_ANSWER = 0,    /* status, headers and body as the step says */
    PEER_SILENT,        /* reads the request and says nothing */
    PEER_DRIP,          /* the answer one byte a second */
    PEER_CLOSE,         /* reads the request and closes */
    PEER_CLOSE_IN_HEAD, /* closes in the middle of the answer's head */
    PEER_CLOSE_IN_BODY, /* closes after half of the body */
    PEER_RESET,         /* resets the connection in the middle of the request */
    PEER_RESET_IN_BODY, /* the same after half of the answer's body */
    PEER_ENDLESS_100,   /* one interim answer (100 Continue) after the other */
    PEER_ENDLESS_BODY,
    PEER_ENDLESS_HEADERS,
    PEER_RAW,   /* the step's body as it is, head and all */
    PEER_BABBLE /* what is no HTTP */
};

struct peer_step {
    enum peer_act act;
    int status;          /* 0: 200 */
    const char *headers; /* lines with CR LF, or NULL */
    const void *body;
    size_t n_bytes;
};

struct peer;

/* Aborts the test when no port can be had. */
struct peer *peer_start(const struct peer_step *steps, size_t n_steps);
/* The same on a Unix-domain socket, a new file at this path. */
struct peer *peer_start_unix(const char *path, const struct peer_step *steps, size_t n_steps);
/* Ends all connections and frees. */
void peer_stop(struct peer *peer);

/* "http://127.0.0.1:PORT"; lives as long as the peer. */
const char *peer_url(const struct peer *peer);

/* Requests whose head has come, whole bodies or not; connections. */
size_t peer_n_requests(struct peer *peer);
size_t peer_n_connections(struct peer *peer);
void peer_wait_requests(struct peer *peer, size_t n);

/* The head of the nth request from 0, and its body: until the peer stops. NULL: not that many. */
const char *peer_head(struct peer *peer, size_t nth);
const uint8_t *peer_body(struct peer *peer, size_t nth, size_t *n_bytes);

/* True when the head has this header with exactly this value; NULL value: when it is absent. */
bool peer_head_has(const char *head, const char *name, const char *value);

/* A port of 127.0.0.1 that nobody listens on, and one whose connection requests are dropped (a
 * black hole, until black_hole_close). */
int peer_closed_port(void);
struct black_hole {
    int listen_fd, fds[4], port;
};
void black_hole_open(struct black_hole *hole);
void black_hole_close(struct black_hole *hole);
