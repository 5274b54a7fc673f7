/* What goes wrong around the tracker: full disks, lost folders, descriptors that the host takes,
 * short memory, death of the process. Each costs records at most, and they are counted. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir/tracking.h>

#include "otlp/common/macro.h"
#include "tests/support/expect.h"
#include "tests/support/fault.h"
#include "tests/support/log.h"
#include "tests/support/settled_fork.h"
#include "tests/support/temp.h"

static char *dir;
static struct kept_log messages = KEPT_LOG_INIT;

static void set_up(void) {
    dir = temp_dir_new();
}

static void tear_down(void) {
    temp_dir_remove(&dir);
}

TestSuite(tracker_faults, .init = set_up, .fini = tear_down);

static weir_tracker *open_tracker(void) {
    weir_tracker *tracker = NULL;
    cr_assert(eq(int,
                 weir_tracker_open(&WEIR_TRACKER_OPTIONS(.directory = dir, .project = "p",
                                                         .log = kept_log_fn, .log_data = &messages),
                                   &tracker, NULL),
                 0));
    return tracker;
}

static weir_tracker_app *open_app(weir_tracker *tracker, const char *app_id) {
    weir_tracker_app *app = NULL;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    int error =
        weir_tracker_app_open(tracker, &WEIR_TRACKER_APP_OPTIONS(.app_id = app_id), &app, &detail);
    cr_assert(eq(int, error, 0), "%s", detail.message);
    return app;
}

static weir_tracker_stats stats_of(weir_tracker *tracker) {
    weir_tracker_stats stats = {.size = sizeof stats};
    weir_tracker_get_stats(tracker, &stats);
    return stats;
}

static char *log_path(const char *app_id) {
    char name[64];
    snprintf(name, sizeof name, "p/%s/log.jsonl", app_id);
    return temp_path(dir, name);
}

/* How many records the log holds; every line of it must be one, and whole. */
static uint64_t n_records(const char *app_id) {
    char *path CLEANUP(temp_path_free) = log_path(app_id);
    weir_reader *reader = NULL;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    weir_record record = WEIR_RECORD_INIT;
    cr_assert(eq(int, weir_reader_open(path, &reader, &detail), 0), "%s", detail.message);
    uint64_t n = 0;
    int more;
    while ((more = weir_reader_next(reader, &record, &detail)) == 1) {
        n++;
    }
    cr_assert(eq(int, more, 0), "%s", detail.message);
    cr_assert(eq(sz, weir_reader_torn_bytes(reader), 0));
    cr_assert(eq(u64, record.line, n)); /* no blank lines either */
    weir_reader_close(reader);
    return n;
}

/* A step with a span and a stream: every kind of record. Returns how many were refused. */
static uint64_t play_step(weir_tracker_app *app, int64_t sequence_id) {
    const weir_value state = weir_value_json("{\"text\":\"some words of a state\"}");
    const weir_key_value attribute = {"key", weir_value_string("value")};
    const weir_stream_times times = {1, true, true, 1000, 2000, 500};
    int errors[] = {
        weir_tracker_begin_entry(app, 1, "action", &state, sequence_id),
        weir_tracker_begin_span(app, 2, sequence_id, "0:0", "span", NULL, NULL),
        weir_tracker_attribute(app, 3, sequence_id, "0:0", &attribute),
        weir_tracker_end_span(app, 4, sequence_id, "0:0"),
        weir_tracker_begin_stream(app, 5, sequence_id),
        weir_tracker_first_item(app, 6, sequence_id),
        weir_tracker_end_entry(app, 7, "action", NULL, "E: text\n", &state, sequence_id),
        weir_tracker_end_stream(app, 8, sequence_id, &times),
    };
    uint64_t n_refused = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(errors); i++) {
        n_refused += errors[i] != 0;
    }
    return n_refused;
}
enum { N_RECORDS_OF_STEP = 8, N_FILES = 2 /* graph.json, metadata.json */ };

