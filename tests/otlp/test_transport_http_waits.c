/*
 * What OTLP/HTTP waits for, and until when: peers that give no answer, steps in the host's loop,
 * cancelling.
 */
#include <pthread.h>

#include "otlp/common/macro.h"
#include "tests/support/names.h"
#include "tests/support/sending.h"

TestSuite(transport_http_waits, .init = sending_begin, .timeout = 60);

/* ---- no answer ---- */

Test(transport_http_waits, limits_the_answer) {
    struct result result = sending_http_once(&(struct peer_step){.act = PEER_ENDLESS_BODY}, S(20));
    cr_expect(eq(int, result.error, WEIR_E_TOO_LARGE)); /* B8 */
    expect_said(&result, "too large");
    result = sending_http_once(&(struct peer_step){.act = PEER_ENDLESS_HEADERS}, S(20));
    cr_expect(eq(int, result.error, WEIR_E_TOO_LARGE));
    char *most = calloc(1, HTTP_MAX_RESPONSE_BYTES + 1);
    struct peer_step step = {.body = most, .n_bytes = HTTP_MAX_RESPONSE_BYTES};
    cr_expect(eq(int, sending_http_once(&step, S(20)).error, 0));
    step.n_bytes++;
    cr_expect(eq(int, sending_http_once(&step, S(20)).error, WEIR_E_TOO_LARGE));
    free(most);
}

Test(transport_http_waits, broken_connections_are_worth_a_retry) {
    static const enum peer_act acts[] = {PEER_CLOSE, PEER_CLOSE_IN_HEAD, PEER_CLOSE_IN_BODY,
                                         PEER_RESET};
    for (size_t i = 0; i < ARRAY_LENGTH(acts); i++) {
        struct result result = sending_http_once(
            &(struct peer_step){.act = acts[i], .body = "0123456789", .n_bytes = 10}, S(20));
        cr_expect(eq(int, result.error, WEIR_E_IO), "%zu", i);
        expect_said(&result, "http://127.0.0.1:");
    }
}

Test(transport_http_waits, works_again_after_a_broken_connection) {
    const struct peer_step steps[] = {{.status = 200}, {.act = PEER_CLOSE}, {.status = 200}};
    struct peer *peer = peer_start(steps, 3);
    weir_transport transport = sending_http(peer_url(peer), NULL);
    cr_expect(eq(int, post(&transport, "body", 4, S(20)).error, 0));
    (void)post(&transport, "body", 4, S(20)); /* libcurl may have tried it once more by itself */
    cr_expect(eq(int, post(&transport, "body", 4, S(20)).error, 0));
    transport.destroy(transport.data);
    peer_stop(peer);
}

Test(transport_http_waits, what_is_no_http_is_given_up) {
    struct result result = sending_http_once(&(struct peer_step){.act = PEER_BABBLE}, S(20));
    cr_expect(eq(int, result.error, WEIR_E_INVALID));
    expect_said(&result, "4317");
}

Test(transport_http_waits, nobody_there) {
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", peer_closed_port());
    weir_transport transport = sending_http(url, NULL);
    struct result result = post(&transport, "body", 4, S(20));
    cr_expect(eq(int, result.error, WEIR_E_IO));
    expect_said(&result, "cannot be reached: does a collector listen there");
    transport.destroy(transport.data);
}

Test(transport_http_waits, a_name_nobody_knows) {
    weir_transport transport = sending_http("http://unknown.test:4318/", NULL);
    struct result result = post(&transport, "body", 4, S(20));
    cr_expect(eq(int, result.error, WEIR_E_IO));
    expect_said(&result, "cannot be resolved: is the host's name right");
    transport.destroy(transport.data);
}

Test(transport_http_waits, silence_lasts_until_the_deadline) {
    static const enum peer_act acts[] = {PEER_SILENT, PEER_DRIP};
    for (size_t i = 0; i < ARRAY_LENGTH(acts); i++) {
        uint64_t began = clock_now_ns();
        struct result result = sending_http_once(&(struct peer_step){.act = acts[i]}, MS(200));
        expect_in_time(&result, began, MS(200));
    }
}

Test(transport_http_waits, a_black_hole_lasts_until_the_deadline) {
    struct black_hole hole;
    char url[64];
    black_hole_open(&hole);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", hole.port);
    weir_transport transport = sending_http(url, NULL);
    uint64_t began = clock_now_ns();
    struct result result = post(&transport, "body", 4, MS(200));
    expect_in_time(&result, began, MS(200));
    transport.destroy(transport.data);
    black_hole_close(&hole);
}

Test(transport_http_waits, a_name_that_hangs_lasts_until_the_deadline) {
    weir_transport transport = sending_http("http://hangs.test:4318/", NULL);
    uint64_t began = clock_now_ns();
    struct result result = post(&transport, "body", 4, MS(200));
    expect_in_time(&result, began, MS(200));
    cr_expect(eq(sz, names_n_hanging(), 1));
    result = post(&transport, "body", 4, MS(100)); /* and again */
    cr_expect(eq(int, result.error, WEIR_E_TIMEOUT));
    transport.destroy(transport.data);
    cr_expect(lt(u64, clock_now_ns() - began, S(8)));
}

Test(transport_http_waits, a_deadline_that_is_over) {
    struct result result = {.detail = WEIR_ERROR_DETAIL_INIT};
    const struct peer_step steps[] = {{.act = PEER_SILENT}};
    struct peer *peer = peer_start(steps, 1);
    weir_transport transport = sending_http(peer_url(peer), NULL);
    result.error = transport.post(transport.data, (const uint8_t *)"x", 1, 0, &result.response,
                                  &result.detail);
    cr_expect(eq(int, result.error, WEIR_E_TIMEOUT));
    transport.destroy(transport.data);
    peer_stop(peer);
}

