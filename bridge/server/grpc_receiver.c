#include "bridge/server/grpc_receiver.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/server/bounds.h"
#include "bridge/server/grpc.h"
#include "otlp/common/alloc.h"
#include "otlp/common/clock.h"
#include "otlp/common/error.h"
#include "otlp/common/macro.h"
#include "otlp/deps/listen_socket.h"

enum {
    READ_BYTES = 64 << 10,
    READS_A_TURN = 16, /* then the other connections have theirs */
    TICK_MS = 1000,    /* between looks at deadlines, while there are connections */
};

/* What a client that speaks HTTP/1.1 is told. */
static const char not_http2[] =
    "HTTP/1.1 505 HTTP Version Not Supported\r\nContent-Type: text/plain\r\n"
    "Content-Length: 69\r\nConnection: close\r\n\r\n"
    "This port takes OTLP over gRPC (HTTP/2); OTLP over HTTP has its own.\n";

struct peer {
    int fd;
    struct h2_connection *connection;
    const uint8_t *waiting; /* bytes that the socket did not take yet; borrowed */
    size_t n_waiting;
    uint64_t waiting_since_ns;
    bool has_spoken;      /* nothing is sent before: a client of HTTP/1.1 is answered in HTTP/1.1 */
    bool is_closing;      /* our side is shut; what the peer still sends is thrown away */
    uint64_t close_by_ns; /* while it has not spoken, or is closing */
};

struct grpc_receiver {
    struct receiver_options options;
    struct h2_service service;
    struct grpc_answer answer;
    char url[LISTEN_URL_BYTES];
    int listen_fd, wake_fd;
    pthread_t thread;
    atomic_bool is_stopping;
    _Atomic uint64_t n_accepted, n_refused, n_spans;
    /* touched by the thread only */
    struct peer peers[RECEIVER_MAX_CONNECTIONS];
    size_t n_peers;
    uint64_t next_tick_ns;
    uint8_t bytes[READ_BYTES];
};

static void on_call(void *data, const struct h2_request *request, struct h2_response *response) {
    struct grpc_receiver *receiver = data;
    bool is_accepted;
    receiver->n_spans +=
        grpc_answer(&receiver->options, request, &receiver->answer, response, &is_accepted);
    if (is_accepted) {
        receiver->n_accepted++;
    } else {
        receiver->n_refused++;
    }
}

/* ---- one connection ---- */

static void drop_peer(struct peer *peer) {
    h2_connection_free(peer->connection);
    close(peer->fd);
    peer->connection = NULL;
    peer->fd = -1;
}

/* Ends our side; the peer's is read for a while, so that no reset overtakes what was sent. */
static void begin_close(struct peer *peer, uint64_t now) {
    peer->is_closing = true;
    peer->n_waiting = 0;
    peer->close_by_ns = now + RECEIVER_CLOSE_TIMEOUT_S * NS_PER_S;
    peer->connection = h2_connection_free(peer->connection);
    shutdown(peer->fd, SHUT_WR);
}

/* Sends what there is, as far as the socket takes it. */
static void flush_peer(struct peer *peer, uint64_t now) {
    for (;;) {
        if (peer->n_waiting == 0) {
            peer->n_waiting = h2_connection_pull(peer->connection, &peer->waiting);
            peer->waiting_since_ns = now;
        }
        if (peer->n_waiting == 0) {
            break;
        }
        ssize_t n = send(peer->fd, peer->waiting, peer->n_waiting, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            drop_peer(peer);
            return;
        }
        if (n < 0 && errno == EAGAIN) {
            return;
        }
        if (n > 0) {
            peer->waiting += n;
            peer->n_waiting -= (size_t)n;
            peer->waiting_since_ns = now;
        }
    }
    if (h2_connection_is_done(peer->connection)) {
        begin_close(peer, now);
    }
}

static void explain_http2(struct grpc_receiver *receiver, struct peer *peer, uint64_t now) {
    const struct receiver_options *options = &receiver->options;
    receiver->n_refused++;
    if (options->refused != NULL) {
        options->refused(options->data,
                         &(struct receiver_refusal){
                             .answer = "505",
                             .reason = "this port takes OTLP over gRPC (HTTP/2), without TLS; OTLP "
                                       "over HTTP has its own (--listen)",
                             .is_grpc = true});
    }
    /* the socket is new and its buffer empty: this fits */
    (void)send(peer->fd, not_http2, sizeof(not_http2) - 1, MSG_NOSIGNAL);
    begin_close(peer, now);
}

/* Hands over what was read; false when the connection has come to its end. */
static bool take_bytes(struct grpc_receiver *receiver, struct peer *peer, const uint8_t *bytes,
                       size_t n_bytes, uint64_t now) {
    if (peer->is_closing) {
        return true;
    }
    peer->has_spoken = true;
    switch (h2_connection_receive(peer->connection, bytes, n_bytes, now)) {
    case 0: return true;
    case WEIR_E_SYNTAX: explain_http2(receiver, peer, now); return true;
    case WEIR_E_CLOSED: begin_close(peer, now); return true;
    default: drop_peer(peer); return false;
    }
}

