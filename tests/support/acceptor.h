/*
 * A listening socket of a test, and a thread for each connection that comes. What cannot be had
 * aborts the test.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

enum { ACCEPTOR_MAX_CONNECTIONS = 2048 };

/* Serves one connection, on a thread of its own; the socket is closed behind it. */
typedef void acceptor_serve_fn(void *data, int fd);

struct acceptor {
    int listen_fd;
    acceptor_serve_fn *serve;
    void *data;
    pthread_t thread;

    pthread_mutex_t mutex;             /* guards the rest */
    int fds[ACCEPTOR_MAX_CONNECTIONS]; /* -1: closed by its thread */
    pthread_t threads[ACCEPTOR_MAX_CONNECTIONS];
    size_t n_connections;
};

/* A socket that listens on any free port of the loopback interface. */
int acceptor_listen(int backlog, int *port);
/* Takes the socket over. */
void acceptor_start(struct acceptor *acceptor, int listen_fd, acceptor_serve_fn *serve, void *data);
/* Ends all connections, and waits for those that serve them. */
void acceptor_stop(struct acceptor *acceptor);
/* How many there have been. */
size_t acceptor_n_connections(struct acceptor *acceptor);

/* Aborts, with errno, when something does not hold. */
void acceptor_check(bool is_fine, const char *what);
