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

/* ---- unheard streams ---- */

/*
 * The calls of an unheard stream leave no trace but what is counted as out of order. While they
 * come in order they only move `order`, with neither the lock nor a clock (4.5 ns a call); the
 * first that does not, or that ends the stream, brings the step up to date, and from then on all go
 * the long way.
 *
 * The upper half of `order` is the generation of the handle, and it is moved by compare-exchange
 * (0.7 ns of it), so that a call that comes too late, perhaps in another life of the object, moves
 * nothing: it goes the long way, where it is found stale. In the lower half are these bits, and an
 * ORDER_VALUE for each produced value without an item.
 */
enum { ORDER_PULLING = 1, ORDER_EXHAUSTED = 2, ORDER_VALUE = 4, ORDER_BITS = 32 };
static const uint64_t ORDER_FULL = UINT64_C(1) << (ORDER_BITS - 1); /* counts no further */

/* An `order` of this handle with nothing in the lower half. */
static inline uint64_t first_order(const weir_stream *handle) {
    return (uint64_t)(uintptr_t)handle >> HANDLE_INDEX_BITS << ORDER_BITS;
}

static inline uint64_t order_of(const struct stream *stream) {
    return atomic_load_explicit(&stream->order, memory_order_relaxed);
}

static inline bool move(struct stream *stream, uint64_t from, uint64_t to) {
    return atomic_compare_exchange_strong_explicit(&stream->order, &from, to, memory_order_relaxed,
                                                   memory_order_relaxed);
}

static void begin_unheard(struct stream *stream) {
    const struct stream_account *account = &stream->step->account;
    uint64_t values = (account->n_produced - account->n_items) * ORDER_VALUE;
    if (lifecycle_is_unheard(stream->step, NULL) && values < ORDER_FULL) {
        uint64_t order = first_order(object_handle(&stream->head)) + values;
        atomic_store_explicit(&stream->order, order, memory_order_relaxed);
    }
}

static COLD void end_unheard(struct stream *stream) {
    struct step *step = stream->step;
    uint64_t order = atomic_exchange_explicit(&stream->order, 0, memory_order_relaxed);
    step->is_pulling = (order & ORDER_PULLING) != 0;
    step->is_exhausted = (order & ORDER_EXHAUSTED) != 0;
    step->account.n_produced = step->account.n_items + (uint32_t)order / ORDER_VALUE;
}

/* Before the step is asked how far its stream is. */
static inline void catch_up(struct stream *stream) {
    if (UNLIKELY(order_of(stream) != 0)) {
        end_unheard(stream);
    }
}

/* A pull begins; an open one is ended as produced. Here and below true when that is all. */
static inline bool note_pull(struct stream *stream, const weir_stream *handle) {
    uint64_t order = order_of(stream), first = first_order(handle);
    uint64_t place = order - first; /* beyond ORDER_FULL too if it is not of this handle */
    if (place & ORDER_PULLING) {
        place = place / ORDER_VALUE * ORDER_VALUE + ORDER_VALUE;
    }
    return place < ORDER_FULL && move(stream, order, first + (place | ORDER_PULLING));
}

/* The open pull ends: with ORDER_VALUE or ORDER_EXHAUSTED; with 0 when its value has its item. */
static inline bool note_end(struct stream *stream, const weir_stream *handle, uint64_t outcome) {
    uint64_t order = order_of(stream), first = first_order(handle);
    uint64_t place = order - first;
    return place < ORDER_FULL && place & ORDER_PULLING &&
           move(stream, order, first + place / ORDER_VALUE * ORDER_VALUE + outcome);
}

static inline bool note_item(struct stream *stream, const weir_stream *handle) {
    uint64_t order = order_of(stream), place = order - first_order(handle);
    return place < ORDER_FULL && place >= ORDER_VALUE && move(stream, order, order - ORDER_VALUE);
}

/* ---- events ---- */

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

static void event_of(weir_lifecycle_event *event, struct stream *stream, weir_hook hook,
                     struct moment when) {
    struct step *step = stream->step;
    struct scene scene = {object_app(&stream->head), step->call, step, NULL, stream};
    core_event(event, hook, &scene, when);
    event->stream_initialize_unix_ns = step->account.initialize_unix_ns;
    event->first_item_unix_ns = step->account.first_item_unix_ns;
}

