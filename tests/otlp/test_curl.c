#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "otlp/common/clock.h"
#include "otlp/common/macro.h"
#include "otlp/deps/curl.h"
#include "tests/support/expect.h"
#include "tests/support/peer.h"
#include "tests/support/settled_fork.h"

static void begin(void) {
    setenv("no_proxy", "*", 1); /* whatever the machine is set up for */
}
TestSuite(curl, .init = begin, .timeout = 60);

static uint64_t in_s(unsigned s) {
    return clock_now_ns() + s * NS_PER_S;
}

static struct http_client *client_of(const char *url) {
    struct http_client *client = NULL;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    const char *const own[] = {"Content-Type: text/plain", NULL};
    const struct http_client_options options = {
        .route.url = url,
        .own_headers = own,
        .user_agent = "test",
        .max_response_bytes = 1000,
        .max_header_bytes = 1000,
    };
    cr_assert(eq(int, http_client_new(&options, &client, &detail), 0), "%s", detail.message);
    return client;
}

static int post(struct http_client *client, const char *header, struct http_answer *answer) {
    const struct http_request request = {
        .body = (const uint8_t *)"body", .n_bytes = 4, .header = header};
    return http_client_post(client, &request, in_s(20), answer);
}

/* ---- lines ---- */

static void expect_line(const char *lines, const char *name, const char *value) {
    struct http_text found = http_line((struct http_text){lines, strlen(lines)}, name);
    if (value == NULL) {
        cr_expect(found.at == NULL && found.n_bytes == 0);
        return;
    }
    cr_assert(eq(sz, found.n_bytes, strlen(value)), "%s", lines);
    cr_expect(eq(int, memcmp(found.at, value, found.n_bytes), 0), "%s", lines);
}

Test(curl, finds_the_last_line_of_a_name) {
    expect_line("HTTP/1.1 200 OK\r\nA: 1\r\nB:2\r\n\r\n", "a", "1");
    expect_line("A: 1\r\nB:2\r\n", "b", "2");
    expect_line("A: 1\r\na: \t 2 \t\r\n", "A", "2");
    expect_line("A:\r\n", "A", "");
    expect_line("A: cut", "A", "cut");
    expect_line("AB: 1\r\n", "A", NULL);
    expect_line("A", "A", NULL);
    expect_line("", "A", NULL);
    cr_expect(http_line((struct http_text){NULL, 0}, "A").at == NULL);
}

Test(curl, tells_trailers_from_headers) {
    const struct peer_step steps[] = {{.act = PEER_RAW,
                                       .body = "HTTP/1.1 200 OK\r\nTrailer: T\r\nH: 1\r\n"
                                               "Transfer-Encoding: chunked\r\n\r\n"
                                               "2\r\nhi\r\n0\r\nT: 2\r\n\r\n",
                                       .n_bytes = 83}};
    struct peer *peer = peer_start(steps, 1);
    struct http_client *client = client_of(peer_url(peer));
    struct http_answer answer;
    cr_assert(eq(int, post(client, NULL, &answer), 0), "%s", answer.text);
    cr_expect(eq(sz, answer.n_bytes, 2));
    cr_expect(eq(sz, http_line(answer.head, "h").n_bytes, 1));
    cr_expect(http_line(answer.head, "t").at == NULL);
    cr_expect(http_line(answer.trailers, "h").at == NULL);
    cr_assert(eq(sz, http_line(answer.trailers, "t").n_bytes, 1));
    cr_expect(eq(int, *http_line(answer.trailers, "t").at, '2'));
    http_client_free(client);
    peer_stop(peer);
}

Test(curl, a_header_of_one_request_is_not_in_the_next) {
    const struct peer_step steps[] = {{.status = 200}};
    struct peer *peer = peer_start(steps, 1);
    struct http_client *client = client_of(peer_url(peer));
    struct http_answer answer;
    cr_assert(eq(int, post(client, "x-own: 1", &answer), 0));
    cr_assert(eq(int, post(client, NULL, &answer), 0));
    cr_assert(eq(int, post(client, "x-own: 3", &answer), 0));
    cr_expect(peer_head_has(peer_head(peer, 0), "x-own", "1"));
    cr_expect(peer_head_has(peer_head(peer, 1), "x-own", NULL));
    cr_expect(peer_head_has(peer_head(peer, 1), "content-type", "text/plain"));
    cr_expect(peer_head_has(peer_head(peer, 2), "x-own", "3"));
    http_client_free(client);
    peer_stop(peer);
}

/* ---- descriptors ---- */

/* The numbers that the process has open from `first` on. */
static unsigned n_open(int first) {
    unsigned n = 0;
    for (int fd = first; fd < 200; fd++) {
        n += fcntl(fd, F_GETFD) >= 0;
    }
    return n;
}

