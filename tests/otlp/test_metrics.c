/* The metrics that an SDK has of itself, otel.sdk.* (conformance H1-H11). */
#include <stdlib.h>
#include <string.h>

#include <weir/error.h>

#include "otlp/common/clock.h"
#include "otlp/common/macro.h"
#include "otlp/exporter_state.h"
#include "otlp/grpc_status.h"
#include "otlp/provider.h"
#include "otlp/response.h"
#include "tests/support/child.h"
#include "tests/support/fault.h"
#include "tests/support/log.h"
#include "tests/support/metric_list.h"
#include "tests/support/opened.h"
#include "tests/support/script.h"
#include "tests/support/temp.h"

#define STARTED "otel.sdk.span.started"
#define LIVE "otel.sdk.span.live"
#define QUEUE_SIZE "otel.sdk.processor.span.queue.size"
#define QUEUE_CAPACITY "otel.sdk.processor.span.queue.capacity"
#define PROCESSED "otel.sdk.processor.span.processed"
#define IN_FLIGHT "otel.sdk.exporter.span.inflight"
#define EXPORTED "otel.sdk.exporter.span.exported"
#define DURATION "otel.sdk.exporter.operation.duration"

#define PROCESSOR                                                                                  \
    "otel.component.name=batching_span_processor/0,otel.component.type=batching_span_processor"
#define EXPORTER                                                                                   \
    "otel.component.name=weir_custom_span_exporter/0,"                                             \
    "otel.component.type=weir_custom_span_exporter"
#define BY(origin, result) "otel.span.parent.origin=" origin ",otel.span.sampling_result=" result

static struct kept_log said = KEPT_LOG_INIT;
static struct metric_list list;

static void begin(void) {
    setenv("OTEL_TRACES_EXPORTER", "none", 1);
    unsetenv("OTEL_BSP_MAX_QUEUE_SIZE");
}
TestSuite(metrics, .init = begin, .timeout = 60);

/* Ended spans wait until they are asked for. */
#define OPTIONS(...)                                                                               \
    &WEIR_OTLP_OPTIONS(.service_name = "s", .log = kept_log_fn, .log_data = &said,                 \
                       .has_schedule_delay_ms = true, .schedule_delay_ms = 3600000, __VA_ARGS__)

static weir_otlp_span *begin_below(weir_otlp *otlp, const char *name,
                                   const weir_otlp_context *parent) {
    weir_otlp_tracer *tracer = weir_otlp_tracer_get(otlp, "t", NULL, NULL);
    return weir_otlp_span_begin(tracer, name, &WEIR_OTLP_SPAN_OPTIONS(.parent = parent));
}

static uint64_t value(const char *name, const char *attributes) {
    return metric_value(&list, name, attributes);
}

/* ---- a transport that answers at once, one answer a post; the last one is repeated ---- */

struct answer {
    int error;
    weir_transport_response response;
};

struct answers {
    const struct answer *of;
    size_t n, n_posts;
};

static int post_answer(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline_ns,
                       weir_transport_response *response, weir_error_detail *detail) {
    struct answers *answers = data;
    (void)body, (void)n_bytes, (void)deadline_ns, (void)detail;
    const struct answer *answer = &answers->of[MIN(answers->n_posts, answers->n - 1)];
    answers->n_posts++;
    int64_t retry_after_ms = response->retry_after_ms;
    *response = answer->response;
    response->retry_after_ms = retry_after_ms;
    return answer->error;
}

static weir_transport transport_of(struct answers *answers) {
    weir_transport transport = WEIR_TRANSPORT_INIT;
    transport.post = post_answer;
    transport.data = answers;
    return transport;
}
#define ANSWERS(list)                                                                              \
    { .of = (list), .n = ARRAY_LENGTH(list) }

#define HTTP(status)                                                                               \
    {                                                                                              \
        .response = {.http_status = (status) }                                                     \
    }
#define GRPC(status)                                                                               \
    {                                                                                              \
        .response = {.http_status = 200, .has_grpc_status = true, .grpc_status = (status) }        \
    }

static const struct answer takes[] = {HTTP(200)};
static const struct script_step is_silent[] = {{.wait = SCRIPT_UNTIL_CANCELLED}};

/* ---- spans (H1, H2) ---- */

static void decide_by_name(void *data, const weir_sampling_params *params,
                           weir_sampling_result *result) {
    (void)data;
    result->decision = strcmp(params->name, "drop") == 0   ? WEIR_SAMPLING_DROP
                       : strcmp(params->name, "only") == 0 ? WEIR_SAMPLING_RECORD_ONLY
                                                           : WEIR_SAMPLING_RECORD_AND_SAMPLE;
}

