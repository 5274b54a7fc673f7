#include "otlp/transport.h"

#include <strings.h>

#include "otlp/common/env.h"
#include "otlp/common/error.h"
#include "otlp/common/macro.h"
#include "otlp/options.h"

enum choice { CHOICE_HTTP, CHOICE_STDOUT, CHOICE_NONE };

/* OTEL_TRACES_EXPORTER (D34). */
static enum choice choose(struct logger *logger) {
    const char *name = env_text("OTEL_TRACES_EXPORTER");
    if (name == NULL || strcasecmp(name, "otlp") == 0) {
        return CHOICE_HTTP;
    }
    if (strcasecmp(name, "none") == 0) {
        return CHOICE_NONE;
    }
    if (strcasecmp(name, "otlp/stdout") == 0) {
        return CHOICE_STDOUT;
    }
    logger_say(logger, WEIR_LOG_WARN, LOG_CAUSE_CONFIG,
               "OTEL_TRACES_EXPORTER=%.100s is none of otlp, otlp/stdout, none: using otlp", name);
    return CHOICE_HTTP;
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

static int open_http(const weir_otlp_options *options, struct logger *logger, weir_transport *out,
                     weir_error_detail *detail) {
    struct endpoint endpoint CLEANUP(endpoint_deinit) = {0};
    int error = endpoint_resolve(options, logger, &endpoint, detail);
    return error != 0 ? error : transport_http_open(&endpoint, out, detail);
}

int transport_open(const weir_otlp_options *options, struct logger *logger, weir_transport *out,
                   weir_error_detail *detail) {
    if (options->transport != NULL) {
        return take_hosts_own(options->transport, out, detail);
    }
    if (options->output_path != NULL) {
        return transport_file_open(options->output_path, out, detail);
    }
    switch (choose(logger)) {
    case CHOICE_NONE: *out = (weir_transport)WEIR_TRANSPORT_INIT; return 0;
    case CHOICE_STDOUT: return transport_file_open("-", out, detail);
    case CHOICE_HTTP:
    default: return open_http(options, logger, out, detail);
    }
}
