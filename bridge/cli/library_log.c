#include "bridge/cli/library_log.h"

#include <stdio.h>
#include <unistd.h>

#include "bridge/cli/report.h"
#include "bridge/cli/terminal.h"
#include "otlp/common/env.h"

void library_log_say(weir_log_level level, const char *message, void *data) {
    const _Atomic bool *has_bar = data;
    if (level > WEIR_LOG_WARN && env_text("OTEL_LOG_LEVEL") == NULL) {
        return; /* the library has looked at the variable: what it hands over is wanted */
    }
    if (has_bar != NULL && *has_bar && terminal_is_interactive(STDERR_FILENO)) {
        fputs("\r\x1b[K", stderr);
    }
    report_note("%s", message);
}
