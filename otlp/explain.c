#include "otlp/explain.h"

#include <strings.h>

#include "otlp/bounds.h"
#include "otlp/common/macro.h"
#include "otlp/propagation.h"
#include "otlp/resource.h"
#include "otlp/sampling.h"

static int explain_sampler(const weir_otlp_options *options, const struct config_reader *reader,
                           weir_error_detail *detail) {
    weir_sampler sampler = {0};
    int error = sampling_resolve(options, reader, &sampler, detail);
    if (options->sampler == NULL) {
        weir_sampler_free(&sampler);
    }
    return error;
}

/* libcurl reads these itself; an option beats them. */
static void explain_proxy(const struct endpoint *endpoint, const struct config_reader *reader) {
    bool is_tls = strncasecmp(endpoint->url, "https:", 6) == 0;
    const char *const names[] = {is_tls ? "https_proxy" : "http_proxy",
                                 is_tls ? "HTTPS_PROXY" : NULL, "all_proxy", "ALL_PROXY"};
    for (size_t i = 0; endpoint->delivery.proxy == NULL && i < ARRAY_LENGTH(names); i++) {
        const char *proxy = config_variable(reader, names[i]);
        if (proxy != NULL) {
            config_note_text(reader, "proxy", proxy, CONFIG_URL, config_by_variable(names[i]));
            break;
        }
    }
    const char *except = config_variable(reader, "no_proxy") != NULL ? "no_proxy" : "NO_PROXY";
    if (config_variable(reader, except) != NULL) {
        config_note_text(reader, "proxy exceptions", config_variable(reader, except), CONFIG_PUBLIC,
                         config_by_variable(except));
    }
}

int explain_options(const weir_otlp_options *options, const struct config_reader *reader,
                    struct explanation *out, weir_error_detail *detail) {
    *out = (struct explanation){0};
    struct buf resource CLEANUP(buf_deinit);
    buf_init(&resource, RESOURCE_MAX_BYTES);
    int error = config_resolve(options, reader, &out->config, detail);
    error = error ? error : resource_encode(&resource, options, reader, detail);
    struct propagation propagation;
    error = error ? error : propagation_resolve(options, reader, &propagation, detail);
    error = error ? error : explain_sampler(options, reader, detail);
    if (error == 0 && !out->config.is_disabled) {
        error = transport_choose(options, reader, &out->choices, detail);
    }
    for (size_t i = 0; error == 0 && i < out->choices.n; i++) {
        if (out->choices.of[i].kind == TRANSPORT_HTTP) {
            explain_proxy(&out->choices.of[i].endpoint, reader);
        }
    }
    return error;
}

void explanation_deinit(struct explanation *explanation) {
    transport_choices_deinit(&explanation->choices);
}
