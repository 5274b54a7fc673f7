/* The whole of a replay, in process: what short memory and a pipeline that gives up leave behind.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

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
    response->http_status = 200;
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

/* Removes the first run's log once both were surveyed. */
struct vanishing {
    char *path;
    unsigned n_calls, n_told;
};

static void remove_after_survey(void *data, uint64_t done, uint64_t total) {
    struct vanishing *vanishing = data;
    (void)done;
    (void)total;
    if (++vanishing->n_calls == 2) {
        cr_assert(eq(int, unlink(vanishing->path), 0));
    }
}

static void count_told(void *data, const char *path, uint64_t line, const char *what) {
    struct vanishing *vanishing = data;
    vanishing->n_told += line == 0 && strcmp(path, vanishing->path) == 0 && what[0] != '\0';
}

Test(replay, a_log_that_vanishes_between_the_readings_is_told_and_the_others_go_on) {
    char *root CLEANUP(temp_dir_remove) = make_storage();
    char *log CLEANUP(temp_path_free) = temp_path(root, "chat/child/log.jsonl");
    struct vanishing vanishing = {.path = log};
    size_t n_taken = 0;
    weir_transport transport = WEIR_TRANSPORT_INIT;
    transport.post = take;
    transport.data = &n_taken;
    weir_otlp *otlp = NULL;
    struct replay *replay = replay_new();
    cr_assert(
        eq(int,
           weir_otlp_open(&WEIR_OTLP_OPTIONS(.transport = &transport, .log = ignore), &otlp, NULL),
           0));
    const struct replay_options options = {.otlp = otlp,
                                           .tracer = weir_otlp_tracer_get(otlp, "test", NULL, NULL),
                                           .report = count_told,
                                           .progress = remove_after_survey,
                                           .data = &vanishing};
    cr_assert(eq(int, replay_add(replay, root, NULL), 0));
    cr_assert(eq(int, replay_run_all(replay, &options, NULL), 0));
    const struct replay_counts *counts = replay_counts(replay);
    cr_assert(eq(u64, counts->n_unreadable_logs, 1));
    cr_assert(eq(uint, vanishing.n_told, 1));
    cr_assert(eq(u64, counts->n_runs, 1));
    cr_assert(eq(u64, counts->n_steps, 2)); /* of the parent */
    replay_free(replay);
    cr_assert(eq(int, weir_otlp_close(otlp, 10000), 0));
}

/* A receiver that takes its time, so that what is not waited for does not fit. */
static int take_slowly(void *data, const uint8_t *body, size_t n_bytes,
                       uint64_t deadline_monotonic_ns, weir_transport_response *response,
                       weir_error_detail *detail) {
    const struct timespec moment = {.tv_nsec = 5000000};
    nanosleep(&moment, NULL);
    return take(data, body, n_bytes, deadline_monotonic_ns, response, detail);
}

enum { N_LARGE = 100, LARGE_BYTES = 10000 };

/* A step whose spans have no end, and end all at once when it does. */
static void put_large_step(const char *root) {
    static char log[N_LARGE * (LARGE_BYTES + 1000)], value[LARGE_BYTES + 1];
    size_t at = 0;
    memset(value, 'x', LARGE_BYTES);
    at += (size_t)snprintf(log + at, sizeof log - at,
                           "{\"type\":\"begin_entry\",\"start_time\":" STAMP(
                               0) ",\"action\":\"ask\",\"inputs\":{},\"sequence_id\":0}\n");
    for (int i = 0; i < N_LARGE; i++) {
        at += (size_t)snprintf(
            log + at, sizeof log - at,
            "{\"type\":\"begin_span\",\"start_time\":" STAMP(
                1) ",\"action_sequence_id\":0,\"span_id\":\"0:%d\",\"span_name\":\"s\","
                   "\"parent_span_id\":null,\"span_dependencies\":[]}\n"
                   "{\"type\":\"attribute\",\"key\":\"k\",\"action_sequence_id\":0,\"span_id\":"
                   "\"0:%d\",\"value\":\"%s\",\"tags\":{},\"time_logged\":\"2026-06-01T12:00:01Z\"}"
                   "\n",
            i, i, value);
    }
    put(root, "large", "log.jsonl", log);
}

Test(replay, a_step_larger_than_the_pipeline_loses_nothing) {
    char *root CLEANUP(temp_dir_remove) = temp_dir_new();
    put_large_step(root);
    size_t n_taken = 0;
    weir_transport transport = WEIR_TRANSPORT_INIT;
    transport.post = take_slowly;
    transport.data = &n_taken;
    weir_otlp *otlp = NULL;
    weir_otlp_stats stats = {.size = sizeof stats};
    struct replay *replay = replay_new();
    cr_assert(eq(int,
                 weir_otlp_open(&WEIR_OTLP_OPTIONS(.transport = &transport, .log = ignore,
                                                   .max_queue_bytes = 256 << 10),
                                &otlp, NULL),
                 0));
    const struct replay_options options = {
        .otlp = otlp, .tracer = weir_otlp_tracer_get(otlp, "test", NULL, NULL)};
    cr_assert(eq(int, replay_add(replay, root, NULL), 0));
    cr_assert(eq(int, replay_run_all(replay, &options, NULL), 0));
    cr_assert(eq(int, weir_otlp_flush(otlp, 10000), 0));
    weir_otlp_get_stats(otlp, &stats);
    cr_assert(eq(u64, replay_counts(replay)->n_attributes, N_LARGE));
    cr_assert(eq(u64, stats.acknowledged, N_LARGE + 2));
    cr_assert(gt(sz, n_taken, N_LARGE * LARGE_BYTES));
    replay_free(replay);
    cr_assert(eq(int, weir_otlp_close(otlp, 10000), 0));
}
