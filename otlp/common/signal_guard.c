#include "otlp/common/signal_guard.h"

#include <errno.h>
#include <stddef.h>
#include <time.h>

void signal_guard_begin(struct signal_guard *guard) {
    sigset_t both, pending;
    sigemptyset(&both);
    sigaddset(&both, SIGPIPE);
    sigaddset(&both, SIGXFSZ);
    (void)pthread_sigmask(SIG_BLOCK, &both, &guard->before);
    guard->ours = both;
    if (sigpending(&pending) == 0) {
        if (sigismember(&pending, SIGPIPE) == 1) {
            sigdelset(&guard->ours, SIGPIPE);
        }
        if (sigismember(&pending, SIGXFSZ) == 1) {
            sigdelset(&guard->ours, SIGXFSZ);
        }
    }
}

void signal_guard_end(struct signal_guard *guard) {
    int saved = errno;
    const struct timespec now = {0};
    while (sigtimedwait(&guard->ours, NULL, &now) > 0) {
    }
    (void)pthread_sigmask(SIG_SETMASK, &guard->before, NULL);
    errno = saved;
}
