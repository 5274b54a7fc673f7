/*
 * How cost grows: with open streams, attributes, events, and the size of what is recorded. What is
 * measured is the application's thread; it waits, and its waiting is not counted, while the
 * exporter lags behind.
 */
#include "tests/bench/bench.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "otlp/common/macro.h"
#include "tests/support/temp.h"

enum {
    MAX_STREAMS = 10000,
    PULLS = 100000,
    SPANS = 20000,
    MAX_ITEMS = 128,
    SPANS_AT_ONCE = 100,
    BYTES_AT_ONCE = 500000, /* recorded before the exporter is looked at */
    BYTES_A_SAMPLE = 20000000,
    MOST_TIMES = 20000,
    FLUSH_MS = 20000
};

/* ---- streams ---- */

struct open_stream {
    weir_app *app;
    weir_call *call;
    weir_step *step;
    weir_stream *stream;
};

/* Each of an app of its own, as a server has them. */
static void stream_open(weir *w, struct open_stream *out) {
    out->app = weir_app_new(w, NULL);
    out->call = weir_call_begin(out->app, WEIR_METHOD_STREAM_RESULT);
    out->step = weir_step_begin(out->call, "answer", &WEIR_STEP_OPTIONS(.streams = true));
    out->stream = weir_stream_begin(out->step);
}

static void stream_close(struct open_stream *open) {
    weir_stream_end(open->stream);
    weir_step_end(open->step, NULL);
    weir_call_end(open->call, NULL);
    weir_app_free(open->app);
}

static double ns_per_pull(size_t n_streams) {
    static struct open_stream streams[MAX_STREAMS];
    weir *w = bench_open(WEIR_STREAMING_SINGLE_SPAN, NULL);
    for (size_t i = 0; i < n_streams; i++) {
        stream_open(w, &streams[i]);
    }
    uint64_t before = bench_now_ns();
    for (size_t i = 0, at = 0; i < PULLS; i++) {
        weir_stream_pull(streams[at].stream);
        weir_stream_produced(streams[at].stream);
        at = at + 1 < n_streams ? at + 1 : 0;
    }
    double ns = (double)(bench_now_ns() - before) / PULLS;
    for (size_t i = 0; i < n_streams; i++) {
        stream_close(&streams[i]);
    }
    bench_close(w);
    return ns;
}

/* From nothing to nothing: an app, a call, a step and a stream, begun while others are open. */
static double ns_per_stream(size_t n_streams) {
    static struct open_stream streams[MAX_STREAMS];
    size_t n_rounds = MAX(1, MAX_STREAMS / n_streams);
    weir *w = bench_open(WEIR_STREAMING_SINGLE_SPAN, NULL);
    uint64_t before = bench_now_ns();
    for (size_t round = 0; round < n_rounds; round++) {
        for (size_t i = 0; i < n_streams; i++) {
            stream_open(w, &streams[i]);
        }
        for (size_t i = 0; i < n_streams; i++) {
            stream_close(&streams[i]);
        }
    }
    double ns = (double)(bench_now_ns() - before) / (double)(n_rounds * n_streams);
    bench_close(w);
    return ns;
}

/* ---- attributes, events, values of a span ---- */

static char keys[MAX_ITEMS][16];

static void make_keys(void) {
    for (size_t i = 0; i < MAX_ITEMS; i++) {
        snprintf(keys[i], sizeof keys[i], "attribute.%zu", i);
    }
}

/* Waits, with nothing counted, while a quarter of the queue is taken. */
static void wait_for_exporter(weir_otlp *otlp) {
    weir_otlp_stats stats = {.size = sizeof stats};
    weir_otlp_get_stats(otlp, &stats);
    while (stats.queue_bytes > stats.queue_capacity_bytes / 4) {
        (void)sched_yield();
        weir_otlp_get_stats(otlp, &stats);
    }
}

/* Records one span with n of something. */
typedef void record_fn(weir_otlp_tracer *tracer, const void *what, size_t n);

