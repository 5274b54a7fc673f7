/*
 * The insides of the HTTP client, shared by curl.c (life and posts), curl_wire.c (what it waits
 * for) and curl_answer.c (what comes in).
 */
#pragma once

#include <stdatomic.h>

#include <curl/curl.h>

#include "otlp/common/buf.h"
#include "otlp/common/wakeup.h"
#include "otlp/deps/curl.h"

/* Connections of one client: the one in use, a second address tried meanwhile, a few kept. */
enum { HTTP_MAX_SOCKETS = 16 };

/* A socket of ours, to be known again: the host may have closed our number and got it anew. */
struct http_socket {
    int fd; /* -1: a free place */
    uint64_t cookie;
};

struct http_client {
    CURL *model; /* has all settings, is never used itself: each start duplicates it */
    struct curl_slist *headers;
    size_t max_header_bytes;
    bool needs_http2;
    _Atomic bool is_cancelled;
    char error_text[CURL_ERROR_SIZE];

    /* what libcurl works with, and is waited for; made by http_wire_open */
    CURLM *multi; /* keeps the connections; NULL: not open */
    CURL *easy;
    struct wakeup wakeup; /* for libcurl's sockets and timeouts, our deadline and cancelling */
    uint64_t curl_due_ns; /* when libcurl wants to be called; UINT64_MAX: never */
    uint64_t armed_ns;    /* what wakeup was set to */
    bool is_broken;       /* a descriptor could not be watched: start anew */
    struct http_socket sockets[HTTP_MAX_SOCKETS];

    /* of the post under way */
    bool is_under_way;
    CURLcode early; /* why it could not begin */
    uint64_t deadline_ns;
    struct curl_slist *own_header; /* NULL: none */
    struct buf body, head, trailers;
    bool is_too_much;
    bool has_whole_head;
};

/* ---- curl_wire.c ---- */

/* 0, WEIR_E_IO (no file descriptors: errno says why), WEIR_E_NO_MEMORY. Nothing is open then. */
int http_wire_open(struct http_client *client);
/* Closes the connections, if there is a wire; what is not ours any more is left alone. */
void http_wire_close(struct http_client *client);
/* The same for a copy of somebody else's: nothing is said to the peer, libcurl's memory stays. */
void http_wire_leave(struct http_client *client);
/* False when somebody closed or replaced a descriptor of ours: nothing may be done with them. */
bool http_wire_is_ours(const struct http_client *client);
/* After each call of libcurl that may have closed a socket without a word: one that was still
 * connecting (7.88 does so). What has changed by the next call was changed by somebody else. */
void http_wire_settle(struct http_client *client);
/* Lets libcurl do what it can do now. */
void http_wire_turn(struct http_client *client);
/* Sets the timer to the earlier of libcurl's timeout and the post's deadline. */
void http_wire_set_timer(struct http_client *client);

/* ---- curl_answer.c ---- */

/* Callbacks of libcurl; data is the client. */
size_t http_take_body(char *bytes, size_t one, size_t n_bytes, void *data);
size_t http_take_header(char *line, size_t one, size_t n_bytes, void *data);
/* Forgets the last answer. */
void http_answer_reset(struct http_client *client);
/* Fills *answer by what came and how the transfer ended; what http_client_advance returns. */
int http_answer_finish(struct http_client *client, CURLcode result, struct http_answer *answer);
