/* Whole providers with several pipelines (conformance B32, D34): options in, files and counts out.
 */
#include <dirent.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <weir/otlp.h>

#include "otlp/common/macro.h"
#include "otlp/destinations.h"
#include "tests/support/expect.h"
#include "tests/support/fault.h"
#include "tests/support/log.h"
#include "tests/support/opened.h"
#include "tests/support/script.h"
#include "tests/support/temp.h"

static const struct script_step takes[] = {{.status = 200}};
static const struct script_step refuses[] = {{.status = 400}};

static struct kept_log said = KEPT_LOG_INIT;
static char *dir;

static void begin(void) {
    setenv("OTEL_TRACES_EXPORTER", "none", 1);
    dir = temp_dir_new();
}
static void end(void) {
    temp_dir_remove(&dir);
}
TestSuite(destinations, .init = begin, .fini = end);

#define OPTIONS(...)                                                                               \
    &WEIR_OTLP_OPTIONS(.service_name = "s", .log = kept_log_fn, .log_data = &said, __VA_ARGS__)

static weir_otlp_stats stats_of(weir_otlp *otlp, size_t index) {
    weir_otlp_stats stats = {.size = sizeof stats};
    cr_assert(eq(int, weir_otlp_get_pipeline_stats(otlp, index, &stats), 0));
    uint64_t sum = stats.live + stats.not_sampled + stats.queued + stats.in_flight +
                   stats.acknowledged + stats.rejected;
    for (size_t i = 0; i < WEIR_N_DROP_CAUSES; i++) {
        sum += stats.dropped[i];
    }
    cr_assert(eq(u64, sum, stats.started)); /* the equation, for each */
    return stats;
}

Test(destinations, get_the_same_spans_and_count_for_themselves) {
    struct script first, second;
    script_init(&first, takes, 1);
    script_init(&second, refuses, 1);
    const weir_transport a = script_transport(&first), b = script_transport(&second);
    char *path CLEANUP(temp_path_free) = temp_path(dir, "spans.jsonl");
    const weir_otlp_options *const more[] = {&WEIR_OTLP_OPTIONS(.transport = &b),
                                             &WEIR_OTLP_OPTIONS(.output_path = path)};
    weir_otlp *otlp = open_with(OPTIONS(.transport = &a, .pipelines = more, .n_pipelines = 2));
    cr_assert(eq(sz, weir_otlp_n_pipelines(otlp), 3));
    weir_otlp_span *live =
        weir_otlp_span_begin(weir_otlp_tracer_get(otlp, "t", NULL, NULL), "live", NULL);
    end_spans(otlp, 10);
    cr_expect(eq(int, weir_otlp_flush(otlp, 10000), WEIR_E_IO)); /* one of them failed */
    cr_expect(eq(u64, stats_of(otlp, 0).acknowledged, 10));
    cr_expect(eq(u64, stats_of(otlp, 1).dropped[WEIR_DROP_EXPORT_FAILED], 10));
    cr_expect(eq(u64, stats_of(otlp, 2).acknowledged, 10));
    cr_expect(eq(u64, stats_of(otlp, 2).live, 1));
    cr_expect(eq(u64, stats_of(otlp, 2).queue_capacity_bytes, (4 << 20) / 3));
    weir_otlp_stats whole = {.size = sizeof whole};
    weir_otlp_get_stats(otlp, &whole);
    cr_expect(eq(u64, whole.acknowledged, 10)); /* the first one's */
    cr_expect(eq(u64, whole.queue_capacity_bytes, 4 << 20));
    weir_otlp_span_end(live);
    cr_expect(eq(int, weir_otlp_close(otlp, 10000), WEIR_E_IO)); /* the second loses it too */
    cr_expect(script_is_destroyed(&first) && script_is_destroyed(&second));
    char *text CLEANUP(temp_path_free) = temp_read(path, NULL);
    cr_expect(strstr(text, "\"name\":\"live\"") != NULL);
    cr_expect(kept_log_has(&said, "pipeline 2: spans are being lost: the answer was 400\n"));
}

Test(destinations, may_all_be_further_ones) {
    struct script script;
    script_init(&script, takes, 1);
    const weir_transport transport = script_transport(&script);
    const weir_otlp_options *const more[] = {&WEIR_OTLP_OPTIONS(.transport = &transport)};
    weir_otlp *otlp = open_with(OPTIONS(.pipelines = more, .n_pipelines = 1)); /* else none */
    cr_assert(eq(sz, weir_otlp_n_pipelines(otlp), 1));
    end_spans(otlp, 3);
    cr_expect(eq(int, weir_otlp_flush(otlp, 10000), 0));
    cr_expect(eq(u64, stats_of(otlp, 0).acknowledged, 3));
    cr_expect(eq(u64, stats_of(otlp, 0).queue_capacity_bytes, 4 << 20)); /* one alone has all */
    cr_expect(eq(int, weir_otlp_close(otlp, 10000), 0));
}

static void expect_refused(const weir_otlp_options *options, const char *words) {
    weir_otlp *otlp = NULL;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_expect(eq(int, weir_otlp_open(options, &otlp, &detail), WEIR_E_INVALID));
    cr_expect(otlp == NULL);
    cr_expect(strstr(detail.message, words) != NULL, "%s", detail.message);
}

