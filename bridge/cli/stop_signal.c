#include "bridge/cli/stop_signal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "otlp/common/error.h"

int stop_signal_init(struct stop_signal *stop, weir_error_detail *detail) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    int signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
    int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (signal_fd < 0 || wake_fd < 0) {
        return error_set_os(detail, WEIR_E_IO, errno, "cannot wait for signals");
    }
    *stop = (struct stop_signal){signal_fd, wake_fd};
    return 0;
}

void stop_signal_deinit(struct stop_signal *stop) {
    close(stop->signal_fd);
    close(stop->wake_fd);
}

void stop_signal_ask(struct stop_signal *stop) {
    eventfd_write(stop->wake_fd, 1);
}

enum stop_cause stop_signal_wait(struct stop_signal *stop, int timeout_ms) {
    struct pollfd fds[] = {{.fd = stop->signal_fd, .events = POLLIN},
                           {.fd = stop->wake_fd, .events = POLLIN}};
    if (poll(fds, 2, timeout_ms) <= 0) {
        return STOP_NOT_YET; /* a stopped and continued process gets EINTR: the caller waits on */
    }
    return fds[1].revents != 0 ? STOP_ASKED : STOP_BY_SIGNAL;
}

/* What waits in the descriptor is never read: the signal stays. */
bool stop_signal_has_come(const struct stop_signal *stop) {
    struct pollfd polled = {.fd = stop->signal_fd, .events = POLLIN};
    return poll(&polled, 1, 0) > 0;
}
