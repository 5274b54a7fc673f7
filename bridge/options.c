#include "bridge/options.h"

#include "bridge/conventions.h"
#include "otlp/common/alloc.h"
#include "otlp/common/error.h"
#include "otlp/common/options.h"

static const char DEFAULT_PROJECT[] = "default";

/* ---- what the environment may say as well ---- */

static weir_streaming_mode read_mode(const weir_options *options,
                                     const struct config_reader *reader) {
    enum { BOTH = WEIR_STREAMING_SINGLE_AND_CHUNK_SPANS + 1 }; /* another name of the last */
    const char *names[BOTH + 1] = {[BOTH] = "both"};
    for (unsigned mode = WEIR_STREAMING_SINGLE_SPAN; mode < BOTH; mode++) {
        names[mode] = weir_streaming_mode_name((weir_streaming_mode)mode);
    }
    unsigned mode = CONFIG_ENUM(
        reader, .option = "streaming_mode",
        .is_given = options->streaming_mode != WEIR_STREAMING_DEFAULT,
        .given = options->streaming_mode, .variables = {"WEIR_STREAMING_MODE"}, .names = names,
        .n_names = ARRAY_LENGTH(names), .otherwise = WEIR_STREAMING_SINGLE_SPAN);
    return mode == BOTH ? WEIR_STREAMING_SINGLE_AND_CHUNK_SPANS : (weir_streaming_mode)mode;
}

static unsigned read_conventions(const weir_options *options, const struct config_reader *reader) {
    static const char variable[] = "WEIR_CONVENTIONS";
    const char *list = config_variable(reader, variable);
    unsigned bits = options->conventions;
    struct config_origin origin = config_by_option("conventions");
    if (bits == 0) {
        origin = config_by_default();
        bits = WEIR_CONVENTIONS_BURR;
        if (list != NULL && weir_conventions_parse(list, &bits) == 0) {
            origin = config_by_variable(variable);
        } else if (list != NULL) {
            logger_say(reader->logger, WEIR_LOG_WARN, LOG_CAUSE_CONFIG,
                       "%s=%.100s is no comma list of burr, genai, openinference, langfuse and "
                       "legacy_usage: taken as unset",
                       variable, list);
        }
    }
    char names[CONVENTIONS_TEXT_BYTES];
    conventions_describe(bits, names);
    config_note_text(reader, "conventions", names, CONFIG_PUBLIC, origin);
    return bits;
}

/* How much of a kind of content is kept. */
static weir_capture read_level(weir_capture given, weir_capture otherwise, const char *option,
                               const char *variable, const struct config_reader *reader) {
    static const char *const names[] = {[WEIR_CAPTURE_NONE] = "none",
                                        [WEIR_CAPTURE_TRUNCATE] = "truncate",
                                        [WEIR_CAPTURE_FULL] = "full"};
    return (weir_capture)CONFIG_ENUM(reader, .option = option,
                                     .is_given = given != WEIR_CAPTURE_DEFAULT, .given = given,
                                     .variables = {variable}, .names = names,
                                     .n_names = ARRAY_LENGTH(names), .otherwise = otherwise);
}

static struct capture_rules read_capture(const weir_options *options,
                                         const struct config_reader *reader) {
    struct capture_rules rules = {.redact = options->redact, .redact_data = options->redact_data};
    rules.tracker = read_level(options->capture_tracker, WEIR_CAPTURE_FULL, "capture_tracker",
                               "WEIR_CAPTURE_TRACKER", reader);
    rules.otlp = read_level(options->capture_otlp, WEIR_CAPTURE_NONE, "capture_otlp",
                            "WEIR_CAPTURE_OTLP", reader);
    rules.items = read_level(options->capture_items, WEIR_CAPTURE_NONE, "capture_items",
                             "WEIR_CAPTURE_ITEMS", reader);
    rules.max_chars = (uint32_t)CONFIG_U64(
        reader, .option = "capture_max_chars", .is_given = options->capture_max_chars != 0,
        .given = options->capture_max_chars, .variables = {"WEIR_CAPTURE_MAX_CHARS"},
        .otherwise = WEIR_DEFAULT_CAPTURE_CHARS, .least = 1, .most = UINT32_MAX);
    return rules;
}

