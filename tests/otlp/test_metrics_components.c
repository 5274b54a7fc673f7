/* Metrics: who speaks (conformance H9, H10), and on what terms (H11); in forked children, without
 * threads, with a spool. */
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <weir/error.h>

#include "otlp/common/macro.h"
#include "tests/support/child.h"
#include "tests/support/fault.h"
#include "tests/support/log.h"
#include "tests/support/metric_list.h"
#include "tests/support/opened.h"
#include "tests/support/peer.h"
#include "tests/support/script.h"
#include "tests/support/temp.h"

#define PROCESSOR                                                                                  \
    "otel.component.name=batching_span_processor/0,otel.component.type=batching_span_processor"
#define EXPORTER_OF(type, n) "otel.component.name=" type "/" n ",otel.component.type=" type
#define EXPORTER EXPORTER_OF("weir_custom_span_exporter", "0")

static struct kept_log said = KEPT_LOG_INIT;
static struct metric_list list;
static const struct script_step takes[] = {{.status = 200}};

static void begin(void) {
    setenv("OTEL_TRACES_EXPORTER", "none", 1);
    setenv("no_proxy", "*", 1);
}
TestSuite(metrics_components, .init = begin, .timeout = 60);

#define OPTIONS(...)                                                                               \
    &WEIR_OTLP_OPTIONS(.service_name = "s", .log = kept_log_fn, .log_data = &said,                 \
                       .has_schedule_delay_ms = true, .schedule_delay_ms = 3600000, __VA_ARGS__)

static uint64_t value(const char *name, const char *attributes) {
    return metric_value(&list, name, attributes);
}

/* ---- who (H9, H10) ---- */

static void expect_exporter(const char *attributes) {
    cr_expect(metric_find(&list, "otel.sdk.exporter.span.inflight", attributes) != NULL, "%s",
              attributes);
}

/* No two components have one name, and each carries its type in front of it. */
static void expect_names_apart(void) {
    for (size_t i = 0; i < list.n; i++) {
        const struct metric_row *a = &list.rows[i];
        for (size_t j = i + 1; j < list.n; j++) {
            const struct metric_row *b = &list.rows[j];
            cr_expect(strcmp(a->name, b->name) != 0 || strcmp(a->attributes, b->attributes) != 0,
                      "twice: %s{%s}", a->name, a->attributes);
        }
    }
}

Test(metrics_components, what_has_no_fixed_name_has_weirs_own) { /* (H9, H10) */
    struct script script;
    script_init(&script, takes, ARRAY_LENGTH(takes));
    const weir_transport transport = script_transport(&script);
    const weir_otlp_options *const more[] = {&WEIR_OTLP_OPTIONS(.output_path = "/dev/null"),
                                             &WEIR_OTLP_OPTIONS(.console = true)};
    weir_otlp *otlp = open_with(
        OPTIONS(.transport = &transport, .pipelines = more, .n_pipelines = ARRAY_LENGTH(more)));
    metric_list_read(&list, otlp);
    expect_exporter(EXPORTER);
    expect_exporter(EXPORTER_OF("weir_file_span_exporter", "0"));
    expect_exporter(EXPORTER_OF("weir_console_span_exporter", "0"));
    cr_expect(eq(sz, metric_n_rows(&list, "otel.sdk.processor.span.queue.size"), 3));
    expect_names_apart();
    cr_assert(eq(int, weir_otlp_close(otlp, 10000), 0));

    otlp = open_with(OPTIONS(.output_path = "/dev/null")); /* a number is never given twice */
    metric_list_read(&list, otlp);
    expect_exporter(EXPORTER_OF("weir_file_span_exporter", "1"));
    cr_expect(metric_find(&list, "otel.sdk.processor.span.processed",
                          EXPORTER_OF("batching_span_processor", "3")) != NULL);
    cr_assert(eq(int, weir_otlp_close(otlp, 10000), 0));
}

