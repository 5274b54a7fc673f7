/* Guards around a fork: their order, and that each side gets its own. */
#include "otlp/common/fork.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/expect.h"

TestSuite(fork);

static char calls[64];

static void note(char c) {
    size_t n = strlen(calls);
    cr_assert(lt(sz, n, sizeof calls - 1));
    calls[n] = c;
    calls[n + 1] = '\0';
}

/* Upper case: before the fork; lower case: in the parent; digits: in the child. */
static void before_bridge(void) {
    note('A');
}
static void parent_bridge(void) {
    note('a');
}
static void child_bridge(void) {
    note('1');
}
static void before_tracker(void) {
    note('B');
}
static void child_tracker(void) {
    note('2');
}
static void parent_handles(void) {
    note('c');
}

static struct fork_guard bridge = {.order = FORK_BRIDGE,
                                   .before = before_bridge,
                                   .in_parent = parent_bridge,
                                   .in_child = child_bridge};
static struct fork_guard tracker = {
    .order = FORK_TRACKER, .before = before_tracker, .in_child = child_tracker};
static struct fork_guard handles = {.order = FORK_HANDLES, .in_parent = parent_handles};

/* What the child has noted. */
static void expect_in_child(const char *expected) {
    int fds[2];
    char said[sizeof calls] = "";
    cr_assert(zero(int, pipe(fds)));
    pid_t child = fork();
    if (child == 0) {
        _exit(write(fds[1], calls, sizeof calls) == sizeof calls ? 0 : 1);
    }
    cr_assert(eq(int, (int)read(fds[0], said, sizeof said), (int)sizeof said));
    cr_assert(eq(int, waitpid(child, NULL, 0), child));
    close(fds[0]);
    close(fds[1]);
    expect_text(said, expected);
}

Test(fork, guards_run_in_the_order_of_locks_and_back) {
    fork_watch(&handles); /* whoever comes first */
    fork_watch(&bridge);
    fork_watch(&tracker);
    expect_in_child("AB21");
    expect_text(calls, "ABca");
}

Test(fork, a_guard_is_watched_once) {
    fork_watch(&tracker);
    fork_watch(&tracker);
    fork_enlist(&tracker);
    expect_in_child("B2");
    expect_text(calls, "B");
}

Test(fork, without_guards_nothing_happens) {
    expect_in_child("");
    expect_text(calls, "");
}

Test(fork, vfork_and_exec_run_no_guards) {
    fork_watch(&tracker);
    pid_t child = vfork();
    if (child == 0) {
        execl("/bin/true", "true", (char *)NULL);
        _exit(127);
    }
    int status;
    cr_assert(eq(int, waitpid(child, &status, 0), child));
    cr_assert(zero(int, status));
    expect_text(calls, "");
}

static bool is_abroad_there;

Test(fork, calls_of_foreign_code_nest) {
    cr_assert(not(fork_is_abroad()));
    fork_go_abroad();
    fork_go_abroad();
    fork_come_back();
    is_abroad_there = fork_is_abroad();
    fork_come_back();
    cr_assert(is_abroad_there);
    cr_assert(not(fork_is_abroad()));
}
