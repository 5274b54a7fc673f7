/*
 * Threads that share one weir and one app: siblings record side by side, runs are spawned below a
 * step that may end at any moment, an adapter listens and calls back, somebody flushes; at last the
 * weir is closed under everybody's hands. For the thread sanitizer: nothing may race, crash or
 * hang, and what was told must balance.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <weir/weir.h>

enum { THREADS = 8, ROUNDS = 60, PULLS = 10, CLOSE_MS = 20000 };

struct told {
    atomic_int steps_begun, steps_ended, pulls_begun, pulls_ended, spans_begun, spans_ended;
};

struct shared {
    weir *w;
    weir_app *app;
    weir_call *call;
    weir_step *parent; /* that all spawn below */
    atomic_bool is_over;
    struct told told;
};

/* ---- an adapter that counts, and calls weir from inside ---- */

static int on_step_begin(void *data, const weir_lifecycle_event *event) {
    struct shared *shared = data;
    char traceparent[56];
    (void)event;
    atomic_fetch_add(&shared->told.steps_begun, 1);
    (void)weir_traceparent(shared->parent, traceparent);
    return 0;
}

static int on_step_end(void *data, const weir_lifecycle_event *event) {
    (void)event;
    atomic_fetch_add(&((struct shared *)data)->told.steps_ended, 1);
    return 0;
}

static int on_pull_begin(void *data, const weir_lifecycle_event *event) {
    (void)event;
    atomic_fetch_add(&((struct shared *)data)->told.pulls_begun, 1);
    return 0;
}

static int on_pull_end(void *data, const weir_lifecycle_event *event) {
    (void)event;
    atomic_fetch_add(&((struct shared *)data)->told.pulls_ended, 1);
    return 0;
}

static int on_span_begin(void *data, const weir_lifecycle_event *event) {
    (void)event;
    atomic_fetch_add(&((struct shared *)data)->told.spans_begun, 1);
    return 0;
}

static int on_span_end(void *data, const weir_lifecycle_event *event) {
    (void)event;
    atomic_fetch_add(&((struct shared *)data)->told.spans_ended, 1);
    return -1; /* a fault: counted, and nothing else happens */
}

/* ---- what the threads do ---- */

static void stream(weir_step *step) {
    weir_stream *stream = weir_stream_begin(step);
    for (int i = 0; i < PULLS; i++) {
        weir_stream_pull(stream);
        weir_span *span = weir_span_begin(step, "decode", NULL);
        weir_set(span, "i", i);
        weir_span_end(span);
        weir_stream_yield(stream);
    }
    weir_stream_pull(stream);
    weir_stream_exhausted(stream);
    weir_stream_end(stream);
}

static void run_step(weir_call *call) {
    weir_step *step = weir_step_begin(
        call, "answer", &WEIR_STEP_OPTIONS(.streams = true, .inputs = "{\"prompt\": \"hi\"}"));
    weir_set(step, "model", "small");
    stream(step);
    weir_step_end(step, &WEIR_STEP_RESULT(.state = "{\"answer\": 42}", .result = "{}"));
}

static void spawn(struct shared *shared) {
    weir_app *app = weir_app_new(shared->w, &WEIR_APP_OPTIONS(.spawning_step = shared->parent));
    weir_call *call = weir_call_begin(app, WEIR_METHOD_RUN);
    run_step(call);
    weir_call_end(call, NULL);
    weir_app_free(app);
}

static void *work(void *data) {
    struct shared *shared = data;
    for (int i = 0; i < ROUNDS; i++) {
        weir_call *call = weir_call_begin_with(shared->app, WEIR_METHOD_STREAM_RESULT,
                                               &WEIR_CALL_OPTIONS(.parallel = true));
        run_step(call);
        spawn(shared);
        weir_call_end(call, NULL);
    }
    return NULL;
}

/* Until the weir is gone under its hands. */
static void *work_until_over(void *data) {
    struct shared *shared = data;
    while (!atomic_load(&shared->is_over)) {
        weir_call *call = weir_call_begin_with(shared->app, WEIR_METHOD_RUN,
                                               &WEIR_CALL_OPTIONS(.parallel = true));
        run_step(call);
        weir_call_end(call, NULL);
    }
    return NULL;
}

