/*
 * All of it at once: eight threads record through one weir with three pipelines (one of them slow
 * and failing, with a spool; one that refuses; one that writes a file), a sampler, two processors,
 * a hook, redaction, mirror, and a tracker with a thread of its own. Meanwhile they flush, read the
 * counters, replace apps and fork; and every other round one of them closes the weir under the
 * others' hands. Nothing may race, crash or hang, and the books add up.
 */
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir/weir.h>

#include "otlp/common/macro.h"
#include "tests/stress/stress.h"
#include "tests/support/temp.h"

enum { N_THREADS = 8, N_FORKERS = 2, N_FORKS = 12, N_ROUNDS = 4, PATIENCE_S = 60 };
enum { PATIENCE_MS = 1000 * PATIENCE_S };

static weir *w;
static weir_app *_Atomic apps[N_THREADS];
static atomic_uint n_forkers_left;
static atomic_bool is_over; /* the weir is closed */
static _Atomic uint64_t n_begun, n_ended, n_posts;

/* ---- the host's functions ---- */

/* The first pipeline's endpoint: a third of the posts fail, and go to the spool for want of time.
 */
static int post_flakily(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline_ns,
                        weir_transport_response *response, weir_error_detail *detail) {
    (void)data, (void)deadline_ns, (void)detail;
    CHECK(n_bytes > 0 && body[0] == 0x0a);
    if (atomic_fetch_add(&n_posts, 1) % 3 == 1) {
        return WEIR_E_IO;
    }
    response->http_status = 200;
    return 0;
}

static int refuse(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline_ns,
                  weir_transport_response *response, weir_error_detail *detail) {
    (void)data, (void)deadline_ns, (void)detail;
    CHECK(n_bytes > 0 && body[0] == 0x0a);
    response->http_status = 400;
    return 0;
}

static void sample_most(void *data, const weir_sampling_params *params,
                        weir_sampling_result *result) {
    (void)data;
    bool is_dropped = params->trace_id[15] % 8 == 0;
    result->decision = is_dropped ? WEIR_SAMPLING_DROP : WEIR_SAMPLING_RECORD_AND_SAMPLE;
    result->trace_state = "a=1";
}

static void on_start(void *data, weir_otlp_span *span, const weir_otlp_context *parent) {
    const weir_value value = weir_value_bool(parent != NULL);
    (void)data;
    weir_otlp_span_set(span, "has_parent", &value);
    atomic_fetch_add(&n_begun, 1);
}

static void on_end(void *data, const weir_otlp_view *span) {
    (void)data, (void)span;
    atomic_fetch_add(&n_ended, 1);
}

static int hook(void *data, const weir_lifecycle_event *event) {
    (void)data, (void)event;
    return 0;
}

static weir_verdict redact(void *data, const weir_redaction *what, weir_value *replacement) {
    (void)data;
    *replacement = weir_value_string("***");
    return strstr(what->path, "secret") != NULL ? WEIR_REPLACE : WEIR_KEEP;
}

static void keep_quiet(weir_log_level level, const char *message, void *data) {
    (void)level, (void)message, (void)data;
}

/* ---- opening ---- */

static void open_weir(const char *dir) {
    char *file CLEANUP(temp_path_free) = temp_path(dir, "spans.jsonl");
    char *spool CLEANUP(temp_path_free) = temp_path(dir, "spool");
    weir_transport flaky = WEIR_TRANSPORT_INIT, refusing = WEIR_TRANSPORT_INIT;
    flaky.post = post_flakily;
    refusing.post = refuse;
    const weir_processor processor = WEIR_PROCESSOR(.on_start = on_start, .on_end = on_end);
    const weir_processor *const processors[] = {&processor, &processor};
    const weir_otlp_options *const more[] = {&WEIR_OTLP_OPTIONS(.transport = &refusing),
                                             &WEIR_OTLP_OPTIONS(.output_path = file)};
    const weir_otlp_options otlp =
        WEIR_OTLP_OPTIONS(.transport = &flaky, .pipelines = more, .n_pipelines = ARRAY_LENGTH(more),
                          .spool_dir = spool,
                          .sampler = &WEIR_SAMPLER(.should_sample = sample_most),
                          .processors = processors, .n_processors = ARRAY_LENGTH(processors),
                          .has_timeout_ms = true, .timeout_ms = 50, .has_schedule_delay_ms = true,
                          .schedule_delay_ms = 1);
    const weir_adapter adapter = WEIR_ADAPTER(.post_run_step = hook, .pre_start_span = hook);
    const weir_adapter *const adapters[] = {&adapter};
    const weir_options options =
        WEIR_OPTIONS(.otlp = &otlp, .project = "whole", .tracker_dir = dir, .tracker_async = true,
                     .mirror = true, .adapters = adapters, .n_adapters = 1, .redact = redact,
                     .capture_otlp = WEIR_CAPTURE_FULL, .log = keep_quiet,
                     .streaming_mode = WEIR_STREAMING_SINGLE_AND_CHUNK_SPANS);
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    if (weir_open(&options, &w, &detail) != 0) {
        fprintf(stderr, "%s\n", detail.message);
        abort();
    }
    for (size_t i = 0; i < N_THREADS; i++) {
        atomic_store(&apps[i], weir_app_new(w, NULL));
    }
}

