/*
 * What the four streaming modes make of a step that streams (the table in bridge/README.md).
 */
#include <string.h>

#include "bridge/adapter_otlp.h"
#include "bridge/lifecycle.h"
#include "otlp/common/macro.h"

/* ---- chunk spans ---- */

/* "{action}::chunk_{N}", in the app's scratch. */
static const char *chunk_name(struct step *step) {
    static const char middle[] = "::chunk_";
    enum { MIDDLE_BYTES = sizeof middle - 1 };
    size_t n_action = step->action.n_bytes;
    struct buf *scratch = &object_app(&step->head)->scratch;
    buf_clear(scratch);
    char *name = (char *)buf_reserve(scratch, n_action + MIDDLE_BYTES + TEXT_UINT_BYTES);
    if (name == NULL) {
        return "chunk";
    }
    memcpy(name, text_get(&step->action), n_action);
    memcpy(name + n_action, middle, MIDDLE_BYTES);
    (void)text_put_uint(name + n_action + MIDDLE_BYTES, step->account.n_pulls - 1);
    return name;
}

static void chunk_make(struct weir *w, struct step *step) {
    struct otlp_part *part = &step->chunk.otlp;
    const weir_otlp_context *parent =
        step->otlp.has_context ? &step->otlp.context : otlp_step_parent(step);
    otlp_part_begin(w, part, chunk_name(step), parent, step->account.pull_began_unix_ns);
    if (!step->otlp.has_context && core_improves(w, 4)) {
        otlp_set_int(part, "burr.sequence_id", step->sequence_id);
    }
    if (w->conventions != 0) {
        conventions_begin(w, object_app(&step->head), part, SPAN_OF_CHUNK);
    }
}

/* That of the pull that is open, or just ending. */
static struct otlp_part *chunk_now(struct weir *w, struct step *step) {
    if (!step->chunk.otlp.has_context && step->chunk.otlp.span == NULL) {
        chunk_make(w, step);
    }
    return &step->chunk.otlp;
}

struct otlp_part *otlp_chunk_part(struct weir *w, struct step *step) {
    bool is_open = (step->is_pulling || step->chunk.is_ending) && !step->is_otlp_finished;
    return is_open && otlp_mode_has_chunks(w) ? chunk_now(w, step) : NULL;
}

static void chunk_forget(struct chunk *chunk) {
    chunk->otlp.has_context = chunk->otlp.has_error = false;
    chunk->otlp.conventions = (struct conventions_part){0};
    chunk->has_span_below = chunk->has_attribute = false;
}

/* True when the limits leave this chunk out. */
static bool chunk_is_limited(const struct weir *w, const struct step *step, uint64_t unix_ns) {
    const struct stream_account *account = &step->account;
    if (w->chunk_span_every > 0 && (account->n_pulls - 1) % w->chunk_span_every != 0) {
        return true;
    }
    if (unix_ns < account->pull_began_unix_ns + w->chunk_span_min_ns) {
        return true;
    }
    return w->chunk_span_max > 0 && step->n_chunks_made >= w->chunk_span_max;
}

static bool chunk_is_exported(struct weir *w, struct step *step,
                              const weir_lifecycle_event *event) {
    const struct chunk *chunk = &step->chunk;
    if (chunk->has_span_below || chunk->has_attribute || event->outcome == WEIR_PULL_FAILED) {
        return true;
    }
    if (event->outcome == WEIR_PULL_EXHAUSTED && core_improves(w, 1)) {
        return false;
    }
    if (chunk_is_limited(w, step, event->unix_ns)) {
        step->n_chunks_dropped++;
        return false;
    }
    return true;
}

static const weir_error *chunk_error(const weir_lifecycle_event *event) {
    return event->outcome == WEIR_PULL_FAILED ? event->error : NULL;
}

void otlp_on_pulled(struct weir *w, const struct scene *scene, const weir_lifecycle_event *event) {
    struct step *step = scene->step;
    step->chunk.is_ending = false;
    if (step->is_otlp_finished || !chunk_is_exported(w, step, event)) {
        return;
    }
    step->n_chunks_made++;
    struct otlp_part *part = chunk_now(w, step);
    otlp_put_item(step, part, event);
    otlp_part_end(w, part, chunk_error(event), event->unix_ns);
    chunk_forget(&step->chunk);
}

/* ---- the summary ---- */

enum { MAX_SUMMARY = 8 };

struct summary {
    weir_key_value items[MAX_SUMMARY];
    size_t n_items;
};

static void add(struct summary *summary, const char *key, weir_value value) {
    summary->items[summary->n_items++] = (weir_key_value){key, value};
}

static weir_value milliseconds(uint64_t ns) {
    return weir_value_double((double)ns / 1e6);
}

