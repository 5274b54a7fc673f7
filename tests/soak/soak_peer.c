#include "tests/soak/soak_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <signal.h>
#include <unistd.h>

#include "otlp/common/id.h"
#include "otlp/wire_read.h"
#include "tests/stress/stress.h"

enum { MAX_HEAD = 16 << 10, MAX_BODY = 64 << 20 };

static struct soak_counts *totals;
static uint8_t *body; /* of the request being read */

/* ---- sending ---- */

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

static bool send_text(int fd, const char *text) {
    return send_all(fd, text, strlen(text));
}

/* False once the client has gone; it need not say why. */
static bool is_still_there(int fd, int ms) {
    char byte;
    struct pollfd closed = {.fd = fd, .events = POLLIN};
    return poll(&closed, 1, ms) == 0 || recv(fd, &byte, 1, MSG_PEEK) > 0;
}

static void drip(int fd, const char *text) {
    while (*text != '\0' && send_all(fd, text, 1) && is_still_there(fd, 1000)) {
        text++;
    }
}

static void send_for_ever(int fd, const char *begin, const char *more) {
    if (send_text(fd, begin)) {
        while (send_text(fd, more)) {
        }
    }
}

static void reset(int fd) {
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

/* ---- misbehaving; true when the connection goes on ---- */

static bool answer_status(int fd, const char *status_and_headers) {
    char head[256];
    int n =
        snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n", status_and_headers);
    return send_all(fd, head, (size_t)n);
}

static bool do_wrong(int fd) {
    switch (id_random() % 13) {
    case 0: return answer_status(fd, "503 Unavailable");
    case 1: return answer_status(fd, "429 Too Many\r\nRetry-After: 1");
    case 2: return answer_status(fd, "502 Bad Gateway");
    case 3: return answer_status(fd, "400 Bad Request");
    case 4: return answer_status(fd, "301 Moved\r\nLocation: http://127.0.0.1:1/v1/traces");
    case 5: (void)is_still_there(fd, -1); return false;
    case 6: drip(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"); return false;
    case 7: return false;
    case 8: (void)send_text(fd, "HTTP/1.1 200 O"); return false;
    case 9: (void)send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf"); return false;
    case 10:
        send_for_ever(fd, "HTTP/1.1 200 OK\r\n\r\n", "0123456789abcdef0123456789abcdef");
        return false;
    case 11:
        send_for_ever(fd, "HTTP/1.1 200 OK\r\n", "X-Noise: 0123456789abcdef\r\n");
        return false;
    default: (void)send_text(fd, "\x15\x03\x01 this is no HTTP\n"); return false;
    }
}

/* ---- receiving ---- */

/* Spans of a request: fields 1, 2, 2 of the messages inside each other. */
static uint64_t count_spans(const uint8_t *bytes, size_t n_bytes, int level) {
    static const uint32_t numbers[] = {1, 2, 2};
    struct wire_reader reader = wire_reader_over(bytes, n_bytes);
    struct wire_field field;
    uint64_t n = 0;
    int got;
    while ((got = wire_read(&reader, &field)) == 1) {
        if (field.number == numbers[level]) {
            n += level == 2 ? 1 : count_spans(field.bytes, field.n_bytes, level + 1);
        }
    }
    CHECK(got == 0); /* whatever went wrong before: what arrives whole is whole */
    return n;
}

static bool read_some(int fd, uint8_t *to, size_t n_bytes) {
    while (n_bytes > 0) {
        ssize_t n = recv(fd, to, n_bytes, 0);
        if (n <= 0) {
            return false;
        }
        to += n;
        n_bytes -= (size_t)n;
    }
    return true;
}

/* The head, and what came with it of the body. False: the client has gone. */
static bool read_head(int fd, size_t *n_body, size_t *n_have) {
    static char head[MAX_HEAD];
    size_t n = 0;
    char *end = NULL;
    while (end == NULL) {
        ssize_t got = n < sizeof head - 1 ? recv(fd, head + n, sizeof head - 1 - n, 0) : 0;
        if (got <= 0) {
            return false;
        }
        n += (size_t)got;
        head[n] = '\0';
        end = strstr(head, "\r\n\r\n");
    }
    const char *length = strcasestr(head, "\r\ncontent-length:");
    CHECK(length != NULL && length < end);
    *n_body = strtoul(length + strlen("\r\ncontent-length:"), NULL, 10);
    *n_have = n - (size_t)(end + 4 - head);
    CHECK(*n_body <= MAX_BODY && *n_have <= *n_body);
    memcpy(body, end + 4, *n_have);
    return true;
}

static bool serve_one(int fd, unsigned percent_faults) {
    size_t n_body, n_have;
    if (!read_head(fd, &n_body, &n_have)) {
        return false;
    }
    atomic_fetch_add(&totals->n_requests, 1);
    bool is_fault = id_random() % 100 < percent_faults;
    atomic_fetch_add(&totals->n_faults, is_fault);
    if (is_fault && id_random() % 14 == 0) {
        reset(fd); /* in the middle of the body */
        return false;
    }
    if (!read_some(fd, body + n_have, n_body - n_have)) {
        return false;
    }
    uint64_t n_spans = count_spans(body, n_body, 0);
    if (is_fault) {
        return do_wrong(fd);
    }
    bool is_sent = answer_status(fd, "200 OK");
    atomic_fetch_add(&totals->n_taken, is_sent ? n_spans : 0);
    return is_sent;
}

static void serve(int listen_fd, unsigned percent_faults) {
    for (;;) {
        int fd = accept(listen_fd, NULL, NULL);
        CHECK(fd >= 0);
        while (serve_one(fd, percent_faults)) {
        }
        close(fd);
    }
}

/* ---- starting ---- */

static int listen_somewhere(int *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&address, n) == 0 && listen(fd, 16) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&address, &n) == 0);
    *port = ntohs(address.sin_port);
    return fd;
}

pid_t soak_peer_start(unsigned percent_faults, int *port, struct soak_counts **counts) {
    totals = mmap(NULL, sizeof *totals, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(totals != MAP_FAILED);
    int listen_fd = listen_somewhere(port);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        body = malloc(MAX_BODY);
        CHECK(body != NULL);
        serve(listen_fd, percent_faults);
    }
    close(listen_fd);
    *counts = totals;
    return pid;
}
