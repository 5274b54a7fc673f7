/*
 * Threads that share an app whose content is redacted, whose own spans are mirrored and whose files
 * a thread writes: each has a step of its own and spans below a step that another thread ends and
 * begins again; apps are freed while the host is asked about them; the process forks. Nothing may
 * race, crash or hang; no secret reaches a file or the wire; each mirrored span is recorded or
 * counted.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir/weir.h>

#include "tests/stress/stress.h"
#include "tests/support/temp.h"

enum { THREADS = 6, ROUNDS = 150, FORKS = 5, CLOSE_MS = 20000 };

static weir *w;
static char *dir;
static weir_app *app;
static weir_call *call;
static _Atomic(weir_step *) shared_step; /* replaced again and again */
static _Atomic uint64_t n_own_spans;
static _Atomic uint64_t n_secrets_sent;
static atomic_bool is_over;

/* ---- the host's side ---- */

static weir_verdict redact(void *data, const weir_redaction *what, weir_value *replacement) {
    (void)data;
    if (strstr(what->path, "secret") == NULL) {
        return WEIR_KEEP;
    }
    *replacement = weir_value_string("***");
    return what->destination == WEIR_TO_OTLP ? WEIR_REPLACE : WEIR_DROP;
}

static int post(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline_ns,
                weir_transport_response *response, weir_error_detail *detail) {
    (void)data;
    (void)deadline_ns;
    (void)detail;
    n_secrets_sent += memmem(body, n_bytes, "s3cret", 6) != NULL;
    response->http_status = 200;
    return 0;
}

static void open_weir(void) {
    weir_transport transport = WEIR_TRANSPORT_INIT;
    transport.post = post;
    const weir_otlp_options otlp = WEIR_OTLP_OPTIONS(.transport = &transport);
    CHECK(weir_open(&WEIR_OPTIONS(.project = "p", .tracker_dir = dir, .otlp = &otlp,
                                  .log_level = WEIR_LOG_NONE, .mirror = true, .tracker_async = true,
                                  .tracker_queue_bytes = 64 << 20,
                                  .streaming_mode = WEIR_STREAMING_SINGLE_AND_CHUNK_SPANS,
                                  .capture_otlp = WEIR_CAPTURE_FULL,
                                  .capture_items = WEIR_CAPTURE_TRUNCATE, .capture_max_chars = 8,
                                  .conventions = 0x1e, .redact = redact),
                    &w, NULL) == 0);
}

/* ---- what the threads do ---- */

static void own_spans(weir_step *step) {
    static const char list[] = "[1,{\"secret\":\"s3cret\"}]";
    weir_otlp_tracer *tracer = weir_tracer(w, "host", NULL);
    weir_otlp_context context = weir_context(step);
    if (context.owner == 0) {
        return; /* the step has ended: the spans would be nobody's */
    }
    weir_otlp_span *outer =
        weir_otlp_span_begin(tracer, "outer", &WEIR_OTLP_SPAN_OPTIONS(.parent = &context));
    weir_otlp_context of_outer = weir_otlp_span_context(outer);
    weir_otlp_span *inner =
        weir_otlp_span_begin(tracer, "inner", &WEIR_OTLP_SPAN_OPTIONS(.parent = &of_outer));
    const weir_value text = weir_value_string("x"), json = weir_value_json_n(list, 3);
    weir_otlp_span_set(inner, "text", &text);
    weir_otlp_span_set(outer, "json", &json);
    weir_otlp_span_end(outer);
    weir_otlp_span_end(inner);
    n_own_spans += 2;
}

