#include "tests/support/h2_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <nghttp2/nghttp2.h>

struct sending {
    const uint8_t *body;
    size_t n_bytes, n_piece;
    bool is_unfinished;
};

struct h2_client {
    nghttp2_session *session;
    struct h2_client_answer answers[H2_CLIENT_MAX_STREAMS]; /* by number of the stream, halved */
    struct sending sending[H2_CLIENT_MAX_STREAMS];
    bool is_away;
    uint32_t away_code;
    int32_t away_last;
};

static size_t slot_of(int32_t stream) {
    return (size_t)stream / 2 % H2_CLIENT_MAX_STREAMS;
}

static void keep(char *room, size_t n_room, const uint8_t *value, size_t n_value) {
    snprintf(room, n_room, "%.*s", (int)n_value, (const char *)value);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t n_name, const uint8_t *value, size_t n_value, uint8_t flags,
                     void *data) {
    struct h2_client *client = data;
    struct h2_client_answer *answer = &client->answers[slot_of(frame->hd.stream_id)];
    (void)session;
    (void)flags;
    (void)n_name;
    if (strcmp((const char *)name, ":status") == 0) {
        answer->status = (int)strtol((const char *)value, NULL, 10);
    } else if (strcmp((const char *)name, "content-type") == 0) {
        keep(answer->content_type, sizeof answer->content_type, value, n_value);
    } else if (strcmp((const char *)name, "grpc-status") == 0) {
        keep(answer->grpc_status, sizeof answer->grpc_status, value, n_value);
        answer->has_trailers = frame->headers.cat == NGHTTP2_HCAT_HEADERS;
    } else if (strcmp((const char *)name, "grpc-message") == 0) {
        keep(answer->grpc_message, sizeof answer->grpc_message, value, n_value);
    } else if (strcmp((const char *)name, "grpc-accept-encoding") == 0) {
        keep(answer->accept_encoding, sizeof answer->accept_encoding, value, n_value);
    }
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *bytes,
                   size_t n_bytes, void *data) {
    struct h2_client *client = data;
    struct h2_client_answer *answer = &client->answers[slot_of(stream)];
    (void)session;
    (void)flags;
    for (size_t i = 0; i < n_bytes && answer->n_bytes < sizeof answer->body; i++) {
        answer->body[answer->n_bytes++] = bytes[i];
    }
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *data) {
    struct h2_client *client = data;
    struct h2_client_answer *answer = &client->answers[slot_of(frame->hd.stream_id)];
    (void)session;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        client->is_away = true;
        client->away_code = frame->goaway.error_code;
        client->away_last = frame->goaway.last_stream_id;
    } else if (frame->hd.type == NGHTTP2_RST_STREAM) {
        answer->is_reset = true;
        answer->reset_code = frame->rst_stream.error_code;
    } else if ((frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
               (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        answer->is_ended = true;
    }
    return 0;
}

static ssize_t read_body(nghttp2_session *session, int32_t stream, uint8_t *room, size_t n_room,
                         uint32_t *flags, nghttp2_data_source *source, void *data) {
    struct sending *sending = source->ptr;
    size_t n = sending->n_bytes < n_room ? sending->n_bytes : n_room;
    (void)session;
    (void)stream;
    (void)data;
    n = sending->n_piece != 0 && sending->n_piece < n ? sending->n_piece : n;
    if (n == 0 && sending->is_unfinished) {
        return NGHTTP2_ERR_DEFERRED;
    }
    if (n > 0) {
        memcpy(room, sending->body, n);
    }
    sending->body += n;
    sending->n_bytes -= n;
    if (sending->n_bytes == 0 && !sending->is_unfinished) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    return (ssize_t)n;
}

struct h2_client *h2_client_new(void) {
    struct h2_client *client = calloc(1, sizeof *client);
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_client_new(&client->session, callbacks, client);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(client->session, NGHTTP2_FLAG_NONE, NULL, 0);
    return client;
}

void h2_client_free(struct h2_client *client) {
    nghttp2_session_del(client->session);
    free(client);
}

static nghttp2_nv pair_of(const char *name, const char *value) {
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
                        strlen(value), NGHTTP2_NV_FLAG_NONE};
}

int32_t h2_client_begin(struct h2_client *client, const struct h2_client_call *call) {
    static char filler[64 << 10];
    const char *path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    nghttp2_nv pairs[9] = {
        pair_of(":method", call->method != NULL ? call->method : "POST"),
        pair_of(":scheme", "http"),
        pair_of(":path", call->path != NULL ? call->path : path),
        pair_of(":authority", "localhost"),
        pair_of("te", "trailers"),
        pair_of("content-type",
                call->content_type != NULL ? call->content_type : "application/grpc"),
    };
    size_t n = 6;
    if (call->grpc_encoding != NULL) {
        pairs[n++] = pair_of("grpc-encoding", call->grpc_encoding);
    }
    if (call->n_filler > 0) {
        memset(filler, 'x', call->n_filler);
        filler[call->n_filler] = '\0';
        pairs[n++] = pair_of("x-filler", filler);
    }
    int32_t next = (int32_t)nghttp2_session_get_next_stream_id(client->session);
    struct sending *sending = &client->sending[slot_of(next)];
    *sending = (struct sending){call->body, call->n_bytes, call->n_piece, call->is_unfinished};
    memset(&client->answers[slot_of(next)], 0, sizeof client->answers[0]);
    nghttp2_data_provider provider = {.source.ptr = sending, .read_callback = read_body};
    return nghttp2_submit_request(client->session, NULL, pairs, n, &provider, NULL);
}

void h2_client_reset(struct h2_client *client, int32_t stream) {
    nghttp2_submit_rst_stream(client->session, NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
}

const struct h2_client_answer *h2_client_answer(struct h2_client *client, int32_t stream) {
    return &client->answers[slot_of(stream)];
}

bool h2_client_was_sent_away(const struct h2_client *client, uint32_t *code, int32_t *last) {
    *code = client->away_code;
    *last = client->away_last;
    return client->is_away;
}

size_t h2_client_pull(struct h2_client *client, const uint8_t **out) {
    ssize_t n = nghttp2_session_mem_send(client->session, out);
    return n > 0 ? (size_t)n : 0;
}

bool h2_client_receive(struct h2_client *client, const uint8_t *bytes, size_t n_bytes) {
    return nghttp2_session_mem_recv(client->session, bytes, n_bytes) >= 0;
}

bool h2_client_run(struct h2_client *client, int fd, int32_t stream) {
    const struct h2_client_answer *answer = h2_client_answer(client, stream);
    while (!answer->is_ended && !answer->is_reset) {
        const uint8_t *bytes;
        uint8_t room[4096];
        for (size_t n; (n = h2_client_pull(client, &bytes)) > 0;) {
            if (send(fd, bytes, n, MSG_NOSIGNAL) != (ssize_t)n) {
                return false;
            }
        }
        ssize_t n_read = recv(fd, room, sizeof room, 0);
        if (n_read <= 0 || !h2_client_receive(client, room, (size_t)n_read)) {
            return false;
        }
    }
    return true;
}
