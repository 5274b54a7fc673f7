/*
 * weir doctor: says what is in force and where each value came from, then tests where spans would
 * go, step by step.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <weir/weir.h>

#include "bridge/cli/command.h"
#include "bridge/cli/examine_endpoint.h"
#include "bridge/cli/examine_files.h"
#include "bridge/cli/examine_variables.h"
#include "bridge/cli/findings.h"
#include "bridge/cli/options.h"
#include "bridge/cli/report.h"
#include "bridge/cli/sending.h"
#include "bridge/options.h"
#include "otlp/common/alloc.h"
#include "otlp/common/clock.h"
#include "otlp/common/json_write.h"
#include "otlp/common/macro.h"
#include "otlp/explain.h"
#include "tracking/folder.h"

struct settings {
    const char *endpoint, *traces_endpoint, *output, *tracker_dir, *spool_dir;
    const char *ca_file, *client_certificate_file, *client_key_file, *proxy, *unix_socket;
    struct option_list headers;
    weir_otlp_protocol protocol;
    weir_otlp_compression compression;
    bool insecure;
    uint64_t timeout_ms;
    bool json;
};

static const struct option_row options[] = {
    {"endpoint", "URL",
     "a base URL (default: OTEL_EXPORTER_OTLP_ENDPOINT, else http://localhost:4318)", OPTION_TEXT,
     offsetof(struct settings, endpoint)},
    {"traces-endpoint", "URL", "used as it is (default: OTEL_EXPORTER_OTLP_TRACES_ENDPOINT)",
     OPTION_TEXT, offsetof(struct settings, traces_endpoint)},
    {"header", "'NAME: VALUE'", "sent with the request; may be given again", OPTION_LIST,
     offsetof(struct settings, headers)},
    SENDING_OPTIONS(struct settings),
    {"ca-file", "FILE",
     "PEM: who vouches for the endpoint (default: OTEL_EXPORTER_OTLP_CERTIFICATE, else the "
     "system's)",
     OPTION_TEXT, offsetof(struct settings, ca_file)},
    {"client-certificate", "FILE", "PEM (default: OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE)",
     OPTION_TEXT, offsetof(struct settings, client_certificate_file)},
    {"client-key", "FILE", "PEM (default: OTEL_EXPORTER_OTLP_CLIENT_KEY)", OPTION_TEXT,
     offsetof(struct settings, client_key_file)},
    {"insecure", NULL, "grpc to an endpoint without scheme: no TLS", OPTION_FLAG,
     offsetof(struct settings, insecure)},
    {"proxy", "URL", "goes by it (default: http_proxy, https_proxy and no_proxy)", OPTION_TEXT,
     offsetof(struct settings, proxy)},
    {"unix-socket", "PATH", "connects to it instead of the host", OPTION_TEXT,
     offsetof(struct settings, unix_socket)},
    {"output", "FILE", "tests this file instead of an endpoint; - is standard output", OPTION_TEXT,
     offsetof(struct settings, output)},
    {"tracker-dir", "DIR", "of Burr's files (default: WEIR_TRACKER_DIR)", OPTION_TEXT,
     offsetof(struct settings, tracker_dir)},
    {"spool-dir", "DIR", "where spans wait for an endpoint (default: WEIR_SPOOL_DIR)", OPTION_TEXT,
     offsetof(struct settings, spool_dir)},
    {"timeout", "MS", "for the test of an endpoint, all steps together (default: 10000)",
     OPTION_NUMBER, offsetof(struct settings, timeout_ms), .least = 1, .most = 3600000},
    {"json", NULL, "prints JSON", OPTION_FLAG, offsetof(struct settings, json)},
};

static const char *const examples[] = {
    "weir doctor --endpoint https://collector.example --header 'Authorization: Bearer x'",
    "OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 weir doctor",
    NULL,
};

static int run(int argc, char **argv);

const struct command cmd_doctor = {
    .name = "doctor",
    .summary = "says which settings are in force, and tests where spans would go",
    .about = "Prints each setting with its value and where it came from: an option, a variable of "
             "the environment, or the default. Then tests what spans would be sent to or written "
             "to, step by step: the name, the connection, TLS, an export without spans; and says "
             "of the step that fails what to do about it. Secrets are not shown. An application "
             "that sets nothing in code has the same settings when it has the same environment.",
    .options = options,
    .n_options = ARRAY_LENGTH(options),
    .examples = examples,
    .run = run,
};

/* ---- what is in force ---- */

