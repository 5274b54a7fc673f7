/*
 * The metrics of a provider (H1-H11): the counters are read once, then told one by one, by a table
 * of what there is.
 */
#include <weir/otlp.h>

#include <stdio.h>
#include <string.h>

#include "otlp/common/alloc.h"
#include "otlp/common/macro.h"
#include "otlp/grpc_status.h"
#include "otlp/provider.h"

/* ---- reading ---- */

struct pipeline_reading {
    const struct component *component;
    struct exporter_counts counts;
    size_t held_bytes, max_bytes; /* of ended spans */
};

struct reading {
    struct producer_totals producers;
    bool is_recording;
    uint64_t max_spans; /* of the queue; 0: bytes alone count */
    size_t n_pipelines;
    struct pipeline_reading pipelines[];
};

/* What was taken out of the queues is read before what went into them. */
static struct reading *read_all(weir_otlp *otlp) {
    size_t n = otlp->n_pipelines;
    struct reading *reading = mem_zalloc(sizeof *reading + n * sizeof reading->pipelines[0]);
    if (reading == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        struct pipeline_reading *pipeline = &reading->pipelines[i];
        pipeline->component = &otlp->components[i];
        exporter_get_counts(otlp->exporter, i, &pipeline->counts);
        pipeline->held_bytes = n == 1 ? segment_pool_held_bytes(&otlp->pool)
                                      : exporter_pinned_bytes(otlp->exporter, i);
        pipeline->max_bytes = otlp->pool.max_bytes / n;
    }
    producers_total(otlp, &reading->producers);
    reading->is_recording = otlp->is_recording;
    reading->max_spans = otlp->pool.max_spans;
    reading->n_pipelines = n;
    return reading;
}

static uint64_t difference(uint64_t a, uint64_t b) {
    return a > b ? a - b : 0;
}

/* ---- telling ---- */

enum { MAX_ATTRIBUTES = 6, MAX_NAME = 64 };

struct telling {
    weir_metric_fn *fn;
    void *data;
    const struct reading *reading;
    const struct pipeline_reading *pipeline; /* of a metric of pipelines */
    weir_metric metric;
    weir_key_value attributes[MAX_ATTRIBUTES];
    char component[MAX_NAME];
};

static void add(struct telling *t, const char *key, weir_value value) {
    t->attributes[t->metric.n_attributes++] = (weir_key_value){key, value};
}

static void add_text(struct telling *t, const char *key, const char *text) {
    add(t, key, weir_value_string(text));
}

static void tell(struct telling *t, uint64_t value) {
    t->metric.value = value;
    t->fn(&t->metric, t->data);
}

/* With one attribute more, if there is something to tell. */
static void tell_error(struct telling *t, const char *error, uint64_t value) {
    if (value > 0) {
        add_text(t, "error.type", error);
        tell(t, value);
        t->metric.n_attributes--;
    }
}

static const char *const decision_names[N_DECISIONS] = {
    [WEIR_SAMPLING_DROP] = "DROP",
    [WEIR_SAMPLING_RECORD_ONLY] = "RECORD_ONLY",
    [WEIR_SAMPLING_RECORD_AND_SAMPLE] = "RECORD_AND_SAMPLE",
};

/* ---- of spans (H1, H2) ---- */

static void tell_started(struct telling *t) {
    static const char *const origin_names[N_ORIGINS] = {
        [ORIGIN_NONE] = "none", [ORIGIN_LOCAL] = "local", [ORIGIN_REMOTE] = "remote"};
    for (int i = 0; i < N_ORIGINS * N_DECISIONS; i++) {
        int origin = i / N_DECISIONS, decision = i % N_DECISIONS;
        uint64_t n = t->reading->producers.started_by[origin][decision];
        if (n > 0) {
            t->metric.n_attributes = 0;
            add_text(t, "otel.span.parent.origin", origin_names[origin]);
            add_text(t, "otel.span.sampling_result", decision_names[decision]);
            tell(t, n);
        }
    }
}

static uint64_t n_live(const struct producer_totals *totals, int decision) {
    uint64_t n_started = 0, n_ended = totals->unsent[decision];
    for (int origin = 0; origin < N_ORIGINS; origin++) {
        n_started += totals->started_by[origin][decision];
    }
    if (decision == WEIR_SAMPLING_RECORD_AND_SAMPLE) {
        n_ended += totals->queued;
        for (int i = 0; i < WEIR_N_DROP_CAUSES; i++) {
            n_ended += totals->dropped[i];
        }
    }
    return difference(n_started, n_ended);
}

