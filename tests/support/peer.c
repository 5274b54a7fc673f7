#include "tests/support/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/acceptor.h"

enum { MAX_REQUESTS = 1 << 15, MAX_HEAD = 1 << 14, MAX_BODY = 4 << 20 };

struct request {
    char *head;
    uint8_t *body;
    size_t n_bytes;
};

struct peer {
    const struct peer_step *steps;
    size_t n_steps;
    char url[64];
    struct acceptor acceptor;

    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t changed;
    struct request requests[MAX_REQUESTS];
    size_t n_requests;
    bool is_stopping;
};

struct connection {
    struct peer *peer;
    int fd;
};

/* ---- sending ---- */

static bool send_all(int fd, const void *bytes, size_t n_bytes) {
    const char *at = bytes;
    while (n_bytes > 0) {
        ssize_t n = send(fd, at, n_bytes, MSG_NOSIGNAL);
        if (n <= 0) {
            return false;
        }
        at += n;
        n_bytes -= (size_t)n;
    }
    return true;
}

/* False when the peer stops, or the client closes, meanwhile. */
static bool wait_ms(const struct connection *connection, int ms) {
    char byte;
    struct pollfd closed = {.fd = connection->fd, .events = POLLIN};
    return poll(&closed, 1, ms) == 0 || recv(connection->fd, &byte, 1, MSG_PEEK) > 0;
}

static bool send_slowly(const struct connection *connection, const char *bytes, size_t n_bytes) {
    for (size_t i = 0; i < n_bytes; i++) {
        if (!send_all(connection->fd, bytes + i, 1) || !wait_ms(connection, 1000)) {
            return false;
        }
    }
    return true;
}

static void send_for_ever(const struct connection *connection, const char *text) {
    while (send_all(connection->fd, text, strlen(text))) {
    }
}

/* In large pieces: small ones would take a loaded machine longer than a test waits. */
static void send_body_for_ever(const struct connection *connection) {
    char piece[16 << 10];
    memset(piece, 'x', sizeof piece);
    piece[sizeof piece - 1] = '\0';
    send_for_ever(connection, piece);
}

