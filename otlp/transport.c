#include "otlp/transport.h"

#include "otlp/common/error.h"
#include "otlp/common/macro.h"
#include "otlp/options.h"

enum choice { CHOICE_HTTP, CHOICE_STDOUT, CHOICE_NONE };

/* OTEL_TRACES_EXPORTER (D34). */
static enum choice choose(const struct config_reader *reader) {
    static const char *const names[] = {
        [CHOICE_HTTP] = "otlp", [CHOICE_STDOUT] = "otlp/stdout", [CHOICE_NONE] = "none"};
    return CONFIG_ENUM(reader, .option = "exporter", .variables = {"OTEL_TRACES_EXPORTER"},
                       .names = names, .n_names = ARRAY_LENGTH(names), .otherwise = CHOICE_HTTP);
}

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

static int open_http(const weir_otlp_options *options, const struct config_reader *reader,
                     weir_transport *out, weir_error_detail *detail) {
    struct endpoint endpoint CLEANUP(endpoint_deinit) = {0};
    int error = endpoint_resolve(options, reader, &endpoint, detail);
    return error != 0 ? error : transport_http_open(&endpoint, out, detail);
}

int transport_open(const weir_otlp_options *options, const struct config_reader *reader,
                   weir_transport *out, weir_error_detail *detail) {
    if (options->transport != NULL) {
        config_note(reader, "exporter", config_by_option("transport"),
                    "the program's own transport");
        return take_hosts_own(options->transport, out, detail);
    }
    if (options->output_path != NULL) {
        config_note_text(reader, "output_path", options->output_path, CONFIG_PUBLIC,
                         config_by_option("output_path"));
        return transport_file_open(options->output_path, out, detail);
    }
    switch (choose(reader)) {
    case CHOICE_NONE: *out = (weir_transport)WEIR_TRANSPORT_INIT; return 0;
    case CHOICE_STDOUT: return transport_file_open("-", out, detail);
    case CHOICE_HTTP:
    default: return open_http(options, reader, out, detail);
    }
}
