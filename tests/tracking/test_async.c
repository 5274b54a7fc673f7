/* Records that a thread writes: their order, the queue's bound, ends by a deadline, forks, exits.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <weir/tracking.h>

#include "otlp/common/macro.h"
#include "tests/support/expect.h"
#include "tests/support/fault.h"
#include "tests/support/log.h"
#include "tests/support/settled_fork.h"
#include "tests/support/temp.h"
#include "tracking/tracker_state.h"

enum { LONG_MS = 20000 };

static char *dir;
static struct kept_log messages = KEPT_LOG_INIT;

static void set_up(void) {
    setenv("TZ", "UTC", 1);
    dir = temp_dir_new();
}

static void tear_down(void) {
    temp_dir_remove(&dir);
}

TestSuite(async, .init = set_up, .fini = tear_down);

static weir_tracker *open_tracker(size_t queue_max_bytes) {
    weir_tracker *tracker = NULL;
    int error =
        weir_tracker_open(&WEIR_TRACKER_OPTIONS(.directory = dir, .project = "p", .async = true,
                                                .queue_max_bytes = queue_max_bytes,
                                                .log = kept_log_fn, .log_data = &messages),
                          &tracker, NULL);
    cr_assert(eq(int, error, 0));
    return tracker;
}

static weir_tracker_app *open_app(weir_tracker *tracker, const char *app_id) {
    weir_tracker_app *app = NULL;
    int error =
        weir_tracker_app_open(tracker, &WEIR_TRACKER_APP_OPTIONS(.app_id = app_id), &app, NULL);
    cr_assert(eq(int, error, 0));
    return app;
}

static weir_tracker_stats stats_of(weir_tracker *tracker) {
    weir_tracker_stats stats = {.size = sizeof stats};
    weir_tracker_get_stats(tracker, &stats);
    return stats;
}

/* The sequence ids of a log's records, in order. */
static const char *ids_of(const char *app_id) {
    static char text[1 << 16];
    char name[64];
    (void)snprintf(name, sizeof name, "p/%s/log.jsonl", app_id);
    char *path CLEANUP(temp_path_free) = temp_path(dir, name);
    weir_reader *reader = NULL;
    weir_record record = WEIR_RECORD_INIT;
    size_t n = 0;
    text[0] = '\0';
    cr_assert(eq(int, weir_reader_open(path, &reader, NULL), 0));
    while (weir_reader_next(reader, &record, NULL) == 1 && n < sizeof text - 32) {
        n += (size_t)snprintf(text + n, sizeof text - n, "%lld ", (long long)record.sequence_id);
    }
    cr_assert(eq(sz, weir_reader_torn_bytes(reader), 0));
    weir_reader_close(reader);
    return text;
}

static int begin(weir_tracker_app *app, int64_t id) {
    return weir_tracker_begin_entry(app, 1, "a", NULL, id);
}

/* What the thread calls, made to wait. */
struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool is_open, has_arrived;
    int n_written, n_last;
    char order[256];
};

static void gate_init(struct gate *gate, bool is_open) {
    *gate = (struct gate){.is_open = is_open};
    pthread_mutex_init(&gate->mutex, NULL);
    pthread_cond_init(&gate->changed, NULL);
}

static void gate_open(struct gate *gate) {
    pthread_mutex_lock(&gate->mutex);
    gate->is_open = true;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->mutex);
}

static void gate_wait_for_arrival(struct gate *gate) {
    pthread_mutex_lock(&gate->mutex);
    while (!gate->has_arrived) {
        pthread_cond_wait(&gate->changed, &gate->mutex);
    }
    pthread_mutex_unlock(&gate->mutex);
}

static void write_through_gate(void *owner, const char *line, size_t n_bytes) {
    struct gate *gate = owner;
    pthread_mutex_lock(&gate->mutex);
    gate->has_arrived = true;
    pthread_cond_broadcast(&gate->changed);
    while (!gate->is_open) {
        pthread_cond_wait(&gate->changed, &gate->mutex);
    }
    size_t n = strlen(gate->order);
    (void)snprintf(gate->order + n, sizeof gate->order - n, "%.*s", n_bytes > 0 ? (int)n_bytes : 1,
                   n_bytes > 0 ? line : ".");
    gate->n_written += n_bytes > 0;
    gate->n_last += n_bytes == 0;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->mutex);
}

static int push(struct async *async, struct gate *gate, const char *text) {
    char line[64];
    (void)snprintf(line, sizeof line, "\n%s", text);
    return async_push(async, gate, line + 1, strlen(text));
}

