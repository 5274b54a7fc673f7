/* Appending whole lines, and what a file-size limit or another writer does to that. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "otlp/common/macro.h"
#include "tests/support/expect.h"
#include "tests/support/temp.h"
#include "tracking/append.h"

static char *dir, *path;
static int fd;

static void set_up(void) {
    dir = temp_dir_new();
    path = temp_path(dir, "log.jsonl");
    fd = open(path, O_RDWR | O_CREAT | O_APPEND, 0600);
    cr_assert(ge(int, fd, 0));
}

static void tear_down(void) {
    close(fd);
    temp_path_free(&path);
    temp_dir_remove(&dir);
}

TestSuite(append, .init = set_up, .fini = tear_down);

/* Appends a line with the reserve in front. */
static int append(const char *text, bool *is_torn) {
    char line[256] = "\n";
    memcpy(line + 1, text, strlen(text));
    return append_line(fd, line + 1, strlen(text), is_torn);
}

static void expect_file(const char *text) {
    size_t n_bytes = 0;
    char *bytes CLEANUP(temp_path_free) = temp_read(path, &n_bytes);
    expect_text(bytes, text);
    cr_assert(eq(sz, n_bytes, strlen(text)));
}

static void limit_file_size(rlim_t n_bytes) {
    cr_assert(eq(int, setrlimit(RLIMIT_FSIZE, &(struct rlimit){n_bytes, RLIM_INFINITY}), 0));
}

Test(append, lines_one_behind_the_other) {
    bool is_torn = false;
    cr_assert(eq(int, append("one\n", &is_torn), 0));
    cr_assert(eq(int, append("two\n", &is_torn), 0));
    expect_file("one\ntwo\n");
}

Test(append, closes_a_torn_line_off_first) {
    temp_write(path, "to", 2);
    bool is_torn = true;
    cr_assert(eq(int, append("one\n", &is_torn), 0));
    cr_assert(eq(int, append("two\n", &is_torn), 0));
    expect_file("to\none\ntwo\n");
}

Test(append, makes_no_blank_line_where_nothing_is_torn) {
    bool is_torn = true;
    cr_assert(eq(int, append("one\n", &is_torn), 0));
    is_torn = true; /* as if another writer had closed the line off meanwhile */
    cr_assert(eq(int, append("two\n", &is_torn), 0));
    cr_assert(not(is_torn));
    expect_file("one\ntwo\n");
}

Test(append, leaves_nothing_of_a_line_that_does_not_fit) {
    for (rlim_t n_room = 0; n_room < 4; n_room++) {
        temp_write(path, "one\n", 4);
        limit_file_size(4 + n_room);
        bool is_torn = false;
        int error = append("two\n", &is_torn);
        cr_assert(eq(int, error, n_room == 0 ? EFBIG : ENOSPC));
        cr_assert(not(is_torn));
        limit_file_size(RLIM_INFINITY);
        expect_file("one\n");
        cr_assert(eq(int, append("two\n", &is_torn), 0));
        expect_file("one\ntwo\n");
    }
}

Test(append, leaves_a_pending_signal_of_others_pending) {
    sigset_t only, pending;
    sigemptyset(&only);
    sigaddset(&only, SIGXFSZ);
    limit_file_size(0);
    bool is_torn = false;
    cr_assert(eq(int, append("one\n", &is_torn), EFBIG));
    cr_assert(eq(int, sigpending(&pending), 0));
    cr_assert(eq(int, sigismember(&pending, SIGXFSZ), 0));
    sigprocmask(SIG_BLOCK, &only, NULL);
    cr_assert(eq(int, append("one\n", &is_torn), EFBIG)); /* blocked: ours is taken away too */
    sigpending(&pending);
    cr_assert(eq(int, sigismember(&pending, SIGXFSZ), 0));
    raise(SIGXFSZ);
    cr_assert(eq(int, append("one\n", &is_torn), EFBIG));
    sigpending(&pending);
    cr_assert(eq(int, sigismember(&pending, SIGXFSZ), 1));
}

Test(append, tells_a_closed_descriptor) {
    bool is_torn = false;
    int other = dup(fd);
    close(fd);
    cr_assert(eq(int, append("one\n", &is_torn), EBADF));
    fd = other;
}

Test(append, cuts_a_torn_tail_off) {
    static const struct {
        const char *before, *after;
    } rows[] = {
        {"", ""},     {"\n", "\n"},           {"one\n", "one\n"}, {"one\ntw", "one\n"},
        {"torn", ""}, {"one\n\n", "one\n\n"}, {"\nx", "\n"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        temp_write(path, rows[i].before, strlen(rows[i].before));
        cr_assert(append_cut_torn_tail(fd));
        expect_file(rows[i].after);
    }
}

Test(append, cuts_a_tail_of_many_blocks_off) {
    static char text[3 * 4096 + 17];
    for (size_t at = 0; at < sizeof text - 1; at += 1023) {
        memset(text, 'x', sizeof text);
        text[at] = '\n';
        temp_write(path, text, sizeof text);
        cr_assert(append_cut_torn_tail(fd));
        cr_assert(eq(i64, lseek(fd, 0, SEEK_END), (off_t)at + 1));
    }
}

Test(append, says_when_it_cannot_cut) {
    int read_only = open(path, O_RDONLY);
    temp_write(path, "torn", 4);
    cr_assert(not(append_cut_torn_tail(read_only)));
    close(read_only);
    cr_assert(not(append_cut_torn_tail(read_only)));
}