static void tell_live(struct telling *t) {
    for (int decision = WEIR_SAMPLING_RECORD_ONLY;
         t->reading->is_recording && decision < N_DECISIONS; decision++) {
        t->metric.n_attributes = 0;
        add_text(t, "otel.span.sampling_result", decision_names[decision]);
        tell(t, n_live(&t->reading->producers, decision));
    }
}

/* ---- of a pipeline's processor (H3-H5) ---- */

static void tell_queue_size(struct telling *t) {
    tell(t, difference(t->reading->producers.queued, t->pipeline->counts.taken));
}

static void tell_queue_capacity(struct telling *t) {
    if (t->reading->max_spans > 0) {
        tell(t, t->reading->max_spans);
    }
}

static void tell_queue_bytes(struct telling *t) {
    tell(t, t->pipeline->held_bytes);
}

static void tell_queue_max_bytes(struct telling *t) {
    tell(t, t->pipeline->max_bytes);
}

/* Without an error when the export began, whatever became of it. */
static void tell_processed(struct telling *t) {
    const uint64_t *lost = t->reading->producers.dropped;
    const struct exporter_counts *counts = &t->pipeline->counts;
    tell(t, counts->processed);
    tell_error(t, "queue_full", lost[WEIR_DROP_QUEUE_FULL] + counts->dropped[WEIR_DROP_QUEUE_FULL]);
    tell_error(t, "already_shutdown", counts->late);
    tell_error(t, "span_too_large", lost[WEIR_DROP_SPAN_TOO_LARGE]);
    tell_error(t, "no_memory", lost[WEIR_DROP_NO_MEMORY]);
    tell_error(t, "forked_child", lost[WEIR_DROP_FORKED_CHILD]);
}

/* ---- of a pipeline's exporter (H6-H8) ---- */

static void tell_in_flight(struct telling *t) {
    tell(t, t->pipeline->counts.in_flight);
}

static const char *name_error(int error) {
    switch (error) {
    case WEIR_E_TIMEOUT: return "timeout";
    case WEIR_E_IO: return "io_error";
    case WEIR_E_TOO_LARGE: return "too_large";
    case WEIR_E_NO_MEMORY: return "no_memory";
    case WEIR_E_INVALID: return "invalid_request";
    case WEIR_E_SYNTAX: return "invalid_spans";
    default: return "_OTHER";
    }
}

/* NULL: full success. `text` is for numbers. */
static const char *error_of(const struct export_result *result, char text[16]) {
    if (result->end == EXPORT_DELIVERED) {
        return NULL;
    }
    if (result->end == EXPORT_PARTIAL) {
        return "rejected";
    }
    if (result->end == EXPORT_UNANSWERED || result->code == 0) {
        return name_error(result->code);
    }
    if (result->is_grpc) {
        return grpc_status_name(result->code);
    }
    snprintf(text, 16, "%d", result->code);
    return text;
}

static void tell_exported(struct telling *t) {
    const struct exporter_counts *counts = &t->pipeline->counts;
    tell(t, counts->acknowledged);
    tell_error(t, "rejected", counts->rejected);
    for (size_t i = 0; i < counts->tallies.n; i++) {
        char text[16];
        const struct tally *tally = &counts->tallies.of[i];
        if (tally->result.end == EXPORT_REFUSED || tally->result.end == EXPORT_UNANSWERED) {
            tell_error(t, error_of(&tally->result, text), tally->n_spans);
        }
    }
}

/* Of the last request, if there was an answer. */
static void add_status(struct telling *t, const struct export_result *result) {
    enum component_type type = t->pipeline->component->type;
    bool is_answer = result->end != EXPORT_UNANSWERED;
    if (is_answer && result->is_grpc) {
        add_text(t, "rpc.status_code", grpc_status_name(result->code));
    } else if (is_answer && result->code != 0 &&
               (type == COMPONENT_HTTP || type == COMPONENT_HTTP_JSON)) {
        add(t, "http.response.status_code", weir_value_int(result->code));
    }
}

static void tell_durations(struct telling *t) {
    const struct tallies *tallies = &t->pipeline->counts.tallies;
    size_t n_attributes = t->metric.n_attributes;
    for (size_t i = 0; i < tallies->n; i++) {
        char text[16];
        const struct tally *tally = &tallies->of[i];
        const char *error = error_of(&tally->result, text);
        if (error != NULL) {
            add_text(t, "error.type", error);
        }
        add_status(t, &tally->result);
        t->metric.count = tally->n_exports;
        t->metric.sum = (double)tally->duration_ns / 1e9;
        t->fn(&t->metric, t->data);
        t->metric.n_attributes = n_attributes;
    }
}