/* The stream's values in Burr's order; the total only on the event. */
static struct summary summarise(struct weir *w, const struct step *step, bool with_total) {
    const struct stream_account *account = &step->account;
    struct summary summary = {.n_items = 0};
    add(&summary, "stream.generation_time_ms", milliseconds(account->generation_ns));
    add(&summary, "stream.consumer_time_ms", milliseconds(account->consumer_ns));
    if (with_total) {
        add(&summary, "stream.total_time_ms", milliseconds(account->total_ns));
    }
    add(&summary, "stream.iteration_count", weir_value_int((int64_t)account->n_produced));
    if (account->n_produced > 0 || !core_improves(w, 2)) {
        add(&summary, "stream.first_item_time_ms", milliseconds(account->first_item_ns));
    }
    return summary;
}

/* Where the step's own data go at its end: its action span, else the method span; NULL: nowhere. */
static struct otlp_part *part_of_end(struct step *step) {
    return step->otlp.has_context ? &step->otlp : otlp_method_part(step);
}

static void put_on_action(struct weir *w, struct step *step) {
    if (step->otlp.span == NULL) {
        return;
    }
    struct summary summary = summarise(w, step, false);
    for (size_t i = 0; i < summary.n_items; i++) {
        span_set(step->otlp.span, summary.items[i].key, &summary.items[i].value);
    }
}

static void put_event(struct weir *w, struct step *step, uint64_t unix_ns,
                      const weir_error *error) {
    struct otlp_part *method = otlp_method_part(step);
    if (method == NULL || method->span == NULL) {
        return;
    }
    struct summary summary = summarise(w, step, true);
    if (error != NULL) {
        add(&summary, "stream.error", weir_value_string(otlp_error_text(w, error)));
    }
    if (!step->otlp.has_context && core_improves(w, 4)) {
        add(&summary, "burr.sequence_id", weir_value_int(step->sequence_id));
    }
    span_add_event(method->span, unix_ns, error != NULL ? "stream_error" : "stream_completed",
                   summary.items, summary.n_items);
    for (size_t i = 0; i < summary.n_items && w->has_event_attributes; i++) {
        span_set(method->span, summary.items[i].key, &summary.items[i].value);
    }
}

static void put_dropped_chunks(struct step *step) {
    static const char key[] = "stream.chunk_spans_dropped";
    if (step->n_chunks_dropped == 0) {
        return;
    }
    if (step->otlp.has_context) {
        otlp_set_int(&step->otlp, key, (int64_t)step->n_chunks_dropped);
    } else if (step->call != NULL) { /* several steps of a call share this one */
        step->call->n_chunks_dropped += step->n_chunks_dropped;
        otlp_set_int(&step->call->otlp, key, (int64_t)step->call->n_chunks_dropped);
    }
}

/* ---- the end of a step ---- */

static void cut_open_parts(struct step *step, uint64_t unix_ns) {
    for (struct span *span = step->spans; span != NULL; span = span->next) {
        otlp_part_cut(&span->otlp, unix_ns);
    }
    otlp_part_cut(&step->chunk.otlp, unix_ns);
}

/* The stream's data, for a step that has some; the reference takes the step's word for it. */
static void put_stream_data(struct weir *w, struct step *step, uint64_t unix_ns,
                            const weir_error *error) {
    bool takes_the_word = step->said_streams && !core_improves(w, 7);
    if (!step->has_streamed && !takes_the_word) {
        return;
    }
    if (otlp_mode_has_action(w)) {
        put_on_action(w, step);
    } else if (w->mode == WEIR_STREAMING_EVENT) {
        put_event(w, step, unix_ns, error);
    }
    put_dropped_chunks(step);
    if (w->conventions != 0 && part_of_end(step) != NULL) {
        conventions_stream(w, step, part_of_end(step));
    }
}

void otlp_step_finish(struct weir *w, struct step *step, uint64_t unix_ns,
                      const weir_lifecycle_event *event) {
    const weir_error *error = event != NULL ? event->error : NULL;
    if (step->is_otlp_finished) {
        return;
    }
    step->is_otlp_finished = true;
    cut_open_parts(step, unix_ns);
    if (step->said_streams && !step->has_streamed && !step->otlp.has_context &&
        core_improves(w, 7)) {
        otlp_action_begin(
            w, step); /* a streaming action that was merely run: a plain step after all */
    }
    put_stream_data(w, step, unix_ns, error);
    if (event != NULL && w->capture.otlp != WEIR_CAPTURE_NONE) {
        otlp_put_outcome(w, step, part_of_end(step), event);
    }
    if (event == NULL) {
        otlp_part_cut(&step->otlp, unix_ns);
    } else {
        otlp_part_end(w, &step->otlp, error, unix_ns);
    }
}
