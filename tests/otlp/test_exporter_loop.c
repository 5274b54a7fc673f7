/* An exporter that the host's event loop drives: no thread, one descriptor, tick. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir/error.h>

#include "tests/support/exporter_rig.h"
#include "tests/support/settled_fork.h"

static const struct script_step takes[] = {{.status = 200}};

/* ---- a transport that works in steps ---- */

static struct stepper {
    int fd;                     /* readable when the answer is there */
    _Atomic unsigned n_started; /* waited for by another thread */
    unsigned n_advanced, n_cancelled;
    bool has_no_fd;
    bool is_deaf; /* to cancel */
    bool is_cancelled;
    bool raises; /* SIGPIPE */
    int error;   /* of the answer */
    int status;
    uint64_t by_ns;
} stepper;

static int start_request(void *data, const uint8_t *body, size_t n_bytes, uint64_t by_ns) {
    (void)data;
    cr_assert(n_bytes > 0 && body[0] == 0x0a);
    if (stepper.raises) {
        (void)raise(SIGPIPE);
    }
    stepper.n_started++;
    stepper.is_cancelled = false;
    stepper.by_ns = by_ns;
    return 0;
}

static int advance_request(void *data, weir_transport_response *response,
                           weir_error_detail *detail) {
    (void)data, (void)detail;
    uint64_t one;
    stepper.n_advanced++;
    if (stepper.is_cancelled && !stepper.is_deaf) {
        return WEIR_E_TIMEOUT;
    }
    if (read(stepper.fd, &one, sizeof one) != sizeof one) {
        return WEIR_PENDING;
    }
    response->http_status = stepper.status;
    return stepper.error;
}

static int request_fd(void *data) {
    (void)data;
    return stepper.has_no_fd ? -1 : stepper.fd;
}

static void cancel_request(void *data) {
    (void)data;
    stepper.n_cancelled++;
    stepper.is_cancelled = true;
}

static int post_and_wait(void *data, const uint8_t *body, size_t n_bytes, uint64_t by_ns,
                         weir_transport_response *response, weir_error_detail *detail) {
    (void)data, (void)body, (void)n_bytes, (void)by_ns, (void)response, (void)detail;
    cr_assert(0, "a loop must not wait");
    return WEIR_E_INVALID;
}

static void answer(int status) {
    uint64_t one = 1;
    stepper.status = status;
    cr_assert(write(stepper.fd, &one, sizeof one) == sizeof one);
}

/* ---- the rig ---- */

static void start_loop(uint64_t schedule_delay_ns) {
    struct exporter_options options = exporter_options(schedule_delay_ns);
    options.has_no_thread = true;
    cr_assert(eq(int, exporter_start(&options, &rig.exporter, NULL), 0));
}

static void start_stepper(uint64_t timeout_ns) {
    stepper.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    cr_assert(ge(int, stepper.fd, 0));
    weir_transport *transport = &ADD_PIPELINE(takes, timeout_ns)->transport;
    transport->post = post_and_wait;
    transport->start = start_request;
    transport->advance = advance_request;
    transport->poll_fd = request_fd;
    transport->cancel = cancel_request;
    start_loop(S(3600));
}

/* A post that never waits. */
static void start_simple(uint64_t schedule_delay_ns) {
    ADD_PIPELINE(takes, S(10))->transport.cancel = NULL;
    start_loop(schedule_delay_ns);
}

static bool is_readable(int ms) {
    struct pollfd fd = {.fd = exporter_poll_fd(rig.exporter), .events = POLLIN};
    int n = poll(&fd, 1, ms);
    cr_assert(ge(int, n, 0));
    return n == 1;
}

static int64_t tick(void) {
    return exporter_tick(rig.exporter);
}

/* As a host does, until the transport has begun so many requests. */
static void run_until_started(unsigned n) {
    while (stepper.n_started < n) {
        cr_assert(is_readable(20000));
        (void)tick();
    }
}

/* ---- tick ---- */

