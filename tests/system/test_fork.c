/*
 * Forks of a process with a pipeline: each process sends what it recorded itself, over connections
 * of its own, whatever its parent was doing at the time.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <weir/otlp.h>

#include "tests/support/child.h"
#include "otlp/common/macro.h"
#include "tests/support/peer.h"
#include "tests/support/settled_fork.h"
#include "tests/support/temp.h"
#include "tests/support/tls_peer.h"

enum { FLUSH_MS = 20000 };

static bool is_exiting_child;

/* Behind all handlers but a sanitizer's, whose search for leaks misses the parent's threads. */
static void end_exit(void) {
    if (is_exiting_child) {
        _exit(0);
    }
}

static void begin(void) {
    (void)atexit(end_exit);
    setenv("no_proxy", "*", 1);
    unsetenv("OTEL_TRACES_EXPORTER");
    unsetenv("OTEL_EXPORTER_OTLP_HEADERS");
}
TestSuite(fork, .init = begin, .timeout = 120);

static const struct peer_step takes_all[] = {{.status = 200}};
static const struct peer_step silent[] = {{.act = PEER_SILENT}};

/* ---- a pipeline ---- */

struct scene {
    struct peer *peer;
    weir_otlp *otlp;
    weir_otlp_tracer *tracer;
};

static struct scene open_to(const struct peer_step *steps, size_t n_steps) {
    struct scene s = {.peer = peer_start(steps, n_steps)};
    cr_assert(eq(
        int,
        weir_otlp_open(&WEIR_OTLP_OPTIONS(.endpoint = peer_url(s.peer), .log_level = WEIR_LOG_NONE),
                       &s.otlp, NULL),
        0));
    s.tracer = weir_otlp_tracer_get(s.otlp, "fork", NULL, NULL);
    return s;
}

static void close_all(struct scene *s) {
    (void)weir_otlp_close(s->otlp, 100);
    peer_stop(s->peer);
}

static void end_span(struct scene *s, const char *name) {
    weir_otlp_span_end(weir_otlp_span_begin(s->tracer, name, NULL));
}

static weir_otlp_stats stats_of(struct scene *s) {
    weir_otlp_stats stats = {.size = sizeof stats};
    weir_otlp_get_stats(s->otlp, &stats);
    return stats;
}

static uint64_t sum_of(const weir_otlp_stats *s) {
    uint64_t sum =
        s->live + s->not_sampled + s->queued + s->in_flight + s->acknowledged + s->rejected;
    for (int i = 0; i < WEIR_N_DROP_CAUSES; i++) {
        sum += s->dropped[i];
    }
    return sum;
}

/* How many spans of this name the peer has got. */
static size_t n_arrived(struct peer *peer, const char *name) {
    size_t n = 0, n_bytes, n_name = strlen(name);
    for (size_t i = 0; i < peer_n_requests(peer); i++) {
        const uint8_t *body = peer_body(peer, i, &n_bytes), *at = body;
        while (body != NULL &&
               (at = memmem(at, (size_t)(body + n_bytes - at), name, n_name)) != NULL) {
            n++;
            at += n_name;
        }
    }
    return n;
}

/* ---- each sends its own ---- */

static int send_own(void *data) {
    struct scene *s = data;
    end_span(s, "of the child");
    CHILD_EXPECT(weir_otlp_flush(s->otlp, FLUSH_MS) == 0);
    weir_otlp_stats stats = stats_of(s);
    CHILD_EXPECT(stats.acknowledged == 1 && stats.started == sum_of(&stats));
    CHILD_EXPECT(stats.export_requests == 1 && stats.export_retries == 0);
    CHILD_EXPECT(stats.dropped[WEIR_DROP_FORKED_CHILD] == stats.started - 1);
    CHILD_EXPECT(weir_otlp_close(s->otlp, FLUSH_MS) == 0);
    return 0;
}

Test(fork, each_process_sends_its_own_spans) {
    struct scene s = open_to(takes_all, 1);
    end_span(&s, "of the parent");
    expect_in_child(send_own, &s);
    cr_expect(eq(sz, n_arrived(s.peer, "of the child"), 1));
    cr_expect(eq(sz, n_arrived(s.peer, "of the parent"), 0)); /* the child has sent nothing of it */
    cr_expect(eq(int, weir_otlp_flush(s.otlp, FLUSH_MS), 0));
    cr_expect(eq(sz, n_arrived(s.peer, "of the parent"), 1));
    cr_expect(eq(u64, stats_of(&s).acknowledged, 1));
    close_all(&s);
}

