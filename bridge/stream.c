/*
 * Streams: what a streaming step yields, pull by pull.
 *
 * Generation time runs from a pull's begin to its end, consumer time from one pull's end to the
 * next one's begin. The sums belong to the step: a second stream of the same step goes on with
 * them.
 */
#include "bridge/json_input.h"
#include "bridge/lifecycle.h"
#include "bridge/step.h"

static struct weir *weir_of(const struct stream *stream) {
    return object_app(&stream->head)->weir;
}

static void tell(struct stream *stream, weir_lifecycle_event *event) {
    struct step *step = stream->step;
    struct scene scene = {object_app(&stream->head), step->call, step, NULL, stream};
    core_tell(scene.app->weir, &scene, event);
}

/* Which of the library's adapters listen: content that goes nowhere is neither walked nor asked
 * about. */
static unsigned own_listeners(const struct weir *w, weir_hook hook) {
    unsigned destinations = 0;
    for (uint32_t i = 0; i < w->n_own_hooks[hook]; i++) {
        destinations |=
            w->own_destinations[hook][i] == WEIR_TO_OTLP ? CAPTURE_OTLP : CAPTURE_TRACKER;
    }
    return destinations;
}

/* An event with an item: what is kept of it may be asked of the host. */
static void tell_item(struct stream *stream, weir_lifecycle_event *event) {
    struct step *step = stream->step;
    struct scene scene = {object_app(&stream->head), step->call, step, NULL, stream};
    struct captured captured;
    stream->head.n_refs++;
    const struct captured *seen = core_capture(
        scene.app->weir, &scene, event, own_listeners(scene.app->weir, event->hook), &captured);
    core_tell_captured(scene.app->weir, &scene, event, seen);
    core_forget_captured(&captured);
    stream_release(stream);
}

static weir_lifecycle_event event_of(struct stream *stream, weir_hook hook, struct moment when) {
    struct step *step = stream->step;
    struct scene scene = {object_app(&stream->head), step->call, step, NULL, stream};
    weir_lifecycle_event event = core_event(hook, &scene, when);
    event.stream_initialize_unix_ns = step->account.initialize_unix_ns;
    event.first_item_unix_ns = step->account.first_item_unix_ns;
    return event;
}

struct stream *stream_open(struct step *step, struct moment when) {
    struct app *app = object_app(&step->head);
    struct weir *w = app->weir;
    if (step->stream != NULL && object_is_live(&step->stream->head)) {
        core_count(&w->counters.out_of_order);
        return NULL;
    }
    stream_tell_end(step, when);
    if (app->is_closing) {
        core_count(&w->counters.out_of_order);
        return NULL;
    }
    struct stream *stream = stream_take(app);
    if (stream == NULL) {
        core_count(&w->counters.no_memory);
        return NULL;
    }
    stream->step = step;
    step->head.n_refs++;
    step->stream = stream;
    step->has_streamed = true;
    step->is_exhausted = step->is_finished = false;
    stream->head.n_refs++; /* for the caller, while guests run */
    (void)object_begin(&stream->head);
    weir_lifecycle_event event = event_of(stream, WEIR_HOOK_PRE_START_STREAM, when);
    tell(stream, &event);
    stream_release(stream);
    return stream;
}

/* ---- pulls ---- */

/* From an earlier moment to a later one; 0 when a binding's clock went back in between. */
static uint64_t between(uint64_t earlier_ns, uint64_t later_ns) {
    return later_ns > earlier_ns ? later_ns - earlier_ns : 0;
}

static void account_begin(struct stream_account *account, struct moment when) {
    if (account->n_pulls == 0) {
        account->first_pull_ns = when.monotonic_ns;
        account->initialize_unix_ns = when.unix_ns;
    } else {
        account->consumer_ns += between(account->pull_ended_ns, when.monotonic_ns);
    }
    account->pull_began_ns = when.monotonic_ns;
    account->n_pulls++;
}

static void account_end(struct stream_account *account, struct moment when,
                        weir_pull_outcome outcome) {
    account->generation_ns += between(account->pull_began_ns, when.monotonic_ns);
    account->pull_ended_ns = when.monotonic_ns;
    account->total_ns = between(account->first_pull_ns, when.monotonic_ns);
    if (outcome == WEIR_PULL_PRODUCED && account->n_produced++ == 0) {
        account->first_item_ns = account->total_ns;
    }
}

