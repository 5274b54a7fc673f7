/*
 * Looking for variables of the environment that are meant for weir and misspelt: a name that nobody
 * reads is no error to anybody.
 */
#pragma once

#include "bridge/cli/findings.h"

/*
 * A note for each OTEL_* and WEIR_* variable that is set and that weir does not read, with the name
 * that it most likely stands for. OpenTelemetry's names for other signals and other languages are
 * passed over. `environment`: "NAME=value" …, NULL-terminated.
 */
void examine_variables(char *const *environment, struct findings *findings);
