/*
 * Whether spans are spooled, where and how much, from options and environment.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/otlp.h>

#include "otlp/config_read.h"

struct spool_config {
    const char *dir; /* borrowed from the options or the environment; NULL: no spool */
    bool is_by_code;
    size_t max_bytes;
    uint64_t max_age_ns;
};

/* 0, or WEIR_E_INVALID with the option named in detail; *out is untouched then. */
int spool_config_resolve(const weir_otlp_options *options, const struct config_reader *reader,
                         struct spool_config *out, weir_error_detail *detail);
