/*
 * counts [OPERATION]: does each hot operation a known number of times, and asks callgrind, under
 * which it is to run, to count and dump each run: counts.py reads the dumps. Without callgrind it
 * only runs.
 *
 * Counts must be the same everywhere, so nothing here depends on time, on other threads, or on
 * chance: the clock goes on by a fixed step with each reading, there is no exporter thread, and
 * what it would do is done between the operations, not counted. Ids are random, but all cost the
 * same.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <valgrind/callgrind.h>

#include <weir/weir.h>

#include "otlp/common/clock.h"
#include "otlp/common/macro.h"
#include "tests/support/temp.h"

enum {
    SHORT_RUN = 1024, /* what both runs have in common goes away in the difference */
    LONG_RUN = 3072,
    BETWEEN_TICKS = 256,
    MORE_ADAPTERS = 8,
    CLOCK_STEP_NS = 100,
    SEQUENCE_ID = 7,
    NEVER_MS = 3600000,
    INPUT_BYTES = 200,
    STATE_BYTES = 10000
};

#ifdef __clang__
#define COMPILER "clang"
#else
#define COMPILER "gcc"
#endif
#ifdef __OPTIMIZE__
#define OPTIMIZED "optimized"
#else
#define OPTIMIZED "not optimized"
#endif
#ifdef __x86_64__
#define PROCESSOR "x86-64"
#else
#define PROCESSOR "another processor"
#endif

static _Noreturn void die(const char *what) {
    fprintf(stderr, "counts: %s\n", what);
    exit(EXIT_FAILURE);
}

/* ---- what operations work on: of one at a time ---- */

static struct {
    weir_otlp *otlp;
    weir_otlp_tracer *tracer;
    weir_otlp_context parent;
    weir *w;
    weir_app *app;
    weir_call *call;
    weir_step *step;
    weir_stream *stream;
    char *directory;
    weir_tracker *tracker;
    weir_tracker_app *tracker_app;
    char *json;
} rig;

/* ---- surroundings ---- */

static uint64_t now_ns = UINT64_C(1700000000000000000);

static uint64_t step_clock(void *data) {
    (void)data;
    return now_ns += CLOCK_STEP_NS;
}

static const weir_clock stepping = {.unix_ns = step_clock, .monotonic_ns = step_clock};

/* libc's is hidden by it, also from libweir: some things are done once a second. */
int clock_gettime(clockid_t id, struct timespec *out) {
    (void)id;
    uint64_t now = step_clock(NULL);
    out->tv_sec = (time_t)(now / NS_PER_S);
    out->tv_nsec = (long)(now % NS_PER_S);
    return 0;
}

static int post_nowhere(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline_ns,
                        weir_transport_response *response, weir_error_detail *detail) {
    (void)data, (void)body, (void)n_bytes, (void)deadline_ns, (void)detail;
    response->http_status = 200;
    return 0;
}

static weir_transport null_transport(void) {
    weir_transport transport = WEIR_TRANSPORT_INIT;
    transport.post = post_nowhere;
    return transport;
}

/* ---- spans of the OTLP interface ---- */

static const char *const KEYS[] = {"attribute.0", "attribute.1", "attribute.2", "attribute.3",
                                   "attribute.4", "attribute.5", "attribute.6", "attribute.7",
                                   "attribute.8", "attribute.9"};
static const char TEXT[] = "twenty bytes of text";

static void open_otlp(void) {
    weir_transport transport = null_transport();
    if (weir_otlp_open(&WEIR_OTLP_OPTIONS(.transport = &transport, .clock = &stepping,
                                          .no_thread = true, .has_schedule_delay_ms = true,
                                          .schedule_delay_ms = NEVER_MS),
                       &rig.otlp, NULL) != 0) {
        die("no pipeline could be opened");
    }
    rig.tracer = weir_otlp_tracer_get(rig.otlp, "counts", NULL, NULL);
    weir_otlp_span *root = weir_otlp_span_begin(rig.tracer, "root", NULL);
    rig.parent = weir_otlp_span_context(root);
    weir_otlp_span_end(root);
}

