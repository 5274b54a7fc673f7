#include "otlp/deps/nghttp2.h"

#include <stdio.h>
#include <string.h>

#include <nghttp2/nghttp2.h>

#include <weir/error.h>

#include "otlp/common/alloc.h"
#include "otlp/common/clock.h"
#include "otlp/common/macro.h"

enum {
    STREAM_WINDOW_BYTES = 1 << 20, /* sent ahead of what was read: a request fits */
    CONNECTION_WINDOW_BYTES = 4 << 20,
    MAX_RESETS = 200, /* requests begun and taken back, more than were let run to their end */
};

/* The headers that are kept, and where. */
enum field { FIELD_METHOD, FIELD_PATH, FIELD_CONTENT_TYPE, FIELD_GRPC_ENCODING, N_FIELDS };
static const char *const field_names[N_FIELDS] = {":method", ":path", "content-type",
                                                  "grpc-encoding"};

struct h2_connection {
    struct h2_service *service;
    nghttp2_session *session;
    struct stream *first; /* of all streams */
    size_t n_streams;
    size_t n_resets;
    uint64_t now_ns;        /* of the call under way */
    uint64_t idle_since_ns; /* while there are no streams */
    bool is_shut_down;
};

/* One request and its answer. */
struct stream {
    struct h2_connection *connection;
    struct stream *next, **link;
    int32_t id;
    uint64_t deadline_ns;
    size_t n_head_bytes;
    char *fields[N_FIELDS]; /* owned; NULL: absent */
    struct buf body;
    size_t held_bytes; /* of the body's memory, counted in the service's */
    bool is_too_large, is_refused, is_late;
    bool is_whole;    /* the request's last byte came */
    bool is_answered; /* the rest is of the answer */
    struct buf answer;
    size_t n_sent; /* of the answer's body */
    struct h2_header trailers[H2_MAX_HEADERS];
    char *trailer_values[H2_MAX_HEADERS]; /* owned */
    size_t n_trailers;
};

/* ---- streams ---- */

static void drop_body(struct stream *stream) {
    struct h2_service *service = stream->connection->service;
    service->held_bytes -= stream->held_bytes;
    stream->held_bytes = 0;
    buf_deinit(&stream->body);
    buf_init(&stream->body, service->options.max_body_bytes);
}

static struct stream *add_stream(struct h2_connection *connection, int32_t id) {
    struct stream *stream = mem_zalloc(sizeof(*stream));
    if (stream == NULL) {
        return NULL;
    }
    const struct h2_options *options = &connection->service->options;
    stream->connection = connection;
    stream->id = id;
    stream->deadline_ns = connection->now_ns + options->request_deadline_s * NS_PER_S;
    buf_init(&stream->body, options->max_body_bytes);
    buf_init(&stream->answer, options->max_response_bytes);
    stream->next = connection->first;
    stream->link = &connection->first;
    if (stream->next != NULL) {
        stream->next->link = &stream->next;
    }
    connection->first = stream;
    connection->n_streams++;
    return stream;
}

static void free_stream(struct stream *stream) {
    struct h2_connection *connection = stream->connection;
    drop_body(stream);
    buf_deinit(&stream->answer);
    for (size_t i = 0; i < N_FIELDS; i++) {
        mem_free(stream->fields[i]);
    }
    for (size_t i = 0; i < stream->n_trailers; i++) {
        mem_free(stream->trailer_values[i]);
    }
    *stream->link = stream->next;
    if (stream->next != NULL) {
        stream->next->link = stream->link;
    }
    mem_free(stream);
    connection->n_streams--;
    connection->idle_since_ns = connection->now_ns;
}

static struct stream *find_stream(struct h2_connection *connection, int32_t id) {
    return nghttp2_session_get_stream_user_data(connection->session, id);
}

static void reset(struct stream *stream, uint32_t code) {
    (void)nghttp2_submit_rst_stream(stream->connection->session, NGHTTP2_FLAG_NONE, stream->id,
                                    code);
}

/* ---- answers ---- */

static nghttp2_nv pair_of(const char *name, const char *value) {
    /* nghttp2 copies; its pointers are not const all the same */
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
                        strlen(value), NGHTTP2_NV_FLAG_NONE};
}