static void limit_file_size(rlim_t n_bytes) {
    cr_assert(eq(int, setrlimit(RLIMIT_FSIZE, &(struct rlimit){n_bytes, RLIM_INFINITY}), 0));
}

/* ---- disks ---- */

Test(tracker_faults, a_disk_that_fills_at_any_byte, .timeout = 120) {
    weir_tracker *tracker = open_tracker();
    weir_tracker_app *app = open_app(tracker, "whole");
    cr_assert(eq(u64, play_step(app, 0), 0));
    weir_tracker_app_close(app);
    char *path CLEANUP(temp_path_free) = log_path("whole");
    struct stat whole;
    cr_assert(eq(int, stat(path, &whole), 0));
    for (off_t limit = 0; limit <= whole.st_size; limit++) {
        char id[32];
        snprintf(id, sizeof id, "cut-%ld", (long)limit);
        app = open_app(tracker, id);
        weir_tracker_stats before = stats_of(tracker);
        limit_file_size((rlim_t)limit);
        uint64_t n_refused = play_step(app, 0);
        limit_file_size(RLIM_INFINITY);
        weir_tracker_stats after = stats_of(tracker);
        cr_assert(eq(u64, after.records_lost - before.records_lost, n_refused));
        uint64_t n_written = after.records_written - before.records_written;
        cr_assert(eq(u64, n_written + n_refused, N_RECORDS_OF_STEP));
        cr_assert(eq(u64, n_records(id), n_written), "%ld bytes", (long)limit);
        cr_assert(eq(u64, play_step(app, 1), 0)); /* there is room again */
        cr_assert(eq(u64, n_records(id), n_written + N_RECORDS_OF_STEP));
        weir_tracker_app_close(app);
    }
    weir_tracker_close(tracker);
}

Test(tracker_faults, a_loss_is_said_when_it_begins_and_when_it_ends) {
    weir_tracker *tracker = open_tracker();
    weir_tracker_app *one = open_app(tracker, "one"), *two = open_app(tracker, "two");
    limit_file_size(0);
    cr_assert(eq(u64, play_step(one, 0), N_RECORDS_OF_STEP));
    cr_assert(eq(u64, play_step(two, 0), N_RECORDS_OF_STEP));
    cr_assert(eq(int, (int)messages.n, 1));
    cr_assert(kept_log_has(&messages, "records are being lost: cannot write the log of one"));
    limit_file_size(RLIM_INFINITY);
    cr_assert(eq(u64, play_step(one, 1), 0));
    cr_assert(eq(int, (int)messages.n, 1)); /* two still loses, as far as is known */
    cr_assert(eq(u64, play_step(two, 1), 0));
    cr_assert(eq(int, (int)messages.n, 2));
    cr_assert(kept_log_has(&messages, "records are written again; 16 were lost"));
    weir_tracker_app_close(one);
    weir_tracker_app_close(two);
    weir_tracker_close(tracker);
}

Test(tracker_faults, the_loss_of_a_closed_app_is_over) {
    weir_tracker *tracker = open_tracker();
    weir_tracker_app *one = open_app(tracker, "one"), *two = open_app(tracker, "two");
    limit_file_size(0);
    cr_assert(eq(u64, play_step(one, 0), N_RECORDS_OF_STEP));
    weir_tracker_app_close(one);
    cr_assert(eq(u64, play_step(two, 0), N_RECORDS_OF_STEP));
    cr_assert(eq(int, (int)messages.n, 2)); /* a loss of its own */
    limit_file_size(RLIM_INFINITY);
    weir_tracker_app_close(two);
    weir_tracker_close(tracker);
}