static void begin_pull(struct stream *stream, struct moment when) {
    struct step *step = stream->step;
    account_begin(&step->account, when);
    step->is_pulling = true;
    if (core_listens(weir_of(stream), WEIR_HOOK_PRE_STREAM_GENERATE)) {
        weir_lifecycle_event event = event_of(stream, WEIR_HOOK_PRE_STREAM_GENERATE, when);
        event.item_index = step->account.n_pulls - 1;
        tell(stream, &event);
    }
}

void stream_pull_begin(struct stream *stream, struct moment when) {
    struct step *step = stream->step;
    struct weir *w = weir_of(stream);
    if (step->is_finished) {
        core_count(&w->counters.out_of_order);
        return;
    }
    stream->head.n_refs++; /* guests may end the stream, or free the app, while they are told */
    if (step->is_pulling) {
        stream_pull_end(stream, when, WEIR_PULL_PRODUCED, NULL, NULL);
    }
    if (object_is_live(&stream->head)) {
        begin_pull(stream, when);
    }
    stream_release(stream);
}

void stream_pull_end(struct stream *stream, struct moment when, weir_pull_outcome outcome,
                     const weir_error *error, const weir_value *item) {
    struct step *step = stream->step;
    struct weir *w = weir_of(stream);
    if (!step->is_pulling) {
        core_count(&w->counters.out_of_order);
        return;
    }
    step->is_pulling = false;
    step->is_exhausted = outcome == WEIR_PULL_EXHAUSTED;
    step->is_finished = step->is_finished || outcome == WEIR_PULL_FAILED;
    account_end(&step->account, when, outcome);
    if (core_listens(w, WEIR_HOOK_POST_STREAM_GENERATE)) {
        weir_lifecycle_event event = event_of(stream, WEIR_HOOK_POST_STREAM_GENERATE, when);
        event.item_index = step->account.n_pulls - 1;
        event.outcome = outcome;
        event.error = error;
        event.item = item;
        tell_item(stream, &event);
    }
}

void stream_item(struct stream *stream, struct moment when, const weir_value *item) {
    struct step *step = stream->step;
    struct stream_account *account = &step->account;
    struct weir *w = weir_of(stream);
    if (account->n_items == account->n_produced) {
        core_count(&w->counters.out_of_order);
        return;
    }
    if (account->n_items++ == 0) {
        account->first_item_unix_ns = when.unix_ns;
    }
    if (core_listens(w, WEIR_HOOK_POST_STREAM_ITEM)) {
        weir_lifecycle_event event = event_of(stream, WEIR_HOOK_POST_STREAM_ITEM, when);
        event.item_index = account->n_items - 1;
        event.item = item;
        tell_item(stream, &event);
    }
}

const weir_value *stream_sound_item(struct weir *w, const weir_value *item) {
    if (item != NULL && !json_value_is_sound(item)) {
        core_count(&w->counters.refused_json);
        return NULL;
    }
    return item;
}

/* ---- ends ---- */

void stream_abandon(struct stream *stream) {
    struct step *step = stream->step;
    if (!step->is_exhausted && !step->is_finished && object_is_live(&step->head)) {
        step->is_abandoned = step->is_finished = true;
    }
}

/* An open pull ends with its step or stream: by its error, or because the consumer went away. */
static void end_open_pull(struct stream *stream, struct moment when, const weir_error *error) {
    stream->step->is_abandoned = stream->step->is_abandoned || error == NULL;
    stream_pull_end(stream, when, WEIR_PULL_FAILED, error != NULL ? error : &lifecycle_abandoned,
                    NULL);
}

void stream_settle(struct step *step, struct moment when, const weir_error *error) {
    struct stream *stream = step->stream;
    if (stream == NULL) {
        return;
    }
    if (step->is_pulling) {
        end_open_pull(stream, when, error);
    }
    step->is_finished = true;
}

void stream_tell_end(struct step *step, struct moment when) {
    struct stream *stream = step->stream;
    if (stream == NULL || object_is_live(&stream->head)) {
        return;
    }
    step->stream = NULL;
    weir_lifecycle_event event = event_of(stream, WEIR_HOOK_POST_END_STREAM, when);
    tell(stream, &event);
    stream_release(stream);
}

