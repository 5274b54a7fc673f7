/*
 * weir validate: checks Burr's files and names each fault with its file and line.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <weir/tracking.h>

#include "bridge/cli/command.h"
#include "bridge/cli/options.h"
#include "bridge/cli/paths.h"
#include "bridge/cli/progress.h"
#include "bridge/cli/report.h"
#include "otlp/common/alloc.h"
#include "otlp/common/buf.h"
#include "otlp/common/json_write.h"
#include "otlp/common/macro.h"
#include "otlp/common/utf8.h"
#include "tracking/check.h"
#include "tracking/reader.h"
#include "tracking/store.h"
#include "tracking/store_files.h"

enum { MAX_PATH_BYTES = 4096, PROGRESS_EVERY_LINES = 256 };

struct settings {
    const char *tracker_dir;
    bool json;
};

static const struct option_row options[] = {
    {"tracker-dir", "DIR",
     "the storage directory that is meant without a PATH, and where a PATH such as PROJECT/APP is "
     "looked for (default: WEIR_TRACKER_DIR, burr_path, ~/.burr)",
     OPTION_TEXT, offsetof(struct settings, tracker_dir)},
    {"json", NULL, "prints one JSON object: the faults and what was checked", OPTION_FLAG,
     offsetof(struct settings, json)},
};

static const char *const examples[] = {
    "weir validate",
    "weir validate ~/.burr/demo_chatbot ./log.jsonl",
    "weir validate demo_chatbot/chat-1-giraffe --json",
    NULL,
};

static int run(int argc, char **argv);

const struct command cmd_validate = {
    .name = "validate",
    .summary = "checks Burr's files and names each fault",
    .about =
        "Reads every log.jsonl, children.jsonl, graph.json and metadata.json and prints each fault "
        "as FILE:LINE: what is wrong: what Burr's loader, server or page would stumble over. "
        "Steps without an end and ends without a begin are no faults: processes die. PATH is a "
        "storage directory, the folder of a project or of an app, or a log. Exit code 0: clean, "
        "1: there are faults, 2: the command line makes no sense.",
    .arguments = "[PATH...]",
    .min_arguments = 0,
    .max_arguments = SIZE_MAX,
    .options = options,
    .n_options = ARRAY_LENGTH(options),
    .examples = examples,
    .run = run,
};

/* ---- what was found ---- */

struct validation {
    bool json;
    struct progress progress;
    uint64_t n_bytes_done; /* of the logs before this one */
    uint64_t n_apps, n_logs, n_records, n_other_records, n_faults, n_faulty_files;
    bool has_fault;             /* in the file that is being checked */
    uint64_t n_unchecked_paths; /* said on stderr: missing, or holding no logs */
};

static void print_json_fault(struct validation *validation, const char *path, uint64_t line,
                             const char *text) {
    struct buf CLEANUP(buf_deinit) out;
    buf_init(&out, 64 << 10);
    buf_append_text(&out, validation->n_faults > 0 ? ",\n{\"path\":" : "\n{\"path\":");
    json_write_string(&out, path, strlen(path), JSON_COMPACT);
    buf_append_text(&out, ",\"line\":");
    if (line > 0) {
        json_write_int(&out, (int64_t)line);
    } else {
        buf_append_text(&out, "null");
    }
    buf_append_text(&out, ",\"fault\":");
    json_write_string(&out, text, strlen(text), JSON_COMPACT);
    buf_append_text(&out, "}");
    fwrite(out.data, 1, out.n_bytes, stdout);
}

/* line 0: the fault is the whole file's. */
static void found(struct validation *validation, const char *path, uint64_t line,
                  const char *text) {
    progress_hide(&validation->progress);
    char shown[MAX_PATH_BYTES];
    snprintf(shown, sizeof shown, "%s", path);
    utf8_make_line(shown);
    if (validation->json) {
        print_json_fault(validation, shown, line, text);
    } else if (line > 0) {
        printf("%s:%" PRIu64 ": %s\n", shown, line, text);
    } else {
        printf("%s: %s\n", shown, text);
    }
    validation->n_faults++;
    validation->n_faulty_files += !validation->has_fault;
    validation->has_fault = true;
}

/* ---- files of lines ---- */

/* A file of lines, while it is read. */
struct lines {
    struct validation *validation;
    const char *path;
    enum check_kind kind;
    weir_reader *reader;
    uint64_t n_seen; /* lines that were looked at, or are known to be blank */
};

/* The reader passes over blank lines; their numbers are missing between those of the others. */
static void tell_blank_lines(struct lines *lines, uint64_t next_line) {
    while (lines->n_seen + 1 < next_line) {
        found(lines->validation, lines->path, ++lines->n_seen, "a blank line");
    }
    lines->n_seen = next_line;
}