static const weir_sampler by_name = {.should_sample = decide_by_name};

Test(metrics, every_created_span_is_started_by_origin_and_result) { /* (H1) */
    struct answers answers = ANSWERS(takes);
    const weir_transport transport = transport_of(&answers);
    weir_otlp *otlp = open_with(OPTIONS(.transport = &transport, .sampler = &by_name));
    weir_otlp_span *root = begin_below(otlp, "root", NULL);
    weir_otlp_context local = weir_otlp_span_context(root), remote = local;
    remote.is_remote = true;
    for (int i = 0; i < 3; i++) {
        weir_otlp_span_end(begin_below(otlp, "drop", i > 0 ? &remote : NULL));
    }
    weir_otlp_span_end(begin_below(otlp, "only", &local));
    metric_list_read(&list, otlp);
    cr_expect(eq(u64, value(STARTED, BY("none", "RECORD_AND_SAMPLE")), 1));
    cr_expect(eq(u64, value(STARTED, BY("none", "DROP")), 1));
    cr_expect(eq(u64, value(STARTED, BY("remote", "DROP")), 2));
    cr_expect(eq(u64, value(STARTED, BY("local", "RECORD_ONLY")), 1));
    cr_expect(eq(sz, metric_n_rows(&list, STARTED), 4)); /* nothing that was never counted */
    const struct metric_row *row = metric_find(&list, STARTED, BY("none", "DROP"));
    cr_expect(eq(int, row->instrument, WEIR_INSTRUMENT_COUNTER));
    expect_text(row->unit, "{span}");
    weir_otlp_span_end(root);
    cr_assert(eq(int, weir_otlp_close(otlp, 10000), 0));
}

static void expect_live(weir_otlp *otlp, uint64_t n_sampled, uint64_t n_only) {
    metric_list_read(&list, otlp);
    const struct metric_row *row =
        metric_find(&list, LIVE, "otel.span.sampling_result=RECORD_AND_SAMPLE");
    cr_assert(row != NULL);
    cr_expect(eq(int, row->instrument, WEIR_INSTRUMENT_UP_DOWN_COUNTER));
    cr_expect(eq(u64, row->value, n_sampled));
    cr_expect(eq(u64, value(LIVE, "otel.span.sampling_result=RECORD_ONLY"), n_only));
    cr_expect(eq(sz, metric_n_rows(&list, LIVE), 2)); /* never one of DROP */
}

static void expect_life(weir_otlp *otlp) {
    static const char *const names[] = {"drop", "only", "sample", "sample", "only", "sample"};
    weir_otlp_span *spans[ARRAY_LENGTH(names)];
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        spans[i] = begin_below(otlp, names[i], NULL);
    }
    expect_live(otlp, 3, 2);
    for (size_t i = 0; i < 3; i++) {
        weir_otlp_span_end(spans[i]);
    }
    expect_live(otlp, 2, 1);
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        weir_otlp_span_end(spans[i]); /* the second end of some, which counts for nothing */
    }
    expect_live(otlp, 0, 0);
}

Test(metrics, live_spans_record_and_have_not_ended) { /* (H2) */
    struct answers answers = ANSWERS(takes);
    const weir_transport transport = transport_of(&answers);
    weir_otlp *otlp = open_with(OPTIONS(.transport = &transport, .sampler = &by_name));
    expect_life(otlp);
    cr_assert(eq(int, weir_otlp_close(otlp, 10000), 0));
}

Test(metrics, spans_for_processors_alone_live_too) { /* (H2) */
    const weir_processor processor = WEIR_PROCESSOR(.data = NULL);
    const weir_processor *const processors[] = {&processor};
    weir_otlp *otlp =
        open_with(OPTIONS(.processors = processors, .n_processors = 1, .sampler = &by_name));
    expect_life(otlp);
    cr_expect(eq(sz, metric_n_rows(&list, PROCESSED), 0)); /* there is no pipeline */
    cr_assert(eq(int, weir_otlp_close(otlp, 10000), 0));
}

Test(metrics, what_records_nothing_has_no_live_spans) { /* (H1, H2) */
    weir_otlp *otlp = open_with(OPTIONS(.has_disabled = true, .disabled = true));
    weir_otlp_span *span = begin_below(otlp, "a", NULL);
    metric_list_read(&list, otlp);
    cr_expect(
        eq(u64, value(STARTED, BY("none", "RECORD_AND_SAMPLE")), 1)); /* created all the same */
    cr_expect(eq(sz, metric_n_rows(&list, LIVE), 0));
    weir_otlp_span_end(span);
    cr_assert(eq(int, weir_otlp_close(otlp, 10000), 0));
}