Test(tracker_faults, a_refused_value_is_no_loss_of_the_disk) {
    weir_tracker *tracker = open_tracker();
    weir_tracker_app *app = open_app(tracker, "run");
    weir_value broken = weir_value_json("{");
    for (int i = 0; i < 3; i++) {
        cr_assert(eq(int, weir_tracker_begin_entry(app, 1, "a", &broken, i), WEIR_E_SYNTAX));
        cr_assert(eq(u64, play_step(app, i), 0));
    }
    cr_assert(eq(int, (int)messages.n, 1));
    cr_assert(kept_log_has(&messages, "a record of run is left out"));
    cr_assert(eq(u64, stats_of(tracker).records_lost, 3));
    weir_tracker_app_close(app);
    weir_tracker_close(tracker);
}

Test(tracker_faults, files_of_the_creation_that_do_not_fit) {
    weir_tracker *tracker = open_tracker();
    limit_file_size(0);
    weir_tracker_app *app = open_app(tracker, "run");
    cr_assert(eq(u64, stats_of(tracker).records_lost, N_FILES));
    limit_file_size(RLIM_INFINITY);
    char *folder CLEANUP(temp_path_free) = temp_path(dir, "p/run");
    DIR *entries = opendir(folder);
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        cr_assert(entry->d_name[0] == '.' ? strlen(entry->d_name) < 3
                                          : strcmp(entry->d_name, "log.jsonl") == 0,
                  "%s is left", entry->d_name);
    }
    closedir(entries);
    cr_assert(eq(u64, play_step(app, 0), 0));
    weir_tracker_app_close(app);
    weir_tracker_close(tracker);
}

Test(tracker_faults, a_directory_below_a_file) {
    char *file CLEANUP(temp_path_free) = temp_path(dir, "file");
    char *below CLEANUP(temp_path_free) = temp_path(dir, "file/below");
    temp_write(file, "x", 1);
    weir_tracker *tracker = NULL;
    weir_tracker_app *app = NULL;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_assert(eq(int,
                 weir_tracker_open(&WEIR_TRACKER_OPTIONS(.directory = below, .project = "p"),
                                   &tracker, NULL),
                 0));
    cr_assert(
        eq(int,
           weir_tracker_app_open(tracker, &WEIR_TRACKER_APP_OPTIONS(.app_id = "a"), &app, &detail),
           WEIR_E_IO));
    cr_assert(eq(int, detail.os_error, ENOTDIR));
    cr_assert(strstr(detail.message, below) != NULL, "%s", detail.message);
    cr_assert(eq(ptr, app, NULL));
    weir_tracker_close(tracker);
}

/* ---- descriptors ---- */

/* The descriptor that this process has on an app's log, or -1. */
static int fd_of(const char *app_id) {
    char *path CLEANUP(temp_path_free) = log_path(app_id);
    struct stat wanted, found;
    cr_assert(eq(int, stat(path, &wanted), 0));
    for (int fd = 3; fd < 1024; fd++) {
        if (fstat(fd, &found) == 0 && found.st_ino == wanted.st_ino &&
            found.st_dev == wanted.st_dev) {
            return fd;
        }
    }
    return -1;
}

Test(tracker_faults, a_descriptor_that_the_host_closed) {
    weir_tracker *tracker = open_tracker();
    weir_tracker_app *app = open_app(tracker, "run");
    cr_assert(eq(u64, play_step(app, 0), 0));
    close(fd_of("run"));
    cr_assert(eq(u64, play_step(app, 1), 0));
    cr_assert(eq(u64, n_records("run"), 2 * N_RECORDS_OF_STEP));
    weir_tracker_app_close(app);
    weir_tracker_close(tracker);
}

Test(tracker_faults, a_descriptor_that_the_host_uses_for_another_file_is_not_closed) {
    weir_tracker *tracker = open_tracker();
    weir_tracker_app *app = open_app(tracker, "run");
    cr_assert(eq(u64, play_step(app, 0), 0));
    int fd = fd_of("run");
    int pipe_fds[2];
    cr_assert(eq(int, pipe(pipe_fds), 0));
    cr_assert(eq(int, dup2(pipe_fds[1], fd), fd)); /* the number is a pipe's now */
    weir_tracker_app_close(app);
    cr_assert(eq(i64, write(fd, "x", 1), 1));
    weir_tracker_close(tracker);
}

