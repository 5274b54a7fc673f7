/*
 * From what the host asked for, and the environment, to a weir that is set up. Opens no pipeline.
 */
#pragma once

#include <weir/weir.h>

#include "bridge/core.h"
#include "otlp/config_read.h"

/*
 * Fills what weir_open chooses from its options: mode, limits, clock, logger, adapters. A
 * bad variable is warned of and taken as unset.
 * WEIR_E_INVALID (detail names the option) or WEIR_E_NO_MEMORY; then core_release frees what there
 * is.
 */
int options_apply(const weir_options *options, struct weir *w, weir_error_detail *detail);

/* The tracker's folder: option, else WEIR_TRACKER_DIR; NULL: no tracker. Borrowed. */
const char *options_tracker_dir(const weir_options *options, const struct config_reader *reader);

/* Tells the reader's report what is in force of the options that are not OTLP's. */
void options_explain(const weir_options *options, const struct config_reader *reader);