struct examination {
    struct config_report report;
    struct findings findings;
};

static void keep_warning(weir_log_level level, const char *message, void *data) {
    struct findings *findings = data;
    (void)level;
    for (size_t i = 0; i < findings->n; i++) {
        if (strcmp(findings->items[i].text, message) == 0) {
            return; /* two loggers read OTEL_LOG_LEVEL */
        }
    }
    findings_add(findings, 0, "settings", FINDING_NOTE, "%s", message);
}

static void examine_tracker(const weir_options *all, const struct config_reader *reader,
                            struct findings *findings) {
    const struct config_reader quiet = {.logger = reader->logger};
    const char *directory = options_tracker_dir(all, &quiet);
    char *root CLEANUP(mem_cleanup) = NULL;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    if (directory == NULL) {
        return;
    }
    if (folder_root(directory, &root, &detail) != 0) {
        findings_add(findings, 0, "tracker", FINDING_FAILED, "%s", detail.message);
        return;
    }
    examine_directory(root, true, "tracker", findings);
}

static bool is_setting(const struct config_report *report, const char *name, const char *value) {
    const struct config_line *line = config_report_find(report, name);
    return line != NULL && strcmp(line->value, value) == 0;
}

/* A sampler that leaves out all spans, or all that no sampled parent is above, is often an error.
 */
static void examine_sampler(const struct config_report *report, struct findings *findings) {
    bool is_none = is_setting(report, "sampler ratio", "0");
    if (is_setting(report, "sampler", "always_off") ||
        (is_none && is_setting(report, "sampler", "traceidratio"))) {
        findings_add(findings, 0, "sampler", FINDING_NOTE,
                     "nothing is sent: OTEL_TRACES_SAMPLER leaves out every span; unset it");
    } else if (is_setting(report, "sampler", "parentbased_always_off") ||
               (is_none && is_setting(report, "sampler", "parentbased_traceidratio"))) {
        findings_add(findings, 0, "sampler", FINDING_NOTE,
                     "roots are not sampled: by OTEL_TRACES_SAMPLER only what is below a sampled "
                     "remote parent is sent");
    }
}

static void examine_choices(const struct explanation *explanation, uint64_t timeout_ns,
                            struct findings *findings) {
    const struct transport_choices *choices = &explanation->choices;
    for (size_t i = 0; i < choices->n; i++) {
        const struct transport_choice *choice = &choices->of[i];
        if (choice->kind == TRANSPORT_HTTP) {
            examine_endpoint(choice, timeout_ns / choices->n, i + 1, findings);
        } else {
            bool has_path = choice->kind == TRANSPORT_FILE;
            examine_output(has_path ? choice->path : "-", i + 1, findings);
        }
    }
    if (choices->n == 0) {
        findings_add(findings, 1, "export", FINDING_NOTE, "nothing is recorded: %s",
                     explanation->config.is_disabled ? "weir is disabled" : "there is no exporter");
    }
}

static void examine(const struct settings *settings, struct examination *e) {
    const weir_otlp_options otlp =
        WEIR_OTLP_OPTIONS(.endpoint = settings->endpoint,
                          .traces_endpoint = settings->traces_endpoint,
                          .headers = settings->headers.n > 0 ? settings->headers.items : NULL,
                          .protocol = settings->protocol, .compression = settings->compression,
                          .ca_file = settings->ca_file,
                          .client_certificate_file = settings->client_certificate_file,
                          .client_key_file = settings->client_key_file,
                          .has_insecure = settings->insecure, .insecure = settings->insecure,
                          .proxy = settings->proxy, .unix_socket = settings->unix_socket,
                          .output_path = settings->output, .spool_dir = settings->spool_dir);
    const weir_options all = WEIR_OPTIONS(.otlp = &otlp, .tracker_dir = settings->tracker_dir);
    struct logger logger;
    logger_init(&logger, keep_warning, &e->findings, WEIR_LOG_DEFAULT);
    const struct config_reader reader = {.logger = &logger, .report = &e->report};
    struct explanation explanation CLEANUP(explanation_deinit);
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    int error = explain_options(&otlp, &reader, &explanation, &detail);
    options_explain(&all, &reader);
    examine_variables(environ, &e->findings);
    examine_tracker(&all, &reader, &e->findings);
    if (error == 0 && explanation.config.spool.dir != NULL) {
        examine_spool(explanation.config.spool.dir, &e->findings);
    }
    if (error != 0) {
        findings_add(&e->findings, 1, "settings", FINDING_FAILED, "%s", detail.message);
    } else {
        examine_sampler(&e->report, &e->findings);
        examine_choices(&explanation, settings->timeout_ms * NS_PER_MS, &e->findings);
    }
}