static void read_peer(struct grpc_receiver *receiver, struct peer *peer, uint64_t now) {
    for (int i = 0; i < READS_A_TURN; i++) {
        ssize_t n = recv(peer->fd, receiver->bytes, sizeof(receiver->bytes), 0);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
            drop_peer(peer);
            return;
        }
        if (n < 0) {
            return;
        }
        if (!take_bytes(receiver, peer, receiver->bytes, (size_t)n, now)) {
            return;
        }
        if ((size_t)n < sizeof(receiver->bytes)) {
            return;
        }
    }
}

/* Deadlines: of calls, of an idle connection, of a peer that does not read, of a close. */
static void tick_peer(struct peer *peer, uint64_t now) {
    if (peer->is_closing || !peer->has_spoken) {
        if (now >= peer->close_by_ns) {
            drop_peer(peer);
        }
        return;
    }
    uint64_t patience_ns = RECEIVER_REQUEST_DEADLINE_S * NS_PER_S;
    if (peer->n_waiting > 0 && now - peer->waiting_since_ns >= patience_ns) {
        drop_peer(peer);
        return;
    }
    h2_connection_tick(peer->connection, now);
}

static void serve_peer(struct grpc_receiver *receiver, struct peer *peer, short events,
                       bool is_tick, uint64_t now) {
    if ((events & (POLLIN | POLLHUP | POLLERR)) != 0) {
        read_peer(receiver, peer, now);
    }
    if (is_tick && peer->fd >= 0) {
        tick_peer(peer, now);
    }
    if (peer->fd >= 0 && !peer->is_closing && peer->has_spoken) {
        flush_peer(peer, now);
    }
}

/* ---- all connections ---- */

static void add_peer(struct grpc_receiver *receiver, int fd, uint64_t now) {
    struct h2_connection *connection = h2_connection_new(&receiver->service, now);
    if (connection == NULL) {
        close(fd);
        return;
    }
    struct peer *peer = &receiver->peers[receiver->n_peers++];
    *peer = (struct peer){.fd = fd,
                          .connection = connection,
                          .close_by_ns = now + RECEIVER_IDLE_TIMEOUT_S * NS_PER_S};
}

/* When all places are taken the others wait in the kernel's queue. */
static void accept_peers(struct grpc_receiver *receiver, uint64_t now) {
    while (receiver->n_peers < RECEIVER_MAX_CONNECTIONS) {
        int fd = accept4(receiver->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            return;
        }
        add_peer(receiver, fd, now);
    }
}

static void forget_dropped(struct grpc_receiver *receiver) {
    size_t n_kept = 0;
    for (size_t i = 0; i < receiver->n_peers; i++) {
        if (receiver->peers[i].fd >= 0) {
            receiver->peers[n_kept++] = receiver->peers[i];
        }
    }
    receiver->n_peers = n_kept;
}

static short wanted_events(const struct peer *peer) {
    bool is_full = !peer->is_closing && peer->n_waiting > 0;
    return (short)(POLLIN | (is_full ? POLLOUT : 0));
}

/* One turn of the loop: waits until something happens, or for timeout_ms (-1: as long as it takes).
 */
static void turn(struct grpc_receiver *receiver, bool is_listening, int timeout_ms) {
    struct pollfd polled[2 + RECEIVER_MAX_CONNECTIONS];
    size_t n_peers = receiver->n_peers;
    bool has_place = is_listening && n_peers < RECEIVER_MAX_CONNECTIONS;
    polled[0] = (struct pollfd){.fd = is_listening ? receiver->wake_fd : -1, .events = POLLIN};
    polled[1] = (struct pollfd){.fd = has_place ? receiver->listen_fd : -1, .events = POLLIN};
    for (size_t i = 0; i < n_peers; i++) {
        struct peer *peer = &receiver->peers[i];
        polled[2 + i] = (struct pollfd){.fd = peer->fd, .events = wanted_events(peer)};
    }
    int n_ready = poll(polled, 2 + n_peers, timeout_ms);
    uint64_t now = clock_now_ns();
    bool is_tick = now >= receiver->next_tick_ns;
    if (is_tick) {
        receiver->next_tick_ns = now + TICK_MS * NS_PER_MS;
    }
    for (size_t i = 0; i < n_peers; i++) {
        short events = n_ready > 0 ? polled[2 + i].revents : 0;
        serve_peer(receiver, &receiver->peers[i], events, is_tick, now);
    }
    if (n_ready > 0 && polled[1].revents != 0) {
        accept_peers(receiver, now);
    }
    forget_dropped(receiver);
}

