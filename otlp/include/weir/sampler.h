/*
 * Samplers: which spans are recorded, and which of these are exported; and the source of ids.
 *
 * A sampler is asked at the begin of every span, with what is known then: what is set later it
 * cannot see, so attributes that it needs are given at the begin (E17). The default, parent-based
 * with always-on at the root (E34), costs no call.
 */
#pragma once

#include <weir/error.h>
#include <weir/trace.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum weir_sampling_decision {
    WEIR_SAMPLING_DROP = 0,    /* nothing is recorded; the context goes on, not sampled */
    WEIR_SAMPLING_RECORD_ONLY, /* for processors; not sampled, not exported */
    WEIR_SAMPLING_RECORD_AND_SAMPLE
} weir_sampling_decision;

/* What is known of a span that is about to begin (E33). All is borrowed for the call. */
typedef struct weir_sampling_params {
    size_t size;
    const weir_otlp_context *parent; /* NULL: a root */
    const uint8_t *trace_id;         /* 16 bytes */
    const char *name;                /* never NULL */
    weir_otlp_kind kind;
    const weir_key_value *attributes;
    size_t n_attributes;
    const weir_otlp_link *links;
    size_t n_links;
} weir_sampling_params;

/*
 * What a sampler decides: it fills it member by member. What it points to must stay until the begin
 * of the span returns.
 */
typedef struct weir_sampling_result {
    size_t size; /* set by who asks */
    weir_sampling_decision decision;
    const weir_key_value *attributes; /* set on the span before those given at its begin */
    size_t n_attributes;
    const char *trace_state; /* comes as the parent's; NULL or "": none; a bad one is left out */
} weir_sampling_result;

/*
 * should_sample and describe are called from any thread, several at once, and must neither wait
 * nor call weir, nor fork: the spans of <weir/weir.h> begin while their app is locked, and a call
 * with that app, or a fork, would wait for the lock for ever. The struct is copied.
 */
typedef struct weir_sampler {
    void *data;
    /* *result comes as DROP, without attributes, with the parent's trace state. */
    void (*should_sample)(void *data, const weir_sampling_params *params,
                          weir_sampling_result *result);
    /*
     * Writes its description, cut to n_bytes with the NUL, and returns its whole length, as
     * snprintf does. NULL: "Sampler".
     */
    size_t (*describe)(void *data, char *out, size_t n_bytes);
    void (*destroy)(void *data); /* the last call; NULL: nothing to do */
} weir_sampler;
#define WEIR_SAMPLER(...) ((struct weir_sampler){__VA_ARGS__})

/* The description of a sampler, by its describe. NULL sampler: "". */
WEIR_API size_t weir_sampler_describe(const weir_sampler *sampler, char *out, size_t n_bytes);

/* Ends a sampler that no pipeline and no other sampler has taken over. NULL is fine. */
WEIR_API void weir_sampler_free(weir_sampler *sampler);

WEIR_API weir_sampler weir_sampler_always_on(void);  /* "AlwaysOnSampler" */
WEIR_API weir_sampler weir_sampler_always_off(void); /* "AlwaysOffSampler" */
/*
 * Samples this share of all traces, by the last 7 bytes of the trace id, whatever the parent says:
 * all spans of a trace alike, and of a higher share a superset (E35). "TraceIdRatioBased{0.000100}"
 * (E36). Below 0, above 1 and NaN: taken as 0, 1 and 0. For children of sampled parents use it as
 * the root of the next one (E37).
 */
WEIR_API weir_sampler weir_sampler_trace_id_ratio(double ratio);

/* Who decides below which parent (E38). A delegate without should_sample has its default. */
typedef struct weir_sampler_delegates {
    size_t size;
    weir_sampler root;               /* always on */
    weir_sampler remote_sampled;     /* always on */
    weir_sampler remote_not_sampled; /* always off */
    weir_sampler local_sampled;      /* always on */
    weir_sampler local_not_sampled;  /* always off */
} weir_sampler_delegates;
#define WEIR_SAMPLER_DELEGATES(...)                                                                \
    ((struct weir_sampler_delegates){.size = sizeof(struct weir_sampler_delegates), __VA_ARGS__})

/*
 * Asks a delegate by the parent. The delegates are taken over on success. `delegates` NULL: the
 * defaults. WEIR_E_INVALID (out is NULL, size is 0), WEIR_E_NO_MEMORY; *out is untouched then.
 */
WEIR_API WEIR_WARN_UNUSED int weir_sampler_parent_based(const weir_sampler_delegates *delegates,
                                                        weir_sampler *out);
/*
 * Records everything: where `inner`, which is taken over on success, says drop, the span is
 * recorded only (E39). WEIR_E_INVALID (a NULL, or an inner that is none), WEIR_E_NO_MEMORY.
 */
WEIR_API WEIR_WARN_UNUSED int weir_sampler_always_record(const weir_sampler *inner,
                                                         weir_sampler *out);

/*
 * Where ids come from (E43). Called as a sampler's functions are, and bound by the same rules. An
 * id of zeros is drawn again a few times, then replaced by weir's own.
 */
typedef struct weir_id_generator {
    size_t size;
    void *data;
    void (*new_trace_id)(void *data, uint8_t out[16]); /* NULL: weir's own */
    void (*new_span_id)(void *data, uint8_t out[8]);   /* NULL: weir's own */
    /* The last 7 bytes of its trace ids are uniformly random: their flag says so (E41, G9). */
    bool trace_ids_are_random;
} weir_id_generator;
#define WEIR_ID_GENERATOR(...)                                                                     \
    ((struct weir_id_generator){.size = sizeof(struct weir_id_generator), __VA_ARGS__})

#ifdef __cplusplus
}
#endif