/* ---- all of them ---- */

enum subject { OF_PROVIDER, OF_PROCESSOR, OF_EXPORTER };

static const struct family {
    enum subject subject;
    weir_instrument instrument;
    const char *name, *unit, *description;
    void (*tell)(struct telling *t);
} families[] = {
    {OF_PROVIDER, WEIR_INSTRUMENT_COUNTER, "otel.sdk.span.started", "{span}",
     "The number of created spans", tell_started},
    {OF_PROVIDER, WEIR_INSTRUMENT_UP_DOWN_COUNTER, "otel.sdk.span.live", "{span}",
     "The number of recording spans that have not ended", tell_live},
    {OF_PROCESSOR, WEIR_INSTRUMENT_UP_DOWN_COUNTER, "otel.sdk.processor.span.queue.size", "{span}",
     "The number of spans in the queue", tell_queue_size},
    {OF_PROCESSOR, WEIR_INSTRUMENT_UP_DOWN_COUNTER, "otel.sdk.processor.span.queue.capacity",
     "{span}", "The number of spans that the queue takes", tell_queue_capacity},
    {OF_PROCESSOR, WEIR_INSTRUMENT_UP_DOWN_COUNTER, "weir.processor.memory.usage", "By",
     "Memory of ended spans, waiting or being exported", tell_queue_bytes},
    {OF_PROCESSOR, WEIR_INSTRUMENT_UP_DOWN_COUNTER, "weir.processor.memory.limit", "By",
     "The most memory that ended spans may take", tell_queue_max_bytes},
    {OF_PROCESSOR, WEIR_INSTRUMENT_COUNTER, "otel.sdk.processor.span.processed", "{span}",
     "The number of spans handed to the exporter, or lost before", tell_processed},
    {OF_EXPORTER, WEIR_INSTRUMENT_UP_DOWN_COUNTER, "otel.sdk.exporter.span.inflight", "{span}",
     "The number of spans whose export has not ended", tell_in_flight},
    {OF_EXPORTER, WEIR_INSTRUMENT_COUNTER, "otel.sdk.exporter.span.exported", "{span}",
     "The number of spans whose export has ended, well or not", tell_exported},
    {OF_EXPORTER, WEIR_INSTRUMENT_HISTOGRAM, "otel.sdk.exporter.operation.duration", "s",
     "The duration of an export, all attempts included", tell_durations},
};

static void add_component(struct telling *t, bool is_exporter) {
    const struct component *component = t->pipeline->component;
    const char *type = component_type_name(is_exporter ? component->type : COMPONENT_BATCHING);
    snprintf(t->component, sizeof t->component, "%s/%u", type,
             is_exporter ? component->exporter : component->processor);
    t->metric.n_attributes = 0;
    add_text(t, "otel.component.name", t->component);
    add_text(t, "otel.component.type", type);
    if (is_exporter && *component->address != '\0') {
        add_text(t, "server.address", component->address);
    }
    if (is_exporter && component->port != 0) {
        add(t, "server.port", weir_value_int(component->port));
    }
}

static void tell_family(struct telling *t, const struct family *family) {
    t->metric = (weir_metric){.size = sizeof t->metric,
                              .name = family->name,
                              .description = family->description,
                              .unit = family->unit,
                              .instrument = family->instrument,
                              .attributes = t->attributes};
    if (family->subject == OF_PROVIDER) {
        family->tell(t);
        return;
    }
    for (size_t i = 0; i < t->reading->n_pipelines; i++) {
        t->pipeline = &t->reading->pipelines[i];
        add_component(t, family->subject == OF_EXPORTER);
        family->tell(t);
    }
}

int weir_otlp_each_metric(weir_otlp *otlp, weir_metric_fn *fn, void *data) {
    if (fn == NULL) {
        return WEIR_E_INVALID;
    }
    if (otlp == NULL) {
        return 0;
    }
    struct reading *reading = read_all(otlp);
    if (reading == NULL) {
        return WEIR_E_NO_MEMORY;
    }
    struct telling telling = {.fn = fn, .data = data, .reading = reading};
    for (size_t i = 0; i < ARRAY_LENGTH(families); i++) {
        tell_family(&telling, &families[i]);
    }
    mem_free(reading);
    return 0;
}