static int submit_trailers(struct stream *stream) {
    nghttp2_nv pairs[H2_MAX_HEADERS];
    for (size_t i = 0; i < stream->n_trailers; i++) {
        pairs[i] = pair_of(stream->trailers[i].name, stream->trailer_values[i]);
    }
    return nghttp2_submit_trailer(stream->connection->session, stream->id, pairs,
                                  stream->n_trailers);
}

/* nghttp2 asks for the next piece of an answer's body. */
static ssize_t read_answer(nghttp2_session *session, int32_t id, uint8_t *room, size_t n_room,
                           uint32_t *flags, nghttp2_data_source *source, void *data) {
    (void)session;
    (void)id;
    (void)data;
    struct stream *stream = source->ptr;
    size_t n_bytes = MIN(n_room, stream->answer.n_bytes - stream->n_sent);
    if (n_bytes > 0) {
        memcpy(room, stream->answer.data + stream->n_sent, n_bytes);
        stream->n_sent += n_bytes;
    }
    if (stream->n_sent == stream->answer.n_bytes) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (stream->n_trailers > 0) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            if (submit_trailers(stream) != 0) {
                return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
            }
        }
    }
    return (ssize_t)n_bytes;
}

/* Trailers are sent later than their values are borrowed for. */
static bool keep_trailers(struct stream *stream, const struct h2_response *response) {
    for (size_t i = 0; i < response->n_trailers; i++) {
        char *value = mem_strdup(response->trailers[i].value);
        if (value == NULL) {
            return false;
        }
        stream->trailers[i] = response->trailers[i];
        stream->trailer_values[i] = value;
        stream->n_trailers++;
    }
    return true;
}

static int submit(struct stream *stream, const struct h2_response *response) {
    nghttp2_nv pairs[1 + H2_MAX_HEADERS];
    char status[12];
    snprintf(status, sizeof(status), "%d", response->status);
    pairs[0] = pair_of(":status", status);
    for (size_t i = 0; i < response->n_headers; i++) {
        pairs[1 + i] = pair_of(response->headers[i].name, response->headers[i].value);
    }
    bool is_head_only = response->body.n_bytes == 0 && response->n_trailers == 0;
    nghttp2_data_provider provider = {.source.ptr = stream, .read_callback = read_answer};
    return nghttp2_submit_response(stream->connection->session, stream->id, pairs,
                                   1 + response->n_headers, is_head_only ? NULL : &provider);
}

/* Asks for the answer and begins to send it. */
static void answer(struct stream *stream) {
    const struct h2_options *options = &stream->connection->service->options;
    bool has_body = !stream->is_too_large && !stream->is_refused && !stream->is_late;
    struct h2_request request = {
        .method = stream->fields[FIELD_METHOD],
        .path = stream->fields[FIELD_PATH],
        .content_type = stream->fields[FIELD_CONTENT_TYPE],
        .grpc_encoding = stream->fields[FIELD_GRPC_ENCODING],
        .body = has_body ? stream->body.data : NULL,
        .n_bytes = has_body ? stream->body.n_bytes : 0,
        .is_too_large = stream->is_too_large,
        .is_refused = stream->is_refused,
        .is_late = stream->is_late,
    };
    struct h2_response response = {.status = 500};
    buf_init(&response.body, options->max_response_bytes);
    options->handle(options->data, &request, &response);
    stream->is_answered = true;
    drop_body(stream);
    bool is_kept = buf_error(&response.body) == 0 && keep_trailers(stream, &response);
    if (!is_kept || submit(stream, &response) != 0) {
        reset(stream, NGHTTP2_INTERNAL_ERROR);
        buf_deinit(&response.body);
    } else {
        stream->answer = response.body; /* handed over; nothing of it was sent yet */
    }
}

/* ---- what nghttp2 tells ---- */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *data) {
    struct h2_connection *connection = data;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
        return 0; /* trailers of a request: passed over */
    }
    struct stream *stream = add_stream(connection, frame->hd.stream_id);
    if (stream == NULL) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* nghttp2 resets the stream */
    }
    nghttp2_session_set_stream_user_data(session, stream->id, stream);
    return 0;
}

