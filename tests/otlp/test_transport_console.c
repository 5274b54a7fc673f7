#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <weir/error.h>

#include "otlp/common/clock.h"
#include "otlp/common/macro.h"
#include "otlp/transport.h"
#include "tests/support/expect.h"
#include "tests/support/fault.h"
#include "tests/support/temp.h"

TestSuite(transport_console, .timeout = 30);

/* One span of a name. */
static const uint8_t body[] = {0x0a, 0x07, 0x12, 0x05, 0x12, 0x03, 0x2a, 0x01, 'n'};

static weir_transport opened(void) {
    weir_transport transport;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_assert(zero(int, transport_console_open(&transport, &detail)), "%s", detail.message);
    cr_assert(transport.is_disk);
    return transport;
}

static int post_by(const weir_transport *transport, uint64_t deadline_ns,
                   weir_error_detail *detail) {
    weir_transport_response response = {.size = sizeof response, .retry_after_ms = -1};
    int error = transport->post(transport->data, body, sizeof body, deadline_ns, &response, detail);
    cr_expect(error != 0 || (response.http_status == 200 && response.retry_after_ms == -1));
    return error;
}

/* Standard output as this descriptor, for what follows; returns the one it was. */
static int redirect(int fd) {
    int before = dup(STDOUT_FILENO);
    cr_assert(eq(int, dup2(fd, STDOUT_FILENO), STDOUT_FILENO));
    close(fd);
    return before;
}

static void restore(int before) {
    dup2(before, STDOUT_FILENO);
    close(before);
}

/* (I6) */
Test(transport_console, prints_to_standard_output) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    char *path CLEANUP(temp_path_free) = temp_path(dir, "out");
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    weir_transport transport = opened();
    int before = redirect(open(path, O_WRONLY | O_CREAT, 0600));
    int error = post_by(&transport, UINT64_MAX, &detail);
    error = error != 0 ? error : post_by(&transport, UINT64_MAX, &detail);
    restore(before);
    cr_assert(zero(int, error), "%s", detail.message);
    transport.destroy(transport.data);
    char *text CLEANUP(temp_path_free) = temp_read(path, NULL);
    expect_text(text, "resource\n"
                      "span n  internal  1970-01-01 00:00:00.000 UTC  0 ns\n"
                      "  trace -  span -  parent -\n"
                      "span n  internal  1970-01-01 00:00:00.000 UTC  0 ns\n"
                      "  trace -  span -  parent -\n");
}

Test(transport_console, a_reader_that_stands_still_is_left_at_the_deadline) {
    int ends[2];
    char filler[4096] = "";
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    weir_transport transport = opened();
    cr_assert(zero(int, pipe2(ends, O_NONBLOCK)));
    while (write(ends[1], filler, sizeof filler) > 0) {
    }
    fcntl(ends[1], F_SETFL, 0); /* blocking, as standard output mostly is */
    int before = redirect(ends[1]);
    int error = post_by(&transport, clock_now_ns() + 50 * NS_PER_MS, &detail);
    restore(before);
    cr_assert(eq(int, error, WEIR_E_TIMEOUT));
    before = redirect(open("/dev/full", O_WRONLY));
    error = post_by(&transport, UINT64_MAX, &detail);
    restore(before);
    cr_assert(eq(int, error, WEIR_E_IO));
    cr_assert(eq(int, detail.os_error, ENOSPC));
    transport.destroy(transport.data);
    close(ends[0]);
}

Test(transport_console, a_request_that_is_none_is_never_tried_again) {
    weir_transport_response response = {.size = sizeof response, .retry_after_ms = -1};
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    weir_transport transport = opened();
    cr_assert(eq(int,
                 transport.post(transport.data, (const uint8_t *)"\x0a\x05", 2, UINT64_MAX,
                                &response, &detail),
                 WEIR_E_INVALID));
    transport.destroy(transport.data);
}

Test(transport_console, says_when_memory_is_short) {
    FAULT_FOR_EACH_ALLOCATION(n) {
        weir_transport transport = WEIR_TRANSPORT_INIT;
        int error = transport_console_open(&transport, NULL);
        bool has_failed = fault_has_struck();
        fault_disarm();
        cr_assert(eq(int, error, has_failed ? WEIR_E_NO_MEMORY : 0));
        if (error == 0) {
            transport.destroy(transport.data);
        }
    }
}
