/*
 * A transport that does as a script says, one step a post; the last step is repeated. What it saw
 * can be waited for.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/otlp.h>

enum script_wait {
    SCRIPT_AT_ONCE,
    SCRIPT_UNTIL_CANCELLED, /* or the deadline, or script_release: a good transport, a silent peer
                             */
    SCRIPT_DEAF             /* until script_release, come what may */
};

struct script_step {
    enum script_wait wait;
    int error;
    int status;             /* with error 0; 0: 200 */
    int64_t retry_after_ms; /* 0: none */
    const void *body;
    size_t n_bytes;
    const char *detail;
};

enum { SCRIPT_MAX_POSTS = 64 };

struct script {
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t changed;
    const struct script_step *steps;
    size_t n_steps;
    size_t n_posts;                      /* begun */
    size_t n_done;                       /* come back */
    uint64_t begun_ns[SCRIPT_MAX_POSTS]; /* monotonic */
    uint64_t by_ns[SCRIPT_MAX_POSTS];    /* the deadlines given */
    size_t sizes[SCRIPT_MAX_POSTS];      /* of the bodies */
    const uint8_t *bodies[SCRIPT_MAX_POSTS];
    bool is_cancelled, is_released, is_destroyed, has_signals_blocked;
};

/* `steps` must outlive the script. */
void script_init(struct script *script, const struct script_step *steps, size_t n_steps);

weir_transport script_transport(struct script *script);

/* Until so many posts have begun; until destroy was called. */
void script_wait_posts(struct script *script, size_t n);
void script_wait_destroyed(struct script *script);
bool script_is_destroyed(struct script *script);
size_t script_n_posts(struct script *script);

/* Lets waiting posts come back, and later ones not wait. */
void script_release(struct script *script);
