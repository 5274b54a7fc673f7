#include "bridge/replay/trace.h"

#include <string.h>

#include <weir/error.h>

#include "bridge/replay/bounds.h"
#include "bridge/replay/error.h"
#include "otlp/common/alloc.h"
#include "otlp/common/macro.h"
#include "otlp/span.h"

enum { SAMPLED = 0x01 }; /* W3C trace flag; derived ids do not claim to be random */

static const char NO_END[] = "no end recorded";

/* ---- small things ---- */

static weir_otlp_context context_of(const struct replay_trace *trace, enum replay_record_kind kind,
                                    uint64_t line) {
    weir_otlp_context context = {.trace_flags = SAMPLED};
    memcpy(context.trace_id, trace->place->trace_id, sizeof context.trace_id);
    replay_ids_span(&trace->run->ids, kind, line, context.span_id);
    return context;
}

static void set_text(struct otlp_span *span, const char *key, const char *text) {
    if (text != NULL) {
        const weir_value value = weir_value_string(text);
        span_set(span, key, &value);
    }
}

static void set_int(struct otlp_span *span, const char *key, int64_t number) {
    const weir_value value = weir_value_int(number);
    span_set(span, key, &value);
}

static void set_identity(const struct replay_trace *trace, struct otlp_span *span) {
    set_text(span, "burr.project", trace->run->project);
    set_text(span, "burr.app_id", trace->run->app_id);
    set_text(span, "burr.partition_key", trace->run->partition_key);
}

/* No span ends before it began, whatever its clock did in between. */
static void end_at(struct replay_trace *trace, struct otlp_span *span, uint64_t begin_ns,
                   uint64_t end_ns) {
    trace->counts->n_backward_times += end_ns < begin_ns;
    span_end(span, MAX(begin_ns, end_ns));
}

/* ---- the root ---- */

static void set_pointer(struct otlp_span *span, const struct replay_pointer *pointer,
                        const char *const keys[3]) {
    if (pointer->app_id == NULL) {
        return;
    }
    set_text(span, keys[0], pointer->app_id);
    set_text(span, keys[1], pointer->partition_key);
    if (pointer->has_sequence_id) {
        set_int(span, keys[2], pointer->sequence_id);
    }
}

static void set_origins(const struct replay_trace *trace) {
    static const char *const fork[] = {"burr.parent.app_id", "burr.parent.partition_key",
                                       "burr.parent.sequence_id"};
    static const char *const spawn[] = {"burr.spawning_parent.app_id",
                                        "burr.spawning_parent.partition_key",
                                        "burr.spawning_parent.sequence_id"};
    set_pointer(trace->root, &trace->run->parent, fork);
    set_pointer(trace->root, &trace->run->spawner, spawn);
    for (size_t i = 0; i < trace->place->n_links; i++) {
        const weir_key_value kind = {"weir.link", weir_value_string(trace->place->link_kinds[i])};
        const weir_otlp_link link = {trace->place->links[i], &kind, 1};
        span_add_link(trace->root, &link);
        trace->counts->n_links++;
    }
}

static struct otlp_span *begin(const struct replay_trace *trace, const char *name,
                               const weir_otlp_context *parent, const weir_otlp_context *context,
                               uint64_t ns) {
    return span_begin(trace->options->tracer, name,
                      &WEIR_OTLP_SPAN_OPTIONS(.parent = parent, .context = context,
                                              .has_start_time = true, .start_unix_ns = ns));
}

int replay_trace_begin(struct replay_trace *trace, uint64_t ns) {
    const struct replay_place *place = trace->place;
    trace->root_context = context_of(trace, REPLAY_RECORD_RUN, 0);
    trace->root_begin_ns = ns;
    trace->root = begin(trace, trace->run->project, place->has_parent ? &place->parent : NULL,
                        &trace->root_context, ns);
    if (trace->root == NULL) {
        return WEIR_E_NO_MEMORY;
    }
    set_identity(trace, trace->root);
    set_origins(trace);
    trace->counts->n_runs++;
    return 0;
}