const char *options_tracker_dir(const weir_options *options, const struct config_reader *reader) {
    const char *directory =
        CONFIG_TEXT(reader, NULL, .option = "tracker_dir", .given = options->tracker_dir,
                    .variables = {"WEIR_TRACKER_DIR"});
    return directory != NULL && *directory != '\0' ? directory : NULL;
}

void options_explain(const weir_options *options, const struct config_reader *reader) {
    (void)CONFIG_TEXT(reader, NULL, .option = "project", .given = options->project,
                      .otherwise = DEFAULT_PROJECT);
    (void)read_mode(options, reader);
    (void)read_conventions(options, reader);
    (void)read_capture(options, reader);
    (void)options_tracker_dir(options, reader);
}

/* ---- applying ---- */

static int apply_mode(const weir_options *options, struct weir *w, weir_error_detail *detail) {
    const struct config_reader reader = {.logger = &w->logger};
    if ((unsigned)options->streaming_mode > WEIR_STREAMING_SINGLE_AND_CHUNK_SPANS) {
        return error_set(detail, WEIR_E_INVALID,
                         "streaming_mode %d is none of enum weir_streaming_mode",
                         (int)options->streaming_mode);
    }
    w->mode = read_mode(options, &reader);
    return 0;
}

static int apply_conventions(const weir_options *options, struct weir *w,
                             weir_error_detail *detail) {
    static const unsigned every = WEIR_CONVENTIONS_BURR | WEIR_CONVENTIONS_GENAI |
                                  WEIR_CONVENTIONS_OPENINFERENCE | WEIR_CONVENTIONS_LANGFUSE |
                                  WEIR_CONVENTIONS_LEGACY_USAGE;
    const struct config_reader reader = {.logger = &w->logger};
    if (options->conventions & ~every) {
        return error_set(detail, WEIR_E_INVALID, "conventions 0x%x has bits that are none of %s",
                         options->conventions, "WEIR_CONVENTIONS_…");
    }
    unsigned bits = read_conventions(options, &reader);
    w->conventions = w->burr_exact ? 0 : bits & ~(unsigned)WEIR_CONVENTIONS_BURR;
    w->has_event_attributes = options->stream_event_attributes && !w->burr_exact;
    return 0;
}

static int check_level(weir_capture level, const char *name, weir_error_detail *detail) {
    return (unsigned)level <= WEIR_CAPTURE_FULL
               ? 0
               : error_set(detail, WEIR_E_INVALID, "%s %d is none of enum weir_capture", name,
                           (int)level);
}

static int apply_capture(const weir_options *options, struct weir *w, weir_error_detail *detail) {
    int error = check_level(options->capture_otlp, "capture_otlp", detail);
    error = error != 0 ? error : check_level(options->capture_tracker, "capture_tracker", detail);
    error = error != 0 ? error : check_level(options->capture_items, "capture_items", detail);
    if (error != 0) {
        return error;
    }
    const struct config_reader reader = {.logger = &w->logger};
    struct capture_rules *rules = &w->capture;
    *rules = read_capture(options, &reader);
    if (w->burr_exact) { /* whose spans have no content */
        rules->otlp = rules->items = WEIR_CAPTURE_NONE;
    }
    rules->is_plain = rules->tracker == WEIR_CAPTURE_FULL && rules->otlp == WEIR_CAPTURE_NONE &&
                      rules->items == WEIR_CAPTURE_NONE && rules->redact == NULL;
    return 0;
}

static int apply_host(const weir_options *options, struct weir *w, weir_error_detail *detail) {
    weir_otlp_options otlp;
    if (!options_read(&otlp, sizeof otlp, options->otlp)) {
        return error_set(detail, WEIR_E_INVALID,
                         "weir_otlp_options.size is %zu: use WEIR_OTLP_OPTIONS(), or a library as "
                         "new as the header",
                         options->otlp->size);
    }
    w->clock = clock_or_system(options->clock != NULL ? options->clock : otlp.clock);
    weir_log_level level =
        options->log_level != WEIR_LOG_DEFAULT ? options->log_level : otlp.log_level;
    if (options->log != NULL) {
        logger_init(&w->logger, options->log, options->log_data, level);
    } else {
        logger_init(&w->logger, otlp.log, otlp.log_data, level);
    }
    return 0;
}

