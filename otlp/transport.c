#include "otlp/transport.h"

#include "otlp/common/error.h"
#include "otlp/common/macro.h"
#include "otlp/common/options.h"

/* What OTEL_TRACES_EXPORTER may say (D34); several become pipelines in this order. */
enum { OTLP, OTLP_STDOUT, CONSOLE, NOTHING };

static uint32_t read_exporters(const struct config_reader *reader) {
    static const char *const names[] = {
        [OTLP] = "otlp", [OTLP_STDOUT] = "otlp/stdout", [CONSOLE] = "console", [NOTHING] = "none"};
    uint32_t set =
        CONFIG_SET(reader, .option = "exporter", .variable = "OTEL_TRACES_EXPORTER", .names = names,
                   .n_names = ARRAY_LENGTH(names), .otherwise = UINT32_C(1) << OTLP);
    if ((set >> NOTHING & 1) != 0 && set != UINT32_C(1) << NOTHING) {
        logger_say(reader->logger, WEIR_LOG_WARN, LOG_CAUSE_CONFIG,
                   "OTEL_TRACES_EXPORTER: none, among others, is left out");
    }
    return set;
}

static int choose_http(const weir_otlp_options *options, const struct config_reader *reader,
                       struct transport_choices *choices, weir_error_detail *detail) {
    struct transport_choice choice = {.kind = TRANSPORT_HTTP};
    int error = endpoint_resolve(options, reader, &choice.endpoint, detail);
    if (error == 0) {
        choices->of[choices->n++] = choice;
    }
    return error;
}

static void choose_file(const char *path, struct file_rotation rotation,
                        struct transport_choices *choices) {
    choices->of[choices->n++] =
        (struct transport_choice){.kind = TRANSPORT_FILE, .path = path, .rotation = rotation};
}

static void choose_console(struct transport_choices *choices) {
    choices->of[choices->n++] = (struct transport_choice){.kind = TRANSPORT_CONSOLE};
}

static struct file_rotation read_rotation(const weir_otlp_options *options,
                                          const struct config_reader *reader) {
    if (options->output_max_bytes != 0) {
        config_note(reader, "output_max_bytes", config_by_option("output_max_bytes"), "%llu",
                    (unsigned long long)options->output_max_bytes);
        config_note(reader, "output_max_files", config_by_option("output_max_files"), "%u",
                    (unsigned)options->output_max_files);
    }
    return (struct file_rotation){options->output_max_bytes, options->output_max_files};
}

/* What the environment names. */
static int choose_by_name(const weir_otlp_options *options, const struct config_reader *reader,
                          struct transport_choices *choices, weir_error_detail *detail) {
    uint32_t set = read_exporters(reader);
    if ((set >> OTLP & 1) != 0) {
        int error = choose_http(options, reader, choices, detail);
        if (error != 0) {
            return error;
        }
    }
    if ((set >> OTLP_STDOUT & 1) != 0) {
        choose_file("-", (struct file_rotation){0}, choices);
    }
    if ((set >> CONSOLE & 1) != 0) {
        choose_console(choices);
    }
    return 0;
}

int transport_choose(const weir_otlp_options *options, const struct config_reader *reader,
                     struct transport_choices *out, weir_error_detail *detail) {
    struct transport_choices choices = {.n = 0};
    int error = 0;
    if (options->transport != NULL) {
        config_note(reader, "transport", config_by_option("transport"), "the host's own");
        choices.of[choices.n++] =
            (struct transport_choice){.kind = TRANSPORT_OWN, .own = options->transport};
    } else if (options->output_path != NULL) {
        config_note_text(reader, "output_path", options->output_path, CONFIG_PUBLIC,
                         config_by_option("output_path"));
        choose_file(options->output_path, read_rotation(options, reader), &choices);
    } else if (options->console) {
        config_note(reader, "console", config_by_option("console"), "true");
        choose_console(&choices);
    } else {
        error = choose_by_name(options, reader, &choices, detail);
    }
    if (error == 0) {
        *out = choices;
    }
    return error;
}

void transport_choices_deinit(struct transport_choices *choices) {
    for (size_t i = 0; i < choices->n; i++) {
        endpoint_deinit(&choices->of[i].endpoint);
    }
}

/* ---- opening it ---- */

static int take_hosts_own(const weir_transport *given, weir_transport *out,
                          weir_error_detail *detail) {
    weir_transport own;
    if (!options_read(&own, sizeof own, given) || own.post == NULL) {
        return error_set(detail, WEIR_E_INVALID,
                         "transport: begin with WEIR_TRANSPORT_INIT and set post");
    }
    *out = own;
    return 0;
}

int transport_open(const struct transport_choice *choice, weir_transport *out,
                   weir_error_detail *detail) {
    switch (choice->kind) {
    case TRANSPORT_OWN: return take_hosts_own(choice->own, out, detail);
    case TRANSPORT_FILE: return transport_file_open(choice->path, &choice->rotation, out, detail);
    case TRANSPORT_CONSOLE: return transport_console_open(out, detail);
    case TRANSPORT_HTTP:
    default:
        return choice->endpoint.delivery.protocol == WEIR_OTLP_PROTOCOL_GRPC
                   ? transport_grpc_open(&choice->endpoint, out, detail)
                   : transport_http_open(&choice->endpoint, out, detail);
    }
}
