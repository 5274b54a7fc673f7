/*
 * A whole pipeline against collectors that fail in every way: flush and close return by their
 * deadline, and the books add up. A test that hangs is ended by criterion's parent process and has
 * failed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir/otlp.h>

#include "otlp/common/clock.h"
#include "otlp/common/macro.h"
#include "tests/support/expect.h"
#include "tests/support/log.h"
#include "tests/support/names.h"
#include "tests/support/peer.h"

enum {
    FLUSH_MS = 400,
    DECISION_MS = 5000, /* for what a loaded machine may take longer for */
    CLOSE_MS = 300,
    LATE_MS = 8000, /* more than a loaded machine needs, less than any time-out of a library */
    N_SPANS = 10,
};

static struct kept_log said = KEPT_LOG_INIT;

static void begin(void) {
    setenv("no_proxy", "*", 1);
    unsetenv("OTEL_TRACES_EXPORTER");
    unsetenv("OTEL_EXPORTER_OTLP_HEADERS");
}
TestSuite(collector_faults, .init = begin, .timeout = 60);

static uint64_t now_ms(void) {
    return clock_now_ns() / NS_PER_MS;
}

/* ---- one pipeline ---- */

static weir_otlp *open_to(const char *url) {
    weir_otlp *otlp;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    int error = weir_otlp_open(&WEIR_OTLP_OPTIONS(.endpoint = url, .service_name = "faults",
                                                  .has_timeout_ms = true, .timeout_ms = 5000,
                                                  .log = kept_log_fn, .log_data = &said),
                               &otlp, &detail);
    cr_assert(eq(int, error, 0), "%s", detail.message);
    return otlp;
}

static void end_spans(weir_otlp *otlp, int n) {
    weir_otlp_tracer *tracer = weir_otlp_tracer_get(otlp, "faults", NULL, NULL);
    for (int i = 0; i < n; i++) {
        weir_otlp_span_end(weir_otlp_span_begin(tracer, "span", NULL));
    }
}

static weir_otlp_stats stats_of(weir_otlp *otlp) {
    weir_otlp_stats stats = {.size = sizeof stats};
    weir_otlp_get_stats(otlp, &stats);
    return stats;
}

/* design: started = live + not sampled + queued + in flight + acknowledged + rejected + dropped */
static void expect_exact(const weir_otlp_stats *stats, uint64_t n_spans) {
    uint64_t sum = stats->live + stats->not_sampled + stats->queued + stats->in_flight +
                   stats->acknowledged + stats->rejected;
    for (size_t i = 0; i < ARRAY_LENGTH(stats->dropped); i++) {
        sum += stats->dropped[i];
    }
    cr_expect(eq(u64, stats->started, n_spans));
    cr_expect(eq(u64, sum, n_spans));
}

static void expect_in_time(uint64_t began_ms, uint64_t allowed_ms, const char *what) {
    uint64_t took = now_ms() - began_ms;
    cr_expect(took <= allowed_ms + LATE_MS, "%s took %" PRIu64 " ms", what, took);
}

/* ---- one case ---- */

/* What becomes of the spans in the time of one flush. */
enum fate { ACKNOWLEDGED, REJECTED_7, GIVEN_UP, UNDECIDED };

static void expect_fate(enum fate fate, int flushed, const weir_otlp_stats *stats) {
    static const int results[] = {
        [ACKNOWLEDGED] = 0,
        [REJECTED_7] = WEIR_E_IO,
        [GIVEN_UP] = WEIR_E_IO,
        [UNDECIDED] = WEIR_E_TIMEOUT,
    };
    cr_expect(eq(int, flushed, results[fate]));
    cr_expect(eq(u64, stats->acknowledged,
                 fate == ACKNOWLEDGED ? N_SPANS
                 : fate == REJECTED_7 ? N_SPANS - 7
                                      : 0));
    cr_expect(eq(u64, stats->rejected, fate == REJECTED_7 ? 7 : 0));
    cr_expect(eq(u64, stats->dropped[WEIR_DROP_EXPORT_FAILED], fate == GIVEN_UP ? N_SPANS : 0));
    cr_expect(eq(u64, stats->in_flight, fate == UNDECIDED ? N_SPANS : 0));
    cr_expect(ge(u64, stats->export_requests, 1));
}

