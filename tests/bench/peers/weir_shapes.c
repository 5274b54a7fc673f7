/*
 * The shapes of the comparison, made with weir: the shared library, options at their defaults but
 * for the queue, which holds the run, as the peers' queues do: what a full one drops would be a
 * fast way to lose spans.
 *
 * usage: weir_shapes SHAPE N [ENDPOINT [gzip]]     SHAPE: span_0, span_10, span_10_at_begin,
 *                                                   send_10
 *        weir_shapes SHAPE N                       step, pull_single_span, pull_event,
 * pull_chunk_spans weir_shapes tracker_step N FOLDER
 *
 * Prints one line of JSON; README.md tells its fields.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <weir/weir.h>

enum {
    WARM_UP = 2000,
    CLOSE_MS = 60000,
    MOST_SPAN_BYTES = 1024,
    INPUT_CHARS = 186,
    STATE_CHARS = 9984
};

/* ---- allocations of the whole process, the library's too: it takes these from the program ---- */

void *__libc_malloc(size_t n_bytes);
void *__libc_calloc(size_t n, size_t n_bytes);
void *__libc_realloc(void *block, size_t n_bytes);

static atomic_ullong n_allocations;

void *malloc(size_t n_bytes) {
    atomic_fetch_add_explicit(&n_allocations, 1, memory_order_relaxed);
    return __libc_malloc(n_bytes);
}

void *calloc(size_t n, size_t n_bytes) {
    atomic_fetch_add_explicit(&n_allocations, 1, memory_order_relaxed);
    return __libc_calloc(n, n_bytes);
}

void *realloc(void *block, size_t n_bytes) {
    atomic_fetch_add_explicit(&n_allocations, 1, memory_order_relaxed);
    return __libc_realloc(block, n_bytes);
}

/* ---- measuring ---- */

struct measure {
    double begun_s, loop_s, whole_s, cpu_s;
    unsigned long long allocations;
    unsigned long long n, ended, taken;
};

static _Noreturn void die(const char *what) {
    fprintf(stderr, "weir_shapes: %s\n", what);
    exit(EXIT_FAILURE);
}

