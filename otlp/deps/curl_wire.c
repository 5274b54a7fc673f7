/*
 * What the client waits for: libcurl's sockets and timeouts and our deadline, all behind one epoll
 * descriptor; and the care that these descriptors are ours.
 *
 * A socket, like the descriptors of wakeup.h, may be the host's by now: it must still be the one
 * that was opened, or it is left alone.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "otlp/common/alloc.h"
#include "otlp/common/clock.h"
#include "otlp/common/macro.h"
#include "otlp/deps/curl_client.h"

static const uint64_t NO_COOKIE = UINT64_MAX; /* nothing to know the socket by: taken for ours */

/* ---- sockets ---- */

/* The kernel (Linux 4.12 and later) gives each socket a number of its own. */
static bool cookie_of(int fd, uint64_t *out) {
    socklen_t n = sizeof *out;
    return getsockopt(fd, SOL_SOCKET, SO_COOKIE, out, &n) == 0;
}

static bool is_same(const struct http_socket *known) {
    uint64_t cookie;
    return known->cookie == NO_COOKIE || (cookie_of(known->fd, &cookie) && cookie == known->cookie);
}

static struct http_socket *place_of(struct http_client *client, int fd) {
    for (size_t i = 0; i < HTTP_MAX_SOCKETS; i++) {
        if (client->sockets[i].fd == fd) {
            return &client->sockets[i];
        }
    }
    return NULL;
}

static curl_socket_t open_socket(void *data, curlsocktype purpose, struct curl_sockaddr *address) {
    struct http_socket *place = place_of(data, -1);
    (void)purpose;
    if (place == NULL) {
        return CURL_SOCKET_BAD;
    }
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    uint64_t cookie;
    if (fd < 0) {
        return CURL_SOCKET_BAD;
    }
    if (!cookie_of(fd, &cookie)) {
        cookie = NO_COOKIE;
    }
    *place = (struct http_socket){.fd = fd, .cookie = cookie};
    return fd;
}

static int close_socket(void *data, curl_socket_t fd) {
    struct http_socket *place = place_of(data, fd);
    if (place != NULL && is_same(place)) {
        close(fd);
    }
    if (place != NULL) {
        place->fd = -1;
    }
    return 0;
}

void http_wire_settle(struct http_client *client) {
    for (size_t i = 0; i < HTTP_MAX_SOCKETS; i++) {
        if (client->sockets[i].fd >= 0 && !is_same(&client->sockets[i])) {
            client->sockets[i].fd = -1;
        }
    }
}

/* ---- what libcurl wants to hear of ---- */

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *socket_data) {
    struct http_client *client = data;
    (void)easy;
    (void)socket_data;
    struct epoll_event event = {.data.fd = fd};
    if (what == CURL_POLL_REMOVE) {
        const struct http_socket *place = place_of(client, fd);
        if (place == NULL || is_same(place)) { /* else it is closed, and perhaps somebody else's */
            (void)epoll_ctl(client->wakeup.epoll_fd, EPOLL_CTL_DEL, fd, &event);
        }
        return 0;
    }
    event.events = (what & CURL_POLL_IN ? EPOLLIN : 0U) | (what & CURL_POLL_OUT ? EPOLLOUT : 0U);
    int result = epoll_ctl(client->wakeup.epoll_fd, EPOLL_CTL_MOD, fd, &event);
    if (result != 0 && errno == ENOENT) {
        result = epoll_ctl(client->wakeup.epoll_fd, EPOLL_CTL_ADD, fd, &event);
    }
    client->is_broken = client->is_broken || result != 0;
    return 0; /* a refusal would make libcurl's handle useless at once */
}

static int note_timeout(CURLM *multi, long timeout_ms, void *data) {
    struct http_client *client = data;
    (void)multi;
    client->curl_due_ns =
        timeout_ms < 0 ? UINT64_MAX : clock_now_ns() + (uint64_t)timeout_ms * NS_PER_MS;
    return 0;
}

/* ---- opening and closing ---- */

static int open_handles(struct http_client *client) {
    client->multi = curl_multi_init();
    client->easy = curl_easy_duphandle(client->model);
    bool is_set = client->multi != NULL && client->easy != NULL &&
                  curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, watch_socket) == 0 &&
                  curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client) == 0 &&
                  curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, note_timeout) == 0 &&
                  curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client) == 0 &&
                  curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, 4L) == 0 &&
                  curl_easy_setopt(client->easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) == 0 &&
                  curl_easy_setopt(client->easy, CURLOPT_OPENSOCKETDATA, client) == 0 &&
                  curl_easy_setopt(client->easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket) == 0 &&
                  curl_easy_setopt(client->easy, CURLOPT_CLOSESOCKETDATA, client) == 0;
    return is_set ? 0 : WEIR_E_NO_MEMORY;
}