Test(metrics, a_span_without_memory_is_started_and_lost) { /* (H1, H5) */
    struct answers answers = ANSWERS(takes);
    const weir_transport transport = transport_of(&answers);
    weir_otlp *otlp = open_with(OPTIONS(.transport = &transport));
    weir_otlp_tracer *tracer = weir_otlp_tracer_get(otlp, "t", NULL, NULL);
    weir_otlp_context unsampled = {.trace_id = {1}, .span_id = {1}};
    if (fault_is_available()) {
        (void)fault_arm(1, true);
        weir_otlp_span *span =
            weir_otlp_span_begin(tracer, "a", &WEIR_OTLP_SPAN_OPTIONS(.parent = &unsampled));
        fault_disarm();
        cr_assert(eq(ptr, span, NULL));
        metric_list_read(&list, otlp);
        cr_expect(eq(u64, value(STARTED, BY("local", "RECORD_AND_SAMPLE")), 1));
        cr_expect(eq(u64, value(PROCESSED, PROCESSOR ",error.type=no_memory"), 1));
        expect_live(otlp, 0, 0);
    }
    cr_assert(eq(int, weir_otlp_close(otlp, 10000), 0));
}

/* ---- the queue (H3, H4) ---- */

Test(metrics, the_queue_has_a_size_and_by_count_a_capacity) { /* (H3, H4) */
    struct answers answers = ANSWERS(takes);
    const weir_transport transport = transport_of(&answers);
    weir_otlp *otlp = open_with(OPTIONS(.transport = &transport));
    end_spans(otlp, 3);
    metric_list_read(&list, otlp);
    const struct metric_row *row = metric_find(&list, QUEUE_SIZE, PROCESSOR);
    cr_assert(row != NULL);
    cr_expect(eq(u64, row->value, 3));
    cr_expect(eq(int, row->instrument, WEIR_INSTRUMENT_UP_DOWN_COUNTER));
    cr_expect(eq(sz, metric_n_rows(&list, QUEUE_CAPACITY), 0)); /* bytes alone limit it */
    cr_expect(eq(u64, value("weir.processor.memory.limit", PROCESSOR), 4 << 20));
    cr_expect(gt(u64, value("weir.processor.memory.usage", PROCESSOR), 0));
    cr_assert(eq(int, weir_otlp_flush(otlp, 10000), 0));
    metric_list_read(&list, otlp);
    cr_expect(eq(u64, value(QUEUE_SIZE, PROCESSOR), 0));
    cr_assert(eq(int, weir_otlp_close(otlp, 10000), 0));

    setenv("OTEL_BSP_MAX_QUEUE_SIZE", "7", 1);
    otlp = open_with(OPTIONS(.transport = &transport));
    metric_list_read(&list, otlp);
    cr_expect(eq(sz, metric_n_rows(&list, QUEUE_CAPACITY), 1));
    cr_expect(eq(u64,
                 value(QUEUE_CAPACITY, "otel.component.name=batching_span_processor/1,"
                                       "otel.component.type=batching_span_processor"),
                 7));
    cr_assert(eq(int, weir_otlp_close(otlp, 10000), 0));
}

/* ---- processed (H5), in flight (H6) ---- */

Test(metrics, spans_are_processed_when_their_export_begins) { /* (H5, H6) */
    struct script script;
    script_init(&script, is_silent, ARRAY_LENGTH(is_silent));
    const weir_transport transport = script_transport(&script);
    weir_otlp *otlp =
        open_with(OPTIONS(.transport = &transport, .has_timeout_ms = true, .max_queue_spans = 4));
    end_spans(otlp, 3);
    cr_expect(eq(int, weir_otlp_flush(otlp, 0), WEIR_E_TIMEOUT));
    script_wait_posts(&script, 1);
    end_spans(otlp, 3); /* one of them finds room */
    metric_list_read(&list, otlp);
    cr_expect(eq(u64, value(PROCESSED, PROCESSOR), 3));
    cr_expect(eq(u64, value(PROCESSED, PROCESSOR ",error.type=queue_full"), 2));
    cr_expect(eq(u64, value(QUEUE_SIZE, PROCESSOR), 1));
    cr_expect(eq(u64, value(IN_FLIGHT, EXPORTER), 3));
    cr_expect(eq(u64, value(EXPORTED, EXPORTER), 0));
    cr_expect(eq(sz, metric_n_rows(&list, DURATION), 0));
    script_release(&script);
    cr_expect(eq(int, weir_otlp_flush(otlp, 10000), 0));
    metric_list_read(&list, otlp);
    cr_expect(eq(u64, value(PROCESSED, PROCESSOR), 4));
    cr_expect(eq(u64, value(IN_FLIGHT, EXPORTER), 0));
    cr_expect(eq(u64, value(EXPORTED, EXPORTER), 4));
    cr_assert(eq(int, weir_otlp_close(otlp, 10000), 0));
}

