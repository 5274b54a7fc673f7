#include "tests/support/tunnel.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_HEAD = 4096, MAX_PIECE = 16384 };

struct tunnel {
    int status, listen_fd, stop_fd;
    char url[64];
    pthread_t thread;
    pthread_mutex_t mutex; /* guards the rest */
    char head[MAX_HEAD];
    size_t n_requests;
};

static void check(bool is_fine, const char *what) {
    if (!is_fine) {
        perror(what);
        abort();
    }
}

static struct sockaddr_in loopback(int port) {
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* Which of the two can be read; -1: the proxy is to stop. */
static int wait_for(const struct tunnel *tunnel, int first_fd, int second_fd) {
    struct pollfd polled[] = {{.fd = tunnel->stop_fd, .events = POLLIN},
                              {.fd = first_fd, .events = POLLIN},
                              {.fd = second_fd, .events = POLLIN}};
    check(poll(polled, 3, -1) > 0, "poll");
    if (polled[0].revents != 0) {
        return -1;
    }
    return polled[1].revents != 0 ? first_fd : second_fd;
}

static bool send_all(int fd, const char *bytes, size_t n_bytes) {
    while (n_bytes > 0) {
        ssize_t n = send(fd, bytes, n_bytes, MSG_NOSIGNAL);
        if (n <= 0) {
            return false;
        }
        bytes += n;
        n_bytes -= (size_t)n;
    }
    return true;
}

/* A client says nothing more before it is answered, so that the head's end is the last byte. */
static bool read_head(const struct tunnel *tunnel, int fd, char *head) {
    size_t n = 0;
    while (n < 4 || strcmp(head + n - 4, "\r\n\r\n") != 0) {
        ssize_t got = wait_for(tunnel, fd, -1) == fd ? recv(fd, head + n, MAX_HEAD - 1 - n, 0) : 0;
        if (got <= 0) {
            return false;
        }
        n += (size_t)got;
        head[n] = '\0';
    }
    return true;
}

/* Both ways, until one side ends. */
static void relay(const struct tunnel *tunnel, int client, int origin) {
    char piece[MAX_PIECE];
    for (int from; (from = wait_for(tunnel, client, origin)) >= 0;) {
        ssize_t n = recv(from, piece, sizeof piece, 0);
        if (n <= 0 || !send_all(from == client ? origin : client, piece, (size_t)n)) {
            return;
        }
    }
}

static void open_tunnel(const struct tunnel *tunnel, int client, const char *head) {
    int port = 0, origin = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (sscanf(head, "CONNECT %*[^:]:%d", &port) == 1) {
        struct sockaddr_in address = loopback(port);
        if (connect(origin, (struct sockaddr *)&address, sizeof address) == 0 &&
            send_all(client, "HTTP/1.1 200 Open\r\n\r\n", 21)) {
            relay(tunnel, client, origin);
        }
    }
    close(origin);
}

static void serve(struct tunnel *tunnel, int client) {
    char head[MAX_HEAD], answer[64];
    if (!read_head(tunnel, client, head)) {
        return;
    }
    pthread_mutex_lock(&tunnel->mutex);
    memcpy(tunnel->head, head, sizeof head);
    tunnel->n_requests++;
    pthread_mutex_unlock(&tunnel->mutex);
    if (tunnel->status == 200) {
        open_tunnel(tunnel, client, head);
        return;
    }
    int n = snprintf(answer, sizeof answer, "HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n",
                     tunnel->status);
    (void)send_all(client, answer, (size_t)n);
}

static void *run(void *data) {
    struct tunnel *tunnel = data;
    while (wait_for(tunnel, tunnel->listen_fd, -1) >= 0) {
        int client = accept4(tunnel->listen_fd, NULL, NULL, SOCK_CLOEXEC);
        if (client >= 0) {
            serve(tunnel, client);
            close(client);
        }
    }
    return NULL;
}

struct tunnel *tunnel_start(int status) {
    struct tunnel *tunnel = calloc(1, sizeof *tunnel);
    check(tunnel != NULL, "calloc");
    struct sockaddr_in address = loopback(0);
    socklen_t n_bytes = sizeof address;
    tunnel->status = status;
    pthread_mutex_init(&tunnel->mutex, NULL);
    tunnel->stop_fd = eventfd(0, EFD_CLOEXEC);
    tunnel->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(bind(tunnel->listen_fd, (struct sockaddr *)&address, sizeof address) == 0 &&
              listen(tunnel->listen_fd, 8) == 0 &&
              getsockname(tunnel->listen_fd, (struct sockaddr *)&address, &n_bytes) == 0,
          "listen");
    snprintf(tunnel->url, sizeof tunnel->url, "http://127.0.0.1:%d", ntohs(address.sin_port));
    check(pthread_create(&tunnel->thread, NULL, run, tunnel) == 0, "pthread_create");
    return tunnel;
}

void tunnel_stop(struct tunnel *tunnel) {
    uint64_t one = 1;
    check(write(tunnel->stop_fd, &one, sizeof one) == sizeof one, "write");
    pthread_join(tunnel->thread, NULL);
    close(tunnel->listen_fd);
    close(tunnel->stop_fd);
    pthread_mutex_destroy(&tunnel->mutex);
    free(tunnel);
}

const char *tunnel_url(const struct tunnel *tunnel) {
    return tunnel->url;
}

const char *tunnel_head(struct tunnel *tunnel) {
    return tunnel->head;
}

size_t tunnel_n_requests(struct tunnel *tunnel) {
    pthread_mutex_lock(&tunnel->mutex);
    size_t n = tunnel->n_requests;
    pthread_mutex_unlock(&tunnel->mutex);
    return n;
}
