/*
 * weir replay: sends logged runs as OTLP, with their original times.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <weir/weir.h>

#include "bridge/cli/command.h"
#include "bridge/cli/destination.h"
#include "bridge/cli/library_log.h"
#include "bridge/cli/options.h"
#include "bridge/cli/paths.h"
#include "bridge/cli/progress.h"
#include "bridge/cli/report.h"
#include "bridge/cli/sending.h"
#include "bridge/cli/streaming_mode.h"
#include "bridge/replay/replay.h"
#include "bridge/replay/zone.h"
#include "otlp/common/alloc.h"
#include "otlp/common/env.h"
#include "otlp/common/json_write.h"
#include "otlp/common/macro.h"
#include "tracking/folder.h"

enum {
    LAST_FLUSH_MS = 120 * 1000,
    CLOSE_MS = 5000,
    QUEUE_BYTES = 64 << 20,
    MAX_SPAN_BYTES = 16 << 20,
    MAX_ATTRIBUTES = 1 << 16,
    MAX_COMPLAINTS = 1000, /* broken lines that are named; the rest is counted */
};

struct offset {
    bool is_given;
    int64_t seconds;
};

struct settings {
    weir_streaming_mode mode;
    const char *endpoint, *output, *service_name, *tracker_dir, *zone;
    struct offset utc_offset;
    weir_otlp_protocol protocol;
    weir_otlp_compression compression;
    bool dry_run, json;
};

/* Without a sign it would be a guess on which side of Greenwich. */
static bool parse_offset(const char *text, void *out) {
    struct offset *offset = out;
    offset->is_given =
        strchr("0123456789", *text) == NULL && replay_zone_parse_offset(text, &offset->seconds);
    return offset->is_given;
}

static const struct option_row options[] = {
    {"mode", "MODE",
     "event puts a stream's times on an event of the run, any other on its action span; the log "
     "knows no single pulls, so the chunk modes do as single_span (default: WEIR_STREAMING_MODE, "
     "else single_span)",
     OPTION_WORD, offsetof(struct settings, mode), .parse = streaming_mode_parse,
     .expected = STREAMING_MODES},
    {"endpoint", "URL",
     "where OTLP goes (default: OTEL_EXPORTER_OTLP_ENDPOINT, else http://localhost:4318)",
     OPTION_TEXT, offsetof(struct settings, endpoint)},
    SENDING_OPTIONS(struct settings),
    {"output", "FILE", "appends OTLP JSON to FILE instead of sending it; - is standard output",
     OPTION_TEXT, offsetof(struct settings, output)},
    {"dry-run", NULL, "reads and counts; sends nothing", OPTION_FLAG,
     offsetof(struct settings, dry_run)},
    {"service-name", "NAME",
     "service.name of the spans (default: OTEL_SERVICE_NAME, else the project, or burr for "
     "several)",
     OPTION_TEXT, offsetof(struct settings, service_name)},
    {"utc-offset", "OFFSET",
     "of the machine that wrote the logs, such as -07:00, for projects whose logs do not tell",
     OPTION_WORD, offsetof(struct settings, utc_offset), .parse = parse_offset,
     .expected = "an offset such as -07:00, +05:30 or UTC"},
    {"zone", "ZONE", "the same as a time zone, such as Europe/Berlin (default: this machine's)",
     OPTION_TEXT, offsetof(struct settings, zone)},
    {"tracker-dir", "DIR",
     "the storage directory that is meant without a PATH, and where a PATH such as PROJECT/APP is "
     "looked for (default: WEIR_TRACKER_DIR, burr_path, ~/.burr)",
     OPTION_TEXT, offsetof(struct settings, tracker_dir)},
    {"json", NULL, "prints the summary as JSON", OPTION_FLAG, offsetof(struct settings, json)},
};

static const char *const examples[] = {
    "weir replay ~/.burr/demo_chatbot --endpoint http://127.0.0.1:4318",
    "weir replay ~/.burr --output spans.jsonl --utc-offset -07:00",
    NULL,
};

static int run(int argc, char **argv);

