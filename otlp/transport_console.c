/*
 * Requests as text for people, on standard output.
 */
#include "otlp/transport.h"

#include <errno.h>
#include <stdbool.h>
#include <unistd.h>

#include "otlp/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/common/error.h"
#include "otlp/common/macro.h"
#include "otlp/console.h"
#include "otlp/write_fd.h"

struct console_transport {
    struct console console;
    struct buf text; /* kept: its memory serves the next request */
    bool is_torn;    /* the output ends in a piece of a line */
    _Atomic bool is_cancelled;
};

static bool is_cancelled(void *data) {
    return ((const struct console_transport *)data)->is_cancelled;
}

static int make_text(struct console_transport *transport, const uint8_t *body, size_t n_bytes,
                     weir_error_detail *detail) {
    buf_clear(&transport->text);
    buf_append_text(&transport->text, transport->is_torn ? "\n" : "");
    console_write(&transport->console, &transport->text, body, n_bytes);
    switch (buf_error(&transport->text)) {
    case 0: return 0;
    case WEIR_E_NO_MEMORY: return error_set(detail, WEIR_E_NO_MEMORY, "no memory for text");
    case WEIR_E_TOO_LARGE:
        return error_set(detail, WEIR_E_INVALID, "a request is too large for the console");
    default: return error_set(detail, WEIR_E_INVALID, "a request is no OTLP");
    }
}

static int write_text(struct console_transport *transport, uint64_t deadline_ns,
                      weir_error_detail *detail) {
    const struct write_limits limits = {deadline_ns, is_cancelled, transport};
    size_t n_written;
    if (write_fd_all(STDOUT_FILENO, transport->text.data, transport->text.n_bytes, &limits,
                     &n_written)) {
        transport->is_torn = false;
        return 0;
    }
    int os_error = errno;
    transport->is_torn |= n_written > 0;
    return error_set_os(detail, os_error == ETIMEDOUT ? WEIR_E_TIMEOUT : WEIR_E_IO, os_error,
                        "standard output cannot be written");
}

static int post(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline_ns,
                weir_transport_response *response, weir_error_detail *detail) {
    struct console_transport *transport = data;
    int error = make_text(transport, body, n_bytes, detail);
    if (error == 0) {
        error = write_text(transport, deadline_ns, detail);
    }
    if (error == 0) {
        response->http_status = 200;
    }
    return error;
}

static void cancel(void *data) {
    ((struct console_transport *)data)->is_cancelled = true;
}

static void destroy(void *data) {
    struct console_transport *transport = data;
    console_deinit(&transport->console);
    buf_deinit(&transport->text);
    mem_free(transport);
}

int transport_console_open(weir_transport *out, weir_error_detail *detail) {
    struct console_transport *transport = mem_zalloc(sizeof *transport);
    if (transport == NULL) {
        return error_set(detail, WEIR_E_NO_MEMORY, "no memory for the console");
    }
    console_init(&transport->console);
    buf_init(&transport->text, CONSOLE_MAX_TEXT_BYTES);
    *out = (weir_transport){
        .size = sizeof *out,
        .post = post,
        .cancel = cancel,
        .destroy = destroy,
        .data = transport,
        .is_disk = true, /* no retry: half of it may have been read already */
    };
    return 0;
}