void replay_trace_end(struct replay_trace *trace, uint64_t ns) {
    if (trace->root == NULL) {
        return;
    }
    if (!trace->is_unfinished) {
        span_set_status(trace->root,
                        trace->error != NULL ? WEIR_OTLP_STATUS_ERROR : WEIR_OTLP_STATUS_OK,
                        trace->error);
    }
    end_at(trace, trace->root, trace->root_begin_ns, ns);
    trace->root = NULL;
    mem_free(trace->error);
    trace->error = NULL;
}

/* ---- begins and attributes ---- */

int replay_trace_begin_step(struct replay_trace *trace, struct replay_step *step, uint64_t line,
                            uint64_t ns) {
    step->context = context_of(trace, REPLAY_RECORD_STEP, line);
    step->begin_ns = step->last_ns = ns;
    step->line = line;
    step->span = begin(trace, step->action, &trace->root_context, &step->context, ns);
    if (step->span == NULL) {
        return WEIR_E_NO_MEMORY;
    }
    set_identity(trace, step->span);
    set_int(step->span, "burr.sequence_id", step->sequence_id);
    trace->counts->n_steps++;
    return 0;
}

int replay_trace_begin_span(struct replay_trace *trace, struct replay_step *step,
                            struct replay_span *span, const struct replay_span *parent,
                            const char *name, uint64_t line, uint64_t ns) {
    span->context = context_of(trace, REPLAY_RECORD_SPAN, line);
    span->begin_ns = ns;
    span->span =
        begin(trace, name, parent != NULL ? &parent->context : &step->context, &span->context, ns);
    trace->counts->n_spans += span->span != NULL;
    return span->span != NULL ? 0 : WEIR_E_NO_MEMORY;
}

void replay_trace_set(struct replay_trace *trace, struct otlp_span *span, const char *key,
                      struct json_slice json) {
    const weir_value value = replay_value_of(json, trace->scratch);
    if (value.kind == WEIR_VALUE_EMPTY) { /* null would be text: it is too large, or memory short */
        trace->counts->n_lost_attributes++;
        return;
    }
    span_set(span, key, &value);
    trace->counts->n_attributes++;
}

/* ---- ends ---- */

int replay_trace_make_room(struct replay_trace *trace) {
    weir_otlp_stats stats = {.size = sizeof stats};
    if (trace->room_error == 0) {
        weir_otlp_get_stats(trace->options->otlp, &stats);
        if (stats.queue_bytes >= stats.queue_capacity_bytes / 2) {
            trace->room_error = weir_otlp_flush(trace->options->otlp, REPLAY_FLUSH_MS);
        }
    }
    return trace->room_error;
}

static void finish_span(struct replay_trace *trace, struct replay_span *span, uint64_t step_end) {
    if (span->span == NULL) {
        return; /* memory was too short to begin it */
    }
    if (span->has_end) {
        span_set_status(span->span, WEIR_OTLP_STATUS_OK, NULL);
        end_at(trace, span->span, span->begin_ns, span->end_ns);
    } else {
        const weir_value unfinished = weir_value_bool(true);
        span_set(span->span, "weir.unfinished", &unfinished);
        trace->counts->n_unfinished_spans++;
        span_end(span->span, MAX(span->begin_ns, step_end)); /* it may outlive its step's end */
    }
    span->span = NULL;
    (void)replay_trace_make_room(trace); /* an error stays, and is seen behind the record */
}

void replay_trace_relieve(struct replay_trace *trace, struct replay_step *step) {
    struct replay_span **at = &step->spans;
    for (size_t i = 0; i < REPLAY_MAX_HELD_SPANS / 2 && *at != NULL; i++) {
        at = &(*at)->next;
    }
    struct replay_span *older = *at;
    *at = NULL;
    while (older != NULL) {
        struct replay_span *span = older;
        older = span->next;
        finish_span(trace, span, step->last_ns);
        replay_span_free(span);
        step->n_spans--;
    }
}

