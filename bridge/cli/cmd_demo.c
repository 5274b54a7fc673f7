/*
 * weir demo: runs a small streaming application, sends its spans, writes its files, and says where
 * to look.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <weir/weir.h>

#include "bridge/cli/command.h"
#include "bridge/cli/destination.h"
#include "bridge/cli/demo_app.h"
#include "bridge/cli/last_message.h"
#include "bridge/cli/options.h"
#include "bridge/cli/report.h"
#include "bridge/cli/streaming_mode.h"
#include "otlp/common/env.h"
#include "otlp/common/id.h"
#include "otlp/common/json_write.h"
#include "otlp/common/macro.h"

enum { EXPORT_TIMEOUT_MS = 3000, CLOSE_TIMEOUT_MS = 5000 };

struct settings {
    weir_streaming_mode mode;
    const char *tracker_dir, *project, *app_id;
    const char *endpoint, *output;
    bool fail, json;
};

static const struct option_row options[] = {
    {"mode", "MODE",
     "what the stream becomes: " STREAMING_MODES
     " (default: WEIR_STREAMING_MODE, else single_span)",
     OPTION_WORD, offsetof(struct settings, mode), .parse = streaming_mode_parse,
     .expected = STREAMING_MODES},
    {"tracker-dir", "DIR", "also writes Burr's files below DIR (default: WEIR_TRACKER_DIR)",
     OPTION_TEXT, offsetof(struct settings, tracker_dir)},
    {"project", "NAME", "of the files and spans (default: weir-demo)", OPTION_TEXT,
     offsetof(struct settings, project)},
    {"app-id", "ID", "of the run (default: demo- and a random number)", OPTION_TEXT,
     offsetof(struct settings, app_id)},
    {"endpoint", "URL",
     "where OTLP goes (default: OTEL_EXPORTER_OTLP_ENDPOINT, else http://localhost:4318)",
     OPTION_TEXT, offsetof(struct settings, endpoint)},
    {"output", "FILE", "appends OTLP JSON to FILE instead of sending it; - is standard output",
     OPTION_TEXT, offsetof(struct settings, output)},
    {"fail", NULL,
     "lets the stream break off with an error, to be looked at; weir demo itself still ends with 0",
     OPTION_FLAG, offsetof(struct settings, fail)},
    {"json", NULL, "prints where to look as JSON", OPTION_FLAG, offsetof(struct settings, json)},
};

static const char *const examples[] = {
    "weir demo --mode event --endpoint http://127.0.0.1:4318 --tracker-dir ~/.burr",
    "weir demo --mode chunk_spans --output spans.jsonl",
    NULL,
};

static int run(int argc, char **argv);

const struct command cmd_demo = {
    .name = "demo",
    .summary = "runs a small streaming application and says where to look at it",
    .about = "Runs a small application that answers a question in three steps, the last of which "
             "streams its answer, and sends its spans to an OTLP endpoint or a file. In another "
             "terminal, `weir collect` receives and shows them.",
    .options = options,
    .n_options = ARRAY_LENGTH(options),
    .examples = examples,
    .run = run,
};

static void say_token(const char *token) {
    fputs(token, stdout);
    fflush(stdout);
}

/* Where spans go, for people. */
static const char *destination(const struct settings *settings) {
    static char shown[DESTINATION_MAX_BYTES];
    return destination_shown(settings->output, settings->endpoint, shown);
}

static const char *tracker_dir(const struct settings *settings) {
    return settings->tracker_dir != NULL ? settings->tracker_dir : env_text("WEIR_TRACKER_DIR");
}

static void append_member(struct buf *out, const char *name, const char *text) {
    buf_append_text(out, out->n_bytes > 1 ? ",\"" : "\"");
    buf_append_text(out, name);
    buf_append_text(out, "\":");
    json_write_string(out, text, strlen(text), JSON_COMPACT);
}

static void append_count(struct buf *out, const char *name, uint64_t count) {
    buf_append_text(out, ",\"");
    buf_append_text(out, name);
    buf_append_text(out, "\":");
    json_write_int(out, (int64_t)count);
}

struct counts {
    weir_otlp_stats spans;
    weir_stats lifecycle;
};