static void expect_line(struct tls_peer *peer, const char *expected) {
    char room[100];
    expect_text(tls_peer_request(peer, room, sizeof room), expected);
}

/* With its exit handlers, whatever OpenSSL and libcurl have there. */
static void exit_in_child(void) {
    int status;
    pid_t child = settled_fork();
    if (child == 0) {
        is_exiting_child = true;
        exit(0);
    }
    cr_assert(eq(int, waitpid(child, &status, 0), child));
    cr_assert(eq(int, status, 0));
}

/* A session of TLS has keys and counters: a child that said one word on it would end it. */
Test(fork, the_tls_session_stays_the_parents) {
    struct tls_peer peer;
    tls_peer_start(&peer, "numbered");
    char *ca CLEANUP(temp_path_free) = temp_path(peer.folder, "ca.crt");
    struct scene s = {.peer = NULL};
    cr_assert(eq(int,
                 weir_otlp_open(&WEIR_OTLP_OPTIONS(.traces_endpoint = peer.url, .ca_file = ca,
                                                   .log_level = WEIR_LOG_NONE),
                                &s.otlp, NULL),
                 0));
    s.tracer = weir_otlp_tracer_get(s.otlp, "fork", NULL, NULL);
    end_span(&s, "of the parent");
    cr_assert(eq(int, weir_otlp_flush(s.otlp, FLUSH_MS), 0));
    expect_line(&peer, "1 - TLSv1.3 /v1/traces");
    expect_in_child(send_own, &s); /* by a session of its own, which it ends itself */
    expect_line(&peer, "2 - TLSv1.3 /v1/traces");
    expect_line(&peer, "2 end");
    exit_in_child();
    end_span(&s, "of the parent");
    cr_assert(eq(int, weir_otlp_flush(s.otlp, FLUSH_MS), 0));
    expect_line(&peer, "1 - TLSv1.3 /v1/traces");
    cr_expect(eq(int, weir_otlp_close(s.otlp, FLUSH_MS), 0));
    expect_line(&peer, "1 end");
    tls_peer_stop(&peer);
}

Test(fork, the_connection_stays_the_parents) {
    struct scene s = open_to(takes_all, 1);
    end_span(&s, "of the parent");
    cr_assert(eq(int, weir_otlp_flush(s.otlp, FLUSH_MS), 0));
    cr_assert(eq(sz, peer_n_connections(s.peer), 1));
    expect_in_child(send_own, &s);
    cr_expect(eq(sz, peer_n_connections(s.peer), 2));
    end_span(&s, "of the parent");
    cr_assert(eq(int, weir_otlp_flush(s.otlp, FLUSH_MS), 0));
    cr_expect(eq(sz, peer_n_connections(s.peer), 2)); /* the child's end has not closed it */
    cr_expect(eq(sz, n_arrived(s.peer, "of the parent"), 2));
    close_all(&s);
}

/* ---- while the parent's request is under way ---- */

static int arrived[2]; /* a pipe: what the child has sent is there */

static int send_to_another(void *data) {
    struct scene *s = data;
    char byte;
    weir_otlp_stats stats = stats_of(s);
    CHILD_EXPECT(stats.in_flight == 0 && stats.queued == 0 && stats.live == 0);
    CHILD_EXPECT(stats.dropped[WEIR_DROP_FORKED_CHILD] == 1 && stats.started == 1);
    CHILD_EXPECT(weir_otlp_flush(s->otlp, 100) == 0); /* nothing to send: nothing to wait for */
    end_span(s, "of the child");
    CHILD_EXPECT(weir_otlp_flush(s->otlp, 100) == WEIR_E_TIMEOUT); /* its own request, unanswered */
    CHILD_EXPECT(read(arrived[0], &byte, 1) == 1);
    stats = stats_of(s);
    CHILD_EXPECT(stats.in_flight == 1 && stats.started == 2 && sum_of(&stats) == 2);
    CHILD_EXPECT(weir_otlp_close(s->otlp, 100) == WEIR_E_TIMEOUT);
    return 0;
}