/* The stream's values as far as a log knows them, in the order of a live run. */
static size_t stream_values(const struct replay_stream *stream, weir_key_value *out) {
    size_t n = 0;
    if (stream->has_generation) {
        out[n++] =
            (weir_key_value){"stream.generation_time_ms", weir_value_double(stream->generation_ms)};
    }
    if (stream->has_consumer) {
        out[n++] =
            (weir_key_value){"stream.consumer_time_ms", weir_value_double(stream->consumer_ms)};
    }
    if (stream->has_items) {
        out[n++] = (weir_key_value){"stream.items_streamed", weir_value_int(stream->n_items)};
    }
    if (stream->has_first_item) {
        out[n++] =
            (weir_key_value){"stream.first_item_time_ms", weir_value_double(stream->first_item_ms)};
    }
    return n;
}

static void put_stream(struct replay_trace *trace, struct replay_step *step, uint64_t end_ns,
                       const char *error) {
    weir_key_value values[6];
    size_t n = stream_values(&step->stream, values);
    if (trace->options->mode != WEIR_STREAMING_EVENT) {
        for (size_t i = 0; i < n; i++) {
            span_set(step->span, values[i].key, &values[i].value);
        }
        return;
    }
    if (error != NULL) {
        values[n++] = (weir_key_value){"stream.error", weir_value_string(error)};
    }
    values[n++] = (weir_key_value){"burr.sequence_id", weir_value_int(step->sequence_id)};
    span_add_event(trace->root, end_ns, error != NULL ? "stream_error" : "stream_completed", values,
                   n);
}

static weir_value text_value(struct replay_text text) {
    return weir_value_string_n(text.bytes, text.n_bytes);
}

/* An exception event, as the conventions of OpenTelemetry name its attributes. */
static void put_exception(struct replay_step *step, const struct replay_error *error,
                          uint64_t end_ns) {
    weir_key_value values[3];
    size_t n = 0;
    if (error->type.n_bytes > 0) {
        values[n++] = (weir_key_value){"exception.type", text_value(error->type)};
    }
    values[n++] = (weir_key_value){"exception.message", text_value(error->text)};
    values[n++] = (weir_key_value){"exception.stacktrace",
                                   weir_value_string_n(step->exception, step->n_exception)};
    span_add_event(step->span, end_ns, "exception", values, n);
}

/* What the step's status says; owned, NULL: it ended well. */
static char *describe(struct replay_trace *trace, struct replay_step *step, uint64_t end_ns) {
    if (!step->has_end) {
        trace->counts->n_unfinished_steps++;
        return mem_strdup(NO_END);
    }
    if (step->exception == NULL) {
        return NULL;
    }
    struct replay_error error;
    replay_error_read(step->exception, step->n_exception, &error);
    put_exception(step, &error, end_ns);
    return error.is_abandoned ? mem_strdup("abandoned")
                              : mem_strndup(error.text.bytes, error.text.n_bytes);
}

/* The run's own status is that of the step that began last. Takes the error's text over. */
static void keep_outcome(struct replay_trace *trace, const struct replay_step *step, char *error) {
    if (step->line < trace->last_line) {
        mem_free(error);
        return;
    }
    mem_free(trace->error);
    trace->last_line = step->line;
    trace->is_unfinished = !step->has_end;
    trace->error = error;
}

void replay_trace_finish(struct replay_trace *trace, struct replay_step *step) {
    uint64_t end_ns = step->has_end ? step->end_ns : step->last_ns;
    for (struct replay_span *span = step->spans; span != NULL; span = span->next) {
        finish_span(trace, span, end_ns);
    }
    bool is_error = !step->has_end || step->exception != NULL;
    char *error = describe(trace, step, end_ns);
    if (step->stream.has_begun) {
        put_stream(trace, step, end_ns, is_error ? (error != NULL ? error : "") : NULL);
        trace->counts->n_streams++;
    }
    span_set_status(step->span, is_error ? WEIR_OTLP_STATUS_ERROR : WEIR_OTLP_STATUS_OK, error);
    end_at(trace, step->span, step->begin_ns, end_ns);
    step->span = NULL;
    keep_outcome(trace, step, error);
}