/* ---- the queue ---- */

Test(async, lines_are_written_in_order_and_last_calls_behind_them) {
    struct gate gate;
    struct async_job last;
    gate_init(&gate, true);
    struct async *async = async_new(1000, write_through_gate);
    for (char c = 'a'; c <= 'z'; c++) {
        cr_assert(eq(int, push(async, &gate, (char[]){c, '\0'}), 0));
    }
    async_push_last(async, &gate, &last);
    cr_assert(async_flush(async, LONG_MS));
    expect_text(gate.order, "abcdefghijklmnopqrstuvwxyz.");
    cr_assert(eq(sz, async_n_bytes(async), 0));
    cr_assert(eq(u64, async_stop(async, LONG_MS), 0));
    async_release(async);
}

Test(async, the_queue_is_bounded_in_bytes) {
    struct gate gate;
    gate_init(&gate, false);
    struct async *async = async_new(10, write_through_gate);
    cr_assert(eq(int, push(async, &gate, "12345678"), 0));
    gate_wait_for_arrival(&gate); /* what is being written counts */
    cr_assert(eq(int, push(async, &gate, "abc"), WEIR_E_TOO_LARGE));
    cr_assert(eq(int, push(async, &gate, "ab"), 0));
    cr_assert(eq(int, push(async, &gate, "x"), WEIR_E_TOO_LARGE));
    cr_assert(eq(sz, async_n_bytes(async), 10));
    gate_open(&gate);
    cr_assert(async_flush(async, LONG_MS));
    cr_assert(eq(int, push(async, &gate, "larger than all of it"), 0)); /* alone it passes */
    cr_assert(eq(u64, async_stop(async, LONG_MS), 0));
    async_release(async);
    expect_text(gate.order, "12345678ablarger than all of it");
}

Test(async, waiting_ends_by_its_deadline) {
    struct gate gate;
    struct async_job last;
    gate_init(&gate, false);
    struct async *async = async_new(100, write_through_gate);
    cr_assert(eq(int, push(async, &gate, "a"), 0));
    cr_assert(eq(int, push(async, &gate, "b"), 0));
    gate_wait_for_arrival(&gate);
    async_push_last(async, &gate, &last);
    cr_assert(not(async_flush(async, 1)));
    cr_assert(eq(u64, async_stop(async, 1), 2)); /* the one in hand, and one that waits */
    cr_assert(not(async_may_talk(async)));       /* the host has gone on */
    gate_open(&gate);
    pthread_mutex_lock(&gate.mutex);
    while (gate.n_last == 0) { /* the last call still comes */
        pthread_cond_wait(&gate.changed, &gate.mutex);
    }
    pthread_mutex_unlock(&gate.mutex);
    expect_text(gate.order, "a.");
    async_release(async);
}

Test(async, short_memory_is_told) {
    struct gate gate;
    gate_init(&gate, true);
    FAULT_FOR_EACH_ALLOCATION(n) {
        struct async *async = async_new(100, write_through_gate);
        int error = async != NULL ? push(async, &gate, "a") : WEIR_E_NO_MEMORY;
        cr_assert(error == 0 || (error == WEIR_E_NO_MEMORY && fault_has_struck()));
        fault_disarm();
        if (async != NULL) {
            (void)async_stop(async, LONG_MS);
            async_release(async);
        }
    }
}

/* Threads of a size that no memory has room for: none can be had. */
static void refuse_threads(void) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    cr_assert(eq(int, pthread_attr_setstacksize(&attributes, (size_t)1 << 46), 0));
    cr_assert(eq(int, pthread_setattr_default_np(&attributes), 0));
    pthread_attr_destroy(&attributes);
}

static void *write_what_waits(void *async) {
    async_write_waiting(async);
    return NULL;
}

Test(async, without_a_thread_the_pushers_write_one_at_a_time) {
    struct gate gate;
    struct async_job last;
    pthread_t other;
    pthread_attr_t small;
    gate_init(&gate, false);
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 1 << 18);
    refuse_threads();
    struct async *async = async_new(1000, write_through_gate);
    cr_assert(eq(int, push(async, &gate, "a"), ASYNC_UNATTENDED));
    cr_assert(not(gate.has_arrived)); /* not below the pusher's locks */
    cr_assert(eq(int, pthread_create(&other, &small, write_what_waits, async), 0));
    gate_wait_for_arrival(&gate);
    cr_assert(eq(int, push(async, &gate, "b"), ASYNC_UNATTENDED));
    async_write_waiting(async); /* the other one is at it, and goes on with ours */
    async_push_last(async, &gate, &last);
    cr_assert(eq(sz, async_n_bytes(async), 2));
    gate_open(&gate);
    pthread_join(other, NULL);
    pthread_attr_destroy(&small);
    expect_text(gate.order, "ab.");
    cr_assert(eq(u64, async_stop(async, LONG_MS), 0));
    async_release(async);
}

