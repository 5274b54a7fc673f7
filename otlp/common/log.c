#include "otlp/common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "otlp/common/clock.h"
#include "otlp/common/env.h"
#include "otlp/common/fork.h"
#include "otlp/common/uncancelled.h"
#include "otlp/common/utf8.h"

static const uint64_t QUIET_NS = UINT64_C(60000000000);

static const char *const LEVEL_NAMES[] = {"", "none", "error", "warn", "info", "debug"};

weir_log_level log_level_parse(const char *name) {
    for (size_t i = 1; i < ARRAY_LENGTH(LEVEL_NAMES); i++) {
        if (strcasecmp(name, LEVEL_NAMES[i]) == 0) {
            return (weir_log_level)i;
        }
    }
    return WEIR_LOG_DEFAULT;
}

const char *log_level_name(weir_log_level level) {
    return LEVEL_NAMES[level];
}

void logger_init(struct logger *logger, weir_log_fn *fn, void *data, weir_log_level level) {
    *logger = (struct logger){.fn = fn, .data = data, .level = level};
    if (level != WEIR_LOG_DEFAULT) {
        return;
    }
    logger->level = WEIR_LOG_INFO;
    const char *name = env_text("OTEL_LOG_LEVEL");
    if (name == NULL) {
        return;
    }
    weir_log_level named = log_level_parse(name);
    if (named == WEIR_LOG_DEFAULT) {
        logger_say(logger, WEIR_LOG_WARN, LOG_CAUSE_CONFIG,
                   "OTEL_LOG_LEVEL=%.100s is none of none, error, warn, info, debug: using info",
                   name);
        return;
    }
    logger->level = named;
}

/* True once a minute for a cause. */
static bool may_print(struct logger *logger, enum log_cause cause) {
    uint64_t now = clock_now_ns();
    uint64_t next = atomic_load_explicit(&logger->next_ns[cause], memory_order_relaxed);
    return now >= next &&
           atomic_compare_exchange_strong(&logger->next_ns[cause], &next, now + QUIET_NS);
}

static void print(const char *level, const char *message) {
    UNCANCELLED(); /* the caller may hold a lock */
    char line[640];
    int n = snprintf(line, sizeof line, "weir: %s: %s\n", level, message);
    size_t n_bytes = MIN((size_t)MAX(n, 0), sizeof line - 1);
    ssize_t written =
        write(STDERR_FILENO, line, n_bytes); /* one call: lines of threads do not mix */
    (void)written;                           /* nowhere left to say it */
}

void logger_say(struct logger *logger, weir_log_level level, enum log_cause cause,
                const char *format, ...) {
    if (level > logger->level || (logger->fn == NULL && level > WEIR_LOG_WARN)) {
        return;
    }
    int saved = errno;
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    utf8_make_line(message); /* a peer's text must not forge lines */
    if (logger->fn != NULL) {
        fork_go_abroad();
        logger->fn(level, message, logger->data);
        fork_come_back();
    } else if (may_print(logger, cause)) {
        print(LEVEL_NAMES[level], message);
    }
    errno = saved;
}
