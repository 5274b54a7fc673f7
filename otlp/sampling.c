#include "otlp/sampling.h"

#include <string.h>

#include "otlp/bounds.h"
#include "otlp/common/error.h"
#include "otlp/common/id.h"
#include "otlp/common/macro.h"
#include "otlp/common/options.h"
#include "otlp/provider.h"
#include "otlp/sampler.h"
#include "otlp/span.h"
#include "otlp/span_pool.h"

/* ---- asking ---- */

/* A ratio that ignores its parents tears traces apart (E37). Said once. */
static COLD void warn_of_parent(weir_otlp *otlp) {
    if (!atomic_exchange(&otlp->has_warned_of_ratio, true)) {
        logger_say(&otlp->logger, WEIR_LOG_WARN, LOG_CAUSE_CONFIG,
                   "the sampler traceidratio decides about spans with a parent too: use "
                   "parentbased_traceidratio, or traces may be exported in part");
    }
}

static void make_safe(weir_sampling_result *result) {
    bool is_known = (unsigned)result->decision <= WEIR_SAMPLING_RECORD_AND_SAMPLE;
    result->decision = is_known ? result->decision : WEIR_SAMPLING_DROP;
    result->n_attributes = result->attributes != NULL ? result->n_attributes : 0;
}

COLD void sampling_ask(const struct otlp_span *span, const char *name,
                       const weir_otlp_span_options *options, const weir_otlp_context *parent,
                       weir_sampling_result *result) {
    weir_otlp *otlp = span->tracer->otlp;
    const weir_sampler *sampler = &otlp->sampler;
    const weir_sampling_params params = {
        .size = sizeof params,
        .parent = parent,
        .trace_id = span->context.trace_id,
        .name = name != NULL ? name : "",
        .kind = options->kind != WEIR_OTLP_KIND_DEFAULT ? options->kind : WEIR_OTLP_KIND_INTERNAL,
        .attributes = options->attributes,
        .n_attributes = options->attributes != NULL ? options->n_attributes : 0,
        .links = options->links,
        .n_links = options->links != NULL ? options->n_links : 0,
    };
    result->decision = WEIR_SAMPLING_DROP;
    sampler->should_sample(sampler->data, &params, result);
    make_safe(result);
    if (otlp->is_bare_ratio && parent != NULL) {
        warn_of_parent(otlp);
    }
}

/* ---- ids ---- */

static bool is_zero(const uint8_t *bytes, size_t n_bytes) {
    uint8_t seen = 0;
    for (size_t i = 0; i < n_bytes; i++) {
        seen |= bytes[i];
    }
    return seen == 0;
}

/* False when the generator keeps giving zeros. */
static COLD bool draw(void (*generate)(void *data, uint8_t *out), void *data, uint8_t *out,
                      size_t n_bytes) {
    for (int i = 0; i < ID_MAX_DRAWS; i++) {
        memset(out, 0, n_bytes);
        generate(data, out);
        if (!is_zero(out, n_bytes)) {
            return true;
        }
    }
    return false;
}

uint8_t sampling_new_trace_id(const weir_otlp *otlp, uint8_t out[16]) {
    const weir_id_generator *ids = &otlp->ids;
    if (LIKELY(ids->new_trace_id == NULL) || !draw(ids->new_trace_id, ids->data, out, 16)) {
        id_new_trace(out);
        return TRACE_FLAG_RANDOM;
    }
    return ids->trace_ids_are_random ? TRACE_FLAG_RANDOM : 0;
}

void sampling_new_span_id(const weir_otlp *otlp, uint8_t out[8]) {
    const weir_id_generator *ids = &otlp->ids;
    if (LIKELY(ids->new_span_id == NULL) || !draw(ids->new_span_id, ids->data, out, 8)) {
        id_new_span(out);
    }
}

int sampling_resolve_ids(const weir_otlp_options *options, weir_id_generator *out,
                         weir_error_detail *detail) {
    const weir_id_generator *given = options->id_generator;
    if (!options_read(out, sizeof *out, given)) {
        return error_set(detail, WEIR_E_INVALID,
                         "id_generator.size is %zu: use WEIR_ID_GENERATOR()", given->size);
    }
    return 0;
}

/* ---- choosing a sampler ---- */

enum { BY_PARENT_ON, BY_PARENT_OFF, BY_PARENT_RATIO, ALWAYS_ON, ALWAYS_OFF, RATIO };
static const char *const NAMES[] = {
    [BY_PARENT_ON] = "parentbased_always_on",
    [BY_PARENT_OFF] = "parentbased_always_off",
    [BY_PARENT_RATIO] = "parentbased_traceidratio",
    [ALWAYS_ON] = "always_on",
    [ALWAYS_OFF] = "always_off",
    [RATIO] = "traceidratio",
};

/* 0 to 1; what is no such number is said and ignored (D26). */
static double read_ratio(const struct config_reader *reader) {
    static const char VARIABLE[] = "OTEL_TRACES_SAMPLER_ARG";
    const char *text = config_variable(reader, VARIABLE);
    double ratio = 1.0;
    bool is_good = text != NULL && sampler_parse_ratio(text, &ratio);
    if (text != NULL && !is_good) {
        logger_say(reader->logger, WEIR_LOG_WARN, LOG_CAUSE_CONFIG,
                   "%s=%s is no number from 0 to 1: taken as 1", VARIABLE, text);
    }
    config_note(reader, "sampler ratio",
                is_good ? config_by_variable(VARIABLE) : config_by_default(), "%.6g", ratio);
    return ratio;
}

/* The default stays without should_sample: it needs no call. */
static int make(unsigned name, double ratio, weir_sampler *out) {
    weir_sampler_delegates all = WEIR_SAMPLER_DELEGATES(.root = weir_sampler_always_off());
    switch (name) {
    case ALWAYS_ON: *out = weir_sampler_always_on(); return 0;
    case ALWAYS_OFF: *out = weir_sampler_always_off(); return 0;
    case RATIO: *out = weir_sampler_trace_id_ratio(ratio); return 0;
    case BY_PARENT_RATIO:
        all.root = weir_sampler_trace_id_ratio(ratio);
        return weir_sampler_parent_based(&all, out);
    case BY_PARENT_OFF: return weir_sampler_parent_based(&all, out);
    default: return 0;
    }
}

static int by_environment(const struct config_reader *reader, weir_sampler *out,
                          weir_error_detail *detail) {
    unsigned name = CONFIG_ENUM(reader, .option = "sampler", .variables = {"OTEL_TRACES_SAMPLER"},
                                .names = NAMES, .n_names = ARRAY_LENGTH(NAMES));
    bool has_ratio = name == RATIO || name == BY_PARENT_RATIO;
    int error = make(name, has_ratio ? read_ratio(reader) : 1.0, out);
    return error == 0 ? 0 : error_set(detail, error, "no memory for a sampler");
}

int sampling_resolve(const weir_otlp_options *options, const struct config_reader *reader,
                     weir_sampler *out, weir_error_detail *detail) {
    const weir_sampler *given = options->sampler;
    if (given == NULL) {
        return by_environment(reader, out, detail);
    }
    if (given->should_sample == NULL) {
        return error_set(detail, WEIR_E_INVALID,
                         "sampler has no should_sample: give WEIR_SAMPLER() one, or use one of the "
                         "functions weir_sampler_…");
    }
    char text[CONFIG_MAX_VALUE];
    (void)weir_sampler_describe(given, text, sizeof text);
    config_note_text(reader, "sampler", text, CONFIG_PUBLIC, config_by_option("sampler"));
    *out = *given;
    return 0;
}