/* ---- in steps ---- */

static struct result step_through(const weir_transport *transport, const char *body, uint64_t ns,
                                  unsigned *n_turns) {
    cr_assert(eq(
        int,
        transport->start(transport->data, (const uint8_t *)body, strlen(body), clock_now_ns() + ns),
        0));
    return finish_in_steps(transport, n_turns);
}

/* Nothing to do for the host while nothing is sent. */
static void expect_silent(const weir_transport *transport) {
    struct pollfd readable = {.fd = transport->poll_fd(transport->data), .events = POLLIN};
    cr_expect(eq(int, poll(&readable, 1, 0), 0));
}

Test(transport_http_waits, posts_in_steps_that_wait_for_nothing) {
    const struct peer_step steps[] = {
        {.status = 200, .body = "\x0a\x00", .n_bytes = 2}, {.act = PEER_CLOSE}, {.status = 503}};
    struct peer *peer = peer_start(steps, 3);
    weir_transport transport = sending_http(peer_url(peer), NULL);
    unsigned n_turns;
    expect_silent(&transport);
    struct result result = step_through(&transport, "body", S(20), &n_turns);
    cr_expect(eq(int, result.error, 0));
    cr_expect(eq(int, result.response.http_status, 200));
    cr_expect(eq(sz, result.response.n_bytes, 2));
    cr_expect(lt(uint, n_turns, 50)); /* it does not spin */
    expect_silent(&transport);
    (void)step_through(&transport, "body", S(20), &n_turns);
    result = step_through(&transport, "body", S(20), &n_turns);
    cr_expect(eq(int, result.response.http_status, 503));
    transport.destroy(transport.data);
    peer_stop(peer);
}

/* Later than any time-out of libcurl that would make a step due by itself. */
Test(transport_http_waits, a_step_comes_at_the_deadline) {
    static const char *const urls[] = {NULL, "http://hangs.test:4318/"};
    const struct peer_step step = {.act = PEER_SILENT};
    struct peer *peer = peer_start(&step, 1);
    for (size_t i = 0; i < ARRAY_LENGTH(urls); i++) {
        weir_transport transport = sending_http(urls[i] != NULL ? urls[i] : peer_url(peer), NULL);
        unsigned n_turns;
        uint64_t began = clock_now_ns();
        struct result result = step_through(&transport, "body", MS(700), &n_turns);
        expect_in_time(&result, began, MS(700));
        cr_expect(lt(uint, n_turns, 100));
        expect_silent(&transport);
        transport.destroy(transport.data);
    }
    peer_stop(peer);
}

Test(transport_http_waits, a_new_start_gives_up_what_is_under_way) {
    const struct peer_step steps[] = {{.act = PEER_SILENT}, {.status = 202}};
    struct peer *peer = peer_start(steps, 2);
    weir_transport transport = sending_http(peer_url(peer), NULL);
    struct result result = {.detail = WEIR_ERROR_DETAIL_INIT};
    cr_assert(eq(int, transport.start(transport.data, (const uint8_t *)"a", 1, UINT64_MAX), 0));
    while (peer_n_requests(peer) == 0) {
        struct pollfd readable = {.fd = transport.poll_fd(transport.data), .events = POLLIN};
        cr_assert(eq(int, poll(&readable, 1, 50) >= 0, 1));
        cr_assert(eq(int, transport.advance(transport.data, &result.response, &result.detail),
                     WEIR_PENDING));
    }
    unsigned n_turns;
    result = step_through(&transport, "b", S(20), &n_turns);
    cr_expect(eq(int, result.response.http_status, 202));
    transport.destroy(transport.data);
    peer_stop(peer);
}

static void *cancel_when_asked(void *data) {
    const weir_transport *transport = data;
    transport->cancel(transport->data);
    return NULL;
}

Test(transport_http_waits, cancel_makes_a_step_due) {
    const struct peer_step step = {.act = PEER_SILENT};
    struct peer *peer = peer_start(&step, 1);
    weir_transport transport = sending_http(peer_url(peer), NULL);
    pthread_t thread;
    cr_assert(eq(int, transport.start(transport.data, (const uint8_t *)"a", 1, UINT64_MAX), 0));
    pthread_create(&thread, NULL, cancel_when_asked, &transport);
    cr_expect(eq(int, finish_in_steps(&transport, NULL).error, WEIR_E_TIMEOUT));
    pthread_join(thread, NULL);
    transport.destroy(transport.data);
    peer_stop(peer);
}

/* ---- cancelled ---- */

static void *cancel_later(void *data) {
    const weir_transport *transport = data;
    names_wait_hanging();
    transport->cancel(transport->data);
    return NULL;
}

Test(transport_http_waits, cancel_ends_a_post_without_deadline) {
    pthread_t thread;
    weir_transport transport = sending_http("http://hangs.test:4318/", NULL);
    pthread_create(&thread, NULL, cancel_later, &transport);
    struct result result = {.detail = WEIR_ERROR_DETAIL_INIT};
    result.error = transport.post(transport.data, (const uint8_t *)"x", 1, UINT64_MAX,
                                  &result.response, &result.detail);
    cr_expect(eq(int, result.error, WEIR_E_TIMEOUT));
    pthread_join(thread, NULL);
    cr_expect(eq(int, post(&transport, "x", 1, S(60)).error, WEIR_E_TIMEOUT)); /* for good */
    transport.destroy(transport.data);
}
