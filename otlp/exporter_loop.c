#include "otlp/exporter_state.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "otlp/bounds.h"
#include "otlp/common/error.h"
#include "otlp/common/macro.h"
#include "otlp/common/signal_guard.h"

/* ---- the descriptors ---- */

/* False, and errno: none are open. */
static bool open_descriptors(struct exporter_loop *loop) {
    bool is_open = wakeup_open(&loop->wakeup);
    loop->pid = is_open ? getpid() : loop->pid;
    return is_open;
}

int exporter_loop_open(struct exporter_loop *loop, weir_error_detail *detail) {
    loop->is_open = true;
    loop->is_driven = false;
    loop->alarm_ns = UINT64_MAX;
    if (!open_descriptors(loop)) {
        return error_set_os(detail, WEIR_E_IO, errno,
                            "no file descriptors for an exporter without a thread");
    }
    return 0;
}

void exporter_loop_close(struct exporter_loop *loop) {
    if (loop->is_open) {
        wakeup_close(&loop->wakeup);
    }
}

/* Also ends an alarm that has gone off. A time that has passed sets it off at once. */
static void set_timer(struct exporter_loop *loop, uint64_t at_ns) {
    loop->alarm_ns = at_ns;
    wakeup_set(&loop->wakeup, at_ns);
}

void exporter_loop_keep_off_parents(struct exporter_loop *loop) {
    if (loop->pid == getpid()) {
        return;
    }
    if (loop->pid != 0) {
        wakeup_close(&loop->wakeup);
        loop->pid = 0;
        loop->alarm_ns = UINT64_MAX;
    }
    if (open_descriptors(loop)) {
        set_timer(loop, loop->alarm_ns); /* as it stood while there were no descriptors */
    }
}

int exporter_loop_fd(struct exporter_loop *loop) {
    exporter_loop_keep_off_parents(loop);
    return loop->wakeup.epoll_fd;
}

void exporter_loop_alarm(struct exporter_loop *loop, uint64_t at_ns) {
    exporter_loop_keep_off_parents(loop);
    if (at_ns < loop->alarm_ns) {
        set_timer(loop, at_ns);
    }
}

