#include "otlp/sampler.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "otlp/common/alloc.h"
#include "otlp/common/json_text.h"
#include "otlp/common/macro.h"
#include "otlp/common/options.h"
#include "otlp/context.h"
#include "otlp/sampling.h"

/* ---- any sampler ---- */

static size_t put_text(char *out, size_t n_bytes, const char *text) {
    int length = snprintf(out, n_bytes, "%s", text);
    return (size_t)length;
}

size_t weir_sampler_describe(const weir_sampler *sampler, char *out, size_t n_bytes) {
    if (sampler == NULL || sampler->describe == NULL) {
        return put_text(out, n_bytes, sampler != NULL ? "Sampler" : "");
    }
    return sampler->describe(sampler->data, out, n_bytes);
}

void weir_sampler_free(weir_sampler *sampler) {
    if (sampler != NULL && sampler->destroy != NULL) {
        sampler->destroy(sampler->data);
    }
    if (sampler != NULL) {
        *sampler = (weir_sampler){.data = NULL};
    }
}

static void ask(const weir_sampler *sampler, const weir_sampling_params *params,
                weir_sampling_result *result) {
    sampler->should_sample(sampler->data, params, result);
}

/* ---- always on, always off ---- */

static void sample_always(void *data, const weir_sampling_params *params,
                          weir_sampling_result *result) {
    (void)data, (void)params;
    result->decision = WEIR_SAMPLING_RECORD_AND_SAMPLE;
}

static size_t describe_always_on(void *data, char *out, size_t n_bytes) {
    (void)data;
    return put_text(out, n_bytes, "AlwaysOnSampler");
}

weir_sampler weir_sampler_always_on(void) {
    return WEIR_SAMPLER(.should_sample = sample_always, .describe = describe_always_on);
}

static void sample_never(void *data, const weir_sampling_params *params,
                         weir_sampling_result *result) {
    (void)data, (void)params;
    result->decision = WEIR_SAMPLING_DROP;
}

static size_t describe_always_off(void *data, char *out, size_t n_bytes) {
    (void)data;
    return put_text(out, n_bytes, "AlwaysOffSampler");
}

weir_sampler weir_sampler_always_off(void) {
    return WEIR_SAMPLER(.should_sample = sample_never, .describe = describe_always_off);
}

/* ---- a share of all traces ---- */

static const double RANDOM_RANGE = 72057594037927936.0; /* 2^56: the random part of a trace id */

/* The ratio is the pointer's bits: nothing to free. */
static void *data_of_ratio(double ratio) {
    uintptr_t bits;
    _Static_assert(sizeof bits == sizeof ratio, "a pointer has room for a double");
    memcpy(&bits, &ratio, sizeof bits);
    return (void *)bits;
}

static double ratio_of_data(void *data) {
    uintptr_t bits = (uintptr_t)data;
    double ratio;
    memcpy(&ratio, &bits, sizeof ratio);
    return ratio;
}

/* The last seven bytes, which are random in every trace id that follows the standard (G9). */
static uint64_t randomness_of(const uint8_t *trace_id) {
    uint64_t number = 0;
    for (size_t i = 9; i < 16; i++) {
        number = number << 8 | trace_id[i];
    }
    return number;
}

static void sample_ratio(void *data, const weir_sampling_params *params,
                         weir_sampling_result *result) {
    uint64_t threshold = (uint64_t)(ratio_of_data(data) * RANDOM_RANGE);
    bool is_in = randomness_of(params->trace_id) < threshold;
    result->decision = is_in ? WEIR_SAMPLING_RECORD_AND_SAMPLE : WEIR_SAMPLING_DROP;
}

/*
 * As many decimals as tell the ratio from every other, at least six, whatever the locale (E36).
 * Powers of ten to the 22nd are exact.
 */
static size_t describe_ratio(void *data, char *out, size_t n_bytes) {
    double ratio = ratio_of_data(data), scale = 1e6;
    int n_decimals = 6;
    uint64_t digits = (uint64_t)(ratio * scale + 0.5);
    while ((double)digits / scale < ratio || (double)digits / scale > ratio) {
        if (n_decimals == 18) {
            break;
        }
        n_decimals++;
        scale *= 10;
        digits = (uint64_t)(ratio * scale + 0.5);
    }
    uint64_t one = (uint64_t)scale;
    int length = snprintf(out, n_bytes, "TraceIdRatioBased{%" PRIu64 ".%0*" PRIu64 "}",
                          digits / one, n_decimals, digits % one);
    return (size_t)length;
}

weir_sampler weir_sampler_trace_id_ratio(double ratio) {
    if (!(ratio > 0)) {
        ratio = 0; /* NaN too */
    }
    return WEIR_SAMPLER(.should_sample = sample_ratio, .describe = describe_ratio,
                        .data = data_of_ratio(MIN(ratio, 1.0)));
}

bool sampler_is_ratio(const weir_sampler *sampler) {
    return sampler->should_sample == sample_ratio;
}

bool sampler_parse_ratio(const char *text, double *out) {
    size_t length = strlen(text);
    double ratio;
    if (strspn(text, "0123456789.eE+-") != length ||
        !json_to_double((struct json_slice){text, length}, &ratio) || ratio < 0 || ratio > 1) {
        return false;
    }
    *out = ratio;
    return true;
}

