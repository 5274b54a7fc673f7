/*
 * weir's own messages: to the host's callback, or, rate-limited, to stderr.
 *
 * Never called while a lock is held: the callback is foreign code.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include <weir/host.h>

#include "otlp/common/macro.h"

/* What a message is about. Without a callback each cause prints at most one line a minute. */
enum log_cause {
    LOG_CAUSE_CONFIG,  /* options and environment */
    LOG_CAUSE_EXPORT,  /* the endpoint refuses or does not answer */
    LOG_CAUSE_QUEUE,   /* spans are dropped, or no longer */
    LOG_CAUSE_SPOOL,   /* the disk refuses ended spans, or they are dropped from it */
    LOG_CAUSE_PARTIAL, /* the endpoint rejected some spans, or warns */
    LOG_CAUSE_TRACKER, /* records are lost, or no longer */
    LOG_CAUSE_VALUE,   /* JSON or attributes refused */
    LOG_CAUSE_APP,     /* an app could not be made */
    LOG_CAUSE_ADAPTER, /* an adapter reported a fault */
    LOG_N_CAUSES
};

struct logger {
    weir_log_fn *fn; /* NULL: stderr */
    void *data;
    weir_log_level level;
    _Atomic uint64_t next_ns[LOG_N_CAUSES]; /* stderr only: not before this monotonic time */
};

/* The level of a name, in any case; WEIR_LOG_DEFAULT when it is none of none, error, warn, info,
 * debug. */
weir_log_level log_level_parse(const char *name);
/* "none" to "debug"; "" for WEIR_LOG_DEFAULT. */
const char *log_level_name(weir_log_level level);

/* level WEIR_LOG_DEFAULT: OTEL_LOG_LEVEL (D23), else info. An unknown value there is said once. */
void logger_init(struct logger *logger, weir_log_fn *fn, void *data, weir_log_level level);

/* Says one line. Keeps errno. Any thread. */
void logger_say(struct logger *logger, weir_log_level level, enum log_cause cause,
                const char *format, ...) PRINTF_FORMAT(4, 5);