Test(fork, while_a_request_is_under_way) {
    struct scene s = open_to(silent, 1);
    end_span(&s, "of the parent");
    (void)weir_otlp_flush(s.otlp, 1);
    peer_wait_requests(s.peer, 1);
    int fd;
    cr_assert(zero(int, pipe(arrived)));
    pid_t child = child_start(send_to_another, &s, &fd);
    peer_wait_requests(s.peer, 2);
    while (n_arrived(s.peer, "of the child") == 0) { /* its body follows */
        sched_yield();
    }
    cr_assert(eq(int, (int)write(arrived[1], "", 1), 1));
    cr_assert(eq(int, child_result(child, fd), 0), "line of the child");
    cr_expect(eq(u64, stats_of(&s).in_flight, 1)); /* the parent's waits on */
    close_all(&s);
}

/* ---- when the system has no thread for the child ---- */

static unsigned n_to_refuse; /* threads, in a child */

/* The exporter finds this one: an executable's symbols come before those of the C library. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *data) {
    if (n_to_refuse > 0) {
        n_to_refuse--;
        return EAGAIN;
    }
    int (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    void *symbol = dlsym(RTLD_NEXT, "pthread_create");
    memcpy(&next, &symbol, sizeof next); /* C has no cast for it */
    return next(thread, attributes, run, data);
}

static int send_with_a_later_thread(void *data) {
    n_to_refuse = 1;
    end_span(data, "of the child"); /* plans its collection */
    CHILD_EXPECT(n_to_refuse == 0);
    end_span(data, "of the child");
    CHILD_EXPECT(weir_otlp_flush(((struct scene *)data)->otlp, FLUSH_MS) == 0);
    CHILD_EXPECT(stats_of(data).acknowledged == 2);
    return 0;
}

static int send_after_a_flush_in_vain(void *data) {
    weir_otlp *otlp = ((struct scene *)data)->otlp;
    n_to_refuse = 1000;
    end_span(data, "of the child");
    CHILD_EXPECT(weir_otlp_flush(otlp, FLUSH_MS) == WEIR_E_TIMEOUT);
    CHILD_EXPECT(stats_of(data).queued == 1);
    n_to_refuse = 0;
    CHILD_EXPECT(weir_otlp_flush(otlp, FLUSH_MS) == 0);
    CHILD_EXPECT(stats_of(data).acknowledged == 1);
    CHILD_EXPECT(weir_otlp_close(otlp, FLUSH_MS) == 0);
    return 0;
}

Test(fork, a_child_without_a_thread_tries_again) {
    struct scene s = open_to(takes_all, 1);
    expect_in_child(send_with_a_later_thread, &s);
    cr_expect(eq(sz, n_arrived(s.peer, "of the child"), 2));
    expect_in_child(send_after_a_flush_in_vain, &s);
    cr_expect(eq(sz, n_arrived(s.peer, "of the child"), 3));
    close_all(&s);
}

/* ---- generations ---- */

static int send_and_fork_again(void *data) {
    struct scene *s = data;
    end_span(s, "of the child");
    int line = child_run(send_own, s); /* the first child's span is not the second one's to send */
    CHILD_EXPECT(line == 0);
    CHILD_EXPECT(weir_otlp_flush(s->otlp, FLUSH_MS) == 0);
    CHILD_EXPECT(stats_of(s).acknowledged == 1);
    return 0;
}

Test(fork, a_child_of_a_child) {
    struct scene s = open_to(takes_all, 1);
    end_span(&s, "of the parent");
    expect_in_child(send_and_fork_again, &s);
    cr_expect(eq(sz, n_arrived(s.peer, "of the child"), 2));
    cr_expect(eq(sz, n_arrived(s.peer, "of the parent"), 0));
    close_all(&s);
}

/* As a daemon does: the parent of the one that goes on ends at once. */
Test(fork, a_double_fork) {
    struct scene s = open_to(takes_all, 1);
    int fds[2];
    end_span(&s, "of the parent");
    cr_assert(eq(int, weir_otlp_flush(s.otlp, FLUSH_MS), 0));
    cr_assert(zero(int, pipe(fds)));
    pid_t child = settled_fork();
    if (child == 0) {
        if (settled_fork() == 0) {
            alarm(CHILD_PATIENCE_S);
            child_tell(fds[1], send_own(&s));
        }
        _exit(0);
    }
    close(fds[1]);
    cr_expect(eq(int, child_result(child, fds[0]), 0));
    cr_expect(eq(sz, n_arrived(s.peer, "of the child"), 1));
    close_all(&s);
}