/* ---- by the parent ---- */

static const struct {
    const char *name;
    weir_sampler (*make)(void);
    size_t at;
} DELEGATES[] = {
    {"root", weir_sampler_always_on, offsetof(weir_sampler_delegates, root)},
    {"remoteParentSampled", weir_sampler_always_on,
     offsetof(weir_sampler_delegates, remote_sampled)},
    {"remoteParentNotSampled", weir_sampler_always_off,
     offsetof(weir_sampler_delegates, remote_not_sampled)},
    {"localParentSampled", weir_sampler_always_on, offsetof(weir_sampler_delegates, local_sampled)},
    {"localParentNotSampled", weir_sampler_always_off,
     offsetof(weir_sampler_delegates, local_not_sampled)},
};

static weir_sampler *delegate(weir_sampler_delegates *all, size_t nth) {
    return (weir_sampler *)(void *)((char *)all + DELEGATES[nth].at);
}

static void sample_by_parent(void *data, const weir_sampling_params *params,
                             weir_sampling_result *result) {
    const weir_sampler_delegates *all = data;
    const weir_otlp_context *parent = params->parent;
    const weir_sampler *chosen = &all->root;
    if (parent != NULL) {
        bool is_sampled = (parent->trace_flags & TRACE_FLAG_SAMPLED) != 0;
        const weir_sampler *remote = is_sampled ? &all->remote_sampled : &all->remote_not_sampled;
        const weir_sampler *local = is_sampled ? &all->local_sampled : &all->local_not_sampled;
        chosen = parent->is_remote ? remote : local;
    }
    ask(chosen, params, result);
}

/* Where the next piece goes when `length` characters are written, or would be. */
static size_t append(char *out, size_t n_bytes, size_t length, const char *text) {
    size_t used = MIN(length, n_bytes);
    return length + put_text(out + used, n_bytes - used, text);
}

static size_t describe_by_parent(void *data, char *out, size_t n_bytes) {
    size_t length = append(out, n_bytes, 0, "ParentBased{");
    for (size_t i = 0; i < ARRAY_LENGTH(DELEGATES); i++) {
        length = append(out, n_bytes, length, i > 0 ? "," : "");
        length = append(out, n_bytes, length, DELEGATES[i].name);
        length = append(out, n_bytes, length, ":");
        size_t used = MIN(length, n_bytes);
        length += weir_sampler_describe(delegate(data, i), out + used, n_bytes - used);
    }
    return append(out, n_bytes, length, "}");
}

static void destroy_delegates(void *data) {
    for (size_t i = 0; i < ARRAY_LENGTH(DELEGATES); i++) {
        weir_sampler_free(delegate(data, i));
    }
    mem_free(data);
}

int weir_sampler_parent_based(const weir_sampler_delegates *delegates, weir_sampler *out) {
    weir_sampler_delegates all;
    if (out == NULL || !options_read(&all, sizeof all, delegates)) {
        return WEIR_E_INVALID;
    }
    weir_sampler_delegates *kept = mem_alloc(sizeof *kept);
    if (kept == NULL) {
        return WEIR_E_NO_MEMORY;
    }
    *kept = all;
    for (size_t i = 0; i < ARRAY_LENGTH(DELEGATES); i++) {
        weir_sampler *one = delegate(kept, i);
        *one = one->should_sample != NULL ? *one : DELEGATES[i].make();
    }
    *out = WEIR_SAMPLER(.should_sample = sample_by_parent, .describe = describe_by_parent,
                        .destroy = destroy_delegates, .data = kept);
    return 0;
}

bool sampler_is_default(const weir_sampler *sampler) {
    if (sampler->should_sample != sample_by_parent) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(DELEGATES); i++) {
        weir_sampler usual = DELEGATES[i].make();
        if (delegate(sampler->data, i)->should_sample != usual.should_sample) {
            return false;
        }
    }
    return true;
}

/* ---- recording always ---- */

static void record_always(void *data, const weir_sampling_params *params,
                          weir_sampling_result *result) {
    ask(data, params, result);
    if (result->decision == WEIR_SAMPLING_DROP) {
        result->decision = WEIR_SAMPLING_RECORD_ONLY;
    }
}

static size_t describe_record(void *data, char *out, size_t n_bytes) {
    size_t length = append(out, n_bytes, 0, "AlwaysRecordSampler{");
    size_t used = MIN(length, n_bytes);
    length += weir_sampler_describe(data, out + used, n_bytes - used);
    return append(out, n_bytes, length, "}");
}

static void destroy_inner(void *data) {
    weir_sampler_free(data);
    mem_free(data);
}

int weir_sampler_always_record(const weir_sampler *inner, weir_sampler *out) {
    if (inner == NULL || out == NULL || inner->should_sample == NULL) {
        return WEIR_E_INVALID;
    }
    weir_sampler *kept = mem_alloc(sizeof *kept);
    if (kept == NULL) {
        return WEIR_E_NO_MEMORY;
    }
    *kept = *inner;
    *out = WEIR_SAMPLER(.should_sample = record_always, .describe = describe_record,
                        .destroy = destroy_inner, .data = kept);
    return 0;
}
