/*
 * A whole pipeline over gRPC: what is retried arrives once, what is not is counted, and flush and
 * close return by their deadline.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/otlp.h>

#include "otlp/common/macro.h"
#include "tests/support/expect.h"
#include "tests/support/grpc_peer.h"
#include "tests/support/log.h"

enum { N_SPANS = 10 };

static struct kept_log said = KEPT_LOG_INIT;

static void begin(void) {
    setenv("no_proxy", "*", 1);
    unsetenv("OTEL_TRACES_EXPORTER");
    unsetenv("OTEL_EXPORTER_OTLP_HEADERS");
}
TestSuite(grpc_faults, .init = begin, .timeout = 60);

static const char *const OK[] = {"grpc-status", "0", NULL};
/* type.googleapis.com/google.rpc.RetryInfo with 20 ms */
static const char *const EXHAUSTED_WITH_INFO[] = {
    "grpc-status", "8", "grpc-status-details-bin",
    "CAgaMwoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLlJldHJ5SW5mbxIHCgUQgNrECQ==", NULL};

static weir_otlp *open_to(struct grpc_peer *peer, weir_otlp_compression compression) {
    weir_otlp *otlp;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    int error = weir_otlp_open(
        &WEIR_OTLP_OPTIONS(.endpoint = grpc_peer_url(peer), .protocol = WEIR_OTLP_PROTOCOL_GRPC,
                           .compression = compression, .service_name = "faults",
                           .has_timeout_ms = true, .timeout_ms = 20000, .log = kept_log_fn,
                           .log_data = &said),
        &otlp, &detail);
    cr_assert(eq(int, error, 0), "%s", detail.message);
    return otlp;
}

static void end_spans(weir_otlp *otlp) {
    weir_otlp_tracer *tracer = weir_otlp_tracer_get(otlp, "faults", NULL, NULL);
    for (int i = 0; i < N_SPANS; i++) {
        weir_otlp_span_end(weir_otlp_span_begin(tracer, "span", NULL));
    }
}

static weir_otlp_stats stats_of(weir_otlp *otlp) {
    weir_otlp_stats stats = {.size = sizeof stats};
    weir_otlp_get_stats(otlp, &stats);
    return stats;
}

/* Ten spans, one flush, one close. */
static weir_otlp_stats play(const struct grpc_step *steps, size_t n_steps, int flushed,
                            size_t n_requests) {
    struct grpc_peer *peer = grpc_peer_start(steps, n_steps);
    weir_otlp *otlp = open_to(peer, WEIR_OTLP_COMPRESSION_NONE);
    end_spans(otlp);
    cr_expect(eq(int, weir_otlp_flush(otlp, 30000), flushed), "%s", said.text);
    weir_otlp_stats stats = stats_of(otlp);
    cr_expect(eq(int, weir_otlp_close(otlp, 5000), 0));
    cr_expect(eq(sz, grpc_peer_n_requests(peer), n_requests));
    for (size_t i = 1; i < n_requests; i++) { /* the same bytes, whatever attempt */
        size_t n_first, n_other;
        const uint8_t *first = grpc_peer_body(peer, 0, &n_first);
        const uint8_t *other = grpc_peer_body(peer, i, &n_other);
        cr_assert(eq(sz, n_other, n_first));
        cr_expect(eq(int, memcmp(first, other, n_first), 0));
    }
    grpc_peer_stop(peer);
    return stats;
}

Test(grpc_faults, success) {
    const struct grpc_step step = {.body = "\0\0\0\0\0", .n_bytes = 5, .trailers = OK};
    weir_otlp_stats stats = play(&step, 1, 0, 1);
    cr_expect(eq(u64, stats.acknowledged, N_SPANS));
    cr_expect(eq(uint, said.n, 0), "%s", said.text);
}