#ifdef HAS_HTTP
Test(metrics_components, types_have_the_fixed_names_and_their_server) { /* (H6, H9, H10) */
    const weir_otlp_protocol PROTOBUF = WEIR_OTLP_PROTOCOL_HTTP_PROTOBUF;
    const weir_otlp_protocol JSON = WEIR_OTLP_PROTOCOL_HTTP_JSON;
    const weir_otlp_options *const more[] = {
        &WEIR_OTLP_OPTIONS(.endpoint = "http://[::1]:9", .protocol = PROTOBUF),
        &WEIR_OTLP_OPTIONS(.endpoint = "https://json.example/x", .protocol = JSON),
        &WEIR_OTLP_OPTIONS(.endpoint = "http://g:4317", .protocol = WEIR_OTLP_PROTOCOL_GRPC),
        &WEIR_OTLP_OPTIONS(.endpoint = "http://h", .unix_socket = "/c.sock", .protocol = PROTOBUF),
    };
    unsetenv("OTEL_TRACES_EXPORTER");
    weir_otlp *otlp =
        open_with(OPTIONS(.endpoint = "http://user:secret@127.0.0.1:4318", .protocol = PROTOBUF,
                          .pipelines = more, .n_pipelines = ARRAY_LENGTH(more)));
    metric_list_read(&list, otlp);
    expect_exporter(
        EXPORTER_OF("otlp_http_span_exporter", "0") ",server.address=127.0.0.1,server.port=4318");
    expect_exporter(
        EXPORTER_OF("otlp_http_span_exporter", "1") ",server.address=::1,server.port=9");
    expect_exporter(EXPORTER_OF("otlp_http_json_span_exporter",
                                "0") ",server.address=json.example,server.port=443");
    expect_exporter(
        EXPORTER_OF("otlp_grpc_span_exporter", "0") ",server.address=g,server.port=4317");
    expect_exporter(EXPORTER_OF("otlp_http_span_exporter", "2") ",server.address=/c.sock");
    cr_expect(eq(sz, metric_n_rows(&list, "otel.sdk.processor.span.processed"), 5));
    expect_names_apart();
    cr_assert(eq(int, weir_otlp_close(otlp, 10000), 0));
}

Test(metrics_components, an_http_exporter_tells_the_status) { /* (H7, H8) */
    static const struct peer_step steps[] = {{.status = 200}, {.status = 400}, {.act = PEER_CLOSE}};
    struct peer *peer = peer_start(steps, ARRAY_LENGTH(steps));
    unsetenv("OTEL_TRACES_EXPORTER");
    weir_otlp *otlp =
        open_with(OPTIONS(.endpoint = peer_url(peer), .has_timeout_ms = true,
                          .protocol = WEIR_OTLP_PROTOCOL_HTTP_PROTOBUF, .timeout_ms = 200));
    for (int i = 0; i < 3; i++) {
        end_spans(otlp, 1);
        (void)weir_otlp_flush(otlp, 10000);
    }
    metric_list_read(&list, otlp);
    char exporter[256], attributes[320];
    snprintf(exporter, sizeof exporter, "%s,server.address=127.0.0.1,server.port=%s",
             EXPORTER_OF("otlp_http_span_exporter", "0"), strrchr(peer_url(peer), ':') + 1);
    cr_expect(eq(u64, value("otel.sdk.exporter.span.exported", exporter), 1));
    static const char *const ends[] = {",http.response.status_code=200",
                                       ",error.type=400,http.response.status_code=400",
                                       ",error.type=io_error"};
    for (size_t i = 0; i < ARRAY_LENGTH(ends); i++) {
        snprintf(attributes, sizeof attributes, "%s%s", exporter, ends[i]);
        const struct metric_row *row =
            metric_find(&list, "otel.sdk.exporter.operation.duration", attributes);
        cr_assert(row != NULL, "%s", ends[i]);
        cr_expect(eq(u64, row->count, 1));
        cr_expect(row->sum > 0);
    }
    (void)weir_otlp_close(otlp, 10000);
    peer_stop(peer);
}
#endif

/* ---- on what terms (H11) ---- */

struct feedback {
    weir_otlp *otlp;
    unsigned n_calls;
};

