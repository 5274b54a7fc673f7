/*
 * A host that forks from inside of a function that the library calls, and returns from it in both
 * processes: what was in the middle of something goes on in the child, with nothing of the
 * parent's.
 */
#include <pthread.h>
#include <stdlib.h>

#include <weir/otlp.h>

#include "tests/support/child.h"

TestSuite(fork_inside, .timeout = 120);

enum place { IN_THE_LOG, IN_THE_TRANSPORT };

static struct {
    weir_otlp *otlp;
    enum place place; /* where the host forks, once */
    bool has_thread;
    bool is_child;
    pid_t child;
    int fd; /* of the pipe: the end of this process */
    unsigned n_posts;
} told;

static void fork_once(enum place place);

/* Refuses the parent's spans, so that there is something to tell of. */
static int post(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline_ns,
                weir_transport_response *response, weir_error_detail *detail) {
    (void)data, (void)body, (void)n_bytes, (void)deadline_ns, (void)detail;
    told.n_posts++;
    fork_once(IN_THE_TRANSPORT);
    *response =
        (weir_transport_response){.http_status = told.is_child ? 200 : 400, .retry_after_ms = -1};
    return 0;
}

static void say(weir_log_level level, const char *message, void *data) {
    (void)level, (void)message, (void)data;
    fork_once(IN_THE_LOG);
}

static void end_one(const char *name) {
    weir_otlp_tracer *tracer = weir_otlp_tracer_get(told.otlp, "test", NULL, NULL);
    weir_otlp_span_end(weir_otlp_span_begin(tracer, name, NULL));
}

static weir_otlp_stats stats_now(void) {
    weir_otlp_stats stats = {.size = sizeof stats};
    weir_otlp_get_stats(told.otlp, &stats);
    return stats;
}

static uint64_t sum(const weir_otlp_stats *s) {
    uint64_t sum =
        s->live + s->not_sampled + s->queued + s->in_flight + s->acknowledged + s->rejected;
    for (int i = 0; i < WEIR_N_DROP_CAUSES; i++) {
        sum += s->dropped[i];
    }
    return sum;
}

/* A post that the child returns from is its own; nothing else of the parent's is. */
static int go_on(void) {
    uint64_t n_inherited = told.place == IN_THE_TRANSPORT;
    weir_otlp_stats stats = stats_now();
    CHILD_EXPECT(stats.started == n_inherited && sum(&stats) == n_inherited);
    CHILD_EXPECT(weir_otlp_flush(told.otlp, 10000) == 0); /* the loss is the parent's to report */
    CHILD_EXPECT(stats_now().acknowledged == n_inherited);
    end_one("of the child");
    CHILD_EXPECT(weir_otlp_flush(told.otlp, 10000) == 0);
    stats = stats_now();
    CHILD_EXPECT(stats.started == 1 + n_inherited && stats.acknowledged == 1 + n_inherited);
    CHILD_EXPECT(sum(&stats) == stats.started && told.n_posts == 1);
    CHILD_EXPECT(weir_otlp_close(told.otlp, 10000) == 0);
    return 0;
}

/* Another thread of the child, the first of which is the exporter's. */
static void *go_on_beside(void *unused) {
    (void)unused;
    child_tell(told.fd, go_on());
    return NULL;
}

static void fork_once(enum place place) {
    int fds[2];
    if (place != told.place || told.child != 0 || told.is_child || pipe(fds) != 0) {
        return;
    }
    pid_t child = settled_fork();
    told.fd = fds[child == 0 ? 1 : 0];
    close(fds[child == 0 ? 0 : 1]);
    if (child != 0) {
        told.child = child;
        return;
    }
    pthread_t thread;
    alarm(CHILD_PATIENCE_S);
    told.is_child = true;
    told.n_posts = 0;
    if (told.has_thread && pthread_create(&thread, NULL, go_on_beside, NULL) != 0) {
        _exit(1);
    }
}

static void fork_in(enum place place, bool has_thread) {
    weir_transport transport = WEIR_TRANSPORT_INIT;
    transport.post = post;
    const weir_otlp_options options =
        WEIR_OTLP_OPTIONS(.transport = &transport, .no_thread = !has_thread, .log = say);
    told.place = place;
    told.has_thread = has_thread;
    cr_assert(zero(int, weir_otlp_open(&options, &told.otlp, NULL)));
    end_one("of the parent");
    int error = weir_otlp_flush(told.otlp, 10000);
    if (told.is_child) { /* without a thread of its own the flush was interrupted */
        child_tell(told.fd, go_on());
    }
    cr_assert(eq(int, error, WEIR_E_IO));
    cr_assert(gt(int, told.child, 0));
    cr_assert(zero(int, child_result(told.child, told.fd)), "line of the child");
    cr_assert(zero(int, weir_otlp_close(told.otlp, 10000)));
}

Test(fork_inside, from_the_log_callback_on_the_exporters_thread) {
    fork_in(IN_THE_LOG, true);
}

Test(fork_inside, from_the_log_callback_on_the_hosts_thread) {
    fork_in(IN_THE_LOG, false);
}

Test(fork_inside, from_the_transport_on_the_exporters_thread) {
    fork_in(IN_THE_TRANSPORT, true);
}

Test(fork_inside, from_the_transport_on_the_hosts_thread) {
    fork_in(IN_THE_TRANSPORT, false);
}