Test(exporter_loop, is_silent_while_there_is_nothing_to_do) {
    start_simple(S(3600));
    cr_expect(not(is_readable(0)));
    cr_expect(eq(i64, tick(), -1));
    cr_expect(not(is_readable(0)));
    push(3);
    cr_expect(is_readable(0));
    cr_expect(eq(sz, script_n_posts(&rig.script), 0)); /* a push only says so */
    cr_expect(eq(i64, tick(), -1));
    cr_expect(eq(u64, counts().acknowledged, 3));
    cr_expect(not(is_readable(0)));
    stop(3);
}

Test(exporter_loop, collects_after_the_schedule_delay) {
    start_simple(MS(30));
    rig.open = segment_of(2);
    uint64_t before = clock_now_ns();
    exporter_nudge(rig.exporter);
    int64_t ms = tick();
    cr_expect(ms > 0 && ms <= 30);
    cr_expect(is_readable(20000));
    cr_expect(ge(u64, clock_now_ns() - before, MS(30)));
    (void)tick();
    cr_expect(eq(u64, counts().acknowledged, 2));
    rig.open = segment_of(2);
    exporter_hurry(rig.exporter); /* memory is short: at once, but not for every call */
    cr_expect(is_readable(20000));
    (void)tick();
    cr_expect(eq(u64, counts().acknowledged, 4));
    stop(4);
}

Test(exporter_loop, works_in_steps_that_wait_for_nothing) {
    start_stepper(S(60));
    push(4);
    int64_t ms = tick();
    cr_expect(ms > 1000 && ms <= 60000); /* by the request's deadline at the latest */
    cr_expect(eq(uint, stepper.n_started, 1));
    cr_expect(eq(u64, counts().in_flight, 4));
    cr_expect(not(is_readable(0)));
    push(5); /* queued meanwhile */
    answer(200);
    cr_expect(is_readable(0));
    (void)tick();
    cr_expect(eq(u64, counts().acknowledged, 4));
    cr_expect(eq(uint, stepper.n_started, 2));
    answer(400);
    cr_expect(is_readable(0));
    cr_expect(eq(i64, tick(), -1));
    cr_expect(eq(u64, counts().dropped[WEIR_DROP_EXPORT_FAILED], 5));
    answer(200); /* nobody listens any more: what a connection says at rest wakes nobody */
    cr_expect(not(is_readable(0)));
    cr_expect(eq(u64, counts().requests, 2));
    stop(9);
}

Test(exporter_loop, waits_for_retries_by_the_clock) {
    start_stepper(S(60));
    push(1);
    run_until_started(1);
    answer(503);
    cr_expect(is_readable(0));
    uint64_t before = clock_now_ns();
    int64_t ms = tick();
    cr_expect(ms > 0 && ms <= 751);
    cr_expect(not(is_readable(0)));
    run_until_started(2);
    cr_expect(ge(u64, clock_now_ns() - before, MS(200)));
    answer(200);
    (void)tick();
    cr_expect(eq(u64, counts().acknowledged, 1));
    cr_expect(eq(u64, counts().retries, 1));
    stop(1);
}

Test(exporter_loop, gives_up_by_the_timeout) {
    start_stepper(MS(50));
    push(1);
    while (counts().dropped[WEIR_DROP_EXPORT_FAILED] == 0) {
        cr_assert(is_readable(20000));
        (void)tick();
    }
    cr_expect(eq(uint, stepper.n_cancelled, 1));
    stop(1);
}

Test(exporter_loop, asks_a_transport_without_a_descriptor_by_and_by) {
    stepper.has_no_fd = true;
    start_stepper(S(60));
    push(1);
    int64_t ms = tick();
    cr_expect(ms > 0 && ms <= 10);
    answer(200);
    while (counts().acknowledged == 0) {
        cr_assert(is_readable(20000));
        (void)tick();
    }
    stop(1);
}

/* ---- at rest ---- */