const struct command cmd_replay = {
    .name = "replay",
    .summary = "sends logged Burr runs as OTLP, with their original times",
    .about =
        "Reads logs that Burr or weir wrote and sends each run as one trace: a root span for the "
        "app, an action span for each step, and the spans below them. Ids are derived from the "
        "logs, so replaying again repeats them. PATH is a storage directory, the folder of a "
        "project or of an app, or a log. A broken line is named and passed over.",
    .arguments = "[PATH...]",
    .min_arguments = 0,
    .max_arguments = SIZE_MAX,
    .options = options,
    .n_options = ARRAY_LENGTH(options),
    .examples = examples,
    .run = run,
};

/* ---- what is said on the way ---- */

struct talk {
    struct progress progress;
    uint64_t n_complaints;
};

static void complain(void *data, const char *path, uint64_t line, const char *what) {
    struct talk *talk = data;
    progress_hide(&talk->progress);
    if (talk->n_complaints++ >= MAX_COMPLAINTS) {
        return;
    }
    if (line > 0) {
        report_note("%s:%" PRIu64 ": %s; the line is passed over", path, line,
                    report_without_line(what));
    } else {
        report_note("%s: %s", path, what);
    }
}

static void show_progress(void *data, uint64_t done, uint64_t total) {
    struct talk *talk = data;
    talk->progress.total = total;
    progress_update(&talk->progress, done);
}

/* ---- settings ---- */

/* A name that the C library does not know means UTC to it, silently. */
static bool zone_is_known(const char *zone) {
    const char *folder = env_text("TZDIR");
    char path[4096];
    int length =
        snprintf(path, sizeof path, "%s/%s", folder != NULL ? folder : "/usr/share/zoneinfo", zone);
    bool is_file = length > 0 && (size_t)length < sizeof path && access(path, R_OK) == 0;
    bool is_rule = strpbrk(zone, "0123456789<") != NULL && strchr(zone, '/') == NULL;
    return zone[0] != '\0' && (is_file || is_rule || strcmp(zone, "UTC") == 0);
}

static int check_settings(const struct settings *settings) {
    if (settings->zone != NULL && settings->utc_offset.is_given) {
        return report_usage("--zone and --utc-offset say the same thing twice; give one");
    }
    if (settings->zone != NULL && !zone_is_known(settings->zone)) {
        return report_usage("no time zone %s here; use one like Europe/Berlin (package tzdata), or "
                            "--utc-offset",
                            settings->zone);
    }
    return COMMAND_OK;
}

/* ---- the pipeline ---- */

static int discard(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline_monotonic_ns,
                   weir_transport_response *response, weir_error_detail *detail) {
    (void)data;
    (void)body;
    (void)n_bytes;
    (void)deadline_monotonic_ns;
    (void)detail;
    response->http_status = 200;
    return 0;
}

static const char *service_name(const struct settings *settings, const struct replay *replay) {
    const char *attributes = env_text("OTEL_RESOURCE_ATTRIBUTES");
    bool is_set = env_text("OTEL_SERVICE_NAME") != NULL ||
                  (attributes != NULL && strstr(attributes, "service.name=") != NULL);
    if (settings->service_name != NULL || is_set) {
        return settings->service_name;
    }
    const char *project = replay_only_project(replay);
    return project != NULL ? project : "burr";
}

static const weir_transport nowhere = {
    .size = sizeof(weir_transport),
    .post = discard,
};

/* The library may still speak when the command has ended. */
static _Atomic bool has_bar;

/* A replay waits where a live run would drop, and a log has no limit on attributes. */
static weir_otlp_options otlp_options(const struct settings *settings,
                                      const struct replay *replay) {
    return WEIR_OTLP_OPTIONS(.service_name = service_name(settings, replay),
                             .endpoint = settings->endpoint, .output_path = settings->output,
                             .protocol = settings->protocol, .compression = settings->compression,
                             .transport = settings->dry_run ? &nowhere : NULL,
                             .max_queue_bytes = QUEUE_BYTES, .max_span_bytes = MAX_SPAN_BYTES,
                             .max_queue_spans = UINT64_MAX,
                             .limits = {.has_max_attributes = true,
                                        .max_attributes = MAX_ATTRIBUTES},
                             .log = library_log_say, .log_data = &has_bar);
}

static int open_pipeline(const weir_otlp_options *otlp, weir_otlp **out) {
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    int error = weir_otlp_open(otlp, out, &detail);
    return error != 0 ? report_failure("%s", detail.message) : COMMAND_OK;
}

