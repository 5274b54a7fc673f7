/* The whole of a replay, in process: what short memory and a pipeline that gives up leave behind.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <string.h>
#include <sys/stat.h>

#include "bridge/replay/replay.h"
#include "otlp/common/macro.h"
#include "tests/support/fault.h"
#include "tests/support/temp.h"

static int take(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline_monotonic_ns,
                weir_transport_response *response, weir_error_detail *detail) {
    size_t *n_taken = data;
    (void)body;
    (void)deadline_monotonic_ns;
    (void)detail;
    *n_taken += n_bytes;
    *response = (weir_transport_response){.http_status = 200, .retry_after_ms = -1};
    return 0;
}

static int refuse(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline_monotonic_ns,
                  weir_transport_response *response, weir_error_detail *detail) {
    (void)take(data, body, n_bytes, deadline_monotonic_ns, response, detail);
    response->http_status = 400;
    return 0;
}

static void put(const char *root, const char *app, const char *name, const char *text) {
    char *project CLEANUP(temp_path_free) = temp_path(root, "chat");
    (void)mkdir(project, 0700);
    char *folder CLEANUP(temp_path_free) = temp_path(project, app);
    (void)mkdir(folder, 0700);
    char *path CLEANUP(temp_path_free) = temp_path(folder, name);
    temp_write(path, text, strlen(text));
}

#define STAMP(second) "\"2026-06-01T12:00:0" #second "\""
static const char LOG[] = "{\"type\":\"begin_entry\",\"start_time\":" STAMP(
    0) ",\"action\":\"ask\",\"inputs\":{},\"sequence_id\":0}\n"
       "{\"type\":\"begin_stream\",\"action_sequence_id\":0,\"span_id\":null,\"stream_init_time\":"
       "\"2026-06-01T12:00:00Z\"}\n"
       "{\"type\":\"begin_span\",\"start_time\":" STAMP(
           1) ",\"action_sequence_id\":0,\"span_id\":\"0:0\",\"span_name\":\"part\",\"parent_span_"
              "id\":\"0:9\",\"span_dependencies\":[]}\n"
              "{\"type\":\"attribute\",\"key\":\"k\",\"action_sequence_id\":0,\"span_id\":\"0:0\","
              "\"value\":{\"a\":[1,0.00001,\"x\"]},\"tags\":{},\"time_logged\":\"2026-06-01T12:00:"
              "01Z\"}\n"
              "not json\n"
              "{\"type\":\"end_span\",\"end_time\":" STAMP(
                  2) ",\"action_sequence_id\":0,\"span_id\":\"0:0\"}\n"
                     "{\"type\":\"end_entry\",\"end_time\":" STAMP(
                         3) ",\"action\":\"ask\",\"result\":null,\"exception\":\"Traceback (most "
                            "recent call last):\\n  x\\nValueError: "
                            "boom\\n\",\"state\":{},\"sequence_id\":0}\n"
                            "{\"type\":\"end_stream\",\"action_sequence_id\":0,\"span_id\":null,"
                            "\"end_time\":\"2026-06-01T12:00:03Z\",\"items_streamed\":2,"
                            "\"generation_time_ms\":1.5,\"consumer_time_ms\":2.5,\"first_item_time_"
                            "ms\":null}\n"
                            "{\"type\":\"begin_entry\",\"start_time\":" STAMP(
                                4) ",\"action\":\"again\",\"inputs\":{},\"sequence_id\":1}\n";
static const char SILENT[] = "{\"type\":\"begin_entry\",\"start_time\":" STAMP(
    5) ",\"action\":\"work\",\"inputs\":{},\"sequence_id\":0}\n"
       "{\"type\":\"end_entry\",\"end_time\":" STAMP(
           6) ",\"action\":\"work\",\"result\":null,\"exception\":null,\"state\":{},\"sequence_"
              "id\":0}\n";
static const char POINTERS[] =
    "{\"partition_key\":\"k\",\"parent_pointer\":{\"app_id\":\"parent\",\"sequence_id\":null,"
    "\"partition_key\":null},"
    "\"spawning_parent_pointer\":{\"app_id\":\"parent\",\"sequence_id\":0,\"partition_key\":null}}";

/* Two runs, the second spawned by and forked from the first, and without a stamp of its own. */
static char *make_storage(void) {
    char *root = temp_dir_new();
    put(root, "parent", "log.jsonl", LOG);
    put(root, "child", "log.jsonl", SILENT);
    put(root, "child", "metadata.json", POINTERS);
    return root;
}

static void ignore(weir_log_level level, const char *message, void *data) {
    (void)level;
    (void)message;
    (void)data;
}

struct outcome {
    int error;
    struct replay_counts counts;
    weir_otlp_stats stats;
};

