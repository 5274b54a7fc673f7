/* Signals that a write raises, held back. */
#include "otlp/common/signal_guard.h"

#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "otlp/common/macro.h"
#include "tests/support/expect.h"
#include "tests/support/temp.h"

TestSuite(signal_guard);

static bool is_pending(int signal) {
    sigset_t pending;
    return sigpending(&pending) == 0 && sigismember(&pending, signal) == 1;
}

static bool is_blocked(int signal) {
    sigset_t mask;
    return pthread_sigmask(SIG_SETMASK, NULL, &mask) == 0 && sigismember(&mask, signal) == 1;
}

/* Raises SIGPIPE, as a peer does that has gone. */
static void write_to_nobody(void) {
    int fds[2];
    cr_assert(zero(int, pipe(fds)));
    close(fds[0]);
    cr_assert(eq(int, (int)write(fds[1], "x", 1), -1));
    close(fds[1]);
    errno = EPIPE;
}

Test(signal_guard, a_broken_pipe_ends_nobody) {
    struct signal_guard guard;
    signal_guard_begin(&guard);
    write_to_nobody();
    cr_assert(is_pending(SIGPIPE));
    signal_guard_end(&guard);
    cr_assert(eq(int, errno, EPIPE));
    cr_assert(not(is_pending(SIGPIPE)));
    cr_assert(not(is_blocked(SIGPIPE)));
    cr_assert(not(is_blocked(SIGXFSZ)));
}

Test(signal_guard, a_limit_for_files_ends_nobody) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    char *path CLEANUP(temp_path_free) = temp_path(dir, "file");
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = RLIM_INFINITY};
    struct signal_guard guard;
    FILE *file = fopen(path, "w");
    cr_assert(file != NULL);
    cr_assert(zero(int, setrlimit(RLIMIT_FSIZE, &none)));
    signal_guard_begin(&guard);
    cr_assert(eq(int, (int)write(fileno(file), "x", 1), -1));
    cr_assert(eq(int, errno, EFBIG));
    signal_guard_end(&guard);
    cr_assert(not(is_pending(SIGXFSZ)));
    fclose(file);
}

Test(signal_guard, the_hosts_own_signal_stays) {
    sigset_t only;
    struct signal_guard guard;
    sigemptyset(&only);
    sigaddset(&only, SIGPIPE);
    (void)pthread_sigmask(SIG_BLOCK, &only, NULL);
    cr_assert(zero(int, raise(SIGPIPE)));
    signal_guard_begin(&guard);
    write_to_nobody(); /* one more of a kind that is not counted */
    signal_guard_end(&guard);
    cr_assert(is_pending(SIGPIPE));
    cr_assert(is_blocked(SIGPIPE)); /* as the host has it */
    cr_assert(not(is_blocked(SIGXFSZ)));
}

static volatile sig_atomic_t n_handled;

static void handle(int signal) {
    (void)signal;
    n_handled++;
}

Test(signal_guard, other_signals_come_as_ever) {
    struct signal_guard guard;
    cr_assert(signal(SIGUSR1, handle) != SIG_ERR);
    signal_guard_begin(&guard);
    cr_assert(zero(int, raise(SIGUSR1)));
    cr_assert(eq(int, (int)n_handled, 1));
    signal_guard_end(&guard);
}