Test(grpc_faults, partial_success_is_counted_and_not_retried) {
    const struct grpc_step step = {
        .body = "\0\0\0\0\x0b\x0a\x09\x08\x07\x12\x05quota", .n_bytes = 16, .trailers = OK};
    weir_otlp_stats stats = play(&step, 1, WEIR_E_IO, 1); /* C14 */
    cr_expect(eq(u64, stats.acknowledged, N_SPANS - 7));
    cr_expect(eq(u64, stats.rejected, 7));
    cr_expect(kept_log_has(&said, "rejected 7 of the spans: quota"));
}

Test(grpc_faults, what_may_pass_is_tried_again) {
    static const char *const statuses[] = {"1", "4", "10", "11", "14", "15"};
    for (size_t i = 0; i < ARRAY_LENGTH(statuses); i++) { /* C15 */
        const char *const trailers[] = {"grpc-status", statuses[i], NULL};
        const struct grpc_step steps[] = {{.trailers = trailers}, {.trailers = OK}};
        weir_otlp_stats stats = play(steps, 2, 0, 2);
        cr_expect(eq(u64, stats.acknowledged, N_SPANS), "status %s", statuses[i]);
        cr_expect(eq(u64, stats.export_retries, 1), "status %s", statuses[i]);
    }
}

Test(grpc_faults, what_will_not_pass_is_given_up) {
    static const char *const statuses[] = {"2", "3", "5", "6", "7", "8", "9", "12", "13", "16"};
    for (size_t i = 0; i < ARRAY_LENGTH(statuses); i++) { /* C16, C17, C20 */
        const char *const trailers[] = {"grpc-status", statuses[i], "grpc-message", "no%20way",
                                        NULL};
        weir_otlp_stats stats = play(&(struct grpc_step){.trailers = trailers}, 1, WEIR_E_IO, 1);
        cr_expect(eq(u64, stats.dropped[WEIR_DROP_EXPORT_FAILED], N_SPANS), "status %s",
                  statuses[i]);
        cr_expect(eq(u64, stats.export_retries, 0), "status %s", statuses[i]);
    }
    cr_expect(kept_log_has(&said, "it says: \"no way\"")); /* C11 */
}

Test(grpc_faults, exhaustion_with_retry_info_is_tried_again) {
    const struct grpc_step steps[] = {{.trailers = EXHAUSTED_WITH_INFO}, {.trailers = OK}};
    weir_otlp_stats stats = play(steps, 2, 0, 2); /* C17, C18, C19 */
    cr_expect(eq(u64, stats.acknowledged, N_SPANS));
    cr_expect(eq(u64, stats.export_retries, 1));
}

Test(grpc_faults, broken_connections_are_tried_again) {
    static const struct grpc_step rows[] = {
        {.act = GRPC_PEER_CLOSE},
        {.act = GRPC_PEER_GOAWAY},
        {.act = GRPC_PEER_RESET, .reset_code = 8},
        {.http_status = "503", .content_type = "text/html", .body = "<html>", .n_bytes = 6}};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) { /* C8, C9, C10 */
        const struct grpc_step steps[] = {rows[i], {.trailers = OK}};
        struct grpc_peer *peer = grpc_peer_start(steps, 2);
        weir_otlp *otlp = open_to(peer, WEIR_OTLP_COMPRESSION_NONE);
        end_spans(otlp);
        cr_expect(eq(int, weir_otlp_flush(otlp, 30000), 0), "%zu: %s", i, said.text);
        cr_expect(eq(u64, stats_of(otlp).acknowledged, N_SPANS), "%zu", i);
        cr_expect(eq(int, weir_otlp_close(otlp, 5000), 0));
        grpc_peer_stop(peer);
    }
}

Test(grpc_faults, silence_is_left_by_the_deadline) {
    const struct grpc_step step = {.act = GRPC_PEER_SILENT};
    struct grpc_peer *peer = grpc_peer_start(&step, 1);
    weir_otlp *otlp = open_to(peer, WEIR_OTLP_COMPRESSION_NONE);
    end_spans(otlp);
    cr_expect(eq(int, weir_otlp_flush(otlp, 200), WEIR_E_TIMEOUT));
    cr_expect(eq(int, weir_otlp_close(otlp, 200), WEIR_E_TIMEOUT));
    grpc_peer_stop(peer);
}