static void *flush(void *data) {
    struct shared *shared = data;
    while (!atomic_load(&shared->is_over)) {
        weir_stats stats = {.size = sizeof stats};
        (void)weir_flush(shared->w, CLOSE_MS);
        weir_get_stats(shared->w, &stats);
    }
    return NULL;
}

static void run_threads(struct shared *shared, void *(*function)(void *), pthread_t *threads) {
    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, function, shared) != 0) {
            abort();
        }
    }
}

static void join_threads(const pthread_t *threads) {
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
}

/* ---- the play ---- */

static int post_accept(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline_ns,
                       weir_transport_response *response, weir_error_detail *detail) {
    (void)data;
    (void)body;
    (void)n_bytes;
    (void)deadline_ns;
    (void)detail;
    response->http_status = 200;
    return 0;
}

static void say_nothing(weir_log_level level, const char *message, void *data) {
    (void)level;
    (void)message;
    (void)data;
}

static void open_shared(struct shared *shared, weir_streaming_mode mode) {
    weir_transport transport = WEIR_TRANSPORT_INIT;
    transport.post = post_accept;
    const weir_adapter listener =
        WEIR_ADAPTER(.data = shared, .pre_run_step = on_step_begin, .post_run_step = on_step_end,
                     .pre_stream_generate = on_pull_begin, .post_stream_generate = on_pull_end,
                     .pre_start_span = on_span_begin, .post_end_span = on_span_end);
    const weir_adapter *const adapters[] = {&listener};
    if (weir_open(&WEIR_OPTIONS(.project = "stress", .streaming_mode = mode,
                                .otlp = &WEIR_OTLP_OPTIONS(.transport = &transport),
                                .adapters = adapters, .n_adapters = 1, .log = say_nothing),
                  &shared->w, NULL) != 0) {
        abort();
    }
    shared->app = weir_app_new(shared->w, &WEIR_APP_OPTIONS(.app_id = "shared"));
    shared->call = weir_call_begin(shared->app, WEIR_METHOD_RUN);
    shared->parent = weir_step_begin(shared->call, "parent", NULL);
}

static bool balances(const struct told *told) {
    int steps = told->steps_begun - told->steps_ended,
        pulls = told->pulls_begun - told->pulls_ended;
    int spans = told->spans_begun - told->spans_ended;
    if (steps != 0 || pulls != 0 || spans != 0) {
        printf("still open: %d steps, %d pulls, %d spans\n", steps, pulls, spans);
    }
    return steps == 0 && pulls == 0 && spans == 0;
}

static bool play(weir_streaming_mode mode) {
    struct shared shared = {0};
    pthread_t workers[THREADS], flusher;
    open_shared(&shared, mode);
    if (pthread_create(&flusher, NULL, flush, &shared) != 0) {
        abort();
    }
    run_threads(&shared, work, workers);
    weir_step_end(shared.parent, NULL); /* while others spawn below it */
    join_threads(workers);
    atomic_store(&shared.is_over, true);
    (void)pthread_join(flusher, NULL);

    atomic_store(&shared.is_over, false);
    run_threads(&shared, work_until_over, workers);
    int error = weir_close(shared.w, CLOSE_MS);
    atomic_store(&shared.is_over, true);
    join_threads(workers);
    bool is_fine = balances(&shared.told) && (error == 0 || error == WEIR_E_TIMEOUT);
    printf("%s: %d steps, %d pulls, %d spans\n", weir_streaming_mode_name(mode),
           shared.told.steps_begun, shared.told.pulls_begun, shared.told.spans_begun);
    return is_fine;
}

int main(void) {
    bool is_fine = true;
    for (weir_streaming_mode mode = WEIR_STREAMING_SINGLE_SPAN;
         mode <= WEIR_STREAMING_SINGLE_AND_CHUNK_SPANS; mode++) {
        is_fine = play(mode) && is_fine;
    }
    return is_fine ? EXIT_SUCCESS : EXIT_FAILURE;
}