static void fill_hooks(const weir_adapter *table, weir_hook_fn *hooks[N_HOOKS]) {
    hooks[WEIR_HOOK_POST_APPLICATION_CREATE] = table->post_application_create;
    hooks[WEIR_HOOK_PRE_RUN_EXECUTE_CALL] = table->pre_run_execute_call;
    hooks[WEIR_HOOK_POST_RUN_EXECUTE_CALL] = table->post_run_execute_call;
    hooks[WEIR_HOOK_PRE_RUN_STEP] = table->pre_run_step;
    hooks[WEIR_HOOK_POST_RUN_STEP] = table->post_run_step;
    hooks[WEIR_HOOK_PRE_START_SPAN] = table->pre_start_span;
    hooks[WEIR_HOOK_POST_END_SPAN] = table->post_end_span;
    hooks[WEIR_HOOK_DO_LOG_ATTRIBUTES] = table->do_log_attributes;
    hooks[WEIR_HOOK_PRE_START_STREAM] = table->pre_start_stream;
    hooks[WEIR_HOOK_PRE_STREAM_GENERATE] = table->pre_stream_generate;
    hooks[WEIR_HOOK_POST_STREAM_GENERATE] = table->post_stream_generate;
    hooks[WEIR_HOOK_POST_STREAM_ITEM] = table->post_stream_item;
    hooks[WEIR_HOOK_POST_END_STREAM] = table->post_end_stream;
}

static int apply_adapters(const weir_options *options, struct weir *w, weir_error_detail *detail) {
    if (options->n_adapters > WEIR_MAX_ADAPTERS) {
        return error_set(detail, WEIR_E_INVALID, "n_adapters is %zu; at most %d are possible",
                         options->n_adapters, WEIR_MAX_ADAPTERS);
    }
    if (options->n_adapters == 0) {
        return 0;
    }
    if (options->adapters == NULL) {
        return error_set(detail, WEIR_E_INVALID, "adapters is NULL but n_adapters is not 0");
    }
    w->guests = mem_zalloc(options->n_adapters * sizeof *w->guests);
    if (w->guests == NULL) {
        return error_set(detail, WEIR_E_NO_MEMORY, "no memory for adapters");
    }
    for (size_t i = 0; i < options->n_adapters; i++) {
        weir_adapter *table = &w->guests[i].table;
        const weir_adapter *given = options->adapters[i];
        if (given == NULL || !options_read(table, sizeof *table, given)) {
            return error_set(detail, WEIR_E_INVALID,
                             "adapters[%zu] is NULL, or has a wrong size: use WEIR_ADAPTER()", i);
        }
    }
    for (size_t i = 0; i < options->n_adapters; i++) {
        struct guest *guest = &w->guests[i];
        fill_hooks(&guest->table, guest->hooks);
        for (int hook = 0; hook < N_HOOKS; hook++) {
            w->has_guest[hook] = w->has_guest[hook] || guest->hooks[hook] != NULL;
        }
    }
    w->n_guests = options->n_adapters; /* from here on their destroy is called */
    return 0;
}

int options_apply(const weir_options *options, struct weir *w, weir_error_detail *detail) {
    w->burr_exact = options->burr_exact;
    w->chunk_span_every = options->chunk_span_every;
    w->chunk_span_min_ns = (uint64_t)options->chunk_span_min_ms * NS_PER_MS;
    w->chunk_span_max = options->chunk_span_max;
    w->project = mem_strdup(options->project != NULL ? options->project : DEFAULT_PROJECT);
    if (w->project == NULL) {
        return error_set(detail, WEIR_E_NO_MEMORY, "no memory for the project's name");
    }
    int error = apply_host(options, w, detail);
    error = error != 0 ? error : apply_mode(options, w, detail);
    error = error != 0 ? error : apply_conventions(options, w, detail);
    error = error != 0 ? error : apply_capture(options, w, detail);
    return error != 0 ? error : apply_adapters(options, w, detail);
}