static void close_handles(struct http_client *client) {
    curl_easy_cleanup(client->easy);
    (void)curl_multi_cleanup(client->multi);
    client->easy = NULL;
    client->multi = NULL;
}

int http_wire_open(struct http_client *client) {
    if (client->multi != NULL) {
        return 0;
    }
    client->curl_due_ns = client->armed_ns = UINT64_MAX;
    client->is_broken = false;
    for (size_t i = 0; i < HTTP_MAX_SOCKETS; i++) {
        client->sockets[i].fd = -1;
    }
    if (!wakeup_open(&client->wakeup)) {
        return WEIR_E_IO;
    }
    int error = open_handles(client);
    if (error != 0) {
        close_handles(client);
        wakeup_close(&client->wakeup);
    }
    return error;
}

/* ---- leaving it behind ---- */

/* libcurl would close descriptors and send words of parting; so its memory is kept, and found by
 * tools that look for leaks. */
struct left {
    struct left *next;
    CURLM *multi;
    CURL *easy;
};

static _Atomic(struct left *) all_left;

static void leave_handles(struct http_client *client) {
    struct left *left = mem_alloc(sizeof *left);
    if (left != NULL) {
        left->multi = client->multi;
        left->easy = client->easy;
        left->next = all_left;
        while (!atomic_compare_exchange_weak(&all_left, &left->next, left)) {
        }
    }
    client->multi = NULL;
    client->easy = NULL;
}

void http_wire_leave(struct http_client *client) {
    if (client->multi == NULL) {
        return;
    }
    for (size_t i = 0; i < HTTP_MAX_SOCKETS; i++) {
        if (client->sockets[i].fd >= 0) {
            (void)close_socket(client, client->sockets[i].fd);
        }
    }
    wakeup_close(&client->wakeup);
    leave_handles(client);
}

bool http_wire_is_ours(const struct http_client *client) {
    if (!wakeup_is_ours(&client->wakeup)) {
        return false;
    }
    for (size_t i = 0; i < HTTP_MAX_SOCKETS; i++) {
        if (client->sockets[i].fd >= 0 && !is_same(&client->sockets[i])) {
            return false;
        }
    }
    return true;
}

void http_wire_close(struct http_client *client) {
    if (client->multi == NULL) {
        return;
    }
    if (!http_wire_is_ours(client)) {
        http_wire_leave(client);
        return;
    }
    close_handles(client);
    wakeup_close(&client->wakeup);
}

/* ---- turning ---- */

static int select_bits(uint32_t events) {
    return (events & EPOLLIN ? CURL_CSELECT_IN : 0) | (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
           (events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
}

void http_wire_turn(struct http_client *client) {
    struct epoll_event events[8];
    int n_running;
    int n = epoll_wait(client->wakeup.epoll_fd, events, ARRAY_LENGTH(events), 0);
    for (int i = 0; i < n; i++) {
        if (events[i].data.fd != client->wakeup.timer_fd) {
            (void)curl_multi_socket_action(client->multi, events[i].data.fd,
                                           select_bits(events[i].events), &n_running);
        }
    }
    if (client->curl_due_ns <= clock_now_ns()) {
        client->curl_due_ns = UINT64_MAX; /* set again by the call, if there is more to come */
        (void)curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &n_running);
    }
    http_wire_settle(client);
}

/* The order of flag and timer, here and in cancelling, lets no cancel be lost: whoever sets the
 * timer last has seen the flag. */
void http_wire_set_timer(struct http_client *client) {
    uint64_t due_ns =
        client->is_under_way ? MIN(client->curl_due_ns, client->deadline_ns) : UINT64_MAX;
    if (due_ns != client->armed_ns || due_ns <= clock_now_ns()) {
        client->armed_ns = due_ns;
        wakeup_set(&client->wakeup, due_ns);
    }
    if (client->is_under_way && client->is_cancelled) {
        wakeup_set(&client->wakeup, 0);
    }
}

void http_client_cancel(struct http_client *client) {
    client->is_cancelled = true;
    wakeup_set(&client->wakeup, 0);
}
