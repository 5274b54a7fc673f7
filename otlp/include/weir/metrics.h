/*
 * What the pipelines say of themselves: OpenTelemetry's metrics of an SDK, otel.sdk.* (conformance
 * H1-H8), to be handed to whatever the host measures with.
 *
 * These conventions are in development, so nothing is said unless the host asks (H11). weir counts
 * anyway; asking reads the counters, and neither records nor sends anything.
 */
#pragma once

#include <weir/error.h>
#include <weir/trace.h>
#include <weir/value.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum weir_instrument {
    WEIR_INSTRUMENT_COUNTER = 1,     /* `value`, of all since the open */
    WEIR_INSTRUMENT_UP_DOWN_COUNTER, /* `value`, as of now */
    WEIR_INSTRUMENT_HISTOGRAM        /* `count` and `sum`, since the open; without boundaries */
} weir_instrument;

/* One value of a metric, for one set of attributes. All is borrowed for the call. */
typedef struct weir_metric {
    size_t size;
    const char *name; /* otel.sdk.…, or weir.… for what OpenTelemetry has no name for */
    const char *description;
    const char *unit; /* UCUM: "{span}", "s", "By" */
    weir_instrument instrument;
    uint64_t value;
    uint64_t count; /* observations … */
    double sum;     /* … and their sum, in the unit */
    const weir_key_value *attributes;
    size_t n_attributes;
} weir_metric;

typedef void weir_metric_fn(const weir_metric *metric, void *data);

/*
 * Calls `fn` for every value there is, those of one metric after each other, in this thread and
 * before it returns. No lock is held: `fn` may record spans, and call anything but
 * weir_otlp_close. In a forked child it tells of the child alone.
 *
 * The values are of one moment; calls in progress then may be in some and not yet in others. A
 * value that has not been counted yet is left out. Rows that stand in no relation to a pipeline
 * come once, the others once a pipeline, told apart by otel.component.name: "<type>/<n>", which no
 * other component of the process has (H10). otlp/README.md has the list.
 *
 * 0; WEIR_E_INVALID (fn is NULL), WEIR_E_NO_MEMORY: `fn` was not called. NULL otlp: 0, and no
 * calls. Any thread.
 */
WEIR_API int weir_otlp_each_metric(weir_otlp *otlp, weir_metric_fn *fn, void *data);

#ifdef __cplusplus
}
#endif