/* More memory than the pool keeps; it is sent by one tick. */
static int64_t send_much(void) {
    enum { MANY = 7 };
    struct segment *segments[MANY];
    bool is_no_memory;
    for (int i = 0; i < MANY; i++) {
        segments[i] = segment_take(&rig.pool, &rig.scope, SEGMENT_MAX_BYTES / 2, 0, &is_no_memory);
        cr_assert(segments[i] != NULL);
        segment_commit(segments[i], 0);
    }
    for (int i = 0; i < MANY; i++) {
        exporter_push(rig.exporter, segments[i]);
    }
    return tick();
}

Test(exporter_loop, gives_memory_back_when_a_tick_finds_nothing_to_do) {
    start_simple(S(3600));
    int64_t ms = send_much();
    cr_expect(ms >= 0 && ms <= 2); /* to look once more */
    cr_expect(gt(sz, atomic_load(&rig.pool.used_bytes), SEGMENT_KEEP_BYTES));
    cr_expect(is_readable(20000));
    cr_expect(eq(i64, tick(), -1));
    cr_expect(le(sz, atomic_load(&rig.pool.used_bytes), SEGMENT_KEEP_BYTES));
    cr_expect(not(is_readable(0)));
    stop(7);
}

static _Atomic bool has_come;

/* While memory is given back, for which the mutex is. */
static void *come_between(void *unused) {
    (void)unused;
    while (!has_come) {
        pthread_mutex_lock(&rig.exporter->mutex);
        if (rig.exporter->n_borrowing > 0) {
            exporter_loop_alarm(&rig.exporter->loop, 0); /* as a push does */
            has_come = true;
        }
        pthread_mutex_unlock(&rig.exporter->mutex);
        sched_yield();
    }
    return NULL;
}

Test(exporter_loop, tells_of_what_comes_while_memory_is_given_back) {
    uint64_t n_sent = 0;
    pthread_t thread;
    start_simple(S(3600));
    cr_assert(eq(int, pthread_create(&thread, NULL, come_between, NULL), 0));
    int64_t ms = -1;
    while (!has_come) {
        (void)send_much();
        n_sent += 7;
        ms = tick();
    }
    cr_expect(eq(i64, ms, 0));
    cr_expect(is_readable(0));
    pthread_join(thread, NULL);
    cr_expect(eq(i64, tick(), -1));
    stop(n_sent);
}

/* ---- flush and stop, in the thread that calls them ---- */

static void *answer_late(void *unused) {
    (void)unused;
    while (stepper.n_started == 0) {
        sched_yield();
    }
    answer(200);
    return NULL;
}

Test(exporter_loop, flush_drives_until_all_is_sent) {
    start_stepper(S(60));
    rig.open = segment_of(3);
    pthread_t thread;
    cr_assert(eq(int, pthread_create(&thread, NULL, answer_late, NULL), 0));
    uint64_t before = clock_now_ns();
    cr_expect(eq(int, flush_in(S(20)), 0));
    cr_expect(lt(u64, clock_now_ns() - before, S(10))); /* and no longer */
    cr_expect(eq(u64, counts().acknowledged, 3));
    pthread_join(thread, NULL);
    stop(3);
}

Test(exporter_loop, flush_returns_by_its_deadline) {
    start_stepper(S(60));
    push(3);
    uint64_t before = clock_now_ns();
    cr_expect(eq(int, flush_in(MS(50)), WEIR_E_TIMEOUT));
    uint64_t took = clock_now_ns() - before;
    cr_expect(took >= MS(50) && took < S(10));
    cr_expect(eq(u64, counts().in_flight, 3)); /* it goes on */
    answer(200);
    (void)tick();
    cr_expect(eq(u64, counts().acknowledged, 3));
    stop(3);
}

Test(exporter_loop, stop_returns_by_its_deadline_and_counts) {
    stepper.is_deaf = true;
    start_stepper(0);
    push(3);
    push(4);
    (void)tick();
    uint64_t before = clock_now_ns();
    struct exporter_counts last;
    cr_expect(eq(int, stop_in(MS(50), 7, &last), WEIR_E_TIMEOUT));
    uint64_t took = clock_now_ns() - before;
    cr_expect(took >= MS(50) && took < S(10));
    cr_expect(eq(u64, last.dropped[WEIR_DROP_SHUTDOWN_DEADLINE], 7));
    cr_expect(script_is_destroyed(&rig.script));
    cr_expect(eq(sz, segment_pool_held_bytes(&rig.pool), 0));
    cr_expect(kept_log_has(&rig.log, "7 spans were not sent before the close"));
}

