/*
 * A host that lives in one poll loop and wants no thread beside it: echoes the lines of its
 * standard input, each a step of a run, and sends what ended whenever the loop has time.
 * A line longer than 4,096 bytes becomes several.
 *
 *   cc event_loop.c $(pkg-config --cflags --libs weir) -o event_loop && ./event_loop
 *
 * `weir collect` in another terminal shows what was sent.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <weir/weir.h>

/* One piece of work of the host's: none of these calls waits for the network. */
static void handle_line(weir_app *app, const char *line, size_t n) {
    weir_call *call = weir_call_begin(app, WEIR_METHOD_STEP);
    weir_step *step = weir_step_begin(call, "echo", NULL);
    weir_set(step, "line.length", (int64_t)n);
    printf("%.*s\n", (int)n, line);
    fflush(stdout);
    weir_step_end(step, NULL);
    weir_call_end(call, NULL);
}

/* What has come from standard input, line by line; false at its end. */
static bool read_lines(weir_app *app) {
    static char buffer[4096];
    static size_t n_bytes;
    ssize_t n = read(STDIN_FILENO, buffer + n_bytes, sizeof buffer - n_bytes);
    if (n <= 0) {
        if (n_bytes > 0) {
            handle_line(app, buffer, n_bytes); /* the last one, without a line feed */
        }
        return false;
    }
    n_bytes += (size_t)n;
    char *line = buffer, *end;
    while ((end = memchr(line, '\n', n_bytes - (size_t)(line - buffer))) != NULL) {
        handle_line(app, line, (size_t)(end - line));
        line = end + 1;
    }
    n_bytes -= (size_t)(line - buffer);
    memmove(buffer, line, n_bytes);
    if (n_bytes == sizeof buffer) {
        handle_line(app, buffer, n_bytes); /* as much as fits; the rest is a line of its own */
        n_bytes = 0;
    }
    return true;
}

int main(void) {
    weir *w = NULL;
    weir_open(
        &WEIR_OPTIONS(.service_name = "event_loop", .otlp = &WEIR_OTLP_OPTIONS(.no_thread = true)),
        &w, NULL);
    weir_app *app = weir_app_new(w, NULL);
    struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                           {.fd = weir_poll_fd(w), .events = POLLIN}};
    bool goes_on = true;
    while (goes_on && poll(fds, 2, -1) > 0) {
        if (fds[0].revents != 0) {
            goes_on = read_lines(app);
        }
        if (fds[1].revents != 0) {
            weir_tick(w); /* does what can be done now, and comes back */
        }
    }
    weir_app_free(app);
    weir_close(w, 5000); /* says on stderr what did not arrive */
    return 0;            /* telemetry that fails is no failure of the application */
}
