/*
 * weir load: prints the state of a logged run.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/tracking.h>

#include "bridge/cli/command.h"
#include "bridge/cli/options.h"
#include "bridge/cli/paths.h"
#include "bridge/cli/report.h"
#include "otlp/common/buf.h"
#include "otlp/common/json_text.h"
#include "otlp/common/json_write.h"
#include "otlp/common/macro.h"
#include "tracking/time_text.h"

struct step_choice {
    bool is_given;
    int64_t sequence_id;
};

struct settings {
    const char *tracker_dir;
    struct step_choice step;
    bool resume, json;
};

static bool parse_step(const char *text, void *out) {
    struct step_choice *step = out;
    const struct json_slice number = {text, strlen(text)};
    step->is_given = json_to_int64(number, &step->sequence_id) && step->sequence_id >= 0;
    return step->is_given;
}

static const struct option_row options[] = {
    {"sequence-id", "N", "the state after step N (default: after the last one that ended)",
     OPTION_WORD, offsetof(struct settings, step), .parse = parse_step,
     .expected = "a sequence id: 0, 1, 2 ..."},
    {"resume", NULL,
     "prints the state to give a new run: with __PRIOR_STEP, so that it goes on behind that step",
     OPTION_FLAG, offsetof(struct settings, resume)},
    {"tracker-dir", "DIR", "the storage directory (default: WEIR_TRACKER_DIR, burr_path, ~/.burr)",
     OPTION_TEXT, offsetof(struct settings, tracker_dir)},
    {"json", NULL, "prints one JSON object: the state and which step it is from", OPTION_FLAG,
     offsetof(struct settings, json)},
};

static const char *const examples[] = {
    "weir load demo_counter/count-to-10",
    "weir load demo_counter/count-to-10 --sequence-id 4 --json",
    "weir load ~/.burr/demo_counter/count-to-10 --resume",
    NULL,
};

static int run(int argc, char **argv);

const struct command cmd_load = {
    .name = "load",
    .summary = "prints the state of a logged run, as JSON",
    .about =
        "Reads the state that a run had after a step, as Burr's load does: keys of the framework "
        "(they begin with __) are left out, __SEQUENCE_ID is added. Numbers and texts keep their "
        "spelling. A step that failed counts too; --json tells. Broken lines of the log are passed "
        "over (weir validate names them). The argument is PROJECT/APP in the storage directory, or "
        "the path of an app's folder.",
    .arguments = "PROJECT/APP",
    .min_arguments = 1,
    .max_arguments = 1,
    .options = options,
    .n_options = ARRAY_LENGTH(options),
    .examples = examples,
    .run = run,
};

static void put_text(struct buf *out, const char *name, const char *text) {
    buf_append_text(out, name);
    json_write_string(out, text, strlen(text), JSON_COMPACT);
}

static void put_json(struct buf *out, const struct store_path *place, const weir_loaded *loaded) {
    struct time_text_cache cache = {0};
    put_text(out, "{\"project\":", place->project);
    put_text(out, ",\"app_id\":", loaded->app_id);
    buf_append_text(out, ",\"sequence_id\":");
    json_write_int(out, loaded->sequence_id);
    put_text(out, ",\"position\":", loaded->position);
    put_text(out, ",\"status\":", loaded->is_completed ? "completed" : "failed");
    buf_append_text(out, ",\"created_at\":\"");
    time_text_utc(out, loaded->created_unix_ns, &cache);
    buf_append_text(out, "\",\"state\":");
    buf_append_text(out, loaded->state);
    buf_append_text(out, ",\"resume_state\":");
    buf_append_text(out, loaded->resume_state);
    buf_append_text(out, "}");
}

static int print_json(const struct store_path *place, const weir_loaded *loaded) {
    struct buf CLEANUP(buf_deinit) out;
    buf_init(&out, SIZE_MAX / 2); /* the state itself has a bound */
    put_json(&out, place, loaded);
    if (buf_error(&out) != 0) {
        return report_failure("cannot print the state of %s: %s", loaded->app_id,
                              weir_strerror(buf_error(&out)));
    }
    fwrite(out.data, 1, out.n_bytes, stdout);
    putchar('\n');
    return COMMAND_OK;
}

static int load(const struct settings *settings, const struct store_path *place) {
    weir_loaded *loaded = NULL;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    const weir_load_options what =
        WEIR_LOAD_OPTIONS(.directory = place->root, .project = place->project,
                          .app_id = place->app_id, .has_sequence_id = settings->step.is_given,
                          .sequence_id = settings->step.sequence_id);
    if (weir_load(&what, &loaded, &detail) != 0) {
        return report_failure("%s", detail.message);
    }
    int exit_code = COMMAND_OK;
    if (settings->json) {
        exit_code = print_json(place, loaded);
    } else {
        puts(settings->resume ? loaded->resume_state : loaded->state);
    }
    weir_loaded_free(loaded);
    return exit_code;
}

static int run(int argc, char **argv) {
    struct settings settings = {0};
    struct arguments arguments;
    int exit_code;
    if (!options_parse(&cmd_load, argc, argv, &settings, &arguments, &exit_code)) {
        return exit_code;
    }
    if (settings.json && settings.resume) {
        return report_usage("--json prints both states; leave --resume out");
    }
    struct store_path CLEANUP(store_path_deinit) place = {0};
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    if (paths_find(arguments.items[0], settings.tracker_dir, &place, &detail) != 0) {
        return report_failure("%s", detail.message);
    }
    if (place.place != STORE_APP) {
        return report_failure("%s is no app's folder; name one: PROJECT/APP", arguments.items[0]);
    }
    return load(&settings, &place);
}