Test(async, the_last_calls_of_a_child_come_by_its_flush) {
    struct gate gate;
    struct async_job last;
    gate_init(&gate, false);
    struct async *async = async_new(100, write_through_gate);
    cr_assert(eq(int, push(async, &gate, "a"), 0));
    gate_wait_for_arrival(&gate);
    async_push_last(async, &gate, &last);
    async_hold_all();
    pid_t child = settled_fork();
    async_let_go_all(child == 0);
    if (child == 0) {
        alarm(20);
        gate_init(&gate, true);
        bool is_done = async_flush(async, 5000);
        _exit(is_done && strcmp(gate.order, ".") == 0 ? 0 : 1);
    }
    int status = -1;
    cr_assert(eq(int, waitpid(child, &status, 0), child));
    cr_assert(eq(int, status, 0));
    gate_open(&gate);
    cr_assert(eq(u64, async_stop(async, LONG_MS), 0));
    async_release(async);
    expect_text(gate.order, "a.");
}

/* A write that calls the host, whose function forks: it returns in both processes. */
static struct {
    int n_written;
    pid_t child;
} forking = {.child = -1};

/* Before a sanitizer looks for leaks: what only a stack of the parent's held would be one. */
static void leave(void) {
    _exit(0);
}

static void fork_in_the_first(void *owner, const char *line, size_t n_bytes) {
    (void)owner, (void)line, (void)n_bytes;
    if (forking.n_written++ > 0) {
        return;
    }
    settle();
    async_hold_all();
    forking.child = fork();
    async_let_go_all(forking.child == 0);
    if (forking.child == 0) {
        alarm(20);
        (void)atexit(leave);
    }
}

static void expect_good_end(pid_t child) {
    int status = -1;
    cr_assert(gt(int, child, 0));
    cr_assert(eq(int, waitpid(child, &status, 0), child));
    cr_assert(eq(int, status, 0));
}

/* Nothing of the parent's queue, and its own in good order. */
static bool goes_on(struct async *async) {
    bool has_none = async_n_bytes(async) == 0 && async_flush(async, 0) && forking.n_written == 1;
    int error = push(async, NULL, "c");
    bool is_counted = async_n_bytes(async) == 1;
    async_write_waiting(async);
    bool is_done = async_flush(async, LONG_MS) && forking.n_written == 2;
    uint64_t n_lost = async_stop(async, LONG_MS);
    async_release(async);
    return has_none && error == ASYNC_UNATTENDED && is_counted && is_done && n_lost == 0;
}

Test(async, a_fork_from_inside_of_a_write_leaves_the_line_to_the_parent) {
    refuse_threads();
    struct async *async = async_new(1000, fork_in_the_first);
    cr_assert(eq(int, push(async, NULL, "a"), ASYNC_UNATTENDED));
    cr_assert(eq(int, push(async, NULL, "b"), ASYNC_UNATTENDED));
    async_write_waiting(async);
    if (forking.child == 0) {
        _exit(goes_on(async) ? 0 : 1);
    }
    expect_good_end(forking.child);
    cr_assert(eq(int, forking.n_written, 2));
    cr_assert(eq(u64, async_stop(async, LONG_MS), 0));
    async_release(async);
}

Test(async, a_child_that_the_thread_forks_ends_with_it) {
    struct async *async = async_new(1000, fork_in_the_first);
    cr_assert(eq(int, push(async, NULL, "a"), 0));
    cr_assert(async_flush(async, LONG_MS));
    expect_good_end(forking.child);
    cr_assert(eq(int, push(async, NULL, "b"), 0));
    cr_assert(eq(u64, async_stop(async, LONG_MS), 0));
    async_release(async);
    cr_assert(eq(int, forking.n_written, 2));
}

/* ---- a tracker ---- */

Test(async, a_tracker_without_a_thread_writes_at_once) {
    refuse_threads();
    weir_tracker *tracker = open_tracker(0);
    weir_tracker_app *app = open_app(tracker, "a");
    cr_assert(eq(int, begin(app, 0), 0));
    expect_text(ids_of("a"), "0 ");
    cr_assert(eq(int, begin(app, 1), 0));
    expect_text(ids_of("a"), "0 1 ");
    weir_tracker_app_close(app);
    cr_assert(eq(int, weir_tracker_close_within(tracker, LONG_MS), 0));
}

