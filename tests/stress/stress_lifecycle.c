/*
 * Many apps on many threads, in each streaming mode, every stream consumed on another thread than
 * the one that began it, while somebody reads the counters and flushes. Afterwards each span that
 * must have been made was made once, each record was written, and the counters add up.
 */
#include <stdatomic.h>
#include <string.h>

#include <weir/weir.h>

#include "tests/stress/stress.h"
#include "tests/support/temp.h"

enum { N_THREADS = 6, N_ROUNDS = 25, N_PULLS = 5 };

static weir *w;
static weir_app *shared_app;
static atomic_bool finished;
static _Atomic uint64_t n_posts;

static int post(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline_ns,
                weir_transport_response *response, weir_error_detail *detail) {
    (void)data;
    (void)deadline_ns;
    (void)detail;
    CHECK(n_bytes > 0 && body[0] == 0x0a); /* resource_spans */
    atomic_fetch_add(&n_posts, 1);
    response->http_status = 200;
    return 0;
}

/* The consumer's side of a stream, in a thread of its own. */
static void *consume(void *data) {
    weir_stream *stream = data;
    for (int i = 0; i < N_PULLS; i++) {
        weir_stream_pull(stream);
        weir_stream_produced(stream);
        weir_stream_item(stream);
    }
    weir_stream_pull(stream);
    weir_stream_exhausted(stream);
    weir_stream_end(stream);
    return NULL;
}

static void run_stream_step(weir_call *call) {
    weir_step *step = weir_step_begin(call, "answer", &WEIR_STEP_OPTIONS(.streams = true));
    weir_set(step, "key", "value");
    pthread_t consumer;
    CHECK(pthread_create(&consumer, NULL, consume, weir_stream_begin(step)) == 0);
    CHECK(pthread_join(consumer, NULL) == 0);
    weir_step_end(step, &WEIR_STEP_RESULT(.result = "{\"answer\": 4}"));
}

/* One call: a plain step with a span, and a streaming step. */
static void run_call(weir_call *call) {
    CHECK(call != NULL);
    weir_step *step = weir_step_begin(call, "prompt", NULL);
    weir_span *span = weir_span_begin(step, "inner", NULL);
    weir_set(span, "n", 7);
    weir_span_end(span);
    weir_step_end(step, &WEIR_STEP_RESULT(.state = "{\"prompt\": \"p\"}"));
    run_stream_step(call);
    weir_call_end(call, NULL);
}

static void *run_apps(void *index) {
    for (int round = 0; round < N_ROUNDS; round++) {
        weir_app *app = weir_app_new(w, NULL);
        CHECK(app != NULL);
        run_call(weir_call_begin(app, WEIR_METHOD_STREAM_RESULT));
        weir_app_free(app);
        run_call(weir_call_begin_with(shared_app, WEIR_METHOD_STREAM_RESULT,
                                      &WEIR_CALL_OPTIONS(.parallel = true)));
    }
    return index;
}

static void *watch(void *data) {
    while (!atomic_load(&finished)) {
        weir_stats stats = {.size = sizeof stats};
        weir_otlp_stats spans = WEIR_OTLP_STATS();
        weir_get_stats(w, &stats);
        weir_get_otlp_stats(w, &spans);
        CHECK(weir_flush(w, 5000) == 0);
    }
    return data;
}

static uint64_t sum_of(const weir_otlp_stats *s) {
    uint64_t sum =
        s->live + s->not_sampled + s->queued + s->in_flight + s->acknowledged + s->rejected;
    for (size_t i = 0; i < sizeof s->dropped / sizeof *s->dropped; i++) {
        sum += s->dropped[i];
    }
    return sum;
}

/* By mode: the call, the plain step, its span; the streaming step; its pulls that gave something.
 */
static uint64_t spans_of_a_call(weir_streaming_mode mode) {
    bool has_action =
        mode == WEIR_STREAMING_SINGLE_SPAN || mode == WEIR_STREAMING_SINGLE_AND_CHUNK_SPANS;
    bool has_chunks =
        mode == WEIR_STREAMING_CHUNK_SPANS || mode == WEIR_STREAMING_SINGLE_AND_CHUNK_SPANS;
    return 3u + (has_action ? 1u : 0u) + (has_chunks ? (unsigned)N_PULLS : 0u);
}

static void run_mode(weir_streaming_mode mode, const char *tracker_dir) {
    weir_transport transport = WEIR_TRANSPORT_INIT;
    transport.post = post;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    weir_otlp_options otlp =
        WEIR_OTLP_OPTIONS(.transport = &transport, .has_schedule_delay_ms = true,
                          .schedule_delay_ms = 1);
    weir_options options = WEIR_OPTIONS(.streaming_mode = mode, .otlp = &otlp, .project = "stress",
                                        .tracker_dir = tracker_dir);
    if (weir_open(&options, &w, &detail) != 0) {
        fprintf(stderr, "%s\n", detail.message);
        abort();
    }
    shared_app = weir_app_new(w, NULL);
    atomic_store(&finished, false);
    pthread_t watcher;
    CHECK(pthread_create(&watcher, NULL, watch, NULL) == 0);
    run_threads(N_THREADS, run_apps);
    atomic_store(&finished, true);
    CHECK(pthread_join(watcher, NULL) == 0);
    weir_app_free(shared_app);
    CHECK_EQUAL(weir_flush(w, 10000), 0);
    weir_stats stats = {.size = sizeof stats};
    weir_get_stats(w, &stats);
    uint64_t n_calls = 2 * N_THREADS * N_ROUNDS;
    weir_otlp_stats spans = WEIR_OTLP_STATS();
    weir_get_otlp_stats(w, &spans);
    CHECK_EQUAL(spans.started, n_calls * spans_of_a_call(mode));
    CHECK_EQUAL(spans.started, sum_of(&spans));
    CHECK_EQUAL(spans.acknowledged, spans.started);
    CHECK_EQUAL(stats.left_open + stats.out_of_order + stats.no_memory + stats.tracker_lost, 0);
    /* An app: graph, metadata. A call: 2 begin_entry, 2 end_entry, 2 of the span, 2 attributes,
     * begin, first item and end of the stream. */
    uint64_t n_apps = N_THREADS * N_ROUNDS + 1;
    CHECK_EQUAL(stats.tracker_written, n_apps * 2 + n_calls * 11);
    CHECK_EQUAL(weir_close(w, 5000), 0);
}

int main(void) {
    char *dir = temp_dir_new();
    for (int mode = WEIR_STREAMING_SINGLE_SPAN; mode <= WEIR_STREAMING_SINGLE_AND_CHUNK_SPANS;
         mode++) {
        run_mode((weir_streaming_mode)mode, dir);
    }
    CHECK(atomic_load(&n_posts) > 0);
    temp_dir_remove(&dir);
    return 0;
}
