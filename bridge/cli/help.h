/*
 * Help texts, made of the commands' tables.
 */
#pragma once

#include <stdio.h>

#include "bridge/cli/command.h"

/* The program's own help: what it is, its commands, an example. */
void help_print_program(FILE *out);

/* A command's help: usage, what it does, options, examples. */
void help_print_command(FILE *out, const struct command *command);
