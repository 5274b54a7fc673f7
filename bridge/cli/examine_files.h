/*
 * Testing whether files and directories of the settings can be written, without leaving anything
 * behind.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "bridge/cli/findings.h"

/*
 * A directory that files are made in; one that does not exist yet must be makeable, with
 * `makes_parents` also those above it.
 */
void examine_directory(const char *path, bool makes_parents, const char *step,
                       struct findings *findings);

/* The directory of a spool: whether the library would take it, and as above. */
void examine_spool(const char *path, struct findings *findings);

/* A file that is appended to; "-" is standard output. */
void examine_output(const char *path, size_t pipeline, struct findings *findings);
