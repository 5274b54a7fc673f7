/*
 * Streams that run at the same time: two runs on one thread, advanced in turn, and a stream that is
 * begun on one thread and consumed on another. Nothing is shared but the weir, and no call needs to
 * be told which stream is "current".
 *
 *   cc interleaved.c $(pkg-config --cflags --libs weir) -pthread -o interleaved && ./interleaved
 */
#include <pthread.h>
#include <stdio.h>

#include <weir/weir.h>

enum { N_TOKENS = 3 };

struct run {
    weir_app *app;
    weir_call *call;
    weir_step *step;
    weir_stream *stream;
    int n_produced;
};

static void run_begin(struct run *run, weir *w, const char *app_id) {
    run->app = weir_app_new(w, &WEIR_APP_OPTIONS(.app_id = app_id));
    run->call = weir_call_begin(run->app, WEIR_METHOD_STREAM_RESULT);
    run->step = weir_step_begin(run->call, "count", &WEIR_STEP_OPTIONS(.streams = true));
    run->stream = weir_stream_begin(run->step);
}

/* false when the run has no more to give */
static bool run_advance(struct run *run) {
    weir_stream_pull(run->stream);
    if (run->n_produced == N_TOKENS) {
        weir_stream_exhausted(run->stream);
        return false;
    }
    weir_span *span = weir_span_begin(run->step, "compute", NULL);
    weir_set(span, "n", run->n_produced++);
    weir_span_end(span);
    weir_stream_yield(run->stream);
    return true;
}

static void run_end(struct run *run) {
    weir_step_end(run->step, &WEIR_STEP_RESULT(.state = "{\"n\":3}"));
    weir_stream_end(run->stream);
    weir_call_end(run->call, NULL);
    weir_app_free(run->app);
}

static void interleave(weir *w) {
    struct run left = {0}, right = {0};
    run_begin(&left, w, "left");
    run_begin(&right, w, "right");
    bool left_open = true, right_open = true;
    while (left_open || right_open) {
        left_open = left_open && run_advance(&left);
        right_open = right_open && run_advance(&right);
    }
    run_end(&left);
    run_end(&right);
}

static void *consume(void *data) {
    while (run_advance(data)) {
    }
    run_end(data);
    return NULL;
}

/* A handle may be used from any thread, by one at a time; those of different runs at once. */
static int hand_over(weir *w) {
    static const char *const app_ids[] = {"first", "second", "third"};
    struct run runs[3] = {0};
    pthread_t threads[3];
    int n_started = 0;
    for (int i = 0; i < 3; i++) {
        run_begin(&runs[i], w, app_ids[i]);
        if (pthread_create(&threads[n_started], NULL, consume, &runs[i]) == 0) {
            n_started++;
        } else {
            consume(&runs[i]);
        }
    }
    for (int i = 0; i < n_started; i++) {
        pthread_join(threads[i], NULL);
    }
    return n_started;
}

int main(void) {
    weir *w = NULL;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    if (weir_open(&WEIR_OPTIONS(.service_name = "interleaved", .project = "interleaved",
                                .streaming_mode = WEIR_STREAMING_SINGLE_AND_CHUNK_SPANS),
                  &w, &detail) != 0) {
        fprintf(stderr, "no telemetry: %s\n", detail.message); /* the rest works without */
    }
    interleave(w);
    printf("2 runs in turn, %d on threads of their own\n", hand_over(w));
    return weir_close(w, 5000) == 0 ? 0 : 1;
}
