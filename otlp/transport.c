#include "otlp/transport.h"

#include "otlp/common/error.h"
#include "otlp/common/macro.h"
#include "otlp/options.h"

/* What OTEL_TRACES_EXPORTER may say (D34). */
enum { OTLP, OTLP_STDOUT, NOTHING };

static unsigned read_exporter(const struct config_reader *reader) {
    static const char *const names[] = {
        [OTLP] = "otlp", [OTLP_STDOUT] = "otlp/stdout", [NOTHING] = "none"};
    return CONFIG_ENUM(reader, .option = "exporter", .variables = {"OTEL_TRACES_EXPORTER"},
                       .names = names, .n_names = ARRAY_LENGTH(names), .otherwise = OTLP);
}

/* What the environment names. */
static int choose_by_name(const weir_otlp_options *options, const struct config_reader *reader,
                          struct transport_choice *out, weir_error_detail *detail) {
    switch (read_exporter(reader)) {
    case NOTHING: *out = (struct transport_choice){.kind = TRANSPORT_NONE}; return 0;
    case OTLP_STDOUT:
        *out = (struct transport_choice){.kind = TRANSPORT_FILE, .path = "-"};
        return 0;
    default: break;
    }
    struct transport_choice choice = {.kind = TRANSPORT_HTTP};
    int error = endpoint_resolve(options, reader, &choice.endpoint, detail);
    if (error == 0) {
        *out = choice;
    }
    return error;
}

int transport_choose(const weir_otlp_options *options, const struct config_reader *reader,
                     struct transport_choice *out, weir_error_detail *detail) {
    if (options->transport != NULL) {
        config_note(reader, "transport", config_by_option("transport"), "the host's own");
        *out = (struct transport_choice){.kind = TRANSPORT_OWN, .own = options->transport};
        return 0;
    }
    if (options->output_path != NULL) {
        config_note_text(reader, "output_path", options->output_path, CONFIG_PUBLIC,
                         config_by_option("output_path"));
        *out = (struct transport_choice){.kind = TRANSPORT_FILE, .path = options->output_path};
        return 0;
    }
    return choose_by_name(options, reader, out, detail);
}

void transport_choice_deinit(struct transport_choice *choice) {
    endpoint_deinit(&choice->endpoint);
}

/* ---- opening it ---- */

static int take_hosts_own(const weir_transport *given, weir_transport *out,
                          weir_error_detail *detail) {
    weir_transport own;
    if (!options_extend(&own, sizeof own, given, given->size) || given->post == NULL) {
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
    case TRANSPORT_FILE: return transport_file_open(choice->path, out, detail);
    case TRANSPORT_HTTP:
        return choice->endpoint.delivery.protocol == WEIR_OTLP_PROTOCOL_GRPC
                   ? transport_grpc_open(&choice->endpoint, out, detail)
                   : transport_http_open(&choice->endpoint, out, detail);
    case TRANSPORT_NONE:
    default: *out = (weir_transport)WEIR_TRANSPORT_INIT; return 0;
    }
}
