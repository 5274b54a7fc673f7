/*
 * receiver: takes OTLP/HTTP requests on a free port of 127.0.0.1, reads them, and answers 200.
 *
 * Prints `port N`. At each line on its standard input it prints `requests bytes spans` of what came
 * since the line before; it ends with its input. One receiver for every peer: it does as little as
 * one can that still knows what it was sent. Spans of plain bodies are counted by skipping over
 * them, of gzipped ones when they are asked for, not while somebody's time runs.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <zlib.h>

enum { MAX_BODY_BYTES = 64 << 20, MAX_KEPT_BODIES = 100000, FIRST_BYTES = 1 << 18 };

struct body {
    uint8_t *data;
    size_t n_bytes;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards all of the totals */
static struct {
    uint64_t n_requests, n_bytes, n_spans;
    struct body kept[MAX_KEPT_BODIES]; /* gzipped, not counted yet */
    size_t n_kept;
} totals;

static _Noreturn void die(const char *what) {
    fprintf(stderr, "receiver: %s\n", what);
    exit(EXIT_FAILURE);
}

/* ---- counting ---- */

static uint64_t read_varint(const uint8_t **at, const uint8_t *end) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (*at == end) {
            die("a body that is cut off");
        }
        uint8_t byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return value;
        }
    }
    die("a number that does not end");
}

/* How many messages lie at the end of this path of field numbers (which a 0 ends). */
static uint64_t count(const uint8_t *at, const uint8_t *end, const unsigned *path) {
    if (*path == 0) {
        return 1;
    }
    uint64_t n = 0;
    while (at < end) {
        uint64_t tag = read_varint(&at, end);
        uint64_t n_bytes = (tag & 7) == 1 ? 8 : (tag & 7) == 5 ? 4 : read_varint(&at, end);
        if ((tag & 7) == 0) {
            continue; /* that was its value */
        }
        if (n_bytes > (uint64_t)(end - at)) {
            die("a field that is cut off");
        }
        if (tag == (*path << 3 | 2)) {
            n += count(at, at + n_bytes, path + 1);
        }
        at += n_bytes;
    }
    return n;
}

/* resource_spans, scope_spans, spans of an ExportTraceServiceRequest */
static uint64_t count_spans(const uint8_t *data, size_t n_bytes) {
    return count(data, data + n_bytes, (const unsigned[]){1, 2, 2, 0});
}

static uint64_t count_gzipped(const struct body *body, uint8_t *room) {
    z_stream stream = {.next_in = body->data, .avail_in = (uInt)body->n_bytes};
    stream.next_out = room;
    stream.avail_out = MAX_BODY_BYTES;
    if (inflateInit2(&stream, MAX_WBITS + 16) != Z_OK ||
        inflate(&stream, Z_FINISH) != Z_STREAM_END) {
        die("a body that is no gzip");
    }
    uint64_t n_spans = count_spans(room, stream.total_out);
    (void)inflateEnd(&stream);
    return n_spans;
}

static void add(const uint8_t *data, size_t n_bytes, bool is_gzip) {
    uint64_t n_spans = is_gzip ? 0 : count_spans(data, n_bytes);
    uint8_t *copy = is_gzip ? malloc(n_bytes) : NULL;
    if (copy != NULL) {
        memcpy(copy, data, n_bytes);
    }
    (void)pthread_mutex_lock(&mutex);
    totals.n_requests++;
    totals.n_bytes += n_bytes;
    totals.n_spans += n_spans;
    if (is_gzip) {
        if (copy == NULL || totals.n_kept == MAX_KEPT_BODIES) {
            die("too many gzipped bodies");
        }
        totals.kept[totals.n_kept++] = (struct body){copy, n_bytes};
    }
    (void)pthread_mutex_unlock(&mutex);
}

static void tell(uint8_t *room) {
    (void)pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < totals.n_kept; i++) {
        totals.n_spans += count_gzipped(&totals.kept[i], room);
        free(totals.kept[i].data);
    }
    printf("%llu %llu %llu\n", (unsigned long long)totals.n_requests,
           (unsigned long long)totals.n_bytes, (unsigned long long)totals.n_spans);
    (void)fflush(stdout);
    totals.n_requests = totals.n_bytes = totals.n_spans = totals.n_kept = 0;
    (void)pthread_mutex_unlock(&mutex);
}

/* ---- HTTP/1.1, as far as the exporters speak it ---- */

struct connection {
    int fd;
    char *data; /* what was read; a NUL stands behind it */
    size_t n_bytes, capacity;
};

