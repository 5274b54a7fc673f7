#include "otlp/deps/microhttpd.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <microhttpd.h>

#include "otlp/common/alloc.h"
#include "otlp/common/clock.h"
#include "otlp/common/error.h"
#include "otlp/deps/listen_socket.h"

enum {
    HEAD_MAX_BYTES = 32 << 10, /* request line and headers of a connection */
    DRAIN_FACTOR = 4,          /* of max_body_bytes: so much is read of a body that is too large */
    STOP_WAIT_S = 1            /* for requests that are being answered */
};

struct http_server {
    struct http_server_options options;
    struct MHD_Daemon *daemon;
    char url[LISTEN_URL_BYTES];
    size_t held_bytes;     /* of all bodies; touched by the server's thread only */
    pthread_mutex_t mutex; /* guards n_exchanges */
    pthread_cond_t is_quiet;
    size_t n_exchanges; /* requests begun and not yet answered to the last byte */
};

/* One request while it is read. */
struct exchange {
    struct http_server *server;
    struct buf body;
    size_t held_bytes; /* of the body's memory, counted in the server's */
    uint64_t n_received;
    uint64_t deadline_ns;
    bool is_too_large, is_refused;
};

void http_response_add_header(struct http_response *response, const char *name, const char *value) {
    if (response->n_headers < HTTP_SERVER_MAX_HEADERS) {
        response->headers[response->n_headers++] = (struct http_header){name, value};
    }
}

/* ---- answers ---- */

static enum MHD_Result queue_response(struct MHD_Connection *connection,
                                      const struct http_response *response) {
    /* libmicrohttpd copies; it takes a non-const pointer all the same */
    struct MHD_Response *queued = MHD_create_response_from_buffer(
        response->body.n_bytes, response->body.data, MHD_RESPMEM_MUST_COPY);
    if (queued == NULL) {
        return MHD_NO;
    }
    if (response->content_type != NULL) {
        MHD_add_response_header(queued, MHD_HTTP_HEADER_CONTENT_TYPE, response->content_type);
    }
    for (size_t i = 0; i < response->n_headers; i++) {
        MHD_add_response_header(queued, response->headers[i].name, response->headers[i].value);
    }
    enum MHD_Result result = MHD_queue_response(connection, (unsigned)response->status, queued);
    MHD_destroy_response(queued);
    return result;
}

