#include "tests/support/acceptor.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct connection {
    struct acceptor *acceptor;
    size_t index;
    int fd;
};

void acceptor_check(bool is_fine, const char *what) {
    if (!is_fine) {
        perror(what);
        abort();
    }
}

static void *serve(void *data) {
    struct connection *connection = data;
    struct acceptor *acceptor = connection->acceptor;
    acceptor->serve(acceptor->data, connection->fd);
    pthread_mutex_lock(&acceptor->mutex);
    close(connection->fd);
    acceptor->fds[connection->index] = -1;
    pthread_mutex_unlock(&acceptor->mutex);
    free(connection);
    return NULL;
}

static void *accept_all(void *data) {
    struct acceptor *acceptor = data;
    int fd;
    while ((fd = accept(acceptor->listen_fd, NULL, NULL)) >= 0) {
        struct connection *connection = malloc(sizeof *connection);
        acceptor_check(connection != NULL, "malloc");
        pthread_mutex_lock(&acceptor->mutex);
        size_t index = acceptor->n_connections;
        acceptor_check(index < ACCEPTOR_MAX_CONNECTIONS, "too many connections");
        *connection = (struct connection){acceptor, index, fd};
        acceptor->fds[index] = fd;
        acceptor_check(pthread_create(&acceptor->threads[index], NULL, serve, connection) == 0,
                       "pthread_create");
        acceptor->n_connections++;
        pthread_mutex_unlock(&acceptor->mutex);
    }
    return NULL;
}

int acceptor_listen(int backlog, int *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    acceptor_check(fd >= 0 && bind(fd, (struct sockaddr *)&address, n) == 0 &&
                       listen(fd, backlog) == 0 &&
                       getsockname(fd, (struct sockaddr *)&address, &n) == 0,
                   "listen");
    *port = ntohs(address.sin_port);
    return fd;
}

void acceptor_start(struct acceptor *acceptor, int listen_fd, acceptor_serve_fn *serve_one,
                    void *data) {
    acceptor->listen_fd = listen_fd;
    acceptor->serve = serve_one;
    acceptor->data = data;
    acceptor->n_connections = 0;
    pthread_mutex_init(&acceptor->mutex, NULL);
    acceptor_check(pthread_create(&acceptor->thread, NULL, accept_all, acceptor) == 0,
                   "pthread_create");
}

void acceptor_stop(struct acceptor *acceptor) {
    shutdown(acceptor->listen_fd, SHUT_RDWR);
    pthread_join(acceptor->thread, NULL);
    close(acceptor->listen_fd);
    pthread_mutex_lock(&acceptor->mutex);
    for (size_t i = 0; i < acceptor->n_connections; i++) {
        if (acceptor->fds[i] >= 0) {
            shutdown(acceptor->fds[i], SHUT_RDWR);
        }
    }
    pthread_mutex_unlock(&acceptor->mutex);
    for (size_t i = 0; i < acceptor->n_connections; i++) {
        pthread_join(acceptor->threads[i], NULL);
    }
}

size_t acceptor_n_connections(struct acceptor *acceptor) {
    pthread_mutex_lock(&acceptor->mutex);
    size_t n = acceptor->n_connections;
    pthread_mutex_unlock(&acceptor->mutex);
    return n;
}