static bool has_calls(const struct grpc_receiver *receiver) {
    for (size_t i = 0; i < receiver->n_peers; i++) {
        const struct peer *peer = &receiver->peers[i];
        if (!peer->is_closing &&
            (peer->n_waiting > 0 || h2_connection_n_streams(peer->connection) > 0)) {
            return true;
        }
    }
    return false;
}

/* GOAWAY to all; answers on their way are worth a moment: who misses one sends it again. */
static void say_goodbye(struct grpc_receiver *receiver) {
    uint64_t now = clock_now_ns(), until = now + RECEIVER_STOP_WAIT_S * NS_PER_S;
    for (size_t i = 0; i < receiver->n_peers; i++) {
        if (!receiver->peers[i].is_closing && receiver->peers[i].has_spoken) {
            h2_connection_shutdown(receiver->peers[i].connection);
            flush_peer(&receiver->peers[i], now);
        }
    }
    forget_dropped(receiver);
    while (has_calls(receiver) && (now = clock_now_ns()) < until) {
        turn(receiver, false, (int)((until - now) / NS_PER_MS) + 1);
    }
    for (size_t i = 0; i < receiver->n_peers; i++) {
        drop_peer(&receiver->peers[i]);
    }
    receiver->n_peers = 0;
}

static void *run(void *data) {
    struct grpc_receiver *receiver = data;
    while (!atomic_load(&receiver->is_stopping)) {
        turn(receiver, true, receiver->n_peers > 0 ? TICK_MS : -1);
    }
    say_goodbye(receiver);
    return NULL;
}

/* ---- the interface ---- */

static struct grpc_receiver *free_receiver(struct grpc_receiver *receiver) {
    if (receiver->listen_fd >= 0) {
        close(receiver->listen_fd);
    }
    if (receiver->wake_fd >= 0) {
        close(receiver->wake_fd);
    }
    mem_free(receiver);
    return NULL;
}

static void free_unstarted(struct grpc_receiver **receiver) {
    if (*receiver != NULL) {
        free_receiver(*receiver);
    }
}

static struct h2_options h2_options_of(struct grpc_receiver *receiver) {
    size_t max_body_bytes = receiver->options.max_body_bytes + GRPC_FRAME_HEAD_BYTES;
    return (struct h2_options){
        .max_body_bytes = max_body_bytes,
        .max_all_bodies_bytes = MAX((size_t)RECEIVER_MAX_ALL_BODIES_BYTES, max_body_bytes * 2),
        .max_response_bytes = RECEIVER_MAX_RESPONSE_BYTES,
        .max_head_bytes = RECEIVER_MAX_HEAD_BYTES,
        .max_streams = RECEIVER_MAX_STREAMS,
        .idle_timeout_s = RECEIVER_IDLE_TIMEOUT_S,
        .request_deadline_s = RECEIVER_REQUEST_DEADLINE_S,
        .handle = on_call,
        .data = receiver,
    };
}

/* The thread inherits the mask: signals are the business of the program's own threads. */
static int start_thread(struct grpc_receiver *receiver) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int os_error = pthread_create(&receiver->thread, NULL, run, receiver);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return os_error;
}

int grpc_receiver_start(const struct receiver_options *options, struct grpc_receiver **out,
                        weir_error_detail *detail) {
    CLEANUP(free_unstarted) struct grpc_receiver *receiver = mem_zalloc(sizeof(*receiver));
    if (receiver == NULL) {
        return error_set(detail, WEIR_E_NO_MEMORY, "no memory for the gRPC receiver");
    }
    receiver->options = *options;
    if (receiver->options.max_body_bytes == 0) {
        receiver->options.max_body_bytes = RECEIVER_MAX_BODY_BYTES;
    }
    receiver->service.options = h2_options_of(receiver);
    receiver->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    receiver->listen_fd = listen_socket_open(options->address, options->port, detail);
    if (receiver->listen_fd < 0) {
        return WEIR_E_IO;
    }
    listen_socket_url(receiver->listen_fd, receiver->url);
    int os_error = receiver->wake_fd < 0 ? errno : start_thread(receiver);
    if (os_error != 0) {
        return error_set_os(detail, WEIR_E_IO, os_error, "cannot start the gRPC receiver on %s",
                            receiver->url);
    }
    *out = receiver;
    receiver = NULL;
    return 0;
}

const char *grpc_receiver_url(const struct grpc_receiver *receiver) {
    return receiver->url;
}

struct grpc_receiver *grpc_receiver_stop(struct grpc_receiver *receiver,
                                         struct receiver_counts *counts) {
    if (receiver == NULL) {
        return NULL;
    }
    uint64_t one = 1;
    atomic_store(&receiver->is_stopping, true);
    (void)!write(receiver->wake_fd, &one, sizeof(one));
    pthread_join(receiver->thread, NULL);
    if (counts != NULL) {
        *counts =
            (struct receiver_counts){receiver->n_accepted, receiver->n_refused, receiver->n_spans};
    }
    return free_receiver(receiver);
}
