#include "tests/bench/receiver.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/bench.h"

enum { MAX_REQUEST = 1 << 20, MAX_ANSWER = 4096, MAX_PATH = 1024, START_MS = 20000 };

/* ---- messages of HTTP ---- */

/* The bytes of the whole message, once its head is there; else 0. */
static size_t message_bytes(const char *bytes) {
    const char *end = strstr(bytes, "\r\n\r\n");
    if (end == NULL) {
        return 0;
    }
    const char *length = strcasestr(bytes, "\ncontent-length:");
    bool is_in_head = length != NULL && length < end;
    return (size_t)(end + 4 - bytes) + (is_in_head ? strtoul(length + 16, NULL, 10) : 0);
}

/* Reads one message; 0 at the end of the connection. */
static size_t read_message(int fd, char *buffer, size_t n_buffer) {
    size_t n_bytes = 0, n_whole = 0;
    while (n_whole == 0 || n_bytes < n_whole) {
        ssize_t n = read(fd, buffer + n_bytes, n_buffer - 1 - n_bytes);
        if (n <= 0) {
            return 0;
        }
        n_bytes += (size_t)n;
        if (n_whole == 0) {
            buffer[n_bytes] = '\0';
            n_whole = message_bytes(buffer);
        }
    }
    return n_bytes;
}

static bool write_whole(int fd, const char *bytes, size_t n_bytes) {
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

/* ---- a thread that only reads ---- */

static void *serve(void *data) {
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\n"
                                 "Content-Length: 0\r\n\r\n";
    struct receiver *receiver = data;
    int fd = accept(receiver->listen_fd, NULL, NULL);
    for (size_t n; (n = read_message(fd, receiver->request, MAX_REQUEST)) > 0;) {
        receiver->n_request = n;
        if (!write_whole(fd, answer, sizeof answer - 1)) {
            break;
        }
    }
    (void)close(fd);
    return NULL;
}

static struct sockaddr_in loopback(uint16_t port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

/* A port that is free; *fd listens on it. */
static uint16_t listen_anywhere(int *fd) {
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    *fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(*fd, (struct sockaddr *)&address, size) != 0 || listen(*fd, 1) != 0 ||
        getsockname(*fd, (struct sockaddr *)&address, &size) != 0) {
        bench_die("no port is free");
    }
    return ntohs(address.sin_port);
}

static void start_reading(struct receiver *receiver) {
    receiver->port = listen_anywhere(&receiver->listen_fd);
    receiver->request = malloc(MAX_REQUEST);
    if (receiver->request == NULL ||
        pthread_create(&receiver->thread, NULL, serve, receiver) != 0) {
        bench_die("no receiver could be started");
    }
}

/* ---- programs ---- */

static void start_program(struct receiver *receiver, const char *const *words) {
    int ends[2];
    if (pipe(ends) != 0 || (receiver->child = fork()) < 0) {
        bench_die("no program could be started");
    }
    if (receiver->child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)dup2(ends[1], STDOUT_FILENO);
        (void)!freopen("/dev/null", "w", stderr);
        (void)close(ends[0]);
        (void)execv(words[0], (char *const *)(uintptr_t)words);
        _exit(127);
    }
    (void)close(ends[1]);
    receiver->output = fdopen(ends[0], "r");
}

/* Beside this program, in the build folder. */
static void path_of_weir(char path[MAX_PATH]) {
    ssize_t n = readlink("/proc/self/exe", path, MAX_PATH / 2);
    path[n > 0 ? n : 0] = '\0';
    char *name = strrchr(path, '/');
    if (name != NULL) {
        snprintf(name, MAX_PATH / 2, "/../../bridge/cli/weir");
    }
}

static void start_collect(struct receiver *receiver, unsigned n_spans) {
    char path[MAX_PATH], number[16], line[256];
    path_of_weir(path);
    snprintf(number, sizeof number, "%u", n_spans);
    const char *const words[] = {path,        "collect",      "--listen", "127.0.0.1:0", "--output",
                                 "/dev/null", "--exit-after", number,     NULL};
    start_program(receiver, words);
    const char *port = NULL;
    if (fgets(line, sizeof line, receiver->output) != NULL) {
        port = strstr(line, "127.0.0.1:");
    }
    if (port == NULL) {
        bench_die("weir collect does not say where it listens");
    }
    receiver->port = (uint16_t)strtoul(port + strlen("127.0.0.1:"), NULL, 10);
}