/* ---- ends of a child ---- */

static int record_only(void *data) {
    end_span(data, "of the child");
    return 0;
}

Test(fork, a_child_that_leaves_by__exit_sends_nothing) {
    struct scene s = open_to(takes_all, 1);
    end_span(&s, "of the parent");
    expect_in_child(record_only, &s);
    cr_expect(eq(sz, peer_n_requests(s.peer), 0));
    close_all(&s);
}

/* ---- other ways to make a process ---- */

Test(fork, vfork_and_exec) {
    struct scene s = open_to(takes_all, 1);
    end_span(&s, "of the parent");
    pid_t child = vfork();
    if (child == 0) {
        execl("/bin/true", "true", (char *)NULL);
        _exit(127);
    }
    int status;
    cr_assert(eq(int, waitpid(child, &status, 0), child));
    cr_expect(zero(int, status));
    cr_expect(eq(int, weir_otlp_flush(s.otlp, FLUSH_MS), 0));
    cr_expect(eq(u64, stats_of(&s).acknowledged, 1));
    close_all(&s);
}

Test(fork, posix_spawn) {
    struct scene s = open_to(takes_all, 1);
    char name[] = "true";
    char *const arguments[] = {name, NULL}, *const environment[] = {NULL};
    pid_t child;
    int status;
    end_span(&s, "of the parent");
    cr_assert(zero(int, posix_spawn(&child, "/bin/true", NULL, NULL, arguments, environment)));
    cr_assert(eq(int, waitpid(child, &status, 0), child));
    cr_expect(zero(int, status));
    cr_expect(eq(int, weir_otlp_flush(s.otlp, FLUSH_MS), 0));
    cr_expect(eq(u64, stats_of(&s).acknowledged, 1));
    close_all(&s);
}

/* ---- without a thread ---- */

/* Timer and epoll would be shared with the parent, whose loop must not hear of the child's. */
Test(fork, each_loop_drives_its_own) {
    struct scene s = {.peer = peer_start(takes_all, 1)};
    const weir_otlp_options options =
        WEIR_OTLP_OPTIONS(.endpoint = peer_url(s.peer), .log_level = WEIR_LOG_NONE,
                          .no_thread = true);
    cr_assert(eq(int, weir_otlp_open(&options, &s.otlp, NULL), 0));
    s.tracer = weir_otlp_tracer_get(s.otlp, "fork", NULL, NULL);
    end_span(&s, "of the parent");
    expect_in_child(send_own, &s);
    cr_expect(eq(sz, n_arrived(s.peer, "of the child"), 1));
    cr_expect(eq(sz, n_arrived(s.peer, "of the parent"), 0));
    cr_expect(ge(i64, weir_otlp_tick(s.otlp), 1)); /* the parent's own collection is due later */
    cr_expect(eq(int, weir_otlp_flush(s.otlp, FLUSH_MS), 0));
    cr_expect(eq(sz, n_arrived(s.peer, "of the parent"), 1));
    close_all(&s);
}

/* The parent's request is under way between two ticks; the child begins one of its own. */
Test(fork, each_loop_has_its_own_request) {
    static const struct peer_step steps[] = {{.act = PEER_SILENT}, {.status = 200}};
    struct scene s = {.peer = peer_start(steps, 2)};
    const weir_otlp_options options =
        WEIR_OTLP_OPTIONS(.endpoint = peer_url(s.peer), .log_level = WEIR_LOG_NONE,
                          .no_thread = true);
    cr_assert(eq(int, weir_otlp_open(&options, &s.otlp, NULL), 0));
    s.tracer = weir_otlp_tracer_get(s.otlp, "fork", NULL, NULL);
    end_span(&s, "of the parent");
    while (peer_n_requests(s.peer) == 0) {
        cr_assert(eq(int, weir_otlp_flush(s.otlp, 10), WEIR_E_TIMEOUT));
    }
    expect_in_child(send_own, &s);
    cr_expect(eq(sz, n_arrived(s.peer, "of the child"), 1));
    cr_expect(eq(sz, n_arrived(s.peer, "of the parent"), 1));
    cr_expect(eq(u64, stats_of(&s).in_flight, 1));
    close_all(&s);
}

