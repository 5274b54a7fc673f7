#include "otlp/deps/nghttp2.h"

#include <stdio.h>

#include <weir/error.h>

#include "tests/support/expect.h"
#include "tests/support/fault.h"
#include "tests/support/h2_client.h"

enum { BODY_BYTES = 100, HEAD_BYTES = 2000, N_STREAMS = 8, SECOND = 1000000000 };
enum {
    PROTOCOL_NO_ERROR = 0,
    PROTOCOL_INTERNAL_ERROR = 2,
    PROTOCOL_CANCEL = 8,
    PROTOCOL_CALM = 11
};

/* A handler that remembers what it was asked last, and a client on the other side. */
struct rig {
    struct h2_service service;
    struct h2_connection *connection;
    struct h2_client *client;
    uint64_t now_ns;
    size_t n_requests;
    struct h2_request last; /* strings and body: only valid during the call */
    char path[64], body[BODY_BYTES + 1];
    bool has_no_trailers;
    size_t n_answer; /* bytes of the answer's body, beside "ok" */
};

static void handle(void *data, const struct h2_request *request, struct h2_response *response) {
    struct rig *rig = data;
    rig->n_requests++;
    rig->last = *request;
    snprintf(rig->path, sizeof rig->path, "%s", request->path);
    snprintf(rig->body, sizeof rig->body, "%.*s", (int)request->n_bytes,
             request->n_bytes > 0 ? (const char *)request->body : "");
    response->status = 200;
    response->headers[response->n_headers++] =
        (struct h2_header){"content-type", "application/grpc"};
    if (rig->has_no_trailers) {
        response->headers[response->n_headers++] = (struct h2_header){"grpc-status", "9"};
        return;
    }
    buf_append_text(&response->body, "ok");
    for (size_t i = 0; i < rig->n_answer; i++) {
        buf_append_byte(&response->body, '.');
    }
    response->trailers[response->n_trailers++] = (struct h2_header){"grpc-status", "0"};
}

static struct h2_options options_for(struct rig *rig) {
    return (struct h2_options){.max_body_bytes = BODY_BYTES,
                               .max_all_bodies_bytes = 100 * BODY_BYTES,
                               .max_response_bytes = 1 << 20,
                               .max_head_bytes = HEAD_BYTES,
                               .max_streams = N_STREAMS,
                               .idle_timeout_s = 75,
                               .request_deadline_s = 60,
                               .handle = handle,
                               .data = rig};
}

static void set_up(struct rig *rig) {
    *rig = (struct rig){.now_ns = SECOND};
    rig->service.options = options_for(rig);
    rig->connection = h2_connection_new(&rig->service, rig->now_ns);
    rig->client = h2_client_new();
    cr_assert(rig->connection != NULL);
}

static void tear_down(struct rig *rig) {
    cr_assert(eq(ptr, h2_connection_free(rig->connection), NULL));
    cr_assert(eq(sz, rig->service.held_bytes, 0));
    h2_client_free(rig->client);
}

/* Carries bytes both ways until neither side has any; the error of the server's side. */
static int pump(struct rig *rig) {
    const uint8_t *bytes;
    for (size_t n = 1, m = 1; n + m > 0;) {
        n = h2_client_pull(rig->client, &bytes);
        int error = h2_connection_receive(rig->connection, bytes, n, rig->now_ns);
        if (error != 0) {
            return error;
        }
        m = h2_connection_pull(rig->connection, &bytes);
        cr_assert(h2_client_receive(rig->client, bytes, m));
    }
    return 0;
}

static const struct h2_client_answer *call(struct rig *rig, struct h2_client_call call) {
    int32_t stream = h2_client_begin(rig->client, &call);
    cr_assert(gt(i32, stream, 0));
    cr_assert(zero(int, pump(rig)));
    return h2_client_answer(rig->client, stream);
}

static const uint8_t text[] = "to be or not to be";
#define TEXT_CALL(...) ((struct h2_client_call){.body = text, .n_bytes = 18, __VA_ARGS__})