static const char *find_header(struct MHD_Connection *connection, const char *name) {
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static enum MHD_Result answer(struct MHD_Connection *connection, struct exchange *exchange,
                              const char *method, const char *path) {
    struct http_server *server = exchange->server;
    bool has_body = !exchange->is_too_large && !exchange->is_refused;
    struct http_request request = {
        .method = method,
        .path = path,
        .content_type = find_header(connection, MHD_HTTP_HEADER_CONTENT_TYPE),
        .content_encoding = find_header(connection, MHD_HTTP_HEADER_CONTENT_ENCODING),
        .body = has_body ? exchange->body.data : NULL,
        .n_bytes = has_body ? exchange->body.n_bytes : 0,
        .is_too_large = exchange->is_too_large,
        .is_refused = exchange->is_refused,
    };
    struct http_response response = {.status = MHD_HTTP_INTERNAL_SERVER_ERROR};
    buf_init(&response.body, server->options.max_response_bytes);
    server->options.handle(server->options.data, &request, &response);
    enum MHD_Result result = queue_response(connection, &response);
    buf_deinit(&response.body);
    return result;
}

/* ---- bodies ---- */

static void drop_body(struct exchange *exchange) {
    exchange->server->held_bytes -= exchange->held_bytes;
    exchange->held_bytes = 0;
    buf_deinit(&exchange->body);
    buf_init(&exchange->body, exchange->server->options.max_body_bytes);
}

static void keep(struct exchange *exchange, const char *bytes, size_t n_bytes) {
    struct http_server *server = exchange->server;
    buf_append(&exchange->body, bytes, n_bytes);
    server->held_bytes += exchange->body.capacity - exchange->held_bytes;
    exchange->held_bytes = exchange->body.capacity;
    if (buf_error(&exchange->body) == WEIR_E_TOO_LARGE) {
        exchange->is_too_large = true;
        drop_body(exchange);
    } else if (buf_error(&exchange->body) != 0 ||
               server->held_bytes > server->options.max_all_bodies_bytes) {
        exchange->is_refused = true;
        drop_body(exchange);
    }
}

/*
 * A body that is not kept is still read for a while: a client that writes its whole request before
 * it reads would see a reset connection instead of the answer.
 */
static enum MHD_Result take_body(struct exchange *exchange, const char *bytes, size_t n_bytes) {
    exchange->n_received += n_bytes;
    uint64_t drain_bytes = (uint64_t)exchange->server->options.max_body_bytes * DRAIN_FACTOR;
    if (exchange->n_received > drain_bytes || clock_now_ns() > exchange->deadline_ns) {
        return MHD_NO; /* closes the connection */
    }
    if (!exchange->is_too_large && !exchange->is_refused) {
        keep(exchange, bytes, n_bytes);
    }
    return MHD_YES;
}

/* True when the announced body need not even be sent: it is far too large, or the client waits to
 * be told. */
static bool is_refused_early(struct MHD_Connection *connection, size_t max_bytes) {
    const char *length = find_header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
    unsigned long long n_bytes = length != NULL ? strtoull(length, NULL, 10) : 0;
    bool is_waiting = find_header(connection, MHD_HTTP_HEADER_EXPECT) != NULL;
    return n_bytes / DRAIN_FACTOR > max_bytes || (is_waiting && n_bytes > max_bytes);
}

static void count_exchange(struct http_server *server, bool is_begin) {
    pthread_mutex_lock(&server->mutex);
    server->n_exchanges += is_begin ? 1 : (size_t)-1;
    if (server->n_exchanges == 0) {
        pthread_cond_signal(&server->is_quiet);
    }
    pthread_mutex_unlock(&server->mutex);
}

static enum MHD_Result begin(struct http_server *server, struct MHD_Connection *connection,
                             const char *method, const char *path, void **state) {
    struct exchange *exchange = mem_zalloc(sizeof(*exchange));
    if (exchange == NULL) {
        return MHD_NO;
    }
    exchange->server = server;
    exchange->deadline_ns = clock_now_ns() + server->options.request_deadline_s * NS_PER_S;
    buf_init(&exchange->body, server->options.max_body_bytes);
    *state = exchange;
    count_exchange(server, true);
    if (is_refused_early(connection, server->options.max_body_bytes)) {
        exchange->is_too_large = true;
        return answer(connection, exchange, method, path);
    }
    return MHD_YES;
}

/* libmicrohttpd calls this for the head, for each piece of the body, and once more at its end. */
static enum MHD_Result on_request(void *data, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *piece,
                                  size_t *n_piece, void **state) {
    (void)version;
    struct exchange *exchange = *state;
    if (exchange == NULL) {
        return begin(data, connection, method, path, state);
    }
    if (*n_piece > 0) {
        size_t n_bytes = *n_piece;
        *n_piece = 0;
        return take_body(exchange, piece, n_bytes);
    }
    return answer(connection, exchange, method, path);
}

static void on_completed(void *data, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code) {
    (void)data;
    (void)connection;
    (void)code;
    struct exchange *exchange = *state;
    if (exchange != NULL) {
        drop_body(exchange);
        count_exchange(exchange->server, false);
        mem_free(exchange);
        *state = NULL;
    }
}

/*
 * libmicrohttpd answers what it cannot read itself, and tells its log alone: "Error processing
 * request (HTTP response code is 505 ...". One built without a log tells nobody.
 */
__attribute__((format(printf, 2, 0))) static void on_log(void *data, const char *format,
                                                         va_list arguments) {
    static const char words[] = "HTTP response code is ";
    struct http_server *server = data;
    char text[256];
    vsnprintf(text, sizeof text, format, arguments);
    const char *code = strstr(text, words);
    if (code != NULL && server->options.unread != NULL) {
        server->options.unread(server->options.data,
                               (int)strtol(code + sizeof words - 1, NULL, 10));
    }
}

/* ---- the server ---- */

/*
 * The thread inherits the mask: signals are the business of the program's own threads. poll, since
 * with epoll libmicrohttpd 0.9.75 now and then misses that a client has closed its side, and keeps
 * the connection until it has been idle too long.
 */
static struct MHD_Daemon *start_daemon(struct http_server *server, int fd) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request,
        server, MHD_OPTION_EXTERNAL_LOGGER, on_log, server, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_CONNECTION_LIMIT,
        server->options.max_connections, MHD_OPTION_CONNECTION_TIMEOUT,
        server->options.idle_timeout_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEAD_MAX_BYTES,
        MHD_OPTION_END);
    int os_error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = os_error;
    return daemon;
}

static struct http_server *free_server(struct http_server *server) {
    pthread_cond_destroy(&server->is_quiet);
    pthread_mutex_destroy(&server->mutex);
    mem_free(server);
    return NULL;
}

int http_server_start(const struct http_server_options *options, struct http_server **out,
                      weir_error_detail *detail) {
    struct http_server *server = mem_zalloc(sizeof(*server));
    if (server == NULL) {
        return error_set(detail, WEIR_E_NO_MEMORY, "no memory for the HTTP server");
    }
    server->options = *options;
    pthread_mutex_init(&server->mutex, NULL);
    pthread_cond_init(&server->is_quiet, NULL);
    int fd = listen_socket_open(options->address, options->port, detail);
    if (fd < 0) {
        free_server(server);
        return WEIR_E_IO;
    }
    listen_socket_url(fd, server->url);
    server->daemon = start_daemon(server, fd);
    if (server->daemon == NULL) {
        error_set_os(detail, WEIR_E_IO, errno, "cannot start the HTTP server on %s", server->url);
        close(fd);
        free_server(server);
        return WEIR_E_IO;
    }
    *out = server;
    return 0;
}

const char *http_server_url(const struct http_server *server) {
    return server->url;
}

/* Answers on their way are worth a moment: a client that misses one sends its request again. */
static void wait_until_quiet(struct http_server *server) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += STOP_WAIT_S;
    pthread_mutex_lock(&server->mutex);
    int result = 0;
    while (server->n_exchanges > 0 && result == 0) {
        result = pthread_cond_timedwait(&server->is_quiet, &server->mutex, &until);
    }
    pthread_mutex_unlock(&server->mutex);
}

struct http_server *http_server_stop(struct http_server *server) {
    if (server == NULL) {
        return NULL;
    }
    int fd = MHD_quiesce_daemon(server->daemon);
    if (fd >= 0) {
        close(fd);
    }
    wait_until_quiet(server);
    MHD_stop_daemon(server->daemon);
    return free_server(server);
}
