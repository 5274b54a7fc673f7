/*
 * A client of HTTP/2 in memory, by nghttp2: the other end of an h2_connection, or of a socket.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { H2_CLIENT_MAX_STREAMS = 512 };

/* What came on one stream. */
struct h2_client_answer {
    int status; /* 0: none yet */
    char content_type[64], grpc_status[8], grpc_message[1024], accept_encoding[64];
    bool has_trailers; /* grpc-status came in headers behind the body */
    uint8_t body[4096];
    size_t n_bytes;
    bool is_ended; /* the server ended its side */
    bool is_reset;
    uint32_t reset_code;
};

struct h2_client_call {
    const char *method, *path, *content_type, *grpc_encoding; /* NULL: the right one, or none */
    const uint8_t *body;
    size_t n_bytes;
    size_t n_piece;     /* bytes a DATA frame; 0: as many as fit */
    size_t n_filler;    /* bytes of one more header */
    bool is_unfinished; /* the body's end is not sent */
};

struct h2_client;

struct h2_client *h2_client_new(void);
void h2_client_free(struct h2_client *client);

/* Begins a call; returns its stream. What `call` points to is used until the call was sent. */
int32_t h2_client_begin(struct h2_client *client, const struct h2_client_call *call);
/* Takes a call back. */
void h2_client_reset(struct h2_client *client, int32_t stream);

const struct h2_client_answer *h2_client_answer(struct h2_client *client, int32_t stream);
/* True when the server said GOAWAY; *code and *last are what it said. */
bool h2_client_was_sent_away(const struct h2_client *client, uint32_t *code, int32_t *last);

/* What it has to send; 0: nothing. Borrowed until the next call. */
size_t h2_client_pull(struct h2_client *client, const uint8_t **out);
/* Takes what the server sent; false when that is no HTTP/2. */
bool h2_client_receive(struct h2_client *client, const uint8_t *bytes, size_t n_bytes);

/* Over a connected socket, until `stream` has ended or the peer closed. False when it closed. */
bool h2_client_run(struct h2_client *client, int fd, int32_t stream);