static double ns_per_span(record_fn *record, const void *what, size_t n, size_t n_spans,
                          size_t n_at_once) {
    weir_transport transport = bench_null_transport();
    weir_otlp *otlp =
        bench_otlp_open(&WEIR_OTLP_OPTIONS(.transport = &transport, .log_level = WEIR_LOG_NONE));
    weir_otlp_tracer *tracer = weir_otlp_tracer_get(otlp, "bench", NULL, NULL);
    uint64_t ns = 0;
    for (size_t i = 0; i < n_spans; i += n_at_once) {
        wait_for_exporter(otlp);
        uint64_t before = bench_now_ns();
        for (size_t k = 0; k < n_at_once; k++) {
            record(tracer, what, n);
        }
        ns += bench_now_ns() - before;
    }
    if (weir_otlp_close(otlp, FLUSH_MS) != 0) {
        bench_die("spans were lost");
    }
    return (double)ns / (double)((n_spans + n_at_once - 1) / n_at_once * n_at_once);
}

static void record_strings(weir_otlp_tracer *tracer, const void *what, size_t n) {
    weir_value value = weir_value_string(what);
    weir_otlp_span *span = weir_otlp_span_begin(tracer, "operation", NULL);
    for (size_t i = 0; i < n; i++) {
        weir_otlp_span_set(span, keys[i], &value);
    }
    weir_otlp_span_end(span);
}

static double by_attributes(size_t n) {
    make_keys();
    return ns_per_span(record_strings, "twenty bytes of text", n, SPANS, SPANS_AT_ONCE);
}

static void record_events(weir_otlp_tracer *tracer, const void *what, size_t n) {
    weir_otlp_span *span = weir_otlp_span_begin(tracer, "operation", NULL);
    for (size_t i = 0; i < n; i++) {
        weir_otlp_span_add_event(span, what, NULL, 0);
    }
    weir_otlp_span_end(span);
}

static double by_events(size_t n) {
    return ns_per_span(record_events, "event", n, SPANS, SPANS_AT_ONCE);
}

static void record_value(weir_otlp_tracer *tracer, const void *what, size_t n) {
    (void)n;
    record_strings(tracer, what, 1);
}

/* How often something of n_bytes is to be done in a sample. */
static size_t times_of(size_t n_bytes) {
    size_t n = BYTES_A_SAMPLE / n_bytes;
    return MIN(n, MOST_TIMES);
}

static char *text_of(size_t n_bytes) {
    char *text = malloc(n_bytes + 1);
    if (text == NULL) {
        bench_die("out of memory");
    }
    memset(text, 'x', n_bytes);
    text[n_bytes] = '\0';
    return text;
}

static double by_value(size_t n_bytes) {
    make_keys();
    char *text = text_of(n_bytes);
    size_t n_at_once = BYTES_AT_ONCE / (n_bytes + 300);
    double ns = ns_per_span(record_value, text, 1, times_of(n_bytes),
                            MAX(1, MIN(n_at_once, SPANS_AT_ONCE)));
    free(text);
    return ns;
}

/* Attributes by the lifecycle's calls, on a span of a step. */
static double by_attributes_of_a_step(size_t n) {
    make_keys();
    weir *w = bench_open(WEIR_STREAMING_SINGLE_SPAN, NULL);
    struct open_stream open;
    stream_open(w, &open);
    uint64_t ns = 0;
    for (size_t i = 0; i < SPANS; i += SPANS_AT_ONCE) {
        (void)weir_flush(w, FLUSH_MS);
        uint64_t before = bench_now_ns();
        for (size_t k = 0; k < SPANS_AT_ONCE; k++) {
            weir_span *span = weir_span_begin(open.step, "operation", NULL);
            for (size_t j = 0; j < n; j++) {
                weir_set(span, keys[j], "twenty bytes of text");
            }
            weir_span_end(span);
        }
        ns += bench_now_ns() - before;
    }
    stream_close(&open);
    bench_close(w);
    return (double)ns / SPANS;
}

/* ---- a state in Burr's files ---- */

