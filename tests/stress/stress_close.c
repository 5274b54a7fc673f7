/*
 * weir_close while other threads still use handles: nothing crashes, nothing hangs, and what they
 * do afterwards is nothing.
 */
#include <stdatomic.h>
#include <unistd.h>

#include <weir/weir.h>

#include "tests/stress/stress.h"

enum { N_THREADS = 4, N_ROUNDS = 30, N_HANDLES = 200 };

static weir *w;
static weir_app *apps[N_THREADS];
static atomic_uint n_running;
static _Atomic uint64_t n_done;

static int post(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline_ns,
                weir_transport_response *response, weir_error_detail *detail) {
    (void)data, (void)body, (void)n_bytes, (void)deadline_ns, (void)detail;
    response->http_status = 200;
    return 0;
}

/* Goes on using its app's handles, whether they still stand for something or not. */
static void *use_handles(void *index) {
    weir_app *app = apps[(size_t)index];
    atomic_fetch_add(&n_running, 1);
    for (int i = 0; i < N_HANDLES; i++) {
        weir_call *call = weir_call_begin(app, WEIR_METHOD_RUN);
        weir_step *step = weir_step_begin(call, "step", &WEIR_STEP_OPTIONS(.streams = true));
        weir_set(step, "key", i);
        weir_stream *stream = weir_stream_begin(step);
        weir_stream_pull(stream);
        weir_stream_yield(stream);
        weir_stream_end(stream);
        weir_step_end(step, NULL);
        weir_call_end(call, NULL);
        atomic_fetch_add(&n_done, 1);
    }
    weir_app_free(app);
    return NULL;
}

static void *close_it(void *data) {
    uint64_t enough = (uint64_t)(uintptr_t)data;
    while (atomic_load(&n_running) < N_THREADS || atomic_load(&n_done) < enough) {
        usleep(20);
    }
    (void)weir_close(w, 5000);
    return NULL;
}

int main(void) {
    for (int round = 0; round < N_ROUNDS; round++) {
        weir_transport transport = WEIR_TRANSPORT_INIT;
        transport.post = post;
        weir_otlp_options otlp = WEIR_OTLP_OPTIONS(.transport = &transport);
        CHECK(weir_open(&WEIR_OPTIONS(.otlp = &otlp), &w, NULL) == 0);
        for (size_t i = 0; i < N_THREADS; i++) {
            apps[i] = weir_app_new(w, NULL);
        }
        atomic_store(&n_running, 0);
        atomic_store(&n_done, 0);
        pthread_t closer;
        void *when = (void *)(uintptr_t)(round * N_THREADS * N_HANDLES / N_ROUNDS);
        CHECK(pthread_create(&closer, NULL, close_it, when) == 0);
        run_threads(N_THREADS, use_handles);
        CHECK(pthread_join(closer, NULL) == 0);
    }
    return 0;
}