static weir_otlp_span *span_begin(void) {
    return weir_otlp_span_begin(rig.tracer, "operation",
                                &WEIR_OTLP_SPAN_OPTIONS(.parent = &rig.parent));
}

static void span_strings(size_t n) {
    weir_value value = weir_value_string(TEXT);
    weir_otlp_span *span = span_begin();
    for (size_t i = 0; i < n; i++) {
        weir_otlp_span_set(span, KEYS[i], &value);
    }
    weir_otlp_span_end(span);
}

static void span_numbers(size_t n) {
    weir_otlp_span *span = span_begin();
    for (size_t i = 0; i < n; i++) {
        weir_value value = weir_value_int(1000);
        weir_otlp_span_set(span, KEYS[i], &value);
    }
    weir_otlp_span_end(span);
}

static void span_events(size_t n) {
    weir_otlp_span *span = span_begin();
    for (size_t i = 0; i < n; i++) {
        weir_otlp_span_add_event(span, "event", NULL, 0);
    }
    weir_otlp_span_end(span);
}

static void span_new_trace(size_t unused) {
    (void)unused;
    weir_otlp_span_end(weir_otlp_span_begin(rig.tracer, "operation", NULL));
}

/* ---- the lifecycle ---- */

static void open_app(const weir_options *options) {
    if (weir_open(options, &rig.w, NULL) != 0) {
        die("no weir could be opened");
    }
    rig.app = weir_app_new(rig.w, &WEIR_APP_OPTIONS(.app_id = "app"));
    rig.call = weir_call_begin(rig.app, WEIR_METHOD_STREAM_RESULT);
    rig.step = weir_step_begin(
        rig.call, "answer",
        &WEIR_STEP_OPTIONS(.streams = true, .has_sequence_id = true, .sequence_id = SEQUENCE_ID));
    rig.stream = weir_stream_begin(rig.step);
}

static void open_weir(weir_streaming_mode mode, const weir_sampler *sampler) {
    weir_transport transport = null_transport();
    open_app(&WEIR_OPTIONS(.streaming_mode = mode, .clock = &stepping,
                           .otlp = &WEIR_OTLP_OPTIONS(.transport = &transport, .no_thread = true,
                                                      .has_schedule_delay_ms = true,
                                                      .schedule_delay_ms = NEVER_MS,
                                                      .sampler = sampler)));
}

static void open_single_span(void) {
    open_weir(WEIR_STREAMING_SINGLE_SPAN, NULL);
}

static void open_event(void) {
    open_weir(WEIR_STREAMING_EVENT, NULL);
}

static void open_chunk_spans(void) {
    open_weir(WEIR_STREAMING_CHUNK_SPANS, NULL);
}

static void open_unsampled(void) {
    weir_sampler sampler = weir_sampler_always_off();
    open_weir(WEIR_STREAMING_SINGLE_SPAN, &sampler);
}

static int do_nothing(void *data, const weir_lifecycle_event *event) {
    (void)data, (void)event;
    return 0;
}

static void open_adapters(size_t n) {
    const weir_adapter idle =
        WEIR_ADAPTER(.pre_stream_generate = do_nothing, .post_stream_generate = do_nothing);
    const weir_adapter *const adapters[1 + MORE_ADAPTERS] = {&idle, &idle, &idle, &idle, &idle,
                                                             &idle, &idle, &idle, &idle};
    open_app(
        &WEIR_OPTIONS(.otlp_off = true, .clock = &stepping, .adapters = adapters, .n_adapters = n));
}

static void open_no_adapter(void) {
    open_adapters(0);
}

static void open_one_adapter(void) {
    open_adapters(1);
}

static void open_nine_adapters(void) {
    open_adapters(1 + MORE_ADAPTERS);
}

