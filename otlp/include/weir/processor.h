/*
 * Span processors: the host's own code at the begin and the end of every span that records.
 *
 * A processor sees spans that are sampled and spans that a sampler wants recorded only; exporters
 * get the sampled ones alone (E31). Pipelines that have none pay one predictable branch a span.
 *
 * OnEnding (E53, in development) is left out: what a span says is encoded before its end, and a
 * processor can change it from on_start on, as long as it is open.
 */
#pragma once

#include <weir/trace.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A span that has ended, to read. Borrowed for the call of on_end; read by the functions below,
 * which decode what they are asked for. */
typedef struct weir_otlp_view weir_otlp_view;

/*
 * All members but `size` may be NULL. Processors are called in the order of the options (E51), on
 * the thread that begins or ends the span, with none of the pipeline's locks held; from several
 * threads at once. They must not wait, nor let a C++ exception out. The struct is copied; `data`
 * stays the host's.
 *
 * The lifecycle's own spans (weir_step_begin …) begin and end while their app is locked. For these
 * on_start and on_end must not call <weir/weir.h> with the app or anything of it, nor fork: either
 * would wait for that lock for ever.
 */
typedef struct weir_processor {
    size_t size;
    void *data;
    /*
     * A span has begun, with the attributes and links given at its begin. `span` may be changed by
     * the weir_otlp_span_… functions, now and until its end (E52), but not ended here. `parent` is
     * borrowed for the call; NULL: a root. The context of the span has the `owner` of its parent.
     */
    void (*on_start)(void *data, weir_otlp_span *span, const weir_otlp_context *parent);
    /* A span has ended: nothing can change it any more (E54). */
    void (*on_end)(void *data, const weir_otlp_view *span);
    /*
     * In weir_otlp_flush, before the exporter's flush: hand on what is kept back, within
     * timeout_ms. 0, or a negative WEIR_E_…, which the flush then returns.
     */
    int (*flush)(void *data, uint32_t timeout_ms);
    /*
     * The last call, in weir_otlp_close, with the effect of a flush (E56), within timeout_ms. What
     * `data` owns may be freed then. 0 or a negative WEIR_E_….
     */
    int (*shutdown)(void *data, uint32_t timeout_ms);
} weir_processor;
#define WEIR_PROCESSOR(...)                                                                        \
    ((struct weir_processor){.size = sizeof(struct weir_processor), __VA_ARGS__})

/* Text of a view: UTF-8, not NUL-terminated. `bytes` is never NULL. */
typedef struct weir_view_text {
    const char *bytes;
    size_t n_bytes;
} weir_view_text;

/* A list in a view, to walk through with the functions weir_view_next_…. A copy is a place to come
 * back to. */
typedef struct weir_view_list {
    const uint8_t *at, *end;
    uint32_t field;
} weir_view_list;

/*
 * A value. Of strings, bytes and scalars `value` says all (borrowed, strings without a NUL). Of an
 * array or a map it says the kind alone, and `items` is walked: weir_view_next_value for an array,
 * weir_view_next_attribute for a map.
 */
typedef struct weir_view_value {
    weir_value value;
    weir_view_list items;
} weir_view_value;

typedef struct weir_view_attribute {
    weir_view_text key;
    weir_view_value value;
} weir_view_attribute;

typedef struct weir_view_event {
    uint64_t unix_ns;
    weir_view_text name;
    weir_view_list attributes;
    uint32_t n_dropped_attributes;
} weir_view_event;

typedef struct weir_view_link {
    weir_otlp_context context; /* its trace_state is NULL: it is the field below */
    weir_view_text trace_state;
    weir_view_list attributes;
    uint32_t n_dropped_attributes;
} weir_view_link;

/* Everything a span says (E55). All borrow from the view; NULL gives zeros and empty lists. */
WEIR_API weir_view_text weir_otlp_view_name(const weir_otlp_view *view);
WEIR_API weir_otlp_kind weir_otlp_view_kind(const weir_otlp_view *view);
/* Its own context, with trace state, flags (sampled or recorded only) and `owner`. */
WEIR_API weir_otlp_context weir_otlp_view_context(const weir_otlp_view *view);
/* Its parent's, without trace state, which a child inherits. false, *out untouched: a root. */
WEIR_API bool weir_otlp_view_parent(const weir_otlp_view *view, weir_otlp_context *out);
WEIR_API uint64_t weir_otlp_view_start(const weir_otlp_view *view); /* ns since the epoch */
WEIR_API uint64_t weir_otlp_view_end(const weir_otlp_view *view);
/* *description (optional) is empty but for an error that has one. */
WEIR_API weir_otlp_status weir_otlp_view_status(const weir_otlp_view *view,
                                                weir_view_text *description);
WEIR_API weir_view_list weir_otlp_view_attributes(const weir_otlp_view *view);
WEIR_API weir_view_list weir_otlp_view_events(const weir_otlp_view *view);
WEIR_API weir_view_list weir_otlp_view_links(const weir_otlp_view *view);

typedef struct weir_view_dropped {
    uint32_t attributes, events, links; /* over a limit */
} weir_view_dropped;
WEIR_API weir_view_dropped weir_otlp_view_dropped(const weir_otlp_view *view);

/* The tracer it was begun with, and its resource. */
WEIR_API weir_view_text weir_otlp_view_scope_name(const weir_otlp_view *view);
WEIR_API weir_view_text weir_otlp_view_scope_version(const weir_otlp_view *view);
WEIR_API weir_view_text weir_otlp_view_scope_schema_url(const weir_otlp_view *view);
WEIR_API weir_view_list weir_otlp_view_scope_attributes(const weir_otlp_view *view);
WEIR_API weir_view_text weir_otlp_view_resource_schema_url(const weir_otlp_view *view);
WEIR_API weir_view_list weir_otlp_view_resource(const weir_otlp_view *view);

/* The next item of a list: true and *out, or false at its end. NULL: false. */
WEIR_API bool weir_view_next_attribute(weir_view_list *list, weir_view_attribute *out);
WEIR_API bool weir_view_next_value(weir_view_list *list, weir_view_value *out);
WEIR_API bool weir_view_next_event(weir_view_list *list, weir_view_event *out);
WEIR_API bool weir_view_next_link(weir_view_list *list, weir_view_link *out);

#ifdef __cplusplus
}
#endif