Test(destinations, refuse_what_is_of_the_whole) {
    struct script script;
    script_init(&script, takes, 1);
    const weir_transport own = script_transport(&script);
    const weir_otlp_options *const nested[] = {&WEIR_OTLP_OPTIONS(.output_path = "-")};
    const struct {
        const weir_otlp_options *pipeline;
        const char *words;
    } rows[] = {
        {NULL, "pipelines[0]: use &WEIR_OTLP_OPTIONS()"},
        {&(weir_otlp_options){.endpoint = "http://h"}, "pipelines[0]: use &WEIR_OTLP_OPTIONS()"},
        {&WEIR_OTLP_OPTIONS(.service_name = "x"), "pipelines[0].service_name: set it in the"},
        {&WEIR_OTLP_OPTIONS(.has_schedule_delay_ms = true), "has_schedule_delay_ms"},
        {&WEIR_OTLP_OPTIONS(.max_queue_bytes = 1), "max_queue_bytes"},
        {&WEIR_OTLP_OPTIONS(.limits.has_max_links = true), "limits"},
        {&WEIR_OTLP_OPTIONS(.log = kept_log_fn), "log"},
        {&WEIR_OTLP_OPTIONS(.pipelines = nested, .n_pipelines = 1), "pipelines[0].pipelines"},
        {&WEIR_OTLP_OPTIONS(.transport = &(weir_transport){.size = sizeof(weir_transport)}),
         "transport: begin with"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        const weir_otlp_options *const more[] = {rows[i].pipeline};
        expect_refused(OPTIONS(.transport = &own, .pipelines = more, .n_pipelines = 1),
                       rows[i].words);
    }
    cr_expect(script_is_destroyed(&script)); /* what was opened before was closed */
    expect_refused(OPTIONS(.transport = &own, .n_pipelines = 1), "pipelines is NULL");
}

Test(destinations, are_eight_at_most) {
    const weir_otlp_options *more[OTLP_MAX_PIPELINES + 1];
    char *path CLEANUP(temp_path_free) = temp_path(dir, "spans.jsonl");
    const weir_otlp_options pipeline = WEIR_OTLP_OPTIONS(.output_path = path);
    for (size_t i = 0; i < ARRAY_LENGTH(more); i++) {
        more[i] = &pipeline;
    }
    expect_refused(OPTIONS(.pipelines = more, .n_pipelines = OTLP_MAX_PIPELINES + 1),
                   "more than 8 pipelines");
    weir_otlp *otlp = open_with(OPTIONS(.pipelines = more, .n_pipelines = OTLP_MAX_PIPELINES));
    end_spans(otlp, 2);
    cr_expect(eq(int, weir_otlp_flush(otlp, 10000), 0));
    for (size_t i = 0; i < OTLP_MAX_PIPELINES; i++) {
        cr_expect(eq(u64, stats_of(otlp, i).acknowledged, 2));
    }
    cr_expect(eq(int, weir_otlp_close(otlp, 10000), 0));
}

Test(destinations, have_stats_only_where_they_are) {
    struct script script;
    script_init(&script, takes, 1);
    const weir_transport transport = script_transport(&script);
    weir_otlp *otlp = open_with(OPTIONS(.transport = &transport));
    weir_otlp_stats stats = {.size = sizeof stats, .started = 77};
    cr_expect(eq(int, weir_otlp_get_pipeline_stats(otlp, 0, NULL), WEIR_E_INVALID));
    cr_expect(eq(int, weir_otlp_get_pipeline_stats(otlp, 1, &stats), WEIR_E_NOT_FOUND));
    cr_expect(eq(int, weir_otlp_get_pipeline_stats(otlp, SIZE_MAX, &stats), WEIR_E_NOT_FOUND));
    cr_expect(eq(int, weir_otlp_get_pipeline_stats(NULL, 0, &stats), WEIR_E_NOT_FOUND));
    cr_expect(eq(u64, stats.started, 77));
    cr_expect(eq(sz, weir_otlp_n_pipelines(otlp), 1));
    cr_expect(eq(sz, weir_otlp_n_pipelines(NULL), 0));
    cr_expect(eq(int, weir_otlp_close(otlp, 10000), 0));
    otlp = open_with(OPTIONS(.log_level = WEIR_LOG_DEFAULT)); /* OTEL_TRACES_EXPORTER=none */
    cr_expect(eq(sz, weir_otlp_n_pipelines(otlp), 0));
    cr_expect(eq(int, weir_otlp_close(otlp, 10000), 0));
}

/* ---- without a thread ---- */

static unsigned n_threads(void) {
    unsigned n = 0;
    DIR *tasks = opendir("/proc/self/task");
    cr_assert(tasks != NULL);
    for (const struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
        n += entry->d_name[0] != '.';
    }
    closedir(tasks);
    return n;
}

Test(destinations, need_no_thread) {
    char *path CLEANUP(temp_path_free) = temp_path(dir, "spans.jsonl");
    unsigned before = n_threads();
    weir_otlp *otlp =
        open_with(OPTIONS(.output_path = path, .no_thread = true, .has_schedule_delay_ms = true));
    cr_expect(eq(uint, n_threads(), before));
    struct pollfd fd = {.fd = weir_otlp_poll_fd(otlp), .events = POLLIN};
    cr_expect(eq(int, poll(&fd, 1, 0), 0));
    end_spans(otlp, 3);
    cr_expect(eq(int, poll(&fd, 1, 20000), 1)); /* the delay is 0 */
    cr_expect(eq(i64, weir_otlp_tick(otlp), -1));
    cr_expect(eq(u64, stats_of(otlp, 0).acknowledged, 3));
    cr_expect(eq(int, poll(&fd, 1, 0), 0));
    end_spans(otlp, 2);
    cr_expect(eq(int, weir_otlp_flush(otlp, 10000), 0));
    cr_expect(eq(u64, stats_of(otlp, 0).acknowledged, 5));
    end_spans(otlp, 1);
    cr_expect(eq(uint, n_threads(), before));
    cr_expect(eq(int, weir_otlp_close(otlp, 10000), 0));
    cr_expect(eq(int, weir_otlp_poll_fd(NULL), -1));
    cr_expect(eq(i64, weir_otlp_tick(NULL), -1));
}

Test(destinations, refuse_a_transport_that_waits_in_a_loop) {
    struct script script;
    script_init(&script, takes, 1);
    weir_transport transport = script_transport(&script);
    expect_refused(OPTIONS(.transport = &transport, .no_thread = true),
                   "no_thread: the transport must set start, advance and poll_fd");
    cr_expect(script_is_destroyed(&script));
    transport.cancel = NULL; /* its post never waits */
    weir_otlp *otlp = open_with(OPTIONS(.transport = &transport, .no_thread = true));
    cr_expect(eq(int, weir_otlp_close(otlp, 10000), 0));
}

/* ---- what the environment is for ---- */

static const struct config_reader *reader(void) {
    static struct logger logger;
    static struct config_reader reader = {.logger = &logger};
    kept_log_logger(&said, &logger);
    return &reader;
}

#ifdef HAS_HTTP
Test(destinations, only_the_first_listens_to_the_environment) {
    setenv("OTEL_TRACES_EXPORTER", "otlp", 1);
    setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "not a url", 1); /* of the first one alone */
    setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "3", 1);
    char *path CLEANUP(temp_path_free) = temp_path(dir, "spans.jsonl");
    const struct otlp_config config = {.timeout_ns = 3000000, .export_timeout_ns = 0};
    const weir_otlp_options *const more[] = {
        &WEIR_OTLP_OPTIONS(.endpoint = "http://elsewhere"),
        &WEIR_OTLP_OPTIONS(.has_timeout_ms = true, .timeout_ms = 77)};
    struct destinations destinations CLEANUP(destinations_deinit) = {.n = 0};
    cr_assert(
        eq(int,
           destinations_open(OPTIONS(.output_path = path, .pipelines = more, .n_pipelines = 2),
                             &config, reader(), &destinations, NULL),
           0),
        "%s", said.text);
    cr_assert(eq(sz, destinations.n, 3));
    cr_expect(eq(u64, destinations.of[0].timeout_ns, 3000000));
    cr_expect(eq(u64, destinations.of[1].timeout_ns, UINT64_C(10000000000)));
    cr_expect(eq(u64, destinations.of[2].timeout_ns, 77000000));
    cr_expect(eq(uint, said.n, 0), "%s", said.text);
}
#endif