static void pull(size_t unused) {
    (void)unused;
    weir_stream_pull(rig.stream);
    weir_stream_produced(rig.stream);
}

static void pull_and_item(size_t unused) {
    pull(unused);
    weir_stream_item(rig.stream);
}

/* The same pull as a binding tells of it: two events. */
static void emit_pull(size_t unused) {
    (void)unused;
    weir_lifecycle_event event =
        WEIR_LIFECYCLE_EVENT(.hook = WEIR_HOOK_PRE_STREAM_GENERATE, .app_id = "app",
                             .action = "answer", .sequence_id = SEQUENCE_ID,
                             .method = WEIR_METHOD_STREAM_RESULT);
    weir_emit(rig.w, &event);
    event.hook = WEIR_HOOK_POST_STREAM_GENERATE;
    event.outcome = WEIR_PULL_PRODUCED;
    weir_emit(rig.w, &event);
}

static void step_span_strings(size_t n) {
    weir_span *span = weir_span_begin(rig.step, "operation", NULL);
    for (size_t i = 0; i < n; i++) {
        weir_set(span, KEYS[i], TEXT);
    }
    weir_span_end(span);
}

static void step_span_numbers(size_t n) {
    weir_span *span = weir_span_begin(rig.step, "operation", NULL);
    for (size_t i = 0; i < n; i++) {
        weir_set(span, KEYS[i], 1000);
    }
    weir_span_end(span);
}

/* ---- Burr's files ---- */

static char *json_of(size_t n_bytes) {
    static const char head[] = "{\"prompt\":\"";
    char *json = malloc(n_bytes + 1);
    if (json == NULL || n_bytes < sizeof head + 2) {
        die("no such text");
    }
    memset(json, 'x', n_bytes);
    memcpy(json, head, sizeof head - 1);
    memcpy(json + n_bytes - 2, "\"}", 3);
    return json;
}

static void open_tracker(size_t n_bytes) {
    rig.directory = temp_dir_new();
    rig.json = json_of(n_bytes);
    if (weir_tracker_open(&WEIR_TRACKER_OPTIONS(.directory = rig.directory, .project = "counts"),
                          &rig.tracker, NULL) != 0 ||
        weir_tracker_app_open(rig.tracker, &WEIR_TRACKER_APP_OPTIONS(.app_id = "app", .unix_ns = 1),
                              &rig.tracker_app, NULL) != 0) {
        die("no tracker could be opened");
    }
}

static void open_tracker_inputs(void) {
    open_tracker(INPUT_BYTES);
}

static void open_tracker_state(void) {
    open_tracker(STATE_BYTES);
}

static void begin_entry(size_t unused) {
    (void)unused;
    weir_value inputs = weir_value_json(rig.json);
    if (weir_tracker_begin_entry(rig.tracker_app, 1, "answer", &inputs, SEQUENCE_ID) != 0) {
        die("no record could be written");
    }
}

static void end_entry_of(weir_value state) {
    if (weir_tracker_end_entry(rig.tracker_app, 1, "answer", NULL, NULL, &state, SEQUENCE_ID) !=
        0) {
        die("no record could be written");
    }
}

static void end_entry(size_t unused) {
    (void)unused;
    end_entry_of(weir_value_json(rig.json));
}

/* As text that still has to be escaped. */
static void end_entry_text(size_t unused) {
    (void)unused;
    const weir_key_value member = {"prompt", weir_value_string(rig.json)};
    end_entry_of(weir_value_map(&member, 1));
}

static void first_item(size_t unused) {
    (void)unused;
    if (weir_tracker_first_item(rig.tracker_app, 1, SEQUENCE_ID) != 0) {
        die("no record could be written");
    }
}