static void check_line(struct lines *lines, const weir_record *record) {
    struct check_fault fault;
    char text[sizeof fault.text + 64];
    tell_blank_lines(lines, record->line);
    if (!check_text(lines->kind, record->whole.text, record->whole.n_bytes, &fault)) {
        snprintf(text, sizeof text, "%s at byte %zu", fault.text, fault.at);
        found(lines->validation, lines->path, record->line, text);
    }
    if (lines->kind == CHECK_RECORD) {
        lines->validation->n_records++;
        lines->validation->n_other_records += record->type == WEIR_RECORD_OTHER;
    }
}

static void tell_torn_end(struct lines *lines) {
    char text[96];
    size_t n_torn = weir_reader_torn_bytes(lines->reader);
    tell_blank_lines(lines, reader_n_lines(lines->reader) + 1);
    if (n_torn > 0) {
        snprintf(text, sizeof text, "the last line is torn: %zu bytes without a line feed", n_torn);
        found(lines->validation, lines->path, reader_n_lines(lines->reader) + 1, text);
    }
}

/* Reads to the end; what cannot be read is a fault of the file. */
static void check_lines(struct lines *lines) {
    weir_record record = WEIR_RECORD_INIT;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    struct validation *validation = lines->validation;
    uint64_t n_bytes = 0;
    int result;
    while ((result = weir_reader_next(lines->reader, &record, &detail)) != 0) {
        if (result == 1) {
            check_line(lines, &record);
            n_bytes += record.whole.n_bytes + 1;
        } else if (result == WEIR_E_SYNTAX || result == WEIR_E_TOO_LARGE) {
            tell_blank_lines(lines, detail.line);
            found(validation, lines->path, detail.line, report_without_line(detail.message));
        } else {
            found(validation, lines->path, 0, detail.message);
            return;
        }
        if (lines->n_seen % PROGRESS_EVERY_LINES == 0) {
            progress_update(&validation->progress, validation->n_bytes_done + n_bytes);
        }
    }
    tell_torn_end(lines);
}

/* Takes the reader over. */
static void check_reader(struct validation *validation, const char *path, enum check_kind kind,
                         weir_reader *reader) {
    struct lines lines = {validation, path, kind, reader, 0};
    validation->has_fault = false;
    check_lines(&lines);
    weir_reader_close(reader);
}

/* A file of records in an app's folder, if it is there. */
static void check_records(struct validation *validation, const struct folder_path *app, int app_fd,
                          const char *name, enum check_kind kind) {
    char path[MAX_PATH_BYTES];
    weir_reader *reader = NULL;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    folder_file_path(app, name, path, sizeof path);
    int error = store_open_records(app, app_fd, name, &reader, &detail);
    if (error == 0) {
        check_reader(validation, path, kind, reader);
    } else if (error != WEIR_E_NOT_FOUND) {
        validation->has_fault = false;
        found(validation, path, 0, detail.message);
    }
}

/* ---- whole files ---- */

static uint64_t line_of(const char *text, size_t at) {
    uint64_t line = 1;
    for (const char *feed = text; (feed = memchr(feed, '\n', at - (size_t)(feed - text))) != NULL;
         feed++) {
        line++;
    }
    return line;
}

static void check_file(struct validation *validation, const struct folder_path *app, int app_fd,
                       const char *name, enum check_kind kind) {
    char path[MAX_PATH_BYTES];
    char *text CLEANUP(mem_cleanup) = NULL;
    size_t n_bytes;
    struct check_fault fault;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    folder_file_path(app, name, path, sizeof path);
    validation->has_fault = false;
    int error = store_read_file(app, app_fd, name, &text, &n_bytes, &detail);
    if (error == 0 && !check_text(kind, text, n_bytes, &fault)) {
        found(validation, path, line_of(text, fault.at), fault.text);
    } else if (error != 0 && error != WEIR_E_NOT_FOUND) {
        found(validation, path, 0, detail.message);
    }
}

/* ---- apps ---- */

/* Burr's server answers with an error for the whole project, or the app, when one of them is not
 * there. */
static void check_presence(struct validation *validation, const struct folder_path *app,
                           const struct store_look *look) {
    char path[MAX_PATH_BYTES];
    static const char log_missing[] =
        "the app has no log: Burr's server fails on the whole project";
    static const char graph_missing[] = "the app has no graph: Burr's server does not show it";
    validation->has_fault = false;
    if (!look->has_log) {
        folder_file_path(app, "log.jsonl", path, sizeof path);
        found(validation, path, 0, log_missing);
    }
    validation->has_fault = false;
    if (!look->has_graph) {
        folder_file_path(app, "graph.json", path, sizeof path);
        found(validation, path, 0, graph_missing);
    }
}