static void record_a_span(const weir_metric *metric, void *data) {
    struct feedback *feedback = data;
    cr_assert(metric->size == sizeof *metric && *metric->description != '\0');
    feedback->n_calls++;
    end_spans(feedback->otlp, 1);
    (void)weir_otlp_flush(feedback->otlp, 10000); /* no lock is held */
}

Test(metrics_components, asking_neither_records_nor_sends) { /* (H11) */
    struct script script;
    script_init(&script, takes, ARRAY_LENGTH(takes));
    const weir_transport transport = script_transport(&script);
    weir_otlp *otlp = open_with(OPTIONS(.transport = &transport));
    for (int i = 0; i < 3; i++) {
        metric_list_read(&list, otlp);
    }
    cr_expect(eq(sz, metric_n_rows(&list, "otel.sdk.span.started"), 0));
    cr_expect(eq(sz, script_n_posts(&script), 0));

    struct feedback feedback = {.otlp = otlp};
    cr_assert(eq(int, weir_otlp_each_metric(otlp, record_a_span, &feedback), 0));
    metric_list_read(&list, otlp);
    cr_expect(eq(u64, value("otel.sdk.exporter.span.exported", EXPORTER), feedback.n_calls));
    cr_expect(le(u32, feedback.n_calls, 9)); /* what was there before, not what the calls made */
    cr_assert(eq(int, weir_otlp_close(otlp, 10000), 0));
}

Test(metrics_components, takes_null_and_does_without_memory) {
    weir_otlp *otlp = open_with(OPTIONS(.output_path = "/dev/null"));
    cr_expect(eq(int, weir_otlp_each_metric(NULL, metric_list_add, &list), 0));
    cr_expect(eq(int, weir_otlp_each_metric(NULL, NULL, NULL), WEIR_E_INVALID));
    cr_expect(eq(int, weir_otlp_each_metric(otlp, NULL, NULL), WEIR_E_INVALID));
    cr_expect(eq(sz, list.n, 0));
    FAULT_FOR_EACH_ALLOCATION(n) {
        list.n = 0;
        int error = weir_otlp_each_metric(otlp, metric_list_add, &list);
        cr_expect(eq(int, error, fault_has_struck() ? WEIR_E_NO_MEMORY : 0));
        cr_expect(error == 0 || list.n == 0);
    }
    cr_assert(eq(int, weir_otlp_close(otlp, 10000), 0));
}

/* ---- forked children, hosts without threads, spools ---- */

#define BY_ROOT "otel.span.parent.origin=none,otel.span.sampling_result=RECORD_AND_SAMPLE"

static int look_in_child(void *data) {
    weir_otlp *otlp = data;
    if (weir_otlp_each_metric(otlp, metric_list_add, &list) != 0) {
        return __LINE__;
    }
    CHILD_EXPECT(value("otel.sdk.span.started", BY_ROOT) == 4);
    CHILD_EXPECT(value("otel.sdk.processor.span.processed", PROCESSOR ",error.type=forked_child") ==
                 4);
    CHILD_EXPECT(value("otel.sdk.processor.span.processed", PROCESSOR) == 0);
    CHILD_EXPECT(value("otel.sdk.span.live", "otel.span.sampling_result=RECORD_AND_SAMPLE") == 0);
    CHILD_EXPECT(value("otel.sdk.exporter.span.exported", EXPORTER) == 0);
    CHILD_EXPECT(metric_n_rows(&list, "otel.sdk.exporter.operation.duration") == 0);
    end_spans(otlp, 2);
    CHILD_EXPECT(weir_otlp_flush(otlp, 10000) == 0);
    list.n = 0;
    CHILD_EXPECT(weir_otlp_each_metric(otlp, metric_list_add, &list) == 0);
    CHILD_EXPECT(value("otel.sdk.span.started", BY_ROOT) == 6);
    CHILD_EXPECT(value("otel.sdk.exporter.span.exported", EXPORTER) == 2);
    CHILD_EXPECT(metric_find(&list, "otel.sdk.exporter.operation.duration", EXPORTER) != NULL);
    return 0;
}

