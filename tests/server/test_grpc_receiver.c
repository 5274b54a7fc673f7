#include "bridge/server/grpc_receiver.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/server/bounds.h"
#include "otlp/common/clock.h"
#include "tests/support/expect.h"
#include "tests/support/fault.h"
#include "tests/support/h2_client.h"

static const uint8_t one_span[] = {0,    0,    0,    0,    9,    0x0a, 0x07,
                                   0x12, 0x05, 0x12, 0x03, 0x2a, 0x01, 'n'};
static const struct h2_client_call good_call = {.body = one_span, .n_bytes = sizeof one_span};

static int take(void *data, const uint8_t *request, size_t n_bytes,
                const struct decode_counts *counts, weir_error_detail *detail) {
    (void)request;
    (void)n_bytes;
    (void)detail;
    atomic_fetch_add((_Atomic uint64_t *)data, counts->n_spans);
    return 0;
}

static struct grpc_receiver *started(_Atomic uint64_t *n_spans) {
    struct grpc_receiver *receiver = NULL;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    struct receiver_options options = {.address = "127.0.0.1", .take = take, .data = n_spans};
    cr_assert(zero(int, grpc_receiver_start(&options, &receiver, &detail)), "%s", detail.message);
    return receiver;
}

static int connected(const struct grpc_receiver *receiver) {
    int port = 0;
    cr_assert(eq(int, sscanf(grpc_receiver_url(receiver), "http://127.0.0.1:%d", &port), 1));
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert(zero(int, connect(fd, (struct sockaddr *)&address, sizeof address)));
    return fd;
}

Test(grpc_receiver, takes_calls_one_after_the_other, .timeout = 60) {
    _Atomic uint64_t n_spans = 0;
    struct receiver_counts counts;
    struct grpc_receiver *receiver = started(&n_spans);
    struct h2_client *client = h2_client_new();
    int fd = connected(receiver);
    for (int i = 0; i < 20; i++) {
        int32_t stream = h2_client_begin(client, &good_call);
        cr_assert(h2_client_run(client, fd, stream));
        expect_text(h2_client_answer(client, stream)->grpc_status, "0");
    }
    struct h2_client_call wrong = good_call;
    wrong.path = "/wrong";
    int32_t stream = h2_client_begin(client, &wrong);
    cr_assert(h2_client_run(client, fd, stream));
    expect_text(h2_client_answer(client, stream)->grpc_status, "12");
    close(fd);
    h2_client_free(client);
    cr_assert(eq(ptr, grpc_receiver_stop(receiver, &counts), NULL));
    cr_assert(eq(u64, counts.n_accepted, 20));
    cr_assert(eq(u64, counts.n_refused, 1));
    cr_assert(eq(u64, counts.n_spans, 20));
    cr_assert(eq(u64, n_spans, 20));
}

/* An answer goes out in pieces (head, trailers): none waits for the acknowledgement of another,
 * which takes 40 ms. The fastest of many, for a machine that does other things as well. */
Test(grpc_receiver, answers_without_delay_on_a_kept_connection, .timeout = 60) {
    enum { N = 50, DELAY_MS = 38 };
    _Atomic uint64_t n_spans = 0;
    struct grpc_receiver *receiver = started(&n_spans);
    struct h2_client *client = h2_client_new();
    int fd = connected(receiver), on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    uint64_t fastest = UINT64_MAX;
    for (int i = 0; i < N; i++) {
        uint64_t began = clock_now_ns();
        int32_t stream = h2_client_begin(client, &good_call);
        cr_assert(h2_client_run(client, fd, stream));
        uint64_t took = clock_now_ns() - began;
        fastest = i >= N / 2 && took < fastest ? took : fastest; /* early ones are not held up */
    }
    cr_expect(lt(u64, fastest, NS_PER_MS * DELAY_MS));
    close(fd);
    h2_client_free(client);
    grpc_receiver_stop(receiver, NULL);
}

Test(grpc_receiver, takes_calls_that_overlap_on_a_connection, .timeout = 60) {
    _Atomic uint64_t n_spans = 0;
    struct grpc_receiver *receiver = started(&n_spans);
    struct h2_client *client = h2_client_new();
    int fd = connected(receiver);
    int32_t streams[200];
    for (int i = 0; i < 200; i++) { /* more than may be open at once: the client waits */
        streams[i] = h2_client_begin(client, &good_call);
    }
    for (int i = 0; i < 200; i++) {
        cr_assert(h2_client_run(client, fd, streams[i]));
        expect_text(h2_client_answer(client, streams[i])->grpc_status, "0");
    }
    close(fd);
    h2_client_free(client);
    grpc_receiver_stop(receiver, NULL);
    cr_assert(eq(u64, n_spans, 200));
}

