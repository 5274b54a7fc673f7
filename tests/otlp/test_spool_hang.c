/*
 * A spool on a disk that hangs: whoever does not need the disk goes on, and what has a deadline
 * keeps it.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir/otlp.h>

#include "otlp/common/macro.h"
#include "otlp/spool.h"
#include "tests/support/child.h"
#include "tests/support/log.h"
#include "tests/support/script.h"
#include "tests/support/temp.h"

/* ---- the disk: these take the place of libc's ---- */

enum call { NONE, ALLOCATE, TRUNCATE, UNLINK, READ, LOCK };
static _Atomic enum call hangs = NONE;
static atomic_uint n_hanging;

static void pass(enum call call) {
    if (atomic_load(&hangs) == call) {
        atomic_fetch_add(&n_hanging, 1);
        while (atomic_load(&hangs) == call) {
            usleep(1000);
        }
        atomic_fetch_sub(&n_hanging, 1);
    }
}

int posix_fallocate(int fd, off_t from, off_t n_bytes) {
    pass(ALLOCATE);
    return syscall(SYS_fallocate, fd, 0, from, n_bytes) == 0 ? 0 : errno;
}

int truncate(const char *path, off_t n_bytes) {
    pass(TRUNCATE);
    return (int)syscall(SYS_truncate, path, n_bytes);
}

int unlink(const char *path) {
    pass(UNLINK);
    return (int)syscall(SYS_unlink, path);
}

ssize_t pread(int fd, void *to, size_t n_bytes, off_t from) {
    pass(READ);
    return syscall(SYS_pread64, fd, to, n_bytes, from);
}

int flock(int fd, int operation) {
    pass(LOCK);
    return (int)syscall(SYS_flock, fd, operation);
}

static void wait_hanging(unsigned n) {
    while (atomic_load(&n_hanging) != n) {
        usleep(1000);
    }
}

/* ---- a pipeline ---- */

enum { LONG_MS = 30000, SHORT_MS = 100 };

static const struct script_step ACCEPTS[] = {{.status = 200}};
static const struct script_step REFUSES[] = {{.status = 503}};
static const struct script_step RECOVERS[] = {{.status = 503}, {.status = 200}};

static struct script script;
static struct kept_log said = KEPT_LOG_INIT;
static weir_otlp *otlp;
static weir_otlp_tracer *tracer;
static char *dir;

static void begin(void) {
    dir = temp_dir_new();
}
static void end(void) {
    atomic_store(&hangs, NONE);
    wait_hanging(0);
    temp_dir_remove(&dir);
}
TestSuite(spool_hang, .init = begin, .fini = end, .timeout = 60);

/* One attempt a request: what is refused goes to the spool at once. */
static int try_open(const struct script_step *steps, size_t n_steps, weir_error_detail *detail) {
    script_init(&script, steps, n_steps);
    weir_transport transport = script_transport(&script);
    int error = weir_otlp_open(&WEIR_OTLP_OPTIONS(.transport = &transport, .spool_dir = dir,
                                                  .has_timeout_ms = true, .timeout_ms = 1,
                                                  .log = kept_log_fn, .log_data = &said),
                               &otlp, detail);
    if (error == 0) {
        tracer = weir_otlp_tracer_get(otlp, "hang", NULL, NULL);
    }
    return error;
}

static void open_with(const struct script_step *steps, size_t n_steps) {
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_assert(eq(int, try_open(steps, n_steps, &detail), 0), "%s", detail.message);
}
#define OPEN(steps) open_with(steps, ARRAY_LENGTH(steps))

/* Without an assertion, for a child. */
static bool opens(const struct script_step *steps, size_t n_steps) {
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    return try_open(steps, n_steps, &detail) == 0;
}

static void end_span(void) {
    weir_otlp_span_end(weir_otlp_span_begin(tracer, "span", NULL));
}

static weir_otlp_stats stats_of(void) {
    weir_otlp_stats stats = {.size = sizeof stats};
    weir_otlp_get_stats(otlp, &stats);
    return stats;
}