/* ---- with a spool ---- */

static size_t n_spooled_files(const char *dir) {
    size_t n = 0;
    DIR *stream = opendir(dir);
    cr_assert(stream != NULL);
    for (struct dirent *entry; (entry = readdir(stream)) != NULL;) {
        n += strstr(entry->d_name, ".seg") != NULL;
    }
    closedir(stream);
    return n;
}

/* The mapped files, those of spans that wait, and the place in the directory are the parent's. */
Test(fork, the_spool_stays_the_parents) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    struct scene s = {.peer = peer_start(takes_all, 1)};
    const weir_otlp_options options =
        WEIR_OTLP_OPTIONS(.endpoint = peer_url(s.peer), .log_level = WEIR_LOG_NONE,
                          .spool_dir = dir);
    cr_assert(eq(int, weir_otlp_open(&options, &s.otlp, NULL), 0));
    s.tracer = weir_otlp_tracer_get(s.otlp, "fork", NULL, NULL);
    end_span(&s, "of the parent");
    cr_assert(eq(sz, n_spooled_files(dir), 1));
    expect_in_child(send_own, &s);
    cr_expect(eq(sz, n_spooled_files(dir), 1));
    cr_expect(eq(sz, n_arrived(s.peer, "of the child"), 1));
    cr_expect(eq(sz, n_arrived(s.peer, "of the parent"), 0));
    cr_expect(eq(int, weir_otlp_flush(s.otlp, FLUSH_MS), 0));
    cr_expect(eq(sz, n_arrived(s.peer, "of the parent"), 1));
    cr_expect(eq(int, weir_otlp_close(s.otlp, FLUSH_MS), 0));
    cr_expect(eq(sz, n_spooled_files(dir), 0));
    peer_stop(s.peer);
}

/* ---- while threads record ---- */

enum { N_THREADS = 4, N_FORKS = 12 };
static atomic_bool is_over;
static _Atomic uint64_t n_ended;

static void *record(void *data) {
    while (!atomic_load(&is_over)) {
        end_span(data, "of a thread");
        if (atomic_fetch_add(&n_ended, 1) % 64 == 0) {
            (void)weir_otlp_flush(((struct scene *)data)->otlp, 1);
        }
    }
    return NULL;
}

static void *fork_often(void *data) {
    for (int i = 0; i < N_FORKS; i++) {
        cr_assert(eq(int, child_run(send_own, data), 0));
    }
    return NULL;
}

/* The first request, the parent's, is never answered: the queue runs full, and the children come
 * through. */
Test(fork, from_a_thread_while_others_record_and_flush) {
#ifdef FORKS_MUST_SETTLE
    cr_skip(
        "the recording threads never settle: they are in the sanitizer's allocator all the time");
#endif
    static const struct peer_step steps[] = {{.act = PEER_SILENT}, {.status = 200}};
    struct scene s = open_to(steps, 2);
    pthread_t threads[N_THREADS], forker;
    end_span(&s, "of the parent");
    (void)weir_otlp_flush(s.otlp, 1);
    peer_wait_requests(s.peer, 1);
    for (int i = 0; i < N_THREADS; i++) {
        cr_assert(zero(int, pthread_create(&threads[i], NULL, record, &s)));
    }
    cr_assert(zero(int, pthread_create(&forker, NULL, fork_often, &s)));
    cr_assert(zero(int, pthread_join(forker, NULL)));
    atomic_store(&is_over, true);
    for (int i = 0; i < N_THREADS; i++) {
        cr_assert(zero(int, pthread_join(threads[i], NULL)));
    }
    weir_otlp_stats stats = stats_of(&s);
    cr_expect(eq(u64, stats.started, sum_of(&stats)));
    cr_expect(eq(u64, stats.dropped[WEIR_DROP_FORKED_CHILD], 0));
    cr_expect(eq(sz, n_arrived(s.peer, "of the child"), N_FORKS));
    cr_expect(eq(sz, n_arrived(s.peer, "of a thread"), 0));
    close_all(&s);
}
