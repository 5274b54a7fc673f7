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
#include "bridge/cli/library_log.h"
#include "bridge/cli/options.h"
#include "bridge/cli/report.h"
#include "bridge/cli/sending.h"
#include "bridge/cli/streaming_mode.h"
#include "bridge/core.h"
#include "otlp/common/env.h"
#include "otlp/common/id.h"
#include "otlp/common/json_write.h"
#include "otlp/common/macro.h"

enum { EXPORT_TIMEOUT_MS = 3000, CLOSE_TIMEOUT_MS = 5000 };

struct settings {
    weir_streaming_mode mode;
    const char *tracker_dir, *project, *app_id;
    const char *endpoint, *output;
    weir_otlp_protocol protocol;
    weir_otlp_compression compression;
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
    SENDING_OPTIONS(struct settings),
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
             "terminal, `weir collect` receives and shows them. Where spans go to standard "
             "output, all other words go to standard error.",
    .options = options,
    .n_options = ARRAY_LENGTH(options),
    .examples = examples,
    .run = run,
};

/* Everything that is neither a span nor JSON. */
static FILE *words;

static void say_token(const char *token) {
    fputs(token, words);
    fflush(words);
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

/* One run, and what became of it. */
struct ended {
    const struct settings *settings;
    const char *mode;
    struct destination destination;
    struct demo_app_result result;
    weir_otlp_stats spans;
    weir_stats stats;
};

static void append_destination(struct buf *out, const struct destination *destination) {
    CLEANUP(buf_deinit) struct buf list;
    buf_init(&list, sizeof destination->names * 2);
    destination_list(destination, &list);
    buf_append_byte(&list, '\0');
    append_member(out, "endpoint", buf_error(&list) == 0 ? (const char *)list.data : "");
}

static void print_json(const struct ended *ended) {
    const struct settings *settings = ended->settings;
    const weir_stats *stats = &ended->stats;
    CLEANUP(buf_deinit) struct buf out;
    buf_init(&out, 64 << 10);
    buf_append_byte(&out, '{');
    append_member(&out, "mode", ended->mode);
    append_member(&out, "project", settings->project);
    append_member(&out, "app_id", ended->result.app_id);
    append_member(&out, "traceparent", ended->result.traceparent);
    append_destination(&out, &ended->destination);
    append_count(&out, "spans_started", ended->spans.started);
    append_count(&out, "spans_acknowledged", ended->spans.acknowledged);
    append_count(&out, "spans_spooled", ended->spans.spooled);
    if (tracker_dir(settings) != NULL) {
        append_member(&out, "tracker_dir", tracker_dir(settings));
        append_count(&out, "records_written", stats->tracker_written);
        append_count(&out, "records_lost", stats->tracker_lost);
    }
    buf_append_text(&out, "}\n");
    fwrite(out.data, 1, out.n_bytes, stdout);
}

static void print_text(const struct ended *ended, weir_otlp *otlp) {
    const struct settings *settings = ended->settings;
    const char *traceparent = ended->result.traceparent;
    uint64_t n_records = ended->stats.tracker_written;
    fprintf(words, "%s: ", ended->mode);
    destination_print_outcome(words, &ended->destination, otlp);
    if (traceparent[0] != '\0' && ended->destination.n > 0) {
        fprintf(words, ", trace %.32s", traceparent + 3);
    }
    fputc('\n', words);
    if (n_records > 0) {
        fprintf(words, "%s: %" PRIu64 " %s in %s/%s/%s/\n", ended->mode, n_records,
                report_noun(n_records, "record", "records"), tracker_dir(settings),
                settings->project, ended->result.app_id);
    }
}

/* Says what was lost, and how to mend it. */
static int report_losses(const struct ended *ended, weir_otlp *otlp) {
    uint64_t n_lost = ended->stats.tracker_lost;
    int exit_code = destination_report_losses(&ended->destination, otlp, NULL);
    if (n_lost == 0) {
        return exit_code;
    }
    return report_failure("%" PRIu64 " %s not written to %s", n_lost,
                          report_noun(n_lost, "record was", "records were"),
                          tracker_dir(ended->settings));
}

/* ---- the command ---- */

static weir_otlp_options otlp_options(const struct settings *settings) {
    return WEIR_OTLP_OPTIONS(.service_name = "weir-demo", .endpoint = settings->endpoint,
                             .output_path = settings->output, .protocol = settings->protocol,
                             .compression = settings->compression, .has_timeout_ms = true,
                             .timeout_ms = EXPORT_TIMEOUT_MS);
}

static int open_weir(const struct settings *settings, const weir_otlp_options *otlp, weir **out) {
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    int error =
        weir_open(&WEIR_OPTIONS(.service_name = "weir-demo", .project = settings->project,
                                .streaming_mode = settings->mode, .otlp = otlp,
                                .tracker_dir = settings->tracker_dir, .log = library_log_say),
                  out, &detail);
    return error != 0 ? report_failure("%s", detail.message) : COMMAND_OK;
}

static void run_app(weir *w, struct ended *ended) {
    const struct settings *settings = ended->settings;
    char app_id[16];
    snprintf(app_id, sizeof(app_id), "demo-%08x", (unsigned)(id_random() & UINT32_MAX));
    demo_app_run(w, settings->app_id != NULL ? settings->app_id : app_id, settings->fail,
                 settings->json ? NULL : say_token, &ended->result);
    fputs(settings->json || ended->result.app_id[0] == '\0' ? "" : "\n", words);
    weir_flush(w, CLOSE_TIMEOUT_MS);
    destination_drain(w->otlp, CLOSE_TIMEOUT_MS);
    ended->spans = WEIR_OTLP_STATS();
    ended->stats = WEIR_STATS();
    weir_get_otlp_stats(w, &ended->spans);
    weir_get_stats(w, &ended->stats);
}

static int conclude(const struct ended *ended, weir *w) {
    if (ended->result.app_id[0] == '\0') {
        return report_failure("the run could not begin");
    }
    if (ended->settings->json) {
        print_json(ended);
    } else {
        print_text(ended, w->otlp);
    }
    return report_losses(ended, w->otlp);
}

static int run(int argc, char **argv) {
    struct settings settings = {.project = "weir-demo"};
    struct ended ended = {.settings = &settings};
    int exit_code;
    if (!options_parse(&cmd_demo, argc, argv, &settings, NULL, &exit_code)) {
        return exit_code;
    }
    const weir_otlp_options otlp = otlp_options(&settings);
    destination_find(&otlp, &ended.destination);
    if (settings.json && ended.destination.is_stdout) {
        return report_usage("--json and the spans would both go to standard output; name a file "
                            "by --output FILE");
    }
    words = ended.destination.is_stdout ? stderr : stdout;
    ended.mode = weir_streaming_mode_name(streaming_mode_in_force(settings.mode));
    weir *w = NULL;
    exit_code = open_weir(&settings, &otlp, &w);
    if (exit_code != COMMAND_OK) {
        return exit_code;
    }
    run_app(w, &ended);
    exit_code = conclude(&ended, w);
    weir_close(w, CLOSE_TIMEOUT_MS);
    return exit_code;
}
