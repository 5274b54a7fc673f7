/*
 * What the host may replace: the clock, and where weir's own messages go.
 *
 * Both structs are copied by the call that takes them; what `data` points to must outlive the
 * object that was opened with it. The functions are called from any thread, with no lock held,
 * and must not call weir.
 */
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where time comes from. Neither function can fail. */
typedef struct weir_clock {
    uint64_t (*unix_ns)(void *data);      /* wall time, ns since the Unix epoch (UTC) */
    uint64_t (*monotonic_ns)(void *data); /* never goes back; only differences count */
    void *data;
} weir_clock;

/* How much weir says of itself. */
typedef enum weir_log_level {
    WEIR_LOG_DEFAULT = 0, /* OTEL_LOG_LEVEL, else info */
    WEIR_LOG_NONE,
    WEIR_LOG_ERROR,
    WEIR_LOG_WARN,
    WEIR_LOG_INFO,
    WEIR_LOG_DEBUG
} weir_log_level;

/*
 * Receives one message, on the thread that noticed. `message` is one line of UTF-8 without a line
 * feed, borrowed for the call.
 */
typedef void weir_log_fn(weir_log_level level, const char *message, void *data);

#ifdef __cplusplus
}
#endif