/* A descriptor that was closed has left by itself, and its number may be another one's now. */
void exporter_loop_watch(struct exporter_loop *loop, int *watched_fd, int fd) {
    if (*watched_fd >= 0 && *watched_fd != fd) {
        (void)epoll_ctl(loop->wakeup.epoll_fd, EPOLL_CTL_DEL, *watched_fd, NULL);
    }
    struct epoll_event event = {.events = EPOLLIN};
    *watched_fd = fd >= 0 && (epoll_ctl(loop->wakeup.epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ||
                              errno == EEXIST)
                      ? fd
                      : -1;
}

/* ---- driving ---- */

/* Of what is collected something could be sent at once. */
static bool is_any_idle(struct exporter *exporter) {
    bool is_any = false;
    FOR_EACH_PIPELINE(pipeline, exporter) {
        is_any |= pipeline->state == PIPELINE_IDLE;
    }
    return is_any;
}

/* Each pipeline one step; when the next one is due. */
static uint64_t step_all(struct exporter *exporter, uint64_t now_ns) {
    uint64_t due_ns = UINT64_MAX;
    if (now_ns >= exporter->collect_at_ns && is_any_idle(exporter)) {
        exporter_collect(exporter);
    }
    FOR_EACH_PIPELINE(pipeline, exporter) {
        due_ns = MIN(due_ns, pipeline_step(pipeline, now_ns));
    }
    return is_any_idle(exporter) ? MIN(due_ns, exporter->collect_at_ns) : due_ns;
}

/*
 * Memory that is of no use goes when a tick has found nothing to do: after a busy one more may
 * come, and would only get it anew. So that one has the host look once more. When that is due, or
 * what other threads bring meanwhile.
 */
static uint64_t rest(struct exporter *exporter, bool has_worked, uint64_t now_ns, uint64_t due_ns) {
    if (!has_worked) {
        (void)exporter_gives_back_memory(exporter);
    } else if (segment_pool_has_surplus(exporter->pool)) {
        due_ns = MIN(due_ns, now_ns + EXPORTER_DOZE_US * NS_PER_US);
    }
    return MIN(due_ns, exporter->loop.alarm_ns);
}

/* All that can be done now, within a bound; the timer then stands for what comes next. */
static uint64_t drive(struct exporter *exporter) {
    struct exporter_loop *loop = &exporter->loop;
    uint64_t now_ns, due_ns;
    unsigned n_rounds = 0;
    do {
        loop->alarm_ns = UINT64_MAX; /* it will show what other threads bring meanwhile */
        now_ns = clock_now_ns();
        due_ns = step_all(exporter, now_ns);
        due_ns = MIN(due_ns, loop->alarm_ns);
    } while (due_ns <= now_ns && !exporter->is_ending && ++n_rounds < EXPORTER_TICK_ROUNDS);
    if (due_ns > now_ns && !exporter->is_ending) {
        due_ns = rest(exporter, n_rounds > 0, now_ns, due_ns);
    }
    set_timer(loop, due_ns);
    return due_ns;
}

static bool begin_driving(struct exporter *exporter) {
    if (exporter->loop.is_driven || exporter->is_ending || exporter->pid != getpid()) {
        return false;
    }
    exporter->loop.is_driven = true;
    exporter->loop.driver = pthread_self();
    return true;
}

static void end_driving(struct exporter *exporter) {
    exporter->loop.is_driven = false;
    pthread_cond_broadcast(&exporter->progress);
}

static int64_t ms_until(uint64_t at_ns) {
    return at_ns == UINT64_MAX ? -1 : (int64_t)clock_ms_until(at_ns);
}

int64_t exporter_tick(struct exporter *exporter) {
    uint64_t due_ns = UINT64_MAX;
    pthread_mutex_lock(&exporter->mutex);
    if (exporter->loop.is_open && begin_driving(exporter)) {
        struct signal_guard guard;
        signal_guard_begin(&guard); /* requests are written on this thread, which is the host's */
        due_ns = drive(exporter);
        signal_guard_end(&guard);
        end_driving(exporter);
    }
    pthread_mutex_unlock(&exporter->mutex);
    return ms_until(due_ns);
}

int exporter_poll_fd(struct exporter *exporter) {
    pthread_mutex_lock(&exporter->mutex);
    int fd = exporter->loop.is_open ? exporter_loop_fd(&exporter->loop) : -1;
    pthread_mutex_unlock(&exporter->mutex);
    return fd;
}

static uint64_t n_concluded(struct exporter *exporter) {
    uint64_t n = 0;
    FOR_EACH_PIPELINE(pipeline, exporter) {
        n += pipeline->n_concluded;
    }
    return n;
}

bool exporter_loop_wait(struct exporter *exporter, uint64_t until_ns) {
    struct exporter_loop *loop = &exporter->loop;
    if (exporter_loop_is_driven_here(loop)) {
        return false; /* a flush by the log callback */
    }
    if (!begin_driving(exporter)) {
        return exporter_wait(exporter, &exporter->progress, until_ns);
    }
    uint64_t n_before = n_concluded(exporter);
    struct signal_guard guard;
    signal_guard_begin(&guard);
    uint64_t due_ns = drive(exporter);
    signal_guard_end(&guard);
    end_driving(exporter);
    uint64_t now_ns = clock_now_ns();
    if (n_concluded(exporter) == n_before && due_ns > now_ns && now_ns < until_ns) {
        struct pollfd fd = {.fd = exporter_loop_fd(loop), .events = POLLIN};
        int64_t ms = ms_until(MIN(until_ns, due_ns));
        pthread_mutex_unlock(&exporter->mutex);
        (void)poll(&fd, 1, (int)(ms < 0 ? -1 : MIN(ms, 60000)));
        pthread_mutex_lock(&exporter->mutex);
    }
    return clock_now_ns() < until_ns;
}
