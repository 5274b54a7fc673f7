/*
 * Environment variables by OpenTelemetry's parse rules (conformance D2-D9). An empty value is
 * unset. What a variable means, and what beats it, is otlp/config_read.h.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "otlp/common/log.h"

/* The value, or NULL when unset or empty (D2). Borrowed from the environment. */
const char *env_text(const char *name);

/*
 * A decimal number from `least` to `most`; false when unset, or, with a warning, when it does not
 * parse or is out of range (D4, D5): *out is untouched then.
 */
bool env_number(const char *name, uint64_t least, uint64_t most, uint64_t *out,
                struct logger *logger);

/* True only for "true" in any case; another value than true or false is warned of (D3). */
bool env_flag(const char *name, struct logger *logger);

/*
 * The place of the value among the names, compared in any case; NULL names match nothing. False
 * when unset, or, with a warning that shows the value and the names, when it is none of them (D8).
 */
bool env_enum(const char *name, const char *const *names, unsigned n_names, unsigned *out,
              struct logger *logger);

/*
 * The same for a list, "a,b": a bit for each place. Words that are none of the names are warned of
 * and left out; false when no good one is left: then the warning names what *out says instead, if
 * that is one. At most 32 names.
 */
bool env_set(const char *name, const char *const *names, unsigned n_names, uint32_t *out,
             struct logger *logger);