static int check_app(const struct folder_path *app, int app_fd, void *data) {
    struct validation *validation = data;
    struct store_look look;
    store_look_at(app_fd, &look);
    check_presence(validation, app, &look);
    check_file(validation, app, app_fd, "graph.json", CHECK_GRAPH);
    check_file(validation, app, app_fd, "metadata.json", CHECK_METADATA);
    check_records(validation, app, app_fd, "children.jsonl", CHECK_CHILD);
    check_records(validation, app, app_fd, "log.jsonl", CHECK_RECORD);
    validation->n_apps++;
    validation->n_logs += look.has_log;
    validation->n_bytes_done += look.log_n_bytes;
    progress_update(&validation->progress, validation->n_bytes_done);
    return 0;
}

static int add_size(const struct folder_path *app, int app_fd, void *data) {
    struct store_look look;
    (void)app;
    store_look_at(app_fd, &look);
    *(uint64_t *)data += look.log_n_bytes;
    return 0;
}

/* ---- the command ---- */

static int check_log(struct validation *validation, const char *path, weir_error_detail *detail) {
    weir_reader *reader = NULL;
    int error = weir_reader_open(path, &reader, detail);
    if (error == 0) {
        check_reader(validation, path, CHECK_RECORD, reader);
        validation->n_logs++;
    }
    return error;
}

static int check_place(struct validation *validation, const struct store_path *place,
                       weir_error_detail *detail) {
    if (place->place == STORE_LOG) {
        return check_log(validation, place->log, detail);
    }
    uint64_t n_bytes = 0;
    int error = store_walk(place, add_size, &n_bytes, detail);
    if (error == 0) {
        progress_begin(&validation->progress, "bytes checked", n_bytes);
        validation->n_bytes_done = 0;
        error = store_walk(place, check_app, validation, detail);
        progress_end(&validation->progress);
    }
    return error;
}

static int check_path(struct validation *validation, const struct settings *settings,
                      const char *path) {
    struct store_path CLEANUP(store_path_deinit) place = {0};
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    int error = paths_find(path, settings->tracker_dir, &place, &detail);
    if (error == 0) {
        error = check_place(validation, &place, &detail);
    }
    return error == 0 ? COMMAND_OK : report_failure("%s", detail.message);
}

static void print_count(uint64_t n, const char *one, const char *many) {
    printf("%" PRIu64 " %s", n, report_noun(n, one, many));
}

static void print_summary(const struct validation *validation) {
    if (validation->json) {
        printf("],\"logs\":%" PRIu64 ",\"records\":%" PRIu64 ",\"other_records\":%" PRIu64
               ",\"faulty_files\":%" PRIu64 ",\"unchecked_paths\":%" PRIu64 "}\n",
               validation->n_logs, validation->n_records, validation->n_other_records,
               validation->n_faulty_files, validation->n_unchecked_paths);
        return;
    }
    if (validation->n_logs == 0 && validation->n_faults == 0 && validation->n_unchecked_paths > 0) {
        return; /* nothing was checked: all is said on stderr */
    }
    print_count(validation->n_logs, "log", "logs");
    fputs(" with ", stdout);
    print_count(validation->n_records, "record", "records");
    if (validation->n_other_records > 0) {
        printf(" (%" PRIu64 " of types that this version does not know)",
               validation->n_other_records);
    }
    fputs(": ", stdout);
    if (validation->n_faults == 0) {
        puts(validation->n_unchecked_paths == 0 ? "no faults"
                                                : "no faults in what could be checked");
        return;
    }
    print_count(validation->n_faults, "fault", "faults");
    fputs(" in ", stdout);
    print_count(validation->n_faulty_files, "file", "files");
    putchar('\n');
}

static int run(int argc, char **argv) {
    struct settings settings = {0};
    struct arguments paths;
    int exit_code;
    if (!options_parse(&cmd_validate, argc, argv, &settings, &paths, &exit_code)) {
        return exit_code;
    }
    struct validation validation = {.json = settings.json};
    if (settings.json) {
        fputs("{\"faults\":[", stdout);
    }
    exit_code = COMMAND_OK;
    for (size_t i = 0; i < paths.n_items || (i == 0 && paths.n_items == 0); i++) {
        const char *path = paths.n_items > 0 ? paths.items[i] : NULL;
        if (check_path(&validation, &settings, path) != COMMAND_OK) {
            validation.n_unchecked_paths++;
            exit_code = COMMAND_FAILED;
        }
    }
    print_summary(&validation);
    return validation.n_faults > 0 ? COMMAND_FAILED : exit_code;
}
