/*
 * What the library says while a command runs: on stderr, each message as it comes, as the
 * command's own.
 */
#pragma once

#include <stdbool.h>

#include <weir/host.h>

/*
 * For .log of the options; .log_data is a const _Atomic bool *: true while a progress bar may stand
 * on the terminal's line (NULL: there is none); it lives as long as the process, as a thread that
 * is left behind may still speak. Warnings and errors, or what OTEL_LOG_LEVEL asks for.
 */
void library_log_say(weir_log_level level, const char *message, void *data);