Test(metrics, spans_are_in_flight_between_attempts) { /* (H6, H7, H8) */
    static const struct script_step wants_a_pause[] = {{.status = 503, .retry_after_ms = 3600000}};
    struct script script;
    script_init(&script, wants_a_pause, ARRAY_LENGTH(wants_a_pause));
    const weir_transport transport = script_transport(&script);
    weir_otlp *otlp = open_with(
        OPTIONS(.transport = &transport, .has_timeout_ms = true, .has_export_timeout_ms = true));
    end_spans(otlp, 2);
    cr_expect(eq(int, weir_otlp_flush(otlp, 100), WEIR_E_TIMEOUT));
    script_wait_posts(&script, 1);
    metric_list_read(&list, otlp);
    cr_expect(eq(u64, value(IN_FLIGHT, EXPORTER), 2));
    cr_expect(eq(u64, value(EXPORTED, EXPORTER), 0)); /* not before the last attempt */
    cr_expect(eq(sz, metric_n_rows(&list, DURATION), 0));
    cr_expect(eq(int, weir_otlp_close(otlp, 0), WEIR_E_TIMEOUT));
}

Test(metrics, spans_that_come_after_the_shutdown_are_told_apart) { /* (H5) */
    struct answers answers = ANSWERS(takes);
    const weir_transport transport = transport_of(&answers);
    weir_otlp *otlp = open_with(OPTIONS(.transport = &transport));
    end_spans(otlp, 1);
    exporter_halt(otlp->exporter, UINT64_MAX); /* as the exit of the process does */
    end_spans(otlp, 2);
    cr_expect(eq(int, weir_otlp_flush(otlp, 10000), WEIR_E_IO));
    metric_list_read(&list, otlp);
    cr_expect(eq(u64, value(PROCESSED, PROCESSOR), 1));
    cr_expect(eq(u64, value(PROCESSED, PROCESSOR ",error.type=already_shutdown"), 2));
    cr_expect(eq(u64, value(QUEUE_SIZE, PROCESSOR), 0));
    weir_otlp_stats stats = {.size = sizeof stats};
    weir_otlp_get_stats(otlp, &stats);
    cr_expect(eq(u64, stats.dropped[WEIR_DROP_SHUTDOWN_DEADLINE], 2));
    cr_expect(eq(u64, stats.acknowledged, 1));
    end_spans(otlp, 3);
    cr_expect(eq(int, weir_otlp_close(otlp, 10000), WEIR_E_TIMEOUT)); /* it tells of all five */
    cr_expect(strstr(said.text, "5 spans were not sent before the close") != NULL, "%s", said.text);
}

/* ---- how exports end (H7, H8) ---- */

/* Each answer takes `n` spans that end together; the metrics are in `list` afterwards. */
static weir_otlp *export_each(const weir_transport *transport, size_t n_exports, unsigned n) {
    weir_otlp *otlp = open_with(OPTIONS(.transport = transport));
    for (size_t i = 0; i < n_exports; i++) {
        end_spans(otlp, n);
        (void)weir_otlp_flush(otlp, 10000);
    }
    metric_list_read(&list, otlp);
    return otlp;
}

static void expect_duration(const char *attributes, uint64_t n) {
    const struct metric_row *row = metric_find(&list, DURATION, attributes);
    cr_assert(row != NULL, "%s", attributes);
    cr_expect(eq(int, row->instrument, WEIR_INSTRUMENT_HISTOGRAM));
    expect_text(row->unit, "s");
    cr_expect(eq(u64, row->count, n));
    cr_expect(row->sum >= 0 && row->sum < 30);
}