/* The disk hangs until the test says otherwise: so what returns before has kept its deadline. */
static int close_in_time(void) {
    int error = weir_otlp_close(otlp, SHORT_MS);
    cr_expect(ne(int, (int)atomic_load(&hangs), NONE));
    return error;
}

/* Descriptors of locks that this process has; it closes them when it is told to, as a host may. */
static size_t count_locks(bool is_closing) {
    size_t n = 0;
    for (int fd = 0; fd < 1024; fd++) {
        char link[64], path[512];
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t n_path = readlink(link, path, sizeof path - 1);
        path[n_path > 0 ? n_path : 0] = '\0';
        if (strstr(path, ".lock") != NULL) {
            n++;
            (void)(is_closing && close(fd));
        }
    }
    return n;
}

static void *run_end_span(void *unused) {
    (void)unused;
    end_span();
    return NULL;
}

static void *run_begin_span(void *unused) {
    (void)unused;
    cr_expect(weir_otlp_span_begin(tracer, "first of its thread", NULL) != NULL);
    return NULL;
}

static pthread_t start(void *(*run)(void *)) {
    pthread_t thread;
    cr_assert(eq(int, pthread_create(&thread, NULL, run, NULL), 0));
    return thread;
}

/* ---- who needs a file waits alone ---- */

Test(spool_hang, a_thread_that_needs_a_file_holds_nobody_up) {
    OPEN(ACCEPTS);
    end_span(); /* this thread has one */
    atomic_store(&hangs, ALLOCATE);
    pthread_t stuck = start(run_end_span);
    wait_hanging(1);
    end_span();
    pthread_join(start(run_begin_span), NULL); /* comes and goes */
    cr_expect(eq(u64, stats_of().started, 4));
    cr_expect(eq(int, weir_otlp_flush(otlp, LONG_MS), 0));
    cr_expect(eq(u64, stats_of().acknowledged, 2));
    pid_t child = fork();
    if (child == 0) {
        atomic_store(&hangs, NONE);
        end_span();
        _exit(stats_of().queued == 1 ? 0 : 1);
    }
    int status;
    cr_assert(eq(int, waitpid(child, &status, 0), child));
    cr_expect(eq(int, status, 0)); /* exited, with 0 */
    atomic_store(&hangs, NONE);
    pthread_join(stuck, NULL);
    cr_expect(eq(int, weir_otlp_flush(otlp, LONG_MS), 0));
    cr_expect(eq(u64, stats_of().acknowledged, 3));
    cr_expect(eq(int, weir_otlp_close(otlp, LONG_MS), 0));
}

/* The child's memory is its own: what another thread was about to get is not held against it. */
Test(spool_hang, a_child_does_not_pay_for_what_its_parent_was_making) {
    OPEN(ACCEPTS);
    atomic_store(&hangs, ALLOCATE);
    pthread_t stuck = start(run_end_span);
    wait_hanging(1);
    pid_t child = fork();
    if (child == 0) {
        _exit(stats_of().queue_bytes == 0 ? 0 : 1);
    }
    int status;
    cr_assert(eq(int, waitpid(child, &status, 0), child));
    cr_expect(eq(int, status, 0));
    atomic_store(&hangs, NONE);
    pthread_join(stuck, NULL);
    cr_expect(eq(int, weir_otlp_close(otlp, LONG_MS), 0));
}

/* ---- deadlines ---- */

/* 0, or a line, as a child's function. */
static int hang_while_keeping(void) {
    CHILD_EXPECT(opens(REFUSES, ARRAY_LENGTH(REFUSES)));
    end_span();
    atomic_store(&hangs, TRUNCATE);
    CHILD_EXPECT(weir_otlp_flush(otlp, SHORT_MS) == WEIR_E_TIMEOUT);
    wait_hanging(1);
    return 0;
}