/* `message`: part of what the log must say when all is over; NULL: nothing may be said. */
static void play_at(const char *url, enum fate fate, const char *message) {
    weir_otlp *otlp = open_to(url);
    end_spans(otlp, N_SPANS);
    uint64_t began = now_ms();
    uint32_t allowed_ms = fate == UNDECIDED ? FLUSH_MS : DECISION_MS;
    int flushed = weir_otlp_flush(otlp, allowed_ms);
    expect_in_time(began, allowed_ms, "flush");
    weir_otlp_stats stats = stats_of(otlp);
    expect_exact(&stats, N_SPANS);
    expect_fate(fate, flushed, &stats);
    began = now_ms();
    int closed = weir_otlp_close(otlp, CLOSE_MS);
    expect_in_time(began, CLOSE_MS, "close");
    cr_expect(eq(int, closed, fate == UNDECIDED ? WEIR_E_TIMEOUT : 0));
    cr_expect(
        eq(int, kept_log_has(&said, "10 spans were not sent before the close"), fate == UNDECIDED));
    if (message != NULL) {
        cr_expect(kept_log_has(&said, message), "\"%s\" is not in: %s", message, said.text);
    } else {
        cr_expect(eq(uint, said.n, 0), "%s", said.text);
    }
}

static void play(const struct peer_step *step, enum fate fate, const char *message) {
    struct peer *peer = peer_start(step, 1);
    play_at(peer_url(peer), fate, message);
    peer_stop(peer);
}

#define CASE(name, fate, message, ...)                                                             \
    Test(collector_faults, name) {                                                                 \
        play(&(struct peer_step){__VA_ARGS__}, fate, message);                                     \
    }

/* ---- answers ---- */

CASE(success, ACKNOWLEDGED, NULL, .body = "\x0a\x00", .n_bytes = 2)
CASE(success_without_a_body, ACKNOWLEDGED, NULL, .status = 200)
CASE(partial_success, REJECTED_7, "the endpoint rejected 7 of the spans: quota",
     .body = "\x0a\x09\x08\x07\x12\x05quota", .n_bytes = 11)
CASE(partial_success_that_only_warns, ACKNOWLEDGED, "takes no links",
     .body = "\x0a\x10\x12\x0etakes no links", .n_bytes = 18)
CASE(success_in_another_language, ACKNOWLEDGED, "said yes, but not in OTLP", .body = "<html>",
     .n_bytes = 6)

CASE(bad_request, GIVEN_UP, "it says: \"bad span\"", .status = 400,
     .body = "\x08\x03\x12\x08"
             "bad span",
     .n_bytes = 12)
CASE(unauthorized, GIVEN_UP, "answered 401: check the credentials", .status = 401)
CASE(not_found, GIVEN_UP, "answered 404: check the path", .status = 404)
CASE(too_large, GIVEN_UP, "answered 413: make requests smaller", .status = 413)
CASE(internal_error, GIVEN_UP, "answered 500", .status = 500)
CASE(not_found_with_retry_after, GIVEN_UP, "answered 404", .status = 404,
     .headers = "Retry-After: 1\r\n")
CASE(redirect, GIVEN_UP, "moved to http://elsewhere.test/", .status = 307,
     .headers = "Location: http://elsewhere.test/\r\n")
CASE(redirect_to_nowhere, GIVEN_UP, "answered 302", .status = 302)
CASE(huge_answer, GIVEN_UP, "too large", .act = PEER_ENDLESS_BODY)
CASE(endless_headers, GIVEN_UP, "too large", .act = PEER_ENDLESS_HEADERS)
CASE(another_protocol, GIVEN_UP, "4317", .act = PEER_BABBLE)

CASE(throttled, UNDECIDED, "answered 429", .status = 429)
CASE(bad_gateway, UNDECIDED, "answered 502", .status = 502)
CASE(unavailable, UNDECIDED, "answered 503", .status = 503)
CASE(gateway_timeout, UNDECIDED, "answered 504", .status = 504)
CASE(throttled_with_retry_after, UNDECIDED, "answered 429", .status = 429,
     .headers = "Retry-After: 3\r\n")
CASE(unavailable_with_retry_after, UNDECIDED, "answered 503", .status = 503,
     .headers = "Retry-After: 3\r\n")
/* Longer than one export may take: given up for these spans, and remembered for the next. */
CASE(unavailable_until_a_date, GIVEN_UP, "answered 503", .status = 503,
     .headers = "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\n")

/* ---- no answers ---- */