Test(exporter_loop, stop_sends_the_rest_first) {
    start_simple(S(3600));
    push(3);
    rig.open = segment_of(4);
    uint64_t before = clock_now_ns();
    struct exporter_counts last;
    cr_expect(eq(int, stop_in(S(20), 7, &last), 0));
    cr_expect(lt(u64, clock_now_ns() - before, S(10)));
    cr_expect(eq(u64, last.acknowledged, 7));
}

/* ---- several at once ---- */

Test(exporter_loop, drives_all_pipelines) {
    stepper.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    weir_transport *slow = &ADD_PIPELINE(takes, S(60))->transport;
    slow->start = start_request;
    slow->advance = advance_request;
    slow->poll_fd = request_fd;
    ADD_PIPELINE(takes, S(60))->transport.cancel = NULL;
    start_loop(S(3600));
    push(2);
    push(3);
    (void)tick();
    cr_expect(eq(u64, counts_of(0).in_flight, 2));
    cr_expect(eq(u64, counts_of(1).acknowledged, 5)); /* it did not wait for the slow one */
    answer(200);
    (void)tick();
    answer(200);
    (void)tick();
    cr_expect(eq(u64, counts_of(0).acknowledged, 5));
    stop(5);
}

/* A host that calls back into us while we tell it something. */
static int64_t inner_tick = 77;
static int inner_flush = 77;
static void tick_again(weir_log_level level, const char *message, void *data) {
    (void)level, (void)message, (void)data;
    inner_tick = tick();
    rig.n_collected = 0;
    inner_flush = exporter_flush(rig.exporter, clock_now_ns() + S(3600));
}

Test(exporter_loop, a_log_callback_may_tick_and_flush) {
    static const struct script_step refuses[] = {{.status = 400}};
    ADD_PIPELINE(refuses, S(10))->transport.cancel = NULL;
    struct exporter_options options = exporter_options(S(3600));
    options.has_no_thread = true;
    logger_init(&rig.logger, tick_again, NULL, WEIR_LOG_WARN);
    cr_assert(eq(int, exporter_start(&options, &rig.exporter, NULL), 0));
    push(1);
    (void)tick();
    cr_expect(eq(i64, inner_tick, -1)); /* comes back at once */
    cr_expect(eq(int, inner_flush, WEIR_E_TIMEOUT));
    stop(1);
}

Test(exporter_loop, a_forked_child_leaves_the_timer_to_its_parent) {
    start_simple(S(3600));
    pid_t child = settled_fork();
    if (child == 0) {
        exporter_hurry(rig.exporter); /* sets the timer off at once */
        _exit(is_readable(0) ? 0 : 1);
    }
    int status;
    cr_assert(eq(int, waitpid(child, &status, 0), child));
    cr_expect(eq(int, status, 0));
    cr_expect(not(is_readable(0)));
    stop(0);
}

static unsigned n_references(void) {
    pthread_mutex_lock(&rig.exporter->mutex);
    unsigned n = rig.exporter->n_references;
    pthread_mutex_unlock(&rig.exporter->mutex);
    return n;
}

static void *flush_beside(void *unused) {
    (void)unused;
    cr_expect(eq(int, flush_in(S(30)), 0));
    return NULL;
}

static pthread_t beside;
static int child_status = -1;

/* While this thread drives, and another one waits for what it brings. */
static int fork_in_post(void *data, const uint8_t *body, size_t n_bytes, uint64_t by_ns,
                        weir_transport_response *response, weir_error_detail *detail) {
    (void)data, (void)body, (void)n_bytes, (void)by_ns, (void)detail;
    response->http_status = 200;
    unsigned n_before = n_references();
    cr_assert(eq(int, pthread_create(&beside, NULL, flush_beside, NULL), 0));
    while (n_references() == n_before) {
        usleep(1000);
    }
    pid_t child = settled_fork();
    if (child == 0) {
        exporter_begin_anew(rig.exporter);
        _exit((int)n_references());
    }
    (void)waitpid(child, &child_status, 0);
    return 0;
}

