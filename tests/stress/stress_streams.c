/*
 * A thread that goes on with a stream while another frees its app, in a weir where nobody listens:
 * the object is another stream's soon, whose calls come strictly in order, and a call that is late
 * must not move that one.
 */
#include <stdatomic.h>
#include <time.h>

#include <weir/weir.h>

#include "tests/stress/stress.h"

enum { N_THREADS = 3, N_PULLS = 20, N_SPINS = 300, N_SECONDS = 2 };

static weir *w;
static weir_stream *_Atomic victim;
static atomic_bool finished;

/* Calls that are never out of order: a pull ends the open one. */
static void *pull(void *data) {
    while (!atomic_load(&finished)) {
        weir_stream_pull(atomic_load(&victim));
    }
    return data;
}

static weir_app *begin(weir_stream **stream) {
    weir_app *app = weir_app_new(w, NULL);
    weir_call *call = weir_call_begin(app, WEIR_METHOD_STREAM_RESULT);
    weir_step *step = weir_step_begin(call, "act", &WEIR_STEP_OPTIONS(.streams = true));
    *stream = weir_stream_begin(step);
    CHECK(*stream != NULL);
    return app;
}

static void show_victim(void) {
    weir_stream *stream;
    weir_app *app = begin(&stream);
    atomic_store(&victim, stream);
    for (volatile int i = 0; i < N_SPINS; i++) {
    }
    atomic_store(&victim, NULL);
    weir_app_free(app);
}

static void run_in_order(void) {
    weir_stream *stream;
    weir_app *app = begin(&stream);
    for (int i = 0; i < N_PULLS; i++) {
        weir_stream_pull(stream);
        weir_stream_produced(stream);
        weir_stream_item(stream);
    }
    weir_stream_item(stream); /* one too many: a value of another stream would take its place */
    weir_app_free(app);
}

static uint64_t n_out_of_order(void) {
    weir_stats stats = {.size = sizeof stats};
    weir_get_stats(w, &stats);
    return stats.out_of_order;
}

static bool is_before(struct timespec end) {
    struct timespec now;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return now.tv_sec < end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec);
}

/* Returns how many streams were run in order. */
static uint64_t run_for_a_while(void) {
    struct timespec end;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &end) == 0);
    end.tv_sec += N_SECONDS;
    uint64_t n = 0;
    for (; is_before(end); n++) {
        show_victim();
        run_in_order();
    }
    return n;
}

int main(void) {
    CHECK(weir_open(&WEIR_OPTIONS(.otlp_off = true), &w, NULL) == 0);
    pthread_t threads[N_THREADS];
    for (int i = 0; i < N_THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, pull, NULL) == 0);
    }
    uint64_t n = run_for_a_while();
    atomic_store(&finished, true);
    for (int i = 0; i < N_THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK_EQUAL(n_out_of_order(), n);
    weir_close(w, 0);
    return 0;
}