/* ---- recording ---- */

/* Spans of the host's own below a step; the mirror records them. */
static void own_spans(weir_step *step) {
    weir_otlp_tracer *tracer = weir_tracer(w, "host", NULL);
    weir_otlp_context context = weir_context(step);
    weir_otlp_span *span =
        weir_otlp_span_begin(tracer, "own", &WEIR_OTLP_SPAN_OPTIONS(.parent = &context));
    const weir_value text = weir_value_string("x");
    weir_otlp_span_set(span, "key", &text);
    weir_otlp_span_end(span);
}

static void run(weir_app *app, bool has_own) {
    weir_call *call = weir_call_begin(app, WEIR_METHOD_RUN);
    weir_step *step = weir_step_begin(
        call, "step", &WEIR_STEP_OPTIONS(.streams = true, .inputs = "{\"secret\":\"s\"}"));
    weir_set(step, "key", 1);
    weir_span *span = weir_span_begin(step, "span", NULL);
    weir_stream *stream = weir_stream_begin(step);
    weir_stream_pull(stream);
    weir_stream_yield(stream);
    weir_stream_end(stream);
    weir_span_end(span);
    if (has_own) {
        own_spans(step);
    }
    weir_step_end(step, &WEIR_STEP_RESULT(.state = "{\"kept\":1}"));
    weir_call_end(call, NULL);
}

static void check_books(void) {
    weir_otlp_stats s = WEIR_OTLP_STATS();
    weir_get_otlp_stats(w, &s);
    uint64_t sum =
        s.live + s.not_sampled + s.queued + s.in_flight + s.acknowledged + s.rejected + s.spooled;
    for (int i = 0; i < WEIR_N_DROP_CAUSES; i++) {
        sum += s.dropped[i];
    }
    CHECK_EQUAL(s.started + s.adopted, sum);
}

/* ---- children ---- */

static void live_as_child(size_t index) {
    alarm(PATIENCE_S); /* a lock that nobody gives back ends the test */
    check_books();
    if (CHILDREN_MAY_START_THREADS) {
        run(apps[index], true);
        (void)weir_flush(w, PATIENCE_MS); /* not 0: one pipeline refuses */
        check_books();
        (void)weir_close(w, PATIENCE_MS);
    }
    _exit(0);
}

/*
 * Not under the thread sanitizer of clang 14, which has no fork handler for its tables of blocks: a
 * lock of theirs that another thread holds stays held in the child, where free() was seen to wait
 * for ever (spool_map_forget, mem_free, MetaMap::FreeBlock, StaticSpinMutex::LockSlow).
 */
static void fork_once(size_t index) {
    if (HAS_THREAD_SANITIZER) {
        return;
    }
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        live_as_child(index);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_EQUAL(status, 0);
}

/* ---- threads ---- */

static bool may_close; /* in this round */

static void fork_often(size_t index) {
    for (int i = 0; i < N_FORKS; i++) {
        run(apps[index], true);
        fork_once(index);
    }
    if (atomic_fetch_sub(&n_forkers_left, 1) == 1 && may_close) {
        (void)weir_close(w, PATIENCE_MS);
        atomic_store(&is_over, true);
    }
}

static void disturb(size_t index, unsigned round) {
    weir_stats stats = WEIR_STATS();
    if (index == N_FORKERS && round % 8 == 0) {
        (void)weir_flush(w, 10);
    } else if (index == N_FORKERS + 1) {
        weir_app_free(atomic_exchange(&apps[index], weir_app_new(w, NULL)));
    } else if (index == N_FORKERS + 2) {
        weir_get_stats(w, &stats);
    }
}

/* A weir that may be closed at any time must not be named any more: apps may, as handles do. */
static void *work(void *data) {
    size_t index = (size_t)data;
    if (index < N_FORKERS) {
        fork_often(index);
        return NULL;
    }
    for (unsigned round = 0; may_close ? !atomic_load(&is_over) : n_forkers_left > 0; round++) {
        run(apps[index], !may_close);
        if (!may_close) {
            disturb(index, round);
        }
    }
    return NULL;
}

static void play(bool closes_early) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    may_close = closes_early;
    atomic_store(&n_forkers_left, N_FORKERS);
    atomic_store(&is_over, false);
    open_weir(dir);
    run_threads(N_THREADS, work);
    if (!closes_early) {
        (void)weir_flush(w, PATIENCE_MS); /* not 0: one pipeline refuses */
        check_books();
        (void)weir_close(w, PATIENCE_MS);
        CHECK_EQUAL(n_begun, n_ended);
    }
    CHECK(n_ended > 0 && n_posts > 0);
}

int main(void) {
    for (int i = 0; i < N_ROUNDS; i++) {
        atomic_store(&n_begun, 0);
        atomic_store(&n_ended, 0);
        play(i % 2 == 1);
    }
    return 0;
}
