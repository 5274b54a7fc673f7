/*
 * From what the host asked for, and the environment, to a weir that is set up. Opens no pipeline.
 */
#pragma once

#include <weir/weir.h>

#include "bridge/core.h"

/*
 * Fills what weir_open chooses from its options: mode, limits, clock, logger, adapters.
 * WEIR_E_INVALID (detail names the option) or WEIR_E_NO_MEMORY; then core_release frees what there
 * is.
 */
int options_apply(const weir_options *options, struct weir *w, weir_error_detail *detail);

/* The tracker's folder: option, else WEIR_TRACKER_DIR; NULL: no tracker. Borrowed. */
const char *options_tracker_dir(const weir_options *options);
