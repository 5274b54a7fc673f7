/*
 * Threads that write to shared runs and to runs of their own, more of them than descriptors are
 * kept, while the process forks: every record is there once and whole, in the parent's logs and in
 * the children's, and nobody waits for a lock that no one holds. With "async" a thread writes them.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir/tracking.h>

#include "tests/stress/stress.h"
#include "tests/support/temp.h"

enum { N_THREADS = 4, N_SHARED = 3, N_OWN = 60, N_FORKS = 60, OWN_EVERY = 16 };

static char *dir;
static bool is_async;
static weir_tracker *tracker;
static weir_tracker_app *shared[N_SHARED];
static _Atomic uint64_t n_lines[N_SHARED];
static uint64_t n_own_lines[N_THREADS];
static atomic_bool forks_are_done;
static pthread_barrier_t start; /* all apps are open: now for the records */

static weir_tracker_app *open_app(const char *prefix, size_t thread, size_t i) {
    char id[64];
    snprintf(id, sizeof id, "%s-%zu-%zu", prefix, thread, i);
    weir_tracker_app *app = NULL;
    CHECK(weir_tracker_app_open(tracker, &WEIR_TRACKER_APP_OPTIONS(.app_id = id), &app, NULL) == 0);
    return app;
}

static void write_record(weir_tracker_app *app, int64_t sequence_id) {
    const weir_value state = weir_value_json("{\"words\": [\"of\", \"a\", \"state\"]}");
    while (weir_tracker_end_entry(app, (uint64_t)sequence_id * 1000000007, "action", NULL, NULL,
                                  &state, sequence_id) != 0) {
        CHECK(is_async); /* the queue is full: this one was dropped */
        CHECK(weir_tracker_flush(tracker, 60000) == 0);
    }
}

static void *write_records(void *index) {
    size_t thread = (size_t)index;
    weir_tracker_app *own[N_OWN];
    for (size_t i = 0; i < N_OWN; i++) {
        own[i] = open_app("own", thread, i);
    }
    pthread_barrier_wait(&start);
    for (int64_t round = 0; round == 0 || !atomic_load(&forks_are_done); round++) {
        for (size_t i = 0; i < N_SHARED; i++) {
            write_record(shared[i], round);
            atomic_fetch_add(&n_lines[i], 1);
        }
        for (size_t i = 0; round % OWN_EVERY == 0 && i < N_OWN; i++) {
            write_record(own[i], round);
            n_own_lines[thread] += i == 0;
        }
    }
    for (size_t i = 0; i < N_OWN; i++) {
        weir_tracker_app_close(own[i]);
    }
    return NULL;
}

/* In a child of a process whose other threads are in the middle of something. */
static void *fork_often(void *unused) {
    (void)unused;
    pthread_barrier_wait(&start);
    bool children_write = !is_async || CHILDREN_MAY_START_THREADS;
    for (int i = 0; i < N_FORKS; i++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            alarm(20); /* a lock that nobody gives back ends the child */
            for (int k = 0; k < N_SHARED && children_write; k++) {
                write_record(shared[k], 1000 + i);
            }
            _exit(weir_tracker_flush(tracker, 20000) != 0);
        }
        int status = -1;
        CHECK(waitpid(child, &status, 0) == child);
        CHECK_EQUAL(status, 0);
        for (int k = 0; k < N_SHARED && children_write; k++) {
            atomic_fetch_add(&n_lines[k], 1);
        }
    }
    atomic_store(&forks_are_done, true);
    return NULL;
}

static uint64_t count_records(const char *id) {
    char name[128];
    snprintf(name, sizeof name, "p/%s/log.jsonl", id);
    char *path = temp_path(dir, name);
    weir_reader *reader = NULL;
    weir_record record = WEIR_RECORD_INIT;
    CHECK(weir_reader_open(path, &reader, NULL) == 0);
    uint64_t n = 0;
    int more;
    while ((more = weir_reader_next(reader, &record, NULL)) == 1) {
        CHECK(record.type == WEIR_RECORD_END_ENTRY);
        n++;
    }
    CHECK(more == 0 && weir_reader_torn_bytes(reader) == 0);
    weir_reader_close(reader);
    temp_path_free(&path);
    return n;
}

static void check_logs(void) {
    char id[64];
    for (size_t k = 0; k < N_SHARED; k++) {
        snprintf(id, sizeof id, "shared-0-%zu", k);
        CHECK_EQUAL(count_records(id), atomic_load(&n_lines[k]));
    }
    for (size_t thread = 0; thread < N_THREADS; thread++) {
        for (size_t i = 0; i < N_OWN; i++) {
            snprintf(id, sizeof id, "own-%zu-%zu", thread, i);
            CHECK_EQUAL(count_records(id), n_own_lines[thread]);
        }
    }
}

int main(int argc, char **argv) {
    is_async = argc > 1 && strcmp(argv[1], "async") == 0;
    dir = temp_dir_new();
    CHECK(weir_tracker_open(&WEIR_TRACKER_OPTIONS(.directory = dir, .project = "p",
                                                  .log_level = WEIR_LOG_NONE, .async = is_async,
                                                  .queue_max_bytes = 100000),
                            &tracker, NULL) == 0);
    for (size_t k = 0; k < N_SHARED; k++) {
        shared[k] = open_app("shared", 0, k);
    }
    pthread_t forker;
    CHECK(pthread_barrier_init(&start, NULL, N_THREADS + 1) == 0);
    CHECK(pthread_create(&forker, NULL, fork_often, NULL) == 0);
    run_threads(N_THREADS, write_records);
    CHECK(pthread_join(forker, NULL) == 0);
    CHECK(weir_tracker_flush(tracker, 60000) == 0);
    check_logs();
    weir_tracker_stats stats = {.size = sizeof stats};
    weir_tracker_get_stats(tracker, &stats);
    CHECK_EQUAL(stats.records_lost, stats.records_dropped);
    CHECK(is_async || stats.records_dropped == 0);
    for (size_t k = 0; k < N_SHARED; k++) {
        weir_tracker_app_close(shared[k]);
    }
    weir_tracker_close(tracker);
    temp_dir_remove(&dir);
    return 0;
}