/* Its flush would never give them back: the exporter and its descriptors would stay for ever. */
Test(exporter_loop, a_forked_child_has_no_references_of_other_threads) {
    weir_transport *transport = &ADD_PIPELINE(takes, S(10))->transport;
    transport->post = fork_in_post;
    transport->cancel = NULL;
    start_loop(S(3600));
    push(1);
    (void)tick();
    pthread_join(beside, NULL);
    cr_expect(eq(int, WEXITSTATUS(child_status), 1)); /* the owner's */
    child_status = -1;
    push(1);
    cr_expect(eq(int, flush_in(S(30)), 0));
    pthread_join(beside, NULL);
    cr_expect(eq(int, WEXITSTATUS(child_status), 2)); /* and that of the flush that drives */
    stop(2);
}

static bool runs_in_child(bool (*check)(void)) {
    pid_t child = settled_fork();
    if (child == 0) {
        _exit(check() ? 0 : 1);
    }
    int status;
    cr_assert(eq(int, waitpid(child, &status, 0), child));
    return status == 0;
}

static bool recovers_descriptors(void) {
    struct rlimit limit, none = {.rlim_cur = 0};
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    none.rlim_max = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &none);
    exporter_hurry(rig.exporter);
    bool has_none = exporter_poll_fd(rig.exporter) == -1;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    return has_none && exporter_poll_fd(rig.exporter) >= 0 && is_readable(0); /* still hurried */
}

Test(exporter_loop, a_child_without_room_for_descriptors_has_one_later) {
    start_simple(S(3600));
    cr_expect(runs_in_child(recovers_descriptors));
    cr_expect(not(is_readable(0)));
    stop(0);
}

/* A host that closes all it does not know, and gives our numbers to files of its own. */
static bool leaves_the_hosts_open(void) {
    const struct wakeup *wakeup = &rig.exporter->loop.wakeup;
    int epoll_fd = wakeup->epoll_fd, timer_fd = wakeup->timer_fd;
    int hosts = eventfd(0, EFD_CLOEXEC);
    if (dup2(hosts, epoll_fd) != epoll_fd || dup2(hosts, timer_fd) != timer_fd) {
        return false;
    }
    int fd = exporter_poll_fd(rig.exporter);
    return fd >= 0 && fd != epoll_fd && fd != timer_fd && fcntl(epoll_fd, F_GETFD) >= 0 &&
           fcntl(timer_fd, F_GETFD) >= 0;
}

static bool closes_its_parents(void) {
    int before = dup(0);
    close(before);
    (void)exporter_poll_fd(rig.exporter);
    int after = dup(0);
    return before == after; /* two closed, two opened */
}

Test(exporter_loop, a_child_closes_what_is_surely_its_parents) {
    start_simple(S(3600));
    cr_expect(runs_in_child(leaves_the_hosts_open));
    cr_expect(runs_in_child(closes_its_parents));
    stop(0);
}

/* A peer that has gone: the write raises it on the thread that drives, which is the host's. */
Test(exporter_loop, no_sigpipe_reaches_the_host) {
    signal(SIGPIPE, SIG_DFL); /* which would end us */
    stepper.raises = true;
    start_stepper(S(60));
    push(1);
    (void)tick();
    answer(200);
    (void)tick();
    push(1);
    answer(200);
    cr_expect(eq(int, flush_in(S(20)), 0));
    cr_expect(eq(u64, counts().acknowledged, 2));
    cr_expect(eq(uint, stepper.n_started, 2));
    stop(2);
}

Test(exporter_loop, has_a_descriptor_only_without_threads) {
    START(takes, .timeout_ns = S(10));
    cr_expect(eq(int, exporter_poll_fd(rig.exporter), -1));
    cr_expect(eq(i64, tick(), -1));
    stop(0);
}