Test(async, a_close_writes_everything) {
    weir_tracker *tracker = open_tracker(0);
    weir_tracker_app *one = open_app(tracker, "one"), *two = open_app(tracker, "two");
    for (int64_t i = 0; i < 200; i++) {
        cr_assert(eq(int, begin(i % 2 == 0 ? one : two, i), 0));
    }
    weir_tracker_app_close(one);
    weir_tracker_app_close(two);
    cr_assert(eq(int, weir_tracker_close_within(tracker, LONG_MS), 0));
    cr_assert(strncmp(ids_of("one"), "0 2 4 6 8 10 ", 13) == 0);
    cr_assert(strstr(ids_of("one"), " 196 198 ") != NULL);
    cr_assert(strstr(ids_of("two"), " 197 199 ") != NULL);
}

Test(async, a_flush_waits_for_what_came_before) {
    weir_tracker *tracker = open_tracker(0);
    weir_tracker_app *app = open_app(tracker, "a");
    cr_assert(eq(int, begin(app, 7), 0));
    cr_assert(eq(int, weir_tracker_flush(tracker, LONG_MS), 0));
    expect_text(ids_of("a"), "7 ");
    weir_tracker_stats stats = stats_of(tracker);
    cr_assert(eq(u64, stats.records_written, 3)); /* graph.json and metadata.json too */
    cr_assert(eq(u64, stats.bytes_queued, 0));
    weir_tracker_app_close(app);
    cr_assert(eq(ptr, weir_tracker_close(tracker), NULL));
    cr_assert(eq(int, weir_tracker_flush(NULL, 0), 0));
    cr_assert(eq(int, weir_tracker_close_within(NULL, 0), 0));
}

Test(async, a_run_may_go_on_while_its_earlier_life_is_written) {
    weir_tracker *tracker = open_tracker(0);
    for (int64_t life = 0; life < 20; life++) {
        weir_tracker_app *app = open_app(tracker, "a");
        cr_assert(eq(int, begin(app, life), 0));
        weir_tracker_app_close(app);
    }
    cr_assert(eq(int, weir_tracker_close_within(tracker, LONG_MS), 0));
    expect_text(ids_of("a"), "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 ");
}

/* A disk that makes its writer wait: the thread finds the file locked. */
Test(async, a_full_queue_drops_new_records_and_says_so_once) {
    weir_tracker *tracker = open_tracker(1000);
    weir_tracker_app *app = open_app(tracker, "a");
    lock_take(&app->file.lock);
    int64_t n_taken = 0;
    while (begin(app, n_taken) == 0) {
        n_taken++;
    }
    cr_assert(n_taken > 5 && n_taken < 15, "%lld", (long long)n_taken);
    cr_assert(eq(int, begin(app, 99), WEIR_E_TOO_LARGE));
    weir_tracker_stats stats = stats_of(tracker);
    cr_assert(eq(u64, stats.records_dropped, 2));
    cr_assert(eq(u64, stats.records_lost, 2));
    cr_assert(stats.bytes_queued > 0 && stats.bytes_queued <= 1000);
    cr_assert(eq(int, weir_tracker_flush(tracker, 1), WEIR_E_TIMEOUT));
    lock_give(&app->file.lock);
    cr_assert(eq(int, weir_tracker_flush(tracker, LONG_MS), 0));
    cr_assert(eq(int, begin(app, n_taken), 0));
    weir_tracker_app_close(app);
    weir_tracker_close(tracker);
    cr_assert(kept_log_has(&messages, "records are dropped"));
    cr_assert(kept_log_has(&messages, "queued again; 2 were dropped"));
    cr_assert(eq(uint, messages.n, 2), "%s", messages.text);
}

Test(async, a_close_leaves_a_hanging_disk_behind) {
    static weir_tracker_app *app; /* reachable, for a leak checker: the thread has it for ever */
    weir_tracker *tracker = open_tracker(0);
    app = open_app(tracker, "a");
    lock_take(&app->file.lock);
    cr_assert(eq(int, begin(app, 0), 0));
    cr_assert(eq(int, begin(app, 1), 0));
    weir_tracker_app_close(app);
    cr_assert(eq(int, weir_tracker_close_within(tracker, 5), WEIR_E_TIMEOUT));
    cr_assert(kept_log_has(&messages, "2 records were not written in time"), "%s", messages.text);
}

