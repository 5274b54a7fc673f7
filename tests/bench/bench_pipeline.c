/* The way out: rates to an acknowledgement, what the application feels of it, memory, idleness. */
#include "tests/bench/bench.h"

#include <arpa/inet.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "otlp/proto/trace_service.pb-c.h"

enum { SPANS = 300000, LATENCY_SPANS = 200000, FLUSH_MS = 60000 };

static void record(weir_otlp *otlp, unsigned n_spans) {
    weir_otlp_tracer *tracer = weir_otlp_tracer_get(otlp, "bench", NULL, NULL);
    static const char *const keys[] = {"attr.0", "attr.1", "attr.2", "attr.3", "attr.4"};
    const weir_value value = weir_value_string("value-1234");
    for (unsigned i = 0; i < n_spans; i++) {
        weir_otlp_span *span = weir_otlp_span_begin(tracer, "operation", NULL);
        for (unsigned k = 0; k < 5; k++) {
            weir_otlp_span_set(span, keys[k], &value);
        }
        weir_otlp_span_end(span);
    }
}

/* ---- a receiver that only reads ---- */

struct receiver {
    int listen_fd;
    pthread_t thread;
    char url[64];
};

/* The length of the body that a request head announces. */
static size_t body_bytes(const char *head) {
    const char *length = strcasestr(head, "content-length:");
    return length != NULL ? strtoul(length + 15, NULL, 10) : 0;
}

static void serve(int fd) {
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\n"
                                 "Content-Length: 0\r\n\r\n";
    static char buffer[1 << 18];
    size_t n_bytes = 0;
    for (;;) {
        ssize_t n = read(fd, buffer + n_bytes, sizeof buffer - 1 - n_bytes);
        if (n <= 0) {
            return;
        }
        n_bytes += (size_t)n;
        buffer[n_bytes] = '\0';
        const char *end = strstr(buffer, "\r\n\r\n");
        if (end == NULL) {
            continue;
        }
        size_t left = body_bytes(buffer), had = n_bytes - (size_t)(end + 4 - buffer);
        for (left -= had < left ? had : left; left > 0; left -= (size_t)n) {
            n = read(fd, buffer, left < sizeof buffer ? left : sizeof buffer);
            if (n <= 0) {
                return;
            }
        }
        n_bytes = 0;
        if (write(fd, answer, sizeof answer - 1) < 0) {
            return;
        }
    }
}

static void *receive(void *data) {
    struct receiver *receiver = data;
    int fd = accept(receiver->listen_fd, NULL, NULL);
    if (fd >= 0) {
        serve(fd);
        (void)close(fd);
    }
    return NULL;
}

static void receiver_start(struct receiver *receiver) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    receiver->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(receiver->listen_fd, (struct sockaddr *)&address, size) != 0 ||
        listen(receiver->listen_fd, 1) != 0 ||
        getsockname(receiver->listen_fd, (struct sockaddr *)&address, &size) != 0 ||
        pthread_create(&receiver->thread, NULL, receive, receiver) != 0) {
        bench_die("no receiver could be started");
    }
    snprintf(receiver->url, sizeof receiver->url, "http://127.0.0.1:%u", ntohs(address.sin_port));
}

static double acknowledged_per_s(size_t unused) {
    (void)unused;
    struct receiver receiver;
    receiver_start(&receiver);
    weir_otlp *otlp = bench_otlp_open(&WEIR_OTLP_OPTIONS(.endpoint = receiver.url));
    uint64_t before = bench_now_ns();
    unsigned n_left = SPANS;
    while (n_left > 0) { /* no faster than the queue empties: nothing is to be dropped */
        weir_otlp_stats stats = {.size = sizeof stats};
        weir_otlp_get_stats(otlp, &stats);
        if (stats.queue_bytes > stats.queue_capacity_bytes / 2) {
            (void)sched_yield();
            continue;
        }
        unsigned n = n_left < 1000 ? n_left : 1000;
        record(otlp, n);
        n_left -= n;
    }
    (void)weir_otlp_flush(otlp, FLUSH_MS);
    double seconds = (double)(bench_now_ns() - before) / 1e9;
    weir_otlp_stats stats = {.size = sizeof stats};
    weir_otlp_get_stats(otlp, &stats);
    (void)weir_otlp_close(otlp, FLUSH_MS);
    (void)pthread_join(receiver.thread, NULL);
    (void)close(receiver.listen_fd);
    if (stats.acknowledged != SPANS) {
        bench_die("not every span was acknowledged");
    }
    return (double)SPANS / seconds / 1e3;
}