static struct outcome replay(const char *root, const weir_transport *transport,
                             weir_streaming_mode mode) {
    struct outcome outcome = {.stats = {.size = sizeof outcome.stats}};
    weir_otlp *otlp = NULL;
    outcome.error = weir_otlp_open(
        &WEIR_OTLP_OPTIONS(.service_name = "test", .transport = transport, .log = ignore), &otlp,
        NULL);
    struct replay *replay = replay_new();
    if (outcome.error != 0 || replay == NULL) {
        (void)weir_otlp_close(otlp, 1000);
        replay_free(replay);
        outcome.error = WEIR_E_NO_MEMORY;
        return outcome;
    }
    const struct replay_options options = {
        .mode = mode, .otlp = otlp, .tracer = weir_otlp_tracer_get(otlp, "test", NULL, NULL)};
    outcome.error = options.tracer != NULL ? replay_add(replay, root, NULL) : WEIR_E_NO_MEMORY;
    if (outcome.error == 0) {
        outcome.error = replay_run_all(replay, &options, NULL);
    }
    outcome.counts = *replay_counts(replay);
    (void)weir_otlp_flush(otlp, 10000);
    weir_otlp_get_stats(otlp, &outcome.stats);
    replay_free(replay);
    (void)weir_otlp_close(otlp, 10000);
    return outcome;
}

Test(replay, everything_is_there_and_counted) {
    char *root CLEANUP(temp_dir_remove) = make_storage();
    size_t n_taken = 0;
    weir_transport transport = WEIR_TRANSPORT_INIT;
    transport.post = take;
    transport.data = &n_taken;
    struct outcome outcome = replay(root, &transport, WEIR_STREAMING_EVENT);
    cr_assert(eq(int, outcome.error, 0));
    cr_assert(eq(u64, outcome.counts.n_runs, 2));
    cr_assert(eq(u64, outcome.counts.n_steps, 3));
    cr_assert(eq(u64, outcome.counts.n_spans, 1));
    cr_assert(eq(u64, outcome.counts.n_attributes, 1));
    cr_assert(eq(u64, outcome.counts.n_streams, 1));
    cr_assert(eq(u64, outcome.counts.n_links, 1));
    cr_assert(eq(u64, outcome.counts.n_broken_lines, 1));
    cr_assert(eq(u64, outcome.counts.n_unknown_parents, 1));
    cr_assert(eq(u64, outcome.counts.n_unfinished_steps, 1));
    cr_assert(eq(u64, outcome.counts.n_runs_by_fallback, 0));
    cr_assert(eq(u64, outcome.stats.acknowledged, 6));
    cr_assert(gt(sz, n_taken, 0));
}

/* No crash, no leak, no span left live; what could not be made is counted. */
Test(replay, survives_short_memory_at_every_step) {
    char *root CLEANUP(temp_dir_remove) = make_storage();
    size_t n_taken = 0;
    weir_transport transport = WEIR_TRANSPORT_INIT;
    transport.post = take;
    transport.data = &n_taken;
    FAULT_FOR_EACH_ALLOCATION(n) {
        struct outcome outcome = replay(root, &transport, WEIR_STREAMING_SINGLE_SPAN);
        fault_disarm();
        cr_assert(eq(u64, outcome.stats.live, 0), "allocation %zu", n);
        cr_assert(outcome.error == 0 || fault_has_struck());
        if (outcome.error == 0) { /* then nothing is missing that is not counted */
            uint64_t n_dropped = 0;
            for (size_t i = 0; i < WEIR_N_DROP_CAUSES; i++) {
                n_dropped += outcome.stats.dropped[i];
            }
            cr_assert(eq(u64, outcome.stats.acknowledged + n_dropped, 6), "allocation %zu", n);
            cr_assert(eq(u64, outcome.counts.n_attributes + outcome.counts.n_lost_attributes, 1));
            cr_assert(eq(u64, outcome.counts.n_links, 1), "allocation %zu", n);
            cr_assert(eq(u64, outcome.counts.n_runs_by_fallback, 0), "allocation %zu", n);
            cr_assert(fault_has_struck() || n_dropped == 0);
        }
    }
}

Test(replay, spans_that_are_refused_are_told) {
    char *root CLEANUP(temp_dir_remove) = make_storage();
    size_t n_taken = 0;
    weir_transport transport = WEIR_TRANSPORT_INIT;
    transport.post = refuse;
    transport.data = &n_taken;
    struct outcome outcome = replay(root, &transport, WEIR_STREAMING_SINGLE_SPAN);
    cr_assert(eq(u64, outcome.stats.acknowledged, 0));
    cr_assert(eq(u64, outcome.stats.dropped[WEIR_DROP_EXPORT_FAILED], 6));
}
