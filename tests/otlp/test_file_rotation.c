#include "otlp/file_rotation.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir/error.h>

#include "otlp/common/macro.h"
#include "otlp/transport.h"
#include "tests/support/expect.h"
#include "tests/support/settled_fork.h"
#include "tests/support/temp.h"

TestSuite(file_rotation, .timeout = 60);

static const uint8_t body[] = {0x0a, 0x00};
#define LINE "{\"resourceSpans\":[{}]}\n"
enum { LINE_BYTES = sizeof LINE - 1 };

static weir_transport opened(const char *path, uint64_t max_bytes, uint32_t max_files) {
    weir_transport transport;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    const struct file_rotation rotation = {max_bytes, max_files};
    cr_assert(zero(int, transport_file_open(path, &rotation, &transport, &detail)), "%s",
              detail.message);
    return transport;
}

static void post(const weir_transport *transport) {
    weir_transport_response response = {.size = sizeof response, .retry_after_ms = -1};
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_assert(zero(int, transport->post(transport->data, body, sizeof body, UINT64_MAX, &response,
                                        &detail)),
              "%s", detail.message);
}

static void expect_file(const char *dir, const char *name, const char *wanted) {
    char *path CLEANUP(temp_path_free) = temp_path(dir, name);
    char *text CLEANUP(temp_path_free) = temp_read(path, NULL);
    if (wanted == NULL) {
        cr_expect(text == NULL, "%s exists", name);
        return;
    }
    cr_assert(text != NULL, "%s", name);
    expect_text(text, wanted);
}

Test(file_rotation, a_full_file_is_begun_anew_and_the_oldest_goes) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    char *path CLEANUP(temp_path_free) = temp_path(dir, "s");
    weir_transport transport = opened(path, 2 * LINE_BYTES, 3);
    for (int i = 0; i < 3; i++) {
        post(&transport);
    }
    expect_file(dir, "s", LINE);
    expect_file(dir, "s.1", LINE LINE);
    expect_file(dir, "s.2", NULL);
    for (int i = 0; i < 6; i++) {
        post(&transport);
    }
    expect_file(dir, "s", LINE);
    expect_file(dir, "s.1", LINE LINE);
    expect_file(dir, "s.2", LINE LINE);
    expect_file(dir, "s.3", NULL);
    transport.destroy(transport.data);
}

Test(file_rotation, a_line_larger_than_a_file_has_one_of_its_own) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    char *path CLEANUP(temp_path_free) = temp_path(dir, "s");
    weir_transport transport = opened(path, 1, 0);
    for (int i = 0; i < 12; i++) {
        post(&transport);
    }
    expect_file(dir, "s", LINE);
    expect_file(dir, "s.9", LINE); /* ten files when nothing else is said */
    expect_file(dir, "s.10", NULL);
    transport.destroy(transport.data);
}

Test(file_rotation, without_a_size_a_file_grows) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    char *path CLEANUP(temp_path_free) = temp_path(dir, "s");
    weir_transport transport = opened(path, 0, 2);
    post(&transport);
    post(&transport);
    expect_file(dir, "s", LINE LINE);
    transport.destroy(transport.data);
}

Test(file_rotation, numbers_of_files_that_make_no_sense_are_refused) {
    static const uint32_t bad[] = {1, 1001, UINT32_MAX};
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        weir_transport transport;
        weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
        const struct file_rotation rotation = {100, bad[i]};
        cr_assert(eq(int, transport_file_open("/dev/null", &rotation, &transport, &detail),
                     WEIR_E_INVALID));
        cr_assert(strstr(detail.message, "output_max_files") != NULL);
    }
}

/* What a crash left stays in the old file; the new one begins with a line. */
Test(file_rotation, a_torn_end_does_not_move_on) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    char *path CLEANUP(temp_path_free) = temp_path(dir, "s");
    temp_write(path, "{\"torn", 6);
    weir_transport transport = opened(path, 10, 0);
    post(&transport);
    expect_file(dir, "s", LINE);
    expect_file(dir, "s.1", "{\"torn");
    transport.destroy(transport.data);
}

