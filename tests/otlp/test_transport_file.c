#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <weir/error.h>

#include "otlp/common/clock.h"
#include "otlp/common/macro.h"
#include "otlp/transport.h"
#include "tests/support/expect.h"
#include "tests/support/fault.h"
#include "tests/support/temp.h"

TestSuite(transport_file, .timeout = 30);

/* A request with nothing in it but one empty ResourceSpans, and what it becomes. */
static const uint8_t BODY[] = {0x0a, 0x00};
#define LINE "{\"resourceSpans\":[{}]}\n"

static weir_transport open_at(const char *path) {
    weir_transport transport;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_assert(eq(int, transport_file_open(path, NULL, &transport, &detail), 0), "%s",
              detail.message);
    cr_assert(transport.is_disk);
    return transport;
}

static int post_by(const weir_transport *transport, uint64_t deadline_ns,
                   weir_error_detail *detail) {
    weir_transport_response response = {.size = sizeof response, .retry_after_ms = -1};
    int error = transport->post(transport->data, BODY, sizeof BODY, deadline_ns, &response, detail);
    cr_expect(error != 0 || (response.http_status == 200 && response.n_bytes == 0));
    return error;
}

static int post(const weir_transport *transport) {
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    return post_by(transport, UINT64_MAX, &detail);
}

static void expect_file(const char *path, const char *wanted) {
    char *text CLEANUP(temp_path_free) = temp_read(path, NULL);
    cr_assert(text != NULL);
    expect_text(text, wanted);
}

Test(transport_file, appends_one_line_a_request) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    char *path CLEANUP(temp_path_free) = temp_path(dir, "spans.jsonl");
    weir_transport transport = open_at(path);
    cr_expect(eq(int, post(&transport), 0));
    cr_expect(eq(int, post(&transport), 0));
    transport.destroy(transport.data);
    transport = open_at(path); /* a second run */
    cr_expect(eq(int, post(&transport), 0));
    transport.destroy(transport.data);
    expect_file(path, LINE LINE LINE);
    struct stat status;
    cr_assert(eq(int, stat(path, &status), 0));
    cr_expect(eq(uint, status.st_mode & 0777, 0600)); /* prompts are inside */
}

Test(transport_file, begins_a_new_line_behind_what_a_crash_left) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    char *path CLEANUP(temp_path_free) = temp_path(dir, "spans.jsonl");
    temp_write(path, LINE "{\"resour", sizeof(LINE "{\"resour") - 1);
    weir_transport transport = open_at(path);
    cr_expect(eq(int, post(&transport), 0));
    cr_expect(eq(int, post(&transport), 0));
    transport.destroy(transport.data);
    expect_file(path, LINE "{\"resour\n" LINE LINE);
}

Test(transport_file, writes_to_standard_output) {
    int ends[2];
    cr_assert(eq(int, pipe(ends), 0));
    fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    dup2(ends[1], STDOUT_FILENO);
    weir_transport transport = open_at("-");
    int error = post(&transport);
    transport.destroy(transport.data);
    bool is_still_open = fcntl(STDOUT_FILENO, F_GETFD) >= 0;
    dup2(saved, STDOUT_FILENO);
    cr_expect(eq(int, error, 0));
    cr_expect(is_still_open);
    char got[64] = "";
    cr_expect(eq(int, (int)read(ends[0], got, sizeof got - 1), (int)strlen(LINE)));
    expect_text(got, LINE);
}

Test(transport_file, a_path_that_cannot_be_opened_is_named) {
    weir_transport transport;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_expect(
        eq(int, transport_file_open("/nowhere/spans.jsonl", NULL, &transport, &detail), WEIR_E_IO));
    cr_expect(eq(int, detail.os_error, ENOENT));
    cr_expect(strstr(detail.message, "/nowhere/spans.jsonl cannot be opened") != NULL);
    cr_expect(eq(int, transport_file_open("/tmp", NULL, &transport, &detail), WEIR_E_IO));
}

/* Lines as a disk of this size takes them, each whole or not there. */
static void write_with_room_for(size_t n_room) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    char *path CLEANUP(temp_path_free) = temp_path(dir, "spans.jsonl");
    size_t n_line = strlen(LINE), n_written = 0;
    weir_transport transport = open_at(path);
    struct rlimit limit = {n_room, RLIM_INFINITY};
    setrlimit(RLIMIT_FSIZE, &limit);
    for (int i = 0; i < 3; i++) {
        n_written += post(&transport) == 0;
    }
    limit.rlim_cur = RLIM_INFINITY;
    setrlimit(RLIMIT_FSIZE, &limit);
    cr_expect(eq(sz, n_written, MIN(n_room / n_line, 3)), "%zu bytes", n_room);
    cr_expect(eq(int, post(&transport), 0)); /* room again */
    transport.destroy(transport.data);
    char wanted[256] = "";
    for (size_t i = 0; i < n_written + 1; i++) {
        snprintf(wanted + i * n_line, sizeof wanted - i * n_line, "%s", LINE);
    }
    expect_file(path, wanted);
}