static double now_s(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double cpu_s(void) {
    struct rusage used;
    (void)getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void measure_begin(struct measure *m) {
    m->allocations = atomic_load(&n_allocations);
    m->cpu_s = cpu_s();
    m->begun_s = now_s();
}

static void measure_loop_end(struct measure *m) {
    m->loop_s = now_s() - m->begun_s;
}

static void measure_end(struct measure *m) {
    m->whole_s = now_s() - m->begun_s;
    m->cpu_s = cpu_s() - m->cpu_s;
    m->allocations = atomic_load(&n_allocations) - m->allocations;
}

static void measure_print(const struct measure *m) {
    printf("{\"operations\": %llu, \"loop_s\": %.9f, \"whole_s\": %.9f, \"cpu_s\": %.6f, "
           "\"ended\": %llu, \"taken\": %llu, \"allocations\": %llu}\n",
           m->n, m->loop_s, m->whole_s, m->cpu_s, m->ended, m->taken, m->allocations);
}

/* ---- spans ---- */

static int post_nowhere(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline_ns,
                        weir_transport_response *response, weir_error_detail *detail) {
    (void)data, (void)body, (void)n_bytes, (void)deadline_ns, (void)detail;
    response->http_status = 200;
    return 0;
}

static weir_transport nowhere(void) {
    weir_transport transport = WEIR_TRANSPORT_INIT;
    transport.post = post_nowhere;
    return transport;
}

enum { N_STRINGS = 10, AT_BEGIN = -1 };

/* n_strings: how many are set after the begin; AT_BEGIN: all are given to it. */
static void record(weir_otlp_tracer *tracer, const weir_otlp_context *parent,
                   unsigned long long n_spans, int n_strings) {
    static const char *const keys[] = {"attribute.0", "attribute.1", "attribute.2", "attribute.3",
                                       "attribute.4", "attribute.5", "attribute.6", "attribute.7",
                                       "attribute.8", "attribute.9"};
    const weir_value value = weir_value_string("twenty bytes of text");
    weir_key_value given[N_STRINGS];
    for (int k = 0; k < N_STRINGS; k++) {
        given[k] = (weir_key_value){keys[k], value};
    }
    weir_otlp_span_options options = WEIR_OTLP_SPAN_OPTIONS(.parent = parent);
    if (n_strings == AT_BEGIN) {
        options.attributes = given;
        options.n_attributes = N_STRINGS;
    }
    for (; n_spans > 0; n_spans--) {
        weir_otlp_span *span = weir_otlp_span_begin(tracer, "operation", &options);
        for (int k = 0; k < n_strings; k++) {
            weir_otlp_span_set(span, keys[k], &value);
        }
        weir_otlp_span_end(span);
    }
}

static weir_otlp *otlp_open(unsigned long long n_spans, const char *endpoint, bool has_gzip) {
    weir_transport transport = nowhere();
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    weir_otlp *otlp = NULL;
    weir_otlp_options options =
        WEIR_OTLP_OPTIONS(.transport = &transport, .log_level = WEIR_LOG_NONE,
                          .max_queue_bytes = n_spans * MOST_SPAN_BYTES);
    if (endpoint != NULL) {
        options.transport = NULL;
        options.endpoint = endpoint;
        options.compression = has_gzip ? WEIR_OTLP_COMPRESSION_GZIP : WEIR_OTLP_COMPRESSION_NONE;
    }
    if (weir_otlp_open(&options, &otlp, &detail) != 0) {
        die(detail.message);
    }
    return otlp;
}

static void spans(struct measure *m, int n_strings, const char *endpoint, bool has_gzip) {
    weir_otlp *otlp = otlp_open(m->n + WARM_UP, endpoint, has_gzip);
    weir_otlp_tracer *tracer = weir_otlp_tracer_get(otlp, "bench", NULL, NULL);
    weir_otlp_span *root = weir_otlp_span_begin(tracer, "root", NULL);
    weir_otlp_context parent = weir_otlp_span_context(root);
    record(tracer, &parent, WARM_UP, n_strings);
    (void)weir_otlp_flush(otlp, CLOSE_MS);

    measure_begin(m);
    record(tracer, &parent, m->n, n_strings);
    measure_loop_end(m);
    (void)weir_otlp_flush(otlp, CLOSE_MS);
    measure_end(m);

    weir_otlp_span_end(root);
    (void)weir_otlp_flush(otlp, CLOSE_MS);
    weir_otlp_stats stats = {.size = sizeof stats};
    weir_otlp_get_stats(otlp, &stats);
    m->ended = m->n + WARM_UP + 1;
    m->taken = stats.acknowledged;
    (void)weir_otlp_close(otlp, CLOSE_MS);
}

/* ---- the lifecycle ---- */

struct lifecycle {
    weir *w;
    weir_app *app;
};

static struct lifecycle lifecycle_open(weir_streaming_mode mode, unsigned long long n) {
    struct lifecycle l = {0};
    weir_transport transport = nowhere();
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    if (weir_open(&WEIR_OPTIONS(.project = "bench", .streaming_mode = mode,
                                .otlp = &WEIR_OTLP_OPTIONS(.transport = &transport,
                                                           .max_queue_bytes =
                                                               (n + WARM_UP) * MOST_SPAN_BYTES)),
                  &l.w, &detail) != 0) {
        die(detail.message);
    }
    l.app = weir_app_new(l.w, &WEIR_APP_OPTIONS(.app_id = "app"));
    return l;
}

/* Begins no more; what was begun has ended. */
static void lifecycle_close(struct lifecycle *l, struct measure *m) {
    weir_app_free(l->app);
    (void)weir_flush(l->w, CLOSE_MS);
    weir_otlp_stats stats = {.size = sizeof stats};
    weir_get_otlp_stats(l->w, &stats);
    m->ended = stats.started;
    m->taken = stats.acknowledged;
    (void)weir_close(l->w, CLOSE_MS);
}

static void run_steps(weir_app *app, unsigned long long n_steps, const char *inputs) {
    for (; n_steps > 0; n_steps--) {
        weir_call *call = weir_call_begin(app, WEIR_METHOD_STEP);
        weir_step *step = weir_step_begin(call, "answer", &WEIR_STEP_OPTIONS(.inputs = inputs));
        weir_step_end(step, NULL);
        weir_call_end(call, NULL);
    }
}

static char *text_of(unsigned n_chars) {
    char *text = calloc(1, n_chars + 1);
    if (text == NULL) {
        die("out of memory");
    }
    return memset(text, 'x', n_chars);
}

static void steps(struct measure *m) {
    char inputs[INPUT_CHARS + 16], *text = text_of(INPUT_CHARS);
    snprintf(inputs, sizeof inputs, "{\"prompt\":\"%s\"}", text);
    struct lifecycle l = lifecycle_open(WEIR_STREAMING_SINGLE_SPAN, m->n);
    run_steps(l.app, WARM_UP, inputs);
    measure_begin(m);
    run_steps(l.app, m->n, inputs);
    measure_loop_end(m);
    lifecycle_close(&l, m);
    measure_end(m);
    free(text);
}

static void run_pulls(weir_app *app, struct measure *m, unsigned long long n_pulls) {
    weir_call *call = weir_call_begin(app, WEIR_METHOD_STREAM_RESULT);
    weir_step *step = weir_step_begin(call, "answer", &WEIR_STEP_OPTIONS(.streams = true));
    weir_stream *stream = weir_stream_begin(step);
    measure_begin(m);
    for (; n_pulls > 0; n_pulls--) {
        weir_stream_pull(stream);
        weir_stream_yield(stream);
    }
    measure_loop_end(m);
    weir_stream_end(stream);
    weir_step_end(step, NULL);
    weir_call_end(call, NULL);
}

static void pulls(struct measure *m, weir_streaming_mode mode) {
    struct lifecycle l = lifecycle_open(mode, m->n);
    run_pulls(l.app, m, WARM_UP);
    (void)weir_flush(l.w, CLOSE_MS);
    run_pulls(l.app, m, m->n);
    lifecycle_close(&l, m);
    measure_end(m);
}

/* ---- the tracker ---- */

static uint64_t unix_ns(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void track_steps(weir_tracker_app *app, unsigned long long first, unsigned long long n,
                        const weir_value *inputs, const weir_value *state) {
    for (unsigned long long i = first; i < first + n; i++) {
        (void)weir_tracker_begin_entry(app, unix_ns(), "answer", inputs, (int64_t)i);
        (void)weir_tracker_end_entry(app, unix_ns(), "answer", NULL, NULL, state, (int64_t)i);
    }
}

static void tracker_steps(struct measure *m, const char *folder) {
    weir_tracker *tracker = NULL;
    weir_tracker_app *app = NULL;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    if (weir_tracker_open(&WEIR_TRACKER_OPTIONS(.directory = folder, .project = "bench"), &tracker,
                          &detail) != 0 ||
        weir_tracker_app_open(tracker, &WEIR_TRACKER_APP_OPTIONS(.app_id = "app"), &app, &detail) !=
            0) {
        die(detail.message);
    }
    weir_tracker_stats before = {.size = sizeof before}, after = {.size = sizeof after};
    weir_tracker_get_stats(tracker, &before);
    char *prompt = text_of(INPUT_CHARS), *memory = text_of(STATE_CHARS);
    weir_key_value input = {"prompt", weir_value_string(prompt)};
    weir_key_value kept = {"prompt", weir_value_string(memory)};
    weir_value inputs = weir_value_map(&input, 1), state = weir_value_map(&kept, 1);
    track_steps(app, 0, WARM_UP, &inputs, &state);
    measure_begin(m);
    track_steps(app, WARM_UP, m->n, &inputs, &state);
    measure_loop_end(m);
    measure_end(m);
    weir_tracker_get_stats(tracker, &after);
    m->ended = 2 * (m->n + WARM_UP);
    m->taken = after.records_written - before.records_written;
    weir_tracker_app_close(app);
    weir_tracker_close(tracker);
    free(prompt);
    free(memory);
}

static bool run(struct measure *m, const char *shape, const char *place, bool has_gzip) {
    weir_streaming_mode mode;
    if (strcmp(shape, "span_0") == 0) {
        spans(m, 0, NULL, false);
    } else if (strcmp(shape, "span_10") == 0) {
        spans(m, N_STRINGS, NULL, false);
    } else if (strcmp(shape, "span_10_at_begin") == 0) {
        spans(m, AT_BEGIN, NULL, false);
    } else if (strcmp(shape, "send_10") == 0 && place != NULL) {
        spans(m, N_STRINGS, place, has_gzip);
    } else if (strcmp(shape, "step") == 0) {
        steps(m);
    } else if (strncmp(shape, "pull_", 5) == 0 &&
               weir_streaming_mode_parse(shape + 5, &mode) == 0) {
        pulls(m, mode);
    } else if (strcmp(shape, "tracker_step") == 0 && place != NULL) {
        tracker_steps(m, place);
    } else {
        return false;
    }
    return true;
}

int main(int argc, char **argv) {
    struct measure m = {.n = argc > 2 ? strtoull(argv[2], NULL, 10) : 0};
    if (m.n == 0 || !run(&m, argv[1], argc > 3 ? argv[3] : NULL, argc > 4)) {
        die("usage: weir_shapes SHAPE N [ENDPOINT [gzip] | FOLDER]");
    }
    measure_print(&m);
    return EXIT_SUCCESS;
}