static int connect_to(uint16_t port) {
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static void wait_for_port(uint16_t port) {
    const struct timespec moment = {.tv_nsec = 20000000};
    uint64_t end_ns = bench_now_ns() + START_MS * UINT64_C(1000000);
    int fd;
    while ((fd = connect_to(port)) < 0) {
        if (bench_now_ns() > end_ns) {
            bench_die("the Collector does not listen");
        }
        (void)nanosleep(&moment, NULL);
    }
    (void)close(fd);
}

static void start_collector(struct receiver *receiver) {
    char path[64];
    int fd;
    receiver->port = listen_anywhere(&fd);
    (void)close(fd);
    snprintf(receiver->folder, sizeof receiver->folder, "/tmp/weir-bench-XXXXXX");
    if (mkdtemp(receiver->folder) == NULL) {
        bench_die("no folder for the Collector");
    }
    snprintf(path, sizeof path, "%s/collector.yaml", receiver->folder);
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        bench_die("no configuration for the Collector");
    }
    fprintf(file,
            "receivers: {otlp: {protocols: {http: {endpoint: '127.0.0.1:%u'}}}}\n"
            "exporters: {debug: {verbosity: basic}}\n"
            "service:\n"
            "  telemetry: {metrics: {level: none}, logs: {level: error}}\n"
            "  pipelines: {traces: {receivers: [otlp], exporters: [debug]}}\n",
            receiver->port);
    (void)fclose(file);
    const char *const words[] = {getenv("WEIR_TEST_COLLECTOR"), "--config", path, NULL};
    start_program(receiver, words);
    wait_for_port(receiver->port);
}

const char *receiver_absence(enum receiver_kind kind) {
    char path[MAX_PATH];
    const char *collector = getenv("WEIR_TEST_COLLECTOR");
    path_of_weir(path);
    if (kind == RECEIVER_COLLECT && access(path, X_OK) != 0) {
        return "the program weir was not built";
    }
    if (kind == RECEIVER_COLLECTOR && (collector == NULL || access(collector, X_OK) != 0)) {
        return "WEIR_TEST_COLLECTOR does not name a Collector";
    }
    return NULL;
}

/* ---- all of them ---- */

void receiver_start(struct receiver *receiver, enum receiver_kind kind, unsigned n_spans) {
    *receiver = (struct receiver){.kind = kind};
    switch (kind) {
    case RECEIVER_READS: start_reading(receiver); break;
    case RECEIVER_COLLECT: start_collect(receiver, n_spans); break;
    case RECEIVER_COLLECTOR: start_collector(receiver); break;
    }
    snprintf(receiver->url, sizeof receiver->url, "http://127.0.0.1:%u", receiver->port);
}

/* `weir collect` ends well when it has counted as many spans as it was told to. */
static void end_program(struct receiver *receiver) {
    int status;
    if (receiver->kind == RECEIVER_COLLECTOR) {
        char path[64];
        (void)kill(receiver->child, SIGTERM);
        snprintf(path, sizeof path, "%s/collector.yaml", receiver->folder);
        (void)unlink(path);
        (void)rmdir(receiver->folder);
    }
    if (waitpid(receiver->child, &status, 0) < 0 || !WIFEXITED(status) ||
        WEXITSTATUS(status) != 0) {
        bench_die("a receiver did not end well: it has not got all spans");
    }
    (void)fclose(receiver->output);
}

char *receiver_end_with_request(struct receiver *receiver, size_t *n_bytes) {
    (void)pthread_join(receiver->thread, NULL);
    (void)close(receiver->listen_fd);
    *n_bytes = receiver->n_request;
    return receiver->request;
}

void receiver_end(struct receiver *receiver) {
    size_t n_bytes;
    if (receiver->kind == RECEIVER_READS) {
        free(receiver_end_with_request(receiver, &n_bytes));
    } else {
        end_program(receiver);
    }
}

double receiver_replay(const struct receiver *receiver, const char *request, size_t n_bytes,
                       unsigned n) {
    char answer[MAX_ANSWER];
    int fd = connect_to(receiver->port);
    uint64_t before = bench_now_ns();
    for (unsigned i = 0; i < n; i++) {
        if (!write_whole(fd, request, n_bytes) || read_message(fd, answer, sizeof answer) == 0 ||
            strstr(answer, " 200 ") == NULL) {
            bench_die("a replayed request was not taken");
        }
    }
    double seconds = (double)(bench_now_ns() - before) / 1e9;
    (void)close(fd);
    return seconds;
}
