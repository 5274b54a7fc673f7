/*
 * The built-in samplers, beyond what <weir/sampler.h> says of them.
 */
#pragma once

#include <stdbool.h>

#include <weir/sampler.h>

/* A decimal number from 0 to 1, whatever the locale. False, *out untouched: it is none. */
bool sampler_parse_ratio(const char *text, double *out);

/* True for weir_sampler_trace_id_ratio itself, which ignores parents. */
bool sampler_is_ratio(const weir_sampler *sampler);

/* True for one that decides as the default does, so that nobody need be asked. */
bool sampler_is_default(const weir_sampler *sampler);