/* Reads until the first n_wanted bytes are there. False: the peer is gone. */
static bool have(struct connection *c, size_t n_wanted) {
    while (c->n_bytes < n_wanted) {
        if (c->capacity - c->n_bytes < FIRST_BYTES / 2 || c->capacity <= n_wanted) {
            c->capacity = (c->capacity > n_wanted ? c->capacity : n_wanted) * 2;
            c->data =
                c->capacity <= 4 * (size_t)MAX_BODY_BYTES ? realloc(c->data, c->capacity) : NULL;
            if (c->data == NULL) {
                die("a body that is too large");
            }
        }
        ssize_t n = read(c->fd, c->data + c->n_bytes, c->capacity - c->n_bytes - 1);
        if (n <= 0) {
            return false;
        }
        c->n_bytes += (size_t)n;
        c->data[c->n_bytes] = '\0';
    }
    return true;
}

/* The offset behind the next `mark` at or after `from`; 0: the peer is gone. */
static size_t behind(struct connection *c, size_t from, const char *mark) {
    while (have(c, from + 1)) {
        const char *found = strstr(c->data + from, mark);
        if (found != NULL) {
            return (size_t)(found - c->data) + strlen(mark);
        }
        if (!have(c, c->n_bytes + 1)) {
            break;
        }
    }
    return 0;
}

/* Moves the chunks that begin at `from` together. The offset behind the last; 0: the peer is gone.
 */
static size_t join_chunks(struct connection *c, size_t from, size_t *n_body_bytes) {
    size_t at = from;
    *n_body_bytes = 0;
    for (;;) {
        size_t data = behind(c, at, "\r\n");
        size_t n_bytes = data != 0 ? strtoul(c->data + at, NULL, 16) : 0;
        if (data == 0 || n_bytes > MAX_BODY_BYTES || !have(c, data + n_bytes + 2)) {
            return 0;
        }
        memmove(c->data + from + *n_body_bytes, c->data + data, n_bytes);
        *n_body_bytes += n_bytes;
        at = data + n_bytes + 2;
        if (n_bytes == 0) {
            return at;
        }
    }
}

static bool answer_one(struct connection *c) {
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\n"
                                 "Content-Length: 0\r\n\r\n";
    size_t body = behind(c, 0, "\r\n\r\n");
    if (body == 0) {
        return false;
    }
    c->data[body - 1] = '\0';
    const char *length = strcasestr(c->data, "\r\ncontent-length:");
    bool is_gzip = strcasestr(c->data, "\r\ncontent-encoding: gzip") != NULL;
    size_t n_bytes = length != NULL ? strtoul(length + 17, NULL, 10) : 0;
    size_t end = body + n_bytes;
    if (length == NULL) {
        end = join_chunks(c, body, &n_bytes);
    }
    if (end == 0 || n_bytes > MAX_BODY_BYTES || !have(c, end)) {
        return false;
    }
    add((const uint8_t *)c->data + body, n_bytes, is_gzip);
    memmove(c->data, c->data + end, c->n_bytes - end);
    c->n_bytes -= end;
    return write(c->fd, answer, sizeof answer - 1) == (ssize_t)sizeof answer - 1;
}

static void *serve(void *data) {
    struct connection c = {
        .fd = (int)(intptr_t)data, .data = malloc(FIRST_BYTES), .capacity = FIRST_BYTES};
    while (c.data != NULL && answer_one(&c)) {
    }
    (void)close(c.fd);
    free(c.data);
    return NULL;
}

static void *accept_all(void *data) {
    for (;;) {
        int fd = accept((int)(intptr_t)data, NULL, NULL);
        pthread_t thread;
        if (fd < 0 || pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd) != 0) {
            die("no connection could be taken");
        }
        (void)pthread_detach(thread);
    }
}

int main(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    uint8_t *room = malloc(MAX_BODY_BYTES);
    pthread_t thread;
    if (fd < 0 || room == NULL || bind(fd, (struct sockaddr *)&address, size) != 0 ||
        listen(fd, 16) != 0 || getsockname(fd, (struct sockaddr *)&address, &size) != 0 ||
        pthread_create(&thread, NULL, accept_all, (void *)(intptr_t)fd) != 0) {
        die("no port could be opened");
    }
    printf("port %u\n", ntohs(address.sin_port));
    (void)fflush(stdout);
    for (char line[64]; fgets(line, sizeof line, stdin) != NULL;) {
        tell(room);
    }
    return EXIT_SUCCESS; /* with the process go its connections */
}