static void print_json(const struct settings *settings, const char *mode,
                       const struct demo_app_result *result, const struct counts *counts) {
    CLEANUP(buf_deinit) struct buf out;
    buf_init(&out, 64 << 10);
    buf_append_byte(&out, '{');
    append_member(&out, "mode", mode);
    append_member(&out, "project", settings->project);
    append_member(&out, "app_id", result->app_id);
    append_member(&out, "traceparent", result->traceparent);
    append_member(&out, "endpoint", destination(settings));
    append_count(&out, "spans_started", counts->spans.started);
    append_count(&out, "spans_acknowledged", counts->spans.acknowledged);
    if (tracker_dir(settings) != NULL) {
        append_member(&out, "tracker_dir", tracker_dir(settings));
        append_count(&out, "records_written", counts->lifecycle.tracker_written);
        append_count(&out, "records_lost", counts->lifecycle.tracker_lost);
    }
    buf_append_text(&out, "}\n");
    fwrite(out.data, 1, out.n_bytes, stdout);
}

static void print_text(const struct settings *settings, const char *mode,
                       const struct demo_app_result *result, const struct counts *counts) {
    printf("%s: %" PRIu64 " spans to %s, trace %.32s\n", mode, counts->spans.acknowledged,
           destination(settings),
           result->traceparent[0] != '\0' ? result->traceparent + 3 : "none");
    if (tracker_dir(settings) != NULL) {
        printf("%s: %" PRIu64 " records in %s/%s/%s/\n", mode, counts->lifecycle.tracker_written,
               tracker_dir(settings), settings->project, result->app_id);
    }
}

static uint64_t count_lost(const weir_otlp_stats *stats) {
    uint64_t n = stats->rejected + stats->queued + stats->in_flight;
    for (size_t cause = 0; cause < WEIR_N_DROP_CAUSES; cause++) {
        n += stats->dropped[cause];
    }
    return n;
}

/* Says what was lost, and how to mend it. */
static int check_losses(const struct settings *settings, const struct counts *counts,
                        struct last_message *last) {
    char said[LAST_MESSAGE_BYTES];
    last_message_get(last, said);
    uint64_t n_lost = count_lost(&counts->spans);
    if (counts->lifecycle.tracker_lost > 0) {
        return report_failure("%" PRIu64 " records were not written (%s)",
                              counts->lifecycle.tracker_lost, said);
    }
    if (n_lost > 0) {
        return report_failure("%" PRIu64 " of %" PRIu64 " spans did not reach %s (%s); start `weir "
                              "collect` in another terminal, or use --output FILE",
                              n_lost, counts->spans.started, destination(settings), said);
    }
    return COMMAND_OK;
}

static int open_weir(const struct settings *settings, struct last_message *last, weir **out) {
    weir_otlp_options otlp =
        WEIR_OTLP_OPTIONS(.endpoint = settings->endpoint, .output_path = settings->output,
                          .has_timeout_ms = true, .timeout_ms = EXPORT_TIMEOUT_MS);
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    int error = weir_open(&WEIR_OPTIONS(.service_name = "weir-demo", .project = settings->project,
                                        .streaming_mode = settings->mode, .otlp = &otlp,
                                        .tracker_dir = settings->tracker_dir,
                                        .log = last_message_keep, .log_data = last),
                          out, &detail);
    return error != 0 ? report_failure("%s", detail.message) : COMMAND_OK;
}

static int run(int argc, char **argv) {
    struct settings settings = {.project = "weir-demo"};
    int exit_code;
    if (!options_parse(&cmd_demo, argc, argv, &settings, NULL, &exit_code)) {
        return exit_code;
    }
    bool is_quiet = settings.json || (settings.output != NULL && strcmp(settings.output, "-") == 0);
    const char *mode = weir_streaming_mode_name(streaming_mode_in_force(settings.mode));
    static struct last_message last; /* a thread left behind may still write to it */
    weir *w = NULL;
    exit_code = open_weir(&settings, &last, &w);
    if (exit_code != COMMAND_OK) {
        return exit_code;
    }
    struct demo_app_result result = {0};
    char app_id[16];
    snprintf(app_id, sizeof(app_id), "demo-%08x", (unsigned)(id_random() & UINT32_MAX));
    demo_app_run(w, settings.app_id != NULL ? settings.app_id : app_id, settings.fail,
                 is_quiet ? NULL : say_token, &result);
    fputs(is_quiet ? "" : "\n", stdout);
    weir_flush(w, CLOSE_TIMEOUT_MS);
    struct counts counts = {.spans = WEIR_OTLP_STATS(), .lifecycle = WEIR_STATS()};
    weir_get_otlp_stats(w, &counts.spans);
    weir_get_stats(w, &counts.lifecycle);
    weir_close(w, CLOSE_TIMEOUT_MS);
    if (result.app_id[0] == '\0') {
        return report_failure("the run could not begin (%s)", last.text);
    }
    (settings.json ? print_json : print_text)(&settings, mode, &result, &counts);
    return check_losses(&settings, &counts, &last);
}