Test(spool_hang, flush_and_close_leave_an_exporter_that_hangs_in_keeping) {
    cr_assert(eq(int, hang_while_keeping(), 0));
    end_span(); /* needs a file: the disk makes it, and hangs in nothing of this thread's */
    weir_otlp_stats stats = stats_of();
    cr_expect(eq(u64, stats.spooled, 1));
    cr_expect(eq(u64, stats.queued, 1));
    cr_expect(eq(int, close_in_time(), 0)); /* nothing is lost */
    cr_expect(kept_log_has(&said, "1 span was not sent before the close and waits"), "%s",
              said.text);
    atomic_store(&hangs, NONE);
    OPEN(ACCEPTS);
    while (stats_of().adopted == 0) { /* those left behind give the directory up in a moment */
        cr_expect(eq(int, weir_otlp_close(otlp, LONG_MS), 0));
        OPEN(ACCEPTS);
    }
    cr_expect(eq(u64, stats_of().adopted, 2)); /* both are there */
    while (stats_of().acknowledged < 2) {
        usleep(1000);
    }
    cr_expect(eq(int, weir_otlp_close(otlp, LONG_MS), 0));
}

Test(spool_hang, a_close_leaves_an_exporter_that_hangs_in_reading) {
    OPEN(RECOVERS);
    end_span();
    cr_expect(eq(int, weir_otlp_flush(otlp, LONG_MS), WEIR_E_TIMEOUT));
    atomic_store(&hangs, READ);
    end_span();
    cr_expect(eq(int, weir_otlp_flush(otlp, LONG_MS), 0)); /* and what waits follows */
    wait_hanging(1);
    cr_expect(eq(u64, stats_of().spooled, 1));
    cr_expect(eq(int, close_in_time(), 0));
    atomic_store(&hangs, NONE);
    wait_hanging(0);
}

Test(spool_hang, a_close_leaves_a_directory_that_hangs) {
    OPEN(ACCEPTS);
    end_span();
    cr_expect(eq(int, weir_otlp_flush(otlp, LONG_MS), 0));
    atomic_store(&hangs, UNLINK);
    cr_expect(eq(int, close_in_time(), 0));
    wait_hanging(1);
}

static int exit_while_the_disk_hangs(void *unused) {
    (void)unused;
    pid_t child = fork();
    if (child == 0) {
        alarm(CHILD_PATIENCE_S); /* its disk hangs for ever */
        int line = hang_while_keeping();
        exit(line == 0 ? 0 : 1);
    }
    int status;
    CHILD_EXPECT(waitpid(child, &status, 0) == child);
    CHILD_EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return 0;
}

/* Without a close: the flush at exit has its second, and no more. */
Test(spool_hang, a_process_ends_while_its_disk_hangs) {
    fflush(NULL);
    expect_in_child(exit_while_the_disk_hangs, NULL);
}

/* ---- wake-ups ---- */

static atomic_uint n_refusing, n_slow;

static int refuse_once(void *data, const uint8_t *body, size_t n_bytes, uint64_t by_ns,
                       weir_transport_response *response, weir_error_detail *detail) {
    (void)data, (void)body, (void)n_bytes, (void)by_ns, (void)detail;
    response->http_status = atomic_fetch_add(&n_refusing, 1) == 0 ? 503 : 200;
    return 0;
}

/* Is the last one that is done with the first request, after the other pipeline has given it up. */
static int accept_slowly(void *data, const uint8_t *body, size_t n_bytes, uint64_t by_ns,
                         weir_transport_response *response, weir_error_detail *detail) {
    (void)data, (void)body, (void)n_bytes, (void)by_ns, (void)detail;
    if (atomic_fetch_add(&n_slow, 1) == 0) {
        while (stats_of().spooled == 0) {
            usleep(1000);
        }
    }
    response->http_status = 200;
    return 0;
}

static void open_two(void) {
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    weir_transport refuses = {.size = sizeof refuses, .post = refuse_once};
    weir_transport slow = {.size = sizeof slow, .post = accept_slowly};
    const weir_otlp_options second = WEIR_OTLP_OPTIONS(.transport = &slow);
    const weir_otlp_options *const more[] = {&second};
    int error = weir_otlp_open(
        &WEIR_OTLP_OPTIONS(.transport = &refuses, .spool_dir = dir, .pipelines = more,
                           .n_pipelines = 1, .has_timeout_ms = true, .timeout_ms = 1,
                           .has_schedule_delay_ms = true, .schedule_delay_ms = 1),
        &otlp, &detail);
    cr_assert(eq(int, error, 0), "%s", detail.message);
    tracer = weir_otlp_tracer_get(otlp, "hang", NULL, NULL);
}