static void run_step(weir_call *below) {
    weir_step *step = weir_step_begin(
        below, "act",
        &WEIR_STEP_OPTIONS(.streams = true, .inputs = "{\"secret\":\"s3cret\",\"a\":[1,2]}"));
    weir_set(step, "secret", "s3cret");
    weir_set(step, "gen_ai.request.model", "small");
    weir_set(step, "gen_ai.usage.input_tokens", 3);
    weir_stream *stream = weir_stream_begin(step);
    for (int i = 0; i < 3; i++) {
        weir_stream_pull(stream);
        weir_stream_yield_value(stream, weir_value_json("{\"secret\":\"s3cret\",\"t\":\"abc\"}"));
    }
    own_spans(step);
    weir_stream_end(stream);
    weir_step_end(step, &WEIR_STEP_RESULT(.result = "{\"deep\":[{\"secret\":\"s3cret\"}]}",
                                          .state = "{\"secret\":\"s3cret\",\"kept\":1}"));
}

/* An app that one thread frees while another one is in the middle of it. */
static void *free_app(void *handle) {
    weir_app_free(handle);
    return NULL;
}

static void run_short_app(void) {
    weir_app *own = weir_app_new(w, NULL);
    weir_call *own_call = weir_call_begin(own, WEIR_METHOD_RUN);
    pthread_t freer;
    CHECK(pthread_create(&freer, NULL, free_app, own) == 0);
    run_step(own_call);
    CHECK(pthread_join(freer, NULL) == 0);
}

static void replace_shared_step(void) {
    weir_step *old = atomic_exchange(&shared_step, weir_step_begin(call, "shared", NULL));
    weir_step_end(old, NULL);
}

static void *work(void *index) {
    size_t thread = (size_t)index;
    for (int round = 0; round < ROUNDS; round++) {
        run_step(call);
        own_spans(atomic_load(&shared_step));
        if (thread == 0) {
            replace_shared_step();
        }
        if (round % 10 == 0) {
            run_short_app();
        }
    }
    return NULL;
}

static void *fork_now_and_then(void *unused) {
    (void)unused;
    for (int i = 0; i < FORKS; i++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            _exit(0); /* what is tried here is that every lock can be held, and given back */
        }
        int status = -1;
        CHECK(waitpid(child, &status, 0) == child);
        CHECK_EQUAL(status, 0);
    }
    return NULL;
}

static void *flush(void *unused) {
    (void)unused;
    while (!atomic_load(&is_over)) {
        CHECK(weir_flush(w, CLOSE_MS) == 0);
    }
    return NULL;
}

/* ---- and what must be true afterwards ---- */

static void check_log(void) {
    size_t n_bytes = 0;
    char *path = temp_path(dir, "p/shared/log.jsonl");
    char *bytes = temp_read(path, &n_bytes);
    CHECK(bytes != NULL && n_bytes > 1000 && bytes[n_bytes - 1] == '\n');
    CHECK(memmem(bytes, n_bytes, "s3cret", 6) == NULL);
    CHECK(memmem(bytes, n_bytes, "\"kept\":1", 8) != NULL);
    free(bytes);
    temp_path_free(&path);
}

int main(void) {
    pthread_t forker, flusher;
    dir = temp_dir_new();
    open_weir();
    app = weir_app_new(w, &WEIR_APP_OPTIONS(.app_id = "shared"));
    call = weir_call_begin(app, WEIR_METHOD_RUN);
    replace_shared_step();
    CHECK(pthread_create(&forker, NULL, fork_now_and_then, NULL) == 0);
    CHECK(pthread_create(&flusher, NULL, flush, NULL) == 0);
    run_threads(THREADS, work);
    CHECK(pthread_join(forker, NULL) == 0);
    atomic_store(&is_over, true);
    CHECK(pthread_join(flusher, NULL) == 0);
    weir_app_free(app);
    CHECK(weir_flush(w, CLOSE_MS) == 0);
    weir_stats stats = {.size = sizeof stats};
    weir_get_stats(w, &stats);
    CHECK_EQUAL(stats.mirrored + stats.mirror_lost, n_own_spans);
    CHECK(stats.mirrored > 0);
    CHECK_EQUAL(stats.tracker_dropped, 0);
    CHECK(weir_close(w, CLOSE_MS) == 0);
    CHECK_EQUAL(n_secrets_sent, 0);
    check_log();
    temp_dir_remove(&dir);
    return 0;
}