static size_t n_descriptors(void) {
    size_t n = 0;
    for (int fd = 0; fd < 1024; fd++) {
        n += fcntl(fd, F_GETFD) >= 0;
    }
    return n;
}

Test(tracker_faults, many_apps_share_few_descriptors) {
    enum { N_APPS = 400, MAX_KEPT = 128 };
    static weir_tracker_app *apps[N_APPS];
    weir_tracker *tracker = open_tracker();
    size_t n_before = n_descriptors();
    for (int i = 0; i < N_APPS; i++) {
        char id[16];
        snprintf(id, sizeof id, "app-%d", i);
        apps[i] = open_app(tracker, id);
        cr_assert(eq(u64, play_step(apps[i], 0), 0));
    }
    cr_assert(le(sz, n_descriptors(), n_before + MAX_KEPT));
    for (int i = 0; i < 10; i++) { /* a few busy ones keep theirs */
        cr_assert(eq(u64, play_step(apps[i], 1), 0));
    }
    for (int i = 0; i < 10; i++) {
        char id[16];
        snprintf(id, sizeof id, "app-%d", i);
        cr_assert(ge(int, fd_of(id), 3));
        cr_assert(eq(u64, n_records(id), 2 * N_RECORDS_OF_STEP));
    }
    for (int i = 0; i < N_APPS; i++) {
        weir_tracker_app_close(apps[i]);
    }
    cr_assert(eq(u64, stats_of(tracker).records_lost, 0));
    cr_assert(eq(sz, n_descriptors(), n_before));
    weir_tracker_close(tracker);
}

Test(tracker_faults, a_host_that_has_no_descriptor_left) {
    enum { N_APPS = 16 };
    static weir_tracker_app *apps[N_APPS];
    weir_tracker *tracker = open_tracker();
    char id[16];
    for (int i = 0; i < N_APPS; i++) {
        snprintf(id, sizeof id, "app-%d", i);
        apps[i] = open_app(tracker, id);
    }
    cr_assert(eq(int, setrlimit(RLIMIT_NOFILE, &(struct rlimit){64, 1024}), 0));
    int taken[64], n_taken = 0;
    while ((taken[n_taken] = dup(0)) >= 0) {
        n_taken++;
    }
    weir_tracker_app *late = open_app(tracker, "late"); /* takes what the others had */
    cr_assert(eq(u64, play_step(late, 0), 0));
    for (int i = 0; i < N_APPS; i++) {
        cr_assert(eq(u64, play_step(apps[i], 0), 0), "app-%d", i);
    }
    while (n_taken > 0) {
        close(taken[--n_taken]);
    }
    for (int i = 0; i < N_APPS; i++) {
        snprintf(id, sizeof id, "app-%d", i);
        cr_assert(eq(u64, n_records(id), N_RECORDS_OF_STEP));
        weir_tracker_app_close(apps[i]);
    }
    cr_assert(eq(u64, n_records("late"), N_RECORDS_OF_STEP));
    weir_tracker_app_close(late);
    weir_tracker_close(tracker);
}

/* ---- memory ---- */