static int keep_field(struct stream *stream, const uint8_t *name, size_t n_name,
                      const uint8_t *value, size_t n_value) {
    for (size_t i = 0; i < N_FIELDS; i++) {
        if (strlen(field_names[i]) == n_name && memcmp(field_names[i], name, n_name) == 0) {
            mem_free(stream->fields[i]); /* the last one counts */
            stream->fields[i] = mem_strndup((const char *)value, n_value);
            return stream->fields[i] != NULL ? 0 : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        }
    }
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t n_name, const uint8_t *value, size_t n_value, uint8_t flags,
                     void *data) {
    (void)session;
    (void)flags;
    struct h2_connection *connection = data;
    struct stream *stream = find_stream(connection, frame->hd.stream_id);
    if (stream == NULL) {
        return 0;
    }
    stream->n_head_bytes += n_name + n_value;
    if (stream->n_head_bytes > connection->service->options.max_head_bytes) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    bool is_request = frame->headers.cat == NGHTTP2_HCAT_REQUEST;
    return is_request ? keep_field(stream, name, n_name, value, n_value) : 0;
}

static void keep_data(struct stream *stream, const uint8_t *bytes, size_t n_bytes) {
    struct h2_service *service = stream->connection->service;
    buf_append(&stream->body, bytes, n_bytes);
    service->held_bytes += stream->body.capacity - stream->held_bytes;
    stream->held_bytes = stream->body.capacity;
    stream->is_too_large = buf_error(&stream->body) == WEIR_E_TOO_LARGE;
    stream->is_refused =
        !stream->is_too_large && (buf_error(&stream->body) != 0 ||
                                  service->held_bytes > service->options.max_all_bodies_bytes);
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes,
                   size_t n_bytes, void *data) {
    (void)session;
    (void)flags;
    struct stream *stream = find_stream(data, id);
    if (stream == NULL || stream->is_answered) {
        return 0;
    }
    keep_data(stream, bytes, n_bytes);
    if (stream->is_too_large || stream->is_refused) {
        answer(stream); /* before the rest is sent */
    }
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *data) {
    (void)session;
    bool may_end = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (!may_end || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) {
        return 0;
    }
    struct stream *stream = find_stream(data, frame->hd.stream_id);
    if (stream != NULL) {
        stream->is_whole = true;
        if (!stream->is_answered) {
            answer(stream);
        }
    }
    return 0;
}

/* An answer that came before the whole request: the rest need not be sent (RFC 9113, 8.1). */
static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *data) {
    (void)session;
    struct stream *stream = NULL;
    if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        stream = find_stream(data, frame->hd.stream_id);
    }
    if (stream != NULL && !stream->is_whole) {
        reset(stream, NGHTTP2_NO_ERROR);
    }
    return 0;
}

/* Who begins requests only to take them back makes work without end, at no cost of its own. */
static void count_reset(struct h2_connection *connection, bool is_reset) {
    if (!is_reset) {
        connection->n_resets -= connection->n_resets > 0;
    } else if (++connection->n_resets > MAX_RESETS) {
        connection->is_shut_down = true;
        (void)nghttp2_session_terminate_session(connection->session, NGHTTP2_ENHANCE_YOUR_CALM);
    }
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *data) {
    struct h2_connection *connection = data;
    struct stream *stream = find_stream(connection, id);
    if (stream != NULL) {
        (void)nghttp2_session_set_stream_user_data(session, id, NULL);
        free_stream(stream);
        count_reset(connection, code != NGHTTP2_NO_ERROR);
    }
    return 0;
}

/* ---- connections ---- */

static void *allocate(size_t n_bytes, void *data) {
    (void)data;
    return mem_alloc(n_bytes);
}

static void release(void *block, void *data) {
    (void)data;
    mem_free(block);
}

static void *allocate_zeros(size_t n, size_t n_bytes, void *data) {
    (void)data;
    void *block = mem_array(n, n_bytes);
    if (block != NULL) {
        memset(block, 0, n * n_bytes);
    }
    return block;
}

static void *reallocate(void *block, size_t n_bytes, void *data) {
    (void)data;
    return mem_realloc(block, n_bytes);
}

static void set_callbacks(nghttp2_session_callbacks *callbacks) {
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
}

static bool open_session(struct h2_connection *connection) {
    nghttp2_mem mem = {NULL, allocate, release, allocate_zeros, reallocate}; /* it is copied */
    nghttp2_session_callbacks *callbacks = NULL;
    if (nghttp2_session_callbacks_new(&callbacks) != 0) {
        return false;
    }
    set_callbacks(callbacks);
    int error =
        nghttp2_session_server_new3(&connection->session, callbacks, connection, NULL, &mem);
    nghttp2_session_callbacks_del(callbacks);
    return error == 0;
}

