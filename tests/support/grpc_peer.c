#include "tests/support/grpc_peer.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nghttp2/nghttp2.h>

#include "tests/support/acceptor.h"

enum { MAX_REQUESTS = 64, MAX_HEADERS = 32, MAX_BODY = 1 << 20 };

struct request {
    char *names[MAX_HEADERS], *values[MAX_HEADERS];
    char all_names[1024];
    size_t n_headers;
    uint8_t *body;
    size_t n_bytes;
};

struct grpc_peer {
    const struct grpc_step *steps;
    size_t n_steps;
    char url[64];
    struct acceptor acceptor;

    pthread_mutex_t mutex; /* guards the rest */
    struct request requests[MAX_REQUESTS];
    size_t n_requests, n_pings;
};

struct connection {
    struct grpc_peer *peer;
    int fd;
    nghttp2_session *session;
    struct request *request; /* of the stream under way */
    const struct grpc_step *step;
    size_t n_sent; /* of the step's body */
    bool is_closing;
};

/* ---- what is asked ---- */

static int begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *data) {
    struct connection *connection = data;
    struct grpc_peer *peer = connection->peer;
    (void)session;
    (void)frame;
    pthread_mutex_lock(&peer->mutex);
    size_t index = peer->n_requests++;
    acceptor_check(index < MAX_REQUESTS, "too many requests");
    connection->request = &peer->requests[index];
    connection->request->body = malloc(MAX_BODY);
    connection->step = &peer->steps[index < peer->n_steps ? index : peer->n_steps - 1];
    pthread_mutex_unlock(&peer->mutex);
    return 0;
}

static int take_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                       size_t n_name, const uint8_t *value, size_t n_value, uint8_t flags,
                       void *data) {
    struct connection *connection = data;
    struct request *request = connection->request;
    (void)session;
    (void)frame;
    (void)flags;
    pthread_mutex_lock(&connection->peer->mutex);
    size_t n = request->n_headers++;
    acceptor_check(n < MAX_HEADERS, "too many headers");
    request->names[n] = strndup((const char *)name, n_name);
    request->values[n] = strndup((const char *)value, n_value);
    size_t n_so_far = strlen(request->all_names);
    snprintf(request->all_names + n_so_far, sizeof request->all_names - n_so_far, "%s\n",
             request->names[n]);
    pthread_mutex_unlock(&connection->peer->mutex);
    return 0;
}

static int take_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *bytes,
                     size_t n_bytes, void *data) {
    struct connection *connection = data;
    struct request *request = connection->request;
    (void)session;
    (void)flags;
    (void)stream;
    pthread_mutex_lock(&connection->peer->mutex);
    acceptor_check(request->n_bytes + n_bytes <= MAX_BODY, "body");
    memcpy(request->body + request->n_bytes, bytes, n_bytes);
    request->n_bytes += n_bytes;
    pthread_mutex_unlock(&connection->peer->mutex);
    return 0;
}

/* ---- what is answered ---- */

static size_t to_pairs(const char *const *texts, nghttp2_nv *out, size_t n) {
    for (; texts != NULL && *texts != NULL && n < MAX_HEADERS; texts += 2, n++) {
        out[n] = (nghttp2_nv){.name = (uint8_t *)(uintptr_t)texts[0],
                              .value = (uint8_t *)(uintptr_t)texts[1],
                              .namelen = strlen(texts[0]),
                              .valuelen = strlen(texts[1])};
    }
    return n;
}

static ssize_t give_body(nghttp2_session *session, int32_t stream, uint8_t *out, size_t n_out,
                         uint32_t *flags, nghttp2_data_source *source, void *data) {
    struct connection *connection = data;
    const struct grpc_step *step = connection->step;
    (void)source;
    size_t n = step->n_bytes - connection->n_sent;
    n = n < n_out ? n : n_out;
    if (n > 0) {
        memcpy(out, (const uint8_t *)step->body + connection->n_sent, n);
    }
    connection->n_sent += n;
    if (connection->n_sent == step->n_bytes) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (step->act == GRPC_PEER_HALF) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            connection->is_closing = true;
        } else if (step->trailers != NULL) {
            nghttp2_nv trailers[MAX_HEADERS];
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            nghttp2_submit_trailer(session, stream, trailers,
                                   to_pairs(step->trailers, trailers, 0));
        }
    }
    return (ssize_t)n;
}

static void respond(struct connection *connection, int32_t stream) {
    const struct grpc_step *step = connection->step;
    nghttp2_nv head[MAX_HEADERS];
    const char *const first[] = {
        ":status", step->http_status != NULL ? step->http_status : "200", "content-type",
        step->content_type != NULL ? step->content_type : "application/grpc", NULL};
    size_t n = to_pairs(step->head, head, to_pairs(first, head, 0));
    nghttp2_data_provider body = {.read_callback = give_body};
    bool is_head_all = step->n_bytes == 0 && step->trailers == NULL && step->act != GRPC_PEER_HALF;
    connection->n_sent = 0;
    nghttp2_submit_response(connection->session, stream, head, n, is_head_all ? NULL : &body);
}