CASE(silent, UNDECIDED, "not sent", .act = PEER_SILENT)
CASE(one_byte_a_second, UNDECIDED, "not sent", .act = PEER_DRIP)
CASE(closes_without_an_answer, UNDECIDED, "closed the connection", .act = PEER_CLOSE)
CASE(closes_in_the_head, UNDECIDED, "closed the connection", .act = PEER_CLOSE_IN_HEAD)
CASE(closes_in_the_body, UNDECIDED, "closed the connection", .act = PEER_CLOSE_IN_BODY,
     .body = "0123456789", .n_bytes = 10)
CASE(resets, UNDECIDED, "not sent", .act = PEER_RESET)

CASE(resets_in_the_body, UNDECIDED, "not sent", .act = PEER_RESET_IN_BODY, .body = "0123456789",
     .n_bytes = 10)
CASE(endless_interim_answers, GIVEN_UP, "too large", .act = PEER_ENDLESS_100)

/* The server takes the connection and the client's first words, and says nothing. */
Test(collector_faults, a_tls_handshake_that_stalls) {
    const struct peer_step steps[] = {{.act = PEER_SILENT}};
    struct peer *peer = peer_start(steps, 1);
    char url[64];
    snprintf(url, sizeof url, "https%s", peer_url(peer) + strlen("http"));
    play_at(url, UNDECIDED, "not sent");
    cr_expect(ge(sz, peer_n_connections(peer), 1));
    peer_stop(peer);
}

Test(collector_faults, refusing) {
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", peer_closed_port());
    play_at(url, UNDECIDED, "cannot be reached: does a collector listen there");
}

Test(collector_faults, absent) {
    struct black_hole hole;
    char url[64];
    black_hole_open(&hole);
    snprintf(url, sizeof url, "http://127.0.0.1:%d", hole.port);
    play_at(url, UNDECIDED, "not sent");
    black_hole_close(&hole);
}

Test(collector_faults, a_name_that_nobody_knows) {
    play_at("http://unknown.test:4318", UNDECIDED, "cannot be resolved");
}

Test(collector_faults, a_name_that_never_resolves) {
    play_at("http://hangs.test:4318", UNDECIDED, "not sent");
    cr_expect(ge(sz, names_n_hanging(), 1));
}

/* ---- redirects, and what must not go along with them ---- */

static weir_otlp *open_with_token(const char *url) {
    static const char *const headers[] = {"Authorization: Bearer secret", NULL};
    weir_otlp *otlp;
    cr_assert(eq(int,
                 weir_otlp_open(&WEIR_OTLP_OPTIONS(.endpoint = url, .headers = headers,
                                                   .log = kept_log_fn, .log_data = &said),
                                &otlp, NULL),
                 0));
    return otlp;
}

static void play_redirect(struct peer *peer) {
    weir_otlp *otlp = open_with_token(peer_url(peer));
    end_spans(otlp, N_SPANS);
    cr_expect(eq(int, weir_otlp_flush(otlp, DECISION_MS), WEIR_E_IO));
    cr_expect(eq(u64, stats_of(otlp).dropped[WEIR_DROP_EXPORT_FAILED], N_SPANS));
    cr_expect(eq(sz, peer_n_requests(peer), 1));
    cr_expect(peer_head_has(peer_head(peer, 0), "authorization", "Bearer secret"));
    cr_expect(eq(int, weir_otlp_close(otlp, CLOSE_MS), 0));
}

Test(collector_faults, credentials_never_go_to_another_host) {
    const struct peer_step takes_all = {.status = 200};
    struct peer *other = peer_start(&takes_all, 1);
    char location[128];
    snprintf(location, sizeof location, "Location: %s/v1/traces\r\n", peer_url(other));
    const struct peer_step sends_away = {.status = 307, .headers = location};
    struct peer *peer = peer_start(&sends_away, 1);
    play_redirect(peer);
    cr_expect(eq(sz, peer_n_connections(other), 0));
    peer_stop(peer);
    peer_stop(other);
}

Test(collector_faults, a_redirect_to_itself_is_not_followed) {
    char location[128] = "Location: /v1/traces\r\n";
    const struct peer_step sends_round = {.status = 308, .headers = location};
    struct peer *peer = peer_start(&sends_round, 1);
    play_redirect(peer);
    peer_stop(peer);
}

/* ---- a large request ---- */