Test(metrics_components, a_forked_child_tells_of_itself) { /* (H1-H8) */
    struct script script;
    script_init(&script, takes, ARRAY_LENGTH(takes));
    const weir_transport transport = script_transport(&script);
    weir_otlp *otlp = open_with(OPTIONS(.transport = &transport));
    end_spans(otlp, 2);
    cr_assert(eq(int, weir_otlp_flush(otlp, 10000), 0));
    end_spans(otlp, 3);
    weir_otlp_span *live =
        weir_otlp_span_begin(weir_otlp_tracer_get(otlp, "t", NULL, NULL), "live", NULL);
    list.n = 0;
    expect_in_child(look_in_child, otlp);
    weir_otlp_span_end(live);
    metric_list_read(&list, otlp);
    cr_expect(eq(u64, value("otel.sdk.span.started", BY_ROOT), 6));
    cr_expect(eq(u64, value("otel.sdk.exporter.span.exported", EXPORTER), 2));
    cr_assert(eq(int, weir_otlp_close(otlp, 10000), 0));
}

static int take_at_once(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline_ns,
                        weir_transport_response *response, weir_error_detail *detail) {
    (void)data, (void)body, (void)n_bytes, (void)deadline_ns, (void)detail;
    response->http_status = 200;
    return 0;
}

Test(metrics_components, a_host_without_threads_has_the_same) { /* (H3-H8) */
    weir_transport transport = WEIR_TRANSPORT_INIT;
    transport.post = take_at_once;
    weir_otlp *otlp =
        open_with(OPTIONS(.transport = &transport, .no_thread = true, .max_export_spans = 2));
    end_spans(otlp, 3); /* two are pushed, one waits for company */
    metric_list_read(&list, otlp);
    cr_expect(eq(u64, value("otel.sdk.processor.span.queue.size", PROCESSOR), 3));
    (void)weir_otlp_tick(otlp);
    metric_list_read(&list, otlp);
    cr_expect(eq(u64, value("otel.sdk.processor.span.queue.size", PROCESSOR), 1));
    cr_expect(eq(u64, value("otel.sdk.processor.span.processed", PROCESSOR), 2));
    cr_expect(eq(u64, value("otel.sdk.exporter.span.exported", EXPORTER), 2));
    const struct metric_row *row =
        metric_find(&list, "otel.sdk.exporter.operation.duration", EXPORTER);
    cr_assert(row != NULL);
    cr_expect(eq(u64, row->count, 1));
    cr_assert(eq(int, weir_otlp_close(otlp, 10000), 0));
}

Test(metrics_components, what_the_spool_gives_back_is_exported_again) { /* (H5, H7) */
    static const struct script_step fails_once[] = {{.status = 503, .retry_after_ms = 1000},
                                                    {.status = 200}};
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    struct script script;
    script_init(&script, fails_once, ARRAY_LENGTH(fails_once));
    const weir_transport transport = script_transport(&script);
    weir_otlp *otlp = open_with(OPTIONS(.transport = &transport, .spool_dir = dir,
                                        .has_timeout_ms = true, .timeout_ms = 500));
    end_spans(otlp, 2);
    cr_expect(eq(int, weir_otlp_flush(otlp, 10000), WEIR_E_TIMEOUT)); /* left to the spool */
    end_spans(otlp, 1);
    (void)weir_otlp_flush(otlp, 10000); /* the endpoint answers: the others follow */
    weir_otlp_stats stats = {.size = sizeof stats};
    do {
        sched_yield();
        weir_otlp_get_stats(otlp, &stats);
    } while (stats.acknowledged < 3);
    metric_list_read(&list, otlp);
    cr_expect(eq(u64, value("otel.sdk.processor.span.processed", PROCESSOR), 5));
    cr_expect(eq(u64, value("otel.sdk.exporter.span.exported", EXPORTER), 3));
    cr_expect(eq(u64, value("otel.sdk.exporter.span.exported", EXPORTER ",error.type=503"), 2));
    cr_assert(eq(int, weir_otlp_close(otlp, 10000), 0));
}