Test(file_rotation, what_is_no_file_is_not_renamed) {
    weir_transport transport = opened("/dev/null", 1, 2);
    post(&transport);
    post(&transport);
    cr_assert(ne(int, access("/dev/null.1", F_OK), 0));
    transport.destroy(transport.data);
}

/* By hand, by another process, by a tool made for it. */
Test(file_rotation, a_file_that_others_rename_or_remove_is_begun_anew) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    char *path CLEANUP(temp_path_free) = temp_path(dir, "s");
    char *other CLEANUP(temp_path_free) = temp_path(dir, "old");
    weir_transport transport = opened(path, 0, 0);
    post(&transport);
    cr_assert(zero(int, rename(path, other)));
    post(&transport);
    expect_file(dir, "old", LINE);
    expect_file(dir, "s", LINE);
    cr_assert(zero(int, unlink(path)));
    post(&transport);
    expect_file(dir, "s", LINE);
    transport.destroy(transport.data);
}

Test(file_rotation, whoever_renames_keeps_others_from_it) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    char *path CLEANUP(temp_path_free) = temp_path(dir, "s");
    weir_transport transport = opened(path, 1, 0);
    post(&transport);
    int other = open(path, O_RDONLY);
    cr_assert(zero(int, flock(other, LOCK_EX)));
    post(&transport); /* does not wait: goes on in the file */
    expect_file(dir, "s", LINE LINE);
    cr_assert(zero(int, flock(other, LOCK_UN)));
    post(&transport);
    expect_file(dir, "s", LINE);
    expect_file(dir, "s.1", LINE LINE);
    close(other);
    transport.destroy(transport.data);
}

Test(file_rotation, a_name_that_cannot_be_had_lets_the_file_grow) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    char *path CLEANUP(temp_path_free) = temp_path(dir, "s");
    char *first CLEANUP(temp_path_free) = temp_path(dir, "s.1");
    char *in_it CLEANUP(temp_path_free) = temp_path(dir, "s.1/x");
    cr_assert(zero(int, mkdir(first, 0700)));
    temp_write(in_it, "", 0);
    weir_transport transport = opened(path, 1, 2);
    post(&transport);
    post(&transport);
    expect_file(dir, "s", LINE LINE);
    transport.destroy(transport.data);
}

enum { N_PROCESSES = 4, N_LINES = 200 };

static size_t count_lines(const char *path) {
    char *text CLEANUP(temp_path_free) = temp_read(path, NULL);
    size_t n = 0;
    for (const char *at = text; at != NULL && *at != '\0'; at += LINE_BYTES, n++) {
        cr_assert(zero(int, strncmp(at, LINE, LINE_BYTES)), "%s holds a piece of a line", path);
    }
    return n;
}

Test(file_rotation, processes_that_share_a_path_lose_no_line) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    char *path CLEANUP(temp_path_free) = temp_path(dir, "s");
    size_t n_lines = 0;
    int status;
    for (int i = 0; i < N_PROCESSES; i++) {
        if (settled_fork() == 0) {
            weir_transport transport = opened(path, 5 * LINE_BYTES, 1000);
            for (int k = 0; k < N_LINES; k++) {
                post(&transport);
            }
            _exit(0);
        }
    }
    while (wait(&status) > 0) {
        cr_assert(zero(int, status));
    }
    for (int i = 0; i < 1000; i++) {
        char name[16];
        snprintf(name, sizeof name, i == 0 ? "s" : "s.%d", i);
        char *file CLEANUP(temp_path_free) = temp_path(dir, name);
        n_lines += count_lines(file);
    }
    cr_assert(eq(sz, n_lines, N_PROCESSES * N_LINES));
}