Test(destinations, of_a_list_are_each_a_pipeline) {
    setenv("OTEL_TRACES_EXPORTER", "otlp/stdout,none", 1);
    const struct otlp_config config = {.timeout_ns = 3000000};
    struct destinations destinations CLEANUP(destinations_deinit) = {.n = 0};
    cr_assert(eq(int,
                 destinations_open(OPTIONS(.log_level = WEIR_LOG_DEFAULT), &config, reader(),
                                   &destinations, NULL),
                 0));
    cr_assert(eq(sz, destinations.n, 1));
    cr_expect(destinations.of[0].transport.is_disk);
    cr_expect(eq(u64, destinations.of[0].timeout_ns, 3000000));
}

Test(destinations, open_fails_cleanly_when_memory_is_short) {
    char *path CLEANUP(temp_path_free) = temp_path(dir, "spans.jsonl");
    const weir_otlp_options *const more[] = {&WEIR_OTLP_OPTIONS(.output_path = path)};
    const struct otlp_config config = {.timeout_ns = 3000000};
    const struct config_reader *quiet = reader();
    FAULT_FOR_EACH_ALLOCATION(n) {
        struct destinations destinations CLEANUP(destinations_deinit) = {.n = 0};
        int error =
            destinations_open(OPTIONS(.output_path = path, .pipelines = more, .n_pipelines = 1),
                              &config, quiet, &destinations, NULL);
        cr_assert(eq(int, error, fault_has_struck() ? WEIR_E_NO_MEMORY : 0));
        cr_assert(eq(sz, destinations.n, error == 0 ? 2 : 0));
    }
}