/* (C7) */
Test(nghttp2, answers_with_headers_body_and_trailers) {
    struct rig rig;
    set_up(&rig);
    const struct h2_client_answer *answer =
        call(&rig, TEXT_CALL(.path = "/p", .grpc_encoding = "gzip"));
    cr_assert(eq(int, answer->status, 200));
    cr_assert(eq(sz, answer->n_bytes, 2));
    cr_assert(answer->is_ended && answer->has_trailers && !answer->is_reset);
    expect_text(answer->grpc_status, "0");
    expect_text(rig.path, "/p");
    expect_text(rig.body, "to be or not to be");
    cr_assert(eq(sz, h2_connection_n_streams(rig.connection), 0));
    tear_down(&rig);
}

Test(nghttp2, an_answer_without_a_body_is_headers_alone) {
    struct rig rig;
    set_up(&rig);
    rig.has_no_trailers = true;
    const struct h2_client_answer *answer = call(&rig, TEXT_CALL());
    expect_text(answer->grpc_status, "9");
    cr_assert(answer->is_ended && !answer->has_trailers);
    tear_down(&rig);
}

/* (C3) */
Test(nghttp2, borders_of_frames_mean_nothing) {
    for (size_t n_piece = 1; n_piece <= 18; n_piece++) {
        struct rig rig;
        set_up(&rig);
        call(&rig, TEXT_CALL(.n_piece = n_piece));
        expect_text(rig.body, "to be or not to be");
        cr_assert(eq(sz, rig.n_requests, 1));
        tear_down(&rig);
    }
}

Test(nghttp2, answers_larger_than_a_frame_and_a_window_arrive) {
    struct rig rig;
    set_up(&rig);
    rig.n_answer = 200000;
    const struct h2_client_answer *answer = call(&rig, TEXT_CALL());
    cr_assert(answer->is_ended);
    cr_assert(eq(sz, answer->n_bytes, sizeof answer->body)); /* as much as the client keeps */
    tear_down(&rig);
}

Test(nghttp2, bodies_over_the_bound_are_answered_before_their_end) {
    static uint8_t large[1 << 20];
    struct rig rig;
    set_up(&rig);
    const struct h2_client_answer *answer =
        call(&rig, (struct h2_client_call){.body = large, .n_bytes = sizeof large});
    cr_assert(rig.last.is_too_large);
    cr_assert(eq(sz, rig.last.n_bytes, 0));
    cr_assert(answer->is_ended);
    cr_assert(answer->is_reset); /* RFC 9113, 8.1: the rest need not be sent */
    cr_assert(eq(u32, answer->reset_code, PROTOCOL_NO_ERROR));
    call(&rig, TEXT_CALL(.path = "/again")); /* the connection lives */
    expect_text(rig.path, "/again");
    cr_assert(eq(sz, rig.n_requests, 2));
    tear_down(&rig);
}

Test(nghttp2, all_bodies_together_have_a_bound) {
    struct rig rig;
    set_up(&rig);
    rig.service.options.max_all_bodies_bytes = 2 * BODY_BYTES;
    uint8_t body[BODY_BYTES] = {0};
    struct h2_client_call unfinished = {.body = body, .n_bytes = BODY_BYTES, .is_unfinished = true};
    for (int i = 0; i < 3; i++) {
        cr_assert(gt(i32, h2_client_begin(rig.client, &unfinished), 0));
    }
    cr_assert(zero(int, pump(&rig)));
    cr_assert(eq(sz, rig.n_requests, 1)); /* the third, refused */
    cr_assert(rig.last.is_refused);
    cr_assert(le(sz, rig.service.held_bytes, 2 * BODY_BYTES));
    tear_down(&rig);
}