/* ---- for people ---- */

static void print_settings(const struct config_report *report) {
    enum { VALUE_MAX_COLUMNS = 32 }; /* a longer value pushes its source aside */
    size_t name_columns = 0, value_columns = 0;
    for (size_t i = 0; i < report->n; i++) {
        name_columns = MAX(name_columns, strlen(report->lines[i].name));
        value_columns = MAX(value_columns, strlen(report->lines[i].value));
    }
    value_columns = MIN(value_columns, VALUE_MAX_COLUMNS);
    puts("Settings");
    for (size_t i = 0; i < report->n; i++) {
        const struct config_line *line = &report->lines[i];
        printf("  %-*s  %-*s  %s%s%s\n", (int)name_columns, line->name, (int)value_columns,
               line->value, config_source_name(line->source), *line->origin != '\0' ? " " : "",
               line->origin);
    }
}

static void print_findings(const struct findings *findings) {
    puts("\nTests");
    for (size_t i = 0; i < findings->n; i++) {
        const struct finding *finding = &findings->items[i];
        printf("  %-8s  %-6s  %s\n", finding->step, finding_kind_name(finding->kind),
               finding->text);
    }
}

/* ---- for programs ---- */

static void append_member(struct buf *out, const char *name, const char *text) {
    buf_append_text(out, out->data[out->n_bytes - 1] == '{' ? "\"" : ",\"");
    buf_append_text(out, name);
    buf_append_text(out, "\":");
    json_write_string(out, text, strlen(text), JSON_COMPACT);
}

static void append_settings(struct buf *out, const struct config_report *report) {
    for (size_t i = 0; i < report->n; i++) {
        const struct config_line *line = &report->lines[i];
        buf_append_text(out, i > 0 ? ",{" : "{");
        append_member(out, "name", line->name);
        append_member(out, "value", line->value);
        append_member(out, "source", config_source_name(line->source));
        append_member(out, "origin", line->origin);
        buf_append_byte(out, '}');
    }
}

static void append_findings(struct buf *out, const struct findings *findings) {
    for (size_t i = 0; i < findings->n; i++) {
        const struct finding *finding = &findings->items[i];
        buf_append_text(out, i > 0 ? ",{" : "{");
        append_member(out, "step", finding->step);
        append_member(out, "outcome", finding_kind_name(finding->kind));
        append_member(out, "text", finding->text);
        buf_append_text(out, ",\"pipeline\":");
        json_write_int(out, (int64_t)finding->pipeline);
        buf_append_byte(out, '}');
    }
}

static int print_json(const struct examination *e) {
    struct buf out CLEANUP(buf_deinit);
    buf_init(&out, 16 << 20);
    buf_append_text(&out, "{\"settings\":[");
    append_settings(&out, &e->report);
    buf_append_text(&out, "],\"tests\":[");
    append_findings(&out, &e->findings);
    buf_append_text(&out, "],\"ok\":");
    buf_append_text(&out, e->findings.n_failed == 0 ? "true}\n" : "false}\n");
    if (buf_error(&out) != 0) {
        return report_failure("out of memory");
    }
    fwrite(out.data, 1, out.n_bytes, stdout);
    return COMMAND_OK;
}

/* ---- the command ---- */

static int run(int argc, char **argv) {
    struct settings settings = {.timeout_ms = 10000};
    int exit_code;
    if (!options_parse(&cmd_doctor, argc, argv, &settings, NULL, &exit_code)) {
        return exit_code;
    }
    struct examination e = {0};
    examine(&settings, &e);
    if (e.report.is_cut) {
        findings_add(&e.findings, 0, "settings", FINDING_NOTE, "some settings are not shown");
    }
    if (settings.json) {
        exit_code = print_json(&e);
    } else {
        print_settings(&e.report);
        print_findings(&e.findings);
        exit_code = COMMAND_OK;
    }
    config_report_deinit(&e.report);
    return e.findings.n_failed > 0 ? COMMAND_FAILED : exit_code;
}