/* ---- what the application feels ---- */

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static double end_p999(size_t unused) {
    (void)unused;
    static uint64_t latencies[LATENCY_SPANS];
    weir_transport transport = bench_null_transport();
    weir_otlp *otlp =
        bench_otlp_open(&WEIR_OTLP_OPTIONS(.transport = &transport, .log_level = WEIR_LOG_NONE));
    weir_otlp_tracer *tracer = weir_otlp_tracer_get(otlp, "bench", NULL, NULL);
    for (unsigned i = 0; i < LATENCY_SPANS; i++) {
        weir_otlp_span *span = weir_otlp_span_begin(tracer, "operation", NULL);
        uint64_t before = bench_now_ns();
        weir_otlp_span_end(span);
        latencies[i] = bench_now_ns() - before;
    }
    (void)weir_otlp_close(otlp, FLUSH_MS);
    qsort(latencies, LATENCY_SPANS, sizeof latencies[0], by_value);
    return (double)latencies[LATENCY_SPANS / 1000 * 999] / 1e3;
}

/* ---- rest ---- */

static double heap_bytes(void) {
    return (double)mallinfo2().uordblks;
}

static double memory_at_rest(size_t unused) {
    (void)unused;
    double before = heap_bytes();
    weir *w = bench_open(WEIR_STREAMING_SINGLE_SPAN, NULL);
    double bytes = heap_bytes() - before;
    bench_close(w);
    return bytes / 1e3;
}

/* Until the queue drops: a transport that never answers in time. */
static int post_never(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline_ns,
                      weir_transport_response *response, weir_error_detail *detail) {
    (void)data, (void)body, (void)n_bytes, (void)deadline_ns, (void)response, (void)detail;
    return WEIR_E_IO;
}

static double memory_when_full(size_t unused) {
    (void)unused;
    weir_transport transport = WEIR_TRANSPORT_INIT;
    transport.post = post_never;
    double before = heap_bytes();
    weir_otlp *otlp =
        bench_otlp_open(&WEIR_OTLP_OPTIONS(.transport = &transport, .log_level = WEIR_LOG_NONE));
    record(otlp, 100000);
    double bytes = heap_bytes() - before;
    (void)weir_otlp_close(otlp, 0);
    return bytes / 1e6;
}

static double idle_wake_ups(size_t unused) {
    (void)unused;
    struct rusage before, after;
    weir *w = bench_open(WEIR_STREAMING_SINGLE_SPAN, NULL);
    const struct timespec second = {.tv_sec = 1};
    (void)nanosleep(&second, NULL); /* the thread comes to rest */
    (void)getrusage(RUSAGE_SELF, &before);
    (void)nanosleep(&second, NULL);
    (void)getrusage(RUSAGE_SELF, &after);
    bench_close(w);
    long own = 1; /* this sleep's */
    return (double)(after.ru_nvcsw - before.ru_nvcsw - own);
}

/* ---- that the encoder is not skipped ---- */

struct check {
    uint64_t n_spans;
};

static int post_check(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline_ns,
                      weir_transport_response *response, weir_error_detail *detail) {
    (void)deadline_ns, (void)detail;
    Otlp__ExportTraceServiceRequest *request =
        otlp__export_trace_service_request__unpack(NULL, n_bytes, body);
    if (request == NULL) {
        bench_die("what was sent does not decode");
    }
    for (size_t i = 0; i < request->n_resource_spans; i++) {
        for (size_t k = 0; k < request->resource_spans[i]->n_scope_spans; k++) {
            ((struct check *)data)->n_spans += request->resource_spans[i]->scope_spans[k]->n_spans;
        }
    }
    otlp__export_trace_service_request__free_unpacked(request, NULL);
    response->http_status = 200;
    return 0;
}

/* Spans of this run that the decoder read back; once a run. */
static double decoded_spans(size_t unused) {
    (void)unused;
    struct check check = {0};
    weir_transport transport = WEIR_TRANSPORT_INIT;
    transport.post = post_check;
    transport.data = &check;
    weir_otlp *otlp = bench_otlp_open(&WEIR_OTLP_OPTIONS(.transport = &transport));
    record(otlp, 2000);
    (void)weir_otlp_close(otlp, FLUSH_MS);
    return (double)check.n_spans;
}

static const struct bench_row rows[] = {
    {.name = "of 2,000 spans, read back by protobuf-c",
     .unit = "spans",
     .goal = 2000,
     .goal_is_least = true,
     .n_samples = 1,
     .sample = decoded_spans},
    {.name = "memory at rest", .unit = "kB", .goal = 256, .n_samples = 3, .sample = memory_at_rest},
    {.name = "memory when the default bound is full",
     .unit = "MB",
     .goal = 5,
     .n_samples = 3,
     .sample = memory_when_full},
    {.name = "wake-ups a second when idle",
     .unit = "/s",
     .has_goal = true,
     .n_samples = 1,
     .sample = idle_wake_ups},
    {.name = "end of a span, 99.9th percentile",
     .unit = "us",
     .goal = 5,
     .n_samples = 7,
     .sample = end_p999},
    {.name = "spans acknowledged, loopback, 5 texts",
     .unit = "k/s",
     .goal = 800,
     .goal_is_least = true,
     .n_samples = 7,
     .sample = acknowledged_per_s},
    {0},
};

const struct bench_section bench_pipeline = {"The way out", rows, NULL};