/* ---- paths ---- */

static int add_path(struct replay *replay, const char *root, const char *path) {
    char place[PATHS_MAX_BYTES];
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    int error = paths_locate(path, root, place, &detail);
    error = error != 0 ? error : replay_add(replay, place, &detail);
    return error != 0 ? report_failure("%s", detail.message) : COMMAND_OK;
}

static int add_paths(struct replay *replay, const struct settings *settings,
                     const struct arguments *paths) {
    char *root CLEANUP(mem_cleanup) = NULL;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    if (folder_root(settings->tracker_dir, &root, &detail) != 0) {
        return report_failure("%s", detail.message);
    }
    if (paths->n_items == 0) {
        return add_path(replay, root, root);
    }
    int exit_code = COMMAND_OK;
    for (size_t i = 0; i < paths->n_items && exit_code == COMMAND_OK; i++) {
        exit_code = add_path(replay, root, paths->items[i]);
    }
    return exit_code;
}

/* ---- the summary ---- */

struct row {
    const char *name; /* of the member in JSON */
    /* for people, behind the number: one, several; NULL: not said */
    const char *one, *many;
    uint64_t count;
};

enum { N_ROWS = 24 };

static size_t left_out(const struct replay_counts *c, struct row rows[N_ROWS]) {
    const struct row all[] = {
        {"broken_lines", "broken line passed over", "broken lines passed over", c->n_broken_lines},
        {"unreadable_logs", "log could not be read", "logs could not be read",
         c->n_unreadable_logs},
        {"torn_logs", "log ends inside a line", "logs end inside a line", c->n_torn_logs},
        {"other_records", "record of an unknown type passed over",
         "records of unknown types passed over", c->n_other_records},
        {"runs_without_steps", "run without a step left out", "runs without a step left out",
         c->n_runs_without_steps},
        {"ends_without_begin", "end of a step that never began left out",
         "ends of steps that never began left out", c->n_ends_without_begin},
        {"span_ends_without_begin", "end of a span that never began ignored",
         "ends of spans that never began ignored", c->n_span_ends_without_begin},
        {"records_without_step", "span or attribute of a step that never began left out",
         "spans and attributes of steps that never began left out", c->n_without_step},
        {"unknown_parents", "span with an unknown parent put below its step",
         "spans with an unknown parent put below their step", c->n_unknown_parents},
        {"unfinished_steps", "step without an end", "steps without an end", c->n_unfinished_steps},
        {"unfinished_spans", "span without an end", "spans without an end", c->n_unfinished_spans},
        {"lost_attributes", "attribute lost, too large or for want of memory",
         "attributes lost, too large or for want of memory", c->n_lost_attributes},
        {"backward_times", "end that lay before its begin", "ends that lay before their begin",
         c->n_backward_times},
    };
    memcpy(rows, all, sizeof all);
    return ARRAY_LENGTH(all);
}

static uint64_t n_dropped(const weir_otlp_stats *stats) {
    uint64_t n = 0;
    for (size_t i = 0; i < WEIR_N_DROP_CAUSES; i++) {
        n += stats->dropped[i];
    }
    return n;
}

static void append_destination(struct buf *out, const struct destination *destination) {
    CLEANUP(buf_deinit) struct buf list;
    buf_init(&list, sizeof destination->names * 2);
    destination_list(destination, &list);
    json_write_string(out, (const char *)list.data, list.n_bytes, JSON_COMPACT);
}