Test(async, a_value_that_is_no_json_is_refused_at_once) {
    weir_tracker *tracker = open_tracker(0);
    weir_tracker_app *app = open_app(tracker, "a");
    const weir_value bad = weir_value_json("{");
    cr_assert(eq(int, weir_tracker_begin_entry(app, 1, "a", &bad, 0), WEIR_E_SYNTAX));
    cr_assert(eq(u64, stats_of(tracker).records_lost, 1));
    weir_tracker_app_close(app);
    weir_tracker_close(tracker);
}

Test(async, files_that_cannot_be_written_cost_records_and_say_so_once) {
    weir_tracker *tracker = open_tracker(0);
    weir_tracker_app *app = open_app(tracker, "a");
    cr_assert(eq(int, begin(app, 0), 0));
    cr_assert(eq(int, weir_tracker_flush(tracker, LONG_MS), 0));
    signal(SIGXFSZ, SIG_DFL); /* which would end us */
    struct rlimit limit, none = {.rlim_cur = 1};
    cr_assert(eq(int, getrlimit(RLIMIT_FSIZE, &limit), 0));
    none.rlim_max = limit.rlim_max;
    cr_assert(eq(int, setrlimit(RLIMIT_FSIZE, &none), 0));
    for (int64_t i = 1; i < 4; i++) {
        cr_assert(eq(int, begin(app, i), 0)); /* its loss comes later */
    }
    cr_assert(eq(int, weir_tracker_flush(tracker, LONG_MS), 0));
    cr_assert(eq(int, setrlimit(RLIMIT_FSIZE, &limit), 0));
    cr_assert(eq(u64, stats_of(tracker).records_lost, 3));
    cr_assert(eq(int, begin(app, 4), 0));
    weir_tracker_app_close(app);
    weir_tracker_close(tracker);
    expect_text(ids_of("a"), "0 4 ");
    cr_assert(kept_log_has(&messages, "records are being lost"));
    cr_assert(kept_log_has(&messages, "written again; 3 were lost"));
    cr_assert(eq(uint, messages.n, 2), "%s", messages.text);
}

/* ---- fork and exit ---- */

Test(async, a_child_writes_its_own_records_and_not_its_parents) {
    weir_tracker *tracker = open_tracker(0);
    weir_tracker_app *app = open_app(tracker, "a");
    for (int64_t i = 0; i < 300; i++) {
        cr_assert(eq(int, begin(app, 1), 0));
    }
    pid_t child = settled_fork(); /* most likely with some of them waiting */
    if (child == 0) {
        alarm(20);
        int error = begin(app, 2);
        weir_tracker_app_close(app);
        _exit(error != 0 || weir_tracker_close_within(tracker, LONG_MS) != 0);
    }
    int status = -1;
    cr_assert(eq(int, waitpid(child, &status, 0), child));
    cr_assert(eq(int, status, 0));
    weir_tracker_app_close(app);
    cr_assert(eq(int, weir_tracker_close_within(tracker, LONG_MS), 0));
    const char *ids = ids_of("a");
    size_t n_ones = 0, n_twos = 0;
    for (const char *c = ids; *c != '\0'; c++) {
        n_ones += *c == '1';
        n_twos += *c == '2';
    }
    cr_assert(eq(sz, n_ones, 300));
    cr_assert(eq(sz, n_twos, 1));
}

Test(async, an_exit_without_a_close_writes_what_waits) {
    pid_t child = settled_fork();
    if (child == 0) {
        weir_tracker *tracker = open_tracker(0);
        weir_tracker_app *app = open_app(tracker, "a");
        for (int64_t i = 0; i < 100; i++) {
            (void)begin(app, i);
        }
        exit(0);
    }
    int status = -1;
    cr_assert(eq(int, waitpid(child, &status, 0), child));
    cr_assert(eq(int, status, 0));
    cr_assert(strstr(ids_of("a"), " 98 99 ") != NULL);
}

Test(async, all_queues_share_the_time_of_an_exit) {
    struct timespec began, ended;
    (void)clock_gettime(CLOCK_MONOTONIC, &began);
    pid_t child = settled_fork();
    if (child == 0) {
        static struct gate gate;
        gate_init(&gate, false); /* for ever */
        for (int i = 0; i < 5; i++) {
            (void)push(async_new(100, write_through_gate), &gate, "a");
        }
        exit(0);
    }
    int status = -1;
    cr_assert(eq(int, waitpid(child, &status, 0), child));
    cr_assert(eq(int, status, 0));
    (void)clock_gettime(CLOCK_MONOTONIC, &ended);
    cr_assert(lt(int, (int)(ended.tv_sec - began.tv_sec), 4)); /* one second, not five */
}