static void reset(int fd) {
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

/* Returns whether the connection goes on. */
static bool answer(const struct connection *connection, const struct peer_step *step) {
    char head[1024];
    int n = snprintf(head, sizeof head, "HTTP/1.1 %d Scripted\r\n%sContent-Length: %zu\r\n\r\n",
                     step->status != 0 ? step->status : 200,
                     step->headers != NULL ? step->headers : "", step->n_bytes);
    switch (step->act) {
    case PEER_ANSWER:
        return send_all(connection->fd, head, (size_t)n) &&
               send_all(connection->fd, step->body, step->n_bytes);
    case PEER_RAW: return send_all(connection->fd, step->body, step->n_bytes);
    case PEER_DRIP: return send_slowly(connection, head, (size_t)n);
    case PEER_CLOSE_IN_HEAD: (void)send_all(connection->fd, head, (size_t)n - 5); return false;
    case PEER_ENDLESS_100: send_for_ever(connection, "HTTP/1.1 100 Continue\r\n\r\n"); return false;
    case PEER_RESET_IN_BODY:
        reset(connection->fd); /* when it is closed */
    /* fall through */
    case PEER_CLOSE_IN_BODY:
        (void)(send_all(connection->fd, head, (size_t)n) &&
               send_all(connection->fd, step->body, step->n_bytes / 2));
        return false;
    case PEER_ENDLESS_BODY:
        (void)send_all(connection->fd, "HTTP/1.1 200 OK\r\n\r\n", 19);
        send_body_for_ever(connection);
        return false;
    case PEER_ENDLESS_HEADERS:
        (void)send_all(connection->fd, "HTTP/1.1 200 OK\r\n", 17);
        send_for_ever(connection, "X-Noise: 0123456789abcdef0123456789abcdef0123456789\r\n");
        return false;
    case PEER_BABBLE: (void)send_all(connection->fd, "\0\0\x12\x04 hello\n", 11); return false;
    case PEER_SILENT: (void)wait_ms(connection, -1); return false;
    default: return false; /* PEER_CLOSE */
    }
}

/* ---- receiving ---- */

/* Reads until the empty line; what came beyond it is moved to `rest`. */
static bool read_head(int fd, char *head, char *rest, size_t *n_rest) {
    size_t n = 0;
    for (;;) {
        ssize_t got = recv(fd, head + n, MAX_HEAD - 1 - n, 0);
        if (got <= 0) {
            return false;
        }
        n += (size_t)got;
        head[n] = '\0';
        char *end = strstr(head, "\r\n\r\n");
        if (end != NULL) {
            *n_rest = n - (size_t)(end + 4 - head);
            memcpy(rest, end + 4, *n_rest);
            end[4] = '\0';
            return true;
        }
    }
}

static const char *find_header(const char *head, const char *name) {
    for (const char *line = head; (line = strstr(line, "\r\n")) != NULL;) {
        line += 2;
        if (strncasecmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':') {
            line += strlen(name) + 1;
            return line + strspn(line, " ");
        }
    }
    return NULL;
}

static const struct peer_step *note_request(struct peer *peer, const char *head, size_t *index) {
    pthread_mutex_lock(&peer->mutex);
    *index = peer->n_requests++;
    acceptor_check(*index < MAX_REQUESTS, "too many requests");
    peer->requests[*index].head = strdup(head);
    size_t at = *index < peer->n_steps ? *index : peer->n_steps - 1;
    pthread_cond_broadcast(&peer->changed);
    pthread_mutex_unlock(&peer->mutex);
    return &peer->steps[at];
}

static bool read_body(struct peer *peer, int fd, size_t index, const char *rest, size_t n_rest) {
    const char *length = find_header(peer_head(peer, index), "content-length");
    size_t n_bytes = length != NULL ? strtoul(length, NULL, 10) : 0;
    acceptor_check(n_bytes <= MAX_BODY, "body");
    uint8_t *body = malloc(n_bytes + 1);
    acceptor_check(body != NULL, "body");
    n_rest = n_rest < n_bytes ? n_rest : n_bytes; /* a client of another protocol says more */
    memcpy(body, rest, n_rest);
    for (size_t n = n_rest; n < n_bytes;) {
        ssize_t got = recv(fd, body + n, n_bytes - n, 0);
        if (got <= 0) {
            free(body);
            return false;
        }
        n += (size_t)got;
    }
    pthread_mutex_lock(&peer->mutex);
    peer->requests[index].body = body;
    peer->requests[index].n_bytes = n_bytes;
    pthread_mutex_unlock(&peer->mutex);
    return true;
}

/* One request; returns whether another may follow. */
static bool serve_one(const struct connection *connection, char *head, char *rest) {
    size_t n_rest, index;
    if (!read_head(connection->fd, head, rest, &n_rest)) {
        return false;
    }
    const struct peer_step *step = note_request(connection->peer, head, &index);
    if (step->act == PEER_RESET) {
        reset(connection->fd);
        return false;
    }
    return read_body(connection->peer, connection->fd, index, rest, n_rest) &&
           answer(connection, step);
}

static void serve(void *data, int fd) {
    const struct connection connection = {data, fd};
    char *head = malloc(MAX_HEAD), *rest = malloc(MAX_HEAD);
    acceptor_check(head != NULL && rest != NULL, "malloc");
    while (serve_one(&connection, head, rest)) {
    }
    free(head);
    free(rest);
}

/* ---- life ---- */

static struct peer *start_at(int listen_fd, const struct peer_step *steps, size_t n_steps) {
    struct peer *peer = calloc(1, sizeof *peer);
    acceptor_check(peer != NULL, "calloc");
    peer->steps = steps;
    peer->n_steps = n_steps;
    pthread_mutex_init(&peer->mutex, NULL);
    pthread_cond_init(&peer->changed, NULL);
    acceptor_start(&peer->acceptor, listen_fd, serve, peer);
    return peer;
}

struct peer *peer_start(const struct peer_step *steps, size_t n_steps) {
    int port;
    struct peer *peer = start_at(acceptor_listen(16, &port), steps, n_steps);
    snprintf(peer->url, sizeof peer->url, "http://127.0.0.1:%d", port);
    return peer;
}

struct peer *peer_start_unix(const char *path, const struct peer_step *steps, size_t n_steps) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    acceptor_check(strlen(path) < sizeof address.sun_path, "path");
    memcpy(address.sun_path, path, strlen(path) + 1);
    acceptor_check(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
                       listen(fd, 16) == 0,
                   "listen");
    return start_at(fd, steps, n_steps);
}