/* libcurl would ask first, and wait a second for leave that many servers never give. */
Test(collector_faults, a_large_request_waits_for_no_100_continue) {
    enum { LARGE = 900 << 10 };
    static char text[LARGE];
    const struct peer_step takes_all = {.status = 200};
    struct peer *peer = peer_start(&takes_all, 1);
    weir_otlp *otlp = open_to(peer_url(peer));
    memset(text, 'x', sizeof text - 1);
    weir_otlp_span *span =
        weir_otlp_span_begin(weir_otlp_tracer_get(otlp, "faults", NULL, NULL), "large", NULL);
    const weir_value value = weir_value_string(text);
    weir_otlp_span_set(span, "text", &value);
    weir_otlp_span_end(span);
    cr_expect(eq(int, weir_otlp_flush(otlp, DECISION_MS), 0));
    cr_expect(peer_head_has(peer_head(peer, 0), "expect", NULL));
    size_t n_bytes;
    (void)peer_body(peer, 0, &n_bytes);
    cr_expect(gt(sz, n_bytes, LARGE));
    cr_expect(eq(int, weir_otlp_close(otlp, 1000), 0));
    peer_stop(peer);
}

/* ---- recovery ---- */

Test(collector_faults, a_loss_is_said_when_it_begins_and_when_it_ends) {
    const struct peer_step steps[] = {
        {.status = 400}, {.status = 400}, {.status = 400}, {.status = 200}, {.status = 200}};
    struct peer *peer = peer_start(steps, ARRAY_LENGTH(steps));
    weir_otlp *otlp = open_to(peer_url(peer));
    for (size_t i = 0; i < ARRAY_LENGTH(steps); i++) {
        end_spans(otlp, 1);
        cr_expect(eq(int, weir_otlp_flush(otlp, DECISION_MS), i < 3 ? WEIR_E_IO : 0));
    }
    cr_expect(eq(int, weir_otlp_close(otlp, 1000), 0));
    cr_expect(eq(uint, said.n, 2), "%s", said.text);
    cr_expect(kept_log_has(&said, "spans are being lost"));
    cr_expect(kept_log_has(&said, "spans arrive again; lost meanwhile: 3"));
    peer_stop(peer);
}

Test(collector_faults, what_is_retried_arrives_once_and_whole) {
    const struct peer_step steps[] = {
        {.status = 503}, {.act = PEER_CLOSE_IN_HEAD}, {.status = 200}};
    struct peer *peer = peer_start(steps, 3);
    weir_otlp *otlp = open_to(peer_url(peer));
    end_spans(otlp, N_SPANS);
    cr_expect(eq(int, weir_otlp_flush(otlp, 30000), 0));
    weir_otlp_stats stats = stats_of(otlp);
    expect_exact(&stats, N_SPANS);
    cr_expect(eq(u64, stats.acknowledged, N_SPANS));
    cr_expect(eq(u64, stats.export_retries, 2));
    size_t n_first, n_last;
    const uint8_t *first = peer_body(peer, 0, &n_first), *last = peer_body(peer, 2, &n_last);
    cr_assert(eq(sz, n_first, n_last));
    cr_expect(eq(int, memcmp(first, last, n_first), 0)); /* the same request (B28) */
    cr_expect(eq(int, weir_otlp_close(otlp, 1000), 0));
    peer_stop(peer);
}

/* ---- a full queue ---- */

Test(collector_faults, a_silent_peer_fills_the_queue_and_no_more) {
    const struct peer_step steps[] = {{.act = PEER_SILENT}};
    struct peer *peer = peer_start(steps, 1);
    weir_otlp *otlp;
    cr_assert(eq(
        int,
        weir_otlp_open(&WEIR_OTLP_OPTIONS(.endpoint = peer_url(peer), .max_queue_bytes = 64 << 10,
                                          .log = kept_log_fn, .log_data = &said),
                       &otlp, NULL),
        0));
    enum { MANY = 20000 };
    end_spans(otlp, MANY);
    weir_otlp_stats stats = stats_of(otlp);
    expect_exact(&stats, MANY);
    cr_expect(gt(u64, stats.dropped[WEIR_DROP_QUEUE_FULL], MANY / 2));
    cr_expect(le(u64, stats.queue_bytes, stats.queue_capacity_bytes));
    uint64_t began = now_ms();
    cr_expect(eq(int, weir_otlp_close(otlp, CLOSE_MS), WEIR_E_TIMEOUT));
    expect_in_time(began, CLOSE_MS, "close");
    peer_stop(peer);
}
