/*
 * A spool on a disk that hangs: whoever does not need the disk goes on, and what has a deadline
 * keeps it.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir/otlp.h>

#include "otlp/common/clock.h"
#include "otlp/common/macro.h"
#include "tests/support/expect.h"
#include "tests/support/log.h"
#include "tests/support/script.h"
#include "tests/support/temp.h"

/* ---- the disk: these take the place of libc's ---- */

enum call { NONE, ALLOCATE, TRUNCATE, UNLINK, READ };
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
static void open_with(const struct script_step *steps, size_t n_steps) {
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    script_init(&script, steps, n_steps);
    weir_transport transport = script_transport(&script);
    int error = weir_otlp_open(&WEIR_OTLP_OPTIONS(.transport = &transport, .spool_dir = dir,
                                                  .has_timeout_ms = true, .timeout_ms = 1,
                                                  .log = kept_log_fn, .log_data = &said),
                               &otlp, &detail);
    cr_assert(eq(int, error, 0), "%s", detail.message);
    tracer = weir_otlp_tracer_get(otlp, "hang", NULL, NULL);
}
#define OPEN(steps) open_with(steps, ARRAY_LENGTH(steps))

static void end_span(void) {
    weir_otlp_span_end(weir_otlp_span_begin(tracer, "span", NULL));
}

static weir_otlp_stats stats_of(void) {
    weir_otlp_stats stats = {.size = sizeof stats};
    weir_otlp_get_stats(otlp, &stats);
    return stats;
}

static uint64_t now_ms(void) {
    return clock_now_ns() / NS_PER_MS;
}

/* The disk hangs until the end of the test: so it is the deadline that ends it. */
static int close_in_time(void) {
    uint64_t began = now_ms();
    int error = weir_otlp_close(otlp, SHORT_MS);
    cr_expect(lt(u64, now_ms() - began, LONG_MS / 2));
    return error;
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

static void hang_while_keeping(void) {
    OPEN(REFUSES);
    end_span();
    atomic_store(&hangs, TRUNCATE);
    uint64_t began = now_ms();
    cr_expect(eq(int, weir_otlp_flush(otlp, SHORT_MS), WEIR_E_TIMEOUT));
    cr_expect(lt(u64, now_ms() - began, LONG_MS / 2));
    wait_hanging(1);
}

Test(spool_hang, flush_and_close_leave_an_exporter_that_hangs_in_keeping) {
    hang_while_keeping();
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

/* Without a close: the flush at exit has its second, and no more. */
Test(spool_hang, a_process_ends_while_its_disk_hangs) {
    fflush(NULL);
    uint64_t began = now_ms();
    pid_t child = fork();
    if (child == 0) {
        hang_while_keeping();
        exit(0);
    }
    int status;
    cr_assert(eq(int, waitpid(child, &status, 0), child));
    cr_expect(eq(int, status, 0)); /* exited, with 0 */
    cr_expect(lt(u64, now_ms() - began, LONG_MS / 2));
}