void peer_stop(struct peer *peer) {
    pthread_mutex_lock(&peer->mutex);
    peer->is_stopping = true;
    pthread_cond_broadcast(&peer->changed);
    pthread_mutex_unlock(&peer->mutex);
    acceptor_stop(&peer->acceptor);
    for (size_t i = 0; i < peer->n_requests; i++) {
        free(peer->requests[i].head);
        free(peer->requests[i].body);
    }
    free(peer);
}

/* ---- what it saw ---- */

const char *peer_url(const struct peer *peer) {
    return peer->url;
}

size_t peer_n_requests(struct peer *peer) {
    pthread_mutex_lock(&peer->mutex);
    size_t n = peer->n_requests;
    pthread_mutex_unlock(&peer->mutex);
    return n;
}

size_t peer_n_connections(struct peer *peer) {
    return acceptor_n_connections(&peer->acceptor);
}

void peer_wait_requests(struct peer *peer, size_t n) {
    pthread_mutex_lock(&peer->mutex);
    while (peer->n_requests < n) {
        pthread_cond_wait(&peer->changed, &peer->mutex);
    }
    pthread_mutex_unlock(&peer->mutex);
}

const char *peer_head(struct peer *peer, size_t nth) {
    pthread_mutex_lock(&peer->mutex);
    const char *head = nth < peer->n_requests ? peer->requests[nth].head : NULL;
    pthread_mutex_unlock(&peer->mutex);
    return head;
}

const uint8_t *peer_body(struct peer *peer, size_t nth, size_t *n_bytes) {
    pthread_mutex_lock(&peer->mutex);
    const uint8_t *body = nth < peer->n_requests ? peer->requests[nth].body : NULL;
    *n_bytes = body != NULL ? peer->requests[nth].n_bytes : 0;
    pthread_mutex_unlock(&peer->mutex);
    return body;
}

bool peer_head_has(const char *head, const char *name, const char *value) {
    const char *found = find_header(head, name);
    if (found == NULL || value == NULL) {
        return found == value;
    }
    size_t n = strlen(value);
    return strncmp(found, value, n) == 0 && strncmp(found + n, "\r\n", 2) == 0;
}

/* ---- nobody there ---- */

int peer_closed_port(void) {
    int port;
    close(acceptor_listen(1, &port));
    return port;
}

/* A full backlog: the kernel drops further requests to connect, as a firewall does. */
void black_hole_open(struct black_hole *hole) {
    hole->listen_fd = acceptor_listen(0, &hole->port);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {htonl(INADDR_LOOPBACK)},
                                  .sin_port = htons((uint16_t)hole->port)};
    for (size_t i = 0; i < sizeof hole->fds / sizeof hole->fds[0]; i++) {
        hole->fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(hole->fds[i], (struct sockaddr *)&address, sizeof address);
    }
}

void black_hole_close(struct black_hole *hole) {
    for (size_t i = 0; i < sizeof hole->fds / sizeof hole->fds[0]; i++) {
        close(hole->fds[i]);
    }
    close(hole->listen_fd);
}