/* The step's new stream, still without a handle; NULL: no memory (counted). */
static struct stream *make(struct step *step) {
    struct app *app = object_app(&step->head);
    struct stream *stream = stream_take(app);
    if (stream == NULL) {
        core_count(&app->weir->counters.no_memory);
        return NULL;
    }
    stream->step = step;
    step->head.n_refs++;
    step->stream = stream;
    step->has_streamed = true;
    step->is_exhausted = step->is_finished = false;
    return stream;
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
    struct stream *stream = make(step);
    if (stream == NULL) {
        return NULL;
    }
    stream->head.n_refs++; /* for the caller, while guests run */
    (void)object_begin(&stream->head);
    weir_lifecycle_event event;
    event_of(&event, stream, WEIR_HOOK_PRE_START_STREAM, when);
    tell(stream, &event);
    begin_unheard(stream);
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
    account->pull_began_unix_ns = when.unix_ns;
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

static void tell_pull(struct stream *stream, struct moment when) {
    weir_lifecycle_event event;
    event_of(&event, stream, WEIR_HOOK_PRE_STREAM_GENERATE, when);
    event.item_index = stream->step->account.n_pulls - 1;
    tell(stream, &event);
}

/* Another pull while one is open; false: whoever was told of its end has ended the stream. */
static COLD bool end_last_pull(struct stream *stream, struct moment when) {
    stream->head.n_refs++;
    stream_pull_end(stream, when, WEIR_PULL_PRODUCED, NULL, NULL);
    bool is_live = object_is_live(&stream->head);
    stream_release(stream);
    return is_live;
}

void stream_pull_begin(struct stream *stream, struct moment when) {
    struct step *step = stream->step;
    struct weir *w = weir_of(stream);
    catch_up(stream);
    if (UNLIKELY(step->is_finished)) {
        core_count(&w->counters.out_of_order);
        return;
    }
    if (UNLIKELY(step->is_pulling) && !end_last_pull(stream, when)) {
        return;
    }
    account_begin(&step->account, when);
    step->is_pulling = true;
    if (core_listens(w, WEIR_HOOK_PRE_STREAM_GENERATE)) {
        tell_pull(stream, when);
    }
}

static void tell_pulled(struct stream *stream, struct moment when, weir_pull_outcome outcome,
                        const weir_error *error, const weir_value *item) {
    weir_lifecycle_event event;
    event_of(&event, stream, WEIR_HOOK_POST_STREAM_GENERATE, when);
    event.item_index = stream->step->account.n_pulls - 1;
    event.outcome = outcome;
    event.error = error;
    event.item = item;
    tell_item(stream, &event);
}

void stream_pull_end(struct stream *stream, struct moment when, weir_pull_outcome outcome,
                     const weir_error *error, const weir_value *item) {
    struct step *step = stream->step;
    struct weir *w = weir_of(stream);
    catch_up(stream);
    if (UNLIKELY(!step->is_pulling)) {
        core_count(&w->counters.out_of_order);
        return;
    }
    step->is_pulling = false;
    step->is_exhausted = outcome == WEIR_PULL_EXHAUSTED;
    step->is_finished = step->is_finished || outcome == WEIR_PULL_FAILED;
    account_end(&step->account, when, outcome);
    if (core_listens(w, WEIR_HOOK_POST_STREAM_GENERATE)) {
        step->chunk.is_ending = true;
        tell_pulled(stream, when, outcome, error, item);
    }
}

void stream_item(struct stream *stream, struct moment when, const weir_value *item) {
    struct step *step = stream->step;
    struct stream_account *account = &step->account;
    struct weir *w = weir_of(stream);
    catch_up(stream);
    if (UNLIKELY(account->n_items == account->n_produced)) {
        core_count(&w->counters.out_of_order);
        return;
    }
    if (account->n_items++ == 0) {
        account->first_item_unix_ns = when.unix_ns;
    }
    if (core_listens(w, WEIR_HOOK_POST_STREAM_ITEM)) {
        weir_lifecycle_event event;
        event_of(&event, stream, WEIR_HOOK_POST_STREAM_ITEM, when);
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
    catch_up(stream);
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
    catch_up(stream);
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
    weir_lifecycle_event event;
    event_of(&event, stream, WEIR_HOOK_POST_END_STREAM, when);
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
    catch_up(stream);
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

/* Takes the lock of the resolved stream's app, and the time; false: it was ended meanwhile. */
static bool enter(struct stream *stream, const weir_stream *handle, struct moment *when) {
    if (!object_lock(&stream->head, handle)) {
        return false;
    }
    *when = core_now(weir_of(stream), &stream->step->anchor);
    return true;
}

void weir_stream_pull(weir_stream *handle) {
    struct stream *stream = handle_resolve(HANDLE_STREAM, handle);
    struct moment when;
    if (stream != NULL && !note_pull(stream, handle) && enter(stream, handle, &when)) {
        struct app *app = object_app(&stream->head);
        stream_pull_begin(stream, when);
        object_leave(app);
    }
}

static void end_pull(struct stream *stream, weir_stream *handle, weir_pull_outcome outcome,
                     const weir_error *error, const weir_value *item) {
    struct moment when;
    if (enter(stream, handle, &when)) {
        struct app *app = object_app(&stream->head);
        stream_pull_end(stream, when, outcome, error, stream_sound_item(app->weir, item));
        object_leave(app);
    }
}

static inline bool note_value(struct stream *stream, const weir_stream *handle, uint64_t outcome,
                              const weir_value *item) {
    return (item == NULL || json_value_is_sound(item)) && note_end(stream, handle, outcome);
}

static inline void produced(weir_stream *handle, const weir_value *item) {
    struct stream *stream = handle_resolve(HANDLE_STREAM, handle);
    if (stream != NULL && !note_value(stream, handle, ORDER_VALUE, item)) {
        end_pull(stream, handle, WEIR_PULL_PRODUCED, NULL, item);
    }
}

void weir_stream_produced(weir_stream *handle) {
    produced(handle, NULL);
}

void weir_stream_produced_value(weir_stream *handle, weir_value value) {
    produced(handle, &value);
}

void weir_stream_exhausted(weir_stream *handle) {
    struct stream *stream = handle_resolve(HANDLE_STREAM, handle);
    if (stream != NULL && !note_end(stream, handle, ORDER_EXHAUSTED)) {
        end_pull(stream, handle, WEIR_PULL_EXHAUSTED, NULL, NULL);
    }
}

void weir_stream_failed(weir_stream *handle, const weir_error *error) {
    static const weir_error unknown = {"Error", ""};
    struct stream *stream = handle_resolve(HANDLE_STREAM, handle);
    if (stream != NULL) {
        end_pull(stream, handle, WEIR_PULL_FAILED, error != NULL ? error : &unknown, NULL);
    }
}

void weir_stream_item(weir_stream *handle) {
    struct stream *stream = handle_resolve(HANDLE_STREAM, handle);
    struct moment when;
    if (stream != NULL && !note_item(stream, handle) && enter(stream, handle, &when)) {
        struct app *app = object_app(&stream->head);
        stream_item(stream, when, NULL);
        object_leave(app);
    }
}

static void yield_heard(struct stream *stream, weir_stream *handle, const weir_value *item) {
    struct moment when;
    if (!enter(stream, handle, &when)) {
        return;
    }
    struct app *app = object_app(&stream->head);
    stream->head.n_refs++;
    catch_up(stream);
    bool is_pulling = stream->step->is_pulling;
    item = stream_sound_item(app->weir, item);
    stream_pull_end(stream, when, WEIR_PULL_PRODUCED, NULL, item);
    if (is_pulling) {
        stream_item(stream, when, item);
    }
    stream_release(stream);
    object_leave(app);
}

static inline void yield(weir_stream *handle, const weir_value *item) {
    struct stream *stream = handle_resolve(HANDLE_STREAM, handle);
    if (stream != NULL && !note_value(stream, handle, 0, item)) {
        yield_heard(stream, handle, item);
    }
}

void weir_stream_yield(weir_stream *handle) {
    yield(handle, NULL);
}

void weir_stream_yield_value(weir_stream *handle, weir_value value) {
    yield(handle, &value);
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
    struct stream *stream = handle_resolve(HANDLE_STREAM, handle);
    struct moment when;
    if (stream != NULL && enter(stream, handle, &when)) {
        struct app *app = object_app(&stream->head);
        stream_close(stream, when);
        object_leave(app);
    }
}
