/*
 * Reading a command line by a command's table of long options.
 *
 * `--name value` and `--name=value` are the same; options and arguments may be mixed; `--` ends
 * the options; the last of a repeated option wins, but of an OPTION_LIST. What is wrong is said on
 * stderr in one line.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "bridge/cli/command.h"

/* What is no option, in order; borrowed from argv. */
struct arguments {
    char **items;
    size_t n_items;
};

/*
 * Fills the command's settings (which hold the defaults) and *arguments (optional for a command
 * that takes none). True: go on. False: help was asked for and printed, or something was wrong and
 * said; the command then returns *exit_code. argv is reordered.
 */
bool options_parse(const struct command *command, int argc, char **argv, void *settings,
                   struct arguments *arguments, int *exit_code);