Test(curl, leaves_no_descriptor_behind) {
    const struct peer_step steps[] = {{.status = 200}};
    struct peer *peer = peer_start(steps, 1);
    struct http_answer answer;
    struct http_client *first = client_of(peer_url(peer)); /* what libcurl opens once */
    cr_assert(eq(int, post(first, NULL, &answer), 0));
    http_client_free(first);
    struct http_client *client = client_of(peer_url(peer));
    cr_assert(eq(int, post(client, NULL, &answer), 0));
    unsigned n = n_open(3);
    for (int i = 0; i < 5; i++) {
        struct http_client *other = client_of("http://127.0.0.1:1");
        http_client_free(other);
    }
    cr_expect(eq(uint, n_open(3), n));
    cr_expect(eq(int, fcntl(http_client_fd(client), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC));
    http_client_free(client);
    peer_stop(peer);
}

/* libcurl closes a socket that is still connecting without a word; it must not be missed. */
Test(curl, connections_that_never_come_about_leave_nothing_behind) {
    struct black_hole hole;
    char url[64];
    struct http_answer answer;
    black_hole_open(&hole);
    snprintf(url, sizeof url, "http://127.0.0.1:%d", hole.port);
    struct http_client *client = client_of(url);
    const struct http_request request = {.body = (const uint8_t *)"x", .n_bytes = 1};
    unsigned n = n_open(3);
    for (unsigned i = 0; i < 5; i++) {
        uint64_t soon_ns = clock_now_ns() + 20 * NS_PER_MS;
        cr_expect(eq(int, http_client_post(client, &request, soon_ns, &answer), WEIR_E_TIMEOUT));
        cr_expect(eq(uint, n_open(3), n));
    }
    int fd = http_client_fd(client);
    http_client_begin(client, &request, UINT64_MAX);
    cr_expect(eq(int, http_client_fd(client), fd)); /* it did not start anew */
    http_client_free(client);
    black_hole_close(&hole);
}

/* The host closes all descriptors and opens sockets of its own in their place. 0, or the line of
 * what went wrong. */
static int close_all_and_post(const char *url) {
    enum { N_PAIRS = 100 };
    int pairs[N_PAIRS][2], top = 3;
    char byte;
    struct http_answer answer;
    struct http_client *client = client_of(url);
    if (post(client, NULL, &answer) != 0) {
        return __LINE__;
    }
    for (int fd = 3; fd < 200; fd++) {
        top = close(fd) == 0 ? fd : top;
    }
    for (int i = 0; i < N_PAIRS; i++) {
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pairs[i]) != 0) {
            return __LINE__;
        }
    }
    bool is_sent = pairs[N_PAIRS - 1][1] > top && post(client, NULL, &answer) == 0 &&
                   post(client, NULL, &answer) == 0;
    http_client_free(client);
    for (int i = 0; i < N_PAIRS; i++) { /* neither written to nor closed */
        if (recv(pairs[i][0], &byte, 1, 0) != -1 || recv(pairs[i][1], &byte, 1, 0) != -1 ||
            send(pairs[i][0], "x", 1, MSG_NOSIGNAL) != 1 || recv(pairs[i][1], &byte, 1, 0) != 1) {
            return __LINE__;
        }
    }
    return is_sent ? 0 : __LINE__;
}

/* In a child, which shares no descriptors with criterion and the peer. */
Test(curl, takes_no_descriptor_of_the_host_for_its_own) {
    const struct peer_step steps[] = {{.status = 200}};
    struct peer *peer = peer_start(steps, 1);
    pid_t child = settled_fork();
    if (child == 0) {
        _exit(close_all_and_post(peer_url(peer)) & 0xff);
    }
    int status;
    cr_assert(eq(int, waitpid(child, &status, 0), child));
    cr_expect(eq(int, status, 0), "line %d, modulo 256", WEXITSTATUS(status));
    cr_expect(eq(sz, peer_n_requests(peer), 3));
    peer_stop(peer);
}

/* ---- after a fork ---- */

Test(curl, a_child_that_forgets_leaves_the_parents_connection_alone) {
    const struct peer_step steps[] = {{.status = 200}};
    struct peer *peer = peer_start(steps, 1);
    struct http_client *client = client_of(peer_url(peer));
    struct http_answer answer;
    cr_assert(eq(int, post(client, NULL, &answer), 0));
    pid_t child = settled_fork();
    if (child == 0) {
        http_client_forget(client);
        bool is_fine = post(client, NULL, &answer) == 0;
        http_client_free(client);
        _exit(is_fine ? 0 : 1);
    }
    int status;
    cr_assert(eq(int, waitpid(child, &status, 0), child));
    cr_expect(eq(int, status, 0));
    cr_expect(eq(int, post(client, NULL, &answer), 0));
    cr_expect(eq(sz, peer_n_requests(peer), 3));
    cr_expect(eq(sz, peer_n_connections(peer), 2)); /* the child's, and the one kept */
    http_client_free(client);
    peer_stop(peer);
}

Test(curl, a_post_under_way_does_not_outlive_a_forget) {
    const struct peer_step steps[] = {{.act = PEER_SILENT}, {.status = 200}};
    struct peer *peer = peer_start(steps, 2);
    struct http_client *client = client_of(peer_url(peer));
    struct http_answer answer;
    http_client_begin(client, &(struct http_request){.body = (const uint8_t *)"x", .n_bytes = 1},
                      UINT64_MAX);
    while (peer_n_requests(peer) == 0) {
        cr_assert(eq(int, http_client_advance(client, &answer), HTTP_PENDING));
    }
    http_client_forget(client);
    struct pollfd readable = {.fd = http_client_fd(client), .events = POLLIN};
    cr_expect(eq(int, poll(&readable, 1, 30000), 1));
    cr_expect(eq(int, http_client_advance(client, &answer), WEIR_E_IO));
    cr_expect(eq(int, post(client, NULL, &answer), 0));
    http_client_free(client);
    peer_stop(peer);
}