static void print_json(const struct destination *destination, const struct replay_counts *c,
                       const weir_otlp_stats *stats) {
    struct row rows[N_ROWS];
    size_t n = left_out(c, rows);
    CLEANUP(buf_deinit) struct buf out;
    buf_init(&out, 64 << 10);
    const struct row first[] = {
        {"runs", NULL, NULL, c->n_runs},
        {"steps", NULL, NULL, c->n_steps},
        {"spans", NULL, NULL, c->n_spans},
        {"attributes", NULL, NULL, c->n_attributes},
        {"streams", NULL, NULL, c->n_streams},
        {"links", NULL, NULL, c->n_links},
        {"records", NULL, NULL, c->n_records},
        {"bytes", NULL, NULL, c->n_bytes},
        {"runs_in_guessed_zone", NULL, NULL, c->n_runs_by_fallback},
        {"spans_started", NULL, NULL, stats->started},
        {"spans_acknowledged", NULL, NULL, stats->acknowledged},
        {"spans_rejected", NULL, NULL, stats->rejected},
        {"spans_dropped", NULL, NULL, n_dropped(stats)},
        {"spans_spooled", NULL, NULL, stats->spooled},
    };
    buf_append_text(&out, "{\"endpoint\":");
    append_destination(&out, destination);
    for (size_t i = 0; i < ARRAY_LENGTH(first) + n; i++) {
        const struct row *row =
            i < ARRAY_LENGTH(first) ? &first[i] : &rows[i - ARRAY_LENGTH(first)];
        buf_append_text(&out, ",\"");
        buf_append_text(&out, row->name);
        buf_append_text(&out, "\":");
        json_write_int(&out, (int64_t)row->count);
    }
    buf_append_text(&out, "}\n");
    fwrite(out.data, 1, out.n_bytes, stdout);
}

/* "replayed 1 run (2 steps, 0 spans in them) to X"; what did not get there is counted. */
static void print_text(const struct settings *settings, const struct destination *destination,
                       const struct replay_counts *c, weir_otlp *otlp) {
    FILE *to = destination->is_stdout ? stderr : stdout;
    weir_otlp_stats stats = {.size = sizeof stats};
    weir_otlp_get_stats(otlp, &stats);
    bool is_whole =
        destination->n > 0 && stats.acknowledged == stats.started + stats.adopted && c->n_runs > 0;
    fprintf(to, "%s %" PRIu64 " %s (%" PRIu64 " %s, %" PRIu64 " %s in them)",
            !settings->dry_run && is_whole ? "replayed" : "read", c->n_runs,
            report_noun(c->n_runs, "run", "runs"), c->n_steps,
            report_noun(c->n_steps, "step", "steps"), c->n_spans,
            report_noun(c->n_spans, "span", "spans"));
    if (settings->dry_run) {
        fputs("; nothing was sent (dry run)", to);
    } else if (c->n_runs == 0) {
        fputs("; nothing was sent", to);
    } else {
        fputs(is_whole ? ": " : "; ", to);
        destination_print_outcome(to, destination, otlp);
    }
    fputc('\n', to);
    struct row rows[N_ROWS];
    size_t n = left_out(c, rows);
    for (size_t i = 0; i < n; i++) {
        if (rows[i].count > 0) {
            fprintf(to, "  %" PRIu64 " %s\n", rows[i].count,
                    report_noun(rows[i].count, rows[i].one, rows[i].many));
        }
    }
}

static void say_guesses(const struct settings *settings, const struct replay_counts *c) {
    if (c->n_runs_by_fallback > 0 && settings->zone == NULL && !settings->utc_offset.is_given) {
        bool is_one = c->n_runs_by_fallback == 1;
        report_note("%" PRIu64 " %s zone: %s times were taken in this machine's (%s); say --zone "
                    "or --utc-offset if they come from elsewhere",
                    c->n_runs_by_fallback,
                    is_one ? "run does not tell its" : "runs do not tell their",
                    is_one ? "its" : "their", tzname[0]);
    }
}

/* COMMAND_FAILED when nothing can be made of any log. */
static int check_emptiness(const struct replay_counts *c) {
    if (c->n_runs > 0 || c->n_runs_without_steps == 0) {
        return COMMAND_OK;
    }
    return report_failure("no log holds a step: are these Burr's logs? `weir validate` names what "
                          "is wrong with them");
}

static int check_losses(const struct settings *settings, const struct destination *destination,
                        weir_otlp *otlp) {
    weir_otlp_stats stats = {.size = sizeof stats};
    weir_otlp_get_stats(otlp, &stats);
    if (settings->dry_run) {
        return COMMAND_OK;
    }
    if (destination->n == 0) {
        return report_failure("nothing was sent, because %s; unset it", destination->why_none);
    }
    if (stats.not_sampled > 0) {
        return report_failure("%" PRIu64 " of %" PRIu64 " %s not sent, because OTEL_TRACES_SAMPLER "
                              "leaves them out; unset it",
                              stats.not_sampled, stats.started,
                              report_noun(stats.started, "span was", "spans were"));
    }
    return destination_report_losses(destination, otlp, "replay again when it answers: ids repeat");
}

