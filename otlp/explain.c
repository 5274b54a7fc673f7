#include "otlp/explain.h"

#include "otlp/bounds.h"
#include "otlp/common/macro.h"
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

int explain_options(const weir_otlp_options *options, const struct config_reader *reader,
                    struct explanation *out, weir_error_detail *detail) {
    *out = (struct explanation){0};
    struct buf resource CLEANUP(buf_deinit);
    buf_init(&resource, RESOURCE_MAX_BYTES);
    int error = config_resolve(options, reader, &out->config, detail);
    error = error ? error : resource_encode(&resource, options, reader, detail);
    error = error ? error : explain_sampler(options, reader, detail);
    if (error == 0 && !out->config.is_disabled) {
        error = transport_choose(options, reader, &out->choice, detail);
    }
    return error;
}

void explanation_deinit(struct explanation *explanation) {
    transport_choice_deinit(&explanation->choice);
}