/* The pipeline delivers while its spans are in the other one's hands: they are not forgotten. */
Test(spool_hang, what_is_kept_late_is_taken_up_again) {
    open_two();
    atomic_store(&hangs, TRUNCATE);
    end_span();
    wait_hanging(1);
    end_span();
    while (stats_of().acknowledged < 1) {
        usleep(1000);
    }
    cr_expect(eq(u64, stats_of().spooled, 1));
    atomic_store(&hangs, NONE);
    while (stats_of().spooled > 0 || stats_of().acknowledged < 2) {
        usleep(1000); /* nobody calls, nothing else ends */
    }
    cr_expect(eq(int, weir_otlp_close(otlp, LONG_MS), 0));
}

/* ---- forks, and the locks of directories ---- */

static int has_no_lock(void *unused) {
    (void)unused;
    CHILD_EXPECT(count_locks(false) == 0);
    atomic_store(&hangs, NONE);
    end_span();
    CHILD_EXPECT(stats_of().queued == 1);
    CHILD_EXPECT(count_locks(false) == 1); /* its own */
    return 0;
}

/* It would keep what its parent leaves from being adopted. */
Test(spool_hang, a_child_has_no_copy_of_a_lock) {
    OPEN(ACCEPTS);
    end_span();
    cr_expect(eq(sz, count_locks(false), 1));
    expect_in_child(has_no_lock, NULL);
    cr_expect(eq(sz, count_locks(false), 1)); /* the parent's stays */
    cr_expect(eq(int, weir_otlp_close(otlp, LONG_MS), 0));
    cr_expect(eq(sz, count_locks(false), 0));
}

Test(spool_hang, a_fork_does_not_wait_for_a_lock_that_is_being_taken) {
    OPEN(ACCEPTS);
    end_span(); /* has the only file */
    cr_expect(eq(sz, count_locks(true), 1));
    atomic_store(&hangs, LOCK);
    pthread_t first = start(run_end_span);
    wait_hanging(1);
    pthread_t second = start(run_end_span); /* waits for the first, perhaps */
    expect_in_child(has_no_lock, NULL);
    cr_expect(eq(uint, atomic_load(&n_hanging), 1)); /* still */
    cr_expect(eq(int, weir_otlp_flush(otlp, LONG_MS), 0));
    atomic_store(&hangs, NONE);
    pthread_join(first, NULL);
    pthread_join(second, NULL);
    cr_expect(eq(int, weir_otlp_close(otlp, LONG_MS), 0));
}

/* ---- a spool that is closed meanwhile ---- */

static struct spool *open_spool(void) {
    struct spool *spool;
    struct logger logger;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    kept_log_logger(&said, &logger);
    int error = spool_open(&(struct spool_options){.dir = dir,
                                                   .max_bytes = SPOOL_DEFAULT_BYTES,
                                                   .max_age_ns = UINT64_MAX,
                                                   .n_places = 16,
                                                   .n_pipelines = 1,
                                                   .logger = &logger},
                           &spool, &detail);
    cr_assert(eq(int, error, 0), "%s", detail.message);
    return spool;
}

static void *run_own(void *spool) {
    cr_expect(eq(int, spool_own(spool), -ESHUTDOWN));
    spool_unref(spool);
    return NULL;
}

Test(spool_hang, a_late_lock_is_given_up_when_the_spool_was_closed) {
    struct spool *spool = open_spool();
    spool_ref(spool);
    cr_expect(eq(sz, count_locks(true), 1));
    atomic_store(&hangs, LOCK);
    pthread_t thread;
    cr_assert(eq(int, pthread_create(&thread, NULL, run_own, spool), 0));
    wait_hanging(1);
    spool_close(spool);
    atomic_store(&hangs, NONE);
    pthread_join(thread, NULL);
    cr_expect(eq(sz, count_locks(false), 0));
}