static double by_state(size_t n_bytes) {
    char *directory CLEANUP(temp_dir_remove) = temp_dir_new();
    char *text = text_of(n_bytes);
    weir_tracker *tracker = NULL;
    weir_tracker_app *app = NULL;
    if (weir_tracker_open(&WEIR_TRACKER_OPTIONS(.directory = directory, .project = "bench"),
                          &tracker, NULL) != 0 ||
        weir_tracker_app_open(tracker, &WEIR_TRACKER_APP_OPTIONS(.app_id = "app"), &app, NULL) !=
            0) {
        bench_die("no tracker could be opened");
    }
    memcpy(text, "{\"a\":\"", 6);
    memcpy(text + n_bytes - 2, "\"}", 2);
    weir_value state = weir_value_json(text);
    size_t n_times = MIN(times_of(n_bytes), 2000);
    uint64_t before = bench_now_ns();
    for (size_t i = 0; i < n_times; i++) {
        if (weir_tracker_end_entry(app, 1, "answer", NULL, NULL, &state, 0) != 0) {
            bench_die("no record could be written");
        }
    }
    double ns = (double)(bench_now_ns() - before) / (double)n_times;
    weir_tracker_app_close(app);
    weir_tracker_close(tracker);
    free(text);
    return ns;
}

static const size_t N_STREAMS[] = {1, 10, 100, 1000, MAX_STREAMS};
static const size_t N_ITEMS[] = {0, 1, 2, 4, 8, 16, 32, 64, MAX_ITEMS};
static const size_t N_BYTES[] = {10, 100, 1000, 10000, 100000, 1000000};

/* 1,024 bits tell keys apart: that two share one happens n * n / 2,048 times. */
#define KEYS_NOTE                                                                                  \
    "of 128 keys some 8 share a bit of the filter with another one, and are looked for"

static const struct bench_curve curves[] = {
    {.name = "a pull, open streams by turns",
     .x_name = "streams",
     .unit = "ns",
     .xs = N_STREAMS,
     .n_xs = ARRAY_LENGTH(N_STREAMS),
     .n_samples = 7,
     .sample = ns_per_pull},
    {.name = "a stream with its app, call and step, begin to end",
     .x_name = "open at once",
     .unit = "ns",
     .xs = N_STREAMS,
     .n_xs = ARRAY_LENGTH(N_STREAMS),
     .n_samples = 5,
     .sample = ns_per_stream,
     .note = "3.8 kB each: many at once leave the caches, and malloc has nothing of their size "
             "just freed"},
    {.name = "a span, by its strings of 20 bytes",
     .x_name = "attributes",
     .unit = "ns",
     .unit_of_more = "ns an attribute",
     .xs = N_ITEMS,
     .n_xs = ARRAY_LENGTH(N_ITEMS),
     .n_samples = 7,
     .sample = by_attributes,
     .note = KEYS_NOTE},
    {.name = "a span of a step, by its strings of 20 bytes",
     .x_name = "attributes",
     .unit = "ns",
     .unit_of_more = "ns an attribute",
     .xs = N_ITEMS,
     .n_xs = ARRAY_LENGTH(N_ITEMS),
     .n_samples = 5,
     .sample = by_attributes_of_a_step,
     .note = KEYS_NOTE},
    {.name = "a span, by its events",
     .x_name = "events",
     .unit = "ns",
     .unit_of_more = "ns an event",
     .xs = N_ITEMS,
     .n_xs = ARRAY_LENGTH(N_ITEMS),
     .n_samples = 7,
     .sample = by_events},
    {.name = "a span with one string, by its size",
     .x_name = "bytes",
     .unit = "ns",
     .unit_of_more = "ns a byte",
     .xs = N_BYTES,
     .n_xs = ARRAY_LENGTH(N_BYTES),
     .n_samples = 7,
     .sample = by_value,
     .note =
         "it is read and written twice: from 10 kB on beyond the first cache, at 1 MB the second"},
    {.name = "end_entry, by the size of the state",
     .x_name = "bytes",
     .unit = "ns",
     .unit_of_more = "ns a byte",
     .xs = N_BYTES,
     .n_xs = ARRAY_LENGTH(N_BYTES),
     .n_samples = 5,
     .sample = by_state},
    {0},
};

const struct bench_section bench_scaling = {"How cost grows", NULL, curves};
