/*
 * Environment variables by OpenTelemetry's parse rules (conformance D2-D8). An empty value is
 * unset.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "otlp/common/log.h"

/* The value, or NULL when unset or empty. Borrowed from the environment. */
const char *env_text(const char *name);

/*
 * A decimal number of at least `least`; false when unset, or, with a warning, when it does not
 * parse or is smaller.
 */
bool env_number(const char *name, uint64_t least, uint64_t *out, struct logger *logger);

/* True only for "true" in any case; another value than true or false is warned of (D3). */
bool env_flag(const char *name, struct logger *logger);