/* A connection that says nothing, and one that stays half way, stand beside. */
Test(grpc_receiver, many_connections_at_once, .timeout = 60) {
    enum { N = 50 };
    _Atomic uint64_t n_spans = 0;
    struct grpc_receiver *receiver = started(&n_spans);
    struct h2_client *clients[N];
    int32_t streams[N];
    int fds[N];
    int silent = connected(receiver), half = connected(receiver);
    cr_assert(eq(sz, (size_t)send(half, "PRI * HT", 8, 0), 8));
    for (int i = 0; i < N; i++) {
        clients[i] = h2_client_new();
        streams[i] = h2_client_begin(clients[i], &good_call);
        fds[i] = connected(receiver);
    }
    for (int i = N - 1; i >= 0; i--) {
        cr_assert(h2_client_run(clients[i], fds[i], streams[i]));
        expect_text(h2_client_answer(clients[i], streams[i])->grpc_status, "0");
    }
    for (int i = 0; i < N; i++) {
        close(fds[i]);
        h2_client_free(clients[i]);
    }
    grpc_receiver_stop(receiver, NULL);
    close(silent);
    close(half);
    cr_assert(eq(u64, n_spans, N));
}

Test(grpc_receiver, a_client_of_http_1_1_is_told_and_let_go, .timeout = 60) {
    _Atomic uint64_t n_spans = 0;
    struct grpc_receiver *receiver = started(&n_spans);
    int fd = connected(receiver);
    char answer[512] = "";
    size_t n = 0;
    const char *request =
        "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nabcd";
    cr_assert(eq(sz, (size_t)send(fd, request, strlen(request), 0), strlen(request)));
    for (ssize_t got; (got = recv(fd, answer + n, sizeof answer - 1 - n, 0)) != 0;
         n += (size_t)got) {
        cr_assert(gt(i64, got, 0)); /* its end is clean: no reset */
    }
    cr_assert(zero(int, strncmp(answer, "HTTP/1.1 505 ", 13)));
    const char *body = strstr(answer, "\r\n\r\n");
    unsigned n_body = 0;
    cr_assert(eq(int, sscanf(strstr(answer, "Content-Length"), "Content-Length: %u", &n_body), 1));
    cr_assert(eq(sz, strlen(body + 4), n_body));
    close(fd);
    struct receiver_counts counts;
    grpc_receiver_stop(receiver, &counts);
    cr_assert(eq(u64, counts.n_refused, 1));
}

/* (C10) */
Test(grpc_receiver, says_goodbye_at_the_end, .timeout = 60) {
    _Atomic uint64_t n_spans = 0;
    uint32_t code;
    int32_t last;
    uint8_t room[4096];
    struct grpc_receiver *receiver = started(&n_spans);
    struct h2_client *client = h2_client_new();
    int fd = connected(receiver);
    int32_t stream = h2_client_begin(client, &good_call);
    cr_assert(h2_client_run(client, fd, stream));
    grpc_receiver_stop(receiver, NULL);
    for (ssize_t n; (n = recv(fd, room, sizeof room, 0)) > 0;) {
        cr_assert(h2_client_receive(client, room, (size_t)n));
    }
    cr_assert(h2_client_was_sent_away(client, &code, &last));
    cr_assert(zero(u32, code));
    cr_assert(eq(i32, last, stream));
    close(fd);
    h2_client_free(client);
}

Test(grpc_receiver, two_cannot_have_one_port) {
    _Atomic uint64_t n_spans = 0;
    struct grpc_receiver *first = started(&n_spans), *second = NULL;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    const char *port = strrchr(grpc_receiver_url(first), ':') + 1;
    struct receiver_options options = {.address = "127.0.0.1",
                                       .port = (uint16_t)strtoul(port, NULL, 10),
                                       .take = take,
                                       .data = &n_spans};
    cr_assert(eq(int, grpc_receiver_start(&options, &second, &detail), WEIR_E_IO));
    cr_assert(strstr(detail.message, "Address already in use; ") != NULL);
    cr_assert(eq(ptr, second, NULL));
    grpc_receiver_stop(first, NULL);
}

Test(grpc_receiver, says_when_memory_is_short) {
    _Atomic uint64_t n_spans = 0;
    struct receiver_options options = {.address = "127.0.0.1", .take = take, .data = &n_spans};
    struct grpc_receiver *receiver = NULL;
    fault_arm(1, false);
    int error = grpc_receiver_start(&options, &receiver, NULL);
    bool has_failed = fault_has_struck();
    fault_disarm();
    cr_assert(eq(int, error, has_failed ? WEIR_E_NO_MEMORY : 0));
    cr_assert(eq(ptr, grpc_receiver_stop(receiver, NULL), NULL));
}
