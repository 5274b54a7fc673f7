/*
 * Eight threads that record, flush and fork through one weir, with a tracker, a hook of the host's
 * and a transport: a child finds free locks and an empty pipeline, records and closes; the parent's
 * books add up in the end.
 */
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir/weir.h>

#include "otlp/common/macro.h"
#include "tests/stress/stress.h"
#include "tests/support/temp.h"

enum { N_THREADS = 8, N_FORKERS = 2, N_FORKS = 50, N_STEPS = 5, PATIENCE_S = 60 };

static weir *w;
static weir_app *apps[N_THREADS];
static atomic_uint n_forkers_left = N_FORKERS;
static _Atomic uint64_t n_posted; /* requests of this process */
static pid_t poster;

static int post(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline_ns,
                weir_transport_response *response, weir_error_detail *detail) {
    (void)data, (void)deadline_ns, (void)detail;
    CHECK(n_bytes > 0 && body[0] == 0x0a);
    CHECK(poster == getpid()); /* nobody posts for his parent */
    atomic_fetch_add(&n_posted, 1);
    response->http_status = 200;
    return 0;
}

static void after_fork(void *data) {
    (void)data;
    poster = getpid();
    atomic_store(&n_posted, 0);
}

static int hook(void *data, const weir_lifecycle_event *event) {
    (void)data, (void)event;
    return 0;
}

/* ---- recording ---- */

static void run(weir_app *app) {
    weir_call *call = weir_call_begin(app, WEIR_METHOD_RUN);
    weir_step *step = weir_step_begin(call, "step", &WEIR_STEP_OPTIONS(.streams = true));
    weir_set(step, "key", 1);
    weir_span *span = weir_span_begin(step, "span", NULL);
    weir_stream *stream = weir_stream_begin(step);
    weir_stream_pull(stream);
    weir_stream_yield(stream);
    weir_stream_end(stream);
    weir_span_end(span);
    weir_step_end(step, NULL);
    weir_call_end(call, NULL);
}

static void check_books(void) {
    weir_otlp_stats stats = WEIR_OTLP_STATS();
    weir_get_otlp_stats(w, &stats);
    const weir_otlp_stats *s = &stats;
    uint64_t sum =
        s->live + s->not_sampled + s->queued + s->in_flight + s->acknowledged + s->rejected;
    for (int i = 0; i < WEIR_N_DROP_CAUSES; i++) {
        sum += s->dropped[i];
    }
    CHECK_EQUAL(s->started, sum);
}

/* ---- a child ---- */

static void *run_some(void *index) {
    for (int i = 0; i < N_STEPS; i++) {
        run(apps[(size_t)index]);
    }
    return NULL;
}

static void live_as_child(size_t index) {
    alarm(PATIENCE_S); /* a lock that nobody gives back ends the test */
    check_books();
    if (!CHILDREN_MAY_START_THREADS) {
        _exit(0);
    }
    run_some((void *)index);
    run_threads(2, run_some);
    CHECK(weir_flush(w, 1000 * PATIENCE_S) == 0);
    CHECK(atomic_load(&n_posted) > 0);
    check_books();
    weir_app *own = weir_app_new(w, NULL);
    run(own);
    weir_app_free(own);
    CHECK(weir_close(w, 1000 * PATIENCE_S) == 0);
    _exit(0);
}

static void fork_once(size_t index) {
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

static void *work(void *data) {
    size_t index = (size_t)data;
    if (index < N_FORKERS) {
        for (int i = 0; i < N_FORKS; i++) {
            run(apps[index]);
            fork_once(index);
        }
        atomic_fetch_sub(&n_forkers_left, 1);
        return NULL;
    }
    for (unsigned i = 0; atomic_load(&n_forkers_left) > 0; i++) {
        run(apps[index]);
        if (index == N_FORKERS && i % 16 == 0) {
            (void)weir_flush(w, 10);
        } else if (index == N_FORKERS + 1) {
            weir_app_free(apps[index]);
            apps[index] = weir_app_new(w, NULL);
        }
    }
    return NULL;
}

int main(void) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    weir_transport transport = WEIR_TRANSPORT_INIT;
    transport.post = post;
    transport.after_fork = after_fork;
    weir_otlp_options otlp =
        WEIR_OTLP_OPTIONS(.transport = &transport, .has_schedule_delay_ms = true,
                          .schedule_delay_ms = 1);
    const weir_adapter adapter = WEIR_ADAPTER(.post_run_step = hook, .pre_start_span = hook);
    const weir_adapter *const adapters[] = {&adapter};
    poster = getpid();
    CHECK(weir_open(&WEIR_OPTIONS(.otlp = &otlp, .project = "fork", .tracker_dir = dir,
                                  .adapters = adapters, .n_adapters = 1),
                    &w, NULL) == 0);
    for (size_t i = 0; i < N_THREADS; i++) {
        apps[i] = weir_app_new(w, NULL);
    }
    run_threads(N_THREADS, work);
    CHECK(weir_flush(w, 1000 * PATIENCE_S) == 0);
    check_books();
    CHECK(weir_close(w, 1000 * PATIENCE_S) == 0);
    return 0;
}
