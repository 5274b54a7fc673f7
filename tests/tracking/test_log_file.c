/* A log's descriptor, and what a host does to it behind our back. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "otlp/common/macro.h"
#include "tests/support/expect.h"
#include "tests/support/settled_fork.h"
#include "tests/support/temp.h"
#include "tracking/log_file.h"

static char *dir;
static struct log_file file;

/* Opens a log in p/a, by way of its folder as the tracker does. */
static void create(struct log_file *to, const char *app_id) {
    log_file_init(to, (struct folder_path){dir, "p", app_id}, 0600, true);
    int folder_fd = folder_open(&to->path, 0600, NULL);
    cr_assert(ge(int, folder_fd, 0));
    cr_assert(eq(int, log_file_create(to, folder_fd, NULL), 0));
    close(folder_fd);
}

static void set_up(void) {
    dir = temp_dir_new();
    create(&file, "a");
}

static void tear_down(void) {
    log_file_deinit(&file);
    temp_dir_remove(&dir);
}

TestSuite(log_file, .init = set_up, .fini = tear_down);

/* Appends a line as if a second had gone by since the last one. */
static void append(const char *text) {
    char line[64] = "\n";
    memcpy(line + 1, text, strlen(text));
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    lock_take(&file.lock);
    file.checked_ns = 0;
    int error = log_file_append(&file, line + 1, strlen(text), &detail);
    lock_give(&file.lock);
    cr_assert(eq(int, error, 0), "%s", detail.message);
}

static void expect_file(const char *name, const char *text) {
    char *path CLEANUP(temp_path_free) = temp_path(dir, name);
    char *bytes CLEANUP(temp_path_free) = temp_read(path, NULL);
    cr_assert(ne(ptr, bytes, NULL), "%s is missing", name);
    expect_text(bytes, text);
}

Test(log_file, does_not_write_into_a_file_of_the_hosts) {
    append("one\n");
    int old_fd = file.fd;
    char *path CLEANUP(temp_path_free) = temp_path(dir, "hosts");
    int hosts_fd = open(path, O_RDWR | O_CREAT, 0600);
    cr_assert(eq(int, dup2(hosts_fd, old_fd), old_fd));
    append("two\n");
    expect_file("hosts", "");
    expect_file("p/a/log.jsonl", "one\ntwo\n");
    cr_assert(ne(int, file.fd, old_fd));
    cr_assert(ge(int, fcntl(old_fd, F_GETFD), 0)); /* the host's: not closed */
    close(old_fd);
    close(hosts_fd);
}

Test(log_file, goes_on_when_its_descriptor_was_closed) {
    append("one\n");
    close(file.fd);
    append("two\n");
    expect_file("p/a/log.jsonl", "one\ntwo\n");
}

Test(log_file, begins_a_new_file_when_the_old_one_was_deleted) {
    append("one\n");
    char *path CLEANUP(temp_path_free) = temp_path(dir, "p/a/log.jsonl");
    cr_assert(eq(int, unlink(path), 0));
    append("two\n");
    expect_file("p/a/log.jsonl", "two\n");
}

Test(log_file, makes_its_folder_again) {
    append("one\n");
    char *path CLEANUP(temp_path_free) = temp_path(dir, "p/a/log.jsonl");
    char *folder CLEANUP(temp_path_free) = temp_path(dir, "p/a");
    cr_assert(eq(int, unlink(path), 0));
    cr_assert(eq(int, rmdir(folder), 0));
    append("two\n");
    expect_file("p/a/log.jsonl", "two\n");
}

Test(log_file, looks_at_its_descriptor_once_a_second) {
    append("one\n");
    uint64_t checked_ns = file.checked_ns;
    cr_assert(gt(u64, checked_ns, 0));
    lock_take(&file.lock);
    cr_assert(eq(int, log_file_append(&file, &"\ntwo\n"[1], 4, NULL), 0));
    lock_give(&file.lock);
    cr_assert(eq(u64, file.checked_ns, checked_ns));
}

Test(log_file, spares_the_descriptors_that_are_not_used) {
    struct log_file idle, busy;
    create(&idle, "idle");
    create(&busy, "busy");
    cr_assert(eq(int, log_file_spare(1), 1)); /* all were used a moment ago: the first one found */
    cr_assert(eq(int, (file.fd < 0) + (idle.fd < 0) + (busy.fd < 0), 1));
    lock_take(&busy.lock);
    cr_assert(eq(int, log_file_append(&busy, &"\ntwo\n"[1], 4, NULL), 0));
    lock_give(&busy.lock);
    append("one\n");
    (void)log_file_spare(1);
    lock_take(&busy.lock);
    cr_assert(eq(int, log_file_spare(9), 1)); /* one that is being written to is left alone */
    cr_assert(eq(int, idle.fd, -1));
    cr_assert(ge(int, busy.fd, 0));
    lock_give(&busy.lock);
    log_file_deinit(&idle);
    log_file_deinit(&busy);
}

/* A disk that makes the queue's thread wait: it holds the file's lock meanwhile. */
Test(log_file, a_fork_does_not_wait_for_the_thread_of_a_queue) {
    append("one\n");
    cr_assert(eq(sz, (size_t)write(file.fd, "tor", 3), 3)); /* in the middle of a line */
    alarm(20);
    lock_take(&file.lock);
    pid_t child = settled_fork();
    if (child == 0) {
        alarm(20);
        append("two\n"); /* the lock is free, and the end is looked at */
        _exit(0);
    }
    int status = -1;
    cr_assert(eq(int, waitpid(child, &status, 0), child));
    cr_assert(eq(int, status, 0));
    cr_assert(not(lock_try(&file.lock))); /* still ours here */
    lock_give(&file.lock);
    expect_file("p/a/log.jsonl", "one\ntor\ntwo\n");
    append("three\n");
    expect_file("p/a/log.jsonl", "one\ntor\ntwo\nthree\n");
}
