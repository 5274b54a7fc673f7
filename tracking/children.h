/*
 * children.jsonl: a run says in its parent's folder where it came from.
 */
#pragma once

#include <sys/types.h>

#include <weir/tracking.h>

#include "tracking/folder.h"
#include "tracking/record.h"

/*
 * Appends one line to the parent's children.jsonl; `line[-1]` is a line feed, as for append_line.
 * The parent's folder is made if it is missing, and its log.jsonl before anything else: Burr's
 * server fails on a folder without one. 0 or WEIR_E_….
 */
int children_add(const char *root, const char *project, mode_t mode, const weir_pointer *parent,
                 const char *line, size_t n_bytes, weir_error_detail *detail);