Test(transport_file, a_full_disk_costs_whole_lines) {
    signal(SIGXFSZ, SIG_IGN); /* blocked in the exporter's thread */
    for (size_t n_room = 0; n_room <= 3 * strlen(LINE); n_room++) {
        write_with_room_for(n_room);
    }
}

Test(transport_file, says_what_cannot_be_written) {
    weir_transport transport = open_at("/dev/full");
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_expect(eq(int, post_by(&transport, UINT64_MAX, &detail), WEIR_E_IO));
    expect_text(detail.message, "/dev/full cannot be written: No space left on device");
    transport.destroy(transport.data);
}

Test(transport_file, opens_again_when_the_host_took_its_descriptor) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    char *path CLEANUP(temp_path_free) = temp_path(dir, "spans.jsonl");
    char *other CLEANUP(temp_path_free) = temp_path(dir, "of-the-host");
    weir_transport transport = open_at(path);
    cr_expect(eq(int, post(&transport), 0));
    int next = dup(STDIN_FILENO); /* the first free descriptor is behind the transport's */
    for (int fd = STDERR_FILENO + 1; fd <= next; fd++) {
        struct stat opened, wanted;
        if (fstat(fd, &opened) == 0 && stat(path, &wanted) == 0 && opened.st_ino == wanted.st_ino) {
            close(fd);
            cr_assert(eq(int, open(other, O_WRONLY | O_CREAT, 0600), fd)); /* its own file there */
        }
    }
    cr_expect(eq(int, post(&transport), 0));
    transport.destroy(transport.data);
    expect_file(path, LINE LINE);
    expect_file(other, "");
}

/* ---- pipes ---- */

Test(transport_file, a_pipe_without_a_reader_is_refused_at_once) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    char *path CLEANUP(temp_path_free) = temp_path(dir, "fifo");
    weir_transport transport;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_assert(eq(int, mkfifo(path, 0600), 0));
    cr_expect(eq(int, transport_file_open(path, NULL, &transport, &detail), WEIR_E_IO));
    cr_expect(eq(int, detail.os_error, ENXIO));
}

/* A pipe with a reader that does not read, full. */
static weir_transport open_full_pipe(const char *path, int *reader) {
    cr_assert(eq(int, mkfifo(path, 0600), 0));
    *reader = open(path, O_RDONLY | O_NONBLOCK);
    weir_transport transport = open_at(path);
    int filler = open(path, O_WRONLY | O_NONBLOCK);
    char bytes[4096] = "";
    while (write(filler, bytes, sizeof bytes) > 0) {
    }
    close(filler);
    return transport;
}

Test(transport_file, a_full_pipe_lasts_until_the_deadline) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    char *path CLEANUP(temp_path_free) = temp_path(dir, "fifo");
    int reader;
    weir_transport transport = open_full_pipe(path, &reader);
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    uint64_t deadline_ns = clock_now_ns() + 100 * NS_PER_MS;
    cr_expect(eq(int, post_by(&transport, deadline_ns, &detail), WEIR_E_TIMEOUT));
    transport.destroy(transport.data);
    close(reader);
}

static void *cancel_it(void *data) {
    const weir_transport *transport = data;
    transport->cancel(transport->data);
    return NULL;
}

Test(transport_file, cancel_ends_the_wait_for_a_full_pipe) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    char *path CLEANUP(temp_path_free) = temp_path(dir, "fifo");
    int reader;
    weir_transport transport = open_full_pipe(path, &reader);
    pthread_t thread;
    pthread_create(&thread, NULL, cancel_it, &transport);
    cr_expect(eq(int, post(&transport), WEIR_E_TIMEOUT));
    pthread_join(thread, NULL);
    transport.destroy(transport.data);
    close(reader);
}

/* ---- bad requests, short memory ---- */

Test(transport_file, a_request_that_is_none_is_given_up_and_leaves_no_trace) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    char *path CLEANUP(temp_path_free) = temp_path(dir, "spans.jsonl");
    weir_transport transport = open_at(path);
    weir_transport_response response = {.size = sizeof response, .retry_after_ms = -1};
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    const uint8_t broken[] = {0x0a, 0x05};
    cr_expect(
        eq(int, transport.post(transport.data, broken, 2, 0, &response, &detail), WEIR_E_INVALID));
    transport.destroy(transport.data);
    expect_file(path, "");
}

Test(transport_file, survives_failing_allocation_at_every_step) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    char *path CLEANUP(temp_path_free) = temp_path(dir, "spans.jsonl");
    FAULT_FOR_EACH_ALLOCATION(n) {
        weir_transport transport;
        int error = transport_file_open(path, NULL, &transport, NULL);
        if (error == 0) {
            error = post(&transport);
            transport.destroy(transport.data);
        }
        cr_assert(eq(int, error, fault_has_struck() ? WEIR_E_NO_MEMORY : 0));
    }
}