Test(metrics, a_failed_export_says_why) { /* (H7, H8) */
    static const struct answer all[] = {HTTP(400),
                                        {.error = WEIR_E_TOO_LARGE},
                                        HTTP(404),
                                        HTTP(400),
                                        GRPC(GRPC_INVALID_ARGUMENT),
                                        GRPC(77),
                                        HTTP(202),
                                        GRPC(GRPC_OK)};
    struct answers answers = ANSWERS(all);
    const weir_transport transport = transport_of(&answers);
    weir_otlp *otlp = export_each(&transport, ARRAY_LENGTH(all), 2);
    cr_expect(eq(u64, value(EXPORTED, EXPORTER), 4)); /* without error.type (MUST NOT) */
    cr_expect(eq(u64, value(EXPORTED, EXPORTER ",error.type=400"), 4));
    cr_expect(eq(u64, value(EXPORTED, EXPORTER ",error.type=404"), 2));
    cr_expect(eq(u64, value(EXPORTED, EXPORTER ",error.type=too_large"), 2));
    cr_expect(eq(u64, value(EXPORTED, EXPORTER ",error.type=INVALID_ARGUMENT"), 2));
    cr_expect(eq(u64, value(EXPORTED, EXPORTER ",error.type=UNKNOWN"), 2));
    cr_expect(eq(sz, metric_n_rows(&list, EXPORTED), 6));
    cr_expect(eq(u64, value(PROCESSED, PROCESSOR), 2 * ARRAY_LENGTH(all))); /* all the same */
    expect_duration(EXPORTER ",error.type=400", 2);
    expect_duration(EXPORTER ",error.type=too_large", 1);
    expect_duration(EXPORTER ",error.type=INVALID_ARGUMENT,rpc.status_code=INVALID_ARGUMENT", 1);
    expect_duration(EXPORTER ",rpc.status_code=OK", 1);
    expect_duration(EXPORTER, 1);
    weir_otlp_stats stats = {.size = sizeof stats};
    weir_otlp_get_stats(otlp, &stats);
    cr_expect(eq(u64, stats.exports, ARRAY_LENGTH(all)));
    cr_expect(eq(u64, stats.processed, 2 * ARRAY_LENGTH(all)));
    (void)weir_otlp_close(otlp, 10000);
}

Test(metrics, an_export_is_observed_once_with_its_retries) { /* (H7, H8) */
    static const struct answer all[] = {HTTP(503), {.error = WEIR_E_IO}, HTTP(200)};
    struct answers answers = ANSWERS(all);
    const weir_transport transport = transport_of(&answers);
    weir_otlp *otlp = export_each(&transport, 1, 3);
    cr_expect(eq(u64, value(EXPORTED, EXPORTER), 3));
    cr_expect(eq(sz, metric_n_rows(&list, EXPORTED), 1));
    const struct metric_row *row = metric_find(&list, DURATION, EXPORTER);
    cr_assert(row != NULL);
    cr_expect(eq(u64, row->count, 1));
    cr_expect(row->sum >= 0.75, "%f", row->sum); /* the pauses are part of it: 0.25 s and 0.5 s */
    weir_otlp_stats stats = {.size = sizeof stats};
    weir_otlp_get_stats(otlp, &stats);
    cr_expect(eq(u64, stats.exports, 1));
    cr_expect(ge(u64, stats.export_ns, 750000000));
    cr_expect(eq(u64, stats.export_requests, 3));
    cr_assert(eq(int, weir_otlp_close(otlp, 10000), 0));
}

Test(metrics, a_rejected_span_has_failed) { /* (H7, H8) */
    struct buf body;
    buf_init(&body, 4096);
    response_write_partial(&body, &(struct response_partial){.n_rejected = 2});
    const struct answer all[] = {
        {.response = {.http_status = 200, .body = body.data, .n_bytes = body.n_bytes}}, HTTP(200)};
    struct answers answers = ANSWERS(all);
    const weir_transport transport = transport_of(&answers);
    weir_otlp *otlp = export_each(&transport, 2, 3);
    cr_expect(eq(u64, value(EXPORTED, EXPORTER), 4));
    cr_expect(eq(u64, value(EXPORTED, EXPORTER ",error.type=rejected"), 2));
    expect_duration(EXPORTER, 1);
    expect_duration(EXPORTER ",error.type=rejected", 1); /* partial success is no success */
    cr_assert(eq(int, weir_otlp_close(otlp, 10000), 0));
    buf_deinit(&body);
}

Test(metrics, a_peers_codes_cannot_grow_without_bound) { /* (H8, H10) */
    static struct answer all[200];
    for (size_t i = 0; i < ARRAY_LENGTH(all); i++) {
        all[i].response.http_status = (int)i + 200;
    }
    struct answers answers = ANSWERS(all);
    const weir_transport transport = transport_of(&answers);
    weir_otlp *otlp = export_each(&transport, ARRAY_LENGTH(all), 1); /* 200 to 399 */
    cr_expect(eq(u64, value(EXPORTED, EXPORTER), 100));
    cr_expect(eq(u64, value(EXPORTED, EXPORTER ",error.type=_OTHER"), 100));
    cr_expect(le(sz, metric_n_rows(&list, DURATION), TALLIES_MAX_KINDS));
    (void)weir_otlp_close(otlp, 10000);
}
