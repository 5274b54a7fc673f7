#include "otlp/common/wakeup.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "otlp/common/clock.h"
#include "otlp/common/macro.h"

static bool control_timer(const struct wakeup *wakeup, int operation) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = wakeup->timer_fd};
    return epoll_ctl(wakeup->epoll_fd, operation, wakeup->timer_fd, &event) == 0;
}

static void close_both(struct wakeup *wakeup) {
    if (wakeup->epoll_fd >= 0) {
        (void)close(wakeup->epoll_fd);
    }
    if (wakeup->timer_fd >= 0) {
        (void)close(wakeup->timer_fd);
    }
}

bool wakeup_open(struct wakeup *wakeup) {
    wakeup->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    wakeup->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (wakeup->epoll_fd >= 0 && wakeup->timer_fd >= 0 && control_timer(wakeup, EPOLL_CTL_ADD)) {
        return true;
    }
    int os_error = errno;
    close_both(wakeup);
    *wakeup = (struct wakeup)WAKEUP_INIT;
    errno = os_error;
    return false;
}

void wakeup_close(struct wakeup *wakeup) {
    if (wakeup_is_ours(wakeup)) {
        close_both(wakeup);
    }
    *wakeup = (struct wakeup)WAKEUP_INIT;
}

bool wakeup_is_ours(const struct wakeup *wakeup) {
    return wakeup->epoll_fd >= 0 && control_timer(wakeup, EPOLL_CTL_MOD);
}

void wakeup_set(const struct wakeup *wakeup, uint64_t at_ns) {
    struct itimerspec when = {0};
    if (at_ns != UINT64_MAX) {
        when.it_value = clock_timespec(MAX(at_ns, 1)); /* all zero would mean: never */
    }
    (void)timerfd_settime(wakeup->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}
