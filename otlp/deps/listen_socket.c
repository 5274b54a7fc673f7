#include "otlp/deps/listen_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "otlp/common/error.h"

enum { LISTEN_BACKLOG = 64 };

static int listen_on(const struct addrinfo *candidate) {
    int fd = socket(candidate->ai_family, candidate->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    candidate->ai_protocol);
    if (fd < 0) {
        return -1;
    }
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)); /* a restart need not wait */
    /* Its connections take it over. Else the second piece of an answer waits until the peer says
     * that it has the first, 40 ms. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (bind(fd, candidate->ai_addr, candidate->ai_addrlen) != 0 ||
        listen(fd, LISTEN_BACKLOG) != 0) {
        int os_error = errno;
        close(fd);
        errno = os_error;
        return -1;
    }
    return fd;
}

static const char *remedy_of(int os_error) {
    switch (os_error) {
    case EADDRINUSE: return "; end that program, or choose another port (0: a free one)";
    case EACCES: return "; ports from 1024 on need no privilege";
    case EADDRNOTAVAIL: return "; it must be an address of this machine";
    default: return "";
    }
}

static void explain(weir_error_detail *detail, int os_error, const char *address, uint16_t port) {
    char text[128];
    error_set(detail, WEIR_E_IO, "cannot listen on %s port %u: %s%s", address, (unsigned)port,
              strerror_r(os_error, text, sizeof(text)), remedy_of(os_error));
    if (detail != NULL) {
        detail->os_error = os_error;
    }
}

int listen_socket_open(const char *address, uint16_t port, weir_error_detail *detail) {
    char service[8];
    snprintf(service, sizeof(service), "%u", (unsigned)port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *candidates = NULL;
    int failure = getaddrinfo(address, service, &hints, &candidates);
    if (failure != 0) {
        error_set(detail, WEIR_E_IO, "cannot listen on %s: %s", address, gai_strerror(failure));
        return -1;
    }
    int fd = -1;
    for (const struct addrinfo *next = candidates; next != NULL && fd < 0; next = next->ai_next) {
        fd = listen_on(next);
    }
    if (fd < 0) {
        explain(detail, errno, address, port);
    }
    freeaddrinfo(candidates);
    return fd;
}

void listen_socket_url(int fd, char out[LISTEN_URL_BYTES]) {
    struct sockaddr_storage address;
    socklen_t n_bytes = sizeof(address);
    char host[NI_MAXHOST] = "?", port[NI_MAXSERV] = "?";
    if (getsockname(fd, (struct sockaddr *)&address, &n_bytes) == 0) {
        getnameinfo((struct sockaddr *)&address, n_bytes, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV);
    }
    bool is_v6 = strchr(host, ':') != NULL;
    snprintf(out, LISTEN_URL_BYTES, "http://%s%s%s:%.8s", is_v6 ? "[" : "", host, is_v6 ? "]" : "",
             port);
}
