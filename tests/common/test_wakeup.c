#include "otlp/common/wakeup.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/support/clock.h"
#include "tests/support/expect.h"

static bool is_readable_within(const struct wakeup *wakeup, int ms) {
    struct pollfd fd = {.fd = wakeup->epoll_fd, .events = POLLIN};
    return poll(&fd, 1, ms) == 1;
}

static bool is_open(int fd) {
    return fcntl(fd, F_GETFD) >= 0;
}

Test(wakeup, is_readable_when_its_time_has_come, .timeout = 60) {
    struct wakeup wakeup = WAKEUP_INIT;
    cr_assert(wakeup_open(&wakeup));
    cr_expect(not(is_readable_within(&wakeup, 0)));
    uint64_t at_ns = clock_now_ns() + MS(20);
    wakeup_set(&wakeup, at_ns);
    cr_expect(is_readable_within(&wakeup, 30000));
    cr_expect(ge(u64, clock_now_ns(), at_ns));
    wakeup_set(&wakeup, UINT64_MAX); /* never */
    cr_expect(not(is_readable_within(&wakeup, 0)));
    wakeup_set(&wakeup, 0); /* long ago */
    cr_expect(is_readable_within(&wakeup, 30000));
    wakeup_close(&wakeup);
}

Test(wakeup, is_readable_when_what_it_watches_is) {
    struct wakeup wakeup = WAKEUP_INIT;
    cr_assert(wakeup_open(&wakeup));
    int fd = eventfd(1, EFD_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    cr_assert(zero(int, epoll_ctl(wakeup.epoll_fd, EPOLL_CTL_ADD, fd, &event)));
    cr_expect(is_readable_within(&wakeup, 0));
    close(fd);
    wakeup_close(&wakeup);
}

Test(wakeup, closes_what_is_its_own) {
    struct wakeup wakeup = WAKEUP_INIT;
    cr_assert(wakeup_open(&wakeup));
    int epoll_fd = wakeup.epoll_fd, timer_fd = wakeup.timer_fd;
    cr_expect(wakeup_is_ours(&wakeup));
    wakeup_close(&wakeup);
    cr_expect(not(is_open(epoll_fd)));
    cr_expect(not(is_open(timer_fd)));
    cr_expect(not(wakeup_is_ours(&wakeup)));
    wakeup_set(&wakeup, 0); /* of none */
    wakeup_close(&wakeup);  /* again */
    cr_expect(eq(int, wakeup.epoll_fd, -1));
}

/* Either number may be the host's by now, the other still ours. */
Test(wakeup, leaves_alone_what_the_host_has_put_in_its_place) {
    for (unsigned both = 1; both < 4; both++) {
        struct wakeup wakeup = WAKEUP_INIT;
        cr_assert(wakeup_open(&wakeup));
        int epoll_fd = wakeup.epoll_fd, timer_fd = wakeup.timer_fd;
        int hosts = eventfd(0, EFD_CLOEXEC);
        if (both & 1) {
            cr_assert(eq(int, dup2(hosts, epoll_fd), epoll_fd));
        }
        if (both & 2) {
            cr_assert(eq(int, dup2(hosts, timer_fd), timer_fd));
        }
        cr_expect(not(wakeup_is_ours(&wakeup)), "%u", both);
        wakeup_set(&wakeup, 0);
        wakeup_close(&wakeup);
        cr_expect(is_open(epoll_fd), "%u", both);
        cr_expect(is_open(timer_fd), "%u", both);
        close(epoll_fd);
        close(timer_fd);
        close(hosts);
    }
}

Test(wakeup, leaves_nothing_open_when_there_is_no_room) {
    int first_fd = dup(0);
    struct rlimit room;
    cr_assert(zero(int, getrlimit(RLIMIT_NOFILE, &room)));
    close(first_fd);
    for (rlim_t n = 0; n < 2; n++) { /* none, and one of the two */
        struct rlimit small = {.rlim_cur = (rlim_t)first_fd + n, .rlim_max = room.rlim_max};
        struct wakeup wakeup = WAKEUP_INIT;
        cr_assert(zero(int, setrlimit(RLIMIT_NOFILE, &small)));
        bool is_opened = wakeup_open(&wakeup);
        cr_assert(zero(int, setrlimit(RLIMIT_NOFILE, &room)));
        cr_expect(not(is_opened));
        cr_expect(eq(int, wakeup.epoll_fd, -1));
        cr_expect(eq(int, wakeup.timer_fd, -1));
        cr_expect(not(is_open(first_fd)));
    }
}
