#include "tests/support/script.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "otlp/common/clock.h"
#include "otlp/common/macro.h"

void script_init(struct script *script, const struct script_step *steps, size_t n_steps) {
    *script = (struct script){.steps = steps, .n_steps = n_steps};
    pthread_condattr_t monotonic;
    pthread_mutex_init(&script->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&script->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

static bool are_signals_blocked(void) {
    sigset_t blocked;
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    return sigismember(&blocked, SIGINT) && sigismember(&blocked, SIGTERM) &&
           sigismember(&blocked, SIGPIPE) && sigismember(&blocked, SIGALRM) &&
           sigismember(&blocked, SIGXFSZ) && sigismember(&blocked, SIGRTMIN);
}

static void note(struct script *script, const uint8_t *body, size_t n_bytes, uint64_t by_ns) {
    size_t at = MIN(script->n_posts, SCRIPT_MAX_POSTS - 1);
    script->begun_ns[at] = clock_now_ns();
    script->by_ns[at] = by_ns;
    script->sizes[at] = n_bytes;
    script->bodies[at] = body;
    script->has_signals_blocked = are_signals_blocked();
    script->n_posts++;
    pthread_cond_broadcast(&script->changed);
}

/* False when the deadline passed, or it was cancelled. */
static bool wait_as_told(struct script *script, enum script_wait wait, uint64_t by_ns) {
    struct timespec by = clock_timespec(by_ns);
    while (wait != SCRIPT_AT_ONCE && !script->is_released) {
        if (wait == SCRIPT_DEAF || by_ns == UINT64_MAX) {
            pthread_cond_wait(&script->changed, &script->mutex);
        } else if (pthread_cond_timedwait(&script->changed, &script->mutex, &by) == ETIMEDOUT) {
            return false;
        }
        if (wait == SCRIPT_UNTIL_CANCELLED && script->is_cancelled) {
            return false;
        }
    }
    return true;
}

static int post(void *data, const uint8_t *body, size_t n_bytes, uint64_t by_ns,
                weir_transport_response *response, weir_error_detail *detail) {
    struct script *script = data;
    pthread_mutex_lock(&script->mutex);
    const struct script_step *step = &script->steps[MIN(script->n_posts, script->n_steps - 1)];
    note(script, body, n_bytes, by_ns);
    int error = wait_as_told(script, step->wait, by_ns) ? step->error : WEIR_E_TIMEOUT;
    script->n_done++;
    pthread_cond_broadcast(&script->changed);
    pthread_mutex_unlock(&script->mutex);
    if (step->detail != NULL) {
        snprintf(detail->message, sizeof detail->message, "%s", step->detail);
    }
    if (error == 0) {
        *response = (weir_transport_response){
            .http_status = step->status != 0 ? step->status : 200,
            .retry_after_ms = step->retry_after_ms != 0 ? step->retry_after_ms : -1,
            .body = step->body,
            .n_bytes = step->n_bytes,
        };
    }
    return error;
}

static void set(struct script *script, bool *flag) {
    pthread_mutex_lock(&script->mutex);
    *flag = true;
    pthread_cond_broadcast(&script->changed);
    pthread_mutex_unlock(&script->mutex);
}

static void cancel(void *data) {
    struct script *script = data;
    set(script, &script->is_cancelled);
}

static void destroy(void *data) {
    struct script *script = data;
    set(script, &script->is_destroyed);
}

weir_transport script_transport(struct script *script) {
    return (weir_transport){.size = sizeof(weir_transport),
                            .post = post,
                            .cancel = cancel,
                            .destroy = destroy,
                            .data = script};
}

void script_release(struct script *script) {
    set(script, &script->is_released);
}

void script_wait_posts(struct script *script, size_t n) {
    pthread_mutex_lock(&script->mutex);
    while (script->n_posts < n) {
        pthread_cond_wait(&script->changed, &script->mutex);
    }
    pthread_mutex_unlock(&script->mutex);
}

void script_wait_destroyed(struct script *script) {
    pthread_mutex_lock(&script->mutex);
    while (!script->is_destroyed) {
        pthread_cond_wait(&script->changed, &script->mutex);
    }
    pthread_mutex_unlock(&script->mutex);
}

bool script_is_destroyed(struct script *script) {
    pthread_mutex_lock(&script->mutex);
    bool is_destroyed = script->is_destroyed;
    pthread_mutex_unlock(&script->mutex);
    return is_destroyed;
}

size_t script_n_posts(struct script *script) {
    pthread_mutex_lock(&script->mutex);
    size_t n = script->n_posts;
    pthread_mutex_unlock(&script->mutex);
    return n;
}