Test(nghttp2, too_many_bytes_of_headers_end_the_stream_alone) {
    struct rig rig;
    set_up(&rig);
    const struct h2_client_answer *answer = call(&rig, TEXT_CALL(.n_filler = HEAD_BYTES));
    cr_assert(answer->is_reset);
    cr_assert(eq(u32, answer->reset_code, PROTOCOL_INTERNAL_ERROR));
    cr_assert(eq(sz, rig.n_requests, 0));
    cr_assert(call(&rig, TEXT_CALL())->is_ended);
    tear_down(&rig);
}

Test(nghttp2, a_connection_has_so_many_streams_at_once) {
    struct rig rig;
    set_up(&rig);
    for (int i = 0; i < 3 * N_STREAMS; i++) {
        struct h2_client_call unfinished = {.body = text, .n_bytes = 18, .is_unfinished = true};
        cr_assert(gt(i32, h2_client_begin(rig.client, &unfinished), 0));
        cr_assert(zero(int, pump(&rig)));
    }
    cr_assert(eq(sz, h2_connection_n_streams(rig.connection), N_STREAMS));
    tear_down(&rig);
}

/* (C9) */
Test(nghttp2, a_call_taken_back_leaves_nothing) {
    struct rig rig;
    set_up(&rig);
    struct h2_client_call unfinished = {.body = text, .n_bytes = 18, .is_unfinished = true};
    int32_t stream = h2_client_begin(rig.client, &unfinished);
    cr_assert(zero(int, pump(&rig)));
    cr_assert(eq(sz, h2_connection_n_streams(rig.connection), 1));
    h2_client_reset(rig.client, stream);
    cr_assert(zero(int, pump(&rig)));
    cr_assert(eq(sz, h2_connection_n_streams(rig.connection), 0));
    cr_assert(eq(sz, rig.service.held_bytes, 0));
    cr_assert(eq(sz, rig.n_requests, 0));
    tear_down(&rig);
}

Test(nghttp2, who_takes_back_call_after_call_is_sent_away) {
    struct rig rig;
    uint32_t code = 0;
    int32_t last;
    int n = 0;
    set_up(&rig);
    for (; n < 1000 && !h2_client_was_sent_away(rig.client, &code, &last); n++) {
        struct h2_client_call unfinished = {.body = text, .n_bytes = 18, .is_unfinished = true};
        int32_t stream = h2_client_begin(rig.client, &unfinished);
        cr_assert(zero(int, pump(&rig)));
        h2_client_reset(rig.client, stream);
        cr_assert(zero(int, pump(&rig)));
    }
    cr_assert(lt(int, n, 1000));
    cr_assert(eq(u32, code, PROTOCOL_CALM));
    cr_assert(h2_connection_is_done(rig.connection));
    tear_down(&rig);
}

/* (C10) */
Test(nghttp2, a_shutdown_lets_calls_end_and_takes_no_more) {
    struct rig rig;
    uint32_t code;
    int32_t last;
    set_up(&rig);
    struct h2_client_call unfinished = {.body = text, .n_bytes = 18, .is_unfinished = true};
    int32_t stream = h2_client_begin(rig.client, &unfinished);
    cr_assert(zero(int, pump(&rig)));
    h2_connection_shutdown(rig.connection);
    cr_assert(zero(int, pump(&rig)));
    cr_assert(h2_client_was_sent_away(rig.client, &code, &last));
    cr_assert(eq(u32, code, PROTOCOL_NO_ERROR));
    cr_assert(eq(i32, last, stream));
    cr_assert(not(h2_connection_is_done(rig.connection)));
    h2_client_reset(rig.client, stream);
    cr_assert(zero(int, pump(&rig)));
    cr_assert(h2_connection_is_done(rig.connection));
    tear_down(&rig);
}