static void close_live(struct stream *stream, struct moment when) {
    struct step *step = stream->step;
    step->is_finished = true;
    object_end(&stream->head);
    if (object_is_live(&step->head)) {
        return; /* told right after the step's end, as Burr does */
    }
    stream_tell_end(step, when);
    step_unlink_if_done(step);
}

void stream_close(struct stream *stream, struct moment when) {
    stream->head.n_refs++; /* and with it the step: guests may free the app while they are told */
    if (stream->step->is_pulling) {
        end_open_pull(stream, when, NULL);
    }
    if (object_is_live(&stream->head)) {
        close_live(stream, when);
    }
    stream_release(stream);
}

/* ---- handles ---- */

weir_stream *weir_stream_begin(weir_step *handle) {
    struct step *step = object_enter(HANDLE_STEP, handle);
    if (step == NULL) {
        return NULL;
    }
    struct app *app = object_app(&step->head);
    struct stream *stream = stream_open(step, core_now(app->weir, &step->anchor));
    weir_stream *result = stream != NULL ? object_handle(&stream->head) : NULL;
    object_leave(app);
    return result;
}

static struct stream *enter(weir_stream *handle, struct moment *when) {
    struct stream *stream = object_enter(HANDLE_STREAM, handle);
    if (stream != NULL) {
        *when = core_now(weir_of(stream), &stream->step->anchor);
    }
    return stream;
}

void weir_stream_pull(weir_stream *handle) {
    struct moment when;
    struct stream *stream = enter(handle, &when);
    if (stream != NULL) {
        struct app *app = object_app(&stream->head);
        stream_pull_begin(stream, when);
        object_leave(app);
    }
}

static void end_pull(weir_stream *handle, weir_pull_outcome outcome, const weir_error *error,
                     const weir_value *item) {
    struct moment when;
    struct stream *stream = enter(handle, &when);
    if (stream != NULL) {
        struct app *app = object_app(&stream->head);
        stream_pull_end(stream, when, outcome, error, stream_sound_item(app->weir, item));
        object_leave(app);
    }
}

void weir_stream_produced(weir_stream *stream) {
    end_pull(stream, WEIR_PULL_PRODUCED, NULL, NULL);
}

void weir_stream_produced_value(weir_stream *stream, weir_value value) {
    end_pull(stream, WEIR_PULL_PRODUCED, NULL, &value);
}

void weir_stream_exhausted(weir_stream *stream) {
    end_pull(stream, WEIR_PULL_EXHAUSTED, NULL, NULL);
}

void weir_stream_failed(weir_stream *stream, const weir_error *error) {
    static const weir_error unknown = {"Error", ""};
    end_pull(stream, WEIR_PULL_FAILED, error != NULL ? error : &unknown, NULL);
}

void weir_stream_item(weir_stream *handle) {
    struct moment when;
    struct stream *stream = enter(handle, &when);
    if (stream != NULL) {
        struct app *app = object_app(&stream->head);
        stream_item(stream, when, NULL);
        object_leave(app);
    }
}

static void yield(weir_stream *handle, const weir_value *item) {
    struct moment when;
    struct stream *stream = enter(handle, &when);
    if (stream == NULL) {
        return;
    }
    struct app *app = object_app(&stream->head);
    stream->head.n_refs++;
    bool is_pulling = stream->step->is_pulling;
    item = stream_sound_item(app->weir, item);
    stream_pull_end(stream, when, WEIR_PULL_PRODUCED, NULL, item);
    if (is_pulling) {
        stream_item(stream, when, item);
    }
    stream_release(stream);
    object_leave(app);
}

void weir_stream_yield(weir_stream *stream) {
    yield(stream, NULL);
}

void weir_stream_yield_value(weir_stream *stream, weir_value value) {
    yield(stream, &value);
}

void weir_stream_abandon(weir_stream *handle) {
    struct stream *stream = object_enter(HANDLE_STREAM, handle);
    if (stream != NULL) {
        struct app *app = object_app(&stream->head);
        stream_abandon(stream);
        object_leave(app);
    }
}

void weir_stream_end(weir_stream *handle) {
    struct moment when;
    struct stream *stream = enter(handle, &when);
    if (stream != NULL) {
        struct app *app = object_app(&stream->head);
        stream_close(stream, when);
        object_leave(app);
    }
}