static void close_all(void) {
    weir_stream_end(rig.stream);
    weir_step_end(rig.step, NULL);
    weir_call_end(rig.call, NULL);
    weir_app_free(rig.app);
    (void)weir_close(rig.w, NEVER_MS);
    (void)weir_otlp_close(rig.otlp, NEVER_MS);
    weir_tracker_app_close(rig.tracker_app);
    weir_tracker_close(rig.tracker);
    if (rig.directory != NULL) {
        temp_dir_remove(&rig.directory);
    }
    free(rig.json);
    memset(&rig, 0, sizeof rig);
}

/* ---- running ---- */

struct operation {
    const char *name;
    void (*open)(void);
    void (*once)(size_t n);
    size_t n;
};

/* What counts.py makes of differences between these stands there. */
static const struct operation OPERATIONS[] = {
    {"span", open_otlp, span_strings, 0},
    {"span, 10 strings", open_otlp, span_strings, 10},
    {"span, 5 numbers", open_otlp, span_numbers, 5},
    {"span, 1 event", open_otlp, span_events, 1},
    {"span, new trace", open_otlp, span_new_trace, 0},
    {"pull, single_span", open_single_span, pull, 0},
    {"pull, event", open_event, pull, 0},
    {"pull, chunk_spans", open_chunk_spans, pull, 0},
    {"pull, not sampled", open_unsampled, pull, 0},
    {"pull, no adapter", open_no_adapter, pull, 0},
    {"pull, 1 adapter", open_one_adapter, pull, 0},
    {"pull, 9 adapters", open_nine_adapters, pull, 0},
    {"pull and item", open_single_span, pull_and_item, 0},
    {"pull by weir_emit", open_single_span, emit_pull, 0},
    {"span of a step", open_single_span, step_span_strings, 0},
    {"span of a step, 10 strings", open_single_span, step_span_strings, 10},
    {"span of a step, 10 numbers", open_single_span, step_span_numbers, 10},
    {"begin_entry, 200 B", open_tracker_inputs, begin_entry, 0},
    {"end_entry, 10 kB", open_tracker_state, end_entry, 0},
    {"end_entry, 10 kB of text", open_tracker_state, end_entry_text, 0},
    {"first_item", open_tracker_inputs, first_item, 0},
};

/* The exporter's work, which is another thread's in life, is not counted. */
static void run(const struct operation *operation, unsigned n_times) {
    for (unsigned i = 0; i < n_times; i++) {
        operation->once(operation->n);
        if ((i + 1) % BETWEEN_TICKS == 0) {
            CALLGRIND_TOGGLE_COLLECT;
            (void)weir_otlp_tick(rig.otlp);
            (void)weir_tick(rig.w);
            CALLGRIND_TOGGLE_COLLECT;
        }
    }
}

static void count(const struct operation *operation, unsigned n_times, const char *what) {
    char text[128];
    snprintf(text, sizeof text, "%u %s %s", n_times, what, operation->name);
    CALLGRIND_TOGGLE_COLLECT;
    run(operation, n_times);
    CALLGRIND_TOGGLE_COLLECT;
    CALLGRIND_DUMP_STATS_AT(text);
}

/*
 * The first long run warms up: what is made once is made there. Its dump, which is not read, takes
 * away callgrind's numbers of calls until then. They go on also while nothing is collected: what
 * the exporter allocates between the operations counts, too.
 */
static void measure(const struct operation *operation) {
    operation->open();
    CALLGRIND_ZERO_STATS;
    count(operation, LONG_RUN, "to warm up");
    count(operation, SHORT_RUN, "times");
    count(operation, LONG_RUN, "times");
    close_all();
}

int main(int argc, char **argv) {
    printf("%s %s, %s, %s\n", COMPILER, __VERSION__, PROCESSOR, OPTIMIZED);
    for (size_t i = 0; i < ARRAY_LENGTH(OPERATIONS); i++) {
        if (argc == 1 || strcmp(argv[1], OPERATIONS[i].name) == 0) {
            measure(&OPERATIONS[i]);
        }
    }
    return EXIT_SUCCESS;
}
