/*
 * The limits of a span, from options and environment (D31-D33, E44, E49).
 */
#pragma once

#include "otlp/config.h"

struct span_limits limits_resolve(const weir_otlp_limits *options,
                                  const struct config_reader *reader);
