/*
 * A logger whose messages a test can look at. They are kept in order, one a line.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "otlp/common/log.h"

struct kept_log {
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t changed;
    unsigned n;
    size_t n_bytes;
    char text[1 << 14];
};
#define KEPT_LOG_INIT                                                                              \
    { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, "" }

static inline void kept_log_fn(weir_log_level level, const char *message, void *data) {
    struct kept_log *log = data;
    (void)level;
    pthread_mutex_lock(&log->mutex);
    int n = snprintf(log->text + log->n_bytes, sizeof log->text - log->n_bytes, "%s\n", message);
    if (n > 0 && (size_t)n < sizeof log->text - log->n_bytes) {
        log->n_bytes += (size_t)n;
    }
    log->n++;
    pthread_cond_broadcast(&log->changed);
    pthread_mutex_unlock(&log->mutex);
}

/* Takes every level but debug. */
static inline void kept_log_logger(struct kept_log *log, struct logger *logger) {
    logger_init(logger, kept_log_fn, log, WEIR_LOG_INFO);
}

static inline bool kept_log_has(struct kept_log *log, const char *part) {
    pthread_mutex_lock(&log->mutex);
    bool has = strstr(log->text, part) != NULL;
    pthread_mutex_unlock(&log->mutex);
    return has;
}

/* Until there are at least n messages. */
static inline void kept_log_wait(struct kept_log *log, unsigned n) {
    pthread_mutex_lock(&log->mutex);
    while (log->n < n) {
        pthread_cond_wait(&log->changed, &log->mutex);
    }
    pthread_mutex_unlock(&log->mutex);
}