Test(nghttp2, a_request_that_does_not_come_whole_is_answered_late_then_reset) {
    struct rig rig;
    set_up(&rig);
    struct h2_client_call unfinished = {.body = text, .n_bytes = 18, .is_unfinished = true};
    int32_t stream = h2_client_begin(rig.client, &unfinished);
    cr_assert(zero(int, pump(&rig)));
    h2_connection_tick(rig.connection, rig.now_ns + UINT64_C(59) * SECOND);
    cr_assert(eq(sz, rig.n_requests, 0));
    h2_connection_tick(rig.connection, rig.now_ns + UINT64_C(61) * SECOND);
    cr_assert(rig.last.is_late);
    cr_assert(zero(int, pump(&rig)));
    cr_assert(h2_client_answer(rig.client, stream)->is_ended);
    tear_down(&rig);
}

Test(nghttp2, an_answer_that_is_not_taken_is_cancelled) {
    struct rig rig;
    set_up(&rig);
    struct h2_client_call request = TEXT_CALL();
    rig.n_answer = 200000; /* over the client's window, which stays shut */
    int32_t stream = h2_client_begin(rig.client, &request);
    const uint8_t *bytes;
    for (size_t n; (n = h2_client_pull(rig.client, &bytes)) > 0;) {
        cr_assert(zero(int, h2_connection_receive(rig.connection, bytes, n, rig.now_ns)));
    }
    for (size_t n; (n = h2_connection_pull(rig.connection, &bytes)) > 0;) {
        cr_assert(h2_client_receive(rig.client, bytes, n)); /* what it says to that is lost */
    }
    cr_assert(eq(sz, h2_connection_n_streams(rig.connection), 1));
    h2_connection_tick(rig.connection, rig.now_ns + UINT64_C(61) * SECOND);
    size_t n = h2_connection_pull(rig.connection, &bytes);
    cr_assert(gt(sz, n, 0));
    cr_assert(h2_client_receive(rig.client, bytes, n));
    cr_assert(eq(u32, h2_client_answer(rig.client, stream)->reset_code, PROTOCOL_CANCEL));
    cr_assert(eq(sz, h2_connection_n_streams(rig.connection), 0));
    tear_down(&rig);
}

Test(nghttp2, an_idle_connection_is_shut_down) {
    struct rig rig;
    uint32_t code;
    int32_t last;
    set_up(&rig);
    rig.now_ns += 10 * UINT64_C(1000000000);
    call(&rig, TEXT_CALL());
    h2_connection_tick(rig.connection, rig.now_ns + UINT64_C(74) * SECOND);
    cr_assert(not(h2_connection_is_done(rig.connection)));
    h2_connection_tick(rig.connection, rig.now_ns + UINT64_C(76) * SECOND);
    cr_assert(zero(int, pump(&rig)));
    cr_assert(h2_client_was_sent_away(rig.client, &code, &last));
    cr_assert(h2_connection_is_done(rig.connection));
    tear_down(&rig);
}

Test(nghttp2, tells_other_protocols) {
    struct rig rig;
    set_up(&rig);
    const char *line = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    cr_assert(eq(int, h2_connection_receive(rig.connection, (const uint8_t *)line, strlen(line), 0),
                 WEIR_E_SYNTAX));
    tear_down(&rig);
}

/* What a failed allocation costs is a stream or the connection, never more. */
Test(nghttp2, survives_every_failing_allocation) {
    bool has_failed = true;
    for (size_t n = 1; has_failed; n++) {
        struct rig rig = {.now_ns = SECOND};
        struct h2_client_call request = TEXT_CALL();
        const uint8_t *bytes, *out;
        rig.service.options = options_for(&rig);
        rig.client = h2_client_new();
        h2_client_begin(rig.client, &request);
        size_t n_bytes = h2_client_pull(rig.client, &bytes);
        fault_arm(n, false);
        rig.connection = h2_connection_new(&rig.service, rig.now_ns);
        if (rig.connection != NULL) {
            h2_connection_receive(rig.connection, bytes, n_bytes, rig.now_ns);
            while (h2_connection_pull(rig.connection, &out) > 0) {
            }
        }
        has_failed = fault_has_struck();
        fault_disarm();
        tear_down(&rig);
    }
}