/* ---- the command ---- */

static int replay_into(struct replay *replay, const struct settings *settings, weir_otlp *otlp) {
    struct talk talk = {0};
    weir_streaming_mode mode = streaming_mode_in_force(settings->mode);
    if (mode == WEIR_STREAMING_CHUNK_SPANS || mode == WEIR_STREAMING_SINGLE_AND_CHUNK_SPANS) {
        report_note("a log does not tell single pulls: %s does as single_span here",
                    weir_streaming_mode_name(mode));
    }
    const struct replay_options how = {
        .mode = mode,
        .otlp = otlp,
        .tracer = weir_otlp_tracer_get(otlp, "weir.replay", WEIR_VERSION, NULL),
        .has_utc_offset = settings->utc_offset.is_given,
        .utc_offset_seconds = settings->utc_offset.seconds,
        .report = complain,
        .progress = show_progress,
        .data = &talk,
    };
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    progress_begin(&talk.progress, "bytes read", 0);
    has_bar = true;
    int error = how.tracer != NULL ? replay_run_all(replay, &how, &detail) : WEIR_E_NO_MEMORY;
    progress_end(&talk.progress);
    has_bar = false;
    if (talk.n_complaints > MAX_COMPLAINTS) {
        report_note("%" PRIu64 " more faults of this kind are not named; `weir validate` names all",
                    talk.n_complaints - MAX_COMPLAINTS);
    }
    return error != 0 ? report_failure("%s", detail.message) : COMMAND_OK;
}

static int finish(const struct replay *replay, const struct settings *settings,
                  const struct destination *destination, weir_otlp *otlp) {
    (void)weir_otlp_flush(otlp, LAST_FLUSH_MS);
    destination_drain(otlp, LAST_FLUSH_MS);
    const struct replay_counts *counts = replay_counts(replay);
    if (settings->json) {
        weir_otlp_stats stats = {.size = sizeof stats};
        weir_otlp_get_stats(otlp, &stats);
        print_json(destination, counts, &stats);
    } else {
        print_text(settings, destination, counts, otlp);
    }
    say_guesses(settings, counts);
    int is_empty = check_emptiness(counts);
    int exit_code = check_losses(settings, destination, otlp);
    return counts->n_unreadable_logs > 0 || is_empty != COMMAND_OK ? COMMAND_FAILED : exit_code;
}

static int run_with(struct replay *replay, const struct settings *settings,
                    const struct arguments *paths) {
    int exit_code = add_paths(replay, settings, paths);
    const weir_otlp_options how = otlp_options(settings, replay);
    struct destination destination;
    weir_otlp *otlp = NULL;
    destination_find(&how, &destination);
    if (exit_code == COMMAND_OK && settings->json && destination.is_stdout) {
        exit_code = report_usage("--json and the spans would both go to standard output; name a "
                                 "file by --output FILE");
    }
    if (exit_code == COMMAND_OK) {
        exit_code = open_pipeline(&how, &otlp);
    }
    if (exit_code != COMMAND_OK) {
        return exit_code;
    }
    exit_code = replay_into(replay, settings, otlp);
    int finished = finish(replay, settings, &destination, otlp);
    (void)weir_otlp_close(otlp, CLOSE_MS);
    return exit_code != COMMAND_OK ? exit_code : finished;
}

static int run(int argc, char **argv) {
    struct settings settings = {.mode = WEIR_STREAMING_DEFAULT};
    struct arguments paths;
    int exit_code;
    if (!options_parse(&cmd_replay, argc, argv, &settings, &paths, &exit_code)) {
        return exit_code;
    }
    exit_code = check_settings(&settings);
    if (exit_code != COMMAND_OK) {
        return exit_code;
    }
    if (settings.zone != NULL) {
        (void)setenv("TZ", settings.zone, 1);
    }
    tzset();
    struct replay *replay = replay_new();
    if (replay == NULL) {
        return report_failure("no memory");
    }
    exit_code = run_with(replay, &settings, &paths);
    replay_free(replay);
    return exit_code;
}