static bool submit_settings(struct h2_connection *connection) {
    const struct h2_options *options = &connection->service->options;
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options->max_streams},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW_BYTES},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)options->max_head_bytes},
    };
    return nghttp2_submit_settings(connection->session, NGHTTP2_FLAG_NONE, settings,
                                   ARRAY_LENGTH(settings)) == 0 &&
           nghttp2_session_set_local_window_size(connection->session, NGHTTP2_FLAG_NONE, 0,
                                                 CONNECTION_WINDOW_BYTES) == 0;
}

struct h2_connection *h2_connection_new(struct h2_service *service, uint64_t now_ns) {
    struct h2_connection *connection = mem_zalloc(sizeof(*connection));
    if (connection == NULL) {
        return NULL;
    }
    connection->service = service;
    connection->now_ns = connection->idle_since_ns = now_ns;
    if (!open_session(connection) || !submit_settings(connection)) {
        return h2_connection_free(connection);
    }
    return connection;
}

struct h2_connection *h2_connection_free(struct h2_connection *connection) {
    if (connection != NULL) {
        while (connection->first != NULL) {
            free_stream(connection->first);
        }
        nghttp2_session_del(connection->session);
        mem_free(connection);
    }
    return NULL;
}

int h2_connection_receive(struct h2_connection *connection, const uint8_t *bytes, size_t n_bytes,
                          uint64_t now_ns) {
    connection->now_ns = now_ns;
    ssize_t n_read = nghttp2_session_mem_recv(connection->session, bytes, n_bytes);
    switch (n_read) {
    case NGHTTP2_ERR_BAD_CLIENT_MAGIC: return WEIR_E_SYNTAX;
    case NGHTTP2_ERR_NOMEM: return WEIR_E_NO_MEMORY;
    default: return n_read < 0 ? WEIR_E_CLOSED : 0;
    }
}

size_t h2_connection_pull(struct h2_connection *connection, const uint8_t **out) {
    ssize_t n_bytes = nghttp2_session_mem_send(connection->session, out);
    return n_bytes > 0 ? (size_t)n_bytes : 0;
}

bool h2_connection_wants_write(const struct h2_connection *connection) {
    return nghttp2_session_want_write(connection->session) != 0;
}

void h2_connection_shutdown(struct h2_connection *connection) {
    if (!connection->is_shut_down) {
        connection->is_shut_down = true;
        int32_t last = nghttp2_session_get_last_proc_stream_id(connection->session);
        (void)nghttp2_submit_goaway(connection->session, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR,
                                    NULL, 0);
    }
}

size_t h2_connection_n_streams(const struct h2_connection *connection) {
    return connection->n_streams;
}

bool h2_connection_is_done(const struct h2_connection *connection) {
    bool wants_nothing = nghttp2_session_want_read(connection->session) == 0 &&
                         nghttp2_session_want_write(connection->session) == 0;
    return wants_nothing || (connection->is_shut_down && connection->n_streams == 0 &&
                             nghttp2_session_want_write(connection->session) == 0);
}

/* Late twice: the request did not come, or its answer was not taken. */
static void end_late(struct stream *stream) {
    const struct h2_options *options = &stream->connection->service->options;
    if (stream->is_answered) {
        reset(stream, NGHTTP2_CANCEL);
        stream->deadline_ns = UINT64_MAX;
        return;
    }
    stream->is_late = true;
    stream->deadline_ns += options->request_deadline_s * NS_PER_S; /* for the answer */
    answer(stream);
}

void h2_connection_tick(struct h2_connection *connection, uint64_t now_ns) {
    connection->now_ns = now_ns;
    for (struct stream *stream = connection->first; stream != NULL; stream = stream->next) {
        if (now_ns >= stream->deadline_ns) {
            end_late(stream);
        }
    }
    uint64_t idle_ns = connection->service->options.idle_timeout_s * NS_PER_S;
    if (connection->n_streams == 0 && now_ns - connection->idle_since_ns >= idle_ns) {
        h2_connection_shutdown(connection);
    }
}