static void act(struct connection *connection, int32_t stream) {
    nghttp2_session *session = connection->session;
    switch (connection->step->act) {
    case GRPC_PEER_ANSWER:
    case GRPC_PEER_HALF: respond(connection, stream); break;
    case GRPC_PEER_RESET:
        nghttp2_submit_rst_stream(session, 0, stream, connection->step->reset_code);
        break;
    case GRPC_PEER_GOAWAY:
        nghttp2_submit_goaway(session, 0, 0, NGHTTP2_NO_ERROR, NULL, 0);
        connection->is_closing = true;
        break;
    case GRPC_PEER_GOAWAY_OPEN:
        nghttp2_submit_goaway(session, 0, 0, NGHTTP2_NO_ERROR, NULL, 0);
        break;
    case GRPC_PEER_GOAWAY_LAST:
        nghttp2_submit_goaway(session, 0, stream, NGHTTP2_NO_ERROR, NULL, 0);
        respond(connection, stream);
        break;
    case GRPC_PEER_CLOSE: connection->is_closing = true; break;
    default: break; /* GRPC_PEER_SILENT */
    }
}

static int take_frame(nghttp2_session *session, const nghttp2_frame *frame, void *data) {
    struct connection *connection = data;
    bool is_request = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
    (void)session;
    if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) {
        pthread_mutex_lock(&connection->peer->mutex);
        connection->peer->n_pings++;
        pthread_mutex_unlock(&connection->peer->mutex);
    }
    if (is_request && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        act(data, frame->hd.stream_id);
    }
    return 0;
}

/* ---- connections ---- */

static bool send_all(struct connection *connection) {
    const uint8_t *bytes;
    ssize_t n;
    while ((n = nghttp2_session_mem_send(connection->session, &bytes)) > 0) {
        for (ssize_t sent = 0; sent < n;) {
            ssize_t got = send(connection->fd, bytes + sent, (size_t)(n - sent), MSG_NOSIGNAL);
            if (got <= 0) {
                return false;
            }
            sent += got;
        }
    }
    return n == 0;
}

static void talk(struct connection *connection) {
    uint8_t bytes[16 << 10];
    ssize_t n;
    nghttp2_submit_settings(connection->session, 0, NULL, 0);
    while (send_all(connection) && !connection->is_closing &&
           (n = recv(connection->fd, bytes, sizeof bytes, 0)) > 0) {
        if (nghttp2_session_mem_recv(connection->session, bytes, (size_t)n) < 0) {
            break;
        }
    }
}

static void serve(void *data, int fd) {
    struct connection connection = {.peer = data, .fd = fd};
    nghttp2_session_callbacks *callbacks;
    acceptor_check(nghttp2_session_callbacks_new(&callbacks) == 0, "nghttp2");
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, take_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, take_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, take_frame);
    acceptor_check(nghttp2_session_server_new(&connection.session, callbacks, &connection) == 0,
                   "nghttp2");
    nghttp2_session_callbacks_del(callbacks);
    talk(&connection);
    nghttp2_session_del(connection.session);
}

/* ---- life ---- */

struct grpc_peer *grpc_peer_start(const struct grpc_step *steps, size_t n_steps) {
    int port;
    struct grpc_peer *peer = calloc(1, sizeof *peer);
    acceptor_check(peer != NULL, "calloc");
    peer->steps = steps;
    peer->n_steps = n_steps;
    pthread_mutex_init(&peer->mutex, NULL);
    int listen_fd = acceptor_listen(16, &port);
    snprintf(peer->url, sizeof peer->url, "http://127.0.0.1:%d", port);
    acceptor_start(&peer->acceptor, listen_fd, serve, peer);
    return peer;
}

void grpc_peer_stop(struct grpc_peer *peer) {
    acceptor_stop(&peer->acceptor);
    for (size_t i = 0; i < peer->n_requests; i++) {
        for (size_t k = 0; k < peer->requests[i].n_headers; k++) {
            free(peer->requests[i].names[k]);
            free(peer->requests[i].values[k]);
        }
        free(peer->requests[i].body);
    }
    free(peer);
}

/* ---- what it saw ---- */

const char *grpc_peer_url(const struct grpc_peer *peer) {
    return peer->url;
}

size_t grpc_peer_n_requests(struct grpc_peer *peer) {
    pthread_mutex_lock(&peer->mutex);
    size_t n = peer->n_requests;
    pthread_mutex_unlock(&peer->mutex);
    return n;
}

size_t grpc_peer_n_pings(struct grpc_peer *peer) {
    pthread_mutex_lock(&peer->mutex);
    size_t n = peer->n_pings;
    pthread_mutex_unlock(&peer->mutex);
    return n;
}

size_t grpc_peer_n_connections(struct grpc_peer *peer) {
    return acceptor_n_connections(&peer->acceptor);
}

const char *grpc_peer_header(struct grpc_peer *peer, size_t nth, const char *name) {
    const char *found = NULL;
    pthread_mutex_lock(&peer->mutex);
    const struct request *request = &peer->requests[nth];
    for (size_t i = 0; i < request->n_headers; i++) {
        found = strcmp(request->names[i], name) == 0 ? request->values[i] : found;
    }
    pthread_mutex_unlock(&peer->mutex);
    return found;
}

const char *grpc_peer_names(struct grpc_peer *peer, size_t nth) {
    pthread_mutex_lock(&peer->mutex);
    const char *names = peer->requests[nth].all_names;
    pthread_mutex_unlock(&peer->mutex);
    return names;
}

const uint8_t *grpc_peer_body(struct grpc_peer *peer, size_t nth, size_t *n_bytes) {
    pthread_mutex_lock(&peer->mutex);
    const uint8_t *body = peer->requests[nth].body;
    *n_bytes = peer->requests[nth].n_bytes;
    pthread_mutex_unlock(&peer->mutex);
    return body;
}