Test(tracker_faults, memory_that_is_short) {
    long n_live = fault_n_live();
    FAULT_FOR_EACH_ALLOCATION(n) {
        char id[32];
        snprintf(id, sizeof id, "run-%zu", n);
        const weir_pointer parent = {"parent", "k", true, 1};
        weir_tracker *tracker = NULL;
        weir_tracker_app *app = NULL;
        int error = weir_tracker_open(
            &WEIR_TRACKER_OPTIONS(.directory = dir, .project = "p", .log_level = WEIR_LOG_NONE),
            &tracker, NULL);
        if (error == 0) {
            error = weir_tracker_app_open(
                tracker, &WEIR_TRACKER_APP_OPTIONS(.app_id = id, .parent = &parent), &app, NULL);
        }
        uint64_t n_refused = app != NULL ? play_step(app, 0) : 0;
        bool has_struck = fault_has_struck();
        fault_disarm();
        cr_assert(error == 0 || (error == WEIR_E_NO_MEMORY && has_struck), "%d", error);
        if (app != NULL) {
            weir_tracker_stats stats = stats_of(tracker);
            cr_assert(eq(u64, stats.records_written + stats.records_lost,
                         N_RECORDS_OF_STEP + N_FILES + 1));
            cr_assert(eq(u64, stats.records_lost, has_struck ? 1 : 0));
            cr_assert(eq(u64, n_records(id), N_RECORDS_OF_STEP - n_refused));
        }
        weir_tracker_app_close(app);
        weir_tracker_close(tracker);
    }
    cr_assert(eq(long, fault_n_live(), n_live));
}

Test(tracker_faults, records_need_no_new_memory) {
    weir_tracker *tracker = open_tracker();
    weir_tracker_app *app = open_app(tracker, "run");
    cr_assert(eq(u64, play_step(app, 0), 0));
    size_t n_before = fault_n_allocations();
    for (int i = 1; i < 100; i++) {
        cr_assert(eq(u64, play_step(app, i), 0));
    }
    cr_assert(eq(sz, fault_n_allocations(), n_before));
    weir_tracker_app_close(app);
    weir_tracker_close(tracker);
}

/* ---- processes ---- */

Test(tracker_faults, a_forked_child_goes_on_in_the_same_log) {
    weir_tracker *tracker = open_tracker();
    weir_tracker_app *app = open_app(tracker, "run");
    cr_assert(eq(u64, play_step(app, 0), 0));
    pid_t child = settled_fork();
    if (child == 0) {
        uint64_t n_refused = play_step(app, 1);
        weir_tracker_app_close(app);
        weir_tracker_close(tracker);
        _exit(n_refused != 0);
    }
    int status = -1;
    cr_assert(eq(u64, play_step(app, 2), 0));
    cr_assert(eq(int, waitpid(child, &status, 0), child));
    cr_assert(eq(int, status, 0));
    cr_assert(eq(u64, n_records("run"), 3 * N_RECORDS_OF_STEP));
    weir_tracker_app_close(app);
    weir_tracker_close(tracker);
}

/* Writes until it is killed. */
static void write_for_ever(void) {
    weir_tracker *tracker = open_tracker();
    weir_tracker_app *app = open_app(tracker, "run");
    for (int64_t i = 0;; i++) {
        (void)play_step(app, i);
    }
}

Test(tracker_faults, a_process_killed_while_it_writes, .timeout = 120) {
    enum { N_KILLS = 20, N_BYTES = 20000 };
    weir_tracker *tracker = open_tracker();
    uint64_t n_last = 0;
    for (int i = 0; i < N_KILLS; i++) {
        weir_tracker_app_close(open_app(tracker, "run"));
        char *path CLEANUP(temp_path_free) = log_path("run");
        struct stat status;
        cr_assert(eq(int, stat(path, &status), 0));
        off_t enough = status.st_size + N_BYTES + i * 37;
        pid_t child = settled_fork();
        if (child == 0) {
            write_for_ever();
        }
        while (stat(path, &status) == 0 && status.st_size < enough) {
        }
        kill(child, SIGKILL);
        cr_assert(eq(int, waitpid(child, NULL, 0), child));
        weir_tracker_app_close(
            open_app(tracker, "run")); /* cuts a torn line off, if there is one */
        uint64_t n = n_records("run");
        cr_assert(gt(u64, n, n_last));
        n_last = n;
    }
    weir_tracker_close(tracker);
}
