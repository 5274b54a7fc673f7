/*
 * The public door to spans: handles are resolved, options read, and the functions of otlp/span.h do
 * the rest.
 */
#include <string.h>

#include <weir/otlp.h>

#include "otlp/common/handle.h"
#include "otlp/common/macro.h"
#include "otlp/common/options.h"
#include "otlp/provider.h"
#include "otlp/span.h"
#include "otlp/span_part.h"
#include "otlp/span_pool.h"

static struct otlp_span *resolve(const weir_otlp_span *handle) {
    return handle_resolve(HANDLE_OTLP_SPAN, handle);
}

/* Options of a caller built with another version; refused ones are as none. */
static const weir_otlp_span_options *extend(weir_otlp_tracer *tracer,
                                            const weir_otlp_span_options *given,
                                            weir_otlp_span_options *extended) {
    if (!options_read(extended, sizeof *extended, given)) {
        atomic_fetch_add_explicit(&tracer->otlp->n_refused, 1, memory_order_relaxed);
    }
    return extended;
}

weir_otlp_span *weir_otlp_span_begin(weir_otlp_tracer *tracer, const char *name,
                                     const weir_otlp_span_options *options) {
    if (tracer == NULL) {
        return NULL;
    }
    static const weir_otlp_span_options none = {.size = sizeof none};
    weir_otlp_span_options extended;
    if (options == NULL) {
        options = &none;
    } else if (UNLIKELY(options->size != sizeof *options)) {
        options = extend(tracer, options, &extended);
    }
    struct otlp_span *span = span_begin(tracer, name, options);
    if (UNLIKELY(span == NULL)) {
        return NULL;
    }
    if (UNLIKELY(tracer->otlp->processors.n > 0) && span->is_recording) {
        span->ends_by_handle = true;
        return handle_current(span->slot); /* the one that the processors got */
    }
    return handle_begin(span->slot);
}

bool weir_otlp_tracer_is_enabled(const weir_otlp_tracer *tracer) {
    return tracer != NULL && tracer->otlp->is_recording;
}

void weir_otlp_span_set(weir_otlp_span *handle, const char *key, const weir_value *value) {
    struct otlp_span *span = resolve(handle);
    if (LIKELY(span != NULL)) {
        span_set(span, key, value);
    }
}

void weir_otlp_span_add_event(weir_otlp_span *handle, const char *name,
                              const weir_key_value *attributes, size_t n_attributes) {
    struct otlp_span *span = resolve(handle);
    if (LIKELY(span != NULL)) {
        span_add_event(span, span_now(span), name, attributes, n_attributes);
    }
}

void weir_otlp_span_add_event_at(weir_otlp_span *handle, uint64_t unix_ns, const char *name,
                                 const weir_key_value *attributes, size_t n_attributes) {
    struct otlp_span *span = resolve(handle);
    if (LIKELY(span != NULL)) {
        span_add_event(span, unix_ns, name, attributes, n_attributes);
    }
}

void weir_otlp_span_record_error(weir_otlp_span *handle, const weir_otlp_error *error,
                                 const weir_key_value *attributes, size_t n_attributes) {
    struct otlp_span *span = resolve(handle);
    weir_otlp_error extended;
    if (LIKELY(span != NULL)) {
        bool is_good = error != NULL && options_read(&extended, sizeof extended, error);
        span_record_error(span, span_now(span), is_good ? &extended : NULL, attributes,
                          n_attributes);
    }
}

void weir_otlp_span_add_link(weir_otlp_span *handle, const weir_otlp_link *link) {
    struct otlp_span *span = resolve(handle);
    if (LIKELY(span != NULL)) {
        span_add_link(span, link);
    }
}

void weir_otlp_span_set_status(weir_otlp_span *handle, weir_otlp_status status,
                               const char *description) {
    struct otlp_span *span = resolve(handle);
    if (LIKELY(span != NULL)) {
        span_set_status(span, status, description);
    }
}

void weir_otlp_span_set_name(weir_otlp_span *handle, const char *name) {
    struct otlp_span *span = resolve(handle);
    if (LIKELY(span != NULL)) {
        span_set_name(span, name);
    }
}

bool weir_otlp_span_is_recording(weir_otlp_span *handle) {
    const struct otlp_span *span = resolve(handle);
    return span != NULL && span_is_recording(span);
}

weir_otlp_context weir_otlp_span_context(weir_otlp_span *handle) {
    const struct otlp_span *span = resolve(handle);
    return span != NULL ? span_context(span) : (weir_otlp_context){0};
}

/* What a processor got in on_start is not its to end while its begin is under way, nor ever when a
 * layer above owns the span. */
static bool may_end(const struct otlp_span *span) {
    if (LIKELY(span_provider(span)->processors.n == 0) || span->ends_by_handle ||
        !span->is_recording) {
        return true;
    }
    handle_count_stale();
    return false;
}

static void end(struct otlp_span *span, uint64_t unix_ns) {
    if (UNLIKELY(!may_end(span))) {
        return;
    }
    handle_end(span->slot);
    span_end(span, unix_ns);
}

void weir_otlp_span_end(weir_otlp_span *handle) {
    struct otlp_span *span = resolve(handle);
    if (LIKELY(span != NULL)) {
        end(span, span_end_ns(span, span_now(span)));
    }
}

void weir_otlp_span_end_at(weir_otlp_span *handle, uint64_t unix_ns) {
    struct otlp_span *span = resolve(handle);
    if (LIKELY(span != NULL)) {
        end(span, unix_ns);
    }
}
